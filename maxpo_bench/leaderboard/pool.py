"""Jobs in processes of their own that Ctrl-C ends at once, whenever it comes and however often.

A terminal sends Ctrl-C to every process of the command. The workers never see it: they are started while it is blocked,
and inherit that. The parent does, waits for nothing but messages, and ends its workers before it passes it on. They are
started one by one without a server in between, whose own start could be interrupted.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

GRACE = 0.5
"""Seconds for workers to end after they were asked to."""
Report = Callable[[str, float], None]
Job = Callable[..., None]


class ScoringInterrupted(RuntimeError):
    """A process that worked on an entry died; what was finished is stored."""


def exit_without(parent: int) -> None:
    """Start a watch that ends this process within a second of its parent's death, however that died."""

    def watch() -> None:
        while True:
            time.sleep(1.0)
            try:
                os.kill(parent, 0)
            except ProcessLookupError:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def in_processes(
    job: Job,
    names: Sequence[str],
    arguments: tuple[Any, ...],
    *,
    workers: int,
    report: Callable[[float, str], None],
) -> None:
    """Call ``job(name, *arguments, progress)`` for every name, each worker taking the next one when it is free.

    Args:
        job: a function of a module; it calls ``progress`` with (stage, share of the name's work done in [0, 1]).
        names: what to work on, in this order.
        arguments: the same for all; plain enough to be sent to a process.
        workers: processes at a time.
        report: called with (names done, parts of those under way included; the names under way) after each message.

    Raises:
        ScoringInterrupted: a process died.
        Exception: what ``job`` raised first; the other workers are ended.
        KeyboardInterrupt: Ctrl-C; all workers have ended.
    """
    crew: list[_Worker] = []
    waiting, done = list(names), 0
    try:
        for _ in range(min(workers, len(waiting))):
            with _unheard():
                crew.append(_Worker.started(job, arguments))
            crew[-1].give(waiting.pop(0))
        while any(worker.name for worker in crew):
            for worker in _that_say_something(crew):
                if worker.read():
                    done += 1
                    worker.give(waiting.pop(0) if waiting else "")
            busy = [worker for worker in crew if worker.name]
            report(done + sum(worker.share for worker in busy), ", ".join(worker.name for worker in busy))
    finally:
        _end(crew)


@dataclass
class _Worker:
    """A process, the line to it, what it works on ("" for nothing) and how much of that is done."""

    process: BaseProcess
    line: Connection
    name: str = ""
    share: float = 0.0

    @classmethod
    def started(cls, job: Job, arguments: tuple[Any, ...]) -> _Worker:
        context = multiprocessing.get_context("spawn")
        line, theirs = context.Pipe()
        process = context.Process(target=_work, args=(job, arguments, theirs, os.getpid()), daemon=True)
        process.start()
        theirs.close()
        return cls(process, line)

    def give(self, name: str) -> None:
        self.name, self.share = name, 0.0
        with contextlib.suppress(OSError):  # it died: reading says so
            self.line.send(name)

    def read(self) -> bool:
        """Take one message; return True if the name is done."""
        try:
            kind, value = self.line.recv()
        except (EOFError, OSError) as error:
            raise ScoringInterrupted(
                f"the process working on {self.name} was killed: the same call goes on with what is missing"
            ) from error
        if kind == "failed":
            raise value
        self.share = value if kind == "share" else 1.0
        return kind == "done"


def _that_say_something(crew: Sequence[_Worker]) -> list[_Worker]:
    ready = wait([worker.line for worker in crew if worker.name])
    return [worker for worker in crew if worker.line in ready]


def _work(job: Job, arguments: tuple[Any, ...], line: Connection, parent: int) -> None:
    """Be a worker: take names until there is none."""
    exit_without(parent)
    with contextlib.suppress(EOFError, OSError):  # the parent has gone
        while name := line.recv():
            try:
                job(name, *arguments, lambda stage, share: line.send(("share", share)))
            except Exception as error:
                error.add_note(f"In the process that worked on {name}:\n{traceback.format_exc()}")
                line.send(("failed", _sendable(error)))
            else:
                line.send(("done", None))


def _sendable(error: Exception) -> Exception:
    """An error that the parent can read, which not every one is."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Keep Ctrl-C from the processes that are started in the block, for good, and from this one until its end."""
    resource_tracker.ensure_running()  # it would be started in the block, and unblock the signal
    heard: list[int] = []
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number)) if in_main else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main:
            signal.signal(signal.SIGINT, handler)
    if heard:
        signal.raise_signal(signal.SIGINT)


def _end(crew: Sequence[_Worker]) -> None:
    """End the workers; Ctrl-C meanwhile changes nothing, as this takes a moment only."""
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None
    try:
        for worker in crew:
            worker.process.terminate()
        latest = time.monotonic() + GRACE
        for worker in crew:
            worker.process.join(max(0.0, latest - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.line.close()
    finally:
        if in_main:
            signal.signal(signal.SIGINT, handler)
