"""A document for a terminal, by rich, and as Markdown."""

from __future__ import annotations

import html
import re

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from maxpo_bench.leaderboard.document import Block, Command, Document, Facts, Grid, visible

_LABEL_WIDTH = 24
_LEAST_LAST = 24
"""A last column of words is wrapped; it is worth showing from this width on."""


class TerminalDocument:
    """A document for rich, at any width; tables go without their expendable columns until they fit.

    Args:
        document: what to show.
    """

    def __init__(self, document: Document) -> None:
        self.document = document

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(visible(self.document.title), style="bold")
        if self.document.lead:
            yield Text(visible(self.document.lead))
        for section in self.document.sections:
            yield Text(f"\n{visible(section.title)}", style="bold")
            for block in section.blocks:
                yield _terminal_block(block, options.max_width)


def render_document_markdown(document: Document) -> str:
    """Return a document as GitHub Markdown; the same document gives the same bytes."""
    lines = [f"# {_escape(document.title)}", ""]
    lines += [_escape(document.lead), ""] if document.lead else []
    for section in document.sections:
        lines += [f"## {_escape(section.title)}", ""]
        for block in section.blocks:
            lines += [*_markdown_block(block), ""]
    return "\n".join(lines)


def _terminal_block(block: Block, width: int) -> RenderableType:
    if isinstance(block, str):
        return Text(visible(block))
    if isinstance(block, Command):
        return Padding(Text(visible(block.text), style="cyan"), (0, 0, 0, 2))
    if isinstance(block, Facts):
        return _terminal_facts(block)
    return _terminal_grid(block, width)


def _terminal_facts(facts: Facts) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(max_width=_LABEL_WIDTH, style="dim", overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    for name, value in facts.rows:
        table.add_row(Text(visible(name)), Text(visible(value)))
    return table


def _terminal_grid(grid: Grid, width: int) -> Table:
    kept = _columns_that_fit(grid, width)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for index in kept:
        words = grid.columns[index] in grid.words
        table.add_column(Text(grid.columns[index]), justify="left" if words else "right", overflow="fold")
    for row in grid.rows:
        table.add_row(*(Text(visible(row[index])) for index in kept))
    return table


def _columns_that_fit(grid: Grid, width: int) -> list[int]:
    """Return the columns to show; the last one may be wrapped if it holds words."""
    kept = list(range(len(grid.columns)))
    for name in grid.expendable:
        if _natural_width(grid, kept) <= width:
            break
        kept.remove(grid.columns.index(name))
    return kept


def _natural_width(grid: Grid, kept: list[int]) -> int:
    widths = [max(cell_len(visible(text)) for text in (grid.columns[i], *(row[i] for row in grid.rows))) for i in kept]
    if grid.columns[kept[-1]] in grid.words:
        widths[-1] = min(widths[-1], _LEAST_LAST)
    return sum(widths) + 2 * (len(kept) - 1)


def _markdown_block(block: Block) -> list[str]:
    if isinstance(block, str):
        return [_escape(block)]
    if isinstance(block, Command):
        return ["```sh", visible(block.text), "```"]
    if isinstance(block, Facts):
        return [f"- **{_escape(name)}**: {_escape(value)}" for name, value in block.rows]
    marks = [":--" if name in block.words else "--:" for name in block.columns]
    rows = [[_escape(name) for name in block.columns], marks, *([_escape(cell) for cell in row] for row in block.rows)]
    return [f"| {' | '.join(row)} |" for row in rows]


def _escape(text: str) -> str:
    """Escape all that is special to Markdown or HTML, but nothing inside an ordinary word or number."""
    escaped = html.escape(visible(text), quote=False)
    escaped = re.sub(r"([\\`*{}\[\]#|~!@])", r"\\\1", escaped)
    escaped = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", escaped)
    escaped = re.sub(r"(?i)\b(https?|ftp|mailto):", r"\1\\:", escaped)
    escaped = re.sub(r"(?i)\bwww\.", r"www\\.", escaped)
    return (
        re.sub(r"^(\s*)(\d*)([-+.)=])", r"\1\2\\\3", escaped) if re.match(r"\s*(\d+[.)]\s|[-+=])", escaped) else escaped
    )
