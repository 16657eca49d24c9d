"""`maxpo-bench reproduce`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.commands.progress import counting
from maxpo_bench.registry import UnknownNameError, suggest

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from maxpo_bench.leaderboard.submission import Candidate
    from maxpo_bench.reproduce.bandit.sizes import Size as BanditSize
    from maxpo_bench.reproduce.llm.sizes import TinyLMSize
    from maxpo_bench.reproduce.maze.sizes import MazeSize
    from maxpo_bench.reproduce.report import Drawn, Report, Table
    from maxpo_bench.reproduce.table1 import MeasuredRow

Progress = Callable[[int, int], None]
Tell = Callable[[int, int], None]

BANDIT = ("fig1", "fig4", "fig5")
MAZE = ("fig6", "fig7", "fig7-search", "fig7-mlp", "fig7-peers")
TINY_LM = "tiny-lm"
KNOWN = ("table1", *BANDIT, *MAZE, TINY_LM)
ALL = "all"
DEFAULT_OUT = Path("figures")
DEFAULT_SIZE = "paper"
DEVICES = ("cpu", "cuda")


def run_reproduce(
    what: Sequence[str],
    out: Path | None,
    *,
    estimators: Sequence[str],
    device: str | None,
    instances: int | None,
    seed: int,
    size: str | None,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Measure, print, and write into ``out``; return the exit code.

    Figures are written into "figures" where no folder is given, the table is then printed only. Without a device and a
    size they are computed on the CPU at the paper's size.
    """
    from maxpo_bench.reproduce.bandit import sizes as bandit_sizes
    from maxpo_bench.reproduce.maze import sizes as maze_sizes
    from maxpo_bench.reproduce.maze.make import check_names

    wanted = _wanted(what)
    figures = [name for name in wanted if name != "table1"]
    bandit, maze = ([name for name in figures if name in known] for known in (BANDIT, MAZE))
    _check_options(
        figures,
        {
            "--estimator": estimators or None,
            "--instances": instances,
            "--device": device,
            "--size": size,
            "--workers": workers,
        },
    )
    if workers is not None and not (maze or TINY_LM in figures):
        raise ValueError("--workers is that of the maze figures (fig6, fig7, ...) and tiny-lm: leave it out")
    if device is not None and not bandit:
        raise ValueError("--device is that of fig1, fig4 and fig5: leave it out, the others take the CPU")
    if estimators and figures == ["fig6"]:
        raise ValueError("fig6 takes no --estimator: nothing is trained there; leave it out, or add a figure")
    size = size or DEFAULT_SIZE
    chosen_maze = maze_sizes.size_of(size, instances=instances, seed=seed)
    chosen_lm = _tiny_lm_size(size, estimators, instances=instances, seed=seed) if TINY_LM in figures else None
    if "fig7-peers" in maze:
        _check_peers(chosen_maze)
    _check_device(device or DEVICES[0])
    folder = out or DEFAULT_OUT
    _check_out(folder if figures else out, figures)
    found: dict[str, Any] = {}
    if "table1" in wanted:
        found["table1"] = _table1(out, seed=seed, as_json=as_json)
    if figures:
        subjects = _subjects(estimators, folder, quiet=quiet)
        if maze:
            check_names(subjects)
        reports: list[Report] = []
        if bandit:
            chosen = bandit_sizes.size_of(size, instances=instances, seed=seed)
            drawn = _bandit(bandit, chosen, subjects, folder, device=device or DEVICES[0], quiet=quiet)
            reports += _write(drawn, folder, as_json=as_json)
        for name in maze:
            drawn = _maze(name, chosen_maze, subjects, folder, workers=workers, quiet=quiet)
            reports += _write(drawn, folder, as_json=as_json)
        if chosen_lm is not None:
            drawn = _tiny_lm(chosen_lm, folder, workers=workers, quiet=quiet)
            reports += _write(drawn, folder, as_json=as_json)
        found |= {report.figure: report.to_dict() for report in reports}
        _write_page(folder, as_json=as_json)
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json(found if len(found) > 1 else next(iter(found.values())))
    return 0


