"""Killed with SIGKILL at any moment, a sweep loses nothing, doubles nothing and leaves nothing behind."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maxpo_bench.sweep import RunStore

HERE = Path(__file__).parent
KILLS = 10
MARKER = "MAXPO_SWEEP_UNDER_TEST"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a sweep in /proc")


def start(out, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])]), MARKER: str(out)}
    command = [sys.executable, str(HERE / "kill_driver.py"), str(out), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=environment, start_new_session=True, **pipes)


def processes(out):
    """Return pid -> (parent's pid, command line) of every process that inherited this sweep's environment."""
    sign = f"{MARKER}={out}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if sign in (entry / "environ").read_bytes().split(b"\0"):
                    state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                    if state != "Z":
                        found[int(entry.name)] = (int(parent), (entry / "cmdline").read_text())
            except OSError:
                continue
    return found


def by_role(out, sweep_pid):
    """Sort a sweep's processes into the parent, its fork server and the processes of runs."""
    found = processes(out)
    servers = [pid for pid, (parent, line) in found.items() if parent == sweep_pid and "forkserver" in line]
    runs = [pid for pid, (parent, _) in found.items() if parent in servers]
    return {"parent": [sweep_pid], "server": servers, "run": runs}


def wait_until_gone(out):
    deadline = time.monotonic() + 10
    while processes(out) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes(out) == {}


def contents(out):
    """Return what the runs found, by id, without what depends on the clock."""
    clock = ("wall_s", "cpu_s")
    records = RunStore(out).load_all()
    return {record["id"]: {key: value for key, value in record.items() if key not in clock} for record in records}


def kill_one(out, sweep, draw):
    """Kill a random process of a sweep at a random moment and return its role.

    The moment is counted in published runs plus a part of a run's length, so that fast and slow machines are
    disturbed alike; no published run more means a moment in the start-up.
    """
    role = draw.choice(["parent", "parent", "server", "run"])
    target = len(RunStore(out).ids()) + draw.randint(0, 5)
    while len(RunStore(out).ids()) < target and sweep.poll() is None:
        time.sleep(0.001)
    time.sleep(draw.uniform(0.0, 0.08))
    victims = by_role(out, sweep.pid)[role] or [sweep.pid]
    try:
        os.kill(draw.choice(victims), signal.SIGKILL)
    except ProcessLookupError:  # a run that has just ended by itself
        sweep.kill()
        return "parent"
    return role if victims != [sweep.pid] else "parent"


def test_ten_kills_lose_double_and_tear_nothing(tmp_path):
    calm, storm = tmp_path / "calm", tmp_path / "storm"
    undisturbed = start(calm)
    draw = random.Random(20260606)
    killed = []
    seen = {}
    while len(killed) < KILLS:
        sweep = start(storm)
        role = kill_one(storm, sweep, draw)
        killed.append(role)
        if role != "parent" and len(killed) < KILLS:
            killed.append(kill_one(storm, sweep, draw))
        if "parent" not in (role, killed[-1]):
            sweep.kill()
        sweep.communicate(timeout=30)
        now = contents(storm)
        assert seen.items() <= now.items(), "a published run was lost or changed"
        seen = now
        wait_until_gone(storm)
    assert set(killed) == {"parent", "server", "run"}
    assert 10 < len(seen) < 60, "the kills came too early or too late to disturb anything"
    last = start(storm)
    output, _ = last.communicate(timeout=60)
    assert last.returncode == 0, output
    assert undisturbed.wait(timeout=60) == 0, undisturbed.stdout.read()
    undisturbed.stdout.close()
    assert len(contents(calm)) == 60
    assert contents(storm) == contents(calm)
    names = [path.name for path in (storm / "runs").iterdir()]
    assert sorted(names) == sorted(f"{run_id}.json" for run_id in contents(calm))
    assert not RunStore(storm).load_failures()
    wait_until_gone(storm)
    wait_until_gone(calm)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_says_how_to_go_on(tmp_path, number):
    sweep = start(tmp_path)
    while not RunStore(tmp_path).ids():
        time.sleep(0.005)
    sweep.send_signal(number)
    output, _ = sweep.communicate(timeout=30)
    finished = len(RunStore(tmp_path).ids())
    assert sweep.returncode == 130
    assert 0 < finished < 60
    lines = output.splitlines()
    assert lines[0].startswith(f"{finished} of 60 runs finished in {tmp_path}")
    assert lines[1:] == ["interrupted", f"to go on: kill_driver.py {tmp_path}"]
    assert not RunStore(tmp_path).load_failures()
    assert processes(tmp_path) == {}


@pytest.mark.parametrize("role", ["parent", "server"])
def test_runs_do_not_outlive_what_started_them(tmp_path, role):
    """The runs hang for a minute, so that they do not end by themselves."""
    sweep = start(tmp_path, "hang")
    try:
        while len(by_role(tmp_path, sweep.pid)["run"]) < 3 and sweep.poll() is None:
            time.sleep(0.01)
        found = by_role(tmp_path, sweep.pid)
        os.kill(found[role][0], signal.SIGKILL)
        deadline = time.monotonic() + 5
        while set(found["run"] + found["server"]) & set(processes(tmp_path)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not set(found["run"] + found["server"]) & set(processes(tmp_path))
    finally:
        sweep.kill()
        sweep.communicate(timeout=30)
    wait_until_gone(tmp_path)
