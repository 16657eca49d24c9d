"""A sweep's configuration: environments x agents x seeds (x parameter grids), from TOML or from flags.

::

    seeds = 10                       # the seeds 0 to 9; or a list, or "10:20"
    iterations = 300                 # or total_timesteps
    log_every = 10

    [[environments]]
    id = "maxpo/Bandit-v0"
    kwargs = { num_arms = 100 }      # arguments of the environment
    grid = { instance = [0, 1, 2] }  # one environment per combination

    [[agents]]
    names = ["reinforce", "ei", "ei_l2o"]
    kwargs = { k = 4, group_size = 16 }
    grid = { learning_rate = [0.1, 0.3, 1.0] }

    [engine]
    name = "local"
    workers = 2                      # processes at a time
    time_limit_s = 600.0             # of one run
    memory_limit_mb = 4096           # of one run

An entry may also be the bare id or name, and may have its own budget; an agent's own comes before its
environment's, and that before the sweep's. Whatever is in ``[engine]`` does not change results and is not hashed.
"""

from __future__ import annotations

import itertools
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from maxpo_bench.sweep.spec import RunSpec, canonical
from maxpo_bench.sweep.tables import ConfigError, apply_overrides, check_keys, parse_seeds, whole_number

__all__ = ["AgentEntry", "ConfigError", "EngineConfig", "EnvironmentEntry", "SweepConfig", "load_config"]


@dataclass(frozen=True)
class EnvironmentEntry:
    """Environments of one id.

    Args:
        id: Gymnasium id.
        kwargs: arguments of the environment.
        grid: lists of values; every combination is one environment.
        iterations: budget of its runs, before the sweep's.
        total_timesteps: the same in environment steps.
    """

    id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    iterations: int | None = None
    total_timesteps: int | None = None


