"""Evidence of every entry, packed for the page: rounded to what a picture needs, by column, deflated, in base 85.

The script ``page/evidence.js`` reads it back. Numbers of a picture are levels from 0 to `TOP` between two ends, written
as one character each, as differences (modulo) to what they are close to, which are mostly small. What many entries
share (the shape of a certificate, the lines of a provenance) is written once and named by its number. What stands in
the row (names, values) is not written again.
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from maxpo_bench.leaderboard.columns import Cell, format_number
from maxpo_bench.leaderboard.entry import Entry, Leaderboard
from maxpo_bench.leaderboard.site_columns import WITH_INTERVAL_BELOW, other_columns
from maxpo_bench.leaderboard.site_text import page_of

TOP = 89
_MISSING = 90
_LEVELS = 91
_FIRST, _BACKSLASH = ord("#"), ord("\\")
CURVE_POINTS = 16
"""So many points of a learning curve are drawn."""
HEX_SHOWN = 12
RELATIVES_SHOWN = 3
ROUNDING = 1e-12
"""A residual of a certificate below this is shown as 0."""
_LONG_HEX = re.compile(rf"\b([0-9a-f]{{{HEX_SHOWN}}})[0-9a-f]{{20,}}\b")
_TIME_OF_DAY = re.compile(r"^(\d{4}-\d{2}-\d{2})T[\d:.]+(Z|[+-][\d:]+)$")
REFERENCE = "ei_l2o"
_NAME_MARK = "\x00"

Evidence = Mapping[str, Any]
"""What `maxpo_bench.leaderboard.evidence.evidence_of` returns; an empty one is allowed."""


def packed(board: Leaderboard, evidence: Mapping[str, Evidence], only: str | None = None) -> str:
    """Return the evidence as text of base 85 (RFC 1924), safe inside a script element.

    Args:
        board: its entries, in the order of the table, are what the numbers of entries in the data refer to.
        evidence: by name; an entry without any still has its figures.
        only: keep this entry alone, for a page of its own.
    """
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    parts, before = list[bytes](), "{"
    for key, value in contents(board, evidence, only).items():
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        # A block of its own for every column, since each has its own statistics: a tenth shorter than one for all.
        parts += [deflate.compress(f'{before}"{key}":{text}'.encode()), deflate.flush(zlib.Z_FULL_FLUSH)]
        before = ","
    parts += [deflate.compress(b"}"), deflate.flush()]
    return base64.b85encode(b"".join(parts)).decode()


def contents(board: Leaderboard, evidence: Mapping[str, Evidence], only: str | None = None) -> dict[str, Any]:
    """Return what is packed, plain JSON: one list with an item for each entry under every column's name."""
    entries = [entry for entry in board.entries if only in (None, entry.name)]
    number = {entry.name: at for at, entry in enumerate(entries)}
    found = [evidence.get(entry.name, {}) for entry in entries]
    shared: dict[str, Shared] = {key: Shared() for key in ("shapes", "etas", "grids", "families", "models", "facts")}
    figures = other_columns(board)
    columns = {
        "names": [entry.name for entry in entries] if only else 0,
        "pages": {number[name]: page for name, page in _odd_pages(entries)},
        "linked": [entry.linked_to or 0 for entry in entries],
        "text": [_texts(entry) for entry in entries],
        "figures": [
            "|".join(_figure(column.cell(board, entry), column.key) for column in figures) for entry in entries
        ],
        "certificates": [_certificate(item.get("certificate"), shared["shapes"]) for item in found],
        "eta": [_eta(item.get("eta"), shared["etas"]) for item in found],
        "learning": [_learning(item.get("learning"), shared["grids"]) for item in found],
        "byFamily": [_families(item.get("families"), shared["families"]) for item in found],
        "language": [_language(item.get("language_model"), shared["models"]) for item in found],
        "relatives": [_relatives(item.get("relatives"), number) for item in found],
        "provenance": [_provenance(item.get("provenance"), shared["facts"]) for item in found],
        "commands": [_command(item, entry.name) for item, entry in zip(found, entries, strict=True)],
        "verification": [_verification(item.get("verification")) for item in found],
    }
    return {
        "headings": [column.heading for column in figures],
        "reference": _learning(evidence.get(REFERENCE, {}).get("learning"), shared["grids"]),
        **{key: table.items for key, table in shared.items()},
        **columns,
    }


