"""Compares pairs of answers in killable processes, for callers in any thread, and survives a fork."""

from __future__ import annotations

import atexit
import contextlib
import os
import selectors
import socket
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from maxpo_bench.envs.tasks.grading.crew import Crew
from maxpo_bench.envs.tasks.grading.dispatcher import Dispatcher
from maxpo_bench.envs.tasks.grading.jobs import GraderError, JobQueue, Pair, Verdict
from maxpo_bench.envs.tasks.grading.launcher import FORK_LOCK, Settings


class Pool:
    """A queue, a thread that serves it and the processes it uses, all started with the first comparison.

    Args:
        settings: what the processes are made from.
        remember: called, from the pool's thread, with each verdict that would be the same another time.

    Attributes:
        crew: the processes.
        at_fork: called in a forked copy of the process, in which no other thread runs.
    """

    def __init__(self, settings: Settings, remember: Callable[[Pair, Verdict], None]) -> None:
        self.crew = Crew(settings)
        self.at_fork: list[Callable[[], None]] = []
        self._queue = JobQueue()
        self._remember = remember
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._bell: tuple[socket.socket, socket.socket] | None = None
        self._is_closed = False
        _POOLS.add(self)

    def submit(self, pairs: Sequence[Pair]) -> Future[list[Verdict]]:
        """Queue comparisons, from any thread; the future gets one verdict per pair, or a `GraderError`.

        Raises:
            ValueError: the pool is closed.
        """
        with self._lock:
            if self._is_closed:
                raise ValueError("this grader is closed: make another")
            # Asked each time: Ctrl-C may have come between the making of the thread and its start.
            if self._thread is None or not self._thread.is_alive():
                self._hang_bell()
                self._thread = threading.Thread(target=self._run, name="grader", daemon=True)
                self._thread.start()
            future = self._queue.submit(pairs)
            self._ring()
        # A comparison that nobody waits for any more need not run to its limit.
        future.add_done_callback(lambda done: self._ring() if done.cancelled() else None)
        return future

    def abandon(self) -> None:
        """Have the thread end all processes and itself, without waiting for it.

        The garbage collector calls this in any thread, at any point, with any lock held: it takes none.
        """
        self._is_closed = True
        self._ring()

    def close(self) -> None:
        """End all processes and the thread; who still waits gets a `GraderError`. Can be called twice."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
            self._ring()
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            thread.join()

    def forget(self) -> None:
        """Start anew in a forked copy of the process, which has neither the thread nor a right to the processes."""
        for end in self._bell or ():
            end.close()
        self._bell = None
        self._thread = None
        self._lock = threading.Lock()
        self.crew.forget()
        self._queue.forget()
        for forget in self.at_fork:
            forget()

    def _hang_bell(self) -> None:
        with FORK_LOCK:
            self._bell = socket.socketpair()
        for end in self._bell:
            end.setblocking(False)

    def _ring(self) -> None:
        """Wake the thread."""
        bell = self._bell  # the thread may take it down at any moment
        if bell is not None:
            with contextlib.suppress(OSError):  # full: the thread is going to wake anyway; closed: it has ended
                bell[1].send(b"!")

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            self._serve()
        except Exception as error:
            failure = error
        with self._lock:  # whoever submits from here on starts another thread
            self._thread = None
            for end in self._bell or ():
                end.close()
            self._bell = None
            self._queue.fail(_as_grader_error(failure) if failure else GraderError("the grader was closed meanwhile"))

    def _serve(self) -> None:
        assert self._bell is not None
        bell = self._bell[0]
        with getattr(selectors, "PollSelector", selectors.DefaultSelector)() as selector:
            selector.register(bell, selectors.EVENT_READ, lambda: bell.recv(4096))
            dispatcher = Dispatcher(self.crew, self._queue, selector, self._remember)
            try:
                while not self._is_closed:
                    try:
                        dispatcher.step()
                    except GraderError as error:
                        dispatcher.abandon()
                        self._queue.fail(error)
            finally:
                dispatcher.abandon()


def _as_grader_error(error: Exception) -> GraderError:
    failure = GraderError(f"comparing answers failed: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()


def _close_all() -> None:
    for pool in list(_POOLS):
        pool.close()


# A thread that the interpreter's end stops cannot end its processes; they would end a moment after this one.
atexit.register(_close_all)


def _forget_all() -> None:
    FORK_LOCK.release()
    for pool in list(_POOLS):
        pool.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=FORK_LOCK.acquire, after_in_parent=FORK_LOCK.release, after_in_child=_forget_all)
