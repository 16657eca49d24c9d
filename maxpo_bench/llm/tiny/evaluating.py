"""Scored samples of a tiny model on held-out problems, into a run's folder, block by block."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.envs.tasks import Task

BLOCK = 32
"""Problems that are sampled and written at once; each block has a random stream of its own."""

Progress = Callable[[str, int, int], None]
"""Called with the stage, what is done of it, and its whole size."""


def evaluate(
    model: Path,
    task: Task,
    samples_path: Path,
    *,
    problems: int,
    samples: int,
    seed: int,
    stage: str,
    progress: Progress | None,
) -> Path:
    """Write the scored samples of a task's first problems, going on where an earlier call was killed.

    Blocks that are complete are kept; a block of which some lines are missing is drawn again, and comes out the same.
    The file is the same, byte for byte, however often it was interrupted.

    Args:
        model: folder of the model.
        task: what is asked.
        samples_path: the file; its folder is made where it is missing.
        problems: how many.
        samples: completions of each problem.
        seed: root of the blocks' random streams.
        stage: what `progress` is told.
        progress: called after each block.

    Returns:
        The file.
    """
    from maxpo_bench.llm.tiny.files import load_model
    from maxpo_bench.llm.tiny.passk import evaluate_pass_at_k

    blocks = [range(start, min(start + BLOCK, problems)) for start in range(0, problems, BLOCK)]
    done = _keep_whole_blocks(samples_path, [len(block) * samples for block in blocks])
    if done == len(blocks):
        return samples_path
    network, tokenizer = load_model(model)
    for number in range(done, len(blocks)):
        if progress is not None:
            progress(stage, number, len(blocks))
        rows = evaluate_pass_at_k(
            network,
            tokenizer,
            task,
            problems=[task.problem(index) for index in blocks[number]],
            n=samples,
            seed=derive_seed(seed, "evaluation", number),
        )
        with open(samples_path, "ab") as stream:
            stream.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
            stream.flush()
            os.fsync(stream.fileno())
    if progress is not None:
        progress(stage, len(blocks), len(blocks))
    return samples_path


def _keep_whole_blocks(path: Path, sizes: list[int]) -> int:
    """Cut a file after its last complete block and return how many there are.

    Raises:
        ValueError: it holds more lines than there are samples.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    lines = path.read_bytes().split(b"\n")[:-1]
    if len(lines) > sum(sizes):
        raise ValueError(f"{path} holds {len(lines)} samples, expected at most {sum(sizes)}: remove it and call again")
    kept = done = 0
    while done < len(sizes) and kept + sizes[done] <= len(lines):
        kept += sizes[done]
        done += 1
    os.truncate(path, sum(len(line) + 1 for line in lines[:kept]))
    return done
