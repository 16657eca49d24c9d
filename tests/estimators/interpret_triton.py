"""Run the Triton kernel on the jobs of a file, for `test_triton_kernel.py`: python interpret_triton.py JOBS RESULTS.

TRITON_INTERPRET=1 has to be set before Triton is imported, hence a process of its own. A job is (rewards, weights,
centred); its result is what `gap_sums` returns, and what lies in memory before and behind the output of a bare launch.
"""

import os
import sys

os.environ["TRITON_INTERPRET"] = "1"

import torch

from maxpo_bench.estimators import triton_kernel

GUARD = 64
SENTINEL = 123.0


def surroundings(rewards: torch.Tensor, weights: torch.Tensor, centred: bool) -> torch.Tensor:
    """Return the memory around the output, in which nothing may be written."""
    memory = torch.full((rewards.numel() + 2 * GUARD,), SENTINEL, dtype=rewards.dtype)
    out = memory[GUARD:-GUARD].view_as(rewards)
    triton_kernel.launch(rewards, weights, out, centred)
    return torch.cat((memory[:GUARD], memory[-GUARD:]))


def run(rewards: torch.Tensor, weights: torch.Tensor, centred: bool, guarded: bool) -> dict[str, torch.Tensor]:
    result = {"sums": triton_kernel.gap_sums(rewards, weights, centred=centred)}
    if guarded:
        result["around"] = surroundings(rewards, weights, centred)
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    jobs = torch.load(sys.argv[1])
    torch.save({name: run(*job) for name, job in jobs.items()}, sys.argv[2])
