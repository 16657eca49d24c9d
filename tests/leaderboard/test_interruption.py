"""Ctrl-C on a terminal, once or twice, at any moment of scoring: one line, code 130, no process left."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from maxpo_bench.commands.entries_progress import entries
from maxpo_bench.commands.one_interrupt import one_interrupt
from maxpo_bench.leaderboard import pool
from maxpo_bench.leaderboard.stages import STARTS, overall

PATIENCE = 60.0
"""Seconds after which something hangs; nothing that is tested comes near."""
COMMAND = ["leaderboard", "--score", "--suite", "quick"]
CONTROL_C = b"\x03"


class Terminal:
    """A command of the package in the foreground of a terminal of its own, and what it has printed."""

    def __init__(self, results: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "TERM": "xterm"}

        def lead() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "maxpo_bench.cli", *arguments, "--results", str(results)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            preexec_fn=lead,
        )
        os.close(slave)
        self.printed = ""

    def read(self, seconds: float) -> bool:
        """Take what is printed within this time; return False at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            found = os.read(self.master, 65536)
        except OSError:
            return False
        self.printed += found.decode(errors="replace")
        return bool(found)

    def until(self, reached) -> None:
        latest = time.monotonic() + PATIENCE
        while not reached(self):
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < latest, self.printed
            self.read(0.01)

    def press(self) -> None:
        os.write(self.master, CONTROL_C)

    def members(self) -> set[int]:
        """Processes of this terminal's session."""
        found = set()
        for place in Path("/proc").glob("[0-9]*"):
            try:
                fields = (place / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid and fields[0] != "Z":
                found.add(int(place.name))
        return found

    def end(self) -> int:
        latest = time.monotonic() + PATIENCE
        while self.read(0.05):
            assert time.monotonic() < latest, self.printed
        code = self.process.wait(PATIENCE)
        os.close(self.master)
        while self.members():
            assert time.monotonic() < latest, self.members()
            time.sleep(0.01)
        return code


def bar_shown(terminal):
    return "scoring" in terminal.printed


def worker_started(terminal):
    return len(terminal.members()) >= 3  # the command, its resource tracker, a worker


def entry_named(terminal):
    return "ei_l2o" in terminal.printed


def several_under_way(terminal):
    return re.search(r"\w, \w", terminal.printed) is not None


MOMENTS = {
    "before any worker": (bar_shown, 0.0),
    "while a worker starts": (worker_started, 0.0),
    "while a worker imports": (worker_started, 0.6),
    "while one is scored": (entry_named, 0.3),
    "while two are scored": (several_under_way, 0.5),
}


@pytest.fixture(autouse=True)
def proc():
    if not Path("/proc/self/stat").is_file():
        pytest.skip("reads /proc")


@pytest.mark.parametrize(
    ("moment", "gaps"),
    [
        ("while a worker starts", ()),
        ("while a worker starts", (0.05, 0.2)),
        ("while one is scored", (0.0, 0.2)),
        pytest.param("before any worker", (), marks=pytest.mark.paper),
        pytest.param("before any worker", (0.05, 0.2), marks=pytest.mark.paper),
        pytest.param("while a worker imports", (0.2, 0.2), marks=pytest.mark.paper),
        pytest.param("while two are scored", (), marks=pytest.mark.paper),
        pytest.param("while two are scored", (0.05, 0.2), marks=pytest.mark.paper),
    ],
)
def test_control_c_ends_scoring_with_one_line(tmp_path, moment, gaps):
    reached, later = MOMENTS[moment]
    terminal = Terminal(tmp_path, *COMMAND)
    terminal.until(reached)
    time.sleep(later)
    terminal.press()
    for gap in gaps:
        time.sleep(gap)
        terminal.press()
    assert terminal.end() == 130
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.printed).splitlines()]
    said = [line for line in lines if line.strip("^C") and "scoring " not in line]
    assert len(said) == 1, terminal.printed
    assert said[0].startswith("interrupted; to go on: python -m maxpo_bench.cli leaderboard --score --suite quick")
    assert not list(tmp_path.rglob(".writing-*"))


def work(name, folder, progress):
    progress("half", 0.5)
    if name == "broken":
        raise KeyError("no such thing")
    if name == "odd":
        raise Odd(1, 2)
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / name).write_text(str(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())))


class Odd(ValueError):
    """An error that cannot be sent."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def run(folder, *names, workers=2):
    seen = []
    pool.in_processes(work, names, (folder,), workers=workers, report=lambda *step: seen.append(step))
    return seen


def test_every_name_is_worked_on_by_processes_that_cannot_hear_control_c(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    seen = run(tmp_path, "one", "two", "three")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("one", "two", "three"), "True"
    )
    assert seen[-1] == (3, "")
    assert (0.5, "one") in run(tmp_path, "one", workers=1)
    assert run(tmp_path) == []
    assert (signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())) == before


def test_what_goes_wrong_in_a_process_is_raised_here(tmp_path):
    with pytest.raises(KeyError, match="no such thing") as raised:
        run(tmp_path, "broken", "one")
    assert "In the process that worked on broken" in raised.value.__notes__[0]
    with pytest.raises(RuntimeError, match="Odd: 1 and 2"):
        run(tmp_path, "odd")
    with pytest.raises(pool.ScoringInterrupted, match="working on killed was killed: the same call goes on"):
        run(tmp_path, "killed", "one")


def test_a_process_that_does_not_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "GRACE", 0.0)
    assert run(tmp_path, "one")[-1] == (1, "")


def test_shares_of_the_whole_never_fall():
    seen = []
    report = overall(lambda stage, share: seen.append((stage, share)), parts=2)
    for part in ("own seeds", "fresh seeds"):
        for stage in STARTS:
            report(f"{part}: {stage}", 0.0)
            if stage in ("noise", "learning"):
                report(f"{part}: {stage}", 0.5)
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert dict(seen)["own seeds: noise"] == pytest.approx(0.275)
    assert dict(seen)["fresh seeds: learning"] == pytest.approx(0.8875)


def test_the_bar_names_what_is_under_way_and_is_left_out_in_a_pipe(monkeypatch, capsys):
    with entries("scoring") as progress:
        assert progress is None
    monkeypatch.setenv("FORCE_COLOR", "1")
    with entries("scoring") as progress:
        progress(1.5, 3, "ei, grpo")
    assert "ei, grpo" in capsys.readouterr().err


def test_the_first_interrupt_is_the_last():
    before = signal.getsignal(signal.SIGINT)
    with one_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
    try:
        with pytest.raises(KeyboardInterrupt), one_interrupt():
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with one_interrupt():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
