"""A submission under examination: its code runs in a locked worker, and nothing tells it which rows are the exam.

Rows of a certificate are shuffled among rows drawn from bandits like those of the suite. A sample of all rows, with
the answers to them, is kept and asked again at the end: in another process, another order and other batches.
Generators that the submission must not foresee are seeded by the operating system; scores depend on them by rounding
only.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maxpo_bench.estimators import Estimator
from maxpo_bench.leaderboard.kept_rows import KeptRows
from maxpo_bench.leaderboard.limits import CHECK_LIMITS
from maxpo_bench.leaderboard.source import FACTORY, Submission, SubmissionError
from maxpo_bench.leaderboard.submission import Candidate, declared_estimator
from maxpo_bench.leaderboard.suite import FAMILIES
from maxpo_bench.sandbox import Answer, BadAnswer, EstimatorError, Level, Limits, Prepared, SandboxError, Worker

Array = NDArray[np.float64]
VALUES_PER_CALL = 2**16
"""Rewards in one call of a worker: larger batches are cut, so that the limit of a call is one of a bounded amount."""

NOISE_ARMS = 100
FEWEST_NOISE_ROWS = 64
STATES_PER_ESTIMATOR = 2**16
_DTYPES = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@contextmanager
def open_submission(
    submission: Submission,
    *,
    level: Level = "strict",
    limits: Limits = CHECK_LIMITS,
    prepared: Prepared | None = None,
) -> Iterator[Candidate]:
    """Start a worker for a submission and yield it as a candidate; the worker is killed at the end.

    Args:
        submission: as it was read; its code runs in the worker only.
        level: of the sandbox; never lowered silently.
        limits: of one worker.
        prepared: a worker that was started before the submission was read; see `maxpo_bench.sandbox.Worker`.

    Raises:
        SandboxUnavailable: this machine does not offer the level.
        LoadError: the submission fails to import.
        SandboxError: it broke a limit or the protocol. Where calls in between turned that into another error, that one
            is the cause.
        SubmissionError: it is stateful without a factory.
    """
    with Examination(submission, level, limits, prepared) as examination:
        try:
            yield examination.candidate()
        except Exception as error:
            if examination.fatal is not None and error is not examination.fatal:
                raise examination.fatal from error
            raise


class Examination:
    """The parent's side of one submission's worker.

    Args:
        submission: what is examined.
        level: of the sandbox.
        limits: of one worker.
        prepared: a worker that is on its way already.
    """

    def __init__(self, submission: Submission, level: Level, limits: Limits, prepared: Prepared | None = None) -> None:
        self.submission = submission
        self.fatal: SandboxError | None = None
        self._level: Level = level
        self._limits = limits
        self._rng = np.random.default_rng(secrets.randbits(128))
        self._kept = KeptRows(np.random.default_rng(secrets.randbits(128)))
        self._states = itertools.count(1)
        self._worker = self._start(prepared)
        # It imports torch on another core while the first worker is examined.
        self._for_audit: Prepared | None = Prepared(submission.filename, level, limits)

    def __enter__(self) -> Examination:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()
        if self._for_audit is not None:
            self._for_audit.close()

    def candidate(self) -> Candidate:
        """Return what the scorer works with.

        Raises:
            SubmissionError: it is declared stateful and has no factory.
        """
        metadata = self.submission.metadata
        if metadata.track == "stateful" and not self._worker.has_factory:
            self._worker.close()
            raise SubmissionError(f"{metadata.name} is stateful: define `{FACTORY}(k)`, which starts a new state")
        return Candidate(
            metadata=metadata,
            build=self._build,
            build_rows=self._build_rows,
            build_hidden=self._build_hidden,
            raw=self._raw,
            changes_input=lambda rewards, k: (
                self._ask(_flat(rewards), k, _name_of(rewards), self._state()).input_changed
            ),
            smallest_group=metadata.smallest_group,
            digest=self.submission.digest,
            origin="submission",
            audit=self._audit,
            secret=secrets.token_hex(16),
            sandbox=self._level,
            protections=self._worker.protections,
            path=self.submission.path,
            submission=self.submission,
        )

    def _start(self, prepared: Prepared | None) -> Worker:
        return Worker(
            self.submission.source,
            filename=self.submission.filename,
            level=self._level,
            limits=self._limits,
            prepared=prepared,
        )

    def _state(self) -> int:
        """Number of a fresh state; stateless estimators have one for all calls."""
        return next(self._states) * STATES_PER_ESTIMATOR if self.submission.metadata.track == "stateful" else 0

    def _raw(self, rewards: Tensor, k: int) -> Tensor:
        return self._tensor(rewards, k, self._state())

    def _build(self, k: int) -> Estimator:
        state = self._state()
        return self._estimator(lambda rewards, k: self._tensor(rewards, k, state), k)

    def _build_rows(self, k: int) -> Estimator:
        state, rows = self._state(), self.submission.metadata.track == "stateful"
        return self._estimator(lambda rewards, k: self._tensor(rewards, k, state, row_instances=rows), k)

    def _build_hidden(self, k: int) -> Estimator:
        state = self._state()
        return self._estimator(lambda rewards, k: self._tensor_among_noise(rewards, k, state), k)

    def _estimator(self, function: Callable[[Tensor, int], Tensor], k: int) -> Estimator:
        return declared_estimator(function, k, self.submission.metadata)

    def _tensor(self, rewards: Tensor, k: int, state: int, *, row_instances: bool = False) -> Tensor:
        answer = self._ask(_flat(rewards), k, _name_of(rewards), state, row_instances=row_instances)
        return torch.from_numpy(answer.values).to(_DTYPES[answer.dtype]).reshape(rewards.shape)

    def _tensor_among_noise(self, rewards: Tensor, k: int, state: int) -> Tensor:
        rows = _flat(rewards)
        noise = noise_rows(
            self._rng, self.submission.metadata.domain, len(rows) // 2 + FEWEST_NOISE_ROWS, rows.shape[1]
        )
        together = torch.from_numpy(np.concatenate([rows, noise]))
        order = torch.from_numpy(self._rng.permutation(len(together)))
        answers = self._tensor(together[order].to(rewards.dtype), k, state)
        restored = torch.empty_like(answers)
        restored[order] = answers
        return restored[: len(rows)].reshape(rewards.shape)

    def _ask(self, rows: Array, k: int, dtype: str, state: int, *, row_instances: bool = False) -> Answer:
        """Ask the worker in calls of bounded size; keep a sample of the rows for the audit."""
        size = len(rows) if row_instances else max(1, VALUES_PER_CALL // rows.shape[1])
        parts = [
            self._call(self._worker, rows[start : start + size], k, dtype, state, row_instances)
            for start in range(0, max(len(rows), 1), max(size, 1))
        ]
        answer = Answer(
            values=np.concatenate([part.values for part in parts]),
            dtype=parts[0].dtype,
            input_changed=any(part.input_changed for part in parts),
        )
        if self.submission.metadata.track == "stateless" and answer.dtype == dtype:
            self._kept.add(rows, answer.values, k, dtype)
        return answer

    def _call(self, worker: Worker, rows: Array, k: int, dtype: str, state: int, row_instances: bool) -> Answer:
        if self.fatal is not None:
            raise self.fatal
        try:
            return worker.call(
                rows,
                k,
                dtype="float32" if dtype == "float32" else "float64",
                instance=state,
                row_instances=row_instances,
            )
        except (EstimatorError, BadAnswer):
            raise
        except SandboxError as error:
            self.fatal = error
            raise

    def _audit(self) -> str:
        """Ask the kept rows again of a fresh worker, shuffled, in other batches; say what differs, or nothing."""
        prepared, self._for_audit = self._for_audit, None
        with self._start(prepared) as fresh:
            return self._kept.differing(
                lambda rows, k, dtype: self._call(fresh, rows, k, dtype, 0, row_instances=False).values
            )


def noise_rows(rng: np.random.Generator, domain: str, count: int, n: int) -> Array:
    """Draw groups [count, n] from random bandits of the suite's families, in equal shares and random order."""
    families = [family for family in FAMILIES.values() if domain == "real" or family.domain == "binary"]
    drawn = []
    for family in families:
        rewards, logits = family.make(rng, NOISE_ARMS)
        policy = np.exp(logits - logits.max())
        drawn.append(rng.choice(rewards, size=(-(-count // len(families)), n), p=policy / policy.sum()))
    return rng.permutation(np.concatenate(drawn))[:count]


def _flat(rewards: Tensor) -> Array:
    """Rewards as float64 rows [groups, n]."""
    return np.ascontiguousarray(rewards.detach().double().reshape(-1, rewards.shape[-1]).numpy())


def _name_of(rewards: Tensor) -> str:
    if rewards.dtype not in (torch.float64, torch.float32):
        raise TypeError(f"a sandboxed estimator takes float64 or float32 rewards, got {rewards.dtype}: convert them")
    return "float64" if rewards.dtype == torch.float64 else "float32"
