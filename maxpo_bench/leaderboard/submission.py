"""What is scored: a built-in estimator or somebody's function, with the properties it declares."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from maxpo_bench.estimators import ESTIMATORS, Estimator, as_estimator, get_estimator
from maxpo_bench.estimators.spec import Domain, Scale
from maxpo_bench.leaderboard.source import (
    FACTORY,
    FUNCTION,
    KEYS,
    Metadata,
    Submission,
    SubmissionError,
    read_submission,
)
from maxpo_bench.moments.subject import DEFAULT_GRID

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from maxpo_bench.sandbox import Level

__all__ = [
    "KEYS",
    "Candidate",
    "Metadata",
    "Submission",
    "SubmissionError",
    "built_in",
    "from_function",
    "load_submission",
    "read_submission",
    "run_in_process",
]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An estimator to be scored.

    Attributes:
        metadata: what it declares.
        build: makes the estimator for one objective size K; a stateful one with a state of its own.
        raw: the bare function, without our checks in front of it, for the contract tests: ``raw(rewards, k)``; a
            stateful one starts from a fresh state at every call.
        changes_input: does a call of the bare function change the rewards it was given?
        smallest_group: smallest group size for an objective size K.
        digest: SHA-256 of the source.
        origin: "built-in" or "submission".
        path: where a submission was read.
        build_rows: makes the estimator for one K of which every row of a batch has a state of its own; that of
            ``build`` where there is no state.
        build_hidden: makes the estimator for one K whose rows are shuffled among noise rows before they are asked.
        audit: asks a sample of all rows once more; returns what is wrong with the answers, or "".
        secret: enters the seeds of what it must not foresee. Drawn for every examination of a submission; a source can
            compute its own digest when it runs.
        sandbox: level of the worker in which the code runs; None if it runs in this process.
        protections: what the sandbox reached.
        submission: the source, if it is a file's.
    """

    metadata: Metadata
    build: Callable[[int], Estimator]
    raw: Callable[..., Any]
    changes_input: Callable[[Tensor, int], bool]
    smallest_group: Callable[[int], int]
    digest: str
    origin: str
    build_rows: Callable[[int], Estimator]
    build_hidden: Callable[[int], Estimator]
    audit: Callable[[], str] = lambda: ""
    secret: str = ""
    sandbox: Level | None = None
    protections: tuple[str, ...] = ()
    path: Path | None = None
    submission: Submission | None = None

    @property
    def name(self) -> str:
        """The declared name."""
        return self.metadata.name

    @property
    def is_stateful(self) -> bool:
        """Is it declared to remember earlier groups?"""
        return self.metadata.track == "stateful"

    def supports(self, n: int, k: int) -> bool:
        """Is it declared for groups of ``n`` and objective size ``k``?"""
        return self.metadata.min_k <= k <= n and self.smallest_group(k) <= n

    def certificate_pairs(self, scored: Sequence[tuple[int, int]] = ()) -> list[tuple[int, int]]:
        """The (n, K) to certify at: the default grid and those it is scored at, as far as it supports them.

        Raises:
            SubmissionError: it supports none of those it is to be scored at.
        """
        wanted = [pair for pair in scored if self.supports(*pair)]
        if scored and not wanted:
            sizes = ", ".join(f"({n}, {k})" for n, k in scored)
            raise SubmissionError(
                f"{self.name} is declared for min_k={self.metadata.min_k} and groups of at least "
                f"{self.metadata.min_group_size} samples, which excludes every (n, K) of the suite: {sizes}"
            )
        grid = [pair for pair in DEFAULT_GRID if self.supports(*pair)]
        smallest = max(self.smallest_group(self.metadata.min_k), self.metadata.min_k + 1, 3)
        return list(dict.fromkeys([*grid, *wanted])) or [(smallest, self.metadata.min_k)]


def built_in(name: str) -> Candidate:
    """Return a registered estimator (name or alias) as a candidate."""
    name = ESTIMATORS.canonical(name)
    spec = ESTIMATORS.get(name)
    metadata = Metadata(
        name=name,
        summary=spec.summary,
        scale=spec.scale,
        domain=spec.domain,
        paper=spec.paper,
        equation=spec.equation,
    )

    def build(k: int) -> Estimator:
        return get_estimator(name, k)

    return Candidate(
        metadata=metadata,
        build=build,
        build_rows=build,
        build_hidden=build,
        raw=spec.function,
        changes_input=_input_watcher(spec.function),
        smallest_group=spec.min_group_size,
        digest=hashlib.sha256(inspect.getsource(spec.function).encode()).hexdigest(),
        origin="built-in",
    )


