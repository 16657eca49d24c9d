"""The population form of the maze against the environment stepped one action at a time: returns, gradients, optimizers.

False alarms: each of the 6 Kolmogorov-Smirnov tests is rejected at 1e-7 (for discrete returns it is conservative), each
of the 12 means beyond 5.6 standard errors, 2e-8: below 1e-6 together. Gradients agree to rounding.
"""

import gymnasium as gym
import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from maxpo_bench.agents import make_agent
from maxpo_bench.agents import maze_compiled as compiled
from maxpo_bench.agents.collect import collect
from maxpo_bench.agents.maze_episodes import path_signs, sample
from maxpo_bench.agents.maze_population import train_population
from maxpo_bench.agents.maze_variance import variance_ratio
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.estimators import get_estimator
from maxpo_bench.seeding import derive_seed

EPISODES = 100_000


def maze_kwargs(layout, dead_end_length):
    return dict(length=layout.length, majority_share=0.8, instance=layout.instance, dead_end_length=dead_end_length)


def policy_table(layout, x, bias):
    """Probabilities `[S, 2]` of logits `[S]` of action 1, those of action 0 being the negatives."""
    p = 1 / (1 + np.exp(-2 * (x + bias)))
    return np.stack([1 - p, p], axis=1)


def stepped_returns(layout, dead_end_length, table, rng):
    envs = gym.make_vec(
        "maxpo_bench:maxpo/Maze-v0",
        num_envs=EPISODES,
        autoreset_mode="NextStep",
        **maze_kwargs(layout, dead_end_length),
    )
    observations, _ = envs.reset(seed=0)
    returns, is_live = np.zeros(EPISODES), np.ones(EPISODES, dtype=bool)
    while is_live.any():
        actions = (rng.random(EPISODES) < table[observations, 1]).astype(np.int64)
        observations, rewards, terminated, _, _ = envs.step(actions)
        returns += rewards * is_live
        is_live &= ~terminated
    return returns


@pytest.mark.parametrize("dead_end_length", [1, "mixed"])
@pytest.mark.parametrize(("length", "knowledge", "spread"), [(1000, 0.0, 0.3), (150, 2.0, 0.5), (20, 1.5, 0.2)])
def test_returns_of_both_paths_have_one_distribution(length, knowledge, spread, dead_end_length):
    layout = MazeLayout.generate(length, 0.8, dead_end_length, instance=4)
    rng = np.random.default_rng(derive_seed(0, length, str(dead_end_length)))
    x = rng.normal(scale=spread, size=layout.num_states)
    x[:length] += knowledge * path_signs(layout)
    bias = 0.4
    table = policy_table(layout, x, bias)
    stepped = stepped_returns(layout, dead_end_length, table, rng)
    uniforms = rng.random((1, EPISODES))
    analytic = sample(x[None, :length], np.array([bias]), path_signs(layout), uniforms).lengths[0]
    assert ks_2samp(stepped, analytic).pvalue > 1e-7
    exact = layout.expected_return(table)
    for returns in (stepped, analytic):
        assert abs(returns.mean() - exact) < 5.6 * returns.std() / np.sqrt(EPISODES)
    assert stepped.max() > stepped.min() + 5


