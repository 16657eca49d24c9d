"""The set-ups that scored a board, each written out once."""

from __future__ import annotations

import json
from typing import Any

from maxpo_bench.leaderboard.entry import Entry, Leaderboard
from maxpo_bench.leaderboard.site_text import escape

_OWN = ("date", "first")
"""What differs from entry to entry and does not make another set-up."""


class Scorers:
    """The different set-ups that scored a board, numbered from 1.

    Args:
        board: the board.
    """

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
                f"<div><dt>{escape(name)}<dd><code>{escape(value)}</code></div>"
                for name, value in flat(json.loads(key))
            )
            parts.append(f'<h3 id="s{number}">Set-up {number}</h3>\n<dl class="scorer">{items}</dl>')
        return "\n".join(parts)

    @staticmethod
    def _key(entry: Entry) -> str:
        shared = {key: value for key, value in entry.scorer.items() if key not in _OWN}
        return json.dumps(shared | {"sandbox": entry.sandbox}, sort_keys=True)


def flat(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return name and value of everything in a nested mapping, opened; lists are joined, None is left out."""
    items: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            items += flat(value)
        elif isinstance(value, list) and all(isinstance(part, str) for part in value):
            items.append((name, ", ".join(value)))
        elif value is not None:
            items.append((name, value if isinstance(value, str) else json.dumps(value, sort_keys=True)))
    return items
