"""Agents by name, and the peers behind two of the names."""

import io
import json
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import BaseCallback

from maxpo_bench.agents import AGENTS, EI, EIL1O, EIL2O, REINFORCE, EntropyREINFORCE, list_agents, make_agent
from maxpo_bench.agents.global_rng import global_state
from maxpo_bench.estimators import ESTIMATORS, ei_l2o, register_estimator
from maxpo_bench.registry import UnknownNameError

SMALL_PPO = {"num_envs": 4, "n_steps": 16, "batch_size": 32, "n_epochs": 2}


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("reinforce", REINFORCE), ("reinforce_l1o", REINFORCE), ("entropy", EntropyREINFORCE),
        ("reinforce_entropy", EntropyREINFORCE), ("ei", EI), ("pkpo", EI), ("ei_l1o", EIL1O), ("ei_l2o", EIL2O),
        ("maxpo", EIL2O), ("ppo", PPO), ("a2c", A2C),
    ],
)  # fmt: skip
def test_names_and_aliases(name, cls):
    agent = make_agent(name, "maxpo/Bandit-v0", num_arms=3)
    assert isinstance(agent, cls)
    assert agent.action_space.n == 3


def test_entropy_agent_has_the_papers_coefficient():
    assert make_agent("entropy", "maxpo/Bandit-v0").entropy_coef == 0.01
    assert make_agent("entropy", "maxpo/Bandit-v0", entropy_coef=0.2).entropy_coef == 0.2
    assert make_agent("reinforce", "maxpo/Bandit-v0").entropy_coef == 0.0


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_every_estimator_is_an_agent_that_trains(name):
    arms = [0.0, 1.0, 0.0, 1.0]
    agent = make_agent(name, "maxpo/Bandit-v0", arm_rewards=arms).learn(iterations=3)
    assert agent.estimator.name == name
    assert np.isfinite([record["grad_norm"] for record in agent.iteration_log]).all()


def test_an_estimator_registered_later_is_an_agent_too():
    register_estimator("mine_for_agents", scale="1", aliases=("mine_alias",))(lambda rewards, k: ei_l2o(rewards, k))
    try:
        assert make_agent("mine_alias", "maxpo/Bandit-v0").estimator.name == "mine_for_agents"
        names = [spec.name for spec in list_agents()]
        assert names[-5:] == ["mine_for_agents", "ppo", "a2c", "trpo", "ars"]
    finally:
        ESTIMATORS.unregister("mine_for_agents")
    assert "mine_for_agents" not in [spec.name for spec in list_agents()]


def test_list_has_each_agent_once_with_a_summary():
    specs = list_agents()
    names = [name for spec in specs for name in (spec.name, *spec.aliases)]
    assert len(names) == len(set(names))
    assert {"reinforce", "entropy", "pkpo", "maxpo", "grpo", "ppo"} <= set(names)
    assert all(spec.summary for spec in specs)
    assert [spec.name for spec in specs if spec.is_peer] == ["ppo", "a2c", "trpo", "ars"]
    assert set(AGENTS) == {spec.name for spec in specs}


