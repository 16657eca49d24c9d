"""Start the process of a run from a warm server that has imported what runs need."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import sys
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess

from maxpo_bench.sweep.engines.child import THREAD_VARIABLES, child_main
from maxpo_bench.sweep.spec import RunSpec
from maxpo_bench.sweep.task import DEFAULT_EXECUTE, Task

_PACKAGE = __name__.partition(".")[0]
_SERVER = f"{_PACKAGE}.sweep.engines.server"
_PRELOAD = f"{_PACKAGE}.sweep.engines.preload"

_server_has: set[str] = set()


def warm_up(task: Task) -> None:
    """Start the fork server, which imports what runs need; returns at once, while it imports.

    A server that was started without these imports is replaced, unless it has processes. What this process has loaded
    of the package is imported too: a run would need it to restore the main module.
    """
    if not _has_server():
        return
    modules = [_SERVER]
    if task.execute == DEFAULT_EXECUTE:
        modules += [_PRELOAD, *(name for name in sys.modules if name.startswith(f"{_PACKAGE}."))]
    needed = {_SERVER, _PRELOAD} & set(modules)
    if not needed <= _server_has and not multiprocessing.active_children():
        _stop_server()
        _server_has.clear()
        _server_has.update(needed)
    multiprocessing.forkserver.set_forkserver_preload(modules)
    with _one_thread_per_process(), _without_missing_main():
        multiprocessing.forkserver.ensure_running()


def start_process(spec: RunSpec, task: Task) -> BaseProcess:
    """Start the process of one run; the server is started anew if it has been killed.

    Raises:
        RuntimeError: it dies again and again.
    """
    context = _context()
    for attempt in range(5):
        process = context.Process(target=child_main, args=(spec, task), name=f"run-{spec.run_id}")
        try:
            with _one_thread_per_process(), _without_missing_main():
                process.start()
            return process
        except (EOFError, ConnectionError):
            time.sleep(0.05 * 2**attempt)
    raise RuntimeError("the server that starts runs keeps dying: is this machine out of memory or processes?")


def _has_server() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()


def _context() -> ForkServerContext | SpawnContext:
    return multiprocessing.get_context("forkserver") if _has_server() else multiprocessing.get_context("spawn")


def _stop_server() -> None:
    """Stop Python's fork server if there is one; it has no public way, without this one runs start slowly."""
    stop = getattr(getattr(multiprocessing.forkserver, "_forkserver", None), "_stop", None)
    if stop is not None:
        stop()


@contextlib.contextmanager
def _without_missing_main() -> Iterator[None]:
    """Keep new processes from restoring a main module that is no file, as of a program read from standard input."""
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    if path is None or os.path.exists(path):
        yield
        return
    del main.__file__
    try:
        yield
    finally:
        main.__file__ = path


@contextlib.contextmanager
def _one_thread_per_process() -> Iterator[None]:
    """Let processes that start meanwhile use one thread each: the runs are what is parallel."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
