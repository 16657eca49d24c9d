"""Compiled loops over a batch whose dynamics are a table. Importing this imports Numba.

``[num_envs]`` arrays: states, over (is the episode over?), actions, observations, rewards, terminated; flat tables
``[num_states * num_actions]``: following (states), gains, ends. States, over and what follows the tables is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from maxpo_bench.compiled import compiled

Array = Any


@compiled
def step_all(
    states: Array,
    over: Array,
    actions: Array,
    num_actions: int,
    following: Array,
    gains: Array,
    ends: Array,
    observations: Array,
    rewards: Array,
    terminated: Array,
) -> bool:
    """Step all; False, and nothing done, if an episode is over or an action is out of range."""
    count, is_wrong = np.uint64(num_actions), False
    for i in range(states.size):
        # a negative number is a large one without its sign
        is_wrong |= (np.uint64(actions[i]) >= count) | over[i]
    if is_wrong:
        return False
    for i in range(states.size):
        place = np.uint64(states[i]) * count + np.uint64(actions[i])
        states[i] = observations[i] = following[place]
        rewards[i] = gains[place]
        over[i] = terminated[i] = ends[place]
    return True


@compiled
def step_or_restart(
    states: Array,
    over: Array,
    actions: Array,
    num_actions: int,
    following: Array,
    gains: Array,
    ends: Array,
    observations: Array,
    rewards: Array,
    terminated: Array,
) -> bool:
    """Step those whose episode goes on, restart the others in state 0; False, and nothing done, as in `step_all`."""
    count, is_wrong = np.uint64(num_actions), False
    for i in range(states.size):
        is_wrong |= (np.uint64(actions[i]) >= count) & (not over[i])
    if is_wrong:
        return False
    for i in range(states.size):
        live = not over[i]
        place = (np.uint64(states[i]) * count + np.uint64(actions[i])) * np.uint64(live)
        states[i] = observations[i] = following[place] * live
        rewards[i] = gains[place] * live
        over[i] = terminated[i] = ends[place] & live
    return True


@compiled
def step_and_restart(
    states: Array,
    over: Array,
    actions: Array,
    num_actions: int,
    following: Array,
    gains: Array,
    ends: Array,
    observations: Array,
    rewards: Array,
    terminated: Array,
    finals: Array,
    no_state: int,
) -> int:
    """Step all and restart in state 0 whose episode ends: how many, or -1, and nothing done, as in `step_all`.

    ``finals`` gets the state in which the episode ended, ``no_state`` where it goes on.
    """
    count, is_wrong = np.uint64(num_actions), False
    for i in range(states.size):
        is_wrong |= (np.uint64(actions[i]) >= count) | over[i]
    if is_wrong:
        return -1
    num_ended = 0
    for i in range(states.size):
        place = np.uint64(states[i]) * count + np.uint64(actions[i])
        state, is_end = following[place], ends[place]
        states[i] = observations[i] = state * (not is_end)
        finals[i] = no_state + (state - no_state) * is_end
        rewards[i] = gains[place]
        terminated[i] = is_end
        num_ended += is_end
    return num_ended


@compiled
def restart(states: Array, over: Array, which: Array, observations: Array) -> bool:
    """Restart the chosen ones in state 0; False if none is."""
    is_any = False
    for i in range(states.size):
        stays = not which[i]
        states[i] = observations[i] = states[i] * stays
        over[i] &= stays
        is_any |= which[i]
    return is_any
