"""The population trainer against autograd, against the environment stepped one action at a time, and against itself.

False alarms: the distribution test has 41 cells at 7 standard errors, below 41 * 2 exp(-49/2) = 2e-9 by Hoeffding's
inequality; the moment tests use 6.5 standard errors, below 1e-10 each. Everything else is exact up to rounding.
"""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
import torch
from maze_autograd import as_torch, step_log_likelihoods, train

from maxpo_bench.agents.maze_episodes import (
    Episodes,
    correct_signs,
    entropy_sum,
    sample,
    score_sum,
    total,
)
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.estimators import get_estimator

LENGTH = 40


@pytest.fixture
def layout():
    return MazeLayout.generate(LENGTH, 0.8, 1, instance=3)


def random_policy(seed, layout, rows=1):
    """Logits of action 1 `[rows, length]` and of the bias `[rows]`, with episodes of many lengths."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(scale=0.5, size=(rows, layout.length))
    return noise + 1.2 * correct_signs(layout), rng.normal(scale=0.3, size=rows) + 0.2


@pytest.mark.parametrize("lengths", [[0, 0, 3, 7], [1, 5, LENGTH, LENGTH], [LENGTH - 1, 0, 12, LENGTH]])
def test_gradient_equals_autograd_through_the_steps(layout, lengths):
    x, bias = random_policy(0, layout)
    advantages = np.random.default_rng(1).normal(size=len(lengths))
    theta, vector = as_torch(x, bias)
    psi = step_log_likelihoods(layout, theta, vector, lengths)
    (psi * torch.tensor(advantages)).sum().backward()
    signs = correct_signs(layout)
    episodes = Episodes(np.array([lengths]), success_probabilities(x, bias, signs))
    ours = score_sum(episodes, advantages[None], signs)
    np.testing.assert_allclose(ours[0], theta.grad[:, 1].numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(-ours[0], theta.grad[:, 0].numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(total(ours)[0], vector.grad[1].item(), rtol=0, atol=1e-12)


def test_entropy_gradient_equals_autograd_at_visited_states(layout):
    x, bias = random_policy(2, layout)
    lengths = [0, 4, 4, LENGTH]
    theta, vector = as_torch(x, bias)
    log_policy = torch.log_softmax(theta + vector, dim=-1)
    entropy = -(log_policy.exp() * log_policy).sum(-1)
    visits = [sum(length >= s for length in lengths) for s in range(LENGTH)]
    (entropy * torch.tensor(visits)).sum().backward()
    signs = correct_signs(layout)
    ours = entropy_sum(Episodes(np.array([lengths]), success_probabilities(x, bias, signs)), signs)
    np.testing.assert_allclose(ours[0], theta.grad[:, 1].numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(total(ours)[0], vector.grad[1].item(), rtol=0, atol=1e-12)


def success_probabilities(x, bias, signs):
    """`[R, L]` probabilities of the correct action, in NumPy."""
    return 1 / (1 + np.exp(-2 * signs * (x + bias[:, None])))


def test_lengths_invert_the_survival_function_exactly(layout):
    x, bias = random_policy(3, layout, rows=5)
    signs = correct_signs(layout)
    uniforms = np.random.default_rng(4).random((5, 200))
    uniforms[0, :2] = 0.0, 1 - 2**-53
    episodes = sample(x, bias, signs, uniforms)
    survival = np.cumprod(success_probabilities(x, bias, signs), axis=1)
    expected = (survival[:, None, :] > uniforms[:, :, None]).sum(-1)
    np.testing.assert_array_equal(episodes.lengths, expected)
    assert episodes.window >= min(LENGTH, expected.max() + 1)


def test_returns_have_the_distribution_of_the_environment(layout):
    x, bias = random_policy(5, layout)
    count = 40_000
    uniforms = np.random.default_rng(6).random((1, count))
    ours = sample(x, bias, correct_signs(layout), uniforms).lengths[0]
    theirs = walk(layout, x, bias, count, np.random.default_rng(7))
    ours_share = np.bincount(ours, minlength=LENGTH + 1) / count
    theirs_share = np.bincount(theirs, minlength=LENGTH + 1) / count
    pooled = (ours_share + theirs_share) / 2
    error = np.sqrt(2 * pooled * (1 - pooled) / count)
    assert (np.abs(ours_share - theirs_share) <= 7 * error + 1e-12).all()
    assert theirs.max() == LENGTH
    assert (ours_share > 0.005).sum() > 15


def walk(layout, x, bias, count, rng):
    """Returns of `count` episodes stepped through maxpo/Maze-v0."""
    envs = gym.make_vec(
        "maxpo_bench:maxpo/Maze-v0", num_envs=count, length=layout.length, majority_share=0.8, instance=layout.instance
    )
    np.testing.assert_array_equal(envs.unwrapped.layout.correct_actions, layout.correct_actions)
    p_action_1 = np.zeros(layout.num_states)
    p_action_1[:LENGTH] = 1 / (1 + np.exp(-2 * (x[0] + bias[0])))
    observations, _ = envs.reset(seed=0)
    returns, is_live = np.zeros(count), np.ones(count, dtype=bool)
    while is_live.any():
        actions = (rng.random(count) < p_action_1[observations]).astype(np.int64)
        observations, rewards, terminated, _, _ = envs.step(actions)
        returns += rewards * is_live
        is_live &= ~terminated
        if terminated.any() and is_live.any():
            observations, _ = envs.reset(options={"reset_mask": terminated})
    envs.close()
    return returns.astype(np.int64)


def test_mean_return_and_best_return_match_the_exact_values(layout):
    x, bias = random_policy(8, layout)
    policy = policy_of(layout, x, bias)
    lengths = sample(x, bias, correct_signs(layout), np.random.default_rng(9).random((1, 80_000))).lengths[0]
    for values, exact in (
        (lengths, layout.expected_return(policy)),
        (lengths.reshape(-1, 4).max(axis=1), layout.max_at_k(policy, 4)),
    ):
        assert abs(values.mean() - exact) < 6.5 * values.std() / np.sqrt(values.size)


def policy_of(layout, x, bias):
    gap = np.zeros(layout.num_states)
    gap[:LENGTH] = 2 * (x[0] + bias[0])
    p = 1 / (1 + np.exp(-gap))
    return np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize(
    ("estimator", "factor"), [("ei_l2o", 1 / 8), ("reinforce_l1o", 1 / 8), ("pkpo_sloo", 1 / 4), ("grpo", None)]
)
def test_first_step_is_the_scaled_gradient(layout, estimator, factor):
    result = train(layout, estimator, learning_rates=[0.3], seeds=[5], iterations=1, record_every=1)
    lengths = replay_first_group(layout, seed=5, n=8)
    chosen = get_estimator(estimator, 4)
    factor = chosen.scale_factor(8) / 4 if factor is None else factor
    theta, vector = as_torch(np.zeros((1, LENGTH)), np.zeros(1))
    psi = step_log_likelihoods(layout, theta, vector, lengths)
    (factor * psi @ chosen(torch.tensor(lengths, dtype=torch.float64))).backward()
    np.testing.assert_allclose(result.theta[0, :LENGTH], 0.3 * theta.grad.numpy(), atol=1e-13)
    np.testing.assert_allclose(result.bias[0], 0.3 * vector.grad.numpy(), atol=1e-13)
    assert (result.theta[0, LENGTH:] == 0).all()
    assert result.return_mean[0, 0] == np.mean(lengths)


def replay_first_group(layout, seed, n):
    """Lengths of a run's first group, from the documented stream and the uniform initial policy."""
    from maxpo_bench.seeding import derive_seed

    uniforms = np.random.default_rng(derive_seed(seed, "maze_population", "episodes")).random(n)
    return [int(sum(0.5 ** (s + 1) > u for s in range(layout.length))) for u in uniforms]


