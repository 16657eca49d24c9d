"""The leaderboard page's tables as HTML: one row an entry, readable without scripts.

End tags that HTML allows to leave out (of cells and rows) are left out, which makes a long page a good deal shorter.
Every text that somebody else wrote goes through `escape`.
"""

from __future__ import annotations

from collections.abc import Sequence

from maxpo_bench.leaderboard.columns import CLASS_MEANINGS, CLASS_TITLES, KIND_SIGNS, Column, format_rank
from maxpo_bench.leaderboard.entry import Class, Entry, Leaderboard
from maxpo_bench.leaderboard.site_axis import LogAxis
from maxpo_bench.leaderboard.site_columns import other_columns, row_columns
from maxpo_bench.leaderboard.site_text import badge, breakable, escape


def section(board: Leaderboard, klass: Class, entries: Sequence[Entry]) -> str:
    """Return one class's heading and table."""
    used = row_columns(board)
    axis = LogAxis.over(entries)
    title = CLASS_TITLES[klass]
    rows = "\n".join(_row(board, used, axis, entry) for entry in entries)
    table = (
        f'<div class="frame"><div class="scroll" role="region" tabindex="0" aria-labelledby="{klass}-title">\n'
        '<table class="rows">'
        f'<caption class="unseen">{title}, {len(entries)} entries; the best headline score comes first</caption>'
        f"<thead><tr>{''.join(_head(column, axis) for column in used)}</thead>\n<tbody>{rows}</tbody>\n"
        "</table></div></div>"
    )
    return (
        f'<section class="board" id="{klass}">\n<h2 id="{klass}-title">{title}</h2>\n'
        f"<p>{CLASS_MEANINGS[klass]}</p>\n{table if entries else '<p>No entries yet.</p>'}\n</section>"
    )


def legend(board: Leaderboard) -> str:
    """Return the columns' meanings as the items of a definition list, those of the opened row last."""
    used = row_columns(board)
    every = [*used, *(column for column in other_columns(board) if column not in used)]
    return "\n".join(
        f'<div id="c-{column.key}"><dt>{escape(column.heading)}</dt><dd>{escape(column.meaning)}</dd></div>'
        for column in every
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
    label = f"<span>{escape(column.heading)}</span>"
    return f'<th scope="col" class="{kind}"{sort}{best} aria-describedby="c-{column.key}">{label}{scale}'


def _row(board: Leaderboard, used: Sequence[Column], axis: LogAxis, entry: Entry) -> str:
    """Return a row; its class says what the filters ask for: s stateful, y binary rewards, w withdrawn."""
    facts = {"s": entry.track == "stateful", "y": entry.domain == "binary", "w": entry.status == "withdrawn"}
    found = " ".join(letter for letter, holds in facts.items() if holds)
    mark = f' class="{found}"' if found else ""
    return f"<tr{mark}>{''.join(_cell(board, column, axis, entry) for column in used)}"


def _cell(board: Leaderboard, column: Column, axis: LogAxis, entry: Entry) -> str:
    if column.key == "rank":
        return f"<td>{breakable(format_rank(board, entry))}"
    if column.key == "name":
        line = " · ".join(part for part in (_special(entry), _subtitle(entry)) if part)
        below = f"<i>{escape(line)}</i>" if line else ""
        return f"<th>{breakable(entry.name)}{below}"
    if column.key == "kind":
        return f"<td>{badge(entry.kind, KIND_SIGNS[entry.kind])}"
    if column.key == "verified":
        return f"<td>{entry.status if entry.status == 'self-run' else badge(entry.status)}"
    cell = column.cell(board, entry)
    if column.key == "b95":
        return f"<td>{cell.value}{axis.bar(entry.b95_ratio)}"
    return f"<td>{escape(cell.value)}"


def _subtitle(entry: Entry) -> str:
    return entry.title if entry.title != entry.name else entry.summary


def _special(entry: Entry) -> str:
    words = {"stateful": entry.track == "stateful", "binary rewards": entry.domain == "binary"}
    return ", ".join(word for word, holds in words.items() if holds)
