"""`maxpo-bench reproduce`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.commands.progress import counting
from maxpo_bench.registry import UnknownNameError, suggest

if TYPE_CHECKING:
    from maxpo_bench.reproduce.bandit.measure import Measured
    from maxpo_bench.reproduce.report import Report
    from maxpo_bench.reproduce.table1 import MeasuredRow

KNOWN = ("table1", "fig1", "fig4", "fig5")
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
    quiet: bool,
    as_json: bool,
) -> int:
    """Measure, print, and write into ``out``; return the exit code.

    Figures are written into "figures" where no folder is given, the table is then printed only. Without a device and a
    size they are computed on the CPU at the paper's size.
    """
    wanted = list(dict.fromkeys(what))
    for name in wanted:
        if name not in KNOWN:
            raise UnknownNameError(f"cannot reproduce {name!r}.{suggest(name, KNOWN)}")
    figures = [name for name in wanted if name != "table1"]
    _check_options(
        figures, {"--estimator": estimators or None, "--instances": instances, "--device": device, "--size": size}
    )
    device, size = device or DEVICES[0], size or DEFAULT_SIZE
    _check_device(device)
    _check_out(out or (DEFAULT_OUT if figures else None), figures)
    found: dict[str, Any] = {}
    if "table1" in wanted:
        found["table1"] = _table1(out, seed=seed, as_json=as_json)
    if figures:
        folder = out or DEFAULT_OUT
        measured = _measure(
            figures, folder, estimators, device=device, instances=instances, seed=seed, size=size, quiet=quiet
        )
        found |= _draw(figures, folder, measured, as_json=as_json)
    if as_json:
        from maxpo_bench.cli import print_json

        print_json(found if len(wanted) > 1 else found[wanted[0]])
    return 0


def _check_options(figures: Sequence[str], options: Mapping[str, object]) -> None:
    """Refuse what only figures take where none is asked for."""
    given = [flag for flag, value in options.items() if value is not None]
    if given and not figures:
        raise ValueError(
            f"table1 takes no {' or '.join(given)}: its rows and its size are given; leave it out, or add a figure "
            "(fig1, fig4, fig5)"
        )


def _check_out(out: Path | None, figures: Sequence[str]) -> None:
    from maxpo_bench.reproduce import folder

    if out is not None:
        folder.check(out, figures)
        folder.clear(out)


def _check_device(device: str) -> None:
    if device not in DEVICES:
        raise UnknownNameError(f"unknown device {device!r}.{suggest(device, DEVICES)}")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ValueError("torch sees no CUDA device here: leave --device out, or see `maxpo-bench doctor`")


def _measure(
    figures: Sequence[str],
    folder: Path,
    estimators: Sequence[str],
    *,
    device: str,
    instances: int | None,
    seed: int,
    size: str,
    quiet: bool,
) -> Measured:
    """Compute the cells that are not stored yet, with a bar on a terminal."""
    from maxpo_bench.reproduce.bandit.measure import measure
    from maxpo_bench.reproduce.bandit.sizes import size_of
    from maxpo_bench.reproduce.folder import CELLS
    from maxpo_bench.reproduce.subjects import load_subjects

    chosen = size_of(size, instances=instances, seed=seed)
    if not quiet and any(target.endswith(".py") or Path(target).is_dir() for target in estimators):
        print("note: this runs the file's code with your rights, without a sandbox", file=sys.stderr)
    subjects = load_subjects(estimators, out=folder)
    started = time.monotonic()
    with counting("cells", quiet=quiet) as progress:
        measured = measure(figures, chosen, subjects, folder / CELLS, device=device, progress=progress)
    if not quiet:
        stored = len(measured.values) - measured.computed
        seconds = time.monotonic() - started
        print(f"{measured.computed} cells computed in {seconds:.0f} s, {stored} were stored already", file=sys.stderr)
    return measured


def _draw(figures: Sequence[str], folder: Path, measured: Measured, *, as_json: bool) -> dict[str, Any]:
    """Draw, write and print every figure, then the page of the folder."""
    from maxpo_bench.reproduce import page
    from maxpo_bench.reproduce.bandit.report import draw
    from maxpo_bench.reproduce.report import write

    found: dict[str, Any] = {}
    for figure in figures:
        drawn = draw(figure, measured)
        paths = write(drawn, folder)
        found[figure] = drawn.report.to_dict()
        if not as_json:
            _print_report(drawn.report, paths)
    readme = page.write(folder)
    if readme is None:
        print(f"{folder / page.NAME} is not one of ours: left as it is", file=sys.stderr)
    elif not as_json:
        print(f"Page: {readme}")
    return found


def _print_report(report: Report, paths: Sequence[Path]) -> None:
    """Title, caption, and each finding with its verdict."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(report.title, style="bold"))
    console.print(Text(report.caption, style="dim"))
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


_COLOURS = {"holds": "bold green", "holds in part": "bold yellow", "does not hold": "bold red", "": "bold"}


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
