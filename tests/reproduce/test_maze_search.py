"""The search for the paper's Figure 7: every reading judged as by brute force, and what is told of them."""

from dataclasses import replace

import numpy as np
import pytest
from maze_samples import TINY
from scipy import stats

from maxpo_bench.reproduce.maze.measure import Measured, search_cells
from maxpo_bench.reproduce.maze.search import CandidateSetting, _finding, _table, candidates, draw_search

SIZE = replace(TINY, searched_objectives=(2, 4), instances=6)
BASELINES = ("reinforce", "reinforce_entropy", "ei")


def random_values(cell, rng):
    """Numbers at which each statement holds in some cells and fails in others."""
    values = {name: rng.uniform(5.0, 6.0, shape) for name, shape in cell.shapes().items()}
    better = {"ei_l2o": 1.0, "ei": 0.3}.get(cell.agent.name, 0.0)
    values["returns"] += (better + rng.uniform(-0.5, 0.5, len(cell.setting.rates)))[:, None]
    habits = rng.choice([0.90, 0.96], len(cell.setting.rates))
    values["curve_p_action_1"][:] = habits[:, None] + rng.uniform(-0.01, 0.01, cell.setting.instances)
    if cell.has_variances:
        shape = values["variance_ei"].shape
        values["variance_ei_l2o"] = values["variance_ei"] * np.exp(
            rng.uniform(-0.4, 0.4, shape[0])[:, None, None] + 0.2 * rng.standard_normal(shape)
        )
        values["variance_ei"][0, 1, 2] = 0.0
    return values


@pytest.fixture(scope="module")
def measured(agents):
    rng = np.random.default_rng(7)
    return Measured(SIZE, {cell: random_values(cell, rng) for cell in search_cells(SIZE, agents)}, 0)


def lower_end(values):
    return stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))[0]


def brute_force(measured, optimizer, share, k, rate):
    """What holds at one reading, from the numbers of the cells."""
    above, explores, reduces, means = {name: [] for name in BASELINES}, [], [], []
    for n in SIZE.group_sizes:
        here = {
            cell.agent.name: (
                values,
                values["tuning"].mean(1).argmax() if rate is None else cell.setting.rates.index(rate),
            )
            for cell, values in measured.values.items()
            if (cell.setting.optimizer, cell.setting.share, cell.setting.n) == (optimizer, share, n)
            and (cell.setting.k == k or cell.agent.name.startswith("reinforce"))
        }
        if "ei_l2o" not in here:
            continue
        returns = {name: values["returns"][at] for name, (values, at) in here.items()}
        means.append(returns["ei_l2o"].mean())
        for name in BASELINES:
            if lower_end(returns["ei_l2o"] - returns[name]) > 0:
                above[name].append(n)
        habits = {name: values["curve_p_action_1"][-1, at].mean() for name, (values, at) in here.items()}
        if habits["reinforce"] >= 0.95 > habits["ei_l2o"]:
            explores.append(n)
        values, at = here["ei_l2o"]
        known = values["variance_ei"][at] > 0
        logs = np.log(values["variance_ei_l2o"][at] / np.where(known, values["variance_ei"][at], 1.0))
        if lower_end(-np.where(known, logs, 0.0).sum(0) / known.sum(0)) > 0:
            reduces.append(n)
    return CandidateSetting(optimizer, share, k, rate, above, explores, reduces, float(np.mean(means)))


def test_every_reading_is_judged_as_by_brute_force(measured):
    found = candidates(measured)
    wanted = [
        brute_force(measured, optimizer, share, k, rate)
        for optimizer in ("sgd", "adam")
        for share in SIZE.searched_shares
        for k in SIZE.searched_objectives
        for rate in (None, *SIZE.rates(optimizer))
    ]
    by_setting = {(each.optimizer, each.share, each.k, each.rate): each for each in wanted}
    assert len(found) == len(by_setting) == 24
    for each in found:
        other = by_setting[each.optimizer, each.share, each.k, each.rate]
        assert replace(each, mean_return=0.0) == replace(other, mean_return=0.0)
        assert each.mean_return == pytest.approx(other.mean_return, rel=1e-12)
    for statement in ("explores", "reduces"):
        assert {len(getattr(each, statement)) for each in found} >= {0, 1, 2}
    for name in BASELINES:
        assert len({tuple(each.above[name]) for each in found}) > 1
    assert all(4 not in each.reduces + each.explores + each.above["ei"] for each in found if each.k == 4)


