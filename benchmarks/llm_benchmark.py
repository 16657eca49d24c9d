"""Fine-tuning a tiny model: what our trainer costs over TRL's, and our own loop over both, in time per step.

    python benchmarks/llm.py --out results/benchmarks

All contestants fine-tune one pretrained model on batches of one size, in turn, in one process on one thread; the
trainers draw the same completions. Learning rates are almost zero, so that completions stay as long as they are.
Exit code 1: a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

if TYPE_CHECKING:
    from llm_steps import Steps
    from measuring import Bar

OVERHEAD, TINY_SHARE = 0.01, 0.5
RESAMPLES = 2000


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for llm.json; default: only printed")
    parser.add_argument("--rounds", type=int, default=12, help="times that each contestant is measured")
    parser.add_argument("--steps", type=int, default=10, help="steps of each time")
    parser.add_argument("--groups", type=int, default=32, help="questions per step")
    parser.add_argument("--group-size", type=int, default=16, help="completions of each, more than K = 4")
    parser.add_argument("--seed", type=int, default=0, help="root of the random streams")
    parser.add_argument("--pretraining-steps", type=int, help="of the base model; default: its own")
    parser.add_argument("--cache", type=Path, help="folder of base models; default: maxpo-bench's own")
    options = parser.parse_args(arguments)
    if min(options.rounds, options.steps) < 2 or options.groups < 1:
        parser.error("--rounds and --steps must be at least 2, --groups at least 1")
    if options.group_size < 5:
        parser.error("--group-size must be at least 5: K is 4, and the baseline leaves out one more")
    return options


def measure(options: argparse.Namespace) -> dict[str, Steps]:
    """Pretrain the base model, unless it is in the cache, and time everybody."""
    from llm_steps import Measurement

    from maxpo_bench.llm.tiny import PretrainingSettings, base_model

    changes = {} if options.pretraining_steps is None else {"steps": options.pretraining_steps}
    base = base_model("countdown", seed=0, cache=options.cache, settings=PretrainingSettings(**changes))
    with tempfile.TemporaryDirectory() as folder:
        measurement = Measurement(base, options.groups, options.group_size, options.seed, Path(folder))
        return measurement.run(options.rounds, options.steps)


def build_report(found: Mapping[str, Steps], options: argparse.Namespace) -> tuple[dict[str, Any], list[Bar]]:
    """Return medians of each contestant and ratios with intervals; and the bars."""
    from llm_steps import LOGGED, OURS, PLAIN, SHAPED, TINY, WORDS, ratios, share_of_hook

    pairs = {"ours over TRL": (OURS, PLAIN), "with statistics": (LOGGED, PLAIN), "Entropy-Adv": (SHAPED, PLAIN)}
    pairs |= {"tiny default over TRL": (TINY, PLAIN)}
    compared = {what: interval(ratios(found[one], found[other]), options.seed) for what, (one, other) in pairs.items()}
    hook = {name: interval(share_of_hook(found[name]), options.seed) for name in (OURS, SHAPED, LOGGED)}
    bars = all_bars(compared, hook, options)
    report = {
        "contestants": [row(name, found[name], WORDS[name]) for name in WORDS],
        "ratios of seconds per step": compared,
        "share of the step in our methods": hook,
        "bars": [bar.to_dict() for bar in bars],
        "setting": {name: value for name, value in vars(options).items() if name not in ("out", "cache")},
    }
    return report, bars


def row(name: str, steps: Steps, words: str) -> dict[str, Any]:
    """Return one contestant's seconds per step."""
    from measuring import Timing

    times = Timing(tuple(value for part in steps.rounds for value in part)).to_dict()
    times.pop("cold_median_s")
    length = sum(steps.lengths) / len(steps.lengths)
    return {"name": name, "meaning": words, "tokens_per_completion": length, **times}


def interval(values: Sequence[float], seed: int) -> dict[str, float]:
    """Return the median over rounds with a percentile bootstrap interval (95 %) over rounds."""
    import numpy as np

    from maxpo_bench.seeding import derive_seed

    rng = np.random.default_rng(derive_seed(seed, "intervals"))
    resampled = np.median(rng.choice(np.asarray(values), (RESAMPLES, len(values))), axis=1)
    low, high = np.percentile(resampled, (2.5, 97.5))
    return {"low": float(low), "median": float(np.median(values)), "high": float(high)}


def all_bars(
    compared: Mapping[str, Mapping[str, float]], hook: Mapping[str, Mapping[str, float]], options: argparse.Namespace
) -> list[Bar]:
    """Return the bars with what was found."""
    from llm_steps import OURS
    from measuring import Bar

    size = f"{options.groups}x{options.group_size}"
    ours, tiny, share = compared["ours over TRL"], compared["tiny default over TRL"], hook[OURS]
    return [
        Bar(f"ours over TRL, seconds per step, {size}", 1 + OVERHEAD, ours["median"], note=spread(ours)),
        Bar(f"share of the step in our methods, {size}", OVERHEAD, share["median"], note=spread(share)),
        Bar(f"tiny default over TRL, seconds per step, {size}", TINY_SHARE, tiny["median"], note=spread(tiny)),
    ]


def spread(found: Mapping[str, float]) -> str:
    """Return an interval in words."""
    return f"95 % interval over rounds: {found['low']:.4g} to {found['high']:.4g}"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    import torch
    from measuring import machine, show_bars, version_of, write_json
    from rich.console import Console

    torch.set_num_threads(1)
    described = machine()
    described["versions"] |= {name: version_of(name) for name in ("transformers", "accelerate")}
    found = measure(options)
    report, bars = build_report(found, options)
    console = Console(width=None if sys.stdout.isatty() else 120)
    show_bars(bars, console)
    for entry in report["contestants"]:
        console.print(f"{entry['name']}: {1e3 * entry['median_s']:.1f} ms a step")
    for what, ratio in report["ratios of seconds per step"].items():
        console.print(f"{what}: {ratio['median']:.4f}, {spread(ratio)}")
    if options.out is not None:
        write_json(options.out / "llm.json", {"machine": described, **report})
    return 1 if any(bar.is_met is False for bar in bars) else 0