class Shared:
    """Values that many entries share, each kept once and named by its number."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        """Return the number of a value (plain JSON), which is kept if it is new."""
        key = json.dumps(value, sort_keys=True)
        if key not in self._numbers:
            self._numbers[key] = len(self.items)
            self.items.append(value)
        return self._numbers[key]


def levels(values: Sequence[float | None], low: float, high: float) -> list[int]:
    """Return numbers as levels between two ends.

    Args:
        values: None for what is missing; what lies outside the ends is drawn at the end.
        low: the value of level 0.
        high: the value of level `TOP`, > low.
    """
    shares = [None if value is None else (min(max(value, low), high) - low) / (high - low) for value in values]
    return [_MISSING if share is None else round(TOP * share) for share in shares]


def characters(levels: Sequence[int], near: Sequence[int] | None = None) -> str:
    """Return levels as one character each: their differences to others, or else each to the one before."""
    origins = [0, *levels] if near is None else near
    codes = [_FIRST + (level - origin) % _LEVELS for level, origin in zip(levels, origins, strict=False)]
    return "".join(chr(code + (code >= _BACKSLASH)) for code in codes)


def shortened(text: str) -> str:
    """Return a text with the tails of long hexadecimal digests left out, and a moment as its day."""
    return _LONG_HEX.sub(r"\1…", _TIME_OF_DAY.sub(r"\1", text))


def _odd_pages(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Return name and page of the entries whose page is not called as they are."""
    pages = [(entry.name, page_of(entry.name)) for entry in entries]
    return [(name, page) for name, page in pages if page != f"{name}.html"]


def _figure(cell: Cell, key: str) -> str:
    """Return a figure with its interval, or the interval alone where the row has the value."""
    interval = "–".join(cell.interval) if cell.interval else ""
    if key in WITH_INTERVAL_BELOW:
        return interval
    return f"{cell.value} [{interval}]" if interval else cell.value


def _command(found: Evidence, name: str) -> str:
    """Return the command with a mark in place of the entry's name."""
    return str(found.get("command") or "").replace(name, _NAME_MARK)


def _texts(entry: Entry) -> list[str]:
    source = ", ".join(part for part in (entry.paper, entry.equation) if part)
    by = ", ".join(part for part in (entry.authors, entry.licence) if part)
    return [entry.summary, source, by]


def _certificate(pairs: Sequence[Evidence] | None, shapes: Shared) -> list[Any] | int:
    """Return (shape, kinds, constants, other objectives, what decides the kind on every instance)."""
    if not pairs:
        return 0
    shape = [[pair["n"], pair["k"], [str(one["label"]) for one in pair["instances"]]] for pair in pairs]
    constants = " ".join("" if pair["constant"] is None else f"{pair['constant']:.3g}" for pair in pairs)
    others = [pair.get("other_objective") or 0 for pair in pairs]
    deciding = [_deciding(str(pair["kind"]), pair["instances"]) for pair in pairs]
    kinds = "".join(str(pair["kind"])[:1] for pair in pairs)
    return [shapes.number(shape), kinds, constants, others if any(others) else 0, deciding]


def _deciding(kind: str, instances: Sequence[Evidence]) -> str | list[float | None] | int:
    """Return what decides the kind: cosines in hundredths as characters, constants, or residuals; 0 for no residual."""
    if kind == "biased":
        cosines = [one["cosine"] for one in instances]
        return "".join(" " if cosine is None else chr(135 - int(100 * cosine)) for cosine in cosines)
    key = "constant" if kind == "direction" else "residual"
    values = [None if one[key] is None else float(f"{one[key]:.3g}") for one in instances]
    return 0 if key == "residual" and all((value or 0.0) < ROUNDING for value in values) else values