def test_the_reading_with_most_statements_comes_first_then_the_higher_return(measured):
    found = candidates(measured)
    keys = [(each.held, each.mean_return) for each in found]
    assert keys == sorted(keys, reverse=True)
    assert len({each.held for each in found}) < len(found)
    for each in found:
        assert each.held == sum(len(n) for n in (*each.above.values(), each.explores, each.reduces))


def reading(held, rate=None, mean=1.0):
    """A reading at which everything, nothing or the first of two n holds."""
    sizes = {"all": [4, 6], "none": [], "some": [4]}[held]
    return CandidateSetting("sgd", 0.8, 2, rate, dict.fromkeys(BASELINES, sizes), sizes, sizes, mean)


def test_a_reading_in_words():
    assert reading("all").text() == "SGD, best learning rate of each, share 0.8, K = 2"
    assert reading("all", 0.3).text() == "SGD, learning rate 0.3, share 0.8, K = 2"


@pytest.mark.parametrize(("held", "text"), [("all", "all n"), ("none", "none"), ("some", "n = 4")])
def test_the_table_says_at_which_n_each_statement_holds(held, text):
    table = _table([reading(held), reading("all")], 2)
    assert len(table.header) == 7
    assert table.header[1:4] == ("above REINFORCE", "above REINFORCE+entropy", "above EI (PKPO)")
    assert table.rows[0] == (reading(held).text(), *[text] * 5, "1")
    assert table.rows[1][1:6] == ("all n",) * 5


def test_several_n_are_listed():
    each = replace(reading("all"), reduces=[4, 8])
    assert _table([each], 3).rows[0][5] == "n = 4, 8"


@pytest.mark.parametrize(
    ("held", "verdict", "complete"), [("all", "holds", 1), ("some", "holds in part", 0), ("none", "does not hold", 0)]
)
def test_the_finding_names_the_nearest_reading(held, verdict, complete):
    found = _finding([reading(held, 0.1), reading("none", 0.3), reading("none")], 2)
    count = {"all": 10, "some": 5, "none": 0}[held]
    assert found.verdict == verdict
    assert found.numbers == {"held": count, "of": 10, "complete": complete, "settings": 3}
    assert found.measured[0].startswith(f"{complete} of 3 settings fulfil all. SGD, learning rate 0.1")
    others = "no other as many" if count else "as do 2 more"
    assert found.measured[0].endswith(f" fulfils {count} of 10, {others}.")
    assert found.measured[1] == "SGD, learning rate 0.3, share 0.8, K = 2: 0 of 10"


def test_the_best_reading_is_drawn(measured):
    drawn, best = draw_search(measured), candidates(measured)[0]
    report = drawn.report
    assert best.text() in report.findings[0].measured[0]
    assert len(report.tables[0].rows) == 10
    assert [row[0] for row in report.tables[0].rows] == [each.text() for each in candidates(measured)[:10]]
    assert "dead ends of one or two steps" in report.caption
    assert f"majority share {best.share:g}" in report.caption
    assert f"K = {best.k};" in report.caption
    assert best.rate is not None
    assert f"learning rate {best.rate:g} for all" in report.caption
    for column, n in enumerate(SIZE.group_sizes):
        (line,) = [each for each in drawn.picture.axes[column].get_lines() if each.get_label() == "EI (PKPO)"]
        ((cell, values),) = [
            (cell, values)
            for cell, values in measured.values.items()
            if (cell.setting.optimizer, cell.setting.share) == (best.optimizer, best.share)
            and (cell.setting.n, cell.setting.k, cell.agent.name) == (n, best.k, "ei")
        ]
        expected = values["curve_return"][:, cell.setting.rates.index(best.rate)].mean(axis=1)
        np.testing.assert_allclose(line.get_ydata(), expected)


def test_curves_of_the_best_rate_of_each_say_the_grid(measured, monkeypatch):
    first = next(each for each in candidates(measured) if each.rate is None)
    monkeypatch.setattr("maxpo_bench.reproduce.maze.search.candidates", lambda measured: [first])
    caption = draw_search(measured).report.caption
    grid = ", ".join(f"{rate:g}" for rate in SIZE.rates(first.optimizer))
    assert f"chosen among {grid} on 2 other mazes" in caption


def test_a_search_trained_in_earnest_is_judged(search_measured):
    found = candidates(search_measured)
    assert len(found) == 24
    assert {each.setting.dead_end_length for each in search_measured.values} == {"mixed"}
    assert 0 <= found[-1].held <= found[0].held <= 10
