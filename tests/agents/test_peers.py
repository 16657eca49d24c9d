"""PPO and A2C: one class behind both, saved and loaded as the group agents are."""

import inspect
import io

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from maxpo_bench.agents import EIL2O
from maxpo_bench.agents.peers import A2CPeer, Peer, PPOPeer
from maxpo_bench.envs.bandit import BanditEnv, BanditVectorEnv

SMALL = {"num_envs": 4, "n_steps": 16}  # one of PPO's minibatches
PEERS = pytest.mark.parametrize("peer", [PPOPeer, A2CPeer])


def saved(agent):
    file = io.BytesIO()
    agent.save(file)
    file.seek(0)
    return file


def layout_of(agent):
    return agent.env.unwrapped.vector_env.unwrapped.layout


@PEERS
def test_both_take_the_arguments_of_one_class(peer):
    assert inspect.signature(peer) == inspect.signature(Peer)
    assert "__init__" not in vars(peer)
    assert "learn" not in vars(peer)


def test_lengths_of_rollouts_by_default():
    assert (PPOPeer("maxpo/Bandit-v0").n_steps, A2CPeer("maxpo/Bandit-v0").n_steps) == (128, 5)


@PEERS
def test_loading_makes_the_environment_again_and_learning_goes_on(peer):
    agent = peer("maxpo/Maze-v0", env_kwargs={"length": 9, "instance": 3}, k=2, **SMALL).learn(iterations=2)
    loaded = peer.load(saved(agent))
    assert (layout_of(loaded).length, layout_of(loaded).instance, loaded.n_envs) == (9, 3, 4)
    assert (loaded.env_id, loaded.env_kwargs, loaded.k) == ("maxpo/Maze-v0", {"length": 9, "instance": 3}, 2)
    for mine, theirs in zip(agent.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    loaded.learn(iterations=1, reset_num_timesteps=False)
    assert [record["timesteps"] for record in loaded.iteration_log] == [64, 128, 192]
    again = peer.load(saved(loaded))
    assert layout_of(again).length == 9


@PEERS
def test_loading_takes_another_id_with_its_options(peer):
    file = saved(peer("maxpo/Bandit-v0", env_kwargs={"num_arms": 5}, **SMALL))
    loaded = peer.load(file, env="maxpo/Bandit-v0", env_kwargs={"num_arms": 5, "instance": 7})
    bandit = BanditEnv(num_arms=5, instance=7)
    assert loaded.env.unwrapped.vector_env.unwrapped.optimal_value == bandit.optimal_value
    assert loaded.env_kwargs == {"num_arms": 5, "instance": 7}
    assert loaded.learn(iterations=1).num_timesteps == 64


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda: BanditEnv(num_arms=5), 4),
        (lambda: lambda: BanditEnv(num_arms=5), 4),
        (lambda: BanditVectorEnv(num_envs=3, num_arms=5, autoreset_mode=AutoresetMode.SAME_STEP), 3),
        (lambda: DummyVecEnv([lambda: BanditEnv(num_arms=5)] * 2), 2),
    ],
    ids=["environment", "function", "vector environment", "VecEnv"],
)
def test_loading_takes_whatever_an_agent_is_made_with(make, count):
    file = saved(PPOPeer("maxpo/Bandit-v0", env_kwargs={"num_arms": 5}, **SMALL))
    loaded = PPOPeer.load(file, env=make())
    assert (loaded.n_envs, loaded.env_id, loaded.env_kwargs) == (count, None, {})
    assert loaded.learn(iterations=1).num_timesteps == 16 * count


def test_an_agent_made_from_an_object_predicts_and_says_what_it_lacks():
    agent = PPOPeer(BanditEnv(num_arms=5), **SMALL)
    loaded = PPOPeer.load(saved(agent))
    assert loaded.env is None
    state = np.zeros(3, dtype=np.int64)
    np.testing.assert_array_equal(
        agent.predict(state, deterministic=True)[0], loaded.predict(state, deterministic=True)[0]
    )
    with pytest.raises(ValueError, match="has no environment: pass env= where it is made or loaded, or call set_env"):
        loaded.learn(iterations=1)
    loaded.set_env("maxpo/Bandit-v0", env_kwargs={"num_arms": 5})
    assert (loaded.env_id, loaded.env_kwargs) == ("maxpo/Bandit-v0", {"num_arms": 5})
    assert loaded.learn(iterations=1).num_timesteps == 64


def test_what_cannot_be_loaded_says_why():
    agent = A2CPeer("maxpo/Bandit-v0", env_kwargs={"num_arms": 5}, **SMALL)
    with pytest.raises(ValueError, match=r"holds an agent of A2C: PPOPeer loads what PPOPeer has saved"):
        PPOPeer.load(saved(agent))
    for other in (EIL2O("maxpo/Bandit-v0"), PPO("MlpPolicy", BanditEnv(num_arms=5), device="cpu")):
        with pytest.raises(ValueError, match="holds no agent of this kind"):
            A2CPeer.load(saved(other))
    with pytest.raises(ValueError, match=r"unknown attribute 'n_step' of a saved agent\. Did you mean 'n_steps'"):
        A2CPeer.load(saved(agent), n_step=4)
    with pytest.raises(ValueError, match="Action spaces do not match"):
        A2CPeer.load(saved(agent), env="maxpo/Bandit-v0", env_kwargs={"num_arms": 6})
    with pytest.raises(ValueError, match=r"unknown option 'num_arm' .*Did you mean 'num_arms'"):
        A2CPeer.load(saved(agent), env_kwargs={"num_arm": 6})


def test_environments_are_checked():
    agent = A2CPeer("maxpo/Bandit-v0", env_kwargs={"num_arms": 5}, **SMALL)
    with pytest.raises(ValueError, match="an agent needs an environment"):
        A2CPeer()
    two = DummyVecEnv([lambda: BanditEnv(num_arms=5)] * 2)
    with pytest.raises(ValueError, match=r"2 environments for an agent with 4: give as many"):
        agent.set_env(two)
    with pytest.raises(ValueError, match=r"has 3 environments, the agent needs 4 .*num_envs=4"):
        agent.set_env(BanditVectorEnv(num_envs=3, num_arms=5, autoreset_mode=AutoresetMode.SAME_STEP))
    with pytest.raises(ValueError, match=r"options \['num_arms'\] need an environment id"):
        A2CPeer(two, env_kwargs={"num_arms": 5})
    assert agent.env_id == "maxpo/Bandit-v0"


def test_loading_leaves_the_global_generators_alone():
    file = saved(PPOPeer("maxpo/Bandit-v0", **SMALL))
    before = torch.get_rng_state()
    PPOPeer.load(file)
    assert torch.equal(before, torch.get_rng_state())


def test_a_time_limit_of_an_id_reaches_its_environments():
    agent = A2CPeer("CartPole-v1", env_kwargs={"max_episode_steps": 3}, num_envs=2, n_steps=9, k=2)
    agent.learn(iterations=1)
    assert agent.iteration_log[0]["episode_length"] == 3
    assert gym.spec("CartPole-v1").max_episode_steps == 500