def _eta(curve: Evidence | None, etas: Shared) -> list[Any] | int:
    if not curve or not curve.get("share"):
        return 0
    reference = characters(levels(curve["reference"], 0, 1)) if curve.get("reference") else ""
    return [etas.number([list(curve["groups"]), reference]), characters(levels(curve["share"], 0, 1))]


def _learning(curve: Evidence | None, grids: Shared) -> list[Any] | int:
    """Return (iterations, highest return, mean, low, high, step size) of a curve of `CURVE_POINTS` points."""
    if not curve or not curve.get("iterations"):
        return 0
    last = len(curve["iterations"]) - 1
    kept = sorted({round(last * at / (CURVE_POINTS - 1)) for at in range(CURVE_POINTS)})
    lines = [[curve[key][at] for at in kept] for key in ("mean", "low", "high")]
    top = max([value for line in lines for value in line if value is not None], default=0.0)
    top = _rounded_up(top) if top > 0 else 1.0
    bottom = min([0.0, *(value for line in lines for value in line if value is not None)])
    bottom = -_rounded_up(-bottom) if bottom < 0 else 0
    grid = grids.number([curve["iterations"][at] for at in kept])
    mean, *band = (levels(line, bottom, top) for line in lines)
    texts = [characters(mean), *(characters(line, near=mean) for line in band)]
    return [grid, bottom, top, *texts, format_number(curve["learning_rate"])]


def _rounded_up(value: float) -> float:
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step) * step:.3g}")


def _families(cells: Sequence[Evidence] | None, shapes: Shared) -> list[Any] | int:
    """Return (families and pairs, lowest and highest log2 of the ratio, ratios on a logarithmic scale)."""
    if not cells:
        return 0
    families = list(dict.fromkeys(str(cell["family"]) for cell in cells))
    pairs = list(dict.fromkeys((cell["n"], cell["k"]) for cell in cells))
    ratios = {(str(cell["family"]), cell["n"], cell["k"]): cell["b95_ratio"] for cell in cells}
    table = [ratios.get((family, *pair)) for family in families for pair in pairs]
    logs = [math.log2(ratio) if ratio else None for ratio in table]
    known = [value for value in logs if value is not None] or [0.0]
    low, high = float(f"{min(known):.4g}"), float(f"{max(known):.4g}")
    high = high if high > low else low + 0.1
    text = characters(levels(logs, low, high), near=[0] * len(logs))
    return [shapes.number([families, [list(pair) for pair in pairs]]), low, high, text]


def _language(scores: Evidence | None, models: Shared) -> list[Any] | int:
    if not scores:
        return 0
    base, entry, reference = (
        [None if share is None else round(1000 * share) for share in scores.get(key) or []]
        for key in ("base", "entry", "reference")
    )
    return [models.number([list(scores["k"]), base, reference, scores["seeds"]]), *entry]


def _relatives(relatives: Sequence[Evidence] | None, number: Mapping[str, int]) -> list[Any]:
    found = [(one["name"], one["similarity"]) for one in relatives or [] if one["similarity"] is not None]
    closest = found[:RELATIVES_SHOWN]
    return [part for name, share in closest for part in (number.get(name, str(name)), math.floor(1000 * share))]


def _provenance(lines: Sequence[Sequence[str]] | None, facts: Shared) -> list[int]:
    return [facts.number([str(name), shortened(str(text))]) for name, text in lines or []]


def _verification(found: Evidence | None) -> list[Any] | int:
    if not found:
        return 0
    return [
        shortened(str(found.get("date") or "")),
        int(bool(found.get("agrees"))),
        str(found.get("by") or ""),
        str(found.get("beacon") or "")[:HEX_SHOWN],
        len(found.get("comparisons") or []),
    ]
