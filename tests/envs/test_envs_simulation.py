"""Exact values against simulation, for every registered id, and the laws of single pulls against their formulas."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from env_variants import RANDOM_VARIANTS
from scipy.special import ndtr, stdtr

from maxpo_bench.envs import NUMERIC_ENVIRONMENTS, HeavyTailBanditVectorEnv, StochasticMazeVectorEnv, WideMazeVectorEnv

GROUPS = 5000
SIMULATED = [
    *RANDOM_VARIANTS.items(),
    ("maxpo/StochasticMaze-v0", {"length": 8, "dead_end_length": 2, "slip": 0.3}),
    ("maxpo/StochasticMaze-v0", {"length": 8, "slip": 0.1, "reward_noise": 2.0}),
    ("maxpo/WideMaze-v0", {"length": 8, "dead_end_length": 2, "num_actions": 5, "reward_noise": 1.5}),
    ("maxpo/SafeRiskyBandit-v0", {"num_arms": 3, "num_risky": 2, "low_reward": -4.0, "risky_probability": 0.6}),
]


def play(envs, policy, rng):
    """Return the returns ``[num_envs]`` of one episode of each environment."""
    states, returns, is_open = envs.reset(seed=3)[0], np.zeros(envs.num_envs), np.ones(envs.num_envs, dtype=bool)
    cumulative = policy.cumsum(axis=1)
    while is_open.any():
        uniforms = rng.random((envs.num_envs, 1))
        actions = np.minimum((uniforms > cumulative[states]).sum(axis=1), policy.shape[1] - 1)
        states, rewards, terminated, _, _ = envs.step(actions)
        returns += rewards * is_open
        is_open &= ~terminated
    return returns


# A mean of 5000 groups, of variables with four moments at least, is off by 6.5 of its standard errors with
# probability 1e-10, in one of the 33 cells with probability below 1e-8.
@pytest.mark.parametrize(("env_id", "kwargs"), SIMULATED, ids=str)
@pytest.mark.parametrize("k", [1, 2, 8])
def test_exact_values_equal_simulation(env_id, kwargs, k, rng):
    envs = gym.make_vec(env_id, num_envs=GROUPS * k, autoreset_mode="SameStep", **kwargs).unwrapped
    policy = rng.dirichlet(np.full(envs.num_actions, 2.0), size=envs.num_states)
    if "Maze" in env_id:  # mostly right, so that episodes end everywhere
        right = envs.layout.correct_actions
        policy[np.arange(right.size)] = 0.2 * policy[: right.size] + 0.8 * np.eye(envs.num_actions)[right]
    best = play(envs, policy, rng).reshape(GROUPS, k).max(axis=1)
    assert best.std() > 0
    assert abs(best.mean() - envs.exact_value(policy, k)) < 6.5 * best.std() / np.sqrt(GROUPS)


def test_every_registered_id_is_simulated():
    assert {env_id for env_id, _ in SIMULATED} == set(NUMERIC_ENVIRONMENTS)


# P(sup |empirical - exact| > d) <= 2 exp(-2 n d^2) (Dvoretzky, Kiefer, Wolfowitz, Massart): 1e-8 for d below.
DISTANCE = np.sqrt(np.log(2e8) / 2)


def distance_from(sample, cdf):
    """The Kolmogorov-Smirnov distance times the root of the sample's size."""
    ordered = np.sort(sample)
    below = cdf(ordered)
    steps = np.arange(ordered.size + 1) / ordered.size
    return np.sqrt(ordered.size) * max(np.abs(steps[1:] - below).max(), np.abs(below - steps[:-1]).max())


@pytest.mark.parametrize("df", [1.1, 3.0])
def test_heavy_tailed_pulls_follow_students_law(df):
    envs = HeavyTailBanditVectorEnv(100_000, arm_rewards=[1.0, -2.0], df=df, reward_noise=0.7)
    envs.reset(seed=0)
    rewards = envs.step(np.ones(envs.num_envs, dtype=int))[1]
    assert distance_from(rewards, lambda x: stdtr(df, (x + 2.0) / 0.7)) < DISTANCE
    assert distance_from(rewards, lambda x: ndtr((x + 2.0) / 0.7)) > DISTANCE


def test_the_noise_of_a_walk_adds_up_over_its_steps():
    envs = WideMazeVectorEnv(100_000, length=7, reward_noise=0.3, autoreset_mode="SameStep")
    table = np.full((envs.num_states, envs.num_actions), 0.0)
    table[:, 0] = 1.0
    table[:7] = np.eye(envs.num_actions)[envs.layout.correct_actions]
    returns = play(envs, table, np.random.default_rng(0))
    assert distance_from(returns, lambda x: ndtr((x - 7.0) / (0.3 * np.sqrt(7)))) < DISTANCE


def test_slips_are_as_probable_as_said_and_spread_over_all_actions():
    """The binomial counts are off by 6.5 standard deviations with probability below 1e-9."""
    number, slip = 100_000, 0.3
    envs = StochasticMazeVectorEnv(number, length=1, majority_share=1.0, slip=slip)
    for action, success in ((1, 1 - slip / 2), (0, slip / 2)):
        envs.reset(seed=1)
        rewards = envs.step(np.full(number, action))[1]
        assert abs(rewards.sum() - number * success) < 6.5 * np.sqrt(number * success * (1 - success))
    kept = StochasticMazeVectorEnv(number, length=1, majority_share=1.0, slip=0.0)
    kept.reset(seed=1)
    assert kept.step(np.ones(number, dtype=int))[1].all()


def test_slips_reach_every_action_equally_often():
    from maxpo_bench.envs.maze_layout import MazeLayout
    from maxpo_bench.envs.noisy_maze import NoisyMaze
    from maxpo_bench.envs.streams import stream_keys

    number, actions = 100_000, 5
    maze = NoisyMaze(MazeLayout.generate(3, num_actions=actions), slip=0.5)
    chosen = np.full(number, 2)
    done = maze.act(chosen, stream_keys(np.arange(number)), np.zeros(number, dtype=np.uint64))
    shares = np.full(actions, 0.5 / actions) + 0.5 * np.eye(actions)[2]
    deviations = np.bincount(done, minlength=actions) - number * shares
    assert (np.abs(deviations) < 6.5 * np.sqrt(number * shares * (1 - shares))).all()
    assert (chosen == 2).all()
