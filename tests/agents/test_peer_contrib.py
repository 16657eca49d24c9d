"""TRPO and augmented random search: trained, saved and seeded as the other peers, playing as sb3-contrib plays."""

import io

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from torch.nn.utils import parameters_to_vector

from maxpo_bench.agents import make_agent, peer_base
from maxpo_bench.agents.global_rng import global_state
from maxpo_bench.envs.maze import MazeLayout

pytest.importorskip("sb3_contrib", reason="needs the extra contrib")

from sb3_contrib import ARS, TRPO

from maxpo_bench.agents.peer_ars import ARSPeer
from maxpo_bench.agents.peer_ars_policy import TabularARSPolicy, acting
from maxpo_bench.agents.peer_trpo import TRPOPeer

SMALL = {
    "trpo": {"num_envs": 4, "n_steps": 16, "batch_size": 64, "n_critic_updates": 2},
    "ars": {"num_envs": 8, "n_delta": 4},
}
BOTH = pytest.mark.parametrize("name", list(SMALL))
MAZE = {"length": 12, "majority_share": 0.75, "instance": 2}
LAYOUT = MazeLayout.generate(12, 0.75, 1, 2)


def saved(agent):
    file = io.BytesIO()
    agent.save(file)
    file.seek(0)
    return file


@BOTH
def test_they_are_sb3_contribs_algorithms_under_our_names(name):
    agent = make_agent(name, "maxpo/Bandit-v0", num_arms=3)
    assert isinstance(agent, {"trpo": TRPO, "ars": ARS}[name])
    assert isinstance(agent, {"trpo": TRPOPeer, "ars": ARSPeer}[name])
    assert (agent.action_space.n, agent.n_envs) == (3, 16)


@BOTH
def test_the_log_has_the_keys_of_the_group_agents(name):
    agent = make_agent(name, "maxpo/Maze-v0", **MAZE, **SMALL[name], k=2).learn(iterations=3)
    group = make_agent("ei", "maxpo/Bandit-v0").learn(iterations=1)
    assert set(agent.iteration_log[0]) == set(group.iteration_log[0])
    assert [record["iteration"] for record in agent.iteration_log] == [1, 2, 3]
    assert agent.iteration_log[-1]["timesteps"] == agent.num_timesteps
    for record in agent.iteration_log:
        assert record["episode_length"] == pytest.approx(record["return_mean"] + 1, abs=0.5)
        assert record["return_max_at_k"] >= record["return_mean"]


@BOTH
def test_equal_seeds_repeat_and_leave_the_global_generators_alone(name):
    logs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = global_state()
        agent = make_agent(name, "maxpo/Maze-v0", policy="tabular", **MAZE, **SMALL[name]).learn(iterations=2)
        torch.manual_seed(seed)
        agent.learn(iterations=1, reset_num_timesteps=False)
        after = global_state()
        assert before["python"] == after["python"]
        assert all(np.array_equal(a, b) for a, b in zip(before["numpy"], after["numpy"], strict=True))
        assert torch.equal(before["torch"], after["torch"])
        logs.append(agent.iteration_log)
    assert logs[0] == logs[1]
    other = make_agent(name, "maxpo/Maze-v0", policy="tabular", seed=1, **MAZE, **SMALL[name]).learn(iterations=3)
    assert other.iteration_log[-1]["return_mean"] != logs[0][-1]["return_mean"]


@BOTH
def test_loaded_agents_go_on(name):
    agent = make_agent(name, "maxpo/Maze-v0", policy="tabular", **MAZE, **SMALL[name]).learn(iterations=4)
    loaded = type(agent).load(saved(agent))
    assert (loaded.env_id, loaded.env_kwargs, loaded.n_envs) == ("maxpo/Maze-v0", MAZE, agent.n_envs)
    np.testing.assert_array_equal(loaded.policy_table(), agent.policy_table())
    for one in (agent, loaded):
        one.learn(iterations=1, reset_num_timesteps=False)
    for record in ("exact_return", "exact_max_at_k", "p_action_1", "iteration"):
        assert loaded.iteration_log[-1][record] == agent.iteration_log[-1][record]
    with pytest.raises(ValueError, match="holds an agent of"):
        ({"trpo": ARSPeer, "ars": TRPOPeer}[name]).load(saved(agent))


def test_a_loaded_search_goes_on_from_its_weights():
    agent = make_agent("ars", "maxpo/Maze-v0", policy="tabular", **MAZE, **SMALL["ars"]).learn(iterations=4)
    loaded = type(agent).load(saved(agent))
    assert agent.weights.abs().sum() > 0
    assert torch.equal(loaded.weights, agent.weights)
    assert torch.equal(parameters_to_vector(loaded.policy.parameters()), agent.weights)