def test_options_are_sorted_between_agent_and_environment():
    agent = make_agent("ei", "maxpo/Maze-v0", length=7, instance=2, k=2, seed=5)
    assert (agent.vector_env.unwrapped.layout.length, agent.vector_env.unwrapped.layout.instance) == (7, 2)
    assert (agent.k, agent.seed) == (2, 5)
    merged = make_agent("ei", "maxpo/Maze-v0", length=7, env_kwargs={"instance": 2})
    assert merged.env_kwargs == {"length": 7, "instance": 2}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make_agent("reinfrce", "maxpo/Bandit-v0"), UnknownNameError, "'reinforce'"),
        (lambda: make_agent("ei", "maxpo/Bandit-v0", num_arm=3), ValueError, "num_arms"),
        (lambda: make_agent("ei", "maxpo/Bandit-v0", grup_size=3), ValueError, "'group_size'"),
        (lambda: make_agent("ppo", "maxpo/Bandit-v0", n_step=3), ValueError, "'n_steps'"),
        (lambda: make_agent("a2c", "maxpo/Bandit-v0", policy="tabula"), ValueError, "for A2C.*'tabular'"),
        (lambda: make_agent("ei", gym.make("CartPole-v1"), grup_size=3), ValueError, "'group_size'"),
        (lambda: make_agent("ei", "maxpo/Bandits-v0"), gym.error.Error, "Bandit"),
    ],
)
def test_unknown_names_suggest_the_nearest(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_ppo_trains_on_the_maze_and_is_silent(capfd):
    agent = make_agent("ppo", "maxpo/Maze-v0", length=50, majority_share=1.0, **SMALL_PPO)
    assert agent.learn(iterations=6) is agent
    assert agent.num_timesteps == 6 * 64
    log = agent.iteration_log
    assert [record["timesteps"] for record in log] == [64 * i for i in range(1, 7)]
    assert log[-1]["exact_return"] > log[0]["exact_return"]
    assert log[0]["exact_max_at_k"] > log[0]["exact_return"] > 0
    assert 0 < log[0]["entropy"] <= np.log(2) + 1e-6
    assert log[0]["return_max_at_k"] > log[0]["return_mean"]
    assert log[0]["episode_length"] == pytest.approx(log[0]["return_mean"] + 1, abs=0.5)
    assert log[0]["grad_variance"] is None
    assert capfd.readouterr() == ("", "")


def test_a2c_trains_on_the_bandit():
    agent = make_agent("a2c", "maxpo/Bandit-v0", num_arms=5, n_steps=4, num_envs=8)
    agent.learn(total_timesteps=32 * 120)
    curve = [record["exact_return"] for record in agent.iteration_log]
    assert len(curve) == 120
    optimum = agent.env.unwrapped.vector_env.unwrapped.optimal_value
    assert curve[-1] - curve[0] > 0.5 * (optimum - curve[0])


def test_a_peers_log_has_the_keys_of_the_group_agents():
    peer = make_agent("a2c", "CartPole-v1", num_envs=2, k=50).learn(iterations=1)
    group = make_agent("ei", "CartPole-v1", max_episode_steps=5).learn(iterations=1)
    assert set(peer.iteration_log[0]) == set(group.iteration_log[0])
    assert peer.iteration_log[0]["exact_return"] is None


def test_peers_repeat_themselves_whatever_the_global_generators_do():
    logs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = global_state()
        agent = make_agent("ppo", "maxpo/Maze-v0", length=9, **SMALL_PPO).learn(iterations=1)
        torch.manual_seed(seed)
        agent.learn(iterations=1, reset_num_timesteps=False)
        after = global_state()
        assert before["python"] == after["python"]
        assert all(np.array_equal(a, b) for a, b in zip(before["numpy"], after["numpy"], strict=True))
        assert torch.equal(before["torch"], after["torch"])
        logs.append(agent.iteration_log)
    assert logs[0] == logs[1]
    assert len(logs[0]) == 2


def test_peers_save_load_and_take_callbacks(capsys):
    class Count(BaseCallback):
        def _on_step(self):
            return True

    count = Count()
    agent = make_agent("ppo", "maxpo/Maze-v0", length=9, **SMALL_PPO)
    agent.learn(iterations=1, callback=count, progress_bar=True)
    assert count.n_calls == 16
    assert capsys.readouterr().out.strip() == ""
    file = io.BytesIO()
    agent.save(file)
    file.seek(0)
    loaded = type(agent).load(file)
    observations = np.arange(9)
    np.testing.assert_array_equal(
        *(a.predict(observations, deterministic=True)[0] for a in (agent, loaded)), strict=True
    )
    assert loaded.iteration_log == agent.iteration_log


def test_bounds_of_peers_are_checked():
    agent = make_agent("a2c", "maxpo/Bandit-v0")
    for bounds in ({}, {"iterations": -1}):
        with pytest.raises(ValueError, match="total_timesteps= or iterations="):
            agent.learn(**bounds)
    with pytest.raises(ValueError, match="k must be a positive integer"):
        make_agent("a2c", "maxpo/Bandit-v0", k=0)


WITHOUT_CONTRIB = """
import json, sys
sys.modules["sb3_contrib"] = None
from maxpo_bench.agents import list_agents, make_agent
from maxpo_bench.commands.doctor import report
from maxpo_bench.commands.lists import agent_rows
from maxpo_bench.sweep import ConfigError, SweepConfig
from maxpo_bench.sweep.validation import validated
errors = []
for call in (
    lambda: make_agent("trpo", "maxpo/Bandit-v0", num_arms=3, target_kl=0.1),
    lambda: make_agent("ars", "maxpo/Bandit-v0"),
    lambda: validated(SweepConfig.from_flags(["maxpo/Bandit-v0"], ["ars"], iterations=1)),
):
    try:
        call()
    except (ImportError, ConfigError) as error:
        errors.append(str(error))
print(json.dumps({
    "names": [spec.name for spec in list_agents()][-4:],
    "errors": errors,
    "rows": agent_rows()[-3:],
    "tracks": report()["tracks"],
    "trained": make_agent("ppo", "maxpo/Bandit-v0", num_envs=4, n_steps=16).learn(iterations=1).num_timesteps,
}))
"""


def test_without_sb3_contrib_its_agents_say_what_to_install():
    printed = subprocess.run([sys.executable, "-c", WITHOUT_CONTRIB], capture_output=True, text=True, check=True).stdout
    found = json.loads(printed)
    hint = "pip install 'maxpo-bench[contrib]'"
    assert found["names"] == ["ppo", "a2c", "trpo", "ars"]
    assert [hint in error for error in found["errors"]] == [True] * 3
    assert ["'trpo'" in error for error in found["errors"]] == [True, False, False]
    assert [hint in row["summary"] for row in found["rows"]] == [False, True, True]
    assert found["tracks"]["the agents trpo and ars"] == f"needs sb3_contrib ({hint})"
    assert found["tracks"]["agents and sweeps"] == "ready"
    assert found["trained"] == 64
