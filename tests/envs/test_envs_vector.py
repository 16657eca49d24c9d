"""The NumPy vector environments: equal to scalar ones and to Gymnasium's SyncVectorEnv, in every autoreset mode."""

from __future__ import annotations

import inspect
import pickle
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from env_variants import RANDOM_VARIANTS, env_class
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from maxpo_bench.envs import NUMERIC_ENVIRONMENTS, BanditEnv, BanditVectorEnv, MazeVectorEnv, episode_seeds

SEEDS = [3, 2**62, 0, 17, 4]
STEPS = 40


def actions_for(env, rng):
    return rng.integers(env.single_action_space.n, size=(STEPS, env.num_envs))


@pytest.mark.parametrize("mode", AutoresetMode)
def test_vector_and_sync_vector_env_agree_in_everything(variant, mode, rng):
    env_id, kwargs = variant
    ours = gym.make_vec(env_id, num_envs=5, autoreset_mode=mode, **kwargs)
    theirs = SyncVectorEnv([partial(gym.make, env_id, **kwargs)] * 5, autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] is mode
    assert (ours.observation_space, ours.action_space) == (theirs.observation_space, theirs.action_space)
    assert data_equivalence(ours.reset(seed=SEEDS), theirs.reset(seed=SEEDS), exact=True)
    for actions in actions_for(ours, rng):
        mine, peer = ours.step(actions), theirs.step(actions)
        assert data_equivalence(mine, peer, exact=True), (mine, peer)
        if mode is AutoresetMode.DISABLED and mine[2].any():
            options = {"reset_mask": mine[2]}
            assert data_equivalence(ours.reset(options=dict(options)), theirs.reset(options=options), exact=True)


