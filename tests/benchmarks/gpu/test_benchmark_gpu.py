"""The GPU's script without a GPU: arguments, bars, report and figure from made-up times, and how results are judged."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import gpu_agreement
import gpu_calls
import numpy as np
import pytest
import run as gpu_run
import torch
from gpu_clock import interleaved_bursts
from gpu_figure import STYLES, size_label, time_figure
from gpu_report import COPY, GRAPH, KERNEL, OP, SORT, TORCH_PATH, Command, other_bars, speed_bars, timing_rows
from measuring import Bar, Timing

from maxpo_bench.estimators import ei_l2o, torch_kernel

DESCRIBED = {"device": "Made-up GPU", "versions": {"torch": "2.99", "triton": "3.99"}}
MICROSECONDS = {COPY: 5, SORT: 40, TORCH_PATH: 250, OP: 60, KERNEL: 20}
MICROSECONDS |= {COPY + GRAPH: 2, SORT + GRAPH: 30, KERNEL + GRAPH: 3.5, "verl grpo": 90_000}


def made_up_rows(slower: float = 1.0) -> list[dict]:
    rows = []
    for groups, n in gpu_run.SIZES:
        for k in sorted({4, n // 2}):
            growth = 1 + groups * n / 2**18
            names = {name: us for name, us in MICROSECONDS.items() if n <= 1024 or KERNEL not in name}
            if (groups, n) == (2**20, 16):
                names |= {KERNEL: 9.0, KERNEL + GRAPH: 3.6}
            seconds = {name: 1e-6 * growth * us * (slower if KERNEL in name else 1) for name, us in names.items()}
            rows += timing_rows(groups, n, k, {name: Timing((s, 1.1 * s, 0.9 * s)) for name, s in seconds.items()})
    return rows


def made_up_agreement(error: float = 1e-8, ties: int = 0) -> list[dict]:
    place = {"family": "tied", "n": 16, "k": 4}
    return [{"what": what, **place, "error": error, "unequal_ties": ties} for what in ("kernel", "op")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--figures", "none", "--sizes", "1024"], "is not GROUPSxN"),
        (["--figures", "none", "--sizes", "2^x8"], "is not GROUPSxN"),
        (["--figures", "none", "--sizes", "2^40x8"], "must be in 1..2^26"),
        (["--figures", "none", "--sizes", "4x4"], "at least 8 samples"),
        (["--figures", "none", "--rounds", "0"], "at least 1"),
        (["--figures", "none", "--burst", "0"], "positive"),
        ([], "need --out"),
    ],
)
def test_wrong_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit):
        gpu_run.parse(arguments)
    assert message in capsys.readouterr().err


def test_sizes():
    options = gpu_run.parse(["--out", "x", "--sizes", "2^20x16", "1x16384"])
    assert options.sizes == [(2**20, 16), (1, 16384)]
    assert gpu_run.parse(["--out", "x"]).sizes == list(gpu_run.SIZES)


def test_help_needs_no_torch():
    folder = str(Path(gpu_run.__file__).parent)
    code = f"import sys; sys.path.insert(0, {folder!r}); sys.argv = ['run.py', '--help']; import run\n"
    code += "try: run.main()\nexcept SystemExit as end: print(end.code, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--figures" in done.stdout
    assert done.stdout.endswith("0 False\n")


def test_without_a_device_it_says_so_and_exits_with_two(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_run.main(["--figures", "none"]) == 2
    assert "sees no CUDA device" in capsys.readouterr().err


def test_bars_are_met_by_fast_times_and_missed_by_slow_ones():
    fast = speed_bars(made_up_rows()) + other_bars(made_up_agreement(), 1, 2, Command("maxpo-bench", 0, 60.0))
    assert len(fast) == 8 + 4 + 3
    assert all(bar.is_met for bar in fast)
    copy = next(bar for bar in fast if bar.what == "kernel over copy, 2^20 x 16, K=8, CUDA graph")
    assert copy.found == pytest.approx(1.8)
    eager = next(bar for bar in fast if bar.what == "eager torch path over kernel, 1024 x 16, K=4")
    assert eager.found == pytest.approx(12.5)
    slow = speed_bars(made_up_rows(20.0)) + other_bars(made_up_agreement(3e-7, 2), 7, 9, Command("x", 1, 1.0, "why"))
    assert not any(bar.is_met for bar in slow)


def test_bars_without_figures_are_neither_met_nor_missed():
    bars = speed_bars([]) + other_bars([], None, None, None)
    assert len(bars) == 15
    assert {bar.is_met for bar in bars} == {None}


def test_bursts_are_interleaved_and_sized_by_their_calls():
    order: list[tuple[str, int]] = []

    def stopwatch(call, count):
        order.append((call(), count))
        return {"slow": 1.0, "fast": 1e-3, "instant": 0.0}[order[-1][0]]

    calls = {name: lambda name=name: name for name in ("slow", "fast", "instant")}
    timings = interleaved_bursts(calls, rounds=3, burst=0.0105, stopwatch=stopwatch)
    assert [timing.seconds for timing in timings.values()] == [(1.0,) * 3, (1e-3,) * 3, (0.0,) * 3]
    assert order[6:9] == [("slow", 1), ("fast", 10), ("instant", 1000)]
    assert [name for name, _ in order[9:]] == ["fast", "instant", "slow", "instant", "slow", "fast"]


def test_calls_that_run_anywhere():
    rewards = torch.randn(4, 2000, generator=torch.Generator().manual_seed(0))
    calls = gpu_calls.eager_calls(rewards, 4)
    assert set(calls) == {COPY, SORT, TORCH_PATH, OP}  # the kernel takes no groups of 2000
    assert torch.equal(calls[COPY](), rewards)
    torch.testing.assert_close(calls[TORCH_PATH](), ei_l2o(rewards, 4))

    def stopwatch(call, count):
        started = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - started) / count

    timings = interleaved_bursts(calls, rounds=2, burst=1e-3, stopwatch=stopwatch)
    rows = timing_rows(4, 2000, 4, timings)
    assert {row["name"] for row in rows} == set(calls)
    assert all(row["over_copy"] > 0 and row["over_sort"] > 0 and row["over_torch_path"] > 0 for row in rows)


def test_what_does_not_work_is_named_with_the_reason():
    def fails():
        raise RuntimeError("operation not permitted\nwhile capturing")

    ready, refused = gpu_calls.attempt({"works": lambda: lambda: 1, "fails": lambda: fails, "worse": fails})
    assert list(ready) == ["works"]
    assert refused == dict.fromkeys(("fails", "worse"), "RuntimeError: operation not permitted")


def reference(rewards, weights, *, centred):
    return torch_kernel.gap_sums(
        rewards, torch_kernel.torch_weights(weights.tolist(), centred=centred, device=weights.device)
    )


def test_agreement_judges_results(monkeypatch):
    monkeypatch.setattr(gpu_agreement, "gap_sums", reference)
    rows = gpu_agreement.compare("cpu", 0, sizes=(2, 16, 33), groups=5)
    assert {row["family"] for row in rows} == set(gpu_agreement.FAMILIES)
    assert {(row["n"], row["k"]) for row in rows} == {(2, 1), (16, 4), (16, 8), (33, 4), (33, 16)}
    assert max(row["error"] for row in rows) <= 2.5e-7
    assert sum(row["unequal_ties"] for row in rows) == 0
    monkeypatch.setattr(gpu_agreement, "gap_sums", lambda *given, centred: reference(*given, centred=centred) * 1.001)
    kernel = [row["error"] for row in gpu_agreement.compare("cpu", 0, sizes=(16,), groups=5) if row["what"] == "kernel"]
    assert min(kernel) > 9e-4
    rewards = torch.tensor([[1.0, 0.0, 1.0]])
    wrong = gpu_agreement.judge(rewards, torch.tensor([[1.0, -2.0, 1.5]]), torch.tensor([[1.0, -2.0, 1.0]]))
    assert wrong == {"error": 0.25, "unequal_ties": 1}
    lost = gpu_agreement.judge(rewards, torch.tensor([[1.0, -2.0, torch.nan]]), torch.tensor([[1.0, -2.0, 1.0]]))
    assert lost["error"] > 1e6


def test_figure_has_a_line_for_each_name_in_its_panel():
    figure = time_figure(made_up_rows(), DESCRIBED, 3)
    eager, graphs = figure.axes
    assert {line.get_label() for line in eager.lines} == {COPY, SORT, TORCH_PATH, OP, KERNEL, "verl grpo"}
    assert {line.get_label() for line in graphs.lines} == {COPY, SORT, KERNEL}
    kernel = next(line for line in eager.lines if line.get_label() == KERNEL)
    assert np.isnan(kernel.get_ydata()).tolist() == [n > 1024 for _, n in gpu_run.SIZES]
    caption = " ".join(figure.get_supxlabel().split())
    assert "Made-up GPU" in caption
    assert "seed 3" in caption
    assert [size_label(2**20, 16), size_label(1024, 8)] == ["$2^{20}$×16", "1024×8"]
    assert {KERNEL, OP, TORCH_PATH, SORT, COPY} <= set(STYLES)


@pytest.mark.parametrize(("slower", "code"), [(1.0, 0), (20.0, 1)])
def test_main_writes_report_and_figure(monkeypatch, tmp_path, capsys, slower, code):
    rows = made_up_rows(slower)
    monkeypatch.setattr(gpu_run, "why_not", lambda: None)
    monkeypatch.setattr(gpu_run, "describe", lambda: DESCRIBED)
    monkeypatch.setattr(gpu_agreement, "compare", lambda device, seed: made_up_agreement())
    monkeypatch.setattr(gpu_agreement, "binaries_built", lambda device: 1)
    monkeypatch.setattr(gpu_agreement, "graphs_compiled", lambda device: 2)

    def measured(groups, n, options, device):
        assert device == "cuda"
        return [row for row in rows if (row["groups"], row["n"]) == (groups, n)], {f"x, {groups}x{n}": "why"}

    monkeypatch.setattr(gpu_run, "measure_size", measured)
    monkeypatch.setattr(gpu_run, "draw_figures", lambda size, folder: Command(f"{size} {folder.name}", 0, 1.0))
    speed = {"name": "ours", "tokens_per_second": 1.0}
    monkeypatch.setattr(gpu_run, "fine_tune", lambda size: ([speed], [Bar("ours over TRL", 1.01, 1.0)], {}))
    assert gpu_run.main(["--out", str(tmp_path)]) == code
    assert ("MISSED" in capsys.readouterr().out) == bool(code)
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert report["machine"]["device"] == "Made-up GPU"
    assert len(report["times"]) == len(rows)
    assert len(report["not measured"]) == len(gpu_run.SIZES)
    assert report["language model"] == [speed]
    assert report["bars"][-1]["what"] == "ours over TRL"
    assert report["figure command"]["line"] == "paper figures"
    assert {bar["is_met"] for bar in report["bars"]} == ({True} if code == 0 else {True, False})
    assert (tmp_path / "gpu.png").stat().st_size > 10_000
    assert (tmp_path / "gpu.svg").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_figure_command_is_one_that_the_program_knows(tmp_path):
    command = gpu_run.draw_figures("quick", tmp_path / "figures")
    assert command.line == "maxpo-bench reproduce fig1 fig4 fig5 --device cuda --size quick --quiet --out figures"
    assert command.code != 0
    assert "sees no CUDA device" in command.tail
