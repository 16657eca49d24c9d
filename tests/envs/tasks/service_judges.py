"""Comparisons that do to a worker what the answer says; loaded by name in the grader's processes."""

from __future__ import annotations

import ctypes
import os
import signal
import time


def obey(gold: str, answer: str) -> bool:
    """Do what the answer asks for, then tell whether it is the gold."""
    command, _, argument = answer.partition(":")
    if command == "sleep":
        time.sleep(float(argument))
    elif command == "compute":  # one call into C, which no Python signal handler would interrupt
        7 ** (10**9)
    elif command == "allocate":
        blocks = []
        while True:
            blocks.append(b"x" * 2**24)
    elif command == "recurse":
        obey(gold, answer)
    elif command == "raise":
        raise ValueError("a comparison\nfailed")
    elif command == "exit":
        os._exit(3)
    elif command == "segfault":
        ctypes.string_at(0)
    elif command == "die":  # the first time, which an empty file remembers
        os.close(os.open(argument, os.O_CREAT | os.O_EXCL))
        os.kill(os.getpid(), signal.SIGKILL)
    elif command == "die-once":
        if not os.path.exists(argument):
            obey(gold, f"die:{argument}")
    elif command == "mark":  # an empty file for each call
        os.close(os.open(f"{argument}.{time.monotonic_ns()}", os.O_CREAT | os.O_EXCL))
    return gold in (answer, "yes")


def broken(gold: str, answer: str) -> bool:
    return True


def warm_up() -> None:
    """What the zygote does once."""
