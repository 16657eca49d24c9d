"""The bandits' script on tiny sizes: arguments, the structure of what it writes, and who is measured."""

from __future__ import annotations

import json
from pathlib import Path

import bandit
import numpy as np
import pytest
from agreement import enumeration_differences, grid, normal_score, relative
from bandit import draw_instances
from measuring import Bar
from numpy_loop import loop_moments
from scipy import stats

from maxpo_bench.estimators import get_estimator
from maxpo_bench.moments import exact_moments, paired_moments
from maxpo_bench.reproduce.bandit.sizes import SIZES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--group-sizes", "4"], "more than K"),
        (["--instances", "0"], "at least 1"),
        (["--groups", "10"], "at least 1000"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bandit.parse(arguments)
    assert message in capsys.readouterr().err


def test_defaults_hold_the_cells_of_the_bars() -> None:
    options = bandit.parse([])
    assert set(bandit.EXACT_LIMITS) <= {(arms, n) for arms in options.arms for n in options.group_sizes}
    assert options.instances == 100
    assert (1000, 16) in bandit.SAMPLED


def test_bandit_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandit, "SAMPLED", ((12, 6), (1000, 16)))
    monkeypatch.setattr(bandit, "grid", lambda size: [(12, 6, 4), (4, 6, 2)])
    small = ["--arms", "4", "12", "--group-sizes", "6", "--instances", "3", "--rounds", "2", "--budget", "0.05"]
    groups = ["--groups", "2000", "--agreement-groups", "2000", "--loop-groups", "20"]
    bandit.main([*small, *groups, "--out", str(tmp_path)])
    report = json.loads((tmp_path / "bandit.json").read_text())
    assert [(row["arms"], row["n"]) for row in report["exact"]] == [(4, 6), (12, 6)]
    row = report["sampling"][0]
    assert row["over_numbers"] == pytest.approx(row["sampled"]["median_s"] / row["numbers"]["median_s"])
    scaled = row["loop"]["median_s"] * 2000 / 20
    assert row["loop_over_sampled"] == pytest.approx(scaled / row["sampled"]["median_s"])
    bars = {bar["what"]: bar for bar in report["bars"]}
    assert bars["largest relative difference from enumeration"]["is_met"] is True
    assert bars["largest z-score of the mean against sampling, 2 cells"]["is_met"] is True
    assert [(cell["arms"], cell["k"]) for cell in report["agreement"]] == [(12, 4), (4, 2)]
    assert bars["reproduce fig1 fig4 fig5"]["is_met"] is None
    assert bars["NumPy loop over sampling, 1000 arms, n=16"]["limit"] == 150.0
    assert (tmp_path / "bandit.png").stat().st_size > 10_000


def test_bars_of_exact_moments_are_at_their_cells() -> None:
    exact = [
        {"arms": arms, "n": n, "median_ms_per_instance": 50.0, "bar_ms": bandit.EXACT_LIMITS.get((arms, n))}
        for arms, n in ((1000, 16), (10000, 64), (10, 8))
    ]
    near = {"arms": 5, "n": 8, "k": 2, "largest_z_of_mean": 1.0, "largest_z_of_variance": 7.0}
    far = {"arms": 2, "n": 8, "k": 3, "largest_z_of_mean": 2.0, "largest_z_of_variance": 1.0}
    agreement = {"agreement": [near, far], "enumeration": [{"difference": 1e-15}]}
    found = {bar.what: bar for bar in bandit.all_bars({"exact": exact, **agreement, "sampling": [], "figures_s": 95.0})}
    assert [bar.is_met for bar in found.values()] == [False, True, True, True, False, False]
    assert found["largest z-score of the mean against sampling, 2 cells"].note == "2 arms, n=8, K=3"
    assert found["reproduce fig1 fig4 fig5"] == Bar("reproduce fig1 fig4 fig5", 90.0, 95.0, unit=" s")


def test_grid_has_every_cell_of_the_figures() -> None:
    """36 cells of arms at K = 4 and at least 40 of K, some of them the same."""
    cells = grid(SIZES.get("paper"))
    assert len([cell for cell in cells if cell[2] == 4]) == 36
    assert {k for arms, n, k in cells if (arms, n) == (1000, 8)} == {1, 2, 3, 4, 6, 7}
    assert len([cell for cell in cells if cell[0] == 1000]) >= 40
    assert len(set(cells)) == len(cells)


def test_enumeration_covers_every_k_and_ties() -> None:
    rows = enumeration_differences(1)
    assert {row["k"] for row in rows if row["n"] == 10} == set(range(1, 10))
    assert {row["is_tied"] for row in rows} == {False, True}
    assert max(row["difference"] for row in rows) < 1e-12
    assert relative(np.array([1.0, 2.2]), np.array([1.0, 2.0])) == pytest.approx(0.1)


def test_numpy_loop_samples_the_exact_moments() -> None:
    """Each comparison within 6 standard errors of 5000 groups: false alarm < 1e-6."""
    rewards, logits = (values[0] for values in draw_instances(5, 1, 3))
    groups, n, k = 5000, 6, 3
    [exact] = exact_moments([get_estimator("ei_l2o", k)], rewards[None], logits[None], n)
    [sampled] = paired_moments([get_estimator("ei_l2o", k)], rewards, logits, n, groups, 7)
    mean, variance = loop_moments(rewards, logits, n, k, groups, np.random.default_rng(8))
    error = np.sqrt(exact.total_variance[0] / groups)
    assert np.linalg.norm(mean - exact.mean[0]) < 6 * error
    assert abs(variance - exact.total_variance[0]) < 6 * 1.5 * sampled.standard_error("total_variance")


def test_scores_have_the_probability_of_students_t() -> None:
    rewards, logits = (values[0] for values in draw_instances(5, 1, 3))
    [found] = paired_moments([get_estimator("ei", 2)], rewards, logits, 4, 1000, 1)
    freedom = found.segments.sizes.size - 1
    for t in (-4.0, 0.5, 3.0):
        z = normal_score(t, found)
        assert np.sign(z) == np.sign(t)
        assert abs(z) < abs(t)
        assert stats.norm.sf(abs(z)) == pytest.approx(stats.t.sf(abs(t), freedom), rel=1e-9)
