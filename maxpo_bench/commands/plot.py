"""`maxpo-bench plot`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.commands.progress import counting
from maxpo_bench.plots import FIGURES, plot, save
from maxpo_bench.plots.data import PLANS, compute, with_optimum
from maxpo_bench.registry import UnknownNameError, suggest

if TYPE_CHECKING:
    import pandas as pd

FROM_RUNS = ("learning_curves", "p_action_1", "performance_profile")
FROM_REPORT = {"pass_at_k": "pass_at_k.csv", "pass_at_k_difference": "difference.csv", "support": "support.csv"}
WITH_METRIC = ("learning_curves", "performance_profile")


def run_plot(
    figure: str,
    source: Path | None,
    out: Path,
    *,
    metric: str | None,
    estimators: list[str],
    formats: str,
    size: str,
    seed: int,
    quiet: bool,
) -> int:
    """Draw one figure, or list them; print the files that were written."""
    if figure == "list":
        for name in FIGURES:
            print(f"{name:20} needs {_needs(name)}")
        return 0
    name = FIGURES.canonical(figure)
    if metric and name not in WITH_METRIC:
        raise ValueError(f"--metric is for {' and '.join(WITH_METRIC)}; {name} shows one metric")
    options: dict[str, Any] = {"caption": f"Seed {seed}."} if source is None else {}
    if name == "performance_profile":
        options["seed"] = seed
    elif metric:
        options["metric"] = metric
    data = _data(name, source, size, estimators, seed, metric, quiet=quiet)
    for path in save(plot(name, data, **options), out, name, formats.split(",")):
        print(path)
    return 0


def _needs(name: str) -> str:
    """Say what a figure is drawn from."""
    if name in FROM_REPORT:
        return f"{FROM_REPORT[name]} of `maxpo-bench llm report FILE... --out DIR` (--from DIR/{FROM_REPORT[name]})"
    return "a sweep's runs (--from DIR)" if name in FROM_RUNS else "nothing: it computes its data"


def _data(
    name: str,
    source: Path | None,
    size: str,
    estimators: list[str],
    seed: int,
    metric: str | None,
    *,
    quiet: bool,
) -> pd.DataFrame:
    """Data of a figure: from a .csv, from a sweep's runs, or computed."""
    if source is not None and source.suffix == ".csv":
        if metric and name == "performance_profile":
            raise ValueError(f"{name} draws the column score of a .csv: leave --metric out")
        import pandas as pd

        return pd.read_csv(source)
    if name in FROM_REPORT:
        raise ValueError(f"{name} is drawn from a report: it needs {_needs(name)}")
    if name in FROM_RUNS:
        if source is None:
            raise ValueError(f"{name} is drawn from a sweep's runs: give their folder with --from")
        return profile_data(source, metric) if name == "performance_profile" else sweep_data(source)
    if source is not None:
        raise ValueError(f"{name} computes its data: --from takes a .csv of it, not the folder {source}")
    if size not in PLANS:
        raise UnknownNameError(f"unknown size {size!r}.{suggest(size, PLANS)}")
    plan = replace(PLANS[size], seed=seed)
    if estimators:
        plan = replace(plan, estimators=tuple(estimators))
    with counting(name, quiet=quiet) as progress:
        return compute(name, plan, progress)


def sweep_data(folder: Path) -> pd.DataFrame:
    """Learning curves of a sweep in long form, with each environment's exact optimum.

    Raises:
        ValueError: the folder holds no finished run.
    """
    from maxpo_bench import sweep

    return with_optimum(sweep.to_frame(finished_records(folder)))


def profile_data(folder: Path, metric: str | None) -> pd.DataFrame:
    """Scores of a sweep's runs, one row for each, divided by the optimum where there are several tasks.

    Raises:
        ValueError: the folder holds no finished run, or its runs cannot be compared: the message says why.
    """
    from maxpo_bench.sweep.comparability import complete_seeds
    from maxpo_bench.sweep.score_reading import read_scores

    scores = read_scores(finished_records(folder), metric)
    complete_seeds(scores.cells(), scores.tasks)
    return scores.to_frame()


def finished_records(folder: Path) -> list[dict[str, Any]]:
    """Records of a sweep's finished runs.

    Raises:
        ValueError: the folder holds no finished run.
    """
    from maxpo_bench import sweep

    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name the --out of a sweep")
    records = sweep.RunStore(folder).load_all()
    if not records:
        raise ValueError(f"{folder} holds no finished run: name the --out of a sweep")
    return records
