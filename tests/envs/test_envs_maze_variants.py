"""The mazes with chance and with more actions: exact values, layouts, and what is left without either."""

from __future__ import annotations

import itertools
import pickle
from fractions import Fraction

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from scipy.integrate import quad
from scipy.special import ndtr

from maxpo_bench.envs import MazeEnv, MazeLayout, NoisyMaze, StochasticMazeEnv, WideMazeEnv


def paths(maze: NoisyMaze, policy) -> dict[tuple[int, int], Fraction]:
    """P((correct steps, all steps)) by following every chosen and every slipped action, in rationals."""
    table, number, slip = maze.layout.transitions, maze.layout.num_actions, Fraction(maze.slip)
    found: dict[tuple[int, int], Fraction] = {}
    frontier = [(0, Fraction(1), 0, 0)]
    while frontier:
        state, probability, correct, steps = frontier.pop()
        for action in range(number):
            share = probability * ((1 - slip) * Fraction(policy[state][action]) + slip / number)
            end = correct + int(table.reward[state, action]), steps + 1
            if table.terminated[state, action]:
                found[end] = found.get(end, Fraction(0)) + share
            elif share:
                frontier.append((int(table.next_state[state, action]), share, *end))
    return found


def dyadic_policy(rng, maze):
    number = maze.layout.num_actions
    return rng.multinomial(64, np.full(number, 1 / number), size=maze.layout.num_states) / 64


@pytest.mark.parametrize("dead_end_length", [1, 2, "mixed"])
@pytest.mark.parametrize(("num_actions", "slip"), [(2, 0.25), (3, 0.0), (4, 0.5)])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_values_without_noise_equal_enumeration(dead_end_length, num_actions, slip, k, rng):
    for instance in range(3):
        maze = NoisyMaze(MazeLayout.generate(4, 0.5, dead_end_length, instance, num_actions), slip)
        policy = dyadic_policy(rng, maze)
        shares = np.array([Fraction(0)] * 5)
        for (correct, _), share in paths(maze, policy.tolist()).items():
            shares[correct] += share
        below = np.cumsum(shares)
        assert below[-1] == 1
        exact = sum(1 - below[t] ** k for t in range(4))
        assert maze.max_at_k(policy, k) == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize("dead_end_length", [1, 2, "mixed"])
