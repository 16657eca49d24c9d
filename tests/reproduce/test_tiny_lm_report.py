"""The tiny model's experiment, from records to tables and findings: synthetic runs whose answers are known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from maxpo_bench.evaluation.paper_reference import PROXY_REDUCTION
from maxpo_bench.reproduce.llm.findings import findings_of, reduction
from maxpo_bench.reproduce.llm.report import draw
from maxpo_bench.reproduce.llm.rows import Row, cells_of, choose
from maxpo_bench.reproduce.llm.sizes import size_of

KS = (1, 4, 16, 64)
SEEDS = (11, 12, 13, 14)


def record(method, seed, rate=1e-4, passed=(0.2, 0.4, 0.6, 0.7), proxy=1.0):
    jitter = 0.001 * (seed % 5)
    summary = {f"pass@{k}": value + jitter for k, value in zip(KS, passed, strict=True)}
    summary |= {f"pass@{k}_low": 0.0 for k in KS}
    summary |= {f"base_pass@{k}": 0.1 * (i + 1) + jitter for i, k in enumerate(KS)}
    summary |= {"adam_variance_proxy": proxy, "entropy": 0.5, "seconds_per_step": 0.2}
    summary |= {"support_expansion": 3, "support_shrinkage": 5}
    curves = {"iteration": [1, 2], "adam_variance_proxy": [proxy, proxy]}
    spec = {"agent": method, "seed": seed, "agent_kwargs": {"learning_rate": rate}}
    return {"spec": spec, "summary": summary, "curves": curves}


def row(method, **options):
    (cell,) = cells_of([record(method, seed, **options) for seed in SEEDS])
    (grid,) = cells_of([record(method, seed, **options) for seed in (1, 2)])
    return Row(cell, (grid,))


def test_the_learning_rate_has_the_highest_pass_at_k_and_ties_take_the_smaller():
    passed = {1e-5: (0.9, 0.3, 0.6, 0.7), 1e-4: (0.2, 0.5, 0.6, 0.7), 1e-3: (0.2, 0.5, 0.9, 0.9)}
    runs = [record("maxpo", seed, rate, values) for rate, values in reversed(passed.items()) for seed in (1, 2)]
    cells = cells_of([*runs, record("grpo", 1, 1e-2, (1.0, 1.0, 1.0, 1.0))])
    assert choose(cells, "maxpo", 4) == 1e-4
    assert choose(cells, "maxpo", 64) == 1e-3


def test_cells_hold_each_seed_in_one_place():
    (cell,) = cells_of([record("maxpo", seed, passed=(seed / 100, 0.5, 0.6, 0.7)) for seed in reversed(SEEDS)])
    assert cell.seeds == SEEDS
    assert cell.ks == KS
    np.testing.assert_allclose(cell.at(1), [seed / 100 + 0.001 * (seed % 5) for seed in SEEDS])
    np.testing.assert_allclose(cell.base_at(4), [0.2 + 0.001 * (seed % 5) for seed in SEEDS])


def test_the_reduction_of_the_proxy_is_exact_where_it_is_constant():
    found = reduction(row("maxpo", proxy=0.226).cell, row("pkpo", proxy=1.0).cell)
    for value in (found.estimate, found.low, found.high):
        assert math.isclose(value, PROXY_REDUCTION, rel_tol=1e-12)


def test_the_reduction_lies_within_its_interval():
    cells = [
        cells_of([record(name, seed, proxy=base * (1 + 0.1 * (seed % 3))) for seed in SEEDS])[0]
        for name, base in (("maxpo", 0.3), ("pkpo", 0.9))
    ]
    proxies = [np.array(sorted(cell.proxy)) for cell in cells]
    cells[0] = replace(cells[0], proxy=proxies[0][::-1].copy())
    found = reduction(cells[0], replace(cells[1], proxy=proxies[1]))
    assert found.low < found.estimate < found.high < 100
    assert math.isclose(found.estimate, 100 * (1 - 1 / 3), rel_tol=1e-12)


@pytest.mark.parametrize(("last", "verdict"), [(0.75, "holds"), (0.65, "does not hold")])
def test_a_difference_of_all_seeds_decides(last, verdict):
    rows = [row("pkpo", passed=(0.2, 0.4, 0.6, 0.7)), row("maxpo", passed=(0.2, 0.4, 0.6, last))]
    (_, against_pkpo, proxy) = findings_of(rows)
    assert against_pkpo.verdict == verdict
    estimate = against_pkpo.numbers["difference at 64"][0]
    assert math.isclose(estimate, 100 * (last - 0.7), rel_tol=1e-9)
    assert proxy.verdict == "undecided"


def test_maxpo_and_pkpo_are_compared_at_one_learning_rate():
    """At its own learning rate PKPO is above MaxPO at k = 64, at MaxPO's it is below."""
    (same,) = cells_of([record("pkpo", seed, 1e-4, (0.2, 0.4, 0.6, 0.6), proxy=2.0) for seed in SEEDS])
    pkpo = replace(row("pkpo", rate=1e-5, passed=(0.2, 0.4, 0.6, 0.8), proxy=0.5), others=(same,))
    (_, passes, proxy) = findings_of([row("maxpo", rate=1e-4), pkpo])
    assert passes.verdict == proxy.verdict == "holds"
    assert math.isclose(passes.numbers["difference at 64"][0], 10, rel_tol=1e-9)
    assert math.isclose(proxy.numbers["at one rate"][0], 50, rel_tol=1e-9)
    assert math.isclose(proxy.numbers["at the chosen rates"][0], -100, rel_tol=1e-9)
    assert any("with PKPO at its own learning rate 1e-05: -10" in line for line in passes.measured)


def test_differences_that_vary_around_zero_are_undecided():
    cells = {
        name: cells_of(
            [record(name, seed, passed=(0.2, 0.4, 0.6, 0.7 + sign * 0.01 * (-1) ** seed)) for seed in SEEDS]
        )[0]
        for name, sign in (("maxpo", 1), ("pkpo", -1))
    }
    (_, against_pkpo, _) = findings_of([Row(cell, (cell,)) for cell in cells.values()])
    assert against_pkpo.verdict == "undecided"


def test_overtaking_grpo_holds_in_part_where_maxpo_is_above_at_one_too():
    maxpo = row("maxpo", passed=(0.3, 0.5, 0.7, 0.8))
    behind = findings_of([row("grpo", passed=(0.4, 0.5, 0.6, 0.7)), maxpo])
    above = findings_of([row("grpo", passed=(0.2, 0.4, 0.6, 0.7)), maxpo])
    assert [found[-1].verdict for found in (behind, above)] == ["holds", "holds in part"]


def test_the_report_shows_every_cell_and_marks_the_chosen():
    rows = [row("grpo"), row("maxpo", proxy=0.5), row("pkpo"), row("entropy_adv")]
    drawn = draw(size_of("quick"), rows)
    results, grid = drawn.report.tables
    assert [line[0] for line in results.rows] == ["before training", "GRPO", "MaxPO", "PKPO", "Entropy-Adv"]
    assert results.rows[2][4].startswith("70.2 [")
    assert {line[1] for line in grid.rows} == {"0.0001, chosen"}
    assert len(drawn.data) == len(rows) * (len(SEEDS) + 2) * len(KS)
    assert {finding.source for finding in drawn.report.findings} == {
        "check",
        "Sec 5.2.2, Table 2",
        "Sec 5.2.3, Figure 3",
    }
