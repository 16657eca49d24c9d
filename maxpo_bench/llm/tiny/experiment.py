"""Runs with the tiny model as the runs of a sweep."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from maxpo_bench.llm.run_folder import RunFolder
from maxpo_bench.llm.tiny.run import TinyRun
from maxpo_bench.llm.tiny.training import ENVIRONMENT, pretrained, train
from maxpo_bench.seeding import derive_seed


class Spec(Protocol):
    """What is read of a sweep's specification of a run (`maxpo_bench.sweep.RunSpec`)."""

    @property
    def env(self) -> str:
        """Id of the environment."""
        ...

    @property
    def agent(self) -> str:
        """The method."""
        ...

    @property
    def seed(self) -> int:
        """Root of all random streams."""
        ...

    @property
    def iterations(self) -> int | None:
        """Optimiser steps."""
        ...

    @property
    def log_every(self) -> int:
        """Steps that a point of a curve is averaged over."""
        ...

    @property
    def env_kwargs(self) -> Mapping[str, Any]:
        """Task and its options."""
        ...

    @property
    def agent_kwargs(self) -> Mapping[str, Any]:
        """Options of `TinyRun`."""
        ...


def execute(spec: Spec) -> dict[str, Any]:
    """Carry out one run of a sweep: ``sweep.run(config, out, execute="maxpo_bench.llm.tiny.experiment:execute")``.

    Equal specifications give equal results, but for the seconds. The base model and its scored samples are kept in the
    cache, so that runs from one base share them; the samples are named by what is asked for and not by the code that
    answers: empty ``evaluations`` there after a change of sampling.

    Args:
        spec: the run; see `run_of`.

    Returns:
        ``curves`` of the log, means over windows of ``log_every`` steps, and ``summary``, the figures of
        `maxpo_bench.llm.tiny.training.train`.
    """
    run = run_of(spec)
    with tempfile.TemporaryDirectory(prefix="maxpo-bench-") as folder:
        out = Path(folder) / "run"
        summary = train(run, out, base=shared_base(run), checkpoint_every=run.steps)
        log = RunFolder(out).log()
    return {"curves": curves(log, spec.log_every), "summary": summary}


def run_of(spec: Spec) -> TinyRun:
    """Return the run that a specification asks for.

    The agent is the method, ``iterations`` the steps, ``env_kwargs`` hold the task and its options, ``agent_kwargs``
    the other options of `TinyRun`. Unless they are given, the seed of pretraining and, for a task that has instances,
    the instance are derived from the run's seed: each seed has a base model and problems of its own, the same for all
    methods.

    Raises:
        ValueError: another environment, no number of iterations, or an unknown option.
    """
    if spec.env != ENVIRONMENT:
        raise ValueError(f"the tiny model is trained on {ENVIRONMENT}, got {spec.env!r}")
    if spec.iterations is None:
        raise ValueError("a run of the tiny model needs iterations, not total_timesteps")
    options = {**spec.agent_kwargs}
    task_options = {**spec.env_kwargs}
    task = str(task_options.pop("task", TinyRun.task))
    if "instance" not in task_options and _has_instances(task):
        task_options["instance"] = derive_seed(spec.seed, "tiny", "instance") % 2**32
    options.setdefault("pretraining_seed", derive_seed(spec.seed, "tiny", "pretraining") % 2**32)
    fixed = {"method": spec.agent, "steps": spec.iterations, "seed": spec.seed, "task": task}
    return TinyRun.from_options({**options, **fixed, "task_options": task_options})


def shared_base(run: TinyRun) -> Path:
    """Return the folder in the cache where the base of a run is evaluated, for all runs that start from it."""
    from maxpo_bench.llm.tiny.base import cache_folder

    model = pretrained(run).name
    asked = json.dumps(run.base_info().config, sort_keys=True)
    digest = hashlib.sha256(f"{model}\n{asked}".encode()).hexdigest()[:16]
    return cache_folder() / "evaluations" / f"{model}-{digest}"


def curves(log: list[dict[str, Any]], width: int) -> dict[str, list[Any]]:
    """Return each quantity of a log, averaged over windows of steps; ``iteration`` is each window's last step.

    Args:
        log: all steps of a run.
        width: of the windows in steps.
    """
    windows = [log[start : start + width] for start in range(0, len(log), width)]
    names = [name for name in log[0] if name != "step" and any(line[name] is not None for line in log)]
    found: dict[str, list[Any]] = {"iteration": [window[-1]["step"] for window in windows]}
    for name in names:
        values = [[line[name] for line in window if line[name] is not None] for window in windows]
        found[name] = [sum(each) / len(each) if each else None for each in values]
    return found


def _has_instances(task: str) -> bool:
    from maxpo_bench.envs.tasks import list_tasks

    options = next((row["options"] for row in list_tasks() if row["name"] == task), None)
    return "instance" in (options or {})
