"""Scored samples of a tiny model on held-out problems, into a run's folder, block by block."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.json_lines import parse_object
from maxpo_bench.llm.sampling_record import record_sampling
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.envs.tasks import Task

BLOCK = 32
"""Problems that are sampled and written at once; each block has a random stream of its own."""

SAMPLING: dict[str, Any] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "max_new_tokens": None,
    "template": "plain",
    "dtype": "float32",
}
"""How samples are drawn: from the model's own distribution, as long as its context allows."""

Progress = Callable[[str, int, int], None]
"""Called with the stage, what is done of it, and its whole size."""

_REMEDY = "these are samples of something else; move the file away, or give the run another folder"


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

    Raises:
        ValueError: the file holds other samples.
    """
    from maxpo_bench.llm.tiny.files import load_model
    from maxpo_bench.llm.tiny.passk import answer_seed, evaluate_pass_at_k

    blocks = [range(start, min(start + BLOCK, problems)) for start in range(0, problems, BLOCK)]
    ids = [task.problem(index).id for index in range(problems)]
    seeds = [answer_seed(_block_seed(seed, index // BLOCK), identity) for index, identity in enumerate(ids)]
    expected = [
        [(ids[index], sample, seeds[index]) for index in block for sample in range(samples)] for block in blocks
    ]
    done = _keep_whole_blocks(samples_path, expected)
    record_sampling(samples_path, SAMPLING)
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
            seed=_block_seed(seed, number),
            temperature=SAMPLING["temperature"],
            top_p=SAMPLING["top_p"],
        )
        with open(samples_path, "ab") as stream:
            stream.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
            stream.flush()
            os.fsync(stream.fileno())
    if progress is not None:
        progress(stage, len(blocks), len(blocks))
    return samples_path


def _block_seed(seed: int, number: int) -> int:
    return derive_seed(seed, "evaluation", number)


def _keep_whole_blocks(path: Path, blocks: Sequence[Sequence[tuple[str, int, int]]]) -> int:
    """Cut a file after its last complete block and return how many there are.

    Args:
        path: the file.
        blocks: each sample's problem, number and seed.

    Raises:
        ValueError: it holds other samples.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    lines = path.read_bytes().split(b"\n")[:-1]
    expected = [sample for block in blocks for sample in block]
    if len(lines) > len(expected):
        raise ValueError(f"{path} holds {len(lines)} samples, expected at most {len(expected)}: {_REMEDY}")
    for number, (line, (problem, sample, seed)) in enumerate(zip(lines, expected, strict=False), start=1):
        row = parse_object(line, f"{path}:{number}")
        for name, value in (("problem_id", problem), ("sample", sample), ("seed", seed)):
            if row.get(name) != value:
                raise ValueError(f"{path}:{number}: {name} is {row.get(name)!r}, expected {value!r}: {_REMEDY}")
    kept = done = 0
    while done < len(blocks) and kept + len(blocks[done]) <= len(lines):
        kept += len(blocks[done])
        done += 1
    os.truncate(path, sum(len(line) + 1 for line in lines[:kept]))
    return done
