"""Tables that a paper reports, shown on the page as what they are: somebody's figures, not this leaderboard's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from maxpo_bench.leaderboard.site_text import escape, with_links


@dataclass(frozen=True)
class ReferenceTable:
    """One reported table as plain texts.

    Args:
        title: its heading.
        header: what stands above the columns.
        rows: its cells, as many in each row as the header has.
        note: where it comes from and what to keep in mind.

    Raises:
        ValueError: it has no columns, or a row has another number of cells than the header.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __post_init__(self) -> None:
        if not self.header:
            raise ValueError(f"reference table {self.title!r} has no columns")
        for at, row in enumerate(self.rows, start=1):
            if len(row) != len(self.header):
                raise ValueError(
                    f"reference table {self.title!r}: row {at} has {len(row)} cells, the header {len(self.header)}"
                )


def read_reference(path: str | Path) -> list[ReferenceTable]:
    """Read every table of a Markdown file: the heading above it is its title, the paragraphs between are its note.

    Args:
        path: of a file in UTF-8 with tables in pipes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has no table.
    """
    tokens = MarkdownIt("commonmark").enable("table").parse(Path(path).read_text(encoding="utf-8"))
    found: list[ReferenceTable] = []
    title, notes, rows, at = "", list[str](), list[list[str]](), 0
    while at < len(tokens):
        token = tokens[at]
        if token.type == "heading_open":
            title, notes = _plain(tokens[at + 1]), []
        elif token.type == "paragraph_open" and token.level == 0:
            notes.append(_plain(tokens[at + 1]))
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(_plain(tokens[at + 1]))
        elif token.type == "table_close":
            found.append(ReferenceTable(title, rows[0], rows[1:], " ".join(notes)))
            rows, notes = [], []
        at += 1
    if not found:
        raise ValueError(
            f"{path} has no table: write one with | between its cells and a line of |---| below its header"
        )
    return found


def reference_section(tables: Sequence[ReferenceTable]) -> str:
    """Return the section of reported tables; nothing if there are none."""
    if not tables:
        return ""
    parts = "\n".join(_table(at, table) for at, table in enumerate(tables, start=1))
    return (
        '<section id="reported">\n<h2>Reported in the paper</h2>\n<p><strong>A reference, not measured here</strong>: '
        "these figures are the paper's own (arXiv 2606.06080), from models and hardware that this leaderboard does not "
        f"use. They enter no score and no rank.</p>\n{parts}\n</section>"
    )


def _table(at: int, table: ReferenceTable) -> str:
    note = f"<p>{with_links(table.note)}</p>" if table.note else ""
    head = "".join(f"<th scope=col>{escape(name)}" for name in table.header)
    rows = "\n".join(
        "<tr>" + "".join(f"<{'td' if i else 'th scope=row'}>{escape(cell)}" for i, cell in enumerate(row))
        for row in table.rows
    )
    return (
        f'<h3 id="r{at}">{escape(table.title)}</h3>{note}\n<div class="scroll plain" role="region" tabindex="0" '
        f'aria-labelledby="r{at}"><table><thead><tr>{head}</thead>\n<tbody>{rows}</tbody></table></div>'
    )


def _plain(token: Token) -> str:
    """Return a line's text without its markup."""
    parts = [" " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or []]
    return "".join(parts).strip()
