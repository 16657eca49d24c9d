"""The leaderboard page's tables as HTML.

End tags that HTML allows to leave out (of cells and rows) are left out, which makes a long page a good deal shorter.
Every text that somebody else wrote goes through `escape` or `with_links`.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any

from maxpo_bench.leaderboard.columns import (
    CLASS_MEANINGS,
    CLASS_TITLES,
    KIND_SIGNS,
    Column,
    columns,
    format_number,
    format_rank,
)
from maxpo_bench.leaderboard.entry import Class, Entry, Leaderboard
from maxpo_bench.leaderboard.site_axis import LogAxis

HASH_SHOWN = 16
_LINK = re.compile(r"(https?://[^\s<>\"'`\\]+[\w/#=&]|\barXiv[: ]?\d{4}\.\d{4,5}\b)", re.IGNORECASE)
_ARXIV = re.compile(r"arXiv[: ]?([\d.]+)", re.IGNORECASE)


def escape(text: str) -> str:
    """Return a text that is safe inside an element or a quoted attribute."""
    return html.escape(text, quote=True)


def with_links(text: str) -> str:
    """Return an escaped text in which http(s) addresses and arXiv numbers are links; no other scheme ever is."""
    parts = _LINK.split(text)
    return "".join(_link(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def _link(found: str) -> str:
    number = _ARXIV.fullmatch(found)
    target = f"https://arxiv.org/abs/{number[1]}" if number else found
    return f'<a href="{escape(target)}">{escape(found)}</a>'


class Scorers:
    """The different set-ups that scored a board, numbered from 1, so that each is written out once."""

    def __init__(self, board: Leaderboard) -> None:
        keys = [self._key(entry) for entry in board.entries]
        self._numbers = {key: number for number, key in enumerate(dict.fromkeys(keys), start=1)}

    def number(self, entry: Entry) -> int:
        """Return the number of the set-up that scored an entry."""
        return self._numbers[self._key(entry)]

    def to_html(self) -> str:
        """Return every set-up as a list with an anchor."""
        parts: list[str] = []
        for key, number in self._numbers.items():
            items = "".join(
                f"<dt>{escape(name)}<dd><code>{escape(value)}</code>" for name, value in _flat(json.loads(key))
            )
            if items:
                parts.append(f'<h3 id="s{number}">Set-up {number}</h3>\n<dl class="scorer">{items}</dl>')
        return "\n".join(parts)

    @staticmethod
    def _key(entry: Entry) -> str:
        shared = {key: value for key, value in entry.scorer.items() if key != "date"}
        return json.dumps(shared | {"sandbox": entry.sandbox}, sort_keys=True)


def section(board: Leaderboard, klass: Class, entries: Sequence[Entry], scorers: Scorers) -> str:
    """Return one class's heading and table."""
    used = columns(board)
    axis = LogAxis.over(entries)
    bodies = "\n".join(f"<tbody>{_rows(board, used, axis, scorers, entry)}" for entry in entries)
    table = (
        f'<div class="frame"><div class="scroll" role="region" tabindex="0" aria-labelledby="{klass}-title">\n<table>'
        f"<thead><tr>{''.join(_head(column, axis) for column in used)}</thead>\n{bodies}\n</table></div></div>"
    )
    return (
        f'<section class="board" id="{klass}">\n<h2 id="{klass}-title">{CLASS_TITLES[klass]}</h2>\n'
        f"<p>{CLASS_MEANINGS[klass]}</p>\n{table if entries else '<p>No entries yet.</p>'}\n</section>"
    )


def legend(board: Leaderboard) -> str:
    """Return the columns' meanings as the items of a definition list."""
    return "\n".join(
        f'<div id="c-{column.key}"><dt>{escape(column.heading)}</dt><dd>{escape(column.meaning)}</dd></div>'
        for column in columns(board)
    )


def reference_lines(board: Leaderboard) -> str:
    """Return the rules that put the line of the reference, 1, into each table's axis."""
    axes = {klass: LogAxis.over(entries) for klass, entries in board.sections()}
    return "".join(f"#{klass} {{ --one: {axis.x(1)}px; }}\n" for klass, axis in axes.items())


