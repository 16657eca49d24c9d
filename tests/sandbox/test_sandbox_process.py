"""The life of a worker's process: what it inherits, how it ends, and what it leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sandbox_workers import ECHO, REWARDS, descriptors, is_running, light_workers, members

from maxpo_bench.sandbox import LoadError, SandboxUnavailable, Worker, WorkerDied, offered
from maxpo_bench.sandbox.channel import Channel
from maxpo_bench.sandbox.process import Process, environment

SLEEPER = "import time\ndef advantages(rewards, k):\n    time.sleep(600 if k == 9 else 0)\n    return rewards\n"


def wait_until_gone(pid):
    deadline = time.monotonic() + 60
    while is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


def test_it_is_reaped_when_the_block_is_left(light):
    with light(ECHO) as worker:
        pid = worker.pid
        assert is_running(pid)
        assert not worker.closed
    assert worker.closed
    assert not Path(f"/proc/{pid}").exists()
    worker.close()
    with pytest.raises(WorkerDied, match=r"closed; restart\(\) makes a fresh one"):
        worker.call(REWARDS, 2)


def test_it_is_reaped_when_the_block_is_left_by_an_exception(light):
    with pytest.raises(KeyError), light(ECHO) as worker:
        raise KeyError
    assert not Path(f"/proc/{worker.pid}").exists()


def test_it_is_reaped_when_nobody_holds_it():
    level = offered().strongest
    with pytest.MonkeyPatch.context() as patch:
        workers = light_workers(patch)
        start = next(workers)
        worker = start(ECHO, level=level)
        pid, source = worker.pid, worker._process
        workers.close()
        del worker, start
    assert source.ended
    assert not Path(f"/proc/{pid}").exists()


def test_restart_makes_a_fresh_one(light):
    worker = light("""
        calls = []
        def advantages(rewards, k):
            calls.append(k)
            rewards.array += len(calls)
            return rewards
    """)
    first = worker.pid
    assert worker.call(REWARDS, 2).values[0, 0] == 1
    assert worker.call(REWARDS, 2).values[0, 0] == 2
    worker.restart()
    assert worker.pid != first
    assert not is_running(first)
    assert worker.call(REWARDS, 2).values[0, 0] == 1


def interrupt(self, deadline):
    raise KeyboardInterrupt


def test_an_interrupted_call_closes_the_worker(light, monkeypatch):
    worker = light(SLEEPER)
    with monkeypatch.context() as patch:
        patch.setattr(Channel, "_wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            worker.call(REWARDS, 9)
    assert worker.closed
    assert not Path(f"/proc/{worker.pid}").exists()
    worker.restart()
    assert (worker.call(REWARDS, 2).values == REWARDS).all()


@pytest.mark.parametrize("exchanges", [0, 1])
def test_an_interrupted_start_leaves_nothing(light, monkeypatch, exchanges):
    before, ended = descriptors(), []
    end, exchange = Process.end, Channel.exchange
    done = iter([exchange] * exchanges)

    def noticed(self, **options):
        ended.append(self.pid)
        return end(self, **options)

    monkeypatch.setattr(Process, "end", noticed)
    monkeypatch.setattr(Channel, "exchange", lambda *arguments: next(done, interrupt_exchange)(*arguments))
    with pytest.raises(KeyboardInterrupt):
        light(SLEEPER)
    assert len(set(ended)) == 1
    assert members(ended[0]) == []
    assert descriptors() == before


def interrupt_exchange(*arguments):
    raise KeyboardInterrupt


DRIVER = """
import sys, time
import numpy as np
from sandbox_workers import light_workers
import pytest
with pytest.MonkeyPatch.context() as patch:
    start = next(light_workers(patch))
    worker = start({source!r}, level={level!r})
    print(worker.pid, flush=True)
    if {call}:
        worker.call(np.zeros((1, 2)), 9)
    time.sleep(600)
"""


@pytest.mark.parametrize(
    ("level", "call", "number"),
    [
        ("strict", True, signal.SIGKILL),
        ("strict", False, signal.SIGKILL),
        ("strict", True, signal.SIGINT),
        ("none", True, signal.SIGTERM),
    ],
)
def test_no_worker_outlives_its_parent(level, call, number):
    if offered().levels[level] is not None:
        pytest.skip(f"level {level} is not offered here")
    parent = subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(source=SLEEPER, level=level, call=call)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.path.dirname(__file__)},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.send_signal(number)
    parent.wait()
    parent.stdout.close()
    wait_until_gone(pid)


def test_a_forked_copy_does_not_end_the_worker(light):
    worker = light(ECHO)
    child = os.fork()
    if child == 0:
        worker.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (worker.call(REWARDS, 2).values == REWARDS).all()


def test_its_end_is_unknown_where_sigchld_is_ignored(light):
    worker = light("import os\ndef advantages(rewards, k):\n    os._exit(3)\n")
    former = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(WorkerDied, match="ignores SIGCHLD"):
            worker.call(REWARDS, 2)
    finally:
        signal.signal(signal.SIGCHLD, former)


def _leaks(starts):
    """Descriptors, before and after: each start ends in an error, before torch is imported."""
    level = offered().strongest
    counts = []
    for _ in range(starts):
        with pytest.raises(LoadError):
            Worker(b"(", level=level)
        counts.append(len(descriptors()))
    return counts


def test_starts_leak_no_descriptor():
    assert len(set(_leaks(20))) == 1


@pytest.mark.paper
def test_two_hundred_starts_leak_no_descriptor():
    assert len(set(_leaks(200))) == 1


def test_answers_leak_no_descriptor(light):
    before = descriptors()
    for _ in range(3):
        with light(ECHO) as worker:
            worker.call(REWARDS, 2)
    assert descriptors() == before


def test_the_environment_is_made_not_inherited(monkeypatch):
    monkeypatch.setenv("SECRET_CANARY", "x")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    found = environment()
    assert "SECRET_CANARY" not in found
    assert found["LD_LIBRARY_PATH"] == "/somewhere"
    assert found["OMP_NUM_THREADS"] == "1"
    assert not Path(found["HOME"]).exists()


def test_hashes_are_the_same_in_every_worker(light):
    source = "def advantages(rewards, k):\n    rewards.array += hash('text') % 1000003\n    return rewards\n"
    first, second = (light(source).call(REWARDS, 2).values for _ in range(2))
    assert (first == second).all()


def test_no_interpreter_is_unavailable(monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(SandboxUnavailable, match="needs a Python interpreter"):
        Process()


def test_an_interpreter_that_does_not_start_is_unavailable(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SandboxUnavailable, match="the sandbox's worker does not start: it ended with 1"):
        Worker(ECHO.encode(), level="none")


@pytest.mark.parametrize("source", ["text", None, bytearray(b"x")])
def test_a_source_is_bytes(source):
    with pytest.raises(TypeError, match="source must be the file's bytes"):
        Worker(source)
