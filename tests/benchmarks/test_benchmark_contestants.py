"""Everybody who is timed computes what is said, on the inputs that are said."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from contestants import (
    PEERS,
    VERL_PASSK,
    Contestant,
    NotInstalledError,
    all_contestants,
    as_groups,
    dense_weights,
    draw_rewards,
    identifiers,
    ours,
    peer_module,
    statements_under,
)
from pkpo_loop import Weights, rho, transform_groups

from maxpo_bench.estimators import max_at_k, passk_top1, pkpo_sloo_minus_one
from maxpo_bench.estimators.reference import ei_dense, l2o_dense

OURS = ours()


@pytest.mark.parametrize("contestant", OURS, ids=[each.name for each in OURS])
@pytest.mark.parametrize(("n", "k"), [(8, 4), (16, 4), (16, 8), (16, 2)])
def test_who_is_always_there_equals_the_reference(contestant: Contestant, n: int, k: int) -> None:
    rewards = draw_rewards(6, n, 1, is_binary=contestant.is_binary)
    difference = contestant.difference(rewards, k)
    if contestant.equals is None:
        assert torch.equal(contestant.prepare(rewards, k)()[0], rewards.sort(-1).values)
    else:
        assert difference is not None
        assert difference < 1e-6


def test_installed_peers_equal_the_reference() -> None:
    present, absent = all_contestants()
    assert {each.name for each in present} | set(absent) == {each.name for each in OURS} | set(PEERS)
    for contestant in present:
        difference = contestant.difference(draw_rewards(5, 16, 2, is_binary=contestant.is_binary), 4)
        assert difference is None or difference < 1e-5, contestant.name


def test_a_wrong_contestant_shows() -> None:
    wrong = Contestant("wrong", lambda rewards, k: lambda: passk_top1(rewards) + 0.1, "", equals=passk_top1)
    assert wrong.difference(draw_rewards(4, 8, 0), 4) > 0.01


@pytest.mark.parametrize(("n", "k"), [(5, 2), (8, 8), (16, 4), (300, 150)])
def test_pkpo_loop_is_pkpo(n: int, k: int) -> None:
    rewards = torch.randn(3, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    expected = pkpo_sloo_minus_one(rewards, k)
    for weights in (None, Weights.of(n, k)):
        found = torch.from_numpy(transform_groups(rewards.numpy(), k, weights))
        assert float((found - expected).abs().max()) < 1e-12
    assert rho(rewards[0].numpy(), k) == pytest.approx(float(max_at_k(rewards[0], k)), rel=1e-12)


def test_dense_weights_are_those_of_the_quadratic_form() -> None:
    rewards = torch.randn(7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).sort().values
    own, others = dense_weights(7, 3)
    improvements = (rewards[:, None] - rewards).clamp(min=0)
    assert torch.allclose(improvements @ own, ei_dense(rewards, 3), atol=1e-14)
    left_out = (improvements.sum(0) - improvements) / 6
    assert torch.allclose((left_out * others).sum(-1), l2o_dense(rewards, 3), atol=1e-14)


def test_matrices_beyond_memory_are_refused_with_their_size() -> None:
    dense = next(each for each in OURS if each.needs_matrix)
    assert dense.obstacle(64, 256) is None
    assert "2.1 GB" in (dense.obstacle(1, 16384) or "")


def test_identifiers_name_groups_in_order() -> None:
    index = identifiers(3, 4)
    assert index.shape == (12,)
    assert len(set(index)) == 3
    assert (index.reshape(3, 4) == index[::4, None]).all()


def test_verl_is_fed_one_token_for_each_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def passk(
        token_rewards: torch.Tensor, mask: torch.Tensor, *, index: np.ndarray, config: dict[str, bool]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        given.update(rewards=token_rewards, mask=mask, index=index, config=config)
        groups = token_rewards.reshape(len(dict.fromkeys(index)), -1)
        best = passk_top1(groups).reshape(-1, 1) * mask
        return best, best

    fake = ModuleType("verl.trainer.ppo.core_algos")
    monkeypatch.setattr(fake, "compute_grpo_passk_outcome_advantage", passk, raising=False)
    for name in ("verl", "verl.trainer", "verl.trainer.ppo"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "verl.trainer.ppo.core_algos", fake)
    rewards = draw_rewards(3, 8, 0)
    contestant = PEERS[VERL_PASSK](VERL_PASSK)
    assert contestant.difference(rewards, 4) == pytest.approx(0.0, abs=1e-6)
    assert given["rewards"].shape == given["mask"].shape == (24, 1)
    assert torch.equal(as_groups(given["rewards"], rewards.shape), rewards.double())
    assert given["config"] == {"norm_adv_by_std_in_grpo": False}
    with pytest.raises(NotInstalledError, match="compute_grpo_outcome_advantage"):
        PEERS["verl grpo"]("verl grpo")


def test_absent_and_broken_peers_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotInstalledError, match=r"^not installed$"):
        peer_module("no_such_peer", "no_such_peer.core")
    monkeypatch.setitem(sys.modules, "broken_peer", None)
    with pytest.raises(NotInstalledError, match="cannot be imported"):
        peer_module("another", "broken_peer")


def test_statements_are_found_by_their_condition() -> None:
    source = """
        def method(self, rewards):
            if self.mode == "sum":
                mean = rewards.mean()
                advantages = rewards - mean
            elif self.mode == "other":
                advantages = rewards
    """
    assert statements_under(source, "self.mode == 'sum'") == "mean = rewards.mean()\nadvantages = rewards - mean"
    assert statements_under(source, "self.mode == 'none'") is None