@pytest.mark.parametrize("agent", ["reinforce", "reinforce_entropy", "ei_l2o"])
def test_agents_of_the_package_have_the_same_gradient(layout, agent):
    from maxpo_bench.agents import make_agent
    from maxpo_bench.agents.collect import collect

    trained = make_agent(
        agent, "maxpo_bench:maxpo/Maze-v0", k=4, group_size=8, length=LENGTH, instance=3, learning_rate=1.0
    )
    rng = np.random.default_rng(11)
    x, bias = rng.normal(scale=0.3, size=(1, LENGTH)), np.array([0.6])
    with torch.no_grad():
        trained.policy.logits[:LENGTH] = torch.tensor(np.stack([-x[0], x[0]], -1))
        trained.policy.bias[:] = torch.tensor([-bias[0], bias[0]])
    trained.policy.prepare()
    rollout = collect(trained.vector_env, trained.policy, list(range(8)), np.random.default_rng(12))
    trained.policy.set_gradient(rollout, trained._weights(rollout.returns.reshape(1, 8)), trained.entropy_coef)
    signs = correct_signs(layout)
    episodes = Episodes(rollout.returns.astype(np.int64)[None], success_probabilities(x, bias, signs))
    estimator = get_estimator("ei_l2o" if agent == "ei_l2o" else "reinforce_l1o", 4)
    ours = score_sum(episodes, estimator(torch.tensor(rollout.returns[None])).numpy(), signs) / 8
    ours += (0.01 if agent == "reinforce_entropy" else 0.0) / 8 * entropy_sum(episodes, signs)
    np.testing.assert_allclose(ours[0], trained.policy.logits.grad[:LENGTH, 1].numpy(), atol=1e-12)
    np.testing.assert_allclose(total(ours)[0], trained.policy.bias.grad[1].item(), atol=1e-12)


def test_a_run_does_not_depend_on_the_other_runs():
    layout = MazeLayout.generate(300, 0.9, 1)
    options = dict(n=16, iterations=200, record_every=20, entropy_coef=0.01)
    together = train(layout, learning_rates=[1.0, 0.03, 0.3], seeds=[7, 8, 9], **options)
    alone = train(layout, learning_rates=[0.03], seeds=[8], **options)
    np.testing.assert_array_equal(together.return_mean[:, 1], alone.return_mean[:, 0])
    np.testing.assert_array_equal(together.theta[1], alone.theta[0])
    np.testing.assert_array_equal(together.bias[1], alone.bias[0])
    assert together.return_mean[-1].max() > 1.5 * together.return_mean[-1].min()


