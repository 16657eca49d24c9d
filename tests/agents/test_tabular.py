"""The tabular policy's closed forms against automatic differentiation and direct counting."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from scipy import stats

from maxpo_bench.agents.collect import Rollout
from maxpo_bench.agents.tabular import TabularPolicy

LENGTHS = [1, 4, 2, 7, 3, 5]


def make_policy(num_states, num_actions, bias, rng, start=0):
    logits = rng.normal(size=(num_states, num_actions))
    policy = TabularPolicy(Discrete(num_states, start=start), Discrete(num_actions), bias=bias, initial_logits=logits)
    if policy.bias is not None:
        with torch.no_grad():
            policy.bias.copy_(torch.from_numpy(rng.normal(size=num_actions)))
    policy.prepare()
    return policy


def random_rollout(num_states, num_actions, rng, start=0):
    """Episodes that visit states repeatedly, their steps interleaved as in a vector environment."""
    episode = rng.permutation(np.repeat(np.arange(len(LENGTHS)), LENGTHS))
    steps = len(episode)
    observations = rng.integers(num_states, size=steps) + start
    actions = rng.integers(num_actions, size=steps)
    return Rollout(observations, actions, episode, rng.normal(size=len(LENGTHS)), np.array(LENGTHS))


def objective(policy, rollout, weights, entropy_coef, start=0):
    """The sum whose gradient is wanted, step by step, in torch."""
    bias = 0.0 if policy.bias is None else policy.bias
    total = torch.zeros((), dtype=torch.float64)
    for state, action, episode in zip(rollout.observations, rollout.actions, rollout.episode, strict=True):
        log_probs = torch.log_softmax(policy.logits[state - start] + bias, dim=-1)
        total = total + weights[episode] * log_probs[action]
        total = total - entropy_coef / len(rollout.returns) * (log_probs.exp() * log_probs).sum()
    return total


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("entropy_coef", [0.0, 0.3])
@pytest.mark.parametrize(("num_states", "num_actions", "start"), [(1, 5, 0), (6, 2, 0), (4, 3, 7)])
def test_gradient_equals_autograd(num_states, num_actions, start, entropy_coef, bias):
    rng = np.random.default_rng(3)
    policy = make_policy(num_states, num_actions, bias, rng, start)
    rollout = random_rollout(num_states, num_actions, rng, start)
    weights = rng.normal(size=len(LENGTHS))
    entropy = policy.set_gradient(rollout, weights, entropy_coef)
    parameters = list(policy.parameters())
    expected = torch.autograd.grad(objective(policy, rollout, weights, entropy_coef, start), parameters)
    for parameter, gradient in zip(parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-12, atol=1e-12)
    table = policy.probabilities()[rollout.observations - start]
    assert entropy == pytest.approx(stats.entropy(table, axis=1).mean(), rel=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_square_norms_equal_those_of_separate_gradients(bias):
    rng = np.random.default_rng(4)
    policy = make_policy(5, 3, bias, rng)
    rollout = random_rollout(5, 3, rng)
    weights = rng.normal(size=len(LENGTHS))
    parts = np.array([0, 2, 0, 1, 2, 1])
    expected = []
    for part in range(4):
        gradients = torch.autograd.grad(
            objective(policy, rollout, weights * (parts == part), 0.0), list(policy.parameters())
        )
        expected.append(sum(float((gradient**2).sum()) for gradient in gradients))
    np.testing.assert_allclose(policy.square_norms(rollout, weights, parts, 4), expected, rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_the_square_norm_of_one_part_is_that_of_the_gradient(bias):
    rng = np.random.default_rng(4)
    policy = make_policy(5, 3, bias, rng, start=2)
    rollout = random_rollout(5, 3, rng, start=2)
    weights = rng.normal(size=len(LENGTHS))
    policy.set_gradient(rollout, weights, 0.0)
    expected = sum(float((parameter.grad**2).sum()) for parameter in policy.parameters())
    found = policy.square_norms(rollout, weights, np.zeros(len(LENGTHS), dtype=int), 1)
    np.testing.assert_allclose(found, [expected], rtol=1e-12)


@pytest.mark.parametrize("num_actions", [2, 3])
def test_a_sample_is_the_first_action_whose_cumulative_probability_exceeds_the_uniform_number(num_actions):
    policy = make_policy(4, num_actions, True, np.random.default_rng(8))
    states = np.random.default_rng(9).integers(4, size=500)
    actions = policy.sample(states, np.random.default_rng(10))
    cumulative = policy.probabilities()[states].cumsum(axis=1)
    uniform = np.random.default_rng(10).random(500)
    assert actions.dtype == np.int64
    assert actions.tolist() == [int(np.argmax(row > u)) for row, u in zip(cumulative, uniform, strict=True)]


def test_samples_follow_the_probabilities():
    """Chi-square test at level 1e-7 in each of two states."""
    rng = np.random.default_rng(5)
    policy = make_policy(2, 4, True, rng)
    for state in (0, 1):
        actions = policy.sample(np.full(20_000, state), rng)
        counts = np.bincount(actions, minlength=4)
        assert stats.chisquare(counts, 20_000 * policy.probabilities()[state]).pvalue > 1e-7


def test_an_impossible_action_is_never_drawn():
    policy = TabularPolicy(Discrete(1), Discrete(3), initial_logits=[-2000.0, 0.0, -2000.0])

    class Extremes:
        def random(self, size):
            return np.array([0.0, np.nextafter(1.0, 0.0)])

    assert policy.sample(np.zeros(2, dtype=int), Extremes()).tolist() == [1, 1]


def test_bias_is_there_by_default_only_with_several_states():
    assert TabularPolicy(Discrete(1), Discrete(2)).bias is None
    assert TabularPolicy(Discrete(2), Discrete(2)).bias is not None
    assert TabularPolicy(Discrete(1), Discrete(2), bias=True).bias is not None


def test_probability_of_action_1_is_that_of_the_bias_alone():
    policy = make_policy(3, 2, True, np.random.default_rng(6))
    expected = torch.softmax(policy.bias, 0)[1].item()
    assert policy.action_1_probability() == pytest.approx(expected, rel=1e-12)
    assert make_policy(3, 3, True, np.random.default_rng(6)).action_1_probability() is None
    assert make_policy(3, 2, False, np.random.default_rng(6)).action_1_probability() is None


def test_huge_logits_stay_finite():
    policy = TabularPolicy(Discrete(1), Discrete(2), initial_logits=[1e4, -1e4])
    rollout = Rollout(np.zeros(1, int), np.zeros(1, int), np.zeros(1, int), np.ones(1), np.ones(1, int))
    assert policy.set_gradient(rollout, np.ones(1), 0.01) == 0.0
    assert torch.isfinite(policy.logits.grad).all()


@pytest.mark.parametrize("logits", [[0.0, 1.0, 2.0], [[0.0, 1.0]], [0.0, np.nan]])
def test_initial_logits_are_checked(logits):
    with pytest.raises(ValueError, match=r"initial_logits must be finite numbers of shape \(3, 2\) or \(2,\)"):
        TabularPolicy(Discrete(3), Discrete(2), initial_logits=logits)


def test_other_spaces_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="choose policy='mlp'"):
        TabularPolicy(Box(0, 1, (2,)), Discrete(2))
