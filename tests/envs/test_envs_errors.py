"""What is refused, and that each message says what, where and how to mend it."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from env_variants import env_class

from maxpo_bench.envs import (
    NUMERIC_ENVIRONMENTS,
    BanditEnv,
    BanditInstance,
    BanditVectorEnv,
    BernoulliBanditEnv,
    HeavyTailBanditEnv,
    MazeEnv,
    MazeLayout,
    MazeVectorEnv,
    SafeRiskyBanditEnv,
    StochasticMazeEnv,
    WideMazeEnv,
)

ONES = np.ones(2, dtype=int)

CONSTRUCTORS = [
    (BanditEnv, {"num_arms": 0}, ValueError, "num_arms must be at least 1, got 0"),
    (BanditEnv, {"num_arms": 2.0}, TypeError, "num_arms must be an integer, got 2.0"),
    (BanditEnv, {"num_arms": True}, TypeError, "num_arms must be an integer, got True"),
    (BanditEnv, {"instance": "a"}, TypeError, "instance must be an integer, got 'a'"),
    (BanditEnv, {"reward_noise": -0.1}, ValueError, "reward_noise must be at least 0 and finite, got -0.1"),
    (BanditEnv, {"reward_noise": float("nan")}, ValueError, "reward_noise must be at least 0 and finite, got nan"),
    (BanditEnv, {"reward_noise": "1"}, TypeError, "reward_noise must be a real number, got '1'"),
    (BanditEnv, {"arm_rewards": [1.0, np.inf]}, ValueError, "arm_rewards must be a vector of at least one finite"),
    (BanditEnv, {"arm_rewards": []}, ValueError, "arm_rewards must be a vector of at least one finite"),
    (BanditEnv, {"arm_rewards": [[1.0]]}, ValueError, "arm_rewards must be a vector of at least one finite"),
    (BanditEnv, {"arm_rewards": [1, 2], "num_arms": 3}, ValueError, "num_arms=3 contradicts the 2 arm_rewards: leave"),
    (BanditEnv, {"render_mode": "ansii"}, ValueError, r"unknown render_mode 'ansii'\. Did you mean 'ansi'"),
    (MazeEnv, {"length": 0}, ValueError, "length must be at least 1, got 0"),
    (MazeEnv, {"majority_share": 1.5}, ValueError, "majority_share must be at least 0 and at most 1, got 1.5"),
    (MazeEnv, {"dead_end_length": 3}, ValueError, 'dead_end_length must be 1, 2 or "mixed", got 3'),
    (MazeEnv, {"dead_end_length": "both"}, ValueError, "dead_end_length must be 1, 2 or \"mixed\", got 'both'"),
    (MazeEnv, {"dead_end_length": None}, TypeError, "dead_end_length must be an integer"),
    (BernoulliBanditEnv, {"arm_probabilities": [0.5, 1.5]}, ValueError, r"arm_probabilities must be in \[0, 1\], got"),
    (BernoulliBanditEnv, {"arm_probabilities": [np.nan]}, ValueError, "arm_probabilities must be a vector of at least"),
    (
        BernoulliBanditEnv,
        {"arm_probabilities": [0.5], "num_arms": 2},
        ValueError,
        "contradicts the 1 arm_prob",
    ),
    (BernoulliBanditEnv, {"num_arms": 0}, ValueError, "num_arms must be at least 1, got 0"),
    (BernoulliBanditEnv, {"instance": 1.0}, TypeError, "instance must be an integer, got 1.0"),
    (HeavyTailBanditEnv, {"df": 1}, ValueError, "df must be greater than 1, since Student's t has no mean at 1: raise"),
    (HeavyTailBanditEnv, {"df": 0.5}, ValueError, "df must be at least 1 and finite, got 0.5"),
    (HeavyTailBanditEnv, {"df": np.inf}, ValueError, "df must be at least 1 and finite, got inf"),
    (HeavyTailBanditEnv, {"df": "3"}, TypeError, "df must be a real number, got '3'"),
    (HeavyTailBanditEnv, {"reward_noise": -1.0}, ValueError, "reward_noise must be at least 0 and finite, got -1.0"),
    (
        HeavyTailBanditEnv,
        {"arm_rewards": [1, 2], "num_arms": 3},
        ValueError,
        "num_arms=3 contradicts the 2 arm_rewards",
    ),
    (SafeRiskyBanditEnv, {"num_arms": 1}, ValueError, "num_arms must be at least 2, got 1"),
    (SafeRiskyBanditEnv, {"num_risky": 0}, ValueError, "num_risky must be at least 1, got 0"),
    (SafeRiskyBanditEnv, {"num_risky": 10}, ValueError, "must leave a safe arm, got 10 of num_arms=10: lower it"),
    (SafeRiskyBanditEnv, {"safe_reward": 1.0}, ValueError, "low_reward < safe_reward < risky_reward must hold, or one"),
    (SafeRiskyBanditEnv, {"low_reward": 0.6}, ValueError, "better one for every k, got 0.6, 0.5 and 1"),
    (SafeRiskyBanditEnv, {"low_reward": -np.inf}, ValueError, "low_reward must be finite, got -inf"),
    (SafeRiskyBanditEnv, {"risky_reward": None}, TypeError, "risky_reward must be a real number, got None"),
    (SafeRiskyBanditEnv, {"risky_probability": 1.1}, ValueError, "risky_probability must be at least 0 and at most 1"),
    (StochasticMazeEnv, {"slip": 1.5}, ValueError, "slip must be at least 0 and at most 1, got 1.5"),
    (StochasticMazeEnv, {"slip": True}, TypeError, "slip must be a real number, got True"),
    (StochasticMazeEnv, {"reward_noise": -1}, ValueError, "reward_noise must be at least 0 and finite, got -1"),
    (StochasticMazeEnv, {"length": 0}, ValueError, "length must be at least 1, got 0"),
    (WideMazeEnv, {"num_actions": 1}, ValueError, "num_actions must be at least 2, got 1"),
    (WideMazeEnv, {"num_actions": 3.0}, TypeError, "num_actions must be an integer, got 3.0"),
    (WideMazeEnv, {"reward_noise": float("nan")}, ValueError, "reward_noise must be at least 0 and finite, got nan"),
    (WideMazeEnv, {"majority_share": -0.1}, ValueError, "majority_share must be at least 0 and at most 1, got -0.1"),
    (BanditVectorEnv, {"num_envs": 0}, ValueError, "num_envs must be at least 1, got 0"),
    (MazeVectorEnv, {"autoreset_mode": "Samestep"}, ValueError, r"unknown autoreset_mode.*Did you mean 'SameStep'"),
]


@pytest.mark.parametrize(("scalar_or_vector", "kwargs", "error", "message"), CONSTRUCTORS)
def test_constructors(scalar_or_vector, kwargs, error, message):
    with pytest.raises(error, match=message):
        scalar_or_vector(**kwargs)


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_what_the_scalar_class_refuses_the_vector_class_refuses_too(env_id):
    refused = [row for row in CONSTRUCTORS if row[0] is env_class(env_id)]
    assert refused
    for _, kwargs, error, message in refused:
        with pytest.raises(error, match=message):
            env_class(env_id, is_vector=True)(num_envs=2, **kwargs)


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_every_id_suggests_the_argument_that_was_meant(env_id):
    for make in (gym.make, gym.make_vec):
        with pytest.raises(TypeError, match=r"has no argument 'instanse'\. Did you mean 'instance'"):
            make(env_id, instanse=1)


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_every_id_refuses_wrong_actions_policies_and_options_by_name(env_id):
    env, envs = env_class(env_id)(), env_class(env_id, is_vector=True)(2)
    number = env.num_actions
    env.reset()
    envs.reset()
    with pytest.raises(ValueError, match=rf"action must be in 0 .. {number - 1}, got {number}"):
        env.step(number)
    with pytest.raises(ValueError, match=rf"actions must be in 0 .. {number - 1}, got {number} for environment 1"):
        envs.step(np.array([0, number]))
    shape = rf"policy must have shape \[num_states={env.num_states}, num_actions={number}\], got \(1, 1\)"
    for one in (env, envs):
        with pytest.raises(ValueError, match=shape):
            one.exact_value([[1.0]])
        with pytest.raises(ValueError, match="k must be at least 1, got 0"):
            one.exact_value(np.full((env.num_states, number), 1 / number), 0)
    with pytest.raises(ValueError, match=f"unknown reset option 'start' for {env_id}. It takes none"):
        env.reset(options={"start": 1})


def test_a_mistyped_argument_is_recognised_through_make():
    with pytest.raises(TypeError, match=r"BanditEnv has no argument 'num_arm'\. Did you mean 'num_arms'\?"):
        gym.make("maxpo/Bandit-v0", num_arm=3)
    with pytest.raises(TypeError, match=r"MazeVectorEnv has no argument 'lenght'\. Did you mean 'length'\?"):
        gym.make_vec("maxpo/Maze-v0", lenght=3)
    with pytest.raises(gym.error.NameNotFound, match="Did you mean: `Maze`"):
        gym.make("maxpo/Mase-v0")


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_out_of_range(seed):
    with pytest.raises(ValueError, match=rf"reset\(seed=...\) must be in 0 .. 2\*\*63 - 1, got {seed}"):
        MazeEnv().reset(seed=seed)
    with pytest.raises(ValueError, match=rf"must be in 0 .. 2\*\*63 - 1, got {seed}"):
        MazeVectorEnv(2).reset(seed=seed)
    with pytest.raises(ValueError, match=r"reset\(seed=\[...\]\) must hold integers in \[0, 2\*\*63\)"):
        MazeVectorEnv(2).reset(seed=[None, seed])


@pytest.mark.parametrize("seed", [1.0, "1", True])
def test_seeds_of_the_wrong_type(seed):
    with pytest.raises(TypeError, match=r"reset\(seed=...\) must be an integer or None"):
        MazeEnv().reset(seed=seed)
    if seed is not True:
        with pytest.raises(TypeError, match=r"reset\(seed=\[...\]\) must hold integers"):
            MazeVectorEnv(2).reset(seed=[0, seed])


def test_seed_lists_of_the_wrong_length():
    with pytest.raises(ValueError, match="must have one seed per environment, 2, got 3"):
        MazeVectorEnv(2).reset(seed=[1, 2, 3])


def test_options():
    with pytest.raises(ValueError, match=r"unknown reset option 'start' for maxpo/Maze-v0\. It takes none"):
        MazeEnv().reset(options={"start": 3})
    with pytest.raises(ValueError, match=r"unknown reset option 'reset_masks' .* Did you mean 'reset_mask'\?"):
        BanditVectorEnv(2).reset(options={"reset_masks": np.array([True, True])})


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        ([True, False], TypeError, "must be a NumPy array of dtype bool, got list"),
        (np.array([1, 0]), TypeError, "must be a NumPy array of dtype bool, got dtype int"),
        (np.array([True]), ValueError, r"must have shape \(2,\), got \(1,\)"),
        (np.array([False, False]), ValueError, "chooses no environment"),
    ],
)
def test_masks(mask, error, message):
    with pytest.raises(error, match=message):
        MazeVectorEnv(2).reset(options={"reset_mask": mask})


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (2, ValueError, r"action must be in 0 .. 1, got 2"),
        (-1, ValueError, r"action must be in 0 .. 1, got -1"),
        (0.5, TypeError, "action must be an integer, got 0.5"),
        (None, TypeError, "action must be an integer, got None"),
    ],
)
def test_actions(action, error, message):
    env = MazeEnv(length=3)
    env.reset()
    with pytest.raises(error, match=message):
        env.step(action)


@pytest.mark.parametrize("action", [1, np.int64(1), np.int32(1), np.array(1), np.uint8(1)])
def test_integers_of_every_kind_are_actions(action):
    env = MazeEnv(length=3, majority_share=1.0)
    env.reset()
    assert env.step(action)[0] == 1


@pytest.mark.parametrize(
    ("actions", "error", "message"),
    [
        (np.array([0, 2]), ValueError, r"actions must be in 0 .. 1, got 2 for environment 1"),
        (np.array([-1, 0]), ValueError, r"actions must be in 0 .. 1, got -1 for environment 0"),
        (np.array([0.0, 1.0]), TypeError, "actions must be integers, got dtype float64"),
        (np.zeros(3, dtype=int), ValueError, r"actions must have shape \(2,\), one per environment, got \(3,\)"),
    ],
)
def test_batches_of_actions(actions, error, message):
    envs = MazeVectorEnv(2, length=3)
    envs.reset()
    with pytest.raises(error, match=message):
        envs.step(actions)


def test_a_refused_step_changes_nothing():
    envs = MazeVectorEnv(2, length=3, majority_share=1.0)
    envs.reset()
    with pytest.raises(ValueError, match="actions must be"):
        envs.step(np.array([1, 9]))
    assert envs.step(ONES)[0].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (np.ones((3, 2)) / 2, r"policy must have shape \[num_states=5, num_actions=2\], got \(3, 2\)"),
        (np.ones((5, 2)), "non-negative rows that sum to 1"),
        (np.tile([-0.5, 1.5], (5, 1)), "non-negative rows that sum to 1"),
        (np.full((5, 2), np.nan), "non-negative rows that sum to 1"),
    ],
)
def test_policies(policy, message):
    env = MazeEnv(length=3)
    with pytest.raises(ValueError, match=message):
        env.exact_value(policy)
    with pytest.raises(ValueError, match=message):
        env.show_policy(policy)


@pytest.mark.parametrize("k", [0, -1])
def test_objective_sizes(k):
    with pytest.raises(ValueError, match="k must be at least 1"):
        MazeEnv(length=3).exact_value(np.ones((5, 2)) / 2, k)
    with pytest.raises(ValueError, match="k must be at least 1"):
        BanditEnv(2).exact_value([[0.5, 0.5]], k)


def test_layouts_and_instances_of_ones_own():
    with pytest.raises(ValueError, match="correct_actions must be a vector of the integers 0 and 1"):
        MazeLayout(2, np.array([0, 2]), ONES)
    with pytest.raises(ValueError, match="dead_end_lengths must be a vector of the integers 1 and 2"):
        MazeLayout(2, ONES, np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="correct_actions must be a vector of the integers 0 to 2"):
        MazeLayout(2, np.array([0, 3]), ONES, num_actions=3)
    with pytest.raises(ValueError, match="num_actions must be at least 2, got 1"):
        MazeLayout(2, np.zeros(2, dtype=int), ONES, num_actions=1)
    with pytest.raises(ValueError, match=r"correct_actions must have shape \[length=3\], got \(2,\)"):
        MazeLayout(3, ONES, ONES)
    with pytest.raises(ValueError, match="one entry per arm, got 2 and 3"):
        BanditInstance(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="q must be at least 0 and at most 1"):
        MazeLayout(2, ONES, ONES).blind_return(1.1)


@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_rendering_without_a_mode_warns(make):
    env = make("maxpo/Bandit-v0").unwrapped
    env.reset()
    with pytest.warns(UserWarning, match="made without a render_mode"):
        assert env.render() is None
