"""Checkpoints from which training goes on exactly: what TRL leaves out of them, and which of them are complete.

`trainer_state.json` is the last file of a checkpoint. The trainer removes it before it writes over a checkpoint and
writes it after every process has written its own files, so that a checkpoint is complete exactly if that file can be
read, whenever the processes are killed. Each process writes its rollouts to a file of its own; where these are not all
there, as when several machines do not share the folder, the checkpoint is not complete either.
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
    """Return whether `EstimatorGRPOTrainer` wrote the whole checkpoint, and the files of all processes are there."""
    folder = Path(checkpoint)
    match = _CHECKPOINT.fullmatch(folder.name)
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    whole = match is not None and isinstance(state, dict) and state.get("global_step") == int(match[1])
    if not whole or not _rollouts(folder, 0).is_file():
        return False
    return all(_rollouts(folder, rank).is_file() for rank in range(_processes(folder)))


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
        ValueError: the checkpoint was written by another number of processes, or this process's file is missing.
    """
    import torch

    folder = Path(checkpoint)
    if not _rollouts(folder, 0).is_file():
        return None
    written = _processes(folder)
    if written != processes:
        raise ValueError(
            f"{checkpoint} was written by {written} processes, this run has {processes}: go on with as many as there "
            "were"
        )
    own = _rollouts(folder, rank)
    if not own.is_file():
        raise ValueError(
            f"{checkpoint} lacks {own.name}, the rollouts of process {rank}: go on from a complete checkpoint, in a "
            "folder that all processes share"
        )
    return torch.load(own, map_location="cpu", weights_only=True)


def forget_state(checkpoint: str | Path) -> None:
    """Make a checkpoint that is about to be written over incomplete."""
    (Path(checkpoint) / STATE).unlink(missing_ok=True)


def _processes(folder: Path) -> int:
    """Return how many processes wrote a checkpoint, of which the first one's file is there; tensors are not read."""
    import torch

    return torch.load(_rollouts(folder, 0), map_location="cpu", weights_only=True, mmap=True)["processes"]


def _rollouts(folder: Path, rank: int) -> Path:
    return folder / _ROLLOUTS.format(rank)


def _matches(path: Path) -> re.Match[str] | None:
    return _CHECKPOINT.fullmatch(path.name)
