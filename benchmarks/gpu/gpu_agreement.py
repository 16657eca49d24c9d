"""What must hold beside speed: results equal to the CPU's, equal ties, nothing compiled for a new number of groups."""

from __future__ import annotations

import math
from typing import Any

import torch
from gpu_calls import canonical_weights
from torch import Tensor

from maxpo_bench.estimators import ei_l2o
from maxpo_bench.estimators.gap_form import use_path
from maxpo_bench.estimators.triton_kernel import LARGEST_GROUP, gap_sums
from maxpo_bench.seeding import derive_seed

FAMILIES = ("normal", "tied", "offset 1e4", "binary", "Cauchy")
SIZES = (2, 3, 8, 12, 16, 17, 32, 33, 64, 100, 256, 500, 1000, 1024)
GROUPS = 97
ROW_COUNTS = (1, 2, 3, 16, 17, 1000, 1024)
UNSEEN_N = 27
NO_NUMBER = 1e9
"""Stands for the difference of a result that is no number."""


def draw(family: str, groups: int, n: int, seed: int) -> Tensor:
    """Draw float32 rewards `[groups, n]` on the CPU."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "gpu agreement", family, n))
    normal = torch.randn(groups, n, generator=generator)
    uniform = torch.rand(groups, n, generator=generator, dtype=torch.float64)
    drawn = {
        "normal": normal,
        "tied": (2 * normal).round(),
        "offset 1e4": normal + 1e4,
        "binary": (normal > 0.5).float(),
        "Cauchy": torch.tan(math.pi * (uniform - 0.5)).float(),
    }
    return drawn[family]


def compare(device: str, seed: int, sizes: tuple[int, ...] = SIZES, groups: int = GROUPS) -> list[dict[str, Any]]:
    """Compare kernel and op on ``device`` with the torch path on the CPU, for every family, n and K in {4, n/2}."""
    rows = []
    for n in sizes:
        for k in sorted({min(4, n - 1), n // 2}):
            for family in FAMILIES:
                rewards = draw(family, groups, n, seed)
                with use_path("torch"):
                    wanted = ei_l2o(rewards, k)
                there, weights = rewards.to(device), canonical_weights(n, k).to(device)
                found = {"op": ei_l2o(there, k)}
                if n <= LARGEST_GROUP:
                    found["kernel"] = gap_sums(there, weights, centred=True)
                for what, result in found.items():
                    row = {"what": what, "family": family, "n": n, "k": k}
                    rows.append(row | judge(rewards, result.cpu(), wanted))
    return rows


def judge(rewards: Tensor, found: Tensor, wanted: Tensor) -> dict[str, Any]:
    """Return the largest difference over the group's largest |A|, and how many neighbours in rank tie unequally."""
    difference = (found.double() - wanted.double()).abs().amax(-1)
    scale = wanted.double().abs().amax(-1)
    error = torch.where(difference == 0, 0.0, difference / scale.clamp(min=1e-300)).max().nan_to_num(nan=NO_NUMBER)
    values, order = rewards.sort(-1)
    results = found.gather(-1, order)
    unequal = (values[:, 1:] == values[:, :-1]) & (results[:, 1:] != results[:, :-1])
    return {"error": float(error), "unequal_ties": int(unequal.sum())}


def binaries_built(device: str) -> int:
    """Count what Triton builds for seven numbers of groups of a size not seen before."""
    from triton import knobs

    built: list[str] = []
    weights = canonical_weights(UNSEEN_N, 4).to(device)
    before = knobs.runtime.jit_post_compile_hook
    knobs.runtime.jit_post_compile_hook = lambda **details: built.append(str(details.get("repr")))
    try:
        for groups in ROW_COUNTS:
            gap_sums(torch.zeros(groups, UNSEEN_N, device=device), weights, centred=True)
    finally:
        knobs.runtime.jit_post_compile_hook = before
    return len(built)


def graphs_compiled(device: str) -> int:
    """Count torch.compile's graphs for seven numbers of groups."""
    from torch._dynamo.testing import CompileCounterWithBackend

    torch.compiler.reset()
    counter = CompileCounterWithBackend("inductor")
    weights = canonical_weights(16, 4).to(device)
    call = torch.compile(lambda rewards: gap_sums(rewards, weights, centred=True), backend=counter, fullgraph=True)
    for groups in ROW_COUNTS:
        call(torch.zeros(groups, 16, device=device))
    torch.compiler.reset()
    return counter.frame_count
