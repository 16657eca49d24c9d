"""gymnax's scan over steps: on our maze, written as a gymnax environment, and on two of gymnax's own.

Importing this imports JAX; set XLA_FLAGS before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment
from maze_walks import CAREFUL, DRAWN, MISTAKES, Cell

from maxpo_bench.envs.maze_layout import MazeLayout

MAZE = "gymnax scan, our maze"
BUILT_IN = {"gymnax scan, CartPole": "CartPole-v1", "gymnax scan, DeepSea": "DeepSea-bsuite"}


@struct.dataclass
class MazeState(environment.EnvState):
    """Where a walk is."""

    place: jax.Array


class GymnaxMaze(environment.Environment):
    """Our maze: the same tables, looked up in the same way, with gymnax's own restart within the step."""

    def __init__(self, layout: MazeLayout) -> None:
        table = layout.transitions
        self._next = jnp.asarray(table.next_state, jnp.int32)
        self._reward = jnp.asarray(table.reward, jnp.float32)
        self._terminated = jnp.asarray(table.terminated)
        self._length = layout.length

    @property
    def default_params(self) -> environment.EnvParams:
        """The limit is never reached."""
        return environment.EnvParams(max_steps_in_episode=self._length + 2)

    def step_env(self, key: Any, state: Any, action: Any, params: Any) -> Any:
        """See gymnax."""
        at = state.place, action
        terminated = self._terminated[at]
        following = MazeState(time=state.time + 1, place=self._next[at])
        return following.place, following, self._reward[at], terminated, {"discount": 1.0 - terminated}

    def reset_env(self, key: Any, params: Any) -> Any:
        """See gymnax."""
        start = jnp.int32(0)
        return start, MazeState(time=jnp.int32(0), place=start)


class Scan:
    """One compiled scan of `cell.steps` steps of `num_envs` environments; every call goes on where the last one ended.

    It returns, as a rollout has them, observations, rewards, terminated and truncated of all steps.
    """

    def __init__(self, env: Any, params: Any, cell: Cell, num_envs: int) -> None:
        choose, given = _chooser(cell, num_envs)

        def body(carried: Any, given_now: Any) -> Any:
            key, observations, states = carried
            key, key_actions, key_step = jax.random.split(key, 3)
            actions = choose(key_actions, observations, given_now)
            keys = jax.random.split(key_step, num_envs)
            observations, states, rewards, terminated, truncated, _ = step(keys, states, actions, params)
            return (key, observations, states), (observations, rewards, terminated, truncated)

        step = jax.vmap(env.step, in_axes=(0, 0, 0, None))
        self._scan = jax.jit(lambda carried: jax.lax.scan(body, carried, given, length=cell.steps))
        keys = jax.random.split(jax.random.key(cell.seed), num_envs)
        observations, states = jax.vmap(env.reset, in_axes=(0, None))(keys, params)
        self._carried = jax.random.fold_in(jax.random.key(cell.seed), 1), observations, states

    def __call__(self) -> Any:
        """Make the steps and wait for them; return what the steps gave, `[steps, num_envs, ...]` each."""
        self._carried, outputs = self._scan(self._carried)
        return jax.block_until_ready(outputs)


def _chooser(cell: Cell, num_envs: int) -> tuple[Callable[[Any, Any, Any], Any], Any]:
    """Return how actions are chosen from key, observations and what was drawn before, and the latter, if any."""
    correct, size = jnp.asarray(cell.correct, jnp.int32), (cell.steps, num_envs)
    rng = np.random.default_rng(cell.seed)
    if cell.mix == CAREFUL:
        if cell.source == DRAWN:
            wrong = lambda key: (jax.random.uniform(key, (num_envs,)) < MISTAKES).astype(jnp.int32)  # noqa: E731
            return lambda key, observations, given: correct[observations] ^ wrong(key), None
        mistakes = jnp.asarray(rng.random(size) < MISTAKES, jnp.int32)
        return lambda key, observations, given: correct[observations] ^ given, mistakes
    if cell.source == DRAWN:
        return lambda key, observations, given: jax.random.randint(key, (num_envs,), 0, 2), None
    return lambda key, observations, given: given, jnp.asarray(rng.integers(2, size=size), jnp.int32)


def maze_scan(cell: Cell, num_envs: int) -> Scan:
    """The scan over our maze."""
    env = GymnaxMaze(MazeLayout.generate(cell.length))
    return Scan(env, env.default_params, cell, num_envs)


def built_in_scan(cell: Cell, num_envs: int, name: str) -> Scan:
    """The scan over one of gymnax's own environments, with random actions."""
    return Scan(*gymnax.make(name), cell, num_envs)
