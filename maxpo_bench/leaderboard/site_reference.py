"""Tables that a paper reports, shown on the page as what they are: somebody's figures, not this leaderboard's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maxpo_bench.leaderboard.checks import check_keys
from maxpo_bench.leaderboard.site_text import escape, with_links

ReferenceTable = Mapping[str, Any]
"""A reported table as plain texts: ``title``, ``note``, ``header`` and ``rows``, each as long as the header."""


def reference_section(tables: Sequence[ReferenceTable]) -> str:
    """Return the section of reported tables; nothing if there are none.

    Raises:
        ValueError: a table lacks a key or has an unknown one, or a row has another number of cells than the header.
    """
    if not tables:
        return ""
    parts = "\n".join(_table(at, _checked(table)) for at, table in enumerate(tables, start=1))
    return (
        '<section id="reported">\n<h2>Reported in the paper</h2>\n<p><strong>A reference, not measured here.</strong> '
        f"These figures enter no score and no rank.</p>\n{parts}\n</section>"
    )


def _checked(table: ReferenceTable) -> ReferenceTable:
    check_keys(table, ("title", "note", "header", "rows"), "reference table")
    for at, row in enumerate(table["rows"], start=1):
        if len(row) != len(table["header"]):
            raise ValueError(
                f"reference table {table['title']!r}: row {at} has {len(row)} cells, the header {len(table['header'])}"
            )
    return table


def _table(at: int, table: ReferenceTable) -> str:
    note = f"<p>{with_links(str(table['note']))}</p>" if table["note"] else ""
    head = "".join(f"<th scope=col>{escape(str(name))}" for name in table["header"])
    rows = "\n".join(
        "<tr>" + "".join(f"<{'td' if i else 'th scope=row'}>{escape(str(cell))}" for i, cell in enumerate(row))
        for row in table["rows"]
    )
    return (
        f'<div class="reported"><h3 id="r{at}">{escape(str(table["title"]))}</h3>{note}\n'
        f'<div class="scroll plain" role="region" tabindex="0" aria-labelledby="r{at}">'
        f"<table><thead><tr>{head}</thead>\n<tbody>{rows}</tbody></table></div></div>"
    )