@pytest.mark.parametrize("policy", ["tabular", "linear", "mlp"])
@pytest.mark.parametrize("episodes", [1, 2])
def test_candidates_earn_what_sb3_contrib_lets_them_earn(policy, episodes):
    """It plays them one after the other; eight environments for 12 or 24 episodes leave some idle."""
    agent = ARSPeer("maxpo/Maze-v0", env_kwargs=MAZE, policy=policy, num_envs=8, n_delta=6, n_eval_episodes=episodes)
    original = ARS(
        agent.policy_class, gym.make("maxpo/Maze-v0", **MAZE), n_delta=6, n_eval_episodes=episodes, device="cpu"
    )
    silent = CallbackList([])
    for one in (agent, original):
        one._setup_learn(1)
        silent.init_callback(one)
    weights = torch.randn(12, agent.n_params, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = agent.evaluate_candidates(weights, silent)
        expected = original.evaluate_candidates(weights, silent, None)
    assert torch.equal(found, expected)
    assert len(set(found.tolist())) >= 3
    assert agent.num_timesteps == original.num_timesteps


def test_an_alive_bonus_counts_every_step():
    agents = [
        ARSPeer("maxpo/Maze-v0", env_kwargs=MAZE, policy="tabular", num_envs=4, n_delta=2, alive_bonus_offset=bonus)
        for bonus in (0.0, 10.0)
    ]
    silent = CallbackList([])
    weights = torch.randn(4, agents[0].n_params, generator=torch.Generator().manual_seed(4))
    results = []
    for agent in agents:
        agent._setup_learn(1)
        silent.init_callback(agent)
        results.append(agent.evaluate_candidates(weights, silent))
    steps = results[0] + 1  # the wrong step, too; no candidate reaches the goal
    assert results[0].max() < 12
    assert torch.equal(results[1], results[0] + 10 * steps)


def test_many_policies_at_once_act_as_one_by_one_also_on_continuous_actions():
    env = gym.make("Pendulum-v1")
    for policy in ("linear", "mlp"):
        agent = ARSPeer(env, policy=policy, num_envs=5)
        weights = 3 * torch.randn(5, agent.n_params, generator=torch.Generator().manual_seed(7))
        observations = np.random.default_rng(7).normal(size=(5, 3)).astype(np.float32)
        found = acting(agent.policy, weights)(observations)
        for i in range(5):
            agent.policy.load_from_vector(weights[i].numpy())
            np.testing.assert_allclose(found[i], agent.predict(observations[i])[0], rtol=1e-5)


def test_the_deterministic_table():
    policy = TabularARSPolicy(spaces.Discrete(3, start=2), spaces.Discrete(2))
    np.testing.assert_array_equal(policy.predict(np.array([2, 3, 4]))[0], [0, 0, 0])
    assert policy.action_1_probability() == 0.0
    vector = np.array([0.0, 0.5, 3.0, 0.0, 0.0, 2.0, 1.0, 0.0], dtype=np.float32)
    policy.load_from_vector(vector)
    np.testing.assert_array_equal(policy.predict(np.array([2, 3, 4]))[0], [0, 0, 1])
    policy.load_from_vector(np.append(vector[:6], np.float32([0.0, 1.0])))
    np.testing.assert_array_equal(policy.predict(np.array([2, 3, 4]))[0], [1, 0, 1])
    assert policy.action_1_probability() == 1.0


def test_search_learns_a_short_maze_and_logs_its_exact_value():
    agent = make_agent(
        "ars", "maxpo/Maze-v0", **MAZE, policy="tabular", num_envs=32, n_delta=16, learning_rate=0.05, k=3
    ).learn(iterations=80)
    log = agent.iteration_log
    assert log[0]["exact_return"] == LAYOUT.blind_return(0.0)
    assert LAYOUT.expected_return(agent.policy_table()) > LAYOUT.blind_return(1.0)
    assert log[-1]["exact_return"] == log[-1]["exact_max_at_k"] > LAYOUT.blind_return(1.0)
    assert log[-1]["entropy"] == 0.0
    assert log[-1]["p_action_1"] in (0.0, 1.0)


def test_search_stops_at_the_first_bound_and_when_a_callback_says_so():
    def make():
        return make_agent("ars", "maxpo/Maze-v0", policy="tabular", **MAZE, **SMALL["ars"])

    agent = make().learn(iterations=7, total_timesteps=10**6)
    assert len(agent.iteration_log) == 7
    assert make().learn(iterations=0).num_timesteps == 0
    agent = make().learn(total_timesteps=100, iterations=10**6)
    assert 100 <= agent.num_timesteps < 100 + 8 * 13
    steps = agent.num_timesteps
    agent.learn(total_timesteps=50, reset_num_timesteps=False)
    assert agent.num_timesteps >= steps + 50

    class Stop(BaseCallback):
        def _on_step(self):
            return self.n_calls < 5

    agent = make().learn(iterations=100, callback=Stop())
    assert 1 <= len(agent.iteration_log) <= 5


@pytest.mark.parametrize(
    ("name", "bounds", "shown"),
    [
        ("ars", {"iterations": 2}, (2, "iterations")),
        ("ars", {"iterations": 2, "total_timesteps": 40}, (40, "timesteps")),
        ("trpo", {"iterations": 2}, (128, "timesteps")),
    ],
)
def test_the_bar_counts_what_bounds_the_training(name, bounds, shown, monkeypatch, capfd):
    made = []
    bar = peer_base.ProgressBar
    monkeypatch.setattr(peer_base, "ProgressBar", lambda *arguments: made.append(arguments) or bar(*arguments))
    make_agent(name, "maxpo/Bandit-v0", **SMALL[name]).learn(progress_bar=True, **bounds)
    assert made == [shown]
    assert capfd.readouterr().out.strip() == ""
