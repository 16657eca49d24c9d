"""How much of the tiny model's experiment to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from maxpo_bench.registry import Registry

METHODS = ("grpo", "reinforce_l1o", "pkpo", "maxpo", "entropy_adv")


@dataclass(frozen=True)
class TinyLMSize:
    """What is trained, tuned and evaluated.

    Every seed has a model of its own, pretrained from scratch, and problems of its own for training and evaluation.

    Attributes:
        name: of the size.
        seeds: evaluation seeds; each is a training run of every method.
        tuning: further seeds, on which learning rates are chosen.
        seed: root of all seeds.
        methods: names in `maxpo_bench.llm.methods`.
        learning_rates: of Adam, the same for every method, ascending.
        k: objective size K, and the k of pass@k by which learning rates are chosen.
        group_size: completions of a question, n.
        groups_per_step: questions of an optimisation step.
        steps: of a training run.
        difficulty: digits of a problem.
        problems: held-out problems of an evaluation.
        samples: completions of each, for pass@1 to pass@samples.
        pretraining: options of the pretraining that differ from the defaults.
    """

    name: str = "paper"
    seeds: int = 4
    tuning: int = 1
    seed: int = 0
    methods: tuple[str, ...] = METHODS
    learning_rates: tuple[float, ...] = (1e-5, 2e-5, 5e-5, 1e-4)
    k: int = 4
    group_size: int = 16
    groups_per_step: int = 32
    steps: int = 400
    difficulty: int = 4
    problems: int = 512
    samples: int = 128
    pretraining: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.seeds < 2:
            raise ValueError(f"instances must be at least 2 for intervals, got {self.seeds}: raise it")

    @property
    def note(self) -> str:
        """What a caption begins with where the size is not the full one."""
        return "" if self.name == "paper" else f"Size {self.name}, smaller than the full one. "


SIZES: Registry[TinyLMSize] = Registry("size")
SIZES.register("paper", TinyLMSize())
SIZES.register(
    "quick",
    TinyLMSize(
        name="quick",
        seeds=3,
        tuning=1,
        learning_rates=(1e-4, 3e-4),
        steps=20,
        groups_per_step=8,
        difficulty=3,
        problems=64,
        samples=64,
        pretraining={"steps": 150},
    ),
)


def size_of(name: str, *, instances: int | None = None, seed: int = 0) -> TinyLMSize:
    """Return a size by its name.

    Args:
        name: "paper" or "quick".
        instances: other number of evaluation seeds.
        seed: root of all seeds.

    Raises:
        UnknownNameError: no such size.
        ValueError: fewer than two instances.
    """
    size = replace(SIZES.get(name), seed=seed)
    return size if instances is None else replace(size, seeds=instances)
