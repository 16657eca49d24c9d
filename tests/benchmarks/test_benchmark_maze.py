"""The maze's script on tiny sizes and without its extras: what it counts, what it writes, and who is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import maze
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from maze_figure import AGENTS, ENVIRONMENTS
from maze_training import GROUP, PEER, PLAIN, WORDS, careful_logits
from maze_walks import (
    CAREFUL,
    DRAWN,
    GIVEN,
    MIXES,
    OURS,
    RANDOM,
    SOURCES,
    SYNC,
    Cell,
    Walk,
    chooser,
    own_walk,
    sync_walk,
)

from maxpo_bench.envs.maze_layout import MazeLayout

DEFAULT = next(iter(OURS))


def cell(mix: str = RANDOM, source: str = GIVEN, steps: int = 40, length: int = 6) -> Cell:
    return Cell(mix, source, steps, length, seed=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "at least 1"),
        (["--sizes", "0"], "at least 1"),
        (["--budget", "0"], "--budget positive"),
        (["--training-sizes", "4"], "more than K = 4"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        maze.parse(arguments)
    assert message in capsys.readouterr().err


def test_defaults_hold_the_sizes_of_the_bars() -> None:
    options = maze.parse([])
    assert {maze.FEW, maze.MANY} <= set(options.sizes)
    assert options.training_sizes == [16, 64, 256, 1024]
    assert options.length in options.training_lengths


def test_report_without_the_extras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(maze, "FEW", 2)
    monkeypatch.setattr(maze, "MANY", 3)
    monkeypatch.setitem(maze.NEEDED, "gymnax", ("gymnax_that_nobody_has",))
    monkeypatch.setitem(maze.NEEDED, "envpool", ("envpool_that_nobody_has",))
    small = ["--sizes", "2", "3", "--length", "6", "--steps", "10", "--rounds", "2", "--budget", "0.05"]
    training = ["--training-sizes", "8", "--training-lengths", "4", "--training-rounds", "1", "--training-steps", "40"]
    maze.main([*small, *training, "--out", str(tmp_path)])
    report = json.loads((tmp_path / "maze.json").read_text())
    assert set(report["missing"]) == {"gymnax", "envpool"}
    printed = capsys.readouterr().out
    assert "left out: gymnax (gymnax_that_nobody_has not installed" in printed
    assert "left out: envpool" in printed
    found = {(row["name"], row["num_envs"], row["mix"], row["actions"]) for row in report["environments"]}
    cells = [(mix, source) for mix in MIXES for source in SOURCES]
    expected = {(name, size, *place) for name in OURS for size in (2, 3) for place in cells}
    assert found == expected | {(name, 2, *place) for name in SYNC for place in cells}
    for row in report["environments"]:
        assert row["steps_per_second"] == pytest.approx(row["environment_steps"] / row["median_s"])
        assert row["environment_steps"] <= row["num_envs"] * 10
    assert {row["name"] for row in report["training"]} == set(WORDS) == set(report["words"]["agents"])
    bars = {bar["what"]: bar for bar in report["bars"]}
    scan = bars[f"{DEFAULT} at 3, random actions, over gymnax's scan at 3"]
    assert (scan["limit"], scan["found"], scan["is_met"]) == (0.7, None, None)
    assert "not installed" in scan["note"]
    ratio = next(row for row in report["ratios"] if row["name"] == DEFAULT and row["mix"] == CAREFUL)
    assert bars[f"{DEFAULT} at 3, careful actions, over SyncVectorEnv at 2"]["found"] == ratio["over_sync"]
    times = {row["name"]: row["median_us"] for row in report["training"]}
    for peer in (PEER, PLAIN):
        bar = bars[f"time per step, 8 environments, length 4: {GROUP} over {peer}"]
        assert bar["found"] == pytest.approx(times[GROUP] / times[peer])
    assert (tmp_path / "maze.png").stat().st_size > 10_000
    assert set(AGENTS) == set(WORDS)
    assert set(OURS) < set(ENVIRONMENTS)


def rows_of(speeds: dict[tuple[str, int], float]) -> list[dict[str, Any]]:
    return [
        {"name": name, "num_envs": size, "mix": RANDOM, "actions": DRAWN, "steps_per_second": speed}
        for (name, size), speed in speeds.items()
    ]


def test_ratios_are_over_the_faster_sync_and_over_the_scan_of_our_maze() -> None:
    slow, fast = SYNC
    speeds = {(DEFAULT, 1024): 90.0, (DEFAULT, 64): 1.0, (slow, 64): 1.0, (fast, 64): 1.5}
    [row] = maze.ratios(rows_of({**speeds, (maze.GYMNAX_MAZE, 1024): 100.0, (maze.GYMNAX_MAZE, 64): 7.0}))
    assert (row["name"], row["over_sync"], row["over_gymnax"]) == (DEFAULT, 60.0, 0.9)
    [row] = maze.ratios(rows_of(speeds))
    assert row["over_gymnax"] is None


def test_bars_are_missed_on_the_right_side() -> None:
    ratios = [
        {"name": DEFAULT, "mix": mix, "actions": DRAWN, "over_sync": sync, "over_gymnax": scan}
        for mix, sync, scan in ((RANDOM, 49.0, 0.8), (CAREFUL, 51.0, 0.6))
    ]
    times = {GROUP: 10.0, PEER: 20.0, PLAIN: 9.0}
    training = [{"name": name, "num_envs": 16, "length": 20, "median_us": time} for name, time in times.items()]
    bars = maze.all_bars({"ratios": ratios, "missing": {}, "training": training})
    assert [bar.is_met for bar in bars] == [False, True, True, False, True, False]


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("source", SOURCES)
def test_only_steps_that_move_an_episode_on_are_counted(name: str, source: str) -> None:
    walk = own_walk(cell(source=source), 5, OURS[name])
    if OURS[name] is not AutoresetMode.NEXT_STEP:
        assert walk.environment_steps() == 200
        return
    restarts, step = [], walk.env.step

    def counted(actions: Any) -> Any:
        restarts.append(int(walk.env._is_over.sum()))
        return step(actions)

    walk.env.step = counted
    first, second = walk.environment_steps(), walk.environment_steps()
    assert abs(first + second - (400 - sum(restarts))) <= 5
    assert sum(restarts) > 50


def test_a_walk_goes_on_where_it_ended() -> None:
    class Recorder:
        metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012
        calls: list[Any] = []  # noqa: RUF012

        def reset(self, options: Any = None) -> Any:
            self.calls.append("all" if options is None else options["reset_mask"].tolist())
            return np.array([0, 0]), {}

        def step(self, actions: Any) -> Any:
            self.calls.append(actions)
            ended = np.array([False, actions == 1])
            return np.array([actions, 7]), np.zeros(2), ended, np.zeros(2, bool), {}

    seen = []
    walk = Walk(Recorder(), lambda observations, index: seen.append(observations.tolist()) or index, 3, False)
    walk()
    walk()
    assert Recorder.calls == ["all", *[0, 1, [False, True], 2] * 2]
    assert seen == [[0, 0], [0, 7], [0, 0], [2, 7], [0, 7], [0, 0]]


@pytest.mark.parametrize("source", SOURCES)
def test_actions_of_both_mixes(source: str) -> None:
    """Binomial counts of 1e5 actions within 6 standard deviations: false alarm < 1e-8 each."""
    layout = MazeLayout.generate(6)
    observations = np.arange(1000) % 6
    for mix, probability in ((RANDOM, 0.5), (CAREFUL, 0.01)):
        choose = chooser(cell(mix, source, steps=100), 1000)
        actions = np.array([choose(observations, index) for index in range(100)])
        assert np.isin(actions, (0, 1)).all()
        wrong = (actions != layout.correct_actions[observations]).sum()
        assert abs(wrong - 1e5 * probability) < 6 * (1e5 * probability * (1 - probability)) ** 0.5


def test_the_careful_policy_of_the_agent_is_that_of_the_walks() -> None:
    logits, layout = careful_logits(6), MazeLayout.generate(6)
    policy = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(policy[np.arange(6), layout.correct_actions], 0.99)


def test_sync_walks_live_as_ours_do() -> None:
    for name, mode in SYNC.items():
        theirs, ours = sync_walk(cell(), 4, mode), own_walk(cell(), 4, mode)
        assert theirs.environment_steps() == ours.environment_steps(), name
        np.testing.assert_array_equal(theirs._observations, ours._observations)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("mix", MIXES)
def test_the_scan_gives_what_our_environment_gives(mix: str) -> None:
    pytest.importorskip("gymnax", reason="gymnax is in the extra bench")
    from maze_gymnax import maze_scan

    one = cell(mix)
    observations, rewards, terminated, truncated = (np.asarray(values) for values in maze_scan(one, 4)())
    env = own_walk(one, 4, AutoresetMode.SAME_STEP).env
    choose, current = chooser(one, 4), env.reset()[0]
    for index in range(one.steps):
        current, expected, ends, _, _ = env.step(choose(current, index))
        np.testing.assert_array_equal(observations[index], current)
        np.testing.assert_array_equal(rewards[index], expected)
        np.testing.assert_array_equal(terminated[index], ends)
    assert not truncated.any()
    assert terminated.any()
