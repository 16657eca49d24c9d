"""Speed, results and figures on a CUDA device, in one command.

    python benchmarks/gpu/run.py --out results/gpu

times the Triton kernel and the public op against a copy, torch.sort and the torch path (eager, in CUDA graphs, under
torch.compile), verl and TRL where they are installed; compares results with the CPU's; runs the figure commands on the
device; and writes gpu.json and a figure. Exit code 1: a bar is missed; 2: there is no CUDA device.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIZES = ((1024, 8), (1024, 16), (256, 64), (64, 256), (16, 1024), (1, 16384), (2**20, 16))
FIGURES = ("fig1", "fig4", "fig5")
LARGEST_PEER_BATCH = 2**16


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for the JSON file and the figures; default: only printed")
    parser.add_argument("--sizes", type=size_of, nargs="+", default=list(SIZES), metavar="GxN", help="e.g. 1024x16")
    parser.add_argument("--rounds", type=int, default=30, help="bursts of each contestant at each size")
    parser.add_argument("--burst", type=float, default=2e-3, help="seconds of a burst")
    parser.add_argument("--seed", type=int, default=0, help="of the rewards")
    parser.add_argument(
        "--figures", choices=("paper", "quick", "none"), default="paper", help="size of the figure commands' run"
    )
    parser.add_argument(
        "--language-model", choices=("0.1B", "0.5B", "none"), default="0.1B", help="parameters of the language model"
    )
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.burst <= 0:
        parser.error("--rounds must be at least 1 and --burst positive")
    if any(n < 8 for _, n in options.sizes):
        parser.error("groups must have at least 8 samples: K is 4 and n/2, and the baseline leaves out one more")
    if options.figures != "none" and options.out is None:
        parser.error("the figure commands need --out, or --figures none")
    return options


def size_of(text: str) -> tuple[int, int]:
    """Read "1024x16" or "2^20x16" as (groups, n)."""
    groups, cross, n = text.partition("x")
    base, power, exponent = groups.partition("^")
    numbers = (base, exponent, n) if power else (base, n)
    if not (cross and all(number.isdigit() for number in numbers)):
        raise argparse.ArgumentTypeError(f"{text!r} is not GROUPSxN, for example 1024x16 or 2^20x16")
    count = int(base) ** int(exponent) if power else int(base)
    if not 0 < count <= 2**26:
        raise argparse.ArgumentTypeError(f"{text!r}: the number of groups must be in 1..2^26")
    return count, int(n)


def why_not() -> str | None:
    """Say why nothing can be measured here, or None."""
    try:
        import torch
    except ModuleNotFoundError:
        return "torch is not installed"
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} sees no CUDA device"
    return None


def measure_size(
    groups: int, n: int, options: argparse.Namespace, device: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Time everybody at one size, for K = 4 and n/2, and return rows and what could not be measured."""
    import torch
    from gpu_calls import eager_calls, other_modes, peer_calls
    from gpu_clock import interleaved_bursts
    from gpu_report import timing_rows

    from maxpo_bench.seeding import derive_seed

    generator = torch.Generator().manual_seed(derive_seed(options.seed, "gpu benchmark", groups, n))
    rewards = torch.randn(groups, n, generator=generator).to(device)
    rows, left_out = [], {}
    for k in sorted({4, n // 2}):
        calls = eager_calls(rewards, k)
        ready, refused = other_modes(calls)
        peers, absent = peer_calls(rewards) if k == 4 and groups * n <= LARGEST_PEER_BATCH else ({}, {})
        timings = interleaved_bursts(calls | ready | peers, rounds=options.rounds, burst=options.burst)
        rows += timing_rows(groups, n, k, timings)
        left_out |= absent | {f"{name}, {groups}x{n}, K={k}": why for name, why in refused.items()}
    return rows, left_out


def draw_figures(size: str, folder: Path) -> Any:
    """Run the figure commands on the device, and return how it went."""
    from gpu_report import Command

    arguments = ["reproduce", *FIGURES, "--device", "cuda", "--size", size, "--quiet", "--out", str(folder)]
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "maxpo_bench.cli", *arguments], capture_output=True, text=True)
    tail = "\n".join(done.stderr.splitlines()[-20:]) if done.returncode else ""
    line = " ".join(["maxpo-bench", *arguments[:-1], folder.name])
    return Command(line, done.returncode, time.perf_counter() - started, tail)


def fine_tune(size: str) -> tuple[list[dict[str, Any]], list[Any], dict[str, str]]:
    """Time TRL's trainer and ours on a language model, and return rows, bars and why there are none."""
    import gpu_llm

    if size == "none":
        return [], [], {"language model": "not asked for"}
    reason = gpu_llm.why_not()
    if reason:
        return [], [], {"language model": reason}
    return *gpu_llm.measure(size, "cuda"), {}


def describe() -> dict[str, Any]:
    """Describe the device beside the host."""
    import torch
    from measuring import machine

    properties = torch.cuda.get_device_properties(0)
    return {
        **machine(),
        "device": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "cuda": torch.version.cuda,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    reason = why_not()
    if reason:
        print(f"nothing was measured: {reason}; run this where `nvidia-smi` lists a GPU", file=sys.stderr)
        return 2
    from gpu_agreement import binaries_built, compare, graphs_compiled
    from gpu_calls import MEANINGS
    from gpu_figure import time_figure
    from gpu_report import build_report, other_bars, speed_bars
    from measuring import show_bars, write_json
    from rich.console import Console

    from maxpo_bench.plots.style import save

    described = describe()
    agreement = compare("cuda", options.seed)
    built, graphs = binaries_built("cuda"), graphs_compiled("cuda")
    rows, left_out = [], {}
    for groups, n in options.sizes:
        timed, refused = measure_size(groups, n, options, "cuda")
        rows += timed
        left_out |= refused
    command = None if options.figures == "none" else draw_figures(options.figures, options.out / "figures")
    language, language_bars, absent = fine_tune(options.language_model)
    left_out |= absent
    bars = speed_bars(rows) + other_bars(agreement, built, graphs, command) + language_bars
    show_bars(bars, Console(width=None if sys.stdout.isatty() else 120))
    setting = {
        "meanings": MEANINGS,
        "burst_s": options.burst,
        "dtype": "float32",
        "rounds": options.rounds,
        "seed": options.seed,
    }
    if options.out is not None:
        report = build_report(rows, agreement, bars, command, described=described, left_out=left_out, setting=setting)
        write_json(options.out / "gpu.json", {**report, "language model": language})
        save(time_figure(rows, described, options.seed), options.out, "gpu", ("png", "svg"))
    return 1 if any(bar.is_met is False for bar in bars) else 0


# the other benchmarks' modules are shared
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
    sys.exit(main())
