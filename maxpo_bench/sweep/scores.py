"""Scores of runs that can be compared: which of them repeat one variant on one task.

A variant is an agent with the arguments that tell runs apart, a task an environment with its own; runs of one variant
on one task differ in the seed only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from maxpo_bench.registry import UnknownNameError, suggest

if TYPE_CHECKING:
    import pandas as pd

Normalise = Literal["auto", "optimum", "none"]
MAX_AT_K = ("exact_max_at_k", "return_max_at_k")


@dataclass(frozen=True)
class Score:
    """The score of one run.

    Attributes:
        run_id: of the record.
        env: environment id.
        env_arguments: those of its arguments that tell the environments apart.
        agent: name.
        agent_arguments: those of its arguments that tell the agents apart, without the tuned ones.
        tuned: values of the arguments that are to be tuned; None where the agent does not have one.
        seed: of the run.
        value: of the metric, divided by the task's optimum where scores are normalised.
        timesteps: environment steps that the run took; None where it does not say.
    """

    run_id: str
    env: str
    env_arguments: Mapping[str, Any]
    agent: str
    agent_arguments: Mapping[str, Any]
    tuned: Mapping[str, Any]
    seed: int
    value: float
    timesteps: int | None = None

    @property
    def variant(self) -> str:
        """The agent with the arguments that tell it apart, e.g. ``"ei (group_size=8)"``."""
        return call_text(self.agent, self.agent_arguments)

    @property
    def task(self) -> str:
        """The environment with the arguments that tell it apart."""
        return call_text(self.env, self.env_arguments)


@dataclass(frozen=True)
class Scores:
    """The scores of a sweep's runs by one metric.

    Attributes:
        metric: name in the records' summaries.
        rows: one for each run.
        optima: optimum by task that scores were divided by; None where they were not.
    """

    metric: str
    rows: tuple[Score, ...]
    optima: Mapping[str, float] | None = field(default=None)

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, sorted."""
        return sorted({row.task for row in self.rows})

    @property
    def seeds(self) -> list[int]:
        """Seeds that any run has, sorted."""
        return sorted({row.seed for row in self.rows})

    @property
    def unit(self) -> str:
        """What a score is, for people."""
        return self.metric if self.optima is None else f"{self.metric} / optimum"

    def only_seeds(self, seeds: Iterable[int]) -> Scores:
        """Return the scores of some seeds."""
        chosen = set(seeds)
        return replace(self, rows=tuple(row for row in self.rows if row.seed in chosen))

    def cells(self) -> dict[tuple[str, str], dict[int, Score]]:
        """Return the scores by (variant, task), and by seed within.

        Raises:
            ValueError: two runs of one variant, task and seed.
        """
        found: dict[tuple[str, str], dict[int, Score]] = defaultdict(dict)
        for row in self.rows:
            cell = found[row.variant, row.task]
            if row.seed in cell:
                raise ValueError(
                    f"{row.variant} on {row.task} has two runs with seed {row.seed}, {cell[row.seed].run_id} and "
                    f"{row.run_id}, which differ in their budget or in log_every: give each sweep a folder of its own"
                )
            cell[row.seed] = row
        return dict(found)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per run, with the columns id, env, task, agent, variant, seed, score, unit, agent.NAME."""
        import pandas as pd

        rows = [
            {
                "id": row.run_id,
                "env": row.env,
                "task": row.task,
                "agent": row.agent,
                "variant": row.variant,
                "seed": row.seed,
                "score": row.value,
                "unit": self.unit,
                **{f"agent.{name}": value for name, value in row.agent_arguments.items()},
            }
            for row in self.rows
        ]
        return pd.DataFrame(rows)


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """Write a name with arguments: ``"ei (k=4, learning_rate=0.3)"``."""
    inside = ", ".join(f"{key}={value_text(value)}" for key, value in arguments.items())
    return f"{name} ({inside})" if inside else name


def value_text(value: Any) -> str:
    """Write the value of an argument: 0.1, auto, [8, 8]; "default" where a run does not have the argument."""
    return "default" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def agent_name(name: str, known: Iterable[str]) -> str:
    """Return the agent of a store behind a name or alias.

    Raises:
        UnknownNameError: no run of this agent is there, with the nearest that are.
    """
    names = set(known)
    if name not in names:
        from maxpo_bench.agents.registry import find_agent

        try:
            found = find_agent(name).name
        except UnknownNameError:
            found = name
        if found not in names:
            raise UnknownNameError(f"no run of agent {name!r} is there.{suggest(name, names)}")
        return found
    return name
