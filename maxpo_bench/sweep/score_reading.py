"""Records to scores: by which metric, on which scale, and what tells their variants and tasks apart."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from maxpo_bench.registry import UnknownNameError, suggest
from maxpo_bench.sweep.aggregate import Record, telling_arguments
from maxpo_bench.sweep.scores import MAX_AT_K, Normalise, Score, Scores, agent_name

RETURNS = (*MAX_AT_K, "exact_return", "return_mean")
PREFERRED = ("exact_max_at_k", "exact_return", "return_mean")
DEFAULT_K = 4
"""K of an agent that is not given one, for the logged max@K."""
_SHOWN = 5


def read_scores(
    records: Sequence[Record],
    metric: str | None = None,
    *,
    normalise: Normalise = "auto",
    tune: Sequence[str] = (),
    agents: Sequence[str] = (),
    envs: Sequence[str] = (),
) -> Scores:
    """Return the scores of a store's runs.

    Args:
        records: of one store, `maxpo_bench.sweep.store.RunStore.load_all`.
        metric: name in the records' summaries; None: the first of exact_max_at_k, exact_return and return_mean that all
            runs have and that means the same in all of them.
        normalise: "optimum" divides scores by the optimum of their environment
            (`maxpo_bench.sweep.optimum.optimal_value`, for max@K that of max@K), "none" leaves them as they are, "auto"
            divides where there is more than one task.
        tune: agent arguments that are to be tuned, and so tell no variants apart.
        agents: only these agents, by name or alias; none: all.
        envs: only these environments; none: all.

    Raises:
        ValueError: no runs; a run without the metric; max@K of different K; tasks that need an optimum and have none;
            an argument to tune that does not vary.
    """
    rows = _filtered(records, agents, envs)
    if not rows:
        raise ValueError("there are no finished runs to compare: run the sweep first")
    name = _metric(rows, metric)
    read = _scores(rows, name, tune)
    for argument in tune:
        _check_varies(argument, read, rows)
    scores = Scores(name, read)
    return _normalised(scores, rows, normalise)


def _filtered(records: Sequence[Record], agents: Sequence[str], envs: Sequence[str]) -> list[Record]:
    """Return the records of some agents and environments."""
    known = {str(record["spec"]["agent"]) for record in records}
    ids = {str(record["spec"]["env"]) for record in records}
    wanted = {agent_name(name, known) for name in agents} or known
    for env in envs:
        if env not in ids:
            raise UnknownNameError(f"no run on environment {env!r} is there.{suggest(env, ids)}")
    chosen = set(envs) or ids
    return [each for each in records if each["spec"]["agent"] in wanted and each["spec"]["env"] in chosen]


def _metric(records: Sequence[Record], metric: str | None) -> str:
    """Return the metric, all runs have it and it means the same in all of them."""
    complete = sorted(set.intersection(*({*_numbers(record)} for record in records)))
    is_one_k = len({_k(record) for record in records}) == 1
    if metric is None:
        usable = [name for name in PREFERRED if name in complete and (is_one_k or name not in MAX_AT_K)]
        if not usable:
            raise ValueError(f"the runs share no return: choose a metric of {', '.join(complete) or '(none)'}")
        return usable[0]
    lacking = [record for record in records if metric not in _numbers(record)]
    if len(lacking) == len(records):
        raise ValueError(f"no run has the metric {metric!r}.{suggest(metric, complete)}")
    if lacking:
        raise ValueError(
            f"{len(lacking)} of {len(records)} runs have no {metric}: {_run_texts(lacking)}; "
            f"choose a metric that all have ({', '.join(complete)}), or leave their agents or environments out"
        )
    if metric in MAX_AT_K and not is_one_k:
        raise ValueError(f"{metric} is of another K in some runs: choose return_mean or exact_return instead")
    return metric


def _k(record: Record) -> int:
    return record["spec"]["agent_kwargs"].get("k", DEFAULT_K)


def _numbers(record: Record) -> list[str]:
    return [name for name, value in record["summary"].items() if value is not None]


def _run_texts(records: Sequence[Record]) -> str:
    """Name the first few runs."""
    texts = [f"{each['id']} ({each['spec']['agent']} on {each['spec']['env']})" for each in records[:_SHOWN]]
    return ", ".join(texts) + (" and others" if len(records) > _SHOWN else "")


def _scores(records: Sequence[Record], metric: str, tune: Sequence[str]) -> tuple[Score, ...]:
    specs = [record["spec"] for record in records]
    of_env = sorted(telling_arguments((spec["env"], spec["env_kwargs"]) for spec in specs))
    of_agent = sorted(telling_arguments((spec["agent"], _without(spec["agent_kwargs"], tune)) for spec in specs))
    return tuple(
        Score(
            run_id=record["id"],
            env=spec["env"],
            env_arguments={name: spec["env_kwargs"][name] for name in of_env if name in spec["env_kwargs"]},
            agent=spec["agent"],
            agent_arguments={name: spec["agent_kwargs"][name] for name in of_agent if name in spec["agent_kwargs"]},
            tuned={name: spec["agent_kwargs"].get(name) for name in tune},
            seed=spec["seed"],
            value=float(record["summary"][metric]),
            timesteps=record["summary"].get("timesteps"),
        )
        for record, spec in zip(records, specs, strict=True)
    )


def _without(arguments: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in names}


def _check_varies(argument: str, rows: Sequence[Score], records: Sequence[Record]) -> None:
    """Refuse to tune what has one value for each agent."""
    values: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        values[row.agent].add(json.dumps(row.tuned[argument], sort_keys=True))
    if all(len(each) == 1 for each in values.values()):
        telling = telling_arguments((each["spec"]["agent"], each["spec"]["agent_kwargs"]) for each in records)
        raise ValueError(f"no agent was run with several values of {argument!r}.{suggest(argument, telling)}")


def _normalised(scores: Scores, records: Sequence[Record], normalise: Normalise) -> Scores:
    if normalise not in ("auto", "optimum", "none"):
        raise ValueError(f"normalise must be auto, optimum or none, got {normalise!r}")
    if normalise == "none" or (normalise == "auto" and len(scores.tasks) == 1):
        return scores
    if scores.metric not in RETURNS:
        raise ValueError(
            f"{scores.metric} cannot be divided by an optimal return: compare one environment at a time, or say "
            f"--normalise none if its values mean the same in all {len(scores.tasks)} tasks"
        )
    optima = _optima(scores, records)
    rows = tuple(replace(row, value=row.value / optima[row.task]) for row in scores.rows)
    return replace(scores, rows=rows, optima=optima)


def _optima(scores: Scores, records: Sequence[Record]) -> dict[str, float]:
    """Return the optimum of each task."""
    from maxpo_bench.sweep.optimum import optimal_value

    specs = {row.task: record["spec"] for row, record in zip(scores.rows, records, strict=True)}
    k = _k(records[0]) if scores.metric in MAX_AT_K else 1
    found = {task: optimal_value(specs[task]["env"], specs[task]["env_kwargs"], k) for task in scores.tasks}
    unusable = [task for task, optimum in found.items() if optimum is None or optimum <= 0]
    if unusable:
        raise ValueError(
            f"no positive optimum is known for {', '.join(unusable)}: scores of several tasks need one scale; compare "
            "one environment at a time, or say --normalise none if their returns have the same scale"
        )
    return {task: optimum for task, optimum in found.items() if optimum is not None}