@dataclass(frozen=True)
class AgentEntry:
    """Agents that share their arguments.

    Args:
        names: names or aliases in `maxpo_bench.agents`.
        kwargs: arguments of each of these agents.
        grid: lists of values; every combination is one agent.
        iterations: budget of their runs, before the environment's and the sweep's.
        total_timesteps: the same in environment steps.
    """

    names: tuple[str, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    iterations: int | None = None
    total_timesteps: int | None = None


@dataclass(frozen=True)
class EngineConfig:
    """How runs are carried out; nothing here changes a result.

    Args:
        name: which engine, one of `maxpo_bench.sweep.engines.ENGINES`.
        workers: runs at a time; None: one per core that this process may use.
        time_limit_s: seconds after which a run is killed and counts as failed; None: no limit.
        memory_limit_mb: MiB of data that a run may allocate, its libraries' included (Linux); None: no limit.
    """

    name: str = "local"
    workers: int | None = None
    time_limit_s: float | None = None
    memory_limit_mb: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None:
            whole_number(self.workers, "engine.workers")
        if self.memory_limit_mb is not None:
            whole_number(self.memory_limit_mb, "engine.memory_limit_mb")
        limit = self.time_limit_s
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0):
            raise ConfigError(f"engine.time_limit_s must be a number of seconds above 0, got {limit!r}")

    @property
    def num_workers(self) -> int:
        """Runs at a time: ``workers``, or the number of cores that this process may use."""
        if self.workers is not None:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class SweepConfig:
    """A whole sweep; `expand` gives its runs.

    Args:
        environments: what is trained on.
        agents: what is trained.
        seeds: roots of the runs' random streams.
        iterations: budget of every run without its own, in policy updates.
        total_timesteps: the same in environment steps.
        log_every: width in iterations of the windows over which learning curves are averaged.
        imports: modules that every run imports first, for environments, agents and estimators of your own that
            are registered at import.
        engine: how the runs are carried out.
    """

    environments: tuple[EnvironmentEntry, ...]
    agents: tuple[AgentEntry, ...]
    seeds: tuple[int, ...] = (0,)
    iterations: int | None = None
    total_timesteps: int | None = None
    log_every: int = 1
    imports: tuple[str, ...] = ()
    engine: EngineConfig = field(default_factory=EngineConfig)

    def __post_init__(self) -> None:
        if not self.environments or not self.agents:
            raise ConfigError(
                "a sweep needs at least one environment and one agent: add [[environments]] and [[agents]]"
            )
        whole_number(self.log_every, "log_every")
        for where, entry in self._entries():
            for name in ("iterations", "total_timesteps"):
                if getattr(entry, name) is not None:
                    whole_number(getattr(entry, name), f"{where}{name}")
            if entry.iterations is not None and entry.total_timesteps is not None:
                raise ConfigError(f"{where}iterations and {where}total_timesteps are both set: remove one")

    def _entries(self) -> Iterator[tuple[str, SweepConfig | EnvironmentEntry | AgentEntry]]:
        yield "", self
        yield from ((f"environments.{index}.", entry) for index, entry in enumerate(self.environments))
        yield from ((f"agents.{index}.", entry) for index, entry in enumerate(self.agents))

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], overrides: Sequence[str] = ()) -> SweepConfig:
        """Return the configuration that a parsed TOML table stands for.

        Args:
            table: as in the module's example.
            overrides: ``key=value`` texts, see `maxpo_bench.sweep.tables.apply_overrides`.

        Raises:
            ConfigError: an unknown key, a wrong type or a missing entry.
        """
        known = [entry.name for entry in fields(cls)]
        content = check_keys(_with_full_entries(check_keys(table, known, "the sweep")), known, "the sweep")
        content = check_keys(apply_overrides(content, overrides), known, "the sweep")
        content["environments"] = tuple(_environments(content.get("environments", [])))
        content["agents"] = tuple(_agents(content.get("agents", [])))
        content["seeds"] = parse_seeds(content.get("seeds", 1))
        content["imports"] = _texts(content.get("imports", []), "imports")
        engine = check_keys(content.get("engine", {}), [entry.name for entry in fields(EngineConfig)], "[engine]")
        return cls(**{**content, "engine": EngineConfig(**engine)})

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> SweepConfig:
        """Read a configuration file.

        Raises:
            ConfigError: the file is missing, not TOML, or wrong in content; the message names the file.
        """
        try:
            with open(path, "rb") as file:
                table = tomllib.load(file)
            return cls.from_dict(table, overrides)
        except OSError as error:
            raise ConfigError(f"cannot read {os.fspath(path)}: {error.strerror}") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{os.fspath(path)} is not TOML: {error}") from error
        except ConfigError as error:
            raise ConfigError(f"{os.fspath(path)}: {error}") from error

    @classmethod
    def from_flags(
        cls,
        env: Sequence[str],
        agent: Sequence[str],
        seeds: int | str | Sequence[int] = 1,
        iterations: int | None = None,
        total_timesteps: int | None = None,
        log_every: int = 1,
        overrides: Sequence[str] = (),
    ) -> SweepConfig:
        """Return the configuration of ``--env A --env B --agent C --seeds 10 ...``.

        Arguments of the environments and agents come by overrides: ``environments.*.kwargs.num_arms=10``.

        Raises:
            ConfigError: as `from_dict`.
        """
        table = {
            "environments": list(env),
            "agents": list(agent),
            "seeds": seeds,
            "iterations": iterations,
            "total_timesteps": total_timesteps,
            "log_every": log_every,
        }
        return cls.from_dict({name: value for name, value in table.items() if value is not None}, overrides)

    def expand(self) -> list[RunSpec]:
        """Return the runs, each once, all agents of one seed before the next seed.

        Raises:
            ConfigError: a run has no budget, or an argument has no JSON form.
        """
        runs = [
            self._run(seed, environment, env_kwargs, agent, name, agent_kwargs)
            for seed in self.seeds
            for environment in self.environments
            for env_kwargs in combinations(environment.kwargs, environment.grid)
            for agent in self.agents
            for agent_kwargs in combinations(agent.kwargs, agent.grid)
            for name in agent.names
        ]
        return list({run.run_id: run for run in runs}.values())

    def _run(
        self,
        seed: int,
        environment: EnvironmentEntry,
        env_kwargs: dict[str, Any],
        agent: AgentEntry,
        name: str,
        agent_kwargs: dict[str, Any],
    ) -> RunSpec:
        budgets = [
            {"iterations": entry.iterations, "total_timesteps": entry.total_timesteps}
            for entry in (agent, environment, self)
            if entry.iterations is not None or entry.total_timesteps is not None
        ]
        if not budgets:
            raise ConfigError(
                f"runs of {name!r} on {environment.id!r} have no budget: set iterations or total_timesteps"
            )
        try:
            return RunSpec(
                env=environment.id,
                agent=name,
                seed=seed,
                log_every=self.log_every,
                env_kwargs=env_kwargs,
                agent_kwargs=agent_kwargs,
                **budgets[0],
            )
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{name!r} on {environment.id!r}: {error}") from error

    def with_engine(self, **changes: Any) -> SweepConfig:
        """Return a copy with some settings of ``engine`` changed; None leaves a setting as it is.

        Raises:
            ConfigError: a setting is out of range.
        """
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, engine=replace(self.engine, **given))


