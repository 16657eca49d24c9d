"""Check a sweep against the registries before anything starts, and write every name in its one canonical form."""

from __future__ import annotations

import difflib
import functools
import importlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from maxpo_bench.registry import UnknownNameError, suggest
from maxpo_bench.sweep.config import AgentEntry, ConfigError, EnvironmentEntry, SweepConfig, combinations
from maxpo_bench.sweep.engines import ENGINES
from maxpo_bench.sweep.task import import_all

if TYPE_CHECKING:
    from maxpo_bench.agents.registry import AgentSpec

_PACKAGE_PREFIX = "maxpo_bench:"
_SET_BY_THE_SWEEP = ("seed", "env_kwargs")
_NEAR, _VERY_NEAR = 0.7, 0.8


def validated(config: SweepConfig) -> SweepConfig:
    """Return ``config`` with canonical names, so that a run has one id whichever alias it was asked for by.

    Raises:
        ConfigError: an import fails, an engine, environment, agent or argument is unknown (the message suggests the
            nearest known name), or an agent refuses its arguments' values, such as a K that its groups are too small
            for.
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
        raise ConfigError(f"unknown environment {env_id!r}.{_nearest(name, gym.registry)}{_how_to_name(env_id)}")
    return env_id.removeprefix(_PACKAGE_PREFIX)


def canonical_agent(name: str) -> str:
    """Return the registered name behind a name or alias.

    Raises:
        ConfigError: no such agent.
    """
    return _find_agent(name).name


def _environment(entry: EnvironmentEntry) -> EnvironmentEntry:
    from maxpo_bench.agents.vector_envs import option_hint

    env_id = canonical_environment(entry.id)
    known = _arguments(env_id)
    for key in [*entry.kwargs, *entry.grid]:
        if known is not None and key not in known:
            raise ConfigError(f"environment {env_id!r} has no argument {key!r}.{option_hint(key, known)}")
    return replace(entry, id=env_id)


def _agent(entry: AgentEntry) -> AgentEntry:
    for name in entry.names:
        known = [option for option in _find_agent(name).options if option not in _SET_BY_THE_SWEEP]
        for key in [*entry.kwargs, *entry.grid]:
            if key not in known:
                hint = " here: it comes from the sweep" if key in _SET_BY_THE_SWEEP else f".{suggest(key, known)}"
                raise ConfigError(f"agent {name!r} has no argument {key!r}{hint}")
        _check_values(name, entry)
    return replace(entry, names=tuple(canonical_agent(name) for name in entry.names))


def _check_values(name: str, entry: AgentEntry) -> None:
    from maxpo_bench.agents.registry import check_agent_options

    for options in combinations(entry.kwargs, entry.grid):
        try:
            check_agent_options(name, options)
            _check_learning_rate(name, options)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"agent {name!r}: {error}") from error


def _check_learning_rate(name: str, options: Mapping[str, Any]) -> None:
    """Refuse what the package's agents would only find out when they make their optimizer; None is their default."""
    from maxpo_bench.agents.registry import Agent

    factory = _find_agent(name).factory
    made = factory.func if isinstance(factory, functools.partial) else factory
    rate = options.get("learning_rate")
    if rate is None or not (isinstance(made, type) and issubclass(made, Agent)):
        return
    if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 0:
        raise ValueError(f"learning_rate must be a number of at least 0, got {rate!r}")


def _find_agent(name: str) -> AgentSpec:
    from maxpo_bench.agents.registry import find_agent

    try:
        return find_agent(name)
    except UnknownNameError as error:
        raise ConfigError(str(error)) from error


def _nearest(name: str, known: Iterable[str]) -> str:
    """Suggest this package's near ids, then very near other ones: Gymnasium registers dozens."""
    ids = {env_id.lower(): env_id for env_id in known}
    own = [env_id for env_id in ids.values() if env_id.startswith("maxpo/")]
    near = difflib.get_close_matches(name.lower(), [env_id.lower() for env_id in own], n=1, cutoff=_NEAR)
    near = near or difflib.get_close_matches(name.lower(), ids, n=1, cutoff=_VERY_NEAR)
    if near:
        return f" Did you mean {ids[near[0]]!r}?"
    return f" Known, beside Gymnasium's: {', '.join(own)}."


def _how_to_name(env_id: str) -> str:
    """Say how to name an environment of one's own, or that the module given for it does not register it."""
    module, colon, name = env_id.rpartition(":")
    if colon:
        return f" {module!r} was imported but registers no {name!r}."
    if name.startswith("maxpo/"):
        return ""
    return (
        f" Name one of your own 'my_module:{env_id}', with my_module importable, "
        'or write imports = ["my_module"] in the TOML.'
    )


def _arguments(env_id: str) -> list[str] | None:
    """Return the names of an environment's arguments; None where it takes any or cannot be inspected."""
    from maxpo_bench.agents.vector_envs import env_options

    try:
        return env_options(env_id)
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
