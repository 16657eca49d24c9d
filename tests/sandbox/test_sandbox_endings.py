"""Limits, and submissions that end, or end up, in other ways than by answering."""

import os
import signal
import time

import pytest
from sandbox_workers import ECHO, REWARDS, is_running

from maxpo_bench.sandbox import (
    CpuLimit,
    EstimatorError,
    Limits,
    LoadError,
    MemoryLimit,
    ProtocolViolation,
    SandboxError,
    TimeLimit,
    WorkerDied,
)

CALL = """
import ctypes, mmap, os, signal, sys, threading, time
import numpy as np

def advantages(rewards, k):
    {}
"""


def ending(light, body, *, timeout=30.0, **limits):
    """The error of a call with this body, whose worker is gone afterwards."""
    worker = light(CALL.format(body.replace("\n", "\n    ")), **limits)
    with pytest.raises(SandboxError) as caught:
        worker.call(REWARDS, 2, timeout=timeout)
    assert worker.closed
    assert not is_running(worker.pid)
    with pytest.raises(WorkerDied, match="closed"):
        worker.call(REWARDS, 2)
    return caught.value


@pytest.mark.parametrize("level", ["strict", "basic", "none"])
def test_a_call_that_takes_too_long_is_killed_by_the_parents_clock(light, level):
    body = "time.monotonic = time.time = lambda: 0.0\ntime.sleep(600)"
    worker = light(CALL.format(body.replace("\n", "\n    ")), level=level)
    with pytest.raises(TimeLimit, match=r"submission.py took longer than 0.2 seconds to answer"):
        worker.call(REWARDS, 2, timeout=0.2)
    assert worker.closed
    assert not is_running(worker.pid)


def test_a_stopped_worker_is_killed(light):
    assert isinstance(ending(light, "os.kill(os.getpid(), signal.SIGSTOP)", timeout=0.3), TimeLimit)


def test_an_import_that_takes_too_long_is_killed(light):
    with pytest.raises(TimeLimit, match=r"took longer than 3 seconds to import"):
        light("import time\ntime.sleep(600)", startup_seconds=3.0)


def test_processor_time_of_one_who_ignores_the_signal(light):
    body = "signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    assert isinstance(ending(light, body, cpu_seconds=1.0), CpuLimit)


def test_processor_time_where_the_parent_ignores_its_signal(light):
    former = signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGXCPU])
    try:
        error = ending(light, "while True: pass", cpu_seconds=1.0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGXCPU, former)
    assert isinstance(error, CpuLimit)
    assert str(error) == "submission.py used up its 1 seconds of processor time"


def test_ten_gigabytes_are_refused_and_the_worker_goes_on(light):
    worker = light(CALL.format("return np.ones(int(1.25e9)) if k == 2 else rewards"))
    with pytest.raises(MemoryLimit) as caught:
        worker.call(REWARDS, 2)
    assert str(caught.value).startswith("submission.py, line 6 asked for more memory than the 4 GiB it may have: ")
    assert (worker.call(REWARDS, 3).values == REWARDS).all()


def test_memory_taken_bit_by_bit(light):
    worker = light(CALL.format("kept = []\n    while True: kept.append(bytearray(10**7))"), memory_bytes=200 << 20)
    with pytest.raises(MemoryLimit, match=r"than the 0.195 GiB"):
        worker.call(REWARDS, 2, timeout=60)


def test_memory_at_import(light):
    with pytest.raises(MemoryLimit, match=r"submission.py, line 2 asked"):
        light("import numpy\nkept = numpy.ones(int(1.25e9))")


def test_memory_that_kills(light):
    error = ending(light, "os.write(2, b'terminate called after throwing std::bad_alloc\\n')\nos.abort()")
    assert isinstance(error, MemoryLimit)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("os._exit(3)", "submission.py ended its process with exit status 3 instead of answering"),
        ("os._exit(0)", "submission.py ended its process with exit status 0 instead of answering"),
        ("os.abort()", "submission.py brought its process down: SIGABRT (aborted)"),
        ("ctypes.string_at(0)", "submission.py brought its process down: SIGSEGV (segmentation fault)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "submission.py brought its process down: SIGKILL (killed)"),
        (
            "os.write(2, b'first\\nthe \\x1b[31mlast\\n')\nos._exit(9)",
            "submission.py ended its process with exit status 9 instead of answering; "
            "the last it printed: the [31mlast",
        ),
    ],
)
def test_a_process_that_ends_is_named(light, body, text):
    error = ending(light, body)
    assert isinstance(error, WorkerDied)
    assert str(error) == text


