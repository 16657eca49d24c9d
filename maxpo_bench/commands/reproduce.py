"""`maxpo-bench reproduce`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from maxpo_bench.registry import UnknownNameError, suggest

if TYPE_CHECKING:
    from maxpo_bench.reproduce.table1 import MeasuredRow

KNOWN = ("table1",)


def run_reproduce(what: str, out: Path | None, *, seed: int, as_json: bool) -> int:
    """Measure, print, and write into ``out`` if given; return the exit code."""
    if what not in KNOWN:
        raise UnknownNameError(f"cannot reproduce {what!r}.{suggest(what, KNOWN)}")
    from maxpo_bench.reproduce.table1 import measure_table1, to_dict, to_markdown

    setting = {"n": 8, "k": 3, "groups": 200, "seed": seed}
    rows = measure_table1(**setting)
    as_text = json.dumps(to_dict(rows, **setting), indent=2, sort_keys=True, allow_nan=False) + "\n"
    as_markdown = to_markdown(rows, **setting)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "table1.json").write_text(as_text, encoding="utf-8")
        (out / "table1.md").write_text(as_markdown, encoding="utf-8")
    if as_json:
        print(as_text, end="")
    else:
        _print_table(rows)
        print(as_markdown.strip().splitlines()[-1])
        if out is not None:
            print(f"\nWritten: {out / 'table1.md'}, {out / 'table1.json'}")
    return 0


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
