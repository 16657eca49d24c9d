"""The table of all runs beneath a folder: one row per method and setting, from their summaries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maxpo_bench.llm.atomic_files import publish_text
from maxpo_bench.llm.run_folder import BASE, RunInfo, find_runs

SCHEMA = "maxpo-bench llm table 1"
KS = (1, 4, 16, 64)
DATA, PAGE = "leaderboard.json", "leaderboard.md"
_PLAIN = ("adam_variance_proxy", "entropy")
_BUDGET = ("steps", "learning_rate")
"""What of a run's configuration stands in the table, where it has it."""
_NEEDED = ("pass@1", "pass@1_low", "pass@1_high", "problems", "samples")
"""What a summary says of a run that is in the table; those of other engines are not evaluated by training."""
_SEEDS = ("seed", "config.seed", "config.recipe.training.seed", "config.trl.seed", "config.trl.data_seed")
"""Where the engines keep the seed of training."""

_Finished = tuple[RunInfo, Mapping[str, Any], Path]


def table_rows(folder: Path) -> list[dict[str, Any]]:
    """Return one row for each setting of which a run beneath a folder is finished: the base first, then by pass@1.

    Runs that differ in their seeds only are one row; runs whose summary has no pass@k are in none. A row's values are
    means over the seeds; intervals are those of one run over its problems, of several the t-intervals over the seeds.

    Args:
        folder: what holds the runs.
    """
    return _rows(_evaluated(_finished(folder)), folder)


def write_table(folder: Path) -> list[dict[str, Any]]:
    """Write leaderboard.json and leaderboard.md into a folder of runs; return the rows."""
    finished = _finished(folder)
    evaluated = _evaluated(finished)
    rows = _rows(evaluated, folder)
    left_out = [run[2].relative_to(folder).as_posix() for run in finished if run not in evaluated]
    content = {"schema": SCHEMA, "rows": rows, "left_out": left_out}
    publish_text(folder / DATA, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    publish_text(folder / PAGE, as_markdown(rows, left_out))
    return rows


def _finished(folder: Path) -> list[_Finished]:
    return [(run.info(), summary, run.path) for run in find_runs(folder) if (summary := run.summary()) is not None]


def _evaluated(runs: Iterable[_Finished]) -> list[_Finished]:
    return [run for run in runs if all(name in run[1] for name in _NEEDED)]


def _rows(runs: Iterable[_Finished], folder: Path) -> list[dict[str, Any]]:
    settings: dict[str, list[_Finished]] = {}
    for run in runs:
        settings.setdefault(_setting(run[0]), []).append(run)
    rows = [_row(members, folder) for members in settings.values()]
    return sorted(rows, key=lambda row: (row["method"] != BASE, -row["pass@1"]["mean"], row["method"], row["runs"]))


def as_markdown(rows: Sequence[Mapping[str, Any]], left_out: Sequence[str] = ()) -> str:
    """Return the table as a page.

    Args:
        rows: of `table_rows`.
        left_out: folders of finished runs that are in no row.
    """
    header = ["method", "K", "n", *(f"pass@{k} (%)" for k in KS), "variance proxy", "entropy", "seeds", "steps", "rate"]
    lines = [_line(header), _line(["---"] * len(header)), *(_line(cells(row)) for row in rows)]
    absent = (
        f"\nNot in the table, since their summaries have no pass@k: {', '.join(left_out)}. `maxpo-bench llm report` "
        "shows them, once `maxpo-bench llm eval` has sampled from them.\n"
        if left_out
        else ""
    )
    return (
        "# Runs\n\n"
        + "\n".join(lines)
        + "\n\nMeans over held-out problems and seeds, in brackets 95 % intervals: over problems where there is one "
        "seed, over seeds where there are several.\nVariance proxy (Sec. 5.2.3 of arXiv 2606.06080) and entropy "
        "(nats per token): means over the last quarter of the steps. The proxy grows with the square of the "
        "advantages' scale, in which methods differ (GRPO divides by the deviation), and at first with the steps: "
        "compare it between methods of one scale (`maxpo`, `pkpo`) at equal steps.\n" + absent
    )


def cells(row: Mapping[str, Any]) -> list[str]:
    """Return the texts of a row, in the order of the page's columns."""
    sizes = ["" if row[name] is None else str(row[name]) for name in ("k", "group_size")]
    passes = [_interval(row.get(f"pass@{k}")) for k in KS]
    plain = [_number(row[name]) for name in _PLAIN]
    budget = [_number(row[name]) for name in _BUDGET]
    return [row["method"], *sizes, *passes, *plain, ", ".join(map(str, row["seeds"])), *budget]


def _setting(info: RunInfo) -> str:
    """Return what runs of one row have in common, as text."""
    content = {name: value for name, value in info.to_dict().items() if name != "versions"}
    return json.dumps(_without_seeds(content), sort_keys=True)


def _without_seeds(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a table without the seeds of training; those of problems or of pretraining part settings."""
    return {
        name: _without_seeds(value, f"{prefix}{name}.") if isinstance(value, Mapping) else value
        for name, value in table.items()
        if prefix + name not in _SEEDS
    }


def _row(runs: Sequence[_Finished], folder: Path) -> dict[str, Any]:
    runs = sorted(runs, key=lambda run: run[0].seed)
    info, first, _ = runs[0]
    summaries = [summary for _, summary, _ in runs]
    names = [f"pass@{k}" for k in KS if all(f"pass@{k}" in summary for summary in summaries)]
    return {
        "method": info.method,
        "k": info.k,
        "group_size": info.group_size,
        "model": info.model,
        "problems": first["problems"],
        "samples": first["samples"],
        **{name: _passes(summaries, name) for name in names},
        **{name: _mean([summary.get(name) for summary in summaries]) for name in _PLAIN},
        **{name: info.config.get(name) for name in _BUDGET},
        "seeds": [info.seed for info, _, _ in runs],
        "runs": [path.relative_to(folder).as_posix() for _, _, path in runs],
    }


def _passes(summaries: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return mean and limits of one figure, and what the interval is over."""
    values = [float(summary[name]) for summary in summaries]
    if len(values) == 1:
        (summary,) = summaries
        return {
            "mean": values[0],
            "low": summary[f"{name}_low"],
            "high": summary[f"{name}_high"],
            "over": "problems",
            "values": values,
        }
    from maxpo_bench.stats import mean_interval

    interval = mean_interval(values)
    return {
        "mean": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "over": "seeds",
        "values": values,
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _interval(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return ""
    text = f"{100 * value['mean']:.1f}"
    return text if value["low"] is None else f"{text} ({100 * value['low']:.1f} to {100 * value['high']:.1f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