def _head(column: Column, axis: LogAxis) -> str:
    kind = "b" if column.key == "b95" else "m" if column.is_numeric and column.key != "rank" else "t"
    sort = f' data-sort="{"number" if column.is_numeric else "text"}"'
    best = f' data-best="{column.better}"' if column.better else ""
    scale = axis.scale() if column.key == "b95" else ""
    label = f'<span title="{escape(column.meaning)}">{escape(column.heading)}</span>'
    return f'<th scope="col" class="{kind}"{sort}{best} aria-describedby="c-{column.key}">{label}{scale}'


def _rows(board: Leaderboard, used: Sequence[Column], axis: LogAxis, scorers: Scorers, entry: Entry) -> str:
    mark = " class=w" if entry.status == "withdrawn" else ""
    cells = "".join(_cell(board, column, axis, entry) for column in used)
    return f"<tr{mark}>{cells}<tr class=d><td colspan={len(used)}>{_details(board, entry, scorers)}"


def _cell(board: Leaderboard, column: Column, axis: LogAxis, entry: Entry) -> str:
    if column.key == "rank":
        return f"<td>{_breakable(format_rank(board, entry))}"
    if column.key == "name":
        line = entry.title if entry.title != entry.name else entry.summary
        below = f"<i>{escape(line)}</i>" if line else ""
        return f"<th scope=row><details><summary>{_breakable(entry.name)}</summary></details>{below}"
    if column.key == "kind":
        return f"<td><em class={entry.kind}>{KIND_SIGNS[entry.kind]} {entry.kind}</em>"
    if column.key == "status":
        status = entry.status if entry.status == "self-run" else f"<em class={entry.status}>{entry.status}</em>"
        return f"<td>{entry.origin} {status}"
    cell = column.cell(board, entry)
    low_high = f"<i>{'–'.join(cell.interval)}</i>" if cell.interval else "<i></i>"
    if column.key == "b95":
        return f"<td class=b><b>{cell.value}</b>{low_high}{axis.bar(entry.b95_ratio)}"
    return f"<td><b>{cell.value}</b>{low_high}" if cell.interval else f"<td>{cell.value}"


def _details(board: Leaderboard, entry: Entry, scorers: Scorers) -> str:
    by = ", ".join(part for part in (entry.authors, entry.licence) if part)
    source = ", ".join(part for part in (entry.paper, entry.equation) if part)
    copies = ", ".join(f"<code>{escape(copy.name)}</code>" for copy in board.copies(entry.name))
    items = {
        "Paper": with_links(source),
        "Also": f"{copies} (<a href=#copy>rescaled copies</a>)" if copies else "",
        "Certified": f"{entry.kind} at scale {entry.scale}, {entry.domain} rewards",
        "By": with_links(by),
        "Step size": format_number(entry.learning_rate) if entry.learning_rate is not None else "",
        "Hash": f"<code>{escape(entry.submission_hash[:HASH_SHOWN])}</code>" if entry.submission_hash else "",
        "Scored": _scored(entry, scorers),
    }
    lines = "".join(f"<dt>{name}<dd>{text}" for name, text in items.items() if text)
    summary = f"<p>{with_links(entry.summary)}</p>" if entry.summary else ""
    return f"<div>{summary}<dl>{lines}</dl></div>"


def _scored(entry: Entry, scorers: Scorers) -> str:
    date = f"{escape(str(entry.scorer['date']))}, " if "date" in entry.scorer else ""
    number = scorers.number(entry)
    return f"{date}<a href=#s{number}>set-up {number}</a>"


def _breakable(name: str) -> str:
    """Return an escaped name; a long one may break after an underscore."""
    return escape(name).replace("_", "_<wbr>") if len(name) > 14 else escape(name)


def _flat(scorer: dict[str, Any]) -> list[tuple[str, str]]:
    """Return name and value of everything in a scorer's description, nested mappings opened."""
    items: list[tuple[str, str]] = []
    for name, value in scorer.items():
        if isinstance(value, dict):
            items += _flat(value)
        elif value is not None:
            items.append((name, value if isinstance(value, str) else json.dumps(value, sort_keys=True)))
    return items
