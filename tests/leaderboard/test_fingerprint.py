"""Who is a near-duplicate of whom, and who merely a relative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

from maxpo_bench.estimators import ei, ei_l2o, l2o_baseline
from maxpo_bench.leaderboard.fingerprint import PAIRS, TOLERANCE, fingerprint, is_near_duplicate, similarity
from maxpo_bench.leaderboard.noise import BlockSums, measure
from maxpo_bench.leaderboard.submission import Candidate, Metadata, built_in, from_function
from maxpo_bench.leaderboard.suite import SUITES

SUITE = replace(SUITES.get("quick"), pairs=((8, 2), (16, 4)), num_groups=960, num_arms=20)
Noise = list[BlockSums | None]


def candidate_of(function: Callable[[Tensor, int], Tensor], **metadata: str) -> Candidate:
    return from_function(function, Metadata(name="odd", **metadata), digest="0" * 64)


def noise_of(candidate: Candidate) -> Noise:
    return [measure(candidate, None, SUITE, instance) for instance in SUITE.instances()]


@cache
def built_in_noise(name: str) -> Noise:
    return noise_of(built_in(name))


def mixed(share: float, other: str) -> Callable[[Tensor, int], Tensor]:
    return lambda rewards, k: (1 - share) * ei_l2o(rewards, k) + share * built_in(other).build(k)(rewards)


@pytest.mark.parametrize(
    "function",
    [
        ei_l2o,
        lambda rewards, k: 1e-9 * ei_l2o(rewards, k),
        lambda rewards, k: rewards.shape[-1] ** k * ei_l2o(rewards, k),
        mixed(0.0005, "ei"),
        mixed(0.0005, "ei_l1o"),
        lambda rewards, k: ei_l2o(rewards.float(), k).double(),
    ],
)
def test_copies_up_to_scale_and_a_ten_thousandth_are_near_duplicates(function):
    assert is_near_duplicate(noise_of(candidate_of(function)), built_in_noise("ei_l2o"))


@pytest.mark.parametrize("name", ["passk_analytic", "all_subsets_centered"])
def test_proportional_ones_are_near_duplicates_of_what_they_are_proportional_to(name: str):
    assert is_near_duplicate(built_in_noise(name), built_in_noise("ei_l2o"))
    assert is_near_duplicate(built_in_noise("ei_mean_centered"), built_in_noise("ei_l1o"))


@pytest.mark.parametrize("pair", [(8, 2), (16, 4)])
@pytest.mark.parametrize("name", ["ei", "ei_l1o", "pkpo_sloo", "grpo", "reinforce_l1o", "bon_mean"])
def test_others_are_not_at_any_group_size(name: str, pair: tuple[int, int]):
    def at(noise: Noise) -> Noise:
        where = SUITE.instances()
        return [sums for sums, each in zip(noise, where, strict=True) if (each.n, each.k) == pair]

    assert not is_near_duplicate(at(built_in_noise(name)), at(built_in_noise("ei_l2o")))
    assert is_near_duplicate(at(built_in_noise(name)), at(built_in_noise(name)))


def test_a_percent_of_something_else_is_another_estimator():
    assert not is_near_duplicate(noise_of(candidate_of(mixed(0.01, "ei"))), built_in_noise("ei_l2o"))
    assert not is_near_duplicate(noise_of(candidate_of(mixed(0.05, "ei_l1o"))), built_in_noise("ei_l2o"))


def test_the_negative_and_zeros_are_no_copies():
    negative = noise_of(candidate_of(lambda rewards, k: -ei_l2o(rewards, k)))
    zero = noise_of(candidate_of(lambda rewards, k: rewards * 0.0))
    assert not is_near_duplicate(negative, built_in_noise("ei_l2o"))
    assert not is_near_duplicate(zero, zero)
    assert not is_near_duplicate(zero, built_in_noise("ei_l2o"))
    assert not is_near_duplicate(built_in_noise("ei_l2o"), zero)


def test_a_copy_that_answers_the_public_groups_differently_is_a_copy_all_the_same():
    """It adds a baseline, which is unbiased, on exactly those of them that are no 0/1 rewards."""
    asked: list[Tensor] = []
    spy = candidate_of(lambda rewards, k: asked.append(rewards) or ei_l2o(rewards, k))
    own = fingerprint(spy)
    known = {tuple(row) for rewards in asked for row in rewards.tolist() if not set(row) <= {0, 1}}
    assert len(asked) == 2 * len(PAIRS)

    def evading(rewards: Tensor, k: int) -> Tensor:
        is_public = torch.tensor([[tuple(row) in known] for row in rewards.tolist()])
        return ei_l2o(rewards, k) + is_public * 9.0 * l2o_baseline(rewards, k)

    changed = fingerprint(candidate_of(evading))
    assert similarity(changed, own) < 0.8
    assert is_near_duplicate(noise_of(candidate_of(evading)), built_in_noise("ei_l2o"))


def test_binary_only_copies_are_copies_and_never_the_other_way_round():
    def binary_only(rewards: Tensor, k: int) -> Tensor:
        if ((rewards != 0) & (rewards != 1)).any():
            raise ValueError("0/1 rewards only")
        return 2.0 * ei_l2o(rewards, k)

    noise = noise_of(candidate_of(binary_only, domain="binary"))
    assert sum(sums is None for sums in noise) == 12
    assert is_near_duplicate(noise, built_in_noise("ei_l2o"))
    assert not is_near_duplicate(built_in_noise("ei_l2o"), noise)
    assert not is_near_duplicate(built_in_noise("passk_analytic_std"), built_in_noise("ei_l2o"))


def test_one_that_is_defined_for_less_is_no_copy():
    noise = [sums if each.n == 8 else None for sums, each in zip(built_in_noise("ei"), SUITE.instances(), strict=True)]
    assert not is_near_duplicate(noise, built_in_noise("ei"))
    assert not is_near_duplicate(built_in_noise("ei"), noise)


def test_similarity():
    prints = {name: fingerprint(built_in(name)) for name in ("ei", "ei_l1o", "ei_l2o", "passk_analytic")}
    binary = fingerprint(built_in("passk_analytic_std"))
    negative = fingerprint(candidate_of(lambda rewards, k: -ei_l2o(rewards, k)))
    zero = fingerprint(candidate_of(lambda rewards, k: rewards * 0.0))
    assert similarity(prints["passk_analytic"], prints["ei_l2o"]) == pytest.approx(1.0, abs=1e-9)
    assert 0.5 < similarity(prints["ei"], prints["ei_l2o"]) < similarity(prints["ei_l1o"], prints["ei_l2o"]) < 1.0
    assert similarity(prints["ei"], prints["ei_l1o"]) == similarity(prints["ei_l1o"], prints["ei"])
    assert similarity(negative, prints["ei_l2o"]) == 0.0
    assert similarity(zero, prints["ei_l2o"]) is None
    assert similarity({}, prints["ei_l2o"]) is None
    assert 0.5 < similarity(binary, prints["ei_l2o"]) <= 1.0
    mix = fingerprint(candidate_of(lambda rewards, k: 0.9995 * ei_l2o(rewards, k) + 0.0005 * ei(rewards, k)))
    assert 1.0 - similarity(mix, prints["ei_l2o"]) < TOLERANCE**2