def test_calls_by_the_numbers_of_another_architecture_kill(light):
    """The 32-bit entry counts calls differently: 20 is getpid there and writev here."""
    body = (
        "page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        "page.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))\n"
        "address = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
        "raise ValueError(ctypes.CFUNCTYPE(ctypes.c_int)(address)())"
    )
    assert isinstance(ending(light, body), WorkerDied)


def test_a_closed_pipe(light):
    error = ending(light, "os.close(int(sys.argv[2]))\ntime.sleep(600)")
    assert isinstance(error, ProtocolViolation)
    assert "closed its pipe" in str(error)


def test_a_flood_of_output_neither_blocks_nor_fills_memory(light):
    worker = light("""
        import os
        def advantages(rewards, k):
            for _ in range(300):
                os.write(1, b"x" * 10**6)
                os.write(2, b"x" * 10**6)
            return rewards
    """)
    assert (worker.call(REWARDS, 2, timeout=60).values == REWARDS).all()
    assert len(worker._channel.errors()) <= 4096


def test_threads_are_allowed_up_to_a_bound(light):
    worker = light("""
        import threading
        def advantages(rewards, k):
            event, threads = threading.Event(), []
            try:
                while len(threads) < k:
                    threads.append(threading.Thread(target=event.wait))
                    threads[-1].start()
            finally:
                event.set()
            return rewards
    """)
    worker.call(REWARDS, 3)
    if any(name == "thread limit" for name in worker.protections):
        with pytest.raises(EstimatorError, match=r"can't start new thread.*the sandbox gives"):
            worker.call(REWARDS, 300)


@pytest.mark.parametrize("level", ["basic", "none"])
def test_children_in_the_group_end_with_the_worker(light, level, tmp_path):
    """The weaker levels let a submission start processes; those that stay in its group are killed with it."""
    worker = light(
        f"""
        import os, time
        def advantages(rewards, k):
            if os.fork() == 0:
                os.mkdir({str(tmp_path / "child")!r} + str(os.getpid()))
                time.sleep(600)
            return rewards
        """,
        level=level,
    )
    worker.call(REWARDS, 2)
    while not (found := os.listdir(tmp_path)):
        time.sleep(0.01)
    worker.close()
    child = int(found[0].removeprefix("child"))
    deadline = time.monotonic() + 30
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("level", ["strict", "basic"])
def test_files_get_no_contents(light, level, tmp_path):
    target = str(tmp_path / "file")
    with pytest.raises(LoadError, match=r"line 1 cannot be imported: (PermissionError|OSError)"):
        light(f"file = open({target!r}, 'w', buffering=1); file.write('SECRET' * 1000 + chr(10))", level=level)
    assert not os.path.exists(target) or os.path.getsize(target) == 0
    assert os.path.exists(target) == (level == "basic")


def test_none_is_what_it_says(light, tmp_path):
    target = tmp_path / "file"
    worker = light(f"open({str(target)!r}, 'w').write('x')\n" + ECHO, level="none")
    assert target.read_text() == "x"
    assert worker.protections == ("clean environment", "dies with the scorer")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"cpu_seconds": 0}, ValueError),
        ({"call_seconds": float("inf")}, ValueError),
        ({"startup_seconds": float("nan")}, ValueError),
        ({"startup_seconds": "1"}, TypeError),
        ({"memory_bytes": True}, TypeError),
        ({"memory_bytes": 1000}, ValueError),
        ({"memory_bytes": 1e10}, ValueError),
    ],
)
def test_impossible_limits_raise(values, error):
    with pytest.raises(error, match=next(iter(values))):
        Limits(**values)
