"""What one run is: everything that determines its result, and the id that is a hash of exactly that."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from maxpo_bench.registry import suggest

SCHEMA_VERSION = 1


def canonical(value: Any, where: str = "value") -> Any:
    """Return ``value`` in the one form in which it is hashed and stored.

    Tuples become lists, integral floats become integers (``1.0`` and ``1`` are one learning rate, so one run) and
    mappings become plain dictionaries.

    Args:
        value: strings, finite numbers, booleans, None, and lists, tuples and mappings of them.
        where: the name of the value, for messages.

    Raises:
        TypeError: the value, or a key of a mapping, has no JSON form.
        ValueError: a float is infinite or not a number.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}: a run needs finite numbers")
        return int(value) if value.is_integer() else value
    if isinstance(value, list | tuple):
        return [canonical(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"{where} has the key {odd[0]!r}: keys must be strings")
        return {key: canonical(value[key], f"{where}.{key}") for key in sorted(value)}
    raise TypeError(f"{where} is a {type(value).__name__}: use strings, numbers, booleans, lists and tables")


@dataclass(frozen=True)
class RunSpec:
    """One run of a sweep: an agent trained on an environment with one seed.

    Two specifications are equal, and have one `run_id`, exactly if they determine the same result.

    Args:
        env: Gymnasium id, e.g. ``"maxpo/Bandit-v0"`` or ``"my_module:My/Env-v0"``.
        agent: name in `maxpo_bench.agents`, not an alias.
        seed: root of every random stream of the run. The instance of the environment is not one of them: it is
            an environment argument, so runs that differ in the seed only are trained on the same problem.
        iterations: number of policy updates; give this or ``total_timesteps``, not both.
        total_timesteps: number of environment steps.
        log_every: width in iterations of the windows over which the learning curves are averaged.
        env_kwargs: arguments of the environment.
        agent_kwargs: arguments of the agent.

    Raises:
        TypeError: an argument has no JSON form.
        ValueError: no budget, two budgets, or a number below 1.
    """

    env: str
    agent: str
    seed: int
    iterations: int | None = None
    total_timesteps: int | None = None
    log_every: int = 1
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    agent_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise TypeError(f"seed must be an integer, got {self.seed!r}")
        if (self.iterations is None) == (self.total_timesteps is None):
            raise ValueError(
                f"run of {self.agent!r} on {self.env!r} needs either iterations or total_timesteps, "
                f"got {self.iterations} and {self.total_timesteps}"
            )
        for name in ("iterations", "total_timesteps", "log_every"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        for name in ("env_kwargs", "agent_kwargs"):
            object.__setattr__(self, name, canonical(getattr(self, name), name))

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as plain JSON types; `from_dict` is the inverse."""
        return {entry.name: copy.deepcopy(getattr(self, entry.name)) for entry in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunSpec:
        """Return the specification that `to_dict` wrote.

        Raises:
            ValueError: an unknown field, with the nearest known one.
            TypeError: a missing field.
        """
        known = [entry.name for entry in fields(cls)]
        for name in data:
            if name not in known:
                raise ValueError(f"unknown field {name!r} in a run specification.{suggest(str(name), known)}")
        return cls(**data)

    @property
    def canonical_json(self) -> str:
        """The text that is hashed: sorted keys, no spaces, ASCII, with the version of the record schema."""
        content = {"schema": SCHEMA_VERSION, **self.to_dict()}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

    @property
    def run_id(self) -> str:
        """Sixteen hexadecimal digits: BLAKE2b of `canonical_json`, the same on every machine."""
        return hashlib.blake2b(self.canonical_json.encode(), digest_size=8).hexdigest()

    @property
    def label(self) -> str:
        """One line for people: agent and environment, each with its arguments, seed and budget."""
        agent, env = _call(self.agent, self.agent_kwargs), _call(self.env, self.env_kwargs)
        return f"{agent} on {env}, seed {self.seed}, {self.budget}"

    @property
    def budget(self) -> str:
        """How long the run trains, for people: ``"300 iterations"`` or ``"4096 steps"``."""
        return f"{self.iterations} iterations" if self.iterations else f"{self.total_timesteps} steps"

    def __hash__(self) -> int:
        return hash(self.canonical_json)


def _call(name: str, kwargs: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{key}={value}" for key, value in kwargs.items())
    return f"{name}({inside})" if inside else name
