"""Entries and boards: what is refused, what comes back from JSON, what stands where."""

import dataclasses
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leaderboard_samples import entry, sample_board

from maxpo_bench.leaderboard.checks import finite
from maxpo_bench.leaderboard.entry import CLASSES, Entry, Interval, Leaderboard

FINITE = st.none() | st.floats(allow_nan=False, allow_infinity=False)


def through_json(data: object) -> object:
    return json.loads(json.dumps(data, allow_nan=False))


@given(
    value=FINITE, ends=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2).map(sorted)
)
def test_interval_survives_json(value: float | None, ends: list[float]) -> None:
    interval = Interval(value, *ends)
    assert Interval.from_dict(through_json(interval.to_dict())) == interval  # type: ignore[arg-type]


def test_interval_refuses_what_json_has_not() -> None:
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=r"interval low must be finite.*use None"):
            Interval(1.0, bad, 2.0)
    with pytest.raises(ValueError, match="wrong way round"):
        Interval(1.0, 2.0, 0.5)
    with pytest.raises(TypeError, match="must be a number or None, got '1'"):
        Interval("1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got True"):
        Interval(True)


def test_interval_of_turns_the_missing_into_none() -> None:
    assert Interval.of(math.inf, math.nan, 3) == Interval(None, None, 3.0)
    assert finite(np.float32(0.5)) == 0.5
    assert finite(-math.inf) is None


def test_numpy_numbers_become_python_floats() -> None:
    made = entry(centring=np.float32(0.25), solved=np.int64(1), b95_ratio=Interval(np.float64(2), 1, np.float32(3)))  # type: ignore[arg-type]
    assert (made.centring, made.solved, made.b95_ratio) == (0.25, 1.0, Interval(2.0, 1.0, 3.0))
    assert all(type(value) is float for value in (made.centring, made.solved, made.b95_ratio.high))


def test_entry_survives_json_and_pickle() -> None:
    made = entry(extra={"n": np.int64(3), "list": (1, 2.5, None, "x"), "deep": {"ok": True}}, linked_to="other")
    assert made.extra == {"n": 3, "list": [1, 2.5, None, "x"], "deep": {"ok": True}}
    assert Entry.from_dict(through_json(made.to_dict())) == made  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(made)) == made


def test_entry_does_not_share_its_dictionaries() -> None:
    scorer = {"versions": {"torch": "2"}}
    made = entry(scorer=scorer)
    scorer["versions"]["torch"] = "3"
    made.to_dict()["scorer"]["versions"]["torch"] = "4"
    assert made.scorer == {"versions": {"torch": "2"}}


