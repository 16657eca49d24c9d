"""What the paper prints on language models: Tables 2 and 3, and the reduction of the variance proxy (arXiv 2606.06080).

Only numbers that stand in the paper's text; nothing is read off its images.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

MODELS = ("Qwen2.5-Math-7B", "Llama-3.2-3B-Instruct")
METHODS = ("grpo", "entropy_adv", "pkpo", "maxpo")
BENCHMARKS = ("AIME24", "AIME25", "AMC23", "MATH500", "Minerva")
KS: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Columns of Table 2; Table 3 has the first and the last."""

TABLE_2: Mapping[tuple[str, str], tuple[float, ...]] = {
    ("Qwen2.5-Math-7B", "grpo"): (40.7, 45.5, 49.2, 52.2, 55.4, 58.7, 62.1, 65.6, 69.3),
    ("Qwen2.5-Math-7B", "entropy_adv"): (38.4, 43.7, 48.3, 52.3, 56.3, 60.2, 64.1, 67.7, 70.9),
    ("Qwen2.5-Math-7B", "pkpo"): (37.2, 42.6, 47.4, 51.4, 55.1, 59.0, 62.9, 66.8, 70.6),
    ("Qwen2.5-Math-7B", "maxpo"): (39.9, 46.5, 51.7, 56.2, 60.1, 63.8, 67.5, 71.1, 74.3),
    ("Llama-3.2-3B-Instruct", "grpo"): (22.4, 28.0, 33.3, 38.2, 42.9, 47.7, 52.7, 57.5, 62.1),
    ("Llama-3.2-3B-Instruct", "entropy_adv"): (22.1, 27.7, 33.2, 38.5, 43.6, 48.5, 53.3, 58.2, 63.1),
    ("Llama-3.2-3B-Instruct", "pkpo"): (20.1, 25.5, 31.3, 37.1, 42.5, 47.5, 52.7, 58.0, 63.5),
    ("Llama-3.2-3B-Instruct", "maxpo"): (21.8, 27.6, 33.4, 38.7, 43.8, 48.9, 54.0, 59.5, 65.0),
}
"""Table 2 (App. H.2): task-average pass@k in per cent for `KS`, by model and method."""


@dataclass(frozen=True)
class PrintedRow:
    """One row of Table 3, in per cent.

    Attributes:
        first: pass@1 on each of `BENCHMARKS`.
        last: pass@256 on each.
        average: printed averages of pass@1 and pass@256.
    """

    first: tuple[float, ...]
    last: tuple[float, ...]
    average: tuple[float, float]


TABLE_3: Mapping[tuple[str, str], PrintedRow] = {
    ("Qwen2.5-Math-7B", "grpo"): PrintedRow(
        (30.3, 10.5, 63.3, 76.3, 23.0), (72.0, 41.1, 96.1, 92.9, 44.5), (40.7, 69.3)
    ),
    ("Qwen2.5-Math-7B", "entropy_adv"): PrintedRow(
        (25.6, 9.8, 59.5, 74.7, 22.4), (72.3, 47.3, 97.0, 93.6, 44.2), (38.4, 70.9)
    ),
    ("Qwen2.5-Math-7B", "pkpo"): PrintedRow(
        (19.9, 11.1, 60.7, 72.9, 21.4), (72.9, 49.2, 94.4, 93.1, 43.4), (37.2, 70.6)
    ),
    ("Qwen2.5-Math-7B", "maxpo"): PrintedRow(
        (28.5, 10.6, 62.2, 75.6, 22.9), (74.2, 54.7, 98.0, 95.7, 48.8), (39.9, 74.3)
    ),
    ("Llama-3.2-3B-Instruct", "grpo"): PrintedRow(
        (13.7, 0.5, 30.2, 52.0, 15.5), (50.5, 34.3, 93.5, 90.5, 41.6), (22.4, 62.1)
    ),
    ("Llama-3.2-3B-Instruct", "entropy_adv"): PrintedRow(
        (12.6, 0.9, 29.5, 52.4, 15.1), (49.2, 36.5, 94.8, 91.7, 43.2), (22.1, 63.1)
    ),
    ("Llama-3.2-3B-Instruct", "pkpo"): PrintedRow(
        (9.3, 0.5, 27.4, 49.2, 14.2), (54.4, 34.0, 96.8, 90.7, 41.4), (20.1, 63.5)
    ),
    ("Llama-3.2-3B-Instruct", "maxpo"): PrintedRow(
        (11.7, 0.6, 29.9, 51.7, 15.3), (58.1, 35.4, 96.0, 91.8, 43.8), (21.8, 65.0)
    ),
}
"""Table 3 (App. H.2): pass@1 and pass@256 by benchmark, by model and method."""

PROXY_REDUCTION = 77.4
"""By how many per cent MaxPO's variance proxy is below PKPO's at the end of training (Sec. 5.2.3)."""
PROXY_MODEL = "Llama-3.2-3B-Instruct"
PROXY_SEEDS = 3


@dataclass(frozen=True)
class AverageCheck:
    """A printed average of Table 3 beside the mean of its row's printed values, in per cent.

    Attributes:
        model: row.
        method: row.
        k: 1 or 256.
        printed: the paper's average.
        recomputed: mean of the five printed values, exactly.
        is_equal: whether it rounds to what is printed.
        is_rounding: whether the values before rounding can have the printed average: each was within 0.05 of its own.
    """

    model: str
    method: str
    k: int
    printed: float
    recomputed: float
    is_equal: bool
    is_rounding: bool


def average_checks() -> list[AverageCheck]:
    """Recompute every printed average of Table 3 from its row."""
    return [
        _check(model, method, k, values, printed)
        for (model, method), row in TABLE_3.items()
        for k, values, printed in ((KS[0], row.first, row.average[0]), (KS[-1], row.last, row.average[1]))
    ]


def _check(model: str, method: str, k: int, values: tuple[float, ...], printed: float) -> AverageCheck:
    mean = sum((Decimal(str(value)) for value in values), Decimal()) / len(values)
    said = Decimal(str(printed))
    is_equal = mean.quantize(Decimal("0.1"), ROUND_HALF_UP) == said
    # the mean is off by 0.05 at most, and so is what is printed
    return AverageCheck(model, method, k, printed, float(mean), is_equal, abs(mean - said) <= Decimal("0.1"))


def printed_model(name: str) -> str | None:
    """Return the paper's name of a model, such as "Qwen/Qwen2.5-Math-7B"; None where it has none."""
    known = {_plain(model): model for model in MODELS}
    return known.get(_plain(name.rpartition("/")[2]))


def printed_benchmark(name: str) -> str | None:
    """Return the paper's name of a benchmark, such as "aime24" or "MATH-500"; None where it has none."""
    known = {_plain(benchmark): benchmark for benchmark in BENCHMARKS}
    return known.get(_plain(name).replace("aime20", "aime").replace("minervamath", "minerva"))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
