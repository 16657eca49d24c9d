"""Identities between the estimators, and the reduction of one function to another."""

from __future__ import annotations

import math

import pytest
import torch
from estimator_cases import sample
from torch import Tensor

from maxpo_bench import estimators as est
from maxpo_bench.estimators.reference import ei_dense, l2o_dense

GRID = [(n, k) for n in (2, 3, 5, 8, 16, 33) for k in sorted({1, 2, 3, n // 2, n - 1}) if 1 <= k <= n - 1]


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-11, atol=1e-13)


def rewards_for(n: int) -> Tensor:
    return sample("ei", n, seed=n, batch=(7,))


@pytest.mark.parametrize(("n", "k"), GRID)
def test_pieces_fit_together(n: int, k: int) -> None:
    r = rewards_for(n)
    own, without, comparators = est.conditional_max(r, k), est.leave_one_out_max(r, k), est.comparator_max(r, k)
    close(est.ei(r, k), own - comparators)
    close(est.l2o_baseline(r, k), without - comparators)
    close(est.ei_l2o(r, k), own - without)
    close(est.ei_l2o(r, k), est.ei(r, k) - est.l2o_baseline(r, k))
    close(est.ei_l1o(r, k), est.ei(r, k) - est.l1o_baseline(r, k))
    close(own.mean(-1), est.max_at_k(r, k))
    close(without.mean(-1), est.max_at_k(r, k))
    below = est.max_at_k(r, k - 1) if k > 1 else torch.zeros(7, dtype=torch.float64)
    close(est.ei(r, k).mean(-1), est.max_at_k(r, k) - below)


@pytest.mark.parametrize(("n", "k"), GRID)
def test_published_estimators_in_terms_of_the_canonical_advantage(n: int, k: int) -> None:
    r = rewards_for(n)
    canonical, without = est.ei_l2o(r, k), est.leave_one_out_max(r, k)
    close(est.passk_analytic(r, k), canonical * (n - k) / n)
    close(est.all_subsets_centered(r, k), canonical * k * (n - k) / n**2)
    close(est.all_subsets(r, k), (canonical + without) * k / n)
    close(est.pkpo_sloo(r, k), canonical * k / n - without * k / (n * (n - 1)))
    close(est.pkpo_sloo_minus_one(r, k), est.ei(r, k) * k / n)
    close(est.ei_mean_centered(r, k), est.ei_l1o(r, k) * (n - 1) / n)
    deviation = canonical.std(-1, keepdim=True)
    close(est.bon_mean(r, k), torch.where(deviation > 0, canonical / deviation, 0.0))


@pytest.mark.parametrize("n", [2, 5, 16])
def test_estimators_of_the_mean_in_terms_of_the_canonical_advantage(n: int) -> None:
    r = rewards_for(n)
    canonical = est.ei_l2o(r, 1)
    close(est.reinforce_l1o(r), canonical)
    close(est.dr_grpo(r), canonical * (n - 1) / n)
    close(est.grpo(r, eps=0.0, ddof=0) * r.std(-1, correction=0, keepdim=True), est.dr_grpo(r))


@pytest.mark.parametrize("n", [2, 5, 16])
def test_top1_is_expected_improvement_at_k_equal_to_n(n: int) -> None:
    r = rewards_for(n)
    close(est.passk_top1(r), est.ei(r, n))


@pytest.mark.parametrize(("n", "k"), [(n, k) for n, k in GRID if k >= 2])
def test_gap_form_agrees_with_the_quadratic_forms(n: int, k: int) -> None:
    r = rewards_for(n)
    close(est.ei(r, k), ei_dense(r, k))
    close(est.l2o_baseline(r, k), l2o_dense(r, k))
    close(est.ei_l2o(r, k), ei_dense(r, k) - l2o_dense(r, k))


@pytest.mark.parametrize("n", [2, 6])
def test_quadratic_form_of_ei_goes_to_k_equal_to_n(n: int) -> None:
    close(est.ei(rewards_for(n), n), ei_dense(rewards_for(n), n))


def test_quadratic_forms_start_at_two_and_end_where_they_must() -> None:
    for dense in (ei_dense, l2o_dense):
        with pytest.raises(ValueError, match="k >= 2, got k=1"):
            dense(torch.zeros(4), 1)
    with pytest.raises(ValueError, match="needs at least 5 samples per group for l2o_dense"):
        l2o_dense(torch.zeros(4), 4)


@pytest.mark.parametrize(("n", "k"), GRID)
def test_binary_rewards_have_closed_forms(n: int, k: int) -> None:
    for ones in range(n + 1):
        zeros = n - ones
        r = (torch.arange(n) < ones).double()
        all_draws = math.comb(n - 1, k)
        plus = math.comb(zeros, k) / all_draws
        minus = -ones * (math.comb(zeros - 1, k - 1) if zeros else 0) / (k * all_draws)
        close(est.ei_l2o(r, k), plus * r + minus * (1 - r))
        rho = est.pass_at_k(n, ones, k)
        close(est.max_at_k(r, k), torch.tensor(rho, dtype=torch.float64))
        failures, draws = math.comb(zeros, k), math.comb(n, k)
        one = math.sqrt(failures / (draws - failures)) if 0 < failures < draws else 0.0
        close(est.passk_analytic_std(r, k), one * r - (ones / zeros if zeros else 0) * one * (1 - r))
        own = 1 - (math.comb(zeros - 1, k - 1) if zeros else 0) / math.comb(n - 1, k - 1)
        close(est.passk_analytic(r, k), (1 - rho) * r + (own - rho) * (1 - r))


def test_canonical_advantage_of_a_worked_example() -> None:
    r = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    assert est.ei_l2o(r, 2).tolist() == [-1.0, -1.0, 2.0]
    assert est.ei(r, 2).tolist() == [0.0, 0.5, 2.5]
    assert est.l2o_baseline(r, 2).tolist() == [1.0, 1.5, 0.5]
    assert est.max_at_k(r, 2).item() == pytest.approx(10 / 3, rel=1e-15)
