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


def run(seconds: dict[str, float], monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[list[str], dict[str, int]]:
    """Interleave calls of known durations; return the names in the order of the timed calls, and how many of each."""
    called: list[str] = []
    timed: list[str] = []

    def time_once(call: Callable[[], object]) -> float:
        call()
        timed.append(called[-1])
        return seconds[called[-1]]

    monkeypatch.setattr("measuring.time_once", time_once)
    timings = interleaved({name: lambda name=name: called.append(name) for name in seconds}, **options)
    assert all(set(timing.seconds) == {seconds[name]} for name, timing in timings.items())
    for name, duration in seconds.items():
        untimed = called.count(name) - timed.count(name)
        assert untimed == (len(timings[name].seconds) if duration < 0.01 else 0)
    return timed, {name: len(timing.seconds) for name, timing in timings.items()}


def test_every_call_is_timed_in_every_round_and_the_first_one_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    timed, counts = run({"a": 1e-3, "b": 2e-2, "c": 1e-3}, monkeypatch, rounds=6, budget=60.0)
    assert counts == {"a": 6, "b": 6, "c": 6}
    rounds = timed[6:]
    assert [rounds[i] for i in range(0, 18, 3)] == list("abcabc")
    assert all(sorted(rounds[i : i + 3]) == list("abc") for i in range(0, 18, 3))


def test_what_is_slow_is_called_less_often_spread_over_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    timed, counts = run({"fast": 1e-3, "slow": 2.0}, monkeypatch, rounds=12, budget=8.0)
    assert counts == {"fast": 12, "slow": 4}
    places = [place for place, name in enumerate(timed[4:]) if name == "slow"]
    assert set(np.diff(places)) <= {3, 4, 5}
    assert run({"fast": 1e-3, "slow": 2.0}, monkeypatch, rounds=12, budget=3.0)[1]["slow"] == 3
    assert run({"fast": 1e-3, "slow": 2.0}, monkeypatch, rounds=12, budget=1.0)[1]["slow"] == 1


def test_timing_gives_medians_and_quartiles() -> None:
    timing = Timing((1.0, 2.0, 3.0, 4.0, 100.0))
    assert timing.to_dict() == {"calls": 5, "median_s": 3.0, "q25_s": 2.0, "q75_s": 4.0}
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
