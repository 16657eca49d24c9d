"""Check a sweep against the registries before anything starts, and write every name in its one canonical form."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import gymnasium as gym

from maxpo_bench.registry import UnknownNameError, suggest
from maxpo_bench.sweep.config import AgentEntry, ConfigError, EnvironmentEntry, SweepConfig
from maxpo_bench.sweep.engines import ENGINES
from maxpo_bench.sweep.task import import_all

if TYPE_CHECKING:
    from maxpo_bench.agents.registry import AgentSpec

_PACKAGE_PREFIX = "maxpo_bench:"
_MAKE_ARGUMENTS = ("max_episode_steps", "disable_env_checker")
_SET_BY_THE_SWEEP = ("seed", "env_kwargs")


def validated(config: SweepConfig) -> SweepConfig:
    """Return ``config`` with canonical names, so that a run has one id whichever alias it was asked for by.

    Raises:
        ConfigError: an import fails, or an engine, environment, agent or argument of an environment is unknown; the
            message suggests the nearest known name.
    """
    try:
        import_all(config.imports)
    except ImportError as error:
        raise ConfigError(str(error)) from error
    check_engine(config.engine.name)
    environments = tuple(_environment(entry) for entry in config.environments)
    return replace(config, environments=environments, agents=tuple(_agent(entry) for entry in config.agents))


def check_engine(name: str) -> None:
    """Raise a ConfigError, with the nearest known name, unless ``name`` is an engine."""
    try:
        ENGINES.get(name)
    except UnknownNameError as error:
        raise ConfigError(f"engine.name: {error}") from error


def canonical_environment(env_id: str) -> str:
    """Return a registered id, without the prefix that only imports this package.

    Raises:
        ConfigError: the id is not registered, or the module before its colon cannot be imported.
    """
    module, colon, name = env_id.rpartition(":")
    if colon:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ConfigError(f"environment {env_id!r}: cannot import {module!r} ({error})") from error
    if name not in gym.registry:
        raise ConfigError(f"unknown environment {env_id!r}.{_nearest(name, gym.registry)}")
    return env_id.removeprefix(_PACKAGE_PREFIX)


def canonical_agent(name: str) -> str:
    """Return the registered name behind a name or alias.

    Raises:
        ConfigError: no such agent.
    """
    return _find_agent(name).name


def _environment(entry: EnvironmentEntry) -> EnvironmentEntry:
    env_id = canonical_environment(entry.id)
    known = _arguments(gym.registry[env_id.rpartition(":")[2]].entry_point)
    for key in [*entry.kwargs, *entry.grid]:
        if known is not None and key not in known:
            raise ConfigError(f"environment {env_id!r} has no argument {key!r}.{suggest(key, known)}")
    return replace(entry, id=env_id)


def _agent(entry: AgentEntry) -> AgentEntry:
    for name in entry.names:
        known = [option for option in _find_agent(name).options if option not in _SET_BY_THE_SWEEP]
        for key in [*entry.kwargs, *entry.grid]:
            if key not in known:
                hint = "it comes from the sweep" if key in _SET_BY_THE_SWEEP else suggest(key, known).strip()
                raise ConfigError(f"agent {name!r} has no argument {key!r} here: {hint}")
    return replace(entry, names=tuple(canonical_agent(name) for name in entry.names))


def _find_agent(name: str) -> AgentSpec:
    from maxpo_bench.agents.registry import find_agent

    try:
        return find_agent(name)
    except UnknownNameError as error:
        raise ConfigError(str(error)) from error


def _nearest(name: str, known: Iterable[str]) -> str:
    """Suggest near ids, or this package's where none is near: Gymnasium registers dozens."""
    names = list(known)
    text = suggest(name, names)
    return text if "Did you mean" in text else suggest(name, [n for n in names if n.startswith("maxpo/")])


def _arguments(entry_point: object) -> list[str] | None:
    """Return the argument names of an environment's constructor; None where it takes any or cannot be inspected."""
    try:
        if isinstance(entry_point, str):
            module, _, attribute = entry_point.partition(":")
            entry_point = getattr(importlib.import_module(module), attribute)
        if not callable(entry_point):
            return None
        parameters = inspect.signature(entry_point).parameters.values()
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [*(parameter.name for parameter in parameters), *_MAKE_ARGUMENTS]
