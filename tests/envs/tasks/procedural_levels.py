"""Every procedural task at every difficulty, with what its docstring promises of it."""

from __future__ import annotations

from typing import Any

from maxpo_bench.envs.tasks import make_task
from maxpo_bench.envs.tasks.chain_sum import ChainSum
from maxpo_bench.envs.tasks.comparison import Comparison
from maxpo_bench.envs.tasks.countdown import Countdown
from maxpo_bench.envs.tasks.counting import Counting
from maxpo_bench.envs.tasks.modular import Modular
from maxpo_bench.envs.tasks.procedural import ProceduralTask

CLASSES: dict[str, type[ProceduralTask[Any]]] = {
    cls.name: cls for cls in (Countdown, ChainSum, Counting, Comparison, Modular)
}
LEVELS = [(name, difficulty) for name, cls in CLASSES.items() for difficulty in cls.difficulties]

SHARES = {
    "countdown": {3: 0.02, 4: 0.005, 5: 0.002, 6: 0.001},
    "chain_sum": {1: 0.015, 2: 0.008, 3: 0.002, 4: 0.005, 5: 0.001},
    "counting": {1: 0.10, 2: 0.06, 3: 0.03, 4: 0.02, 5: 0.01},
    "comparison": {1: 0.003, 2: 0.003, 3: 0.015, 4: 0.001, 5: 0.001},
    "modular": {1: 0.07, 2: 0.07, 3: 0.02, 4: 0.02, 5: 0.005},
}
"""Bounds of the most frequent answer's share, as the docstrings say; of countdown, of the most frequent problem's."""


def procedural(name: str, split: str = "train", **options: Any) -> ProceduralTask[Any]:
    """Return a task by name, as the class that it is."""
    task = make_task(name, split, **options)
    assert isinstance(task, CLASSES[name])
    return task