def load_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> SweepConfig:
    """Read a sweep's TOML file: `SweepConfig.from_toml`."""
    return SweepConfig.from_toml(path, overrides)


def combinations(kwargs: Mapping[str, Any], grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return ``kwargs`` with every combination of the grid's values, the last key varying fastest."""
    return [{**kwargs, **dict(zip(grid, values, strict=True))} for values in itertools.product(*grid.values())]


def _with_full_entries(table: dict[str, Any]) -> dict[str, Any]:
    """Write bare ids and names as tables, so that overrides reach their arguments."""
    full = dict(table)
    for name, key in (("environments", "id"), ("agents", "names")):
        entries = full.get(name, [])
        if isinstance(entries, list | tuple):
            full[name] = [{key: entry} if isinstance(entry, str) else entry for entry in entries]
    return full


def _environments(entries: Any) -> Iterator[EnvironmentEntry]:
    for where, entry in _tables(entries, "environments", EnvironmentEntry):
        if not isinstance(entry.get("id"), str):
            raise ConfigError(f'{where} needs an id, e.g. id = "maxpo/Bandit-v0"')
        yield EnvironmentEntry(**entry)


def _agents(entries: Any) -> Iterator[AgentEntry]:
    for where, entry in _tables(entries, "agents", AgentEntry):
        names = entry.get("names", [])
        names = _texts([names] if isinstance(names, str) else names, f"{where}.names")
        if not names:
            raise ConfigError(f'{where} needs names, e.g. names = ["reinforce", "ei_l2o"]')
        yield AgentEntry(**{**entry, "names": names})


def _tables(entries: Any, name: str, kind: type) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the checked tables of one list with their place in the file."""
    if not isinstance(entries, list | tuple):
        raise ConfigError(f"{name} must be a list of tables, [[{name}]], or of names, got {entries!r}")
    for index, entry in enumerate(entries):
        where = f"{name}.{index}"
        table = check_keys(entry, [item.name for item in fields(kind)], where)
        try:
            table["kwargs"] = canonical(_table(table.get("kwargs", {}), f"{where}.kwargs"), f"{where}.kwargs")
            grid = canonical(_table(table.get("grid", {}), f"{where}.grid"), f"{where}.grid")
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error)) from error
        for key, values in grid.items():
            if not isinstance(values, list) or not values:
                raise ConfigError(f"{where}.grid.{key} must be a list of at least one value, got {values!r}")
            if key in table["kwargs"]:
                raise ConfigError(f"{where} has {key!r} in kwargs and in grid: remove one")
        table["grid"] = grid
        yield where, table


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a table, got {value!r}")
    return value


def _texts(values: Any, where: str) -> tuple[str, ...]:
    is_list = isinstance(values, Iterable) and not isinstance(values, str | Mapping)
    texts = tuple(values) if is_list else ()
    if not is_list or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"{where} must be a list of texts, got {values!r}")
    return texts
