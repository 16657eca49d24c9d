"""Carry one run out and store what came of it: the same in every engine."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import platform
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import maxpo_bench
from maxpo_bench.sweep.spec import SCHEMA_VERSION, RunSpec
from maxpo_bench.sweep.store import RunStore

DEFAULT_EXECUTE = "maxpo_bench.sweep.execute:execute"
Outcome = Literal["published", "duplicate", "failed"]
_OUT_OF_MEMORY = ("can't allocate memory", "cannot allocate memory", "bad_alloc", "out of memory", "unable to allocate")


@dataclass(frozen=True)
class Task:
    """How every run of a sweep is carried out; pickled to the workers.

    Args:
        directory: the store.
        execute: ``"module:function"``; the function takes a `RunSpec` and returns at least ``curves`` (lists of one
            length) and ``summary`` (numbers).
        imports: modules to import before, see `maxpo_bench.sweep.config.SweepConfig`.
        memory_limit_mb: the limit that the worker has been given, for the message.
    """

    directory: str
    execute: str = DEFAULT_EXECUTE
    imports: tuple[str, ...] = ()
    memory_limit_mb: int | None = None


def carry_out(spec: RunSpec, task: Task) -> Outcome:
    """Execute one run here and publish its record, or store its failure with the traceback."""
    store = RunStore(task.directory)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        import_all(task.imports)
        result = dict(resolve(task.execute)(spec))
        timing = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        record = {**make_record(spec, "done"), **result, **timing}
        return "published" if store.publish(spec.run_id, record) else "duplicate"
    except Exception as error:
        message = describe_failure(error, task.memory_limit_mb)
        traceback.clear_frames(error.__traceback__)
    _lift_memory_limit()
    store.fail(spec.run_id, {**make_record(spec, "failed", message), "wall_s": time.perf_counter() - wall})
    return "failed"


def make_record(spec: RunSpec, status: str, error: str | None = None) -> dict[str, Any]:
    """Return a record without results: what is known of a run before, or without, its end."""
    return {
        "schema": SCHEMA_VERSION,
        "id": spec.run_id,
        "spec": spec.to_dict(),
        "status": status,
        "error": error,
        "curves": {},
        "summary": {},
        "wall_s": None,
        "versions": versions(),
    }


def resolve(name: str) -> Callable[[RunSpec], Mapping[str, Any]]:
    """Return the function that ``"module:function"`` names.

    Raises:
        ValueError: no such form or no such function.
        ImportError: no such module.
    """
    module_name, colon, function_name = name.partition(":")
    if not colon:
        raise ValueError(f"execute must be 'module:function', got {name!r}")
    module = importlib.import_module(module_name)
    if not callable(getattr(module, function_name, None)):
        raise ValueError(f"module {module_name!r} has no function {function_name!r}")
    return getattr(module, function_name)


def import_all(modules: Sequence[str]) -> None:
    """Import modules for what they register.

    Raises:
        ImportError: one of them cannot be found; the message says where to set it right.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ImportError(f"cannot import {module!r} ({error}): see the sweep's imports and PYTHONPATH") from error


def describe_failure(error: BaseException, memory_limit_mb: int | None) -> str:
    """Return the traceback as text, headed by the memory limit if that is what the run ran into."""
    text = "".join(traceback.format_exception(error))
    is_memory = isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _OUT_OF_MEMORY)
    if is_memory and memory_limit_mb is not None:
        return f"memory limit of {memory_limit_mb} MiB reached (engine.memory_limit_mb)\n{text}"
    return text


@functools.cache
def versions() -> dict[str, str | None]:
    """Return the versions of what results depend on: this package, its libraries and Python."""
    found: dict[str, str | None] = {"maxpo_bench": maxpo_bench.__version__, "python": platform.python_version()}
    for name, distribution in {"sb3": "stable-baselines3", **{n: n for n in ("gymnasium", "numpy", "torch")}}.items():
        try:
            found[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _lift_memory_limit() -> None:
    """Give the failure's record room to be written: raise the soft limit back to the hard one."""
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
