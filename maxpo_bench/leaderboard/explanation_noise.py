"""The noise of an entry in words and tables: figures, bandits where it loses and wins, groups averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maxpo_bench.leaderboard.columns import NOISE_REASON, columns, format_number, format_percent, format_ratio
from maxpo_bench.leaderboard.document import Block, Facts, Grid, Section, bar
from maxpo_bench.leaderboard.entry import Entry, Leaderboard
from maxpo_bench.leaderboard.score import REFERENCE
from maxpo_bench.leaderboard.suite import FAMILIES
from maxpo_bench.moments.gradient import ETA_TARGET

_FIGURES = ("b95", "solved", "nsr", "variance", "bias", "cosine", "cosinemin", "centring", "cost")

EVEN = 0.005
"""An interval of the B95 ratio that comes nearer to 1 than this is even."""


def sections(board: Leaderboard, entry: Entry, evidence: dict[str, Any]) -> list[Section]:
    """Return the sections on noise; those on single bandits only where there is something to compare."""
    found = [_figures(board, entry)]
    measured = [row for row in evidence["families"] if row["b95_ratio"] is not None]
    if entry.kind == "null":
        return found
    if measured:
        title = (
            "By kind of bandit" if entry.name == REFERENCE else f"Where it loses and where it wins, against {REFERENCE}"
        )
        found.append(Section(title, _families(entry, measured, len(evidence["families"]))))
    if evidence["eta"]["share"] is not None:
        found.append(Section("How many groups it needs", _eta(entry, evidence["eta"])))
    return found


def _figures(board: Leaderboard, entry: Entry) -> Section:
    known = {column.key: column for column in columns(board)}
    rows = [[known[key].heading, str(known[key].cell(board, entry)), known[key].meaning] for key in _FIGURES]
    grid = Grid(("Figure", "Value", "Meaning"), rows, ("Figure", "Value", "Meaning"), ("Meaning",))
    return Section("Figures", [grid])


def verdict(row: dict[str, Any]) -> str:
    """Say whether an interval of the B95 ratio lies above 1 ("loses"), below ("wins"), or neither ("even").

    Above and below mean by more than `EVEN`: less would be printed as 1.00, and matters to nobody.
    """
    if row["b95_low"] > 1.0 + EVEN:
        return "loses"
    return "wins" if row["b95_high"] < 1.0 - EVEN else "even"


def _families(entry: Entry, measured: Sequence[dict[str, Any]], num_all: int) -> list[Block]:
    ordered = sorted(measured, key=lambda row: (-row["b95_ratio"], -(row["groups"] or 0.0), row["family"], row["n"]))
    blocks: list[Block] = []
    if entry.name != REFERENCE:
        counts = {name: sum(verdict(row) == name for row in ordered) for name in ("loses", "wins", "even")}
        blocks.append(
            f"Groups per step for {ETA_TARGET:.0%} of the exact-gradient step, beside those of {REFERENCE}: it needs "
            f"more on {counts['loses']} of {len(ordered)} kinds of bandits and (n, K), fewer on {counts['wins']}; on "
            f"{counts['even']} the interval holds 1 or ends within {EVEN:.1%} of it. Every interval is at 95 % by "
            "itself, so that a few of many leave out 1 by chance."
        )
    if len(measured) < num_all:
        blocks.append(f"Left out: {num_all - len(measured)} of {num_all}. {NOISE_REASON}.")
    blocks.append(_reference_grid(ordered) if entry.name == REFERENCE else _family_grid(ordered))
    blocks.append("The kinds of bandits:")
    blocks.append(Facts([(name, FAMILIES[name].summary) for name in dict.fromkeys(row["family"] for row in ordered)]))
    return blocks


def _family_grid(ordered: Sequence[dict[str, Any]]) -> Grid:
    rows = [
        [
            row["family"],
            str(row["n"]),
            str(row["k"]),
            format_ratio(row["b95_ratio"]),
            _interval(row),
            _groups(row),
            format_number(row["nsr"]),
            verdict(row),
        ]
        for row in ordered
    ]
    heads = ("Bandits", "n", "K", "B95 ratio", "Interval", "Groups", "NSR", "It")
    return Grid(heads, rows, ("Bandits", "It"), ("NSR", "Groups", "Interval"))


def _reference_grid(ordered: Sequence[dict[str, Any]]) -> Grid:
    rows = [[row["family"], str(row["n"]), str(row["k"]), _groups(row), format_number(row["nsr"])] for row in ordered]
    return Grid(("Bandits", "n", "K", "Groups", "NSR"), rows, ("Bandits",), ("NSR",))


def _interval(row: dict[str, Any]) -> str:
    low, high = format_ratio(row["b95_low"]), format_ratio(row["b95_high"])
    return low if low == high else f"{low} to {high}"


def _groups(row: dict[str, Any]) -> str:
    return "infinitely many" if row["groups"] is None else format_number(row["groups"])


def _eta(entry: Entry, curve: dict[str, Any]) -> list[Block]:
    groups, share, reference = curve["groups"], curve["share"], curve["reference"]
    enough = next((count for count, value in zip(groups, share, strict=True) if value >= ETA_TARGET), None)
    step = f"{ETA_TARGET:.0%} of the exact-gradient step, on average over the bandits"
    first = (
        f"With {enough} groups per step it keeps {step}."
        if enough is not None
        else f"Even {groups[-1]} groups per step do not keep {step}."
    )
    bandits = ""
    if entry.solved is not None and entry.solved < 1:
        bandits = f" On {format_percent(1 - entry.solved)} of the bandits no number of groups is enough."
    is_reference = entry.name == REFERENCE or reference is None
    rows = [
        [str(count), format_percent(ours), *([] if is_reference else [format_percent(theirs)]), bar(ours)]
        for count, ours, theirs in zip(groups, share, reference or share, strict=True)
    ]
    heads = ("Groups", "Step kept", *(() if is_reference else (REFERENCE,)), "")
    return [first + bandits, Grid(heads, rows, ("",), ("",))]