def test_entry_keys_are_exact() -> None:
    data = entry("mine").to_dict()
    for key in data:
        less = {k: v for k, v in data.items() if k != key}
        with pytest.raises(ValueError, match=f"missing '{key}'"):
            Entry.from_dict(less)
    with pytest.raises(ValueError, match=r"entry 'mine': unknown 'solvd'\. Did you mean 'solved'\?"):
        Entry.from_dict(data | {"solvd": 1.0})
    with pytest.raises(ValueError, match=r"entry 'mine': learning: missing 'high'"):
        Entry.from_dict(data | {"learning": {"value": 1, "low": 1}})
    with pytest.raises(ValueError, match=r"eta: unknown '17'"):
        Entry.from_dict(data | {"eta": data["eta"] | {"17": 1.0}})
    with pytest.raises(TypeError, match="expected a mapping"):
        Entry.from_dict([])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "perfect"}, "kind must be one of exact, proportional"),
        ({"suite": "quick-2"}, "suite must be one of quick-1, full-1"),
        ({"status": "golden"}, "status must be one of"),
        ({"origin": "upload"}, "origin must be one of"),
        ({"scale": "K/(n-K)"}, "scale must be one of K/n, 1"),
        ({"domain": "complex"}, "domain must be one of"),
        ({"sandbox": "maybe"}, "sandbox must be one of"),
        ({"solved": 1.5}, r"solved is a share in \[0, 1\]"),
        ({"cost": math.inf}, "cost must be finite"),
        ({"eta": {"1": math.nan, "16": None, "256": None, "inf": None}}, r"eta\['1'\] must be finite"),
        ({"extra": {"a": [1, math.nan]}}, r"extra\['a'\]\[1\] must be finite"),
        ({"linked_to": "mine"}, "linked_to is its own name"),
        ({"name": " "}, "entry name must be one line"),
        ({"name": "two\nlines"}, "entry name must be one line"),
        ({"name": "red\x1b[31m"}, r"invisible character U\+001B"),
        ({"title": "abc\u202e"}, r"invisible character U\+202E"),
        ({"summary": "abc\u200b"}, r"invisible character U\+200B"),
        ({"authors": "a\ud800"}, r"invisible character U\+D800"),
    ],
)
def test_entry_refuses(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        entry(**({"name": "mine"} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paper": None}, "paper must be a string"),
        ({"b95_ratio": 1.0}, "b95_ratio must be an Interval"),
        ({"cost": "cheap"}, "cost must be a number"),
        ({"extra": {"f": object()}}, r"extra\['f'\] is not plain JSON"),
        ({"extra": {1: 2}}, "keys must be strings"),
        ({"extra": {"raw": b"x"}}, "is not plain JSON"),
        ({"scorer": ["a"]}, "scorer must be a mapping"),
    ],
)
def test_entry_refuses_types(changes: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        entry(**changes)  # type: ignore[arg-type]


def test_class_follows_the_certificate() -> None:
    kinds = ("exact", "proportional", "direction", "biased", "null")
    assert [entry(kind=kind).klass for kind in kinds] == ["main", "main", "direction", "biased", "null"]


def test_a_copy_is_in_no_other_table_and_null_stays_null() -> None:
    kinds = ("exact", "proportional", "direction", "biased", "null")
    assert [entry("x", kind, linked_to="ei").klass for kind in kinds] == ["copy"] * 4 + ["null"]


def test_sections_are_in_order_whatever_the_input_order() -> None:
    board = sample_board()
    names = {klass: [e.name for e in entries] for klass, entries in board.sections()}
    assert tuple(names) == CLASSES
    assert names["main"] == [
        "ei_l2o",
        "all_subsets_centered",
        "passk_analytic",
        "pkpo_sloo_minus_one",
        "ei",
        "all_subsets",
    ]
    assert names["biased"] == ["ei_l1o", "grpo", "reinforce_l1o"]
    assert names["copy"] == ["half_l2o"]
    assert names["null"] == ["zero"]
    assert board.entries == tuple(e for _, entries in board.sections() for e in entries)
    again = Leaderboard(board.suite, board.entries[::-1], dict(reversed(board.ranks.items())))
    assert again == board
    assert list(again.ranks) == list(board.ranks)


def test_missing_score_comes_last_and_copies_follow_their_originals_order() -> None:
    entries = [
        entry("none", ratio=None),
        entry("zz_copy", ratio=1.2, linked_to="slow"),
        entry("copy", ratio=9.0, linked_to="slow"),
        entry("nil", "null", None, linked_to="slow"),
        entry("slow", ratio=8.0),
        entry("fast", ratio=0.5),
        entry("orphan", ratio=0.7, linked_to="gone"),
        entry("crooked", "biased", 0.1, linked_to="fast"),
    ]
    board = Leaderboard("quick-1", entries, {"fast": (1, 1), "slow": (2, 2)})
    sections = dict(board.sections())
    assert [e.name for e in sections["main"]] == ["fast", "slow", "none"]
    assert [e.name for e in sections["copy"]] == ["crooked", "orphan", "zz_copy", "copy"]
    assert [e.name for e in sections["null"]] == ["nil"]
    assert sections["biased"] == []
    assert [e.name for e in board.copies("slow")] == ["zz_copy", "copy"]
    assert board.copies("copy") == board.copies("none") == []
    assert board.ranks["none"] is None


def test_board_survives_json() -> None:
    board = sample_board()
    again = Leaderboard.from_dict(through_json(board.to_dict()))  # type: ignore[arg-type]
    assert again == board
    assert again.ranks["ei"] == (4, 5)
    data = board.to_dict()
    with pytest.raises(ValueError, match="schema 1 is not 2"):
        Leaderboard.from_dict(data | {"schema": 1})
    with pytest.raises(ValueError, match="leaderboard: unknown 'extra'"):
        Leaderboard.from_dict(data | {"extra": 1})
    with pytest.raises(ValueError, match="leaderboard: missing 'ranks'"):
        Leaderboard.from_dict({k: v for k, v in data.items() if k != "ranks"})


@pytest.mark.parametrize(
    ("name", "rank", "message"),
    [
        ("ei", (0, 1), "1 <= low <= high"),
        ("ei", (3, 2), "1 <= low <= high"),
        ("ei", (1.0, 2.0), "1 <= low <= high"),
        ("ei", (1,), "1 <= low <= high"),
        ("half_l2o", (1, 1), "'half_l2o' cannot have a rank"),
        ("zero", (1, 1), "'zero' cannot have a rank"),
        ("eil2o", (1, 1), "'eil2o', which is no entry. Did you mean 'ei_l2o'"),
    ],
)
def test_impossible_ranks_are_refused(name: str, rank: object, message: str) -> None:
    board = sample_board()
    with pytest.raises(ValueError, match=message):
        Leaderboard(board.suite, board.entries, {**board.ranks, name: rank})  # type: ignore[dict-item]


def test_boards_do_not_mix() -> None:
    with pytest.raises(ValueError, match="two entries are named 'a'"):
        Leaderboard("quick-1", [entry("a"), entry("a", ratio=2.0)], {})
    with pytest.raises(ValueError, match="suite quick-1, this table of full-1"):
        Leaderboard("full-1", [entry("a")], {})
    with pytest.raises(ValueError, match=r"unknown suite 'quick'\. Did you mean 'quick-1'"):
        Leaderboard("quick", [], {})
    circle = [entry("a", linked_to="b"), entry("b", linked_to="a")]
    with pytest.raises(ValueError, match="'a': linked_to names 'b', itself a copy of 'a': name the original"):
        Leaderboard("quick-1", circle, {})
    with pytest.raises(ValueError, match="'a' cannot have a rank"):
        Leaderboard("quick-1", [entry("a", ratio=None)], {"a": (1, 1)})


def test_entries_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry().name = "other"  # type: ignore[misc]
