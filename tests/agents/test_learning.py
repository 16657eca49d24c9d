"""Agents learn: each its own exact objective, and on somebody else's environment."""

import numpy as np
import pytest

from maxpo_bench.agents import make_agent

OBJECTIVES = {
    "reinforce": "exact_return",
    "entropy": "exact_return",
    "ei": "exact_max_at_k",
    "ei_l1o": "exact_max_at_k",
    "ei_l2o": "exact_max_at_k",
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_agents_raise_their_exact_objective_on_the_bandit(name):
    """Half of the way to the optimum in 120 iterations (fixed seed)."""
    agent = make_agent(name, "maxpo/Bandit-v0", num_arms=6, learning_rate=1.0, log_variance=False)
    curve = [record[OBJECTIVES[name]] for record in agent.learn(iterations=120).iteration_log]
    optimum = agent.vector_env.unwrapped.optimal_value
    assert curve[0] < optimum
    assert np.mean(curve[-10:]) - curve[0] > 0.5 * (optimum - curve[0])
    assert max(curve) <= optimum + 1e-12


@pytest.mark.parametrize("name", OBJECTIVES)
def test_agents_raise_their_exact_objective_on_the_maze(name):
    """Three times the start's value in 100 iterations (fixed seed)."""
    agent = make_agent(name, "maxpo/Maze-v0", length=30, learning_rate=0.3, log_variance=False)
    curve = [record[OBJECTIVES[name]] for record in agent.learn(iterations=100).iteration_log]
    assert np.mean(curve[-10:]) > 3 * curve[0]


def test_a_network_learns_cartpole():
    """The mean return of the last iterations is at least three times that of the first (fixed seed)."""
    options = {"optimizer": "adam", "learning_rate": 0.02, "max_episode_steps": 120, "log_variance": False}
    agent = make_agent("reinforce", "CartPole-v1", **options)
    curve = [record["return_mean"] for record in agent.learn(iterations=12).iteration_log]
    assert np.mean(curve[-3:]) > 3 * np.mean(curve[:2])
