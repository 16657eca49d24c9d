"""Compute several things at a time, in threads: compiled loops leave Python to the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from maxpo_bench.reproduce.cell_files import Values

Progress = Callable[[int, int], None]
Job = TypeVar("Job")


class _Stopped(Exception):
    """Ends the threads' training where the others have failed or been interrupted."""


def in_threads(
    jobs: Iterable[Job], compute: Callable[[Job, Progress], Values], workers: int | None
) -> Iterator[tuple[Job, Values]]:
    """Yield jobs as they are done; an error comes after those that were done with it.

    Every thread gives torch one thread of its own, on which the last bits of a network's first weights depend.

    Args:
        jobs: what is to be done.
        compute: does it, calling its second argument now and then; that call raises when the others have stopped.
        workers: jobs at a time; None for one per core.
    """
    stop = threading.Event()

    def check(done: int, total: int) -> None:
        if stop.is_set():
            raise _Stopped

    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, initializer=torch.set_num_threads, initargs=(1,))
    waiting: dict[Future[Values], Job] = {}
    try:
        waiting |= {pool.submit(compute, job, check): job for job in jobs}
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda each: each.exception() is not None):
                yield waiting.pop(future), future.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
