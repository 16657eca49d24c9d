"""Support beside another method: the classes, the rates, and fairness between numbers of samples."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from passk_samples import samples_of

from maxpo_bench.evaluation import Support, support_of, unseen_bound
from maxpo_bench.evaluation.support import SUPPORT_CLASSES

BASE = {"both": "0110", "lost": "1000", "gained": "0000", "never": "0000", "also": "1111"}
MINE = {"both": "1000", "lost": "0000", "gained": "0001", "never": "0000", "also": "1000"}


def of(label, verdicts):
    return samples_of(label, {("a", problem): marks for problem, marks in verdicts.items()})


def table(preservation, expansion, shrinkage, out_of_support=0.0):
    total = int(preservation + expansion + shrinkage + out_of_support)
    return Support(4, total, preservation, expansion, shrinkage, out_of_support, {})


def test_equal_numbers_of_samples_give_the_observed_classes():
    support = support_of(of("mine", MINE), of("base", BASE))
    assert support.problems == {
        "preservation": ("also", "both"),
        "expansion": ("gained",),
        "shrinkage": ("lost",),
        "out_of_support": ("never",),
        "undecided": (),
    }
    assert [getattr(support, name) for name in SUPPORT_CLASSES] == [2, 1, 1, 1]
    assert support.k == 4
    assert support.retention == pytest.approx(2 / 3)
    assert support.discovery == pytest.approx(1 / 3)
    assert support.dynamics == pytest.approx(2 * (2 / 3) * (1 / 3))
    assert support.net_change == 0.0


def test_problems_may_differ_in_their_samples_if_the_methods_do_not():
    support = support_of(of("mine", {"x": "01", "y": "0001"}), of("base", {"x": "10", "y": "0000"}))
    assert support.k is None
    assert (support.preservation, support.expansion) == (1, 1)
    assert support.to_dict()["k"] is None


@given(st.lists(st.tuples(st.text("01", min_size=3, max_size=5), st.text("01", min_size=3, max_size=4)), min_size=1))
def test_expected_classes_are_means_over_all_choices_of_k_samples(marks):
    k = 3
    mine, base = ({str(at): pair[side] for at, pair in enumerate(marks)} for side in (0, 1))
    support = support_of(of("mine", mine), of("base", base), k)
    wanted = np.zeros(4)
    for first, second in marks:
        seen = [("1" in a, "1" in b) for a, b in product(combinations(first, k), combinations(second, k))]
        wanted += [seen.count(case) / len(seen) for case in ((1, 1), (1, 0), (0, 1), (0, 0))]
    np.testing.assert_allclose([getattr(support, name) for name in SUPPORT_CLASSES], wanted, atol=1e-12)
    listed = [problem for ids in support.problems.values() for problem in ids]
    assert sorted(listed) == sorted(mine)


def test_more_samples_alone_are_no_gain():
    # the same method twice, once with eight times the samples: as they are, the longer one finds more problems
    rng = np.random.default_rng(3)
    rates = rng.random(4000) ** 8
    short, long = (rng.random((4000, n)) < rates[:, None] for n in (4, 32))
    marks = [{f"{at:04}": "".join("01"[int(x)] for x in row) for at, row in enumerate(each)} for each in (long, short)]
    seen = [sum("1" in row for row in each.values()) for each in marks]
    assert seen[0] > 1.3 * seen[1]
    support = support_of(of("long", marks[0]), of("short", marks[1]))
    assert support.k == 4
    # E - S has a standard deviation below sqrt(E + S); five of them are a false alarm of 6e-7
    assert abs(support.expansion - support.shrinkage) < 5 * np.sqrt(support.expansion + support.shrinkage)


def test_classes_that_depend_on_the_samples_chosen_are_undecided():
    support = support_of(of("mine", {"x": "0001", "y": "0111"}), of("base", {"x": "00", "y": "10"}))
    assert support.k == 2
    assert support.problems["undecided"] == ("x",)
    assert support.problems["preservation"] == ("y",)
    assert support.expansion == pytest.approx(0.5)
    assert support.out_of_support == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("support", "rates"),
    [
        (table(3, 1, 1), (3 / 4, 1 / 4, 2 * 3 / 16, 0.0)),
        (table(0, 0, 0, 5), (None, None, None, None)),
        (table(0, 2, 0), (None, 1.0, None, 1.0)),
        (table(0, 0, 2), (0.0, None, None, -1.0)),
        (table(0, 1, 1), (0.0, 1.0, 0.0, 0.0)),
        (table(4, 0, 0), (1.0, 0.0, 0.0, 0.0)),
        (table(2, 0, 2), (0.5, 0.0, 0.0, -0.5)),
    ],
)
def test_rates_without_a_denominator_are_none(support, rates):
    values = (support.retention, support.discovery, support.dynamics, support.net_change)
    assert values == rates
    written = support.to_dict()
    assert (written["srr"], written["ndr"], written["sds"], written["nscr"]) == rates


def test_sds_has_no_value_where_both_rates_are_zero():
    support = table(0, 0, 3)
    assert (support.retention, support.dynamics) == (0.0, None)


@pytest.mark.parametrize("k", [0, 5])
def test_k_stays_within_the_samples(k):
    with pytest.raises(
        ValueError, match=rf"support at k={k} needs k in \[1, 4\], the samples of a/also: choose another"
    ):
        support_of(of("mine", MINE), of("base", BASE), k)


def test_different_problems_raise():
    with pytest.raises(ValueError, match="mine and base have different problems: restrict both to common ones"):
        support_of(of("mine", {"x": "0"}), of("base", {"y": "0"}))


def test_the_bound_on_unseen_problems():
    assert unseen_bound(256) == pytest.approx(0.0117, abs=1e-4)
    assert unseen_bound(100, 0.99) == pytest.approx(-np.log(0.01) / 100)
    assert unseen_bound(1) == 1.0
    for k in (5, 50, 500):  # with that rate so many failures would be rarer than 5 %
        assert (1 - unseen_bound(k)) ** k <= 0.05
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        unseen_bound(0)
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\), got 1"):
        unseen_bound(3, 1)