def load_submission(path: str | Path, **overrides: str | int | None) -> Candidate:
    """Read a submission and import it into this process: its code runs with the caller's rights.

    This is for one's own file. Scoring asks a sandbox instead (`maxpo_bench.leaderboard.examination`).

    Raises:
        SubmissionError: it cannot be read (see `read_submission`) or fails to import.
    """
    return run_in_process(read_submission(path, **overrides))


def run_in_process(submission: Submission) -> Candidate:
    """Import a submission into this process, with the caller's rights.

    Raises:
        SubmissionError: it fails to import.
    """
    module = _import(submission)
    plain, make = (_callable(module, attribute) for attribute in (FUNCTION, FACTORY))
    if plain is None and make is None:
        raise SubmissionError(f"{submission.filename}: neither {FUNCTION} nor {FACTORY} is a function")
    if plain is None:
        assert make is not None
        factory = _two_arguments(make)
    else:
        factory = _always(plain)
    return from_function(
        lambda rewards, k: factory(k)(rewards, k),
        submission.metadata,
        digest=submission.digest,
        factory=factory,
        submission=submission,
    )


def from_function(
    function: Callable[..., Any],
    metadata: Metadata,
    *,
    digest: str | None = None,
    factory: Callable[[int], Callable[..., Any]] | None = None,
    submission: Submission | None = None,
) -> Candidate:
    """Return a candidate for a function ``f(rewards, k)`` in this process.

    Args:
        function: the estimator.
        metadata: what is declared of it.
        digest: SHA-256 of its source; by default that of the function's own source text.
        factory: makes ``f(rewards, k)`` for one K, with a state of its own if the estimator has one.
        submission: where it comes from.

    Raises:
        SubmissionError: the source cannot be read, or a stateful estimator has no factory.
    """
    if metadata.track == "stateful" and factory is None:
        raise SubmissionError(f"{metadata.name} is stateful: give a factory `{FACTORY}(k)`, which starts a new state")
    make = factory or _always(function)

    def build(k: int) -> Estimator:
        return declared_estimator(make(k), k, metadata)

    return Candidate(
        metadata=metadata,
        build=build,
        build_rows=(lambda k: _one_state_per_row(make, k, metadata)) if metadata.track == "stateful" else build,
        build_hidden=build,
        raw=function,
        changes_input=_input_watcher(function),
        smallest_group=metadata.smallest_group,
        digest=digest or _digest_of(function, metadata.name),
        origin="submission",
        path=submission.path if submission else None,
        submission=submission,
    )


def declared_estimator(function: Callable[..., Any], k: int, metadata: Metadata) -> Estimator:
    """Return the estimator of a function ``f(rewards, k)`` with the declared scale, domain and name."""
    scale, domain = cast(Scale, metadata.scale), cast(Domain, metadata.domain)
    return as_estimator(function, k, scale=scale, domain=domain, name=metadata.name)


def _one_state_per_row(make: Callable[[int], Callable[..., Any]], k: int, metadata: Metadata) -> Estimator:
    import torch

    made: list[Callable[..., Any]] = []

    def advantages(rewards: Tensor, k: int) -> Tensor:
        made.extend(make(k) for _ in range(len(rewards) - len(made)))
        return torch.cat([one(row[None], k) for one, row in zip(made, rewards, strict=False)])

    return declared_estimator(advantages, k, metadata)


def _input_watcher(function: Callable[..., Any]) -> Callable[[Tensor, int], bool]:
    def changes_input(rewards: Tensor, k: int) -> bool:
        given = rewards.clone()
        function(given, k)
        return not bool((given == rewards).all())

    return changes_input


def _always(function: Callable[..., Any]) -> Callable[[int], Callable[..., Any]]:
    return lambda k: function


def _two_arguments(make: Callable[[int], Callable[..., Any]]) -> Callable[[int], Callable[..., Any]]:
    def factory(k: int) -> Callable[..., Any]:
        made = make(k)
        return lambda rewards, k: made(rewards)

    return factory


def _digest_of(function: Callable[..., Any], name: str) -> str:
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    except (OSError, TypeError) as error:
        raise SubmissionError(
            f"the source of {name!r} cannot be read, so it has no hash: put it into a file"
        ) from error


def _import(submission: Submission) -> ModuleType:
    name = f"maxpo_submission_{submission.digest[:16]}"
    source = submission.path / submission.filename if submission.path.is_dir() else submission.path
    spec = importlib.util.spec_from_file_location(name, source)
    if spec is None or spec.loader is None:
        raise SubmissionError(f"{source}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise SubmissionError(f"{submission.filename} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _callable(module: ModuleType, attribute: str) -> Callable[..., Any] | None:
    value = getattr(module, attribute, None)
    return value if callable(value) else None
