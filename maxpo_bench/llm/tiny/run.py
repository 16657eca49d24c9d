"""What one run with the tiny model is: every option that determines its result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from maxpo_bench.llm.methods import CALLED
from maxpo_bench.llm.run_folder import BASE, RunInfo
from maxpo_bench.registry import suggest

ENGINE = "tiny"
_WHOLE = {
    "k": 1,
    "group_size": 1,
    "groups_per_step": 1,
    "steps": 1,
    "eval_problems": 1,
    "eval_samples": 1,
    "threads": 1,
    "seed": 0,
    "pretraining_seed": 0,
}
"""Smallest value of each whole number."""
_OF_THE_BASE = ("task", "task_options", "pretraining_seed", "pretraining", "eval_problems", "eval_samples", "threads")


@dataclass(frozen=True)
class TinyRun:
    """A tiny model, pretrained on a task's solutions, fine-tuned with one method on its questions.

    The defaults take about two minutes on one core and train MaxPO with n = 16 and K = 4. Two runs with equal options
    give bitwise equal logs and models on one machine.

    Attributes:
        method: one of `maxpo_bench.llm.methods.METHODS`, any registered estimator, or the name of a submitted one.
        k: objective size K; for methods that do not use it, of the logged max@K.
        group_size: completions per question, n.
        groups_per_step: questions per step, G.
        steps: optimiser steps.
        learning_rate: of Adam.
        seed: root of the random streams of training and of its final evaluation.
        pretraining_seed: root of those of pretraining and of the base's evaluation.
        task: a text task, by name (`maxpo_bench.envs.tasks.list_tasks`).
        task_options: for the task's factory, the same for both splits.
        method_params: parameters of the method.
        policy: options of `maxpo_bench.llm.policy.LMPolicy`, such as temperature and aggregation.
        submission: SHA-256 of a submitted estimator's source, None for a registered one.
        pretraining: changes of `PretrainingSettings`, by name.
        eval_problems: held-out problems on which base and trained model are compared.
        eval_samples: completions of each.
        threads: of torch; the result may depend on it in the last bits.

    Raises:
        TypeError: an option is of the wrong type.
        ValueError: an option is out of range.
    """

    method: str = "maxpo"
    k: int = 4
    group_size: int = 16
    groups_per_step: int = 32
    steps: int = 400
    learning_rate: float = 5e-5
    seed: int = 0
    pretraining_seed: int = 0
    task: str = "countdown"
    task_options: Mapping[str, Any] = field(default_factory=dict)
    method_params: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    submission: str | None = None
    pretraining: Mapping[str, Any] = field(default_factory=dict)
    eval_problems: int = 256
    eval_samples: int = 64
    threads: int = 1

    def __post_init__(self) -> None:
        for name, least in _WHOLE.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number, got {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, int | float):
            raise TypeError(f"learning_rate must be a number, got {rate!r}")
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"learning_rate must be positive and finite, got {rate}")
        for name in ("task_options", "method_params", "policy", "pretraining"):
            if not isinstance(getattr(self, name), Mapping):
                raise TypeError(f"{name} must be a table, got {getattr(self, name)!r}")
        object.__setattr__(self, "method", CALLED.get(self.method, self.method))
        object.__setattr__(self, "learning_rate", float(rate))

    @property
    def model(self) -> str:
        """Name of the base model, such as "tiny-countdown"; another pretraining seed is part of it."""
        other = f"-pretraining{self.pretraining_seed}" if self.pretraining_seed else ""
        return f"tiny-{self.task.replace('/', '-')}{other}"

    @property
    def name(self) -> str:
        """Name of the run, such as "maxpo-k4-seed0"; K is part of it for methods that use it."""
        return f"{self.method}{f'-k{self.k}' if self.uses_k else ''}-seed{self.seed}"

    @property
    def uses_k(self) -> bool:
        """Whether the method's advantages depend on K; of a submission that is not known."""
        from maxpo_bench.estimators import ESTIMATORS

        if self.method in ESTIMATORS:
            return ESTIMATORS.get(self.method).uses_k
        return self.submission is not None

    def info(self) -> RunInfo:
        """Return what the run's folder says of it."""
        return RunInfo(
            model=self.model,
            method=self.method,
            engine=ENGINE,
            seed=self.seed,
            k=self.k,
            group_size=self.group_size,
            recipe="tiny",
            config=asdict(self),
        )

    def base_info(self) -> RunInfo:
        """Return what the folder of the base model says of it: the same for all runs that start from it."""
        config = {name: getattr(self, name) for name in _OF_THE_BASE}
        return RunInfo(
            model=self.model, method=BASE, engine=ENGINE, seed=self.pretraining_seed, recipe="tiny", config=config
        )

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """Return the names of all options."""
        return tuple(entry.name for entry in fields(cls))

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> TinyRun:
        """Return the run with some options, the others by default.

        Raises:
            ValueError: an unknown option, with the nearest known one; or as the class itself raises.
            TypeError: as the class itself raises.
        """
        for name in options:
            if name not in cls.options():
                raise ValueError(f"a run of the tiny model has no option {name!r}.{suggest(name, cls.options())}")
        return cls(**options)