def _wanted(what: Sequence[str]) -> list[str]:
    """Return what is asked for, in order and once; "all" stands for everything."""
    for name in what:
        if name not in (*KNOWN, ALL):
            raise UnknownNameError(f"cannot reproduce {name!r}.{suggest(name, [*KNOWN, ALL])}")
    return list(dict.fromkeys(each for name in what for each in (KNOWN if name == ALL else [name])))


def _check_options(figures: Sequence[str], options: Mapping[str, object]) -> None:
    """Refuse what only figures take where none is asked for."""
    given = [flag for flag, value in options.items() if value is not None]
    if given and not figures:
        raise ValueError(
            f"table1 takes no {' or '.join(given)}: its rows and its size are given; leave it out, or add a figure "
            "(fig1, fig4, ...)"
        )


def _check_out(out: Path | None, figures: Sequence[str]) -> None:
    from maxpo_bench.reproduce import folder
    from maxpo_bench.reproduce.maze.make import reports_of

    if out is not None:
        folder.check(out, [report for figure in figures for report in reports_of(figure)])
        folder.clear(out)


def _check_peers(size: MazeSize) -> None:
    """Raise where a package that a peer needs is missing, before anything is trained."""
    from maxpo_bench.agents.registry import find_agent

    for name in size.peers:
        find_agent(name)


def _check_device(device: str) -> None:
    if device not in DEVICES:
        raise UnknownNameError(f"unknown device {device!r}.{suggest(device, DEVICES)}")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ValueError("torch sees no CUDA device here: leave --device out, or see `maxpo-bench doctor`")


def _subjects(estimators: Sequence[str], folder: Path, *, quiet: bool) -> list[Candidate]:
    """Load the paper's estimators and the added ones."""
    from maxpo_bench.reproduce.subjects import load_subjects

    if not quiet and any(target.endswith(".py") or Path(target).is_dir() for target in estimators):
        print("note: this runs the file's code with your rights, without a sandbox", file=sys.stderr)
    return load_subjects(estimators, out=folder)


def _bandit(
    figures: Sequence[str], size: BanditSize, subjects: Sequence[Candidate], folder: Path, *, device: str, quiet: bool
) -> list[Drawn]:
    """Compute the cells of the bandit figures that are not stored yet, with a bar on a terminal, and draw."""
    from maxpo_bench.reproduce.bandit.measure import measure
    from maxpo_bench.reproduce.bandit.report import draw
    from maxpo_bench.reproduce.folder import CELLS

    with _timed(quiet=quiet) as (progress, tell):
        measured = measure(figures, size, subjects, folder / CELLS, device=device, progress=progress)
        tell(measured.computed, len(measured.values))
    return [draw(figure, measured) for figure in figures]


def _maze(
    figure: str,
    size: MazeSize,
    subjects: Sequence[Candidate],
    folder: Path,
    *,
    workers: int | None,
    quiet: bool,
) -> list[Drawn]:
    """Compute the cells of a maze figure that are not stored yet, with a bar on a terminal, and draw."""
    from maxpo_bench.reproduce.folder import CELLS
    from maxpo_bench.reproduce.maze.make import make

    with _timed(quiet=quiet) as (progress, tell):
        return make(figure, size, subjects, folder / CELLS, workers=workers, progress=progress, tell=tell)


def _tiny_lm_size(size: str, estimators: Sequence[str], *, instances: int | None, seed: int) -> TinyLMSize:
    """Return what to train: the size's methods and the added estimators."""
    from maxpo_bench.llm.methods import get_method
    from maxpo_bench.reproduce.llm.sizes import size_of

    chosen = size_of(size, instances=instances, seed=seed)
    files = [name for name in estimators if name.endswith(".py") or Path(name).is_dir()]
    for name in files:
        print(f"tiny-lm leaves {name} out: maxpo-bench llm train --method {name} trains it", file=sys.stderr)
    added = [get_method(name, chosen.k).name for name in estimators if name not in files]
    return replace(chosen, methods=tuple(dict.fromkeys([*chosen.methods, *added])))


