"""Checks at the environments' door: arguments, options, actions, modes, each with a message that says the remedy."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from maxpo_bench.registry import UnknownNameError, suggest


class StrictArguments:
    """Mixin: an unknown keyword of the constructor raises a TypeError that suggests the nearest known one.

    Python's own message is silent about what was meant; this one also survives ``gym.make``, which repeats it.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Check the keywords against the constructor's signature, then create the object as usual."""
        known = [name for name in inspect.signature(cls.__init__).parameters if name != "self"]
        for name in kwargs:
            if name not in known:
                raise TypeError(f"{cls.__name__} has no argument {name!r}.{suggest(name, known)}")
        return super().__new__(cls)


def check_integer(name: str, value: object, minimum: int | None = None) -> int:
    """Return ``value`` as a Python integer of at least ``minimum``.

    Raises:
        TypeError: it is no integer.
        ValueError: it is too small.
    """
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    number = operator.index(value)  # pyright: ignore[reportArgumentType]
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    return number


def check_real(name: str, value: object, minimum: float = -math.inf, maximum: float = math.inf) -> float:
    """Return ``value`` as a float in [minimum, maximum], and finite.

    Raises:
        TypeError: it is no real number.
        ValueError: it is outside the range, infinite or NaN.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    number = float(value)
    if not (math.isfinite(number) and minimum <= number <= maximum):
        lower = f"at least {minimum:g} and " if math.isfinite(minimum) else ""
        upper = f"at most {maximum:g}" if math.isfinite(maximum) else "finite"
        raise ValueError(f"{name} must be {lower}{upper}, got {value!r}")
    return number


def check_render_mode(render_mode: str | None, known: Collection[str]) -> str | None:
    """Return ``render_mode`` if it is None or known.

    Raises:
        UnknownNameError: with the nearest known mode.
    """
    if render_mode is not None and render_mode not in known:
        raise UnknownNameError(f"unknown render_mode {render_mode!r}.{suggest(str(render_mode), known)}")
    return render_mode


def check_options(options: Mapping[str, Any] | None, known: Collection[str], owner: str) -> None:
    """Check the keys of ``reset(options=...)``.

    Raises:
        UnknownNameError: a key is not known to ``owner``, with a suggestion.
    """
    for name in options or {}:
        if name not in known:
            hint = suggest(str(name), known) if known else " It takes none."
            raise UnknownNameError(f"unknown reset option {name!r} for {owner}.{hint}")


def check_reset_mask(mask: object, num_envs: int) -> NDArray[np.bool_]:
    """Return ``options["reset_mask"]``, a Boolean array ``[num_envs]`` with at least one True.

    Raises:
        TypeError: it is no NumPy array of Booleans.
        ValueError: its shape is wrong or no environment is chosen.
    """
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        kind = f"dtype {mask.dtype}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise TypeError(f'options["reset_mask"] must be a NumPy array of dtype bool, got {kind}')
    if mask.shape != (num_envs,):
        raise ValueError(f'options["reset_mask"] must have shape ({num_envs},), got {mask.shape}')
    if not mask.any():
        raise ValueError('options["reset_mask"] chooses no environment: set at least one entry to True')
    return mask


def parse_autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    """Return the mode given as an enum member, its value ("SameStep") or its name ("SAME_STEP").

    Raises:
        UnknownNameError: with the nearest known mode.
    """
    if isinstance(mode, AutoresetMode):
        return mode
    spellings = {spelling: member for member in AutoresetMode for spelling in (member.value, member.name)}
    if mode not in spellings:
        values = [member.value for member in AutoresetMode]
        raise UnknownNameError(f"unknown autoreset_mode {mode!r}.{suggest(str(mode), values)}")
    return spellings[mode]


def check_action(action: object, num_actions: int) -> int:
    """Return one action as a Python integer in [0, num_actions).

    Raises:
        TypeError: it is no integer.
        ValueError: it is out of range.
    """
    if isinstance(action, np.ndarray) and action.ndim == 0:
        action = action[()]
    number = check_integer("action", action)
    if not 0 <= number < num_actions:
        raise ValueError(f"action must be in 0 .. {num_actions - 1}, got {number}")
    return number


def check_actions(actions: object, num_actions: int, live: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a batch of actions ``[num_envs]``; entries that are not ``live`` are ignored and returned as 0.

    Raises:
        TypeError: they are no integers.
        ValueError: the shape is wrong or a live entry is out of range.
    """
    batch = np.asarray(actions)
    if batch.shape != live.shape:
        raise ValueError(f"actions must have shape {live.shape}, one per environment, got {batch.shape}")
    if batch.dtype.kind not in "iu":
        raise TypeError(f"actions must be integers, got dtype {batch.dtype}")
    batch = np.where(live, batch, 0).astype(np.int64)
    wrong = (batch < 0) | (batch >= num_actions)
    if wrong.any():
        where = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"actions must be in 0 .. {num_actions - 1}, got {batch[where]} for environment {where}")
    return batch


def check_policy(policy: object, num_states: int, num_actions: int) -> NDArray[np.float64]:
    """Return a tabular policy ``[num_states, num_actions]`` of probabilities in float64.

    Raises:
        ValueError: the shape is wrong, or a row is no probability distribution (to 1e-6).
    """
    table = np.asarray(policy, dtype=np.float64)
    if table.shape != (num_states, num_actions):
        raise ValueError(
            f"policy must have shape [num_states={num_states}, num_actions={num_actions}], got {table.shape}"
        )
    if not ((table >= 0).all() and np.allclose(table.sum(axis=1), 1.0, rtol=0.0, atol=1e-6)):
        raise ValueError("policy must hold probabilities: non-negative rows that sum to 1 (apply a softmax to logits)")
    return table
