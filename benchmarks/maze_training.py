"""Training on the maze: time per environment step of the group agent and of Stable-Baselines3's A2C."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from measuring import Timing
from stable_baselines3 import A2C
from stable_baselines3.common.vec_env import DummyVecEnv

from maxpo_bench.agents import EIL2O, A2CPeer, GymVectorToSB3
from maxpo_bench.envs import MazeEnv
from maxpo_bench.envs.maze_layout import MazeLayout

GROUP, NO_VARIANCE, LONG = "EI+L2O", "EI+L2O, log_variance=False", "EI+L2O, long episodes"
PEER, PLAIN, DUMMY = "A2C peer", "A2C", "A2C, DummyVecEnv"
WORDS = {
    GROUP: "EIL2O with its defaults, group_size = environments, tabular policy, from its untrained start",
    NO_VARIANCE: "the same with log_variance=False",
    LONG: "EIL2O with a policy that is right with probability 0.99 and stays so (step size 1e-9)",
    PEER: "our peer agent a2c: Stable-Baselines3's A2C with VecMonitor and our log, n_steps=5",
    PLAIN: "stable_baselines3.A2C, MlpPolicy, on our vector environment through GymVectorToSB3, no monitor, no log",
    DUMMY: "stable_baselines3.A2C, MlpPolicy, on DummyVecEnv of our scalar environment",
}
MAZE = "maxpo/Maze-v0"
Row = dict[str, Any]


def contestants(num_envs: int, length: int, seed: int) -> dict[str, Callable[[], Any]]:
    """Return by name what makes each agent."""
    options: dict[str, Any] = {"env_kwargs": {"length": length}, "seed": seed}
    group: dict[str, Any] = {**options, "group_size": num_envs}
    careful = {"initial_logits": careful_logits(length)}
    return {
        GROUP: lambda: EIL2O(MAZE, **group),
        NO_VARIANCE: lambda: EIL2O(MAZE, **group, log_variance=False),
        LONG: lambda: EIL2O(MAZE, **group, learning_rate=1e-9, policy_kwargs=careful),
        PEER: lambda: A2CPeer(MAZE, num_envs=num_envs, **options),
        PLAIN: lambda: A2C("MlpPolicy", GymVectorToSB3(_vector_env(num_envs, length)), seed=seed, device="cpu"),
        DUMMY: lambda: A2C("MlpPolicy", DummyVecEnv([lambda: MazeEnv(length)] * num_envs), seed=seed, device="cpu"),
    }


def careful_logits(length: int) -> np.ndarray:
    """Logits `[num_states, 2]` of the policy that takes the correct action with probability 0.99."""
    layout = MazeLayout.generate(length)
    logits = np.zeros((layout.num_states, 2))
    logits[np.arange(length), layout.correct_actions] = np.log(99.0)
    return logits


def _vector_env(num_envs: int, length: int) -> gym.vector.VectorEnv:
    return gym.make_vec(
        MAZE,
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        length=length,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )


def time_training(sizes: Sequence[int], lengths: Sequence[int], *, rounds: int, steps: int, seed: int) -> list[Row]:
    """Time `learn` of every contestant, interleaved; each call trains a new agent, made before the clock starts.

    Args:
        sizes: numbers of environments.
        lengths: of the maze.
        rounds: calls of each contestant.
        steps: environment steps of a call, or 20 for each environment, if that is more.
        seed: of agents and order.

    Returns:
        A row for each size, length and contestant: microseconds per environment step.
    """
    rows = []
    rng = np.random.default_rng(seed)
    for length in lengths:
        for num_envs in sizes:
            made = contestants(num_envs, length, seed)
            budget = max(steps, 20 * num_envs)
            for name, timing in _interleaved(made, budget, rounds, rng).items():
                times = {key.replace("_s", "_us"): value for key, value in _microseconds(timing).items()}
                place = {"name": name, "num_envs": num_envs, "length": length, "steps": budget}
                rows.append({**place, "rounds": rounds, **times})
    return rows


def _interleaved(
    made: dict[str, Callable[[], Any]], budget: int, rounds: int, rng: np.random.Generator
) -> dict[str, Timing]:
    """Seconds per environment step of every contestant; each is called once before, to load and compile."""
    seconds: dict[str, list[float]] = {name: [] for name in made}
    for make in made.values():
        _seconds_per_step(make(), budget // 4)
    names = list(made)
    for _ in range(rounds):
        for name in (names[place] for place in rng.permutation(len(names))):
            seconds[name].append(_seconds_per_step(made[name](), budget))
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _seconds_per_step(agent: Any, budget: int) -> float:
    """Train, and divide by the steps made, which may be some more than the budget."""
    gc.collect()
    started = time.perf_counter()
    agent.learn(budget)
    return (time.perf_counter() - started) / agent.num_timesteps


def _microseconds(timing: Timing) -> dict[str, float]:
    return {name: 1e6 * value for name, value in timing.to_dict().items() if name in ("median_s", "q25_s", "q75_s")}
