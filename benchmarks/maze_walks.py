"""Vector environments stepped from Python: ours, Gymnasium's around our scalar environment, and EnvPool's."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from maxpo_bench.envs import MazeEnv
from maxpo_bench.envs.maze_layout import MazeLayout

RANDOM, CAREFUL = "random", "careful"
MIXES = {
    RANDOM: "uniformly random actions: an episode lasts 2 steps",
    CAREFUL: "the correct action with probability 0.99: an episode lasts 100 steps",
}
DRAWN, GIVEN = "drawn", "given"
SOURCES = {DRAWN: "drawn in the measured loop", GIVEN: "drawn before"}
MISTAKES = 0.01
OURS = {
    "ours, masked reset": AutoresetMode.DISABLED,
    "ours, SAME_STEP": AutoresetMode.SAME_STEP,
    "ours, NEXT_STEP": AutoresetMode.NEXT_STEP,
}
"""Our vector environment's modes; the first is what `make_vec` gives."""
SYNC = {"SyncVectorEnv, NEXT_STEP": AutoresetMode.NEXT_STEP, "SyncVectorEnv, SAME_STEP": AutoresetMode.SAME_STEP}
ASYNC, ENVPOOL = "AsyncVectorEnv", "EnvPool CartPole"
Choose = Callable[[Any, int], np.ndarray]


@dataclass(frozen=True)
class Cell:
    """What the contestants of one run have in common.

    Args:
        mix: key of `MIXES`.
        source: key of `SOURCES`.
        steps: of every environment in one call.
        length: states on the maze's path.
        seed: root of actions and episodes.
    """

    mix: str
    source: str
    steps: int
    length: int
    seed: int

    @property
    def correct(self) -> np.ndarray:
        """The correct action in each state, any one in the final ones: `[num_states]`."""
        layout = MazeLayout.generate(self.length)
        return np.pad(layout.correct_actions, (0, layout.num_states - self.length))


class Walk:
    """Steps a vector environment; every call goes on where the last one ended.

    Args:
        env: Gymnasium's vector interface.
        choose: returns the actions for the observations and the number of the step in this call.
        steps: of one call.
        restart_takes_a_step: whether the step after an episode's end only restarts it.
    """

    def __init__(self, env: Any, choose: Choose, steps: int, restart_takes_a_step: bool) -> None:
        self.env, self._choose, self._steps, self._waits = env, choose, steps, restart_takes_a_step
        self._masks = not restart_takes_a_step and env.metadata.get("autoreset_mode") is AutoresetMode.DISABLED
        self._observations = env.reset()[0]

    def __call__(self) -> None:
        """Make the steps."""
        step, choose, reset, masks = self.env.step, self._choose, self.env.reset, self._masks
        observations = self._observations
        for index in range(self._steps):
            observations, _, terminated, _, _ = step(choose(observations, index))
            if masks and terminated.any():
                observations, _ = reset(options={"reset_mask": terminated})
        self._observations = observations

    def environment_steps(self) -> int:
        """Steps of a call that move an episode on, counted in a call of its own."""
        moving = 0
        for index in range(self._steps):
            self._observations, _, terminated, truncated, _ = self.env.step(self._choose(self._observations, index))
            moving += len(terminated) - (int((terminated | truncated).sum()) if self._waits else 0)
            if self._masks and terminated.any():
                self._observations, _ = self.env.reset(options={"reset_mask": terminated})
        return moving


def chooser(cell: Cell, num_envs: int) -> Choose:
    """Return how the actions of a cell are chosen in NumPy."""
    rng, correct, size = np.random.default_rng(cell.seed), cell.correct, (cell.steps, num_envs)
    if cell.source == DRAWN:
        if cell.mix == RANDOM:
            return lambda observations, index: rng.integers(2, size=num_envs)
        return lambda observations, index: correct[observations] ^ (rng.random(num_envs) < MISTAKES)
    if cell.mix == RANDOM:
        actions = rng.integers(2, size=size)
        return lambda observations, index: actions[index]
    mistakes = rng.random(size) < MISTAKES
    return lambda observations, index: correct[observations] ^ mistakes[index]


def own_walk(cell: Cell, num_envs: int, mode: AutoresetMode) -> Walk:
    """Our NumPy vector environment in one of its modes."""
    env = gym.make_vec(
        "maxpo/Maze-v0",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        length=cell.length,
        autoreset_mode=mode,
    )
    env.reset(seed=cell.seed)
    return Walk(env, chooser(cell, num_envs), cell.steps, mode is AutoresetMode.NEXT_STEP)


def sync_walk(cell: Cell, num_envs: int, mode: AutoresetMode) -> Walk:
    """Gymnasium's loop over copies of our scalar environment, without the wrappers of `gym.make`."""
    env = SyncVectorEnv([lambda: MazeEnv(cell.length)] * num_envs, autoreset_mode=mode)
    env.reset(seed=cell.seed)
    return Walk(env, chooser(cell, num_envs), cell.steps, mode is AutoresetMode.NEXT_STEP)


def async_walk(cell: Cell, num_envs: int) -> Walk:
    """Gymnasium's processes, one for each copy; close its environment afterwards."""
    multiprocessing.set_forkserver_preload(["maxpo_bench.envs", "gymnasium.vector"])
    env = AsyncVectorEnv([lambda: MazeEnv(cell.length)] * num_envs, context="forkserver")
    env.reset(seed=cell.seed)
    return Walk(env, chooser(cell, num_envs), cell.steps, restart_takes_a_step=True)


def envpool_walk(cell: Cell, num_envs: int) -> Walk:
    """EnvPool's CartPole with one thread and random actions: its own C++ loop around a task of its own."""
    import envpool

    env = envpool.make("CartPole-v1", env_type="gymnasium", num_envs=num_envs, num_threads=1, seed=cell.seed)
    return Walk(env, chooser(cell, num_envs), cell.steps, restart_takes_a_step=True)
