"""Records to tables: learning curves in long form, one row per run, and means with standard errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Record = Mapping[str, Any]
_IDENTITY = ("id", "env", "agent", "seed")


def to_frame(records: Iterable[Record]) -> pd.DataFrame:
    """Return the learning curves of runs in long form, for plots.

    Args:
        records: of one store, `maxpo_bench.sweep.store.RunStore.load_all`.

    Returns:
        One row per run and window, with the columns id, env, agent, seed, one column ``env.NAME`` or ``agent.NAME``
        per argument, and one per curve: iteration, timesteps, return_mean and so on. NaN where a run has no such
        argument or curve.
    """
    import pandas as pd

    frames: list[pd.DataFrame] = []
    for record in records:
        curves = pd.DataFrame(record["curves"])
        identity = pd.DataFrame([_identity(record)] * len(curves), index=curves.index)
        frames.append(pd.concat([identity, curves], axis=1))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(_IDENTITY))


def final_frame(records: Iterable[Record]) -> pd.DataFrame:
    """Return one row per run: its identity as in `to_frame`, its summary, and the seconds it took (``wall_s``)."""
    import pandas as pd

    rows = [{**_identity(record), **record["summary"], "wall_s": record["wall_s"]} for record in records]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(_IDENTITY))


def summary_table(
    records: Iterable[Record], metrics: Iterable[str] | None = None, *, with_iqm: bool = False
) -> pd.DataFrame:
    """Return the mean over seeds of every summary metric, with its standard error.

    Args:
        records: of one store.
        metrics: names in the records' summaries; None: all of them.
        with_iqm: also the interquartile mean over seeds, with a 95 % percentile bootstrap interval.

    Returns:
        One row per environment, agent and their arguments, sorted by these,
        with the columns ``runs``, ``METRIC`` and ``METRIC_se`` (NaN for a single seed), and if asked for
        ``METRIC_iqm``, ``METRIC_iqm_low`` and ``METRIC_iqm_high`` (the last two NaN for a single seed). Arguments that
        are the same in every row, or missing in it, have no column unless an environment or agent is there with and
        without them: only what tells rows apart has one.
    """
    rows = list(records)
    frame = final_frame(rows)
    if frame.empty:
        return frame
    names = list(metrics) if metrics is not None else sorted({name for row in rows for name in row["summary"]})
    keys = ["env", "agent", *_telling_columns(rows)]
    frame[keys] = frame[keys].map(lambda value: str(value) if isinstance(value, list | dict) else value)
    groups = frame.groupby(keys, dropna=False, sort=True)
    table = groups.size().to_frame("runs")
    for name in names:
        values = groups[name]
        table[name] = values.mean()
        table[f"{name}_se"] = values.std(ddof=1) / values.count() ** 0.5
        if with_iqm:
            found = [_iqm(rows.dropna().to_numpy(dtype="float64"), name) for _, rows in values]
            for place, column in enumerate((f"{name}_iqm", f"{name}_iqm_low", f"{name}_iqm_high")):
                table[column] = [row[place] for row in found]
    return table.reset_index()


def _iqm(values: NDArray[Any], metric: str) -> tuple[float, float, float]:
    """Return the interquartile mean and the limits of its interval, NaN where there are too few values."""
    import numpy as np

    from maxpo_bench.seeding import derive_seed
    from maxpo_bench.stats import iqm_interval

    if values.size < 2:
        return (float(values[0]) if values.size else math.nan), math.nan, math.nan
    interval = iqm_interval(values, np.random.default_rng(derive_seed(0, "summary", metric)))
    return interval.estimate, interval.low, interval.high


def telling_arguments(calls: Iterable[tuple[str, Mapping[str, Any]]]) -> set[str]:
    """Return the arguments that tell calls apart, given as (name, arguments).

    An argument does so if two calls that have it differ in its value, or if of two calls of one name only one has it.
    """
    pairs = [(name, dict(kwargs)) for name, kwargs in calls]
    telling: set[str] = set()
    for key in {key for _, kwargs in pairs for key in kwargs}:
        values = {repr(kwargs[key]) for _, kwargs in pairs if key in kwargs}
        owners = {name for name, kwargs in pairs if key in kwargs}
        is_partial = any(name in owners and key not in kwargs for name, kwargs in pairs)
        if len(values) > 1 or is_partial:
            telling.add(key)
    return telling


def _telling_columns(records: Iterable[Record]) -> list[str]:
    specs = [record["spec"] for record in records]
    return sorted(
        f"{part}.{key}"
        for part in ("env", "agent")
        for key in telling_arguments((spec[part], spec[f"{part}_kwargs"]) for spec in specs)
    )


def _identity(record: Record) -> dict[str, Any]:
    spec = record["spec"]
    identity = {"id": record["id"], "env": spec["env"], "agent": spec["agent"], "seed": spec["seed"]}
    identity.update({f"env.{name}": value for name, value in spec["env_kwargs"].items()})
    identity.update({f"agent.{name}": value for name, value in spec["agent_kwargs"].items()})
    return identity
