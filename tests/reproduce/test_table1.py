"""The measured Table 1: domains as the paper states them, and a brute force that is independent of the estimators."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import torch

from maxpo_bench.estimators import gap_form
from maxpo_bench.reproduce import table1
from maxpo_bench.reproduce.table1 import PAPER, Marginals, measure_table1, to_markdown

SETTING = {"n": 8, "k": 3, "groups": 20, "seed": 0}


def test_both_pass_at_k_rows_are_measured_on_binary_groups(monkeypatch):
    seen = {}
    plain = table1.get_estimator

    def spy(name, k):
        def call(rewards):
            seen[name] = set(rewards.unique().tolist()) <= {0.0, 1.0}
            return plain(name, k)(rewards)

        return call

    monkeypatch.setattr(table1, "get_estimator", spy)
    rows = measure_table1(**SETTING)
    assert {name for name, is_binary in seen.items() if is_binary} == {"passk_analytic", "passk_analytic_std"}
    assert {row.estimator: row.domain for row in rows} == {row.name: row.domain for row in PAPER}
    assert {row.name for row in PAPER if "pass@K" in row.relation} == {n for n, is_binary in seen.items() if is_binary}
    assert len(seen) == len(PAPER)


def test_marginals_are_means_of_maxima_over_subsets():
    rewards = [Fraction(v) for v in (3, -1, 4, 1, 5)]
    found = Marginals.of(np.array([rewards], dtype=np.float64), 3)

    def mean_max(size, is_wanted):
        maxima = [max(rewards[j] for j in s) for s in combinations(range(5), size) if is_wanted(s)]
        return float(sum(maxima, Fraction(0)) / len(maxima))

    assert found.max_at_k[0, 0] == pytest.approx(mean_max(3, lambda s: True))
    for i in range(5):
        assert found.with_i[0, i] == pytest.approx(mean_max(3, lambda s, i=i: i in s))
        assert found.without_i[0, i] == pytest.approx(mean_max(3, lambda s, i=i: i not in s))
        assert found.comparators[0, i] == pytest.approx(mean_max(2, lambda s, i=i: i not in s))


def test_signals_equal_the_estimators():
    assert max(row.signal_error for row in measure_table1(**SETTING)) < 1e-13


def test_a_fault_in_what_the_estimators_share_shows_as_an_error_of_signal(monkeypatch):
    """Gap sums are under most estimators: 1 % more of them is 1 % more signal."""
    plain = gap_form.compute
    monkeypatch.setattr(gap_form, "compute", lambda *arguments: plain(*arguments) * 1.01)
    errors = {row.estimator: row.signal_error for row in measure_table1(**SETTING)}
    for name in ("ei", "ei_l2o", "passk_analytic", "all_subsets_centered"):
        assert errors[name] == pytest.approx(0.01, rel=1e-6)


def test_the_table_says_what_was_measured():
    text = to_markdown(measure_table1(**SETTING), **SETTING)
    assert "binary for the pass@K rows, standard normal otherwise" in text
    assert "brute force over all subsets" in text
    assert text.count("| ✓ |") == sum(row.used for row in PAPER)


def test_rewards_are_in_double_precision():
    assert torch.from_numpy(table1._groups("real", 2, 3, 0)).dtype == torch.float64
    assert torch.from_numpy(table1._groups("binary", 2, 3, 0)).dtype == torch.float64
