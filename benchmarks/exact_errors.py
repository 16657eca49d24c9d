"""Errors of the estimators against exact rationals: max |A - A*| / max |A*|, by rewards, group size, K, dtype and path.

The exact values are those of the tests' integer arithmetic, of the very floats that the estimator gets.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor

from maxpo_bench.estimators import ESTIMATORS, get_estimator
from maxpo_bench.estimators.gap_form import use_path
from maxpo_bench.seeding import derive_seed

INTEGERS = Path(__file__).resolve().parents[1] / "tests" / "estimators" / "integers.py"
FAMILIES = ("normal", "tied", "offset 1e4", "binary", "binary, 3 ones", "Cauchy")
DTYPES = {"float32": torch.float32, "float64": torch.float64}
PATHS: tuple[Literal["auto", "torch"], ...] = ("auto", "torch")
NORMALISED = ("bon_mean", "grpo", "passk_analytic_std")
"""Estimators with a square root: their exact values are no rationals."""
LARGEST_UNDERFLOW = {"float32": 1e-37, "float64": 1e-307}
"""Where the exact values are all below this, the result cannot have digits and must be below it too."""
ROOT_UNDERFLOW = 1e-153
"""The same for square roots, which the exact arithmetic takes of a rounded ratio."""


@dataclass(frozen=True)
class Error:
    """One comparison; ``error`` is None where the exact values are 0 or underflow the dtype."""

    estimator: str
    family: str
    n: int
    k: int
    dtype: str
    path: str
    error: float | None


def load_integers() -> ModuleType:
    """Load the tests' exact arithmetic.

    Raises:
        FileNotFoundError: the tests are not beside the benchmarks.
    """
    spec = importlib.util.spec_from_file_location("integers", INTEGERS)
    if spec is None or spec.loader is None or not INTEGERS.exists():
        raise FileNotFoundError(f"{INTEGERS} is missing: run this from a source checkout")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw(family: str, n: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Draw one group `[n]` of a family, in the dtype it is measured in.

    Raises:
        ValueError: no such family.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "errors", family, n))
    normal = torch.randn(n, dtype=torch.float64, generator=generator)
    uniform = torch.rand(n, dtype=torch.float64, generator=generator)
    if family == "normal":
        rewards = normal
    elif family == "tied":
        rewards = (3 * normal).round()
    elif family == "offset 1e4":
        rewards = normal + 1e4
    elif family == "binary":
        rewards = (uniform.argsort() < max(1, n // 4)).double()
    elif family == "binary, 3 ones":
        rewards = (uniform.argsort() < 3).double()
    elif family == "Cauchy":
        rewards = (torch.pi * (uniform - 0.5)).tan()
    else:
        raise ValueError(f"unknown family {family!r}: choose of {', '.join(FAMILIES)}")
    return rewards.to(dtype)


def measure(names: Sequence[str], sizes: Sequence[int], seed: int) -> Iterator[Error]:
    """Compare every estimator on every family, size, K of 4 and n/2, dtype and path.

    Args:
        names: estimators; those for 0/1 rewards see the binary families only.
        sizes: group sizes n, at least 8.
        seed: of the rewards.
    """
    exact = load_integers().ExactGroup
    for n in sizes:
        for family in FAMILIES:
            for dtype_name, dtype in DTYPES.items():
                rewards = draw(family, n, dtype, seed)
                for k in sorted({4, n // 2}):
                    group = exact(rewards.tolist(), k)
                    for name in names:
                        if ESTIMATORS.get(name).domain == "binary" and not family.startswith("binary"):
                            continue
                        truth = torch.tensor(group.values(name), dtype=torch.float64)
                        for path in PATHS:
                            found = error_of(name, k, rewards, truth, path, dtype_name)
                            yield Error(name, family, n, k, dtype_name, path, found)


def error_of(
    name: str, k: int, rewards: Tensor, truth: Tensor, path: Literal["auto", "torch"], dtype: str
) -> float | None:
    """Largest error relative to the largest exact value; None where both are below the dtype's numbers."""
    with use_path(path):
        found = get_estimator(name, k)(rewards).double()
    tiny = max(LARGEST_UNDERFLOW[dtype], ROOT_UNDERFLOW) if name in NORMALISED else LARGEST_UNDERFLOW[dtype]
    largest = float(truth.abs().max())
    if largest < tiny and float(found.abs().max()) <= tiny:
        return None
    return float((found - truth).abs().max()) / max(largest, tiny)


def worst(errors: Sequence[Error], **chosen: str) -> Error | None:
    """Return the largest error of those with these attributes, or None."""
    fitting = [
        each
        for each in errors
        if each.error is not None and all(getattr(each, name) == value for name, value in chosen.items())
    ]
    return max(fitting, key=lambda each: each.error or 0.0, default=None)


def summarise(errors: Sequence[Error]) -> dict[str, Any]:
    """Return the largest error of each estimator, and of each family for each dtype, with where it occurs."""
    by_estimator: dict[str, Any] = {}
    by_family: dict[str, Any] = {}
    for dtype in DTYPES:
        by_estimator[dtype] = {
            name: _plain(worst(errors, dtype=dtype, estimator=name))
            for name in dict.fromkeys(each.estimator for each in errors)
        }
        by_family[dtype] = {family: _plain(worst(errors, dtype=dtype, family=family)) for family in FAMILIES}
    return {
        "by estimator": by_estimator,
        "by family": by_family,
        "compared": len(errors),
        "zero or underflow": sum(each.error is None for each in errors),
    }


def _plain(error: Error | None) -> dict[str, Any] | None:
    return None if error is None else asdict(error)
