"""Contract tests: what every advantage function must do, each with the smallest failing example shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maxpo_bench.leaderboard.submission import Candidate, SubmissionError
from maxpo_bench.sandbox import BadAnswer, EstimatorError, SandboxError
from maxpo_bench.seeding import derive_seed

TOLERANCE = 1e-9


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one contract test.

    Attributes:
        status: "pass", "fail" or "note" (something a reader should know, which excludes nobody).
        message: the smallest failing example, or what was found.
    """

    name: str
    status: str
    message: str = ""


@dataclass(frozen=True)
class Case:
    """One input: rewards [groups, n] in float64 and the objective size."""

    rewards: Tensor
    k: int

    def __str__(self) -> str:
        return f"k={self.k}, rewards={show(self.rewards)}"


def show(values: Tensor) -> str:
    """Numbers as a person reads them, six digits at most; long groups are cut."""
    rows = [[f"{value:.6g}" for value in row[:8]] + ["..."] * (len(row) > 8) for row in values.tolist()]
    return "[" + ", ".join("[" + ", ".join(row) + "]" for row in rows) + "]"


class ContractError(ValueError):
    """A contract test found a violation; the message is the example."""


def _cases(candidate: Candidate, seed: int) -> Iterator[Case]:
    """Inputs from small to large, so that the first failure is a small one."""
    rng = np.random.default_rng(derive_seed(seed, "contract"))
    for n in (2, 3, 4, 5, 8, 16, 32):
        for k in sorted({candidate.metadata.min_k, 2, 3, 4, n - 1, n}):
            if not candidate.supports(n, k):
                continue
            groups = 1 if n < 4 else 3
            yield Case(torch.tensor(_rewards(rng, candidate, (groups, n))), k)


def _rewards(rng: np.random.Generator, candidate: Candidate, shape: tuple[int, int]) -> np.ndarray:
    if candidate.metadata.domain == "binary":
        return (rng.random(shape) < 0.4).astype(np.float64)
    return np.round(rng.standard_normal(shape), 3)


def _call(candidate: Candidate, rewards: Tensor, k: int) -> Tensor:
    """Call the bare function; anything but a tensor of the right shape is a violation."""
    where = f"for k={k}, rewards={show(rewards)}"
    try:
        result = candidate.raw(rewards, k)
    except (BadAnswer, EstimatorError) as error:
        raise ContractError(f"{error}, {where}") from error
    except SandboxError:
        raise  # the worker is gone: nothing else can be learnt
    except Exception as error:
        raise ContractError(f"raised {type(error).__name__}: {error} {where}") from error
    if not isinstance(result, Tensor):
        raise ContractError(f"returned {type(result).__name__}, expected a torch.Tensor, for k={k}")
    if result.shape != rewards.shape:
        raise ContractError(
            f"returned shape {list(result.shape)} for rewards of shape {list(rewards.shape)}, k={k}; "
            "one advantage per reward is expected"
        )
    return result.detach().clone()  # a function may keep its answer and change it later


def _close(left: Tensor, right: Tensor) -> bool:
    scale = max(float(left.abs().max()), float(right.abs().max()), 1e-300)
    return bool((left - right).abs().max() <= TOLERANCE * scale)


def _shape_and_dtype(candidate: Candidate, case: Case) -> None:
    for dtype in (torch.float64, torch.float32):
        result = _call(candidate, case.rewards.to(dtype), case.k)
        if result.dtype != dtype:
            raise ContractError(f"returned {result.dtype} for {dtype} rewards; keep the dtype: {case}")


def _finite(candidate: Candidate, case: Case) -> None:
    result = _call(candidate, case.rewards.clone(), case.k)
    if not bool(torch.isfinite(result).all()):
        raise ContractError(f"returned {show(result)} for {case}")


def _input_untouched(candidate: Candidate, case: Case) -> None:
    if candidate.changes_input(case.rewards.clone(), case.k):
        raise ContractError(f"changed its input in place; work on a copy: {case}")


def _rows_apart(candidate: Candidate, case: Case) -> None:
    whole = _call(candidate, case.rewards.clone(), case.k)
    rows = torch.cat([_call(candidate, row[None].clone(), case.k) for row in case.rewards])
    if not _close(whole, rows):
        raise ContractError(
            f"a group's answer depends on the other groups (reduce over dim=-1 only): "
            f"{show(whole)} != {show(rows)}, {case}"
        )


def _repeatable(candidate: Candidate, case: Case) -> None:
    first = _call(candidate, case.rewards.clone(), case.k)
    for _ in range(3):
        again = _call(candidate, case.rewards.clone(), case.k)
        if not torch.equal(first, again):
            raise ContractError(f"answers differ from call to call: {show(first)} != {show(again)}, {case}")


def _equivariant(candidate: Candidate, case: Case) -> None:
    order = torch.from_numpy(np.random.default_rng(case.k).permutation(case.rewards.shape[-1]))
    plain = _call(candidate, case.rewards.clone(), case.k)[..., order]
    moved = _call(candidate, case.rewards[..., order].clone(), case.k)
    if not _close(plain, moved):
        raise ContractError(
            f"reordering the samples by {order.tolist()} changes their advantages: "
            f"{show(plain)} became {show(moved)}, {case}"
        )