def test_every_run_may_have_a_maze_of_its_own():
    mazes = [MazeLayout.generate(60, 0.8, 1, instance) for instance in range(3)]
    together = train(mazes)
    for run, maze in enumerate(mazes):
        alone = train(maze, learning_rates=[[0.3, 0.1, 0.3][run]], seeds=[run])
        np.testing.assert_array_equal(together.theta[run], alone.theta[0])
        assert together.exact_return[run] == alone.exact_return[0]
        assert together.exact_max_at_k[run] == alone.exact_max_at_k[0]


@pytest.mark.parametrize("lengths", [[30, 30], [30, 30, 31], []])
def test_mazes_must_match_the_runs(lengths):
    with pytest.raises(ValueError, match="each of the 3 runs"):
        train([MazeLayout.generate(length) for length in lengths])


def test_same_seeds_same_result_and_other_seeds_another(layout):
    first, second, other = train(layout), train(layout), train(layout, seeds=[3, 4, 5])
    for name in ("return_mean", "max_at_k", "p_action_1", "theta", "bias", "exact_return"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert (first.theta != other.theta).any(axis=(1, 2)).all()


def test_records_snapshots_and_progress(layout):
    calls = []
    result = train(layout, snapshot_at=[0, 15, 40], progress=lambda done, total: calls.append((done, total)))
    assert calls == [(10, 40), (20, 40), (30, 40), (40, 40)]
    assert result.iteration.tolist() == [10, 20, 30, 40]
    assert result.return_mean.shape == result.max_at_k.shape == result.p_action_1.shape == (4, 3)
    assert (result.max_at_k > result.return_mean).all()
    assert not result.snapshots[0][0].any()
    np.testing.assert_array_equal(result.snapshots[40][0], result.theta)
    shorter = train(layout, iterations=15, record_every=5)
    np.testing.assert_array_equal(result.snapshots[15][1], shorter.bias)
    np.testing.assert_allclose(result.final_return(20), result.return_mean[-2:].mean(axis=0))
    np.testing.assert_allclose(
        train(layout, record_every=20).return_mean, result.return_mean.reshape(2, 2, 3).mean(axis=1)
    )
    before = train(layout, iterations=39, record_every=1)
    np.testing.assert_allclose(result.p_action_1[-1], 1 / (1 + np.exp(before.bias[:, 0] - before.bias[:, 1])))


def test_exact_values_are_those_of_the_final_policy(layout):
    result = train(layout)
    logits = result.theta[1] + result.bias[1]
    policy = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert result.exact_return[1] == pytest.approx(layout.expected_return(policy))
    assert result.exact_max_at_k[1] == pytest.approx(layout.max_at_k(policy, 4))


@pytest.mark.parametrize(("estimator", "entropy"), [("reinforce_l1o", 0.0), ("reinforce_l1o", 0.01), ("ei_l2o", 0.0)])
def test_learning_raises_the_return(layout, estimator, entropy):
    result = train(layout, estimator, iterations=500, learning_rates=[0.1] * 3, entropy_coef=entropy)
    assert (result.return_mean[0] < 6).all()
    assert (result.final_return(50) > 15).all()
    assert (result.exact_return > 15).all()


def test_entropy_bonus_alone_pulls_the_policy_back_to_uniform(layout):
    free, held = (
        train(layout, "reinforce_l1o", iterations=200, learning_rates=[0.1] * 3, entropy_coef=coef)
        for coef in (0.0, 1.0)
    )
    assert (np.abs(held.bias[:, 1]) < np.abs(free.bias[:, 1])).all()


def test_an_estimator_object_carries_its_own_k(layout):
    by_name = train(layout, "ei", k=3)
    by_object = train(layout, get_estimator("ei", 3), k=None)
    np.testing.assert_array_equal(by_name.theta, by_object.theta)
    assert by_object.k == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": None}, "pass k="),
        ({"estimator": get_estimator("ei", 3)}, "differs from the estimator's own k=3"),
        ({"k": 8}, "at least 9"),
        ({"learning_rates": [0.1]}, "one entry per run"),
        ({"learning_rates": [0.1, -0.1, 0.1]}, "positive"),
        ({"iterations": 45}, "multiple of record_every"),
        ({"entropy_coef": -1.0}, "entropy_coef"),
    ],
)
def test_bad_arguments_raise_at_the_door(layout, options, message):
    with pytest.raises(ValueError, match=message):
        train(layout, **options)


def test_more_than_two_actions_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match="two actions, this layout has 3: train step by step"):
        train(MazeLayout.generate(20, 0.8, 1, num_actions=3))


@pytest.mark.parametrize("iterations", [5, 50])
def test_final_return_needs_whole_records(layout, iterations):
    with pytest.raises(ValueError, match="multiple of record_every=10"):
        train(layout).final_return(iterations)


def test_result_is_frozen(layout):
    with pytest.raises(dataclasses.FrozenInstanceError):
        train(layout, iterations=10).k = 5
