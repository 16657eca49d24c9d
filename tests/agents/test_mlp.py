"""The network policy against finite differences, SciPy's densities and its own parts."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete
from scipy import stats

from maxpo_bench.agents.collect import Rollout
from maxpo_bench.agents.mlp import MLPPolicy

LENGTHS = [1, 4, 2, 3]
BOX = Box(-1, 1, (3,))


def random_rollout(action_space, rng, observation_space=BOX):
    episode = rng.permutation(np.repeat(np.arange(len(LENGTHS)), LENGTHS))
    if isinstance(observation_space, Discrete):
        observations = rng.integers(observation_space.n, size=len(episode)) + observation_space.start
    else:
        observations = rng.normal(size=(len(episode), *observation_space.shape)).astype(np.float32)
    if isinstance(action_space, Discrete):
        actions = rng.integers(action_space.n, size=len(episode))
    else:
        actions = rng.normal(size=(len(episode), *action_space.shape)).astype(np.float32)
    return Rollout(observations, actions, episode, np.zeros(len(LENGTHS)), np.array(LENGTHS))


def log_probs_and_entropies(policy, rollout):
    """Both by SciPy from the network's plain outputs."""
    with torch.no_grad():
        outputs = policy.network(policy._features(rollout.observations)).double().numpy()
    if policy.log_std is None:
        table = np.exp(outputs - np.logaddexp.reduce(outputs, axis=1, keepdims=True))
        return np.log(table[np.arange(len(table)), rollout.actions]), stats.entropy(table, axis=1)
    std = policy.log_std.detach().exp().double().numpy()
    flat = rollout.actions.reshape(len(outputs), -1)
    return stats.norm.logpdf(flat, outputs, std).sum(axis=1), np.tile(stats.norm.entropy(0, std).sum(), len(outputs))


@pytest.mark.parametrize("action_space", [Discrete(3), Box(-1, 1, (2, 2))])
def test_gradient_equals_central_differences(action_space):
    rng = np.random.default_rng(0)
    policy = MLPPolicy(BOX, action_space, hidden_sizes=(5,), seed=1).double()
    policy._tensor = lambda values: torch.as_tensor(values, dtype=torch.float64)
    rollout = random_rollout(action_space, rng)
    weights = rng.normal(size=len(LENGTHS))

    def objective():
        log_probs, entropies = log_probs_and_entropies(policy, rollout)
        return weights[rollout.episode] @ log_probs + 0.3 / len(LENGTHS) * entropies.sum()

    entropy = policy.set_gradient(rollout, weights, 0.3)
    assert entropy == pytest.approx(log_probs_and_entropies(policy, rollout)[1].mean(), rel=1e-12)
    for parameter in policy.parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad.reshape(-1)
        for i in range(len(flat)):
            old = flat[i].item()
            flat[i] = old + 1e-6
            above = objective()
            flat[i] = old - 1e-6
            below = objective()
            flat[i] = old
            assert gradient[i].item() == pytest.approx((above - below) / 2e-6, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("observation_space", [BOX, Discrete(4, start=2)])
def test_square_norms_are_those_of_the_parts_gradients(observation_space):
    rng = np.random.default_rng(2)
    policy = MLPPolicy(observation_space, Discrete(3), hidden_sizes=(8,), seed=3)
    rollout = random_rollout(Discrete(3), rng, observation_space)
    weights, parts = np.array([0.5, -1.0, 2.0, 0.0]), np.array([0, 1, 0, 2])
    expected = []
    for part in range(3):
        policy.set_gradient(rollout, weights * (parts == part), 0.0)
        expected.append(sum(float((p.grad**2).sum()) for p in policy.parameters()))
    np.testing.assert_allclose(policy.square_norms(rollout, weights, parts, 3), expected, rtol=1e-5, atol=1e-12)


def test_samples_follow_the_distribution():
    """A chi-square and a Kolmogorov-Smirnov test, each at level 1e-7."""
    rng = np.random.default_rng(4)
    discrete = MLPPolicy(BOX, Discrete(3), seed=5)
    row = rng.normal(size=3).astype(np.float32)
    counts = np.bincount(discrete.sample(np.tile(row, (20_000, 1)), rng), minlength=3)
    with torch.no_grad():
        table = discrete.network(torch.from_numpy(row)).double().softmax(-1).numpy()
    assert stats.chisquare(counts, 20_000 * table).pvalue > 1e-7
    gauss = MLPPolicy(BOX, Box(-1, 1, (1,)), initial_log_std=-0.7, seed=5)
    draws = gauss.sample(np.tile(row, (5_000, 1)), rng)
    mean = gauss.best(row[None])[0, 0]
    assert draws.shape == (5_000, 1)
    assert stats.kstest(draws[:, 0], "norm", args=(mean, np.exp(-0.7))).pvalue > 1e-7


def test_initialisation_depends_on_the_seed_alone():
    torch.manual_seed(0)
    first = MLPPolicy(BOX, Discrete(2), seed=1).parameters_to_vector()
    torch.manual_seed(1)
    np.testing.assert_array_equal(first, MLPPolicy(BOX, Discrete(2), seed=1).parameters_to_vector())
    assert (first != MLPPolicy(BOX, Discrete(2), seed=2).parameters_to_vector()).any()


def test_box_actions_are_clipped_for_the_environment_only():
    policy = MLPPolicy(BOX, Box(-0.1, 0.1, (2,)), initial_log_std=3.0)
    actions = policy.sample(np.zeros((50, 3), np.float32), np.random.default_rng(0))
    assert abs(actions).max() > 1
    assert abs(policy.to_env(actions)).max() == np.float32(0.1)


@pytest.mark.parametrize("observation_space", [Dict(a=Discrete(2))])
def test_other_spaces_are_refused_with_the_remedy(observation_space):
    with pytest.raises(ValueError, match="FlattenObservation"):
        MLPPolicy(observation_space, Discrete(2))
