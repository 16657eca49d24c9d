"""From stored scores to a table: near-duplicates are linked, ranks are intervals within a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.leaderboard.entry import CLASSES, Class, Entry, Leaderboard
from maxpo_bench.leaderboard.fingerprint import Signature, is_copy, signature_of
from maxpo_bench.leaderboard.noise import jackknife_columns, usable
from maxpo_bench.leaderboard.score import REFERENCE, with_relative_columns
from maxpo_bench.leaderboard.store import ScoredEntry
from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import joint_rank_intervals

RANKED = ("self-run", "verified")
RANKED_CLASSES: tuple[Class, ...] = ("main", "direction", "biased", "stateful")

# A near-duplicate points at the form users know, whatever the order of publication.
FIRST = ("ei_l2o", "ei", "ei_l1o", "reinforce_l1o")


def build_board(suite: str, scored: Sequence[ScoredEntry]) -> Leaderboard:
    """Make the table of one suite.

    Args:
        suite: the suite's name.
        scored: its scores, the reference among them, in any order.

    Raises:
        ValueError: the reference is missing.
    """
    ordered = sorted(scored, key=_precedence)
    reference = next((item for item in ordered if item.entry.name == REFERENCE), None)
    if reference is None:
        raise ValueError(f"no score of the reference {REFERENCE} on suite {suite}: score the built-in estimators first")
    entries: list[Entry] = []
    alone: list[tuple[ScoredEntry, Signature]] = []
    for item in ordered:
        signature = signature_of(item.noise)
        linked = _link(item, signature, alone)
        entries.append(with_relative_columns(linked, item.noise, reference.noise))
        if linked.linked_to is None:
            alone.append((item, signature))
    return Leaderboard(suite=suite, entries=entries, ranks=_ranks([item for item, _ in alone], reference))


def scored_otherwise(scored: Sequence[ScoredEntry]) -> list[str]:
    """Names of the entries that other code scored than the reference: they have no rank until they are scored again."""
    source = {item.entry.name: item.entry.scorer.get("source") for item in scored}
    return sorted(name for name, found in source.items() if found != source.get(REFERENCE))


def _precedence(item: ScoredEntry) -> tuple[int, str, str]:
    """Built-in estimators first, in a fixed order; then submissions in the order in which they first came."""
    name = item.entry.name
    if item.entry.origin == "built-in":
        order = [*FIRST, *(other for other in ESTIMATORS if other not in FIRST)]
        return (order.index(name) if name in order else len(order), "", name)
    return (10**6, str(item.entry.scorer.get("first", item.entry.scorer.get("date"))), name)


def _link(item: ScoredEntry, signature: Signature, earlier: Sequence[tuple[ScoredEntry, Signature]]) -> Entry:
    """Name the first of the earlier entries of which this is a near-duplicate.

    Not one of a lower class: an unbiased estimator must not lose its place to a biased one that resembles it and came
    first. Nor one that was withdrawn or disputed, which would leave both without a place.
    """
    entry = item.entry
    if entry.kind == "null":
        return entry
    for other, others_signature in earlier:
        found = other.entry
        may_be_named = found.kind != "null" and found.status in RANKED
        if may_be_named and CLASSES.index(found.klass) <= CLASSES.index(entry.klass):
            if is_copy(signature, others_signature):
                return replace(entry, linked_to=found.name)
    return entry


def _ranks(items: Sequence[ScoredEntry], reference: ScoredEntry) -> dict[str, tuple[int, int] | None]:
    """Rank intervals within each class, jointly valid; None where a score is missing, stale, disputed or withdrawn.

    Blocks of an estimator with a state are not quite independent: its state goes on from one to the next.
    """
    ranks: dict[str, tuple[int, int] | None] = {item.entry.name: None for item in items}
    base = usable(reference.noise) or []
    stale = scored_otherwise([*items, reference])
    for klass in RANKED_CLASSES:
        columns = {}
        for item in items:
            noise = usable(item.noise) if item.entry.klass == klass and item.entry.status in RANKED else None
            if noise is not None and item.entry.name not in stale:
                columns[item.entry.name] = jackknife_columns(noise, base)
        if columns:
            rng = np.random.default_rng(derive_seed(0, "ranks", reference.entry.suite, klass))
            intervals = joint_rank_intervals(np.stack(list(columns.values())), rng)
            ranks.update({name: (found.low, found.high) for name, found in zip(columns, intervals, strict=True)})
    return ranks
