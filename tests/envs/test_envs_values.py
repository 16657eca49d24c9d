"""Exact values against enumeration in rationals, against simulation, and against the paper's definitions."""

from __future__ import annotations

import itertools
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from maxpo_bench.envs import BanditEnv, BanditInstance, BanditVectorEnv, MazeEnv, MazeLayout, MazeVectorEnv
from maxpo_bench.envs.streams import standard_normal, stream_keys


def walk_distribution(layout: MazeLayout, policy) -> dict[int, Fraction]:
    """P(return) by following every action sequence through the transition table, in rationals."""
    table, found = layout.transitions, {}
    frontier = [(0, Fraction(1), 0)]
    while frontier:
        state, probability, total = frontier.pop()
        for action in (0, 1):
            share = probability * Fraction(policy[state][action])
            reward = total + int(table.reward[state, action])
            if table.terminated[state, action]:
                found[reward] = found.get(reward, 0) + share
            else:
                frontier.append((int(table.next_state[state, action]), share, reward))
    return found


def best_of(distribution: dict, k: int) -> Fraction:
    """E[max of k draws] by summing over all k-tuples of outcomes."""
    total = Fraction(0)
    for outcomes in itertools.product(distribution.items(), repeat=k):
        probability = Fraction(1)
        for _, share in outcomes:
            probability *= share
        total += probability * Fraction(max(value for value, _ in outcomes))
    return total


def dyadic_policy(rng, states, actions):
    counts = rng.multinomial(64, np.full(actions, 1 / actions), size=states)
    return counts / 64