@pytest.mark.parametrize("noise", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("k", [2, 4, 30])
def test_values_with_noise_equal_integration_over_enumerated_paths(dead_end_length, noise, k, rng):
    maze = NoisyMaze(MazeLayout.generate(4, 0.5, dead_end_length, 1, 3), 0.125, noise)
    policy = dyadic_policy(rng, maze)
    laws = [(correct, noise * np.sqrt(steps), float(share)) for (correct, steps), share in paths(maze, policy).items()]

    def best_is_below(x):
        return sum(share * ndtr((x - mean) / scale) for mean, scale, share in laws) ** k

    points = np.unique([mean + scale * z for mean, scale, _ in laws for z in np.linspace(-9, 9, 19)])
    pairs = itertools.pairwise(points)
    total = sum(quad(best_is_below, low, high, epsabs=1e-14, epsrel=1e-13)[0] for low, high in pairs)
    assert maze.max_at_k(policy, k) == pytest.approx(points[-1] - total, rel=1e-10)
    assert maze.max_at_k(policy, 1) == pytest.approx(sum(mean * share for mean, _, share in laws), rel=1e-13)


def test_noise_raises_the_best_of_several_and_not_the_mean(rng):
    layout = MazeLayout.generate(30, 0.7, "mixed", num_actions=3)
    policy = rng.dirichlet(np.ones(3), size=layout.num_states)
    policy[:30] = 0.05 / 3 + 0.95 * np.eye(3)[layout.correct_actions]
    for k in (1, 2, 8):
        values = [NoisyMaze(layout, 0.0, noise).max_at_k(policy, k) for noise in (0.0, 1e-7, 0.5, 1.0)]
        if k == 1:
            assert len(set(values)) == 1
        else:
            assert values[1] == pytest.approx(values[0], abs=1e-5)
            assert values[1] < values[2] < values[3]


def test_without_chance_the_variants_are_the_maze(rng):
    plain = MazeEnv(length=30, dead_end_length="mixed", instance=4)
    still = StochasticMazeEnv(length=30, dead_end_length="mixed", slip=0.0, instance=4)
    narrow = WideMazeEnv(length=30, dead_end_length="mixed", num_actions=2, reward_noise=0.0, instance=4)
    policy = rng.dirichlet([1.0, 9.0], size=plain.num_states)
    for other in (still, narrow):
        assert other.layout == plain.layout
        assert other.optimal_value == plain.optimal_value == 30.0
        for k in (1, 4):
            assert other.exact_value(policy, k) == plain.exact_value(policy, k)
        for env in (plain, other):
            env.reset(seed=1)
        for action in plain.layout.correct_actions[:20]:
            assert data_equivalence(plain.step(action), other.step(action), exact=True)


@pytest.mark.parametrize(("env_id", "kwargs"), [("StochasticMaze", {"slip": 0.1}), ("WideMaze", {"num_actions": 3})])
def test_the_optimal_value_is_that_of_the_correct_actions_and_no_other_policy_has_more(env_id, kwargs, rng):
    env = gym.make(f"maxpo/{env_id}-v0", length=12, dead_end_length="mixed", **kwargs).unwrapped
    right = np.full((env.num_states, env.num_actions), 1 / env.num_actions)
    right[:12] = np.eye(env.num_actions)[env.layout.correct_actions]
    assert env.exact_value(right) == pytest.approx(env.optimal_value, rel=1e-14)
    for _ in range(50):
        other = np.where(rng.random((env.num_states, 1)) < 0.2, rng.dirichlet(np.ones(env.num_actions)), right)
        assert env.exact_value(other) <= env.optimal_value * (1 + 1e-14)


def test_the_default_slip_leaves_632_of_1000_steps_and_37_of_100_walks():
    env = StochasticMazeEnv()
    assert round(env.optimal_value) == 632
    right = np.full((env.num_states, 2), 0.5)
    right[:1000] = np.eye(2)[env.layout.correct_actions]
    assert round(100 * env.maze.success_probabilities(right).prod()) == 37
    assert env.optimal_value == pytest.approx(0.999 * (1 - 0.999**1000) / 0.001, rel=1e-12)


@pytest.mark.parametrize("length", [1, 5, 7, 1000])
@pytest.mark.parametrize("num_actions", [2, 3, 4, 7])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_other_actions_share_the_rest_evenly(length, num_actions, share):
    counts = np.bincount(MazeLayout.generate(length, share, 1, 2, num_actions).correct_actions, minlength=num_actions)
    assert counts[1] == round(share * length)
    others = np.delete(counts, 1)
    assert others.sum() == length - counts[1]
    assert others.max() - others.min() <= 1


def test_the_instance_permutes_the_actions():
    layouts = [MazeLayout.generate(200, 0.5, 1, instance, 4).correct_actions for instance in (0, 0, 1)]
    np.testing.assert_array_equal(layouts[0], layouts[1])
    assert (layouts[0] != layouts[2]).any()
    assert (np.diff(layouts[0]) < 0).any()


def test_two_actions_give_the_layouts_they_always_gave():
    """Written down when mazes had two actions only: scores and figures depend on it."""
    layout = MazeLayout.generate(30, 0.8, "mixed", 7)
    assert "".join(map(str, layout.correct_actions)) == "110011111111111111111110111000"
    assert "".join(map(str, layout.dead_end_lengths)) == "211122212212222122111111221212"


def test_the_transitions_of_a_wide_maze():
    layout = MazeLayout(2, np.array([2, 0]), np.array([2, 1]), num_actions=3)
    assert (layout.goal, layout.wall, layout.num_states) == (2, 3, 5)
    table = layout.transitions
    assert table.next_state[:2].tolist() == [[4, 4, 1], [2, 3, 3]]
    assert table.reward[:2].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert table.terminated[:2].tolist() == [[False, False, False], [True, True, True]]
    assert table.next_state[4].tolist() == [3, 3, 3]
    assert table.terminated[4].all()
    assert layout.correct_steps.tolist() == [0, 1, 2, -1, 0]


def test_the_blind_policy_of_a_wide_maze():
    layout = MazeLayout.generate(20, 0.8, num_actions=5)
    policy = layout.blind_policy(0.6)
    np.testing.assert_allclose(policy[0], [0.1, 0.6, 0.1, 0.1, 0.1], rtol=1e-15)
    assert layout.blind_return(1.0) == np.argmin(layout.correct_actions == 1)


def test_mazes_with_chance_are_values():
    maze = NoisyMaze(MazeLayout.generate(9, 0.8, "mixed", 3, 4), 0.1, 0.5)
    clone = pickle.loads(pickle.dumps(maze))
    assert clone == maze
    assert hash(clone) == hash(maze)
    assert clone.layout.num_actions == 4
    assert maze != NoisyMaze(maze.layout, 0.1, 0.6)
    assert maze != NoisyMaze(MazeLayout.generate(9, 0.8, "mixed", 3, 5), 0.1, 0.5)
    assert MazeLayout(2, np.ones(2, dtype=int), np.ones(2, dtype=int), num_actions=3) != MazeLayout(
        2, np.ones(2, dtype=int), np.ones(2, dtype=int)
    )
