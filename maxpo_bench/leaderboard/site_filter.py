"""The box above the tables that filters them; scripts show it, since without them it would do nothing."""

from __future__ import annotations

from collections.abc import Sequence

from maxpo_bench.leaderboard.entry import Leaderboard

Option = tuple[str, str, int]


def filter_box(board: Leaderboard, classes: Sequence[tuple[str, str, int]]) -> str:
    """Return the search field, the choices of class, track and rewards, and what stands there if nothing matches.

    Args:
        board: whose entries are filtered.
        classes: (anchor, title, number of entries) of every table that is shown.
    """
    total = len(board.entries)
    stateful = sum(entry.track == "stateful" for entry in board.entries)
    binary = sum(entry.domain == "binary" for entry in board.entries)
    tracks = [("stateless", "Stateless", total - stateful), ("stateful", "Stateful", stateful)]
    rewards = [("real", "Any real rewards", total - binary), ("binary", "Binary only", binary)]
    return (
        '<div class="find" role="search" aria-label="Filter the tables" hidden>\n'
        '<p class="field"><label for="find">Search</label><input id="find" type="search" autocomplete="off" '
        'spellcheck="false" placeholder="name, author, text …"></p>\n'
        + "\n".join(
            _choice(*args)
            for args in (
                ("class", "Class", total, list(classes)),
                ("track", "Track", total, tracks),
                ("rewards", "Rewards", total, rewards),
            )
        )
        + '\n<p class="count" role="status"></p></div>\n'
        '<p class="none" hidden>Nothing matches. <button type="button">Clear the filters</button></p>'
    )


def _choice(key: str, label: str, total: int, options: Sequence[Option]) -> str:
    items = "".join(f'<option value="{value}">{text} ({count})</option>' for value, text, count in options)
    return (
        f'<p class="field"><label for="{key}">{label}</label><select id="{key}" autocomplete="off">'
        f'<option value="">All ({total})</option>{items}</select></p>'
    )
