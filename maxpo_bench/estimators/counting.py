"""The unbiased pass@k of n samples with c successes."""

from __future__ import annotations

from typing import overload

import torch
from torch import Tensor

from maxpo_bench.estimators.checks import check_k, first_index, show_index

CHUNK = 1 << 22


@overload
def pass_at_k(n: int, c: int, k: int) -> float: ...
@overload
def pass_at_k(n: Tensor | int, c: Tensor | int, k: Tensor | int) -> Tensor | float: ...


def pass_at_k(n: Tensor | int, c: Tensor | int, k: Tensor | int) -> Tensor | float:
    """Return the unbiased pass@k of ``n`` samples of which ``c`` succeeded.

    1 - C(n-c, k) / C(n, k), the mean of max over all k-subsets (Eq. 12 of arXiv 2606.06080; Chen et al.,
    arXiv 2107.03374), computed as -expm1 of sum_{i < k} log(1 - c/(n-i)): no binomials, accurate near 0 and 1.

    Unbiased for pass@k of one question. Smallest n: k; 1 <= k <= n. Time and memory O(k) per element.

    Args:
        n: number of samples, an int or an integer tensor; the three arguments are broadcast.
        c: number of successes, 0 <= c <= n.
        k: samples drawn, 1 <= k <= n.

    Returns:
        A float if all three are ints, else a float64 tensor of the broadcast shape.

    Raises:
        TypeError: not integers (a bool or a float is none).
        ValueError: outside these ranges, with the first index where.
    """
    device = next((x.device for x in (n, c, k) if isinstance(x, Tensor)), torch.device("cpu"))
    wanted = [_whole(x, what).to(device) for x, what in ((n, "n"), (c, "c"), (k, "k"))]
    total = wanted[0] * wanted[1] * wanted[2]
    sizes, successes, draws = (x.expand_as(total) for x in wanted)
    _check_counts(sizes, successes, draws)
    result = _probability(sizes.double(), successes.double(), draws.double())
    return result if any(isinstance(x, Tensor) for x in (n, c, k)) else float(result)


def _probability(n: Tensor, c: Tensor, k: Tensor) -> Tensor:
    """Return 1 - prod_{i < k} (1 - c/(n-i)) as -expm1 of a sum of log1p: accurate near 0 and near 1."""
    logs = torch.zeros_like(n)
    draws = int(k.max()) if k.numel() else 0
    step = max(1, CHUNK // max(1, n.numel()))
    for start in range(0, draws, step):
        i = torch.arange(start, min(start + step, draws), dtype=torch.float64, device=n.device)
        used = i < k.unsqueeze(-1)
        share = (c.unsqueeze(-1) / (n.unsqueeze(-1) - i).clamp_(min=1)).clamp_(max=1)
        logs += torch.where(used, torch.log1p(-share), 0.0).sum(-1)
    return -torch.expm1(logs) + 0.0


def _whole(x: Tensor | int, what: str) -> Tensor:
    if not isinstance(x, Tensor):
        return torch.tensor(check_k(x, what, least=0), dtype=torch.int64)
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"{what} must have an integer dtype, got {x.dtype}: convert with {what}.long()")
    return x.long()


def _check_counts(n: Tensor, c: Tensor, k: Tensor) -> None:
    for bad, message in (
        (n < 1, "n must be >= 1: draw samples first"),
        ((c < 0) | (c > n), "c must be between 0 and n: count successes among the n samples"),
        ((k < 1) | (k > n), "k must be between 1 and n: lower k or draw more samples"),
    ):
        where = first_index(bad)
        if where is not None:
            place = f" at index {show_index(where)}" if where else ""
            raise ValueError(f"{message}; got n={int(n[where])}, c={int(c[where])}, k={int(k[where])}{place}")
