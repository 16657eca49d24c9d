"""How far training is, step by step, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class ProgressCallback(TrainerCallback):
    """Tells a function how many steps are done.

    Args:
        tell: called with (steps done, steps in all), in the first process only.
    """

    def __init__(self, tell: Callable[[int, int], None]) -> None:
        self._tell = tell

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell where training goes on from."""
        self._told(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Tell that a step is done."""
        self._told(state)

    def _told(self, state: TrainerState) -> None:
        if state.is_world_process_zero:
            self._tell(state.global_step, state.max_steps)
