"""`maxpo-bench plot`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maxpo_bench.commands.progress import counting
from maxpo_bench.plots import FIGURES, plot, save
from maxpo_bench.plots.data import PLANS, compute, with_optimum
from maxpo_bench.registry import UnknownNameError, suggest

if TYPE_CHECKING:
    import pandas as pd

FROM_RUNS = ("learning_curves", "p_action_1")


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
            needs = "a sweep's runs (--from DIR)" if name in FROM_RUNS else "nothing: it computes its data"
            print(f"{name:18} needs {needs}")
        return 0
    name = FIGURES.canonical(figure)
    options = {"metric": metric} if metric else {}
    if metric and name != "learning_curves":
        raise ValueError(f"--metric is for learning_curves; {name} shows one metric")
    if source is None:
        options["caption"] = f"Seed {seed}."
    data = _data(name, source, size, estimators, seed, quiet=quiet)
    for path in save(plot(name, data, **options), out, name, formats.split(",")):
        print(path)
    return 0


def _data(name: str, source: Path | None, size: str, estimators: list[str], seed: int, *, quiet: bool) -> pd.DataFrame:
    """Data of a figure: from a .csv, from a sweep's runs, or computed."""
    if source is not None and source.suffix == ".csv":
        import pandas as pd

        return pd.read_csv(source)
    if name in FROM_RUNS:
        if source is None:
            raise ValueError(f"{name} is drawn from a sweep's runs: give their folder with --from")
        return sweep_data(source)
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

    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name the --out of a sweep")
    records = sweep.RunStore(folder).load_all()
    if not records:
        raise ValueError(f"{folder} holds no finished run: name the --out of a sweep")
    return with_optimum(sweep.to_frame(records))
