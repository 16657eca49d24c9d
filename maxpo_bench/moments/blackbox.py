"""Calling an estimator that nobody has checked: what it must return, and the smallest example where it does not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maxpo_bench.estimators import Estimator
from maxpo_bench.moments.gradient import FloatArray

RELATIVE_ROUNDING = 1e-10
"""Two answers to one row that differ by less than this share of the row's largest advantage are the same."""

GLOBAL_ROUNDING = 1e-13
"""The same, as a share of the largest advantage of the whole batch."""


class CertificateError(ValueError):
    """The estimator cannot be judged; the message holds the smallest failing example."""


def evaluate(estimator: Estimator, rewards: FloatArray) -> FloatArray:
    """Return the estimator's advantages for a batch of groups, checked.

    Args:
        estimator: called once with a float64 tensor of the shape of ``rewards``.
        rewards: [rows, n], float64.

    Raises:
        CertificateError: it raises, changes its input, or returns another shape, another dtype or non-finite values.
    """
    advantages: FloatArray = evaluate_tensor(estimator, torch.from_numpy(rewards.copy())).numpy().copy()
    return advantages


def evaluate_tensor(estimator: Estimator, rewards: Tensor) -> Tensor:
    """Return the estimator's advantages for a batch of groups, checked and detached, on the device of the rewards.

    They are the estimator's own tensor: use them before it is called again, and don't change them.

    Args:
        estimator: called once with a copy of ``rewards``.
        rewards: [rows, n], float64, on any device; left as they are.

    Raises:
        CertificateError: as in :func:`evaluate`.
    """
    try:
        return _checked_call(estimator, rewards)
    except _ViolationError as violation:
        row = _smallest_failing_row(estimator, rewards)
        where = f"a batch of shape {list(rewards.shape)}" if row is None else f"rewards={_show(rewards[row].tolist())}"
        reason = None if row is None else _reason(estimator, rewards[row : row + 1])
        raise CertificateError(f"{_name(estimator)} {reason or violation} for {where}") from violation.__cause__


def same_rows(first: FloatArray, second: FloatArray) -> NDArray[np.bool_]:
    """Return which rows [rows] of two answers agree up to rounding."""
    largest = np.abs(first).max(axis=1)
    tolerance = RELATIVE_ROUNDING * largest + GLOBAL_ROUNDING * largest.max(initial=0.0)
    return np.abs(first - second).max(axis=1) <= tolerance


def check_rows_are_independent(
    estimator: Estimator, rewards: FloatArray, advantages: FloatArray, rng: np.random.Generator, rows: int = 4
) -> None:
    """Check on some rows that an answer depends on nothing but the row.

    Raises:
        CertificateError: a row evaluated alone gets other advantages than within the batch.
    """
    for row in rng.choice(len(rewards), size=min(rows, len(rewards)), replace=False):
        alone = evaluate(estimator, rewards[row : row + 1])
        if not same_rows(advantages[row : row + 1], alone)[0]:
            raise CertificateError(
                f"{_name(estimator)} answers rewards={_show(rewards[row])} with {_show(alone[0])} alone and with "
                f"{_show(advantages[row])} in a batch of {len(rewards)} groups: each row must be a function of its own "
                "rewards only (no pooling over groups, no state, no random numbers)"
            )


def check_estimators(estimators: Sequence[object]) -> None:
    """Raise unless all are estimators with their K.

    Raises:
        TypeError: with the remedy.
    """
    for estimator in estimators:
        if not isinstance(estimator, Estimator):
            raise TypeError(
                f"expected an Estimator, got {estimator!r}: make one with get_estimator(name, k), or of a function of "
                "(rewards, k) with as_estimator(function, k)"
            )


def check_finite(estimator: Estimator, *moments: FloatArray) -> None:
    """Raise unless all moments are finite: an overflow must not pass for a small variance.

    Raises:
        CertificateError: with the remedy.
    """
    if not all(np.isfinite(values).all() for values in moments):
        raise CertificateError(
            f"moments of {_name(estimator)} overflow float64: rescale the rewards, or the advantages it returns"
        )


class _ViolationError(Exception):
    """What is wrong with one call, as the end of a sentence."""


def _checked_call(estimator: Estimator, rewards: Tensor) -> Tensor:
    given = rewards.clone()
    try:
        answer = estimator(given)
    except Exception as error:
        raise _ViolationError(f"raises {type(error).__name__}: {error}") from error
    if not isinstance(answer, Tensor):
        raise _ViolationError(f"returns a {type(answer).__name__} where a torch.Tensor is expected")
    if answer.shape != rewards.shape:
        raise _ViolationError(
            f"returns shape {list(answer.shape)} where {list(rewards.shape)}, that of the rewards, is expected"
        )
    if answer.dtype != torch.float64:
        raise _ViolationError(f"returns {answer.dtype} for torch.float64 rewards: keep the dtype of the rewards")
    if not _are_equal(given, rewards):
        raise _ViolationError("changes its input: work on a copy")
    advantages = answer.detach().to(rewards.device).contiguous()
    if not _all_finite(advantages):
        raise _ViolationError("returns values that are not finite")
    return advantages


def _are_equal(first: Tensor, second: Tensor) -> bool:
    """Like torch.equal, three times as fast on the CPU."""
    if first.device.type == second.device.type == "cpu":
        return np.array_equal(first.detach().numpy(), second.numpy())
    return first.device == second.device and torch.equal(first, second)


def _all_finite(values: Tensor) -> bool:
    """Are all values finite? A finite sum has finite terms only; one that isn't may still be an overflow."""
    return math.isfinite(values.sum().item()) or bool(values.isfinite().all())


def _reason(estimator: Estimator, rewards: Tensor) -> str | None:
    try:
        _checked_call(estimator, rewards)
    except _ViolationError as violation:
        return str(violation)
    return None


def _smallest_failing_row(estimator: Estimator, batch: Tensor, tries: int = 200) -> int | None:
    """Return the simplest row (few distinct rewards, then small ones) that fails on its own, if one does."""
    rewards: FloatArray = batch.cpu().numpy()
    simplest = sorted(range(len(rewards)), key=lambda row: (len(np.unique(rewards[row])), np.abs(rewards[row]).sum()))
    for row in _spread(simplest, tries):
        if _reason(estimator, batch[row : row + 1]) is not None:
            return row
    return None


def _spread(rows: list[int], tries: int) -> list[int]:
    """Return all rows if there are few, otherwise the first half of ``tries`` and the others evenly spaced."""
    if len(rows) <= tries:
        return rows
    head, tail = rows[: tries // 2], rows[tries // 2 :]
    return head + tail[:: -(-len(tail) // (tries // 2))]


def _show(values: Iterable[float]) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in values) + "]"


def _name(estimator: Estimator) -> str:
    return f"{estimator.name} (k={estimator.k})"
