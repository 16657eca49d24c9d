"""The coverage script on a tiny suite: its truth, its count, and going on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import interval_coverage
import numpy as np
import pytest
from interval_coverage import CONSTANTS, REFERENCE, coverage, expected, file_of, load_repeat, measure_repeat, run_repeat
from scipy.stats import binom

from maxpo_bench.estimators import get_estimator
from maxpo_bench.leaderboard.noise import measure
from maxpo_bench.leaderboard.submission import built_in
from maxpo_bench.leaderboard.suite import SUITES, Suite
from maxpo_bench.moments import enumerate_moments

REPEATS = 40
TINY = replace(SUITES.get("quick"), pairs=((5, 2),), num_arms=6, num_groups=1600)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.setattr(interval_coverage, "SUITES", {"tiny": TINY})
    return TINY


@pytest.mark.parametrize(("arguments", "message"), [(["--repeats", "1"], "at least 2"), (["--suites", "x"], "unknown")])
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((SystemExit, ValueError)) as caught:
        interval_coverage.parse(arguments)
    assert message in capsys.readouterr().err + str(caught.value)


def test_the_truth_is_that_of_enumeration() -> None:
    exact = interval_coverage.truths(TINY)
    for at, instance in enumerate(TINY.instances()):
        for name in CONSTANTS:
            moments = enumerate_moments(get_estimator(name, instance.k), *instance.bandit(), instance.n)
            assert exact[name].nsr[at] == pytest.approx(moments.nsr, rel=1e-6)
            assert exact[name].b95[at] == pytest.approx(moments.b95, rel=1e-6)
    assert expected(exact, REFERENCE)["variance_ratio"] == pytest.approx(1.0)
    assert expected(exact, "ei")["b95_ratio"] == pytest.approx(expected(exact, "ei")["variance_ratio"])


def test_intervals_of_a_tiny_suite_hold_the_truth() -> None:
    """100 groups in a block. At a true coverage of 93 % each of the 19 figures falls below its limit with P < 1e-8."""
    rows = coverage(TINY, (measure_repeat(TINY, 0, repeat) for repeat in range(REPEATS)))
    found = {(row["estimator"], row["figure"]): row for row in rows}
    assert len(rows) == 3 * len(CONSTANTS) + len(CONSTANTS) - 2
    for (_, figure), row in found.items():
        assert row["intervals"] == (8 * REPEATS if "one bandit" in figure else REPEATS)
        assert row["holding"] >= binom.ppf(1e-8, row["intervals"], 0.93), row
        assert row["clopper_pearson"][0] <= row["coverage"] <= row["clopper_pearson"][1]
    assert found["ei", "nsr of one bandit"]["coverage"] < 1.0
    half = found["ei", "nsr"]["half_width"]
    assert 0.01 < half < 0.2


def test_one_repeat_is_what_the_scorer_measures() -> None:
    """The same sums as ``measure`` gives on the same groups."""
    [instance, *_] = TINY.instances()
    blocks = interval_coverage.block_sums
    bandit = interval_coverage.BanditInstance.of(*instance.bandit())
    segments = interval_coverage.sample_segments(
        [get_estimator(name, instance.k) for name in CONSTANTS], bandit, instance.n, [100] * 16, instance.seed
    )
    for (name, constant), each in zip(CONSTANTS.items(), segments, strict=True):
        found = blocks(instance.name, each, bandit.gradient(instance.k), constant)
        assert found == measure(built_in(name), constant, TINY, instance)


def test_repeats_are_kept_and_read_as_they_were(tmp_path: Path, tiny: Suite) -> None:
    run_repeat(tmp_path, tiny, 3, 0)
    measured = measure_repeat(tiny, 3, 0)
    read = load_repeat(file_of(tmp_path, tiny, 3, 0), tiny)
    for name in CONSTANTS:
        for ours, theirs in zip(read[name], measured[name], strict=True):
            assert (ours.sum_sq, ours.dot, ours.constant) == (theirs.sum_sq, theirs.dot, theirs.constant)
            assert ours.gram == (theirs.gram if CONSTANTS[name] is None else [])
    assert not list(tmp_path.rglob(".writing-*"))
    assert file_of(tmp_path, tiny, 4, 0) != file_of(tmp_path, tiny, 3, 0)


def test_finished_repeats_are_not_measured_again(
    tmp_path: Path, tiny: Suite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for repeat in range(2):
        run_repeat(tmp_path, tiny, 0, repeat)
    monkeypatch.setattr(interval_coverage, "ProcessPoolExecutor", None)
    out = tmp_path / "coverage.json"
    options = interval_coverage.argparse.Namespace(
        suites=["tiny"], repeats=2, seed=0, processes=2, work=tmp_path, out=out
    )
    monkeypatch.setattr(interval_coverage, "parse", lambda arguments: options)
    interval_coverage.main([])
    report = json.loads(out.read_text())
    assert report["setting"] == {"suites": ["tiny"], "repeats": 2, "seed": 0, "nominal": 0.95}
    assert {row["figure"] for row in report["coverage"]} == {"nsr", "variance_ratio", "b95_ratio", "nsr of one bandit"}
    assert len(report["bars"]) == 2
    assert "variance_ratio" in capsys.readouterr().out


def test_bars_take_the_extremes() -> None:
    rows = [{"figure": figure, "coverage": value} for figure, value in (("nsr", 0.93), ("variance_ratio", 0.97))]
    rows += [{"figure": "nsr of one bandit", "coverage": 0.2}]
    low, high = interval_coverage.bars(rows)
    assert (low.found, high.found) == (0.93, 0.97)
    assert np.all([low.is_met, high.is_met])
