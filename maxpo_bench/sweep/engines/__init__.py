"""Engines carry the runs of a sweep out; each is found by name and imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from maxpo_bench.registry import Registry
from maxpo_bench.sweep.config import EngineConfig
from maxpo_bench.sweep.spec import RunSpec
from maxpo_bench.sweep.task import Task


@dataclass(frozen=True)
class Event:
    """Something happened to a run.

    Attributes:
        kind: "started"; "done", published now; "there", published meanwhile by another sweep; "failed", its failure
            is in the store; "retried", it was killed from outside and is going to be started again.
        spec: the run.
        error: for "failed" and "retried", the traceback or what ended it.
    """

    kind: Literal["started", "done", "there", "failed", "retried"]
    spec: RunSpec
    error: str | None = None


class Engine(Protocol):
    """Starts runs and yields what becomes of them; closing the generator ends every run that is under way."""

    def __call__(self, specs: Sequence[RunSpec], task: Task, config: EngineConfig) -> Generator[Event]:
        """Carry out ``specs`` in order, each ending in exactly one event "done", "there" or "failed"."""
        ...


ENGINES: Registry[str] = Registry("engine")
ENGINES.register("local", "maxpo_bench.sweep.engines.local:run_local")


def get_engine(name: str) -> Engine:
    """Return an engine by name.

    Raises:
        UnknownNameError: with the known names.
    """
    module, _, function = ENGINES.get(name).partition(":")
    return getattr(importlib.import_module(module), function)
