"""Appendix E: EI and the L2O baseline as weighted sums of pairwise differences, K >= 2.

The paper says "strictly smaller rewards" where it means lower ranks: with ties only the count by rank is right
(``test_appendix_e_counting_strictly_smaller_rewards_breaks_with_ties``). Groups are therefore put in ascending order
first and the maximum of a set is the highest rank in it. Indices here start at 0, so that the paper's rank l is
``position + 1``.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from exact import EI, L2O, Rewards, comparator_sets, ei_within, everyone, highest, mean, positive_part, subsets
from float_check import assert_matches, tensor
from rank_forms import (
    choose,
    difference_matrix,
    ei_by_ranks,
    ei_weight,
    l2o_by_ranks,
    l2o_weight,
    left_out_column_means,
)
from reward_groups import every_k_below_n_with_comparators, every_k_with_comparators

from maxpo_bench import estimators


def ascending(rewards: Rewards) -> Rewards:
    """Return the rewards in ascending order."""
    return tuple(sorted(rewards))


def chance_of_maximum_at(position: int, sets: tuple[tuple[int, ...], ...]) -> Fraction:
    """Return the share of the sets, drawn from an ascending group, whose highest rank is at ``position``."""
    return Fraction(sum(max(s) == position for s in sets), len(sets))


@every_k_with_comparators
def test_eq_34_ei_is_a_weighted_sum_of_differences(rewards: Rewards, k: int):
    """EI_(i) = sum over lower ranks l of w_l (r_(i) - r_(l))+."""
    n, r = len(rewards), ascending(rewards)
    for i in range(n):
        weighted = sum((ei_weight(n, k, c + 1) * positive_part(r[i] - r[c]) for c in range(i)), Fraction(0))
        assert weighted == EI(r, k)[i]


@every_k_with_comparators
def test_theorem_e_1_ei_is_a_matrix_vector_product(rewards: Rewards, k: int):
    assert ei_by_ranks(rewards, k) == EI(rewards, k)
    assert_matches(estimators.reference.ei_dense(tensor(rewards), k), EI(rewards, k))


@every_k_with_comparators
def test_eq_35_ei_is_D_times_w(rewards: Rewards, k: int):
    n, r = len(rewards), ascending(rewards)
    differences = difference_matrix(r)
    assert all(differences[j][c] == max(r[j] - r[c], 0) for j in range(n) for c in range(n))
    products = [sum(differences[i][c] * ei_weight(n, k, c + 1) for c in range(n)) for i in range(n)]
    assert tuple(products) == EI(r, k)
    assert_matches(estimators.ei(tensor(r), k), products)


@every_k_with_comparators
def test_eq_36_37_ei_sums_over_the_rank_of_the_comparators_maximum(rewards: Rewards, k: int):
    """EI_(i) = E_S[(r_(i) - max_S)+] = sum_l P(max rank = l) (r_(i) - r_(l))+, where ranks above i add nothing."""
    n, r = len(rewards), ascending(rewards)
    for i in range(n):
        sets = comparator_sets(everyone(r), i, k)
        expectation = mean(positive_part(r[i] - highest(r, s)) for s in sets)
        by_rank = [chance_of_maximum_at(c, sets) * positive_part(r[i] - r[c]) for c in everyone(r, i)]
        assert EI(r, k)[i] == expectation == sum(by_rank)
        assert not any(by_rank[i:])


@every_k_with_comparators
def test_eq_38_chance_that_the_maximum_has_rank_l(rewards: Rewards, k: int):
    """P = C(l-1, K-2) / C(n-1, K-1) for l < i, whatever i is; above i one more sample is available: C(l-2, K-2)."""
    n = len(rewards)
    for i in range(n):
        sets = comparator_sets(tuple(range(n)), i, k)
        for rank in range(1, n + 1):
            if rank != i + 1:
                available = rank - 1 - (rank > i + 1)
                chance = Fraction(choose(available, k - 2), comb(n - 1, k - 1))
                assert chance_of_maximum_at(rank - 1, sets) == chance
            if rank < i + 1:
                assert chance == ei_weight(n, k, rank)


@every_k_with_comparators
def test_eq_39_ei_by_the_law_of_total_expectation(rewards: Rewards, k: int):
    n, r = len(rewards), ascending(rewards)
    differences = difference_matrix(r)
    for i in range(n):
        below = sum((ei_weight(n, k, c + 1) * (r[i] - r[c]) for c in range(i)), Fraction(0))
        whole = sum(differences[i][c] * ei_weight(n, k, c + 1) for c in range(n))
        assert EI(r, k)[i] == below == whole


def test_appendix_e_counting_strictly_smaller_rewards_breaks_with_ties():
    """Rewards 0, 0, 1 and K = 3: sample 2 gains 1 over the set of both zeros, although none is below the other."""
    r = (Fraction(0), Fraction(0), Fraction(1))
    strictly = [Fraction(choose(sum(x < r[c] for x in r), 1), comb(2, 2)) for c in range(3)]
    literal = sum(w * positive_part(r[2] - r[c]) for c, w in enumerate(strictly))
    assert EI(r, 3)[2] == ei_by_ranks(r, 3)[2] == 1
    assert literal == 0
    assert_matches(estimators.reference.ei_dense(tensor(r), 3), EI(r, 3))
    assert_matches(estimators.ei(tensor(r), 3), EI(r, 3))


def test_appendix_e_weights_need_two_samples_per_group():
    """At K = 1 there are no comparators, all weights are 0, and EI = r is a convention apart."""
    assert not any(ei_weight(5, 1, rank) for rank in range(1, 6))
    r = (Fraction(-1), Fraction(2), Fraction(1, 2))
    assert EI(r, 1) == r
    assert_matches(estimators.ei(tensor(r), 1), r)


def maxima_without(n: int, i: int, j: int, k: int) -> list[int]:
    """Return the position of the maximum of every comparator set of j that leaves out i."""
    return [max(s) for s in subsets(tuple(c for c in range(n) if c not in (i, j)), k - 1)]


@every_k_below_n_with_comparators
def test_eq_40_l2o_baseline_is_a_weighted_sum_of_differences(rewards: Rewards, k: int):
    """B_i = 1/(n-1) sum_j sum_l P(max rank = l without i, j) (r_(j) - r_(l))+."""
    n, r = len(rewards), ascending(rewards)
    for i in range(n):
        total = Fraction(0)
        for j in everyone(r, i):
            maxima = maxima_without(n, i, j, k)
            for c in everyone(r, i, j):
                total += Fraction(maxima.count(c), len(maxima)) * positive_part(r[j] - r[c])
        assert total / (n - 1) == L2O(r, k)[i]


@every_k_below_n_with_comparators
def test_theorem_e_2_l2o_baseline_is_a_row_wise_dot_product(rewards: Rewards, k: int):
    assert l2o_by_ranks(rewards, k) == L2O(rewards, k)
    assert_matches(estimators.reference.l2o_dense(tensor(rewards), k), L2O(rewards, k))


@every_k_below_n_with_comparators
def test_eq_41_l2o_baseline_from_column_means_and_shifted_weights(rewards: Rewards, k: int):
    """B_i = sum_l Mbar_il W_il, where [l > i] lowers the rank of what stood above the removed sample."""
    n, r = len(rewards), ascending(rewards)
    differences = difference_matrix(r)
    columns = [sum(row[c] for row in differences) for c in range(n)]
    for i in range(n):
        means = [(columns[c] - differences[i][c]) / (n - 1) for c in range(n)]
        assert left_out_column_means(differences)[i] == tuple(means)
        assert sum(m * l2o_weight(n, k, i + 1, c + 1) for c, m in enumerate(means)) == L2O(r, k)[i]
    assert_matches(estimators.l2o_baseline(tensor(r), k), L2O(r, k))


@every_k_below_n_with_comparators
def test_eq_42_43_l2o_baseline_by_leave_two_out_expectations(rewards: Rewards, k: int):
    """B_i averages EI_j without i (42), and that is sum_l P(max rank = l) (r_(j) - r_(l))+ over ranks l < j (43)."""
    n, r = len(rewards), ascending(rewards)
    for i in range(n):
        inner = {j: ei_within(r, j, k, everyone(r, i)) for j in everyone(r, i)}
        assert L2O(r, k)[i] == sum(inner.values()) / (n - 1)
        for j, value in inner.items():
            maxima = maxima_without(n, i, j, k)
            assert value == sum(
                (Fraction(maxima.count(c), len(maxima)) * (r[j] - r[c]) for c in range(j) if c != i), Fraction(0)
            )


@pytest.mark.parametrize(("n", "k"), [(3, 2), (4, 3), (5, 2), (6, 3), (7, 5)])
def test_eq_44_chance_that_the_leave_two_out_maximum_has_rank_l(n: int, k: int):
    """P = C(l - 1 - [l > i], K-2) / C(n-2, K-1) for each l < j other than i: it does not depend on j."""
    for i in range(n):
        for j in range(n):
            if j == i:
                continue
            maxima = maxima_without(n, i, j, k)
            assert len(maxima) == comb(n - 2, k - 1)
            for c in range(j):
                if c != i:
                    assert Fraction(maxima.count(c), len(maxima)) == l2o_weight(n, k, i + 1, c + 1)


@every_k_below_n_with_comparators
def test_eq_45_46_47_48_l2o_sums_exchange_and_give_the_dot_product(rewards: Rewards, k: int):
    """The end of Theorem E.2's proof, reconstructed (its four displays are lost in the text we have).

    (44) put into (43) and (42), the sum over j taken inside because the weight is free of j, then Mbar recognised.
    """
    n, r = len(rewards), ascending(rewards)
    differences = difference_matrix(r)
    for i in range(n):
        weights = [l2o_weight(n, k, i + 1, c + 1) for c in range(n)]
        each_j = [sum(differences[j][c] * weights[c] for c in range(n)) for j in everyone(r, i)]
        substituted = mean(each_j)
        exchanged = sum(
            weights[c] * sum((differences[j][c] for j in everyone(r, i)), Fraction(0)) / (n - 1) for c in range(n)
        )
        recognised = sum(m * w for m, w in zip(left_out_column_means(differences)[i], weights, strict=True))
        assert each_j == [ei_within(r, j, k, everyone(r, i)) for j in everyone(r, i)]
        assert substituted == exchanged == recognised == L2O(r, k)[i]


@every_k_below_n_with_comparators
def test_appendix_e_ties_may_be_ranked_in_any_order(rewards: Rewards, k: int):
    """Listing the samples the other way round breaks ties the other way and changes no value."""
    reverse = rewards[::-1]
    assert ei_by_ranks(reverse, k)[::-1] == ei_by_ranks(rewards, k)
    assert l2o_by_ranks(reverse, k)[::-1] == l2o_by_ranks(rewards, k)
    assert_matches(estimators.reference.ei_dense(tensor(reverse), k).flip(-1), EI(rewards, k))
    assert_matches(estimators.reference.l2o_dense(tensor(reverse), k).flip(-1), L2O(rewards, k))
