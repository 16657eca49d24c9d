"""A progress bar in iterations or environment steps, on terminals only."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from stable_baselines3.common.callbacks import BaseCallback


class ProgressBar(BaseCallback):
    """Shows how far `learn` is; silent in a pipe.

    Args:
        total: iterations or environment steps of this call of `learn`.
        unit: "iterations" or "timesteps".
    """

    def __init__(self, total: int, unit: str) -> None:
        super().__init__()
        self._unit = unit
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._progress = Progress(*columns)
        self._progress.disable = not self._progress.console.is_terminal
        self._task = self._progress.add_task(unit, total=total)
        self._start = 0

    def _count(self) -> int:
        return self.model._n_updates if self._unit == "iterations" else self.model.num_timesteps

    def _on_training_start(self) -> None:
        self._start = self._count()
        self._progress.start()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self._progress.update(self._task, completed=self._count() - self._start)

    def _on_training_end(self) -> None:
        self._on_rollout_start()
        self._progress.stop()