def _tiny_lm(size: TinyLMSize, folder: Path, *, workers: int | None, quiet: bool) -> list[Drawn]:
    """Train what is not stored yet of the tiny model's experiment, with a bar on a terminal, and draw."""
    from maxpo_bench.reproduce.folder import CELLS
    from maxpo_bench.reproduce.llm.measure import measure
    from maxpo_bench.reproduce.llm.report import draw

    with counting("runs", quiet=quiet) as progress:
        rows = measure(size, folder / CELLS, workers=workers, progress=progress)
    return [draw(size, rows)]


@contextmanager
def _timed(*, quiet: bool) -> Iterator[tuple[Progress | None, Tell]]:
    """Show a bar, and say at the end how many cells were computed in how long."""
    started, counts = time.monotonic(), []
    with counting("cells", quiet=quiet) as progress:
        yield progress, lambda computed, total: counts.append((computed, total))
    for computed, total in counts if not quiet else ():
        seconds = time.monotonic() - started
        print(f"{computed} cells computed in {seconds:.0f} s, {total - computed} were stored already", file=sys.stderr)


def _write(drawn: Sequence[Drawn], folder: Path, *, as_json: bool) -> list[Report]:
    """Write and print figures."""
    from maxpo_bench.reproduce.report import write

    for each in drawn:
        paths = write(each, folder)
        if not as_json:
            _print_report(each.report, paths)
    return [each.report for each in drawn]


def _write_page(folder: Path, *, as_json: bool) -> None:
    """Write the page of the folder."""
    from maxpo_bench.reproduce import page

    readme = page.write(folder)
    if readme is None:
        print(f"{folder / page.NAME} is not one of ours: left as it is", file=sys.stderr)
    elif not as_json:
        print(f"Page: {readme}")


def _print_report(report: Report, paths: Sequence[Path]) -> None:
    """Title, caption, and each finding with its verdict."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(report.title, style="bold"))
    console.print(Text(report.caption, style="dim"))
    for table in report.tables:
        console.print(_table(table))
    for finding in report.findings:
        verdict = Text(f"{finding.verdict or 'measured'}: ", style=_COLOURS[finding.verdict])
        console.print(Text("\n").append(verdict).append(f"{finding.statement} ({finding.source})"))
        head, *rest = finding.measured
        console.print(Padding(Text(head), (0, 0, 0, 2)))
        for line in rest:
            console.print(Padding(Text(line), (0, 0, 0, 4)))
        if finding.rule:
            console.print(Padding(Text(finding.rule, style="dim"), (0, 0, 0, 2)))
    console.print(Text(f"\nWritten: {', '.join(map(str, paths))}\n"), soft_wrap=True)


def _table(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(title=Text(table.title, style="bold"), box=box.SIMPLE_HEAD, title_justify="left")
    for name in table.header:
        shown.add_column(name)
    for row in table.rows:
        shown.add_row(*row)
    return shown


_COLOURS = {
    "holds": "bold green",
    "holds in part": "bold yellow",
    "does not hold": "bold red",
    "undecided": "bold yellow",
    "": "bold",
}


def _table1(out: Path | None, *, seed: int, as_json: bool) -> dict[str, Any]:
    from maxpo_bench.reproduce.table1 import measure_table1, to_dict, to_markdown

    setting = {"n": 8, "k": 3, "groups": 200, "seed": seed}
    rows = measure_table1(**setting)
    found = to_dict(rows, **setting)
    as_markdown = to_markdown(rows, **setting)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        as_text = json.dumps(found, indent=2, sort_keys=True, allow_nan=False) + "\n"
        (out / "table1.json").write_text(as_text, encoding="utf-8")
        (out / "table1.md").write_text(as_markdown, encoding="utf-8")
    if not as_json:
        _print_table(rows)
        print(as_markdown.strip().splitlines()[-1])
        if out is not None:
            print(f"\nWritten: {out / 'table1.md'}, {out / 'table1.json'}")
    return found


def _print_table(rows: list[MeasuredRow]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from maxpo_bench.reproduce.table1 import constant_text

    table = Table(title="Table 1 of the paper, measured", box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("method", "signal", "paper", "measured", "constant", "certificate"):
        table.add_column(column)
    for row in rows:
        table.add_row(row.method, row.signal, row.paper_relation, row.relation, constant_text(row), row.certificate)
    Console().print(table)