@pytest.mark.parametrize("dead_end_length", [1, 2, "mixed"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_maze_values_equal_enumeration(dead_end_length, k, rng):
    for instance in range(4):
        layout = MazeLayout.generate(5, 0.6, dead_end_length, instance)
        policy = dyadic_policy(rng, layout.num_states, 2)
        exact = best_of(walk_distribution(layout, policy.tolist()), k)
        assert layout.max_at_k(policy, k) == pytest.approx(float(exact), rel=1e-14)
        if k == 1:
            assert layout.expected_return(policy) == pytest.approx(float(exact), rel=1e-14)


@settings(max_examples=30, deadline=None)
@given(
    rewards=st.lists(st.integers(-3, 3), min_size=1, max_size=4),
    counts=st.lists(st.integers(0, 5), min_size=4, max_size=4),
    k=st.integers(1, 4),
)
def test_bandit_values_equal_enumeration(rewards, counts, k):
    shares = [Fraction(count + 1) for count in counts[: len(rewards)]]
    shares = [share / sum(shares) for share in shares]
    distribution: dict = {}
    for reward, share in zip(rewards, shares, strict=True):
        distribution[reward] = distribution.get(reward, 0) + share
    env = BanditEnv(arm_rewards=rewards)
    value = env.exact_value([[float(share) for share in shares]], k)
    assert value == pytest.approx(float(best_of(distribution, k)), abs=1e-13)


# At least 4000 independent groups in both tests: a mean is off by 6 standard errors with probability 2e-9.
@pytest.mark.parametrize("k", [1, 4])
def test_maze_values_equal_simulation(k, rng):
    envs = MazeVectorEnv(4000 * k, length=6, majority_share=0.5, dead_end_length="mixed", autoreset_mode="SameStep")
    policy = rng.dirichlet([2.0, 1.0], size=envs.num_states)
    states, returns, open_ = envs.reset(seed=1)[0], np.zeros(envs.num_envs), np.ones(envs.num_envs, dtype=bool)
    for _ in range(7):  # six steps and a dead end: no episode is longer
        states, rewards, terminated, _, _ = envs.step((rng.random(envs.num_envs) < policy[states, 1]).astype(int))
        returns += rewards * open_
        open_ &= ~terminated
    assert not open_.any()
    best = returns.reshape(-1, k).max(axis=1)
    assert abs(best.mean() - envs.exact_value(policy, k)) < 6 * best.std() / np.sqrt(best.size)


@pytest.mark.parametrize("noise", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("k", [1, 4])
def test_bandit_values_equal_simulation(k, noise, rng):
    envs = BanditVectorEnv(20_000 * k, num_arms=6, reward_noise=noise)
    policy = softmax(envs.initial_logits)
    envs.reset(seed=1)
    rewards = envs.step(rng.choice(6, p=policy, size=envs.num_envs))[1]
    best = rewards.reshape(-1, k).max(axis=1)
    assert abs(best.mean() - envs.exact_value(policy[None], k)) < 6 * best.std() / np.sqrt(best.size)


def test_noisy_bandit_values_have_known_limits():
    one = BanditEnv(arm_rewards=[2.0], reward_noise=3.0)
    assert one.exact_value([[1.0]], 1) == 2.0
    assert one.exact_value([[1.0]], 2) == pytest.approx(2.0 + 3.0 / np.sqrt(np.pi), abs=1e-11)
    assert one.exact_value([[1.0]], 3) == pytest.approx(2.0 + 3.0 * 1.5 / np.sqrt(np.pi), abs=1e-11)
    quiet, still = BanditEnv(num_arms=300, reward_noise=1e-9), BanditEnv(num_arms=300)
    policy = softmax(still.initial_logits)[None]
    for k in (1, 2, 16):
        assert quiet.exact_value(policy, k) == pytest.approx(still.exact_value(policy, k), abs=1e-8)


def test_noisy_bandit_values_equal_those_of_a_fine_discretisation():
    grid = (np.arange(40_000) + 0.5) / 40_000
    normal = BanditEnv(arm_rewards=np.append(_quantiles(grid) * 0.2, _quantiles(grid) * 0.2 + 1.0))
    policy = np.append(np.full(40_000, 0.7 / 40_000), np.full(40_000, 0.3 / 40_000))[None]
    noisy = BanditEnv(arm_rewards=[0.0, 1.0], reward_noise=0.2)
    for k in (2, 5, 30):
        assert noisy.exact_value([[0.7, 0.3]], k) == pytest.approx(normal.exact_value(policy, k), abs=2e-5)


def _quantiles(uniform):
    from scipy.special import ndtri

    return ndtri(uniform)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("length", [1, 7, 1000])
def test_the_majority_has_exactly_its_share(length, share):
    for instance in range(3):
        layout = MazeLayout.generate(length, share, 1, instance)
        assert layout.correct_actions.sum() == round(share * length)


def test_blind_returns():
    layout = MazeLayout(4, np.array([1, 1, 0, 1]), np.ones(4, dtype=int))
    assert layout.blind_return(1.0) == layout.blind_return() == 2.0
    assert layout.blind_return(0.0) == 0.0
    q = 0.75
    assert layout.blind_return(q) == q + q * q + q * q * (1 - q) + q**3 * (1 - q)
    env = MazeEnv(length=4, majority_share=1.0)
    assert env.exact_value(env.layout.blind_policy(1.0)) == env.optimal_value == 4.0


def test_the_habit_is_a_local_optimum_far_from_the_best():
    """The paper's maze: the best blind policy earns more than a coin, and under 1 % of the thousand steps."""
    layout = MazeLayout.generate()
    returns = np.array([layout.blind_return(q) for q in np.linspace(0.0, 1.0, 101)])
    assert 0.01 * layout.length > returns.max() > returns[50]
    assert returns[-1] == np.argmin(layout.correct_actions)


def test_the_optimal_policies_reach_the_optimal_value():
    env = MazeEnv(length=50, dead_end_length="mixed")
    policy = np.full((env.num_states, 2), 0.5)
    policy[:50] = np.eye(2)[env.layout.correct_actions]
    assert env.exact_value(policy) == env.exact_value(policy, 9) == env.optimal_value == 50.0
    bandit = BanditEnv(num_arms=50)
    best = np.eye(50)[[np.argmax(bandit.arm_rewards)]]
    assert bandit.exact_value(best) == bandit.optimal_value == bandit.arm_rewards.max()
    assert bandit.exact_value(best, 9) == pytest.approx(bandit.optimal_value, rel=1e-14)


def test_max_at_k_keeps_its_digits_where_success_is_rare():
    layout = MazeLayout.generate(30, 0.5)
    value = layout.max_at_k(layout.blind_policy(0.5), 7)
    exact = sum(1 - (1 - Fraction(1, 2**t)) ** 7 for t in range(1, 31))
    assert value == pytest.approx(float(exact), rel=1e-14)
    long = MazeLayout(1, np.array([1]), np.array([1]))
    assert long.max_at_k([[1 - 1e-30, 1e-30], [1, 0], [1, 0]], 5) == pytest.approx(5e-30, rel=1e-12)


def test_instances_follow_the_papers_distribution():
    """N(0, 1), independent: 4e4 values each; every bound is 6 standard errors (false alarm < 1e-7 together)."""
    instances = [BanditInstance.generate(400, i) for i in range(100)]
    rewards = np.concatenate([one.arm_rewards for one in instances])
    logits = np.concatenate([one.initial_logits for one in instances])
    for values in (rewards, logits):
        assert abs(values.mean()) < 6 / 200
        assert abs(values.var() - 1) < 6 * np.sqrt(2) / 200
    assert abs((rewards * logits).mean()) < 6 / 200
    np.testing.assert_array_equal(BanditInstance.generate(10, 3).arm_rewards, instances[3].arm_rewards[:10])


def test_noise_is_standard_normal_and_independent_along_both_axes():
    """1e6 numbers; bounds are 6 standard errors each (false alarm < 1e-7 together)."""
    keys = stream_keys(np.arange(1000))
    noise = standard_normal(keys[:, None], np.arange(1000, dtype=np.uint64)[None, :])
    assert np.isfinite(noise).all()
    assert abs(noise.mean()) < 6e-3
    assert abs((noise**2).mean() - 1) < 6 * np.sqrt(2) * 1e-3
    assert abs((noise**4).mean() - 3) < 6 * np.sqrt(96) * 1e-3
    assert abs((noise[1:] * noise[:-1]).mean()) < 6e-3
    assert abs((noise[:, 1:] * noise[:, :-1]).mean()) < 6e-3
    assert np.unique(noise).size > 999_990


def test_no_seed_continues_the_stream_of_another():
    """Counters step by the golden ratio's 64 bits; seeds that differ by a multiple of it must not overlap."""
    step = (2 * 0x9E3779B97F4A7C15) % 2**64
    shifted, plain = stream_keys(np.array([step])), stream_keys(np.array([0]))
    assert standard_normal(shifted, np.uint64([0])) != standard_normal(plain, np.uint64([2]))


def test_mixed_dead_ends_are_half_of_each_and_leave_the_path_alone():
    mixed, short = MazeLayout.generate(10_000, 0.8, "mixed"), MazeLayout.generate(10_000, 0.8, 1)
    np.testing.assert_array_equal(mixed.correct_actions, short.correct_actions)
    assert abs((mixed.dead_end_lengths == 2).mean() - 0.5) < 6 * 0.5 / 100
    assert set(mixed.dead_end_lengths.tolist()) == {1, 2}


def test_the_states_of_a_maze_with_both_dead_ends():
    layout = MazeLayout(3, np.array([1, 0, 1]), np.array([2, 1, 2]), 5)
    assert (layout.goal, layout.wall, layout.num_states) == (3, 4, 7)
    assert layout.dead_end_states.tolist() == [5, -1, 6]
    table = layout.transitions
    assert table.next_state[:3].tolist() == [[5, 1], [2, 4], [6, 3]]
    assert table.reward[:3].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert table.terminated[:3].tolist() == [[False, False], [False, True], [False, True]]
    assert table.next_state[5:].tolist() == [[4, 4], [4, 4]]
    assert table.terminated[5:].all()
    assert not table.reward[3:].any()


def test_a_wrong_action_ends_the_episode_in_one_or_two_steps():
    for dead_end_length in (1, 2):
        env = MazeEnv(length=5, majority_share=1.0, dead_end_length=dead_end_length)
        env.reset()
        env.step(1)
        steps = [env.step(0)]
        if dead_end_length == 2:
            assert steps[-1] == (5 + 2 + 1, 0.0, False, False, {})
            steps.append(env.step(1))
        assert steps[-1] == (6, 0.0, True, False, {})


def test_the_goal_ends_the_episode():
    env = MazeEnv(length=3)
    env.reset()
    trace = [env.step(action) for action in env.layout.correct_actions]
    assert [step[:3] for step in trace] == [(1, 1.0, False), (2, 1.0, False), (3, 1.0, True)]


def test_instances_are_values():
    layout = MazeLayout.generate(20, 0.8, "mixed", 2)
    clone = pickle.loads(pickle.dumps(layout))
    assert clone == layout == MazeLayout.generate(20, 0.8, "mixed", 2)
    assert hash(clone) == hash(layout)
    assert layout != MazeLayout.generate(20, 0.8, 1, 2)
    assert layout != 3
    bandit = BanditInstance.generate(7, 1, reward_noise=0.5)
    twin = pickle.loads(pickle.dumps(bandit))
    assert twin == bandit
    assert hash(twin) == hash(bandit)
    assert bandit != BanditInstance.generate(7, 1)
    assert bandit != "bandit"
    for array in (clone.correct_actions, layout.dead_end_lengths, twin.arm_rewards, bandit.initial_logits):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_rewards_of_ones_own():
    env = BanditEnv(arm_rewards=(3, 1.5))
    assert env.num_actions == 2
    env.reset()
    assert env.step(1)[:3] == (0, 1.5, True)
    assert env.initial_logits.shape == (2,)
    assert BanditEnv(2, arm_rewards=[3, 1.5]) == env
