"""A scored entry: a row of the table with the raw sums its metrics were made from, and its form as a file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from maxpo_bench.leaderboard.entry import Entry
from maxpo_bench.leaderboard.fingerprint import Fingerprint
from maxpo_bench.leaderboard.noise import BlockSums

SCHEMA = 2
OWN_STATUS = "self-run"
"""The status of a score by itself; every other one is given by files beside it."""
WITHDRAWN = "withdrawn"
"""Key of ``entry.extra`` under which a withdrawal is shown."""
EARLIER = "earlier"
"""Key of ``entry.extra`` with the hash of the earlier version whose dispute or withdrawal is shown."""


@dataclass(frozen=True)
class ScoredEntry:
    """An entry with the raw sums its metrics were made from.

    Attributes:
        entry: the row; ``linked_to`` and the metrics relative to the reference are set when a table is made.
        noise: block sums per bandit of the suite, in its order; None where the estimator is not defined.
        learning: return on the maze per evaluation seed, or None.
        fingerprint: see `maxpo_bench.leaderboard.fingerprint`.
        certificate: the certificate's figures.
        contract: results of the contract tests.
    """

    entry: Entry
    noise: list[BlockSums | None]
    learning: dict[str, Any] | None
    fingerprint: Fingerprint
    certificate: dict[str, Any]
    contract: list[dict[str, str]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema": SCHEMA,
            "entry": self.entry.to_dict(),
            "noise": [None if sums is None else sums.to_dict() for sums in self.noise],
            "learning": self.learning,
            "fingerprint": self.fingerprint,
            "certificate": self.certificate,
            "contract": self.contract,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ScoredEntry:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: another schema, or a key is missing.
        """
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else data
            raise ValueError(f"schema {found!r:.40} is not {SCHEMA}: score the entry again")
        try:
            return cls(
                entry=Entry.from_dict(data["entry"]),
                noise=[None if sums is None else _block_sums(sums) for sums in data["noise"]],
                learning=_of_type(data, "learning", dict, type(None)),
                fingerprint=_of_type(data, "fingerprint", dict),
                certificate=_of_type(data, "certificate", dict),
                contract=_of_type(data, "contract", list),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a stored score: {error}") from error

    def encoded(self) -> str:
        """Return the content of its file: sorted keys, no NaN, and nothing that is said beside it."""
        extra = {key: value for key, value in self.entry.extra.items() if key not in (WITHDRAWN, EARLIER)}
        plain = replace(self, entry=replace(self.entry, status=OWN_STATUS, verification={}, extra=extra))
        text = json.dumps(plain.to_dict(), sort_keys=True, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        return text + "\n"


def decode(text: str) -> ScoredEntry:
    """Read the content of a score's file.

    Raises:
        ValueError: it is not JSON, holds a number that is not finite, claims a status, or is no stored score.
    """
    try:
        data = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ValueError("the file is empty" if not text.strip() else f"not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("not a stored score: nested too deeply") from error
    scored = ScoredEntry.from_dict(data)
    if scored.entry.status != OWN_STATUS or scored.entry.verification:
        raise ValueError(f"claims to be {scored.entry.status}, which a score cannot say of itself")
    return scored


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"holds the number {text[:20]}, which is not finite")
    return value


def _of_type(data: dict[str, Any], key: str, *kinds: type) -> Any:
    if not isinstance(data[key], kinds):
        raise TypeError(f"{key} has the wrong type, {type(data[key]).__name__}")
    return data[key]


def _block_sums(data: dict[str, Any]) -> BlockSums:
    sums = BlockSums(**data)
    blocks = len(sums.dot)
    if blocks < 2 or len(sums.sum_sq) != blocks or [len(row) for row in sums.gram] != list(range(1, blocks + 1)):
        raise ValueError(f"the block sums of {sums.instance!r} are incomplete")
    if not all(_are_numbers(row) for row in ([sums.num_groups, sums.truth_sq], sums.dot, sums.sum_sq, *sums.gram)):
        raise ValueError(f"the block sums of {sums.instance!r} are not numbers")
    return sums


def _are_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