def test_vector_and_scalar_environments_live_identical_episodes(variant, rng):
    env_id, kwargs = variant
    vector = gym.make_vec(env_id, num_envs=5, **kwargs)
    singles = [gym.make(env_id, **kwargs) for _ in SEEDS]
    starts = vector.reset(seed=SEEDS)[0]
    assert starts.tolist() == [env.reset(seed=seed)[0] for env, seed in zip(singles, SEEDS, strict=True)]
    for actions in actions_for(vector, rng):
        states, rewards, terminated, truncated, _ = vector.step(actions)
        for i, env in enumerate(singles):
            state, reward, over, cut, _ = env.step(actions[i])
            assert (states[i], rewards[i], terminated[i], truncated[i]) == (state, reward, over, cut)
            if over:
                env.reset()
        if terminated.any():
            vector.reset(options={"reset_mask": terminated})


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_async_vector_env_lives_the_same_life(env_id, rng):
    kwargs = RANDOM_VARIANTS[env_id]
    theirs = AsyncVectorEnv([partial(gym.make, env_id, **kwargs)] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    ours = gym.make_vec(env_id, num_envs=2, autoreset_mode="SameStep", **kwargs)
    try:
        assert data_equivalence(ours.reset(seed=[1, 2]), theirs.reset(seed=[1, 2]), exact=True)
        for actions in actions_for(ours, rng)[:10]:
            mine, peer = ours.step(actions), theirs.step(actions)
            assert data_equivalence(mine[:4], peer[:4], exact=True)
    finally:
        theirs.close()


@pytest.mark.parametrize("mode", ["sync", "async", "vector_entry_point"])
@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_make_vec_in_every_vectorization_mode(env_id, mode):
    envs = gym.make_vec(env_id, num_envs=2, vectorization_mode=mode)
    try:
        assert envs.reset(seed=1)[0].shape == (2,)
        assert envs.step(envs.action_space.sample())[1].shape == (2,)
    finally:
        envs.close()


def test_an_integer_seed_is_a_list_of_hashed_seeds():
    by_integer, by_list = (BanditVectorEnv(6, reward_noise=1.0) for _ in range(2))
    by_integer.reset(seed=12)
    by_list.reset(seed=episode_seeds(12, 6).tolist())
    actions = np.zeros(6, dtype=int)
    rewards = by_integer.step(actions)[1]
    np.testing.assert_array_equal(rewards, by_list.step(actions)[1])
    assert np.unique(rewards).size == 6
    assert np.unique(np.concatenate([episode_seeds(seed, 1000) for seed in range(50)])).size == 50_000
    np.testing.assert_array_equal(episode_seeds(12, 3), episode_seeds(12, 6)[:3])


def test_a_seed_list_may_leave_environments_alone():
    envs = BanditVectorEnv(3, reward_noise=1.0)
    twin = BanditVectorEnv(3, reward_noise=1.0)
    actions = np.zeros(3, dtype=int)
    for env in (envs, twin):
        env.reset(seed=[1, 2, 3])
        env.step(actions)
    envs.reset(seed=[1, None, 9])
    twin.reset()
    first, going_on = envs.step(actions)[1], twin.step(actions)[1]
    single = BanditEnv(reward_noise=1.0)
    single.reset(seed=1)
    assert first[0] == single.step(0)[1]
    assert first[1] == going_on[1]
    assert first[2] != going_on[2]


def test_unseeded_environments_differ_from_each_other_and_from_run_to_run():
    rewards = []
    for _ in range(2):
        envs = BanditVectorEnv(4, reward_noise=1.0)
        envs.reset()
        rewards.append(envs.step(np.zeros(4, dtype=int))[1])
    assert np.unique(np.concatenate(rewards)).size == 8


def test_masked_reset_touches_only_the_chosen(rng):
    envs = MazeVectorEnv(4, length=9, majority_share=1.0)
    envs.reset(seed=0)
    envs.step(np.ones(4, dtype=int))
    states, _, terminated, _, _ = envs.step(np.array([1, 0, 1, 0]))
    assert terminated.tolist() == [False, True, False, True]
    options = {"reset_mask": terminated}
    assert envs.reset(options=options)[0].tolist() == [2, 0, 2, 0]
    assert options["reset_mask"] is terminated
    assert states.tolist() == [2, 10, 2, 10]
    assert envs.step(np.ones(4, dtype=int))[0].tolist() == [3, 1, 3, 1]


def test_a_masked_seed_goes_to_the_chosen_only():
    envs, twin = BanditVectorEnv(3, reward_noise=1.0), BanditVectorEnv(3, reward_noise=1.0)
    for env in (envs, twin):
        env.reset(seed=5)
        env.step(np.zeros(3, dtype=int))
    envs.reset(seed=8, options={"reset_mask": np.array([False, True, False])})
    envs.reset(options={"reset_mask": np.array([True, False, True])})
    twin.reset()
    same = envs.step(np.zeros(3, dtype=int))[1] == twin.step(np.zeros(3, dtype=int))[1]
    assert same.tolist() == [True, False, True]


def test_same_step_gives_final_observations():
    envs = MazeVectorEnv(3, length=2, majority_share=1.0, autoreset_mode="SAME_STEP")
    envs.reset(seed=0)
    assert envs.step(np.ones(3, dtype=int))[4] == {}
    states, rewards, terminated, _, info = envs.step(np.array([1, 0, 1]))
    assert states.tolist() == [0, 0, 0]
    assert rewards.tolist() == [1.0, 0.0, 1.0]
    assert terminated.all()
    assert info["final_obs"].tolist() == [2, 3, 2]
    assert info["_final_obs"].tolist() == info["_final_info"].tolist() == [True] * 3


def test_next_step_ignores_the_action_of_a_restart():
    envs = MazeVectorEnv(2, length=3, majority_share=1.0, autoreset_mode="NextStep")
    envs.reset(seed=0)
    envs.step(np.array([0, 1]))
    states, rewards, terminated, _, _ = envs.step(np.array([99, 1]))
    assert (states.tolist(), rewards.tolist(), terminated.tolist()) == ([0, 2], [0.0, 1.0], [False, False])


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_next_step_draws_no_random_number_in_a_restart(env_id):
    """The same actions in the same order give the same rewards, with and without steps that only reset."""
    kwargs = RANDOM_VARIANTS[env_id]
    waiting, plain = (gym.make_vec(env_id, autoreset_mode=m, **kwargs) for m in ("NextStep", "SameStep"))
    for env in (waiting, plain):
        env.reset(seed=4)
    action, is_restart = np.ones(1, dtype=int), False
    for _ in range(30):
        _, reward, terminated, _, _ = waiting.step(action)
        if is_restart:
            assert reward == 0.0
        else:
            assert reward == plain.step(action)[1]
        is_restart = bool(terminated[0])


@pytest.mark.parametrize("env_id", sorted(set(NUMERIC_ENVIRONMENTS) - {"maxpo/Maze-v0"}))
def test_chance_differs_between_environments_and_episodes_and_follows_the_seed(env_id):
    kwargs = RANDOM_VARIANTS[env_id]
    rewards = []
    for seed in (1, 1, 2):
        envs = gym.make_vec(env_id, num_envs=64, autoreset_mode="SameStep", **kwargs)
        envs.reset(seed=seed)
        arm = int(np.argmin(envs.unwrapped.arm_rewards)) if "Bandit" in env_id else 1
        rewards.append([envs.step(np.full(64, arm))[1] for _ in range(2)])
    np.testing.assert_array_equal(rewards[0], rewards[1])
    assert not np.array_equal(rewards[0], rewards[2])
    first, second = rewards[0]
    assert not np.array_equal(first, second)
    assert np.unique(first).size > 1


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_spoiling_what_was_returned_changes_nothing(variant, mode, rng):
    env_id, kwargs = variant
    envs, untouched = (gym.make_vec(env_id, num_envs=4, autoreset_mode=mode, **kwargs) for _ in range(2))
    spoilt = envs.reset(seed=1)[0]
    untouched.reset(seed=1)
    for actions in actions_for(envs, rng):
        spoilt[...] = 1
        mine, peer = envs.step(actions), untouched.step(actions)
        assert data_equivalence(mine, peer, exact=True)
        spoilt = mine[0]
        for array in mine[1:4]:
            array[...] = 1


@pytest.mark.parametrize("mode", AutoresetMode)
def test_pickled_vector_environments_go_on_identically(variant, mode, rng):
    env_id, kwargs = variant
    envs = gym.make_vec(env_id, num_envs=3, autoreset_mode=mode, **kwargs)
    envs.reset(seed=0)
    twin = pickle.loads(pickle.dumps(envs))
    assert twin == envs
    actions = rng.integers(envs.single_action_space.n, size=3)
    assert data_equivalence(envs.step(actions), twin.step(actions), exact=True)


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_a_finished_environment_refuses_to_step(env_id):
    env = env_class(env_id)()
    with pytest.raises(ResetNeeded, match=r"no episode has begun: call reset\(\)"):
        env.step(0)
    env.reset(seed=0)
    while not env.step(0)[2]:
        pass
    with pytest.raises(ResetNeeded, match=r"the episode is over: call reset\(\)"):
        env.step(0)
    env.reset()
    env.step(0)


def test_a_finished_vector_environment_refuses_to_step_and_says_the_remedy():
    envs = MazeVectorEnv(9, length=3, majority_share=1.0)
    with pytest.raises(ResetNeeded, match=r"no episode has begun in environments 0, 1, 2, 3, 4, \.\.\.: call reset"):
        envs.step(np.ones(9, dtype=int))
    envs.reset(seed=0, options={"reset_mask": np.arange(9) > 0})
    with pytest.raises(ResetNeeded, match="no episode has begun in environment 0: call reset"):
        envs.step(np.ones(9, dtype=int))
    envs.reset()
    envs.step((np.arange(9) != 7).astype(int))
    with pytest.raises(
        ResetNeeded, match=r"over in environment 7: call reset\(options=\{\"reset_mask\": terminated\}\)"
    ):
        envs.step(np.ones(9, dtype=int))


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_the_classes_have_no_loop_over_environments(env_id):
    vector = env_class(env_id, is_vector=True)
    begins = [name for name in dir(vector) if name.startswith("_begin")]
    assert begins
    for name in ("step", "_transition", *begins, "_final_info", "_seed", "reset", "_ends"):
        assert "for " not in inspect.getsource(getattr(vector, name)).split('"""')[-1]


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_all_parameters_of_the_scalar_environment_are_there_with_the_same_defaults(env_id):
    scalar = env_class(env_id)
    vector = dict(inspect.signature(env_class(env_id, is_vector=True)).parameters)
    assert vector.pop("num_envs").default == 1
    assert vector.pop("autoreset_mode").default is AutoresetMode.DISABLED
    assert list(vector.values()) == list(inspect.signature(scalar).parameters.values())
