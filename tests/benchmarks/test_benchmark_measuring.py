"""Interleaving, bars and labels, without looking at a clock."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from end_labels import spread
from measuring import Bar, Timing, interleaved, machine, verdict, version_of, write_json


def run(
    seconds: dict[str, float], monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[list[str], dict[str, Timing]]:
    """Interleave calls whose durations are given; return the names in the order of all calls after the first two."""
    called: list[str] = []

    def time_once(call: Callable[[], object]) -> float:
        call()
        return seconds[called[-1]]

    monkeypatch.setattr("measuring.time_once", time_once)
    calls = {name: lambda name=name: called.append(name) for name in seconds}
    timings = interleaved(calls, rng=np.random.default_rng(0), **options)
    return called[sum(1 if seconds[name] > options["budget"] else 2 for name in seconds) :], timings


def test_every_call_is_timed_in_every_round_in_changing_order(monkeypatch: pytest.MonkeyPatch) -> None:
    called, timings = run({"a": 2e-2, "b": 3e-2, "c": 4e-2}, monkeypatch, rounds=12, budget=60.0)
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"a": 12, "b": 12, "c": 12}
    rounds = ["".join(called[i : i + 3]) for i in range(0, 36, 3)]
    assert all(sorted(each) == list("abc") for each in rounds)
    assert len({each[0] for each in rounds}) == 3


def test_what_is_quick_is_called_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two milliseconds before the timed call, or nine calls; nothing before what takes 10 ms."""
    called, timings = run({"a": 1e-6, "b": 1e-3, "c": 9e-3, "d": 1e-2}, monkeypatch, rounds=5, budget=60.0)
    runs = [(name, len(list(same))) for name, same in itertools.groupby(called)]
    assert {name for name, _ in runs} == set("abcd")
    lengths = {"a": 10, "b": 3, "c": 2, "d": 1}
    assert all(length % lengths[name] == 0 for name, length in runs)
    assert {name: called.count(name) for name in lengths} == {name: 5 * each for name, each in lengths.items()}
    assert {name: len(timing.cold) for name, timing in timings.items()} == {"a": 5, "b": 5, "c": 5, "d": 0}
    assert timings["d"].cold_median == 1e-2


def test_what_is_slow_is_called_less_often_spread_over_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    called, timings = run({"other": 2e-2, "slow": 2.0}, monkeypatch, rounds=12, budget=8.0)
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"other": 12, "slow": 4}
    places = [place for place, name in enumerate(called) if name == "slow"]
    assert set(np.diff(places)) <= {3, 4, 5}
    assert len(run({"other": 2e-2, "slow": 2.0}, monkeypatch, rounds=12, budget=3.0)[1]["slow"].seconds) == 3
    assert len(run({"other": 2e-2, "slow": 2.0}, monkeypatch, rounds=12, budget=1.0)[1]["slow"].seconds) == 1


def test_timing_gives_medians_and_quartiles() -> None:
    timing = Timing((1.0, 2.0, 3.0, 4.0, 100.0), cold=(5.0, 6.0, 7.0))
    assert timing.to_dict() == {"calls": 5, "cold_median_s": 6.0, "median_s": 3.0, "q25_s": 2.0, "q75_s": 4.0}
    assert timing.over(Timing((1.5,))) == 2.0


@pytest.mark.parametrize(
    ("bar", "word", "text"),
    [
        (Bar("a", 2.0, 1.9), "met", "<= 2"),
        (Bar("a", 2.0, 2.1), "MISSED", "<= 2"),
        (Bar("a", 25.0, 30.0, False, "x"), "met", ">= 25x"),
        (Bar("a", 25.0, 24.9, False, "x"), "MISSED", ">= 25x"),
        (Bar("a", 25.0, None, False, "x", "not installed"), "-", ">= 25x"),
        (Bar("a", 25.0, float("nan"), False), "MISSED", ">= 25"),
    ],
)
def test_bars(bar: Bar, word: str, text: str) -> None:
    assert verdict(bar) == word
    assert bar.to_dict()["bar"] == text


def test_machine_is_plain_json(tmp_path: Path) -> None:
    described = machine()
    assert described["versions"]["torch"] == version_of("torch") != "not installed"
    assert version_of("no-such-package") == "not installed"
    write_json(tmp_path / "new" / "machine.json", described)
    assert json.loads((tmp_path / "new" / "machine.json").read_text()) == described


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.01, 1.02, 50.0], [1.0, 10.0, 100.0], []])
def test_labels_are_spread_and_stay_where_they_can(values: list[float]) -> None:
    places = spread(values, 1.5)
    assert len(places) == len(values)
    assert all(high >= 1.499 * low for low, high in itertools.pairwise(places))
    if len(values) == 3:
        assert places == pytest.approx(values)
    if len(values) == 4:
        assert places[3] == pytest.approx(50.0)
        assert np.prod(places[:3]) == pytest.approx(np.prod(values[:3]))