def _ties(candidate: Candidate, case: Case) -> None:
    rewards = case.rewards.clone()
    rewards[..., -1] = rewards[..., 0]
    result = _call(candidate, rewards.clone(), case.k)
    if not _close(result[..., 0], result[..., -1]):
        raise ContractError(f"equal rewards get different advantages {show(result)} for {Case(rewards, case.k)}")


def _constant_groups(candidate: Candidate, case: Case) -> None:
    for value in (0.0, 1.0):
        rewards = torch.full_like(case.rewards, value)
        result = _call(candidate, rewards, case.k)
        if not bool(torch.isfinite(result).all()):
            raise ContractError(f"returned {show(result)} for a group of equal rewards {value}, k={case.k}")


def _no_groups(candidate: Candidate, case: Case) -> None:
    _call(candidate, case.rewards[:0].clone(), case.k)


CHECKS: dict[str, Callable[[Candidate, Case], None]] = {
    "shape and dtype": _shape_and_dtype,
    "finite": _finite,
    "input not modified": _input_untouched,
    "groups independent": _rows_apart,
    "same answer every time": _repeatable,
    "permutation equivariant": _equivariant,
    "equal rewards, equal advantages": _ties,
    "constant groups": _constant_groups,
    "no groups at all": _no_groups,
}


# What an estimator with a state need not do; its other tests start from a fresh state at every call.
OF_STATELESS = ("groups independent",)


def _non_finite_note(candidate: Candidate, seed: int) -> CheckResult:
    """NaN and inf in: an error or a non-finite answer is right, a finite one hides the fault."""
    case = list(_cases(candidate, seed))[-1]
    for value in (float("nan"), float("inf")):
        rewards = case.rewards.clone()
        rewards[0, 0] = value
        try:
            result = candidate.raw(rewards, case.k)
        except SandboxError as error:
            if not isinstance(error, BadAnswer | EstimatorError):
                raise
            continue
        except Exception:
            continue
        if isinstance(result, Tensor) and bool(torch.isfinite(result).all()):
            return CheckResult(
                "NaN and inf", "note", f"a reward of {value} gives finite advantages: nobody will notice it"
            )
    return CheckResult("NaN and inf", "pass")


def _behaviour_note(candidate: Candidate, seed: int) -> CheckResult:
    """Shift and scale behaviour, found on all cases; real rewards only."""
    shift = scale = centred = True
    for case in _cases(candidate, seed):
        plain = _call(candidate, case.rewards.clone(), case.k)
        centred &= bool(plain.mean(-1).abs().max() <= TOLERANCE * max(float(plain.abs().max()), 1e-300))
        if candidate.metadata.domain == "real":
            shift &= bool(
                (_call(candidate, case.rewards + 3.0, case.k) - plain).abs().max()
                <= 1e-7 * max(float(plain.abs().max()), 1e-300)
            )
            scale &= _close(_call(candidate, case.rewards * 2.0, case.k), plain * 2.0)
    words = ["centred" if centred else "not centred"]
    if candidate.metadata.domain == "real":
        words += ["shift invariant" if shift else "not shift invariant"]
        words += ["scales with the rewards" if scale else "does not scale with the rewards"]
    return CheckResult("behaviour", "note", ", ".join(words))


def check_contract(candidate: Candidate, *, seed: int = 0) -> list[CheckResult]:
    """Run every contract test on groups of 2 to 32 samples, K from the declared smallest to n.

    Args:
        candidate: what to check; its bare function is called with fresh float64 and float32 rewards [groups, n].
        seed: seed of the random rewards.

    Returns:
        One result per test, in a fixed order, a failed one with the smallest example found; only the first where that
        fails already.

    Raises:
        SubmissionError: it is declared for no group of at most 32 samples.
    """
    results = []
    if next(_cases(candidate, seed), None) is None:
        raise SubmissionError(
            f"{candidate.name} is declared for min_k={candidate.metadata.min_k} and groups of at least "
            f"{candidate.metadata.min_group_size} samples; the largest group that is tried has 32"
        )
    for name, check in CHECKS.items():
        if candidate.is_stateful and name in OF_STATELESS:
            continue
        outcome = CheckResult(name, "pass")
        for case in _cases(candidate, seed):
            try:
                check(candidate, case)
            except ContractError as error:
                outcome = CheckResult(name, "fail", str(error))
                break
        results.append(outcome)
        if results[0].status == "fail":
            return results  # nothing else can be learnt from a function that fails to answer
    if all(result.status == "pass" for result in results):
        results += [_non_finite_note(candidate, seed), _behaviour_note(candidate, seed)]
    return results


def audit(candidate: Candidate) -> CheckResult:
    """Ask a sample of all rows that were asked so far once more, of a fresh process; see `Candidate.audit`."""
    found = candidate.audit()
    return CheckResult("same answer when asked again", "fail" if found else "pass", found)