@pytest.mark.parametrize("dead_end_length", [1, 2, "mixed"])
@pytest.mark.parametrize(
    ("agent", "estimator"), [("reinforce", "reinforce_l1o"), ("entropy", "reinforce_l1o"), ("ei_l2o", "ei_l2o")]
)
def test_gradients_of_the_same_episodes_are_equal(agent, estimator, dead_end_length):
    layout = MazeLayout.generate(40, 0.8, dead_end_length, instance=3)
    stepped = make_agent(agent, "maxpo_bench:maxpo/Maze-v0", k=4, group_size=12, **maze_kwargs(layout, dead_end_length))
    rng = np.random.default_rng(11)
    x, bias = rng.normal(scale=0.3, size=layout.num_states), 0.6
    with torch.no_grad():
        stepped.policy.logits[:] = torch.tensor(np.stack([-x, x], -1))
        stepped.policy.bias[:] = torch.tensor([-bias, bias], dtype=torch.float64)
    stepped.policy.prepare()
    rollout = collect(stepped.vector_env, stepped.policy, list(range(12)), np.random.default_rng(12))
    stepped.policy.set_gradient(rollout, stepped._weights(rollout.returns.reshape(1, 12)), stepped.entropy_coef)
    gradient = gradient_of(layout, x, bias, rollout, get_estimator(estimator, 4), stepped.entropy_coef)
    ours = np.zeros(layout.num_states)
    ours[: layout.length] = gradient[: layout.length]
    long = layout.dead_end_states >= 0
    ours[layout.dead_end_states[long]] = gradient[layout.length : -1][long]
    np.testing.assert_allclose(ours, stepped.policy.logits.grad[:, 1].numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(-ours, stepped.policy.logits.grad[:, 0].numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradient[-1], stepped.policy.bias.grad[1].item(), rtol=0, atol=1e-12)
    assert np.abs(ours).max() > 1e-3


def gradient_of(layout, x, bias, rollout, estimator, entropy_coef):
    """The population form's gradient `[2 L + 1]` of a rollout's episodes."""
    length, n = layout.length, len(rollout.returns)
    long = layout.dead_end_states >= 0
    params = np.zeros((1, 2 * length + 1))
    params[0, :length], params[0, -1] = x[:length], bias
    params[0, length:-1][long] = x[layout.dead_end_states[long]]
    lengths = rollout.returns.astype(np.int64)[None]
    visited = np.array([min(lengths.max() + 1, length)])
    signs = path_signs(layout)[None]
    success = 1 / (1 + np.exp(-2 * signs * (params[:, :length] + bias)))
    turns = np.zeros((1, n if long.any() else 0))
    for observation, action, episode in zip(rollout.observations, rollout.actions, rollout.episode, strict=True):
        if observation > layout.wall:
            turns[0, episode] = action - 1 / (1 + np.exp(-2 * (x[observation] + bias)))
    advantages = estimator(torch.from_numpy(rollout.returns[None])).numpy()
    gradient = np.zeros_like(params)
    compiled.gradient_rows(success, signs, lengths, turns, visited, advantages / n, gradient)
    is_long = long[None] if long.any() else np.zeros((1, 0), dtype=bool)
    compiled.add_entropy_rows(params, is_long, lengths, visited, entropy_coef / n, gradient)
    return gradient[0]


def reference_training(layout, seed, estimator, n, optimizer, rate, iterations, entropy_coef):
    """The same training in torch with autograd, one step at a time, from the documented streams."""
    draws, turns = (
        np.random.default_rng(derive_seed(seed, "maze_population", what)).random((iterations, n))
        for what in ("episodes", "dead_ends")
    )
    theta = torch.zeros(layout.num_states, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]([theta, bias], lr=rate, maximize=True)
    for row, turn_row in zip(draws, turns, strict=True):
        log_policy = torch.log_softmax(theta + bias, -1)
        policy = log_policy.detach().exp().numpy()
        survival = layout.survival(policy)
        psi, returns, entropy = [], [], []
        for u, turn in zip(row, turn_row, strict=True):
            t = int((survival > u).sum())
            steps = [(s, layout.correct_actions[s]) for s in range(t)]
            if t < layout.length:
                steps.append((t, 1 - layout.correct_actions[t]))
                dead_end = layout.dead_end_states[t]
                if dead_end >= 0:
                    steps.append((dead_end, int(turn < policy[dead_end, 1])))
            psi.append(sum(log_policy[s, a] for s, a in steps))
            entropy.append(sum(-(log_policy[s].exp() * log_policy[s]).sum() for s, _ in steps))
            returns.append(t)
        advantages = estimator(torch.tensor(returns, dtype=torch.float64))
        factor = estimator.scale_factor(n) / estimator.k
        optimizer.zero_grad()
        (factor * (advantages @ torch.stack(psi)) + entropy_coef / n * sum(entropy)).backward()
        optimizer.step()
    return theta.detach().numpy(), bias.detach().numpy()


@pytest.mark.parametrize("dead_end_length", [1, "mixed"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(("name", "entropy_coef"), [("reinforce_l1o", 0.01), ("ei_l2o", 0.0)])
def test_training_equals_torch_with_autograd(name, entropy_coef, optimizer, dead_end_length):
    layout = MazeLayout.generate(12, 0.8, dead_end_length, instance=1)
    rate, iterations = 0.2, 40
    estimator = get_estimator(name, 3)
    ours = train_population(
        layout,
        estimator,
        n=6,
        learning_rates=[rate, 0.05],
        seeds=[5, 6],
        iterations=iterations,
        optimizer=optimizer,
        entropy_coef=entropy_coef,
        record_every=10,
    )
    theta, bias = reference_training(layout, 5, estimator, 6, optimizer, rate, iterations, entropy_coef)
    np.testing.assert_allclose(ours.theta[0], theta, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.bias[0], bias, rtol=0, atol=1e-9)
    assert np.abs(theta).max() > 0.1


def test_dead_ends_of_two_steps_are_counted_as_steps_and_learnt_from():
    def train(mazes, iterations):
        options = dict(k=2, n=8, learning_rates=[0.1] * 2, seeds=[0, 1], record_every=iterations)
        return train_population(mazes, "ei", iterations=iterations, **options)

    mixed, short = ([MazeLayout.generate(30, 0.8, kind, instance) for instance in (0, 1)] for kind in ("mixed", 1))
    result = train(mixed, 5)
    for run, maze in enumerate(mixed):
        dead_ends = maze.dead_end_states[maze.dead_end_states >= 0]
        assert np.abs(result.theta[run, dead_ends, 1]).max() > 0
        assert not result.theta[run, [maze.goal, maze.wall]].any()
    first, plain = train(mixed, 1), train(short, 1)
    np.testing.assert_array_equal(first.return_mean, plain.return_mean)
    np.testing.assert_array_equal(plain.env_steps[0], 8 * (plain.return_mean[0] + 1))
    assert (first.env_steps > plain.env_steps).all()
    assert (first.env_steps < 8 * (plain.return_mean + 2)).all()


def test_variance_ratio_of_mixed_dead_ends_is_that_of_sampled_gradients():
    layout = MazeLayout.generate(25, 0.8, "mixed", instance=2)
    rng = np.random.default_rng(0)
    x, bias = rng.normal(scale=0.3, size=layout.num_states), 0.3
    theta, vector = np.stack([-x, x], -1), np.array([-bias, bias])
    ours = variance_ratio(layout, theta, vector, 6, 3, num_groups=4000, seed=1)
    agent = make_agent("ei", "maxpo_bench:maxpo/Maze-v0", k=3, group_size=6, **maze_kwargs(layout, "mixed"))
    with torch.no_grad():
        agent.policy.logits[:], agent.policy.bias[:] = torch.tensor(theta), torch.tensor(vector)
    agent.policy.prepare()
    gradients = []
    for group in range(1500):
        rollout = collect(agent.vector_env, agent.policy, list(range(6)), np.random.default_rng([1, group]))
        agent.policy.set_gradient(rollout, agent._weights(rollout.returns.reshape(1, 6)), 0.0)
        grads = agent.policy.logits.grad.numpy().ravel(), agent.policy.bias.grad.numpy()
        gradients.append(np.concatenate(grads))
    squares = ((np.array(gradients) - np.mean(gradients, axis=0)) ** 2).sum(axis=1)
    variance, error = squares.mean(), squares.std() / np.sqrt(len(squares))
    relative = error / variance
    # both are sampled; ours has 4000 groups
    assert abs(ours.variance_ei - variance) < 6 * variance * relative * np.sqrt(1 + 1500 / 4000)
    assert relative < 0.1
