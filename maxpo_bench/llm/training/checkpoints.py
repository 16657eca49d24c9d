"""Checkpoints from which training goes on exactly: what TRL leaves out of them, and which of them are complete.

`trainer_state.json` is the last file of a checkpoint. The trainer removes it before it writes over a checkpoint and
writes it after every process has written its own files, so that a checkpoint is complete exactly if that file can be
read, whenever the processes are killed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STATE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_ROLLOUTS = "rollouts_{}.pt"


def is_complete(checkpoint: str | Path) -> bool:
    """Return whether `EstimatorGRPOTrainer` wrote the whole checkpoint."""
    folder = Path(checkpoint)
    match = _CHECKPOINT.fullmatch(folder.name)
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    whole = match is not None and isinstance(state, dict) and state.get("global_step") == int(match[1])
    return whole and _rollouts(folder, 0).is_file()


def last_complete_checkpoint(folder: str | Path) -> Path | None:
    """Return the complete checkpoint with the most steps in a folder, None where there is none.

    Args:
        folder: the trainer's `output_dir`; it need not exist.
    """
    found = {int(match[1]): path for path in Path(folder).glob("checkpoint-*") if (match := _matches(path))}
    return next((found[step] for step in sorted(found, reverse=True) if is_complete(found[step])), None)


def save_rollouts(checkpoint: str | Path, rank: int, state: Mapping[str, Any]) -> None:
    """Write what one process needs to go on in the middle of a batch of rollouts.

    Args:
        checkpoint: folder of the checkpoint, which exists.
        rank: index of the process.
        state: with "processes", the number of processes, and the trainer's own entries: tensors, plain values, and
            lists and dictionaries of them.
    """
    import torch

    torch.save(dict(state), _rollouts(Path(checkpoint), rank))


def load_rollouts(checkpoint: str | Path, rank: int, processes: int) -> dict[str, Any] | None:
    """Return what `save_rollouts` wrote, on the CPU; None where the checkpoint was written by another trainer.

    Raises:
        ValueError: the checkpoint was written by another number of processes.
    """
    import torch

    if not _rollouts(Path(checkpoint), 0).is_file():
        return None
    path = _rollouts(Path(checkpoint), rank)
    whose = path if path.is_file() else _rollouts(Path(checkpoint), 0)
    state: dict[str, Any] = torch.load(whose, map_location="cpu", weights_only=True)
    if state["processes"] != processes:
        raise ValueError(
            f"{checkpoint} was written by {state['processes']} processes, this run has {processes}: go on with as many "
            "as there were"
        )
    return state


def forget_state(checkpoint: str | Path) -> None:
    """Make a checkpoint that is about to be written over incomplete."""
    (Path(checkpoint) / STATE).unlink(missing_ok=True)


def _rollouts(folder: Path, rank: int) -> Path:
    return folder / _ROLLOUTS.format(rank)


def _matches(path: Path) -> re.Match[str] | None:
    return _CHECKPOINT.fullmatch(path.name)
