"""Every contract test is failed by a function made to fail it, and by no honest one."""

import itertools

import pytest
import torch

from maxpo_bench.estimators import ESTIMATORS, ei, ei_l2o
from maxpo_bench.leaderboard.contract import CHECKS, check_contract
from maxpo_bench.leaderboard.submission import Metadata, built_in, from_function

CALLS = itertools.count()


def outcome(function, **metadata):
    candidate = from_function(function, Metadata(name="candidate", **metadata), digest="0" * 64)
    return {result.name: result for result in check_contract(candidate)}


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_built_in_estimators_pass(name):
    results = check_contract(built_in(name))
    assert [result for result in results if result.status == "fail"] == []
    assert {result.name for result in results} >= set(CHECKS)


def pools(rewards, k):
    return rewards - rewards.mean() if len(rewards) else rewards


def modifies(rewards, k):
    return rewards.sub_(rewards.mean(-1, keepdim=True))


def unequal_ties(rewards, k):
    order = rewards.argsort(dim=-1, stable=True).argsort(dim=-1, stable=True)
    return order.to(rewards.dtype)


FAULTY = {
    "shape and dtype": lambda r, k: ei_l2o(r, k).float(),
    "finite": lambda r, k: r / r.std(-1, keepdim=True) * torch.where(r.abs() > 1.5, torch.nan, 1.0),
    "input not modified": modifies,
    "groups independent": pools,
    "same answer every time": lambda r, k: ei_l2o(r, k) * (1 + next(CALLS)),
    "permutation equivariant": lambda r, k: ei_l2o(r, k) * torch.arange(1, r.shape[-1] + 1, dtype=r.dtype),
    "equal rewards, equal advantages": unequal_ties,
    "constant groups": lambda r, k: (r - r.mean(-1, keepdim=True)) / r.std(-1, keepdim=True),
    "no groups at all": lambda r, k: ei_l2o(r, k) + 0 * r[0].sum(),
}


@pytest.mark.parametrize("check", list(FAULTY))
def test_faulty_function_fails_the_test_made_for_it(check):
    result = outcome(FAULTY[check])[check]
    assert result.status == "fail"
    assert result.message


def test_the_smallest_failing_example_is_shown():
    message = outcome(pools)["groups independent"].message
    assert "k=" in message
    assert "rewards=[[" in message


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda r, k: r.numpy(), "returned ndarray, expected a torch.Tensor"),
        (lambda r, k: r.sum(-1), "one advantage per reward is expected"),
        (lambda r, k: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_useless_returns_are_named(function, words):
    assert words in outcome(function)["shape and dtype"].message


def test_hidden_nan_is_noted_and_behaviour_is_described():
    results = outcome(lambda r, k: ei(torch.nan_to_num(r), k), min_k=2)
    assert results["NaN and inf"].status == "note"
    assert results["behaviour"].message == "not centred, shift invariant, scales with the rewards"
    assert outcome(lambda r, k: ei_l2o(r, k))["NaN and inf"].status == "pass"
