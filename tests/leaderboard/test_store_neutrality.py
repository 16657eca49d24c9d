"""Adding or removing an entry moves no other entry's scores: every field but the rank and the link stays as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_scores import INSTANCES, block_sums, scored

from maxpo_bench.leaderboard import store
from maxpo_bench.leaderboard.board import build_board

RESULTS = Path(__file__).resolve().parents[2] / "results"


def rows(suite, items):
    """Every entry of the table by name, without its link."""
    return {entry.name: replace(entry, linked_to=None) for entry in build_board(suite, items).entries}


def entry(name, seed, kind="exact", **law):
    rng = np.random.default_rng(seed)
    return scored(name, noise=[block_sums(instance.name, rng, **law) for instance in INSTANCES], seed=seed, kind=kind)


REFERENCE = entry("ei_l2o", 0)
COPIED = entry("copied", 1, spread=2.5)
POOL = [
    COPIED,
    replace(COPIED, entry=replace(COPIED.entry, name="copy", submission_hash="copy" * 16)),
    entry("quiet", 2, spread=1.0),
    entry("loud", 3, spread=5.0),
    entry("bent", 4, kind="biased", constant=None, tilt=0.2),
    entry("elsewhere", 5, kind="biased", constant=None, tilt=3.0),
    replace(entry("partial", 6), noise=[None, *entry("partial", 6).noise[1:]]),
    replace(entry("stale", 7), entry=replace(entry("stale", 7).entry, scorer={"date": "2031", "source": "older"})),
    replace(entry("withdrawn", 8), entry=replace(entry("withdrawn", 8).entry, status="withdrawn")),
    replace(entry("zero", 9), entry=replace(entry("zero", 9).entry, kind="null")),
]
EVERYTHING = rows("quick-1", [REFERENCE, *POOL])


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(range(len(POOL))), unique=True))
def test_any_selection_of_entries_in_any_order_has_the_scores_of_the_whole_table(chosen):
    found = rows("quick-1", [*(POOL[place] for place in chosen), REFERENCE])
    assert set(found) == {"ei_l2o", *(POOL[place].entry.name for place in chosen)}
    for name, row in found.items():
        assert row == EVERYTHING[name]


def test_no_row_is_lost():
    assert set(EVERYTHING) == {"ei_l2o", *(item.entry.name for item in POOL)}


def test_removing_any_committed_entry_moves_no_score():
    suite = "full-1"
    stored = store.load_all(RESULTS, suite)
    if not stored:
        pytest.skip(f"{RESULTS / suite} holds no scores")
    whole = rows(suite, stored)
    assert set(whole) == {item.entry.name for item in stored}
    for keep in (0, 1):  # every entry but the reference is missing once
        left = [item for place, item in enumerate(stored) if place % 2 == keep or item.entry.name == "ei_l2o"]
        assert len(left) < len(stored)
        for name, row in rows(suite, left).items():
            assert row == whole[name]


def test_saving_an_entry_touches_no_other_file(tmp_path):
    for item in (REFERENCE, *POOL[:3]):
        store.save(tmp_path, item)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.json")}
    store.save(tmp_path, POOL[3])
    store.save(tmp_path, replace(POOL[3], entry=replace(POOL[3].entry, submission_hash="f" * 64)))
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before}
    assert after == before
    assert len(list(tmp_path.rglob("*.json"))) == len(before) + 2
