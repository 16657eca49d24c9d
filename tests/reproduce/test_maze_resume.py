"""The maze's bits depend neither on how many workers there are nor on interruptions, which end all threads at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from maze_samples import TINY, TINY_MLP
from reproduce_samples import save_stub

from maxpo_bench.reproduce import report
from maxpo_bench.reproduce.maze import measure as measuring
from maxpo_bench.reproduce.maze.cells import compute
from maxpo_bench.reproduce.maze.measure import fig7_cells, measure, mlp_cells, search_cells
from maxpo_bench.reproduce.maze.search import draw_search
from maxpo_bench.reproduce.maze.sizes import SIZES
from maxpo_bench.reproduce.report import write

SMALL = replace(TINY, searched_shares=(0.8,), group_sizes=(4,))


@pytest.fixture(scope="module")
def plain(agents, tmp_path_factory):
    """An experiment computed by one worker without interruption, and its folder."""
    folder = tmp_path_factory.mktemp("plain")
    return folder, measure(search_cells(SMALL, agents), SMALL, folder, workers=1)


def assert_same(one, other):
    assert list(one.values) == list(other.values)
    for cell, values in one.values.items():
        for name, array in values.items():
            np.testing.assert_array_equal(array, other.values[cell][name])


def bytes_of(folder, pattern="*"):
    return {path.name: path.read_bytes() for path in folder.glob(pattern)}


def training():
    """Threads in which cells are computed."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]


def test_any_number_of_workers_gives_the_same_bits_and_files(plain, agents, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "save", save_stub)
    folder, first = plain
    second = measure(list(reversed(search_cells(SMALL, agents))), SMALL, tmp_path / "cells", workers=5)
    assert second.computed == len(first.values) == 16
    assert bytes_of(tmp_path / "cells") == bytes_of(folder)
    third = measure(search_cells(SMALL, agents), SMALL, tmp_path / "cells", workers=2)
    assert_same(first, third)
    for name, measured in (("one", first), ("other", third)):
        write(draw_search(measured), tmp_path / name)
    assert len(bytes_of(tmp_path / "one")) == 6
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "other")


def test_networks_do_not_depend_on_the_number_of_workers_either(agents, tmp_path, mlp_measured):
    cells = mlp_cells(TINY_MLP, agents)[3:5]
    found = measure(cells, TINY_MLP, tmp_path, workers=2)
    assert list(found.values) == cells
    for cell in cells:
        for name, array in found.values[cell].items():
            np.testing.assert_array_equal(array, mlp_measured.values[cell][name])


@pytest.mark.parametrize("workers", [1, 3])
def test_an_interrupted_experiment_goes_on_where_it_stopped(plain, agents, tmp_path, workers):
    folder, first = plain
    cells = search_cells(SMALL, agents)

    def stopping(done, total):
        assert total == len(cells)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(cells, SMALL, tmp_path, workers=workers, progress=stopping)
    assert not training()
    kept = bytes_of(tmp_path)
    assert len(kept) == 5
    calls = []
    resumed = measure(cells, SMALL, tmp_path, workers=workers, progress=lambda *call: calls.append(call))
    assert calls == [(done, 16) for done in range(5, 17)]
    assert resumed.computed == 11
    assert_same(first, resumed)
    assert bytes_of(tmp_path) == bytes_of(folder)
    assert kept.items() <= bytes_of(folder).items()


class Endless:
    """In place of `compute`: the first cell at once (or an error), the others when they are told to stop."""

    def __init__(self, first, error=None):
        self.first, self.error = first, error
        self.entered = threading.Barrier(3)
        self.began, self.ended, self.unstopped, self.lock = [], [], [], threading.Lock()

    def __call__(self, cell, check):
        with self.lock:
            self.began.append(cell)
        if len(self.began) <= 3:
            self.entered.wait(60)
        if cell == self.first:
            if self.error is not None:
                raise self.error
            return compute(cell, check)
        give_up = time.monotonic() + 60
        try:
            while time.monotonic() < give_up:
                check(0, 1)
                time.sleep(0.001)
        finally:
            self.ended.append(cell)
        self.unstopped.append(cell)
        raise AssertionError("nobody stopped this thread")


def test_an_interruption_stops_what_other_threads_are_training(agents, tmp_path, monkeypatch):
    cells = search_cells(SMALL, agents)
    endless = Endless(cells[0])
    monkeypatch.setattr(measuring, "compute", endless)

    def stopping(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(cells, SMALL, tmp_path, workers=3, progress=stopping)
    assert not training()
    assert not endless.unstopped
    assert sorted(map(hash, [cells[0], *endless.ended])) == sorted(map(hash, endless.began))
    assert len(endless.began) <= 4
    assert [path.name for path in tmp_path.iterdir()] == [cells[0].path(tmp_path).name]


def test_an_estimator_that_fails_stops_the_others_and_is_named(agents, tmp_path, monkeypatch):
    cells = search_cells(SMALL, agents)
    endless = Endless(cells[1], ValueError("no such advantage"))
    monkeypatch.setattr(measuring, "compute", endless)
    with pytest.raises(ValueError, match="no such advantage"):
        measure(cells, SMALL, tmp_path, workers=3)
    assert not training()
    assert not endless.unstopped
    assert len(endless.began) <= 4


def test_a_failure_keeps_what_was_done_before(agents, tmp_path, monkeypatch):
    cells = search_cells(SMALL, agents)

    def failing(cell, check):
        if cell == cells[3]:
            raise ValueError("no such advantage")
        return compute(cell, check)

    monkeypatch.setattr(measuring, "compute", failing)
    with pytest.raises(ValueError, match="no such advantage"):
        measure(cells, SMALL, tmp_path, workers=1)
    assert bytes_of(tmp_path).keys() >= {cell.path(tmp_path).name for cell in cells[:3]}
    monkeypatch.setattr(measuring, "compute", compute)
    assert measure(cells, SMALL, tmp_path, workers=1).computed <= 13


def test_sigint_ends_the_command_with_130_and_the_command_that_goes_on(agents, tmp_path):
    """The child is interrupted by a real signal; what it stored is what an undisturbed process computes."""
    cells = tmp_path / "cells"
    arguments = ["reproduce", "fig7", "--size", "quick", "--workers", "2", "--out", str(tmp_path)]
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    start += "sys.argv[0] = 'maxpo-bench'; from maxpo_bench.cli import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", start, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    give_up = time.monotonic() + 120
    while not list(cells.glob("maze-*")) and child.poll() is None and time.monotonic() < give_up:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    try:
        out, err = child.communicate(timeout=120)
    finally:
        child.kill()
    assert child.returncode == 130, err
    assert f"interrupted; to go on: maxpo-bench {' '.join(arguments)}" in err
    assert "Traceback" not in err
    assert "Figure 7" not in out
    assert {path.name for path in tmp_path.iterdir()} == {"cells"}
    quick = SIZES.get("quick")
    every = fig7_cells(quick, agents)
    stored = [cell for cell in every if cell.load(cells) is not None]
    assert 1 <= len(stored) < len(every)
    assert len(stored) == len(list(cells.iterdir()))
    for name, array in stored[0].load(cells).items():
        np.testing.assert_array_equal(array, compute(stored[0])[name])
