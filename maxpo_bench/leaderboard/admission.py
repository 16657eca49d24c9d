"""Is a submission admitted? The contract tests, the certificate and the audit, in seconds; nothing is scored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maxpo_bench.leaderboard.certification import certify_candidate, contradicted_at
from maxpo_bench.leaderboard.contract import CheckResult, audit, check_contract
from maxpo_bench.leaderboard.duration import CallTime, measure_calls
from maxpo_bench.leaderboard.examination import open_submission
from maxpo_bench.leaderboard.limits import CHECK_LIMITS
from maxpo_bench.leaderboard.source import Metadata, Submission, SubmissionError, read_submission
from maxpo_bench.leaderboard.suite import SUITES, Suite
from maxpo_bench.moments import Certificate, CertificateError
from maxpo_bench.sandbox import Level, Limits, Prepared, SandboxError

Progress = Callable[[str, float], None]
STAGES = ("contract tests", "timing", "certificate", "suite's sizes", "asking again")
PLACEHOLDER = "say here, in one line, what your advantage is"
"""Words of the summary in the folder that `maxpo-bench new` makes."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Attributes:
        name: the submission's name, or its file's where it could not be read.
        passed: would it be scored?
        level: level of the sandbox in which it ran.
        protections: what the sandbox reached.
        results: the contract tests that were reached.
        certificate: None for a stateful estimator, and where it was not reached.
        contradiction: how the answers at the suite's (n, K) contradict the certificate; "" if they do not.
        error: why it could not be checked to the end, fit for its author; "" if it was.
        error_kind: name of that error's class.
        unfinished: what a reader of the table will look for in vain; excludes nobody here.
        calls: how long its calls took, and what follows for a score; None where that was not reached.
        seconds: how long the check took.
    """

    name: str
    passed: bool
    level: str
    protections: tuple[str, ...] = ()
    results: list[CheckResult] = field(default_factory=list)
    certificate: Certificate | None = None
    contradiction: str = ""
    error: str = ""
    error_kind: str = ""
    unfinished: tuple[str, ...] = ()
    calls: CallTime | None = None
    seconds: float = 0.0

    @property
    def kind(self) -> str | None:
        """The class it would have: the certificate's kind, or "biased" where the answers contradict it.

        "uncertified" for a stateful estimator that passed; None if there is none.
        """
        if self.contradiction:
            return "biased"
        if self.certificate is not None:
            return self.certificate.kind
        return "uncertified" if self.passed else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "passed": self.passed,
            "kind": self.kind,
            "level": self.level,
            "protections": list(self.protections),
            "contract": [asdict(result) for result in self.results],
            "certificate": self.certificate.to_dict() if self.certificate else None,
            "contradiction": self.contradiction,
            "error": self.error,
            "error_kind": self.error_kind,
            "unfinished": list(self.unfinished),
            "calls": asdict(self.calls) if self.calls else None,
            "seconds": round(self.seconds, 3),
        }


def unfinished(metadata: Metadata) -> tuple[str, ...]:
    """Say what a submission leaves open that its row in the table needs: authors, licence, summary."""
    found = [f"{key} is empty" for key in ("authors", "licence", "summary") if not getattr(metadata, key).strip()]
    if PLACEHOLDER in metadata.summary:
        found.append("summary (the docstring's first line) is still the one that `maxpo-bench new` wrote")
    return tuple(found)


def check(
    path: str | Path,
    *,
    level: Level = "strict",
    limits: Limits = CHECK_LIMITS,
    suite: str = "full",
    progress: Progress | None = None,
    prepared: Prepared | None = None,
    **overrides: str | int | None,
) -> CheckReport:
    """Check a submission: it is read, run in a sandbox, put to the contract tests, certified, and asked again.

    Args:
        path: a ``.py`` file, or a folder with ``submission.py`` and ``submission.toml``.
        level: of the sandbox.
        limits: of its worker.
        suite: at whose (n, K) the answers are held against the certificate.
        progress: called with (stage, share done).
        prepared: a worker that is on its way already, for the same file name, level and limits.
        overrides: keys of `Metadata` that take precedence over what the file declares.

    Raises:
        FileNotFoundError: there is nothing of that name.
        SandboxUnavailable: this machine does not offer the level; that is no fault of the submission.
    """
    from maxpo_bench.sandbox import require

    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if prepared is None:
        require(level)
    chosen = SUITES.get(suite)
    started = time.perf_counter()
    findings: dict[str, Any] = {"name": Path(path).stem, "level": level, "results": [], "passed": False}
    try:
        submission = read_submission(path, **overrides)
        findings.update(name=submission.name, unfinished=unfinished(submission.metadata))
        _examine(submission, level, limits, chosen, findings, progress, prepared)
    except (SubmissionError, SandboxError, CertificateError) as error:
        findings.update(error=str(error), error_kind=type(error).__name__)
    return CheckReport(**findings, seconds=time.perf_counter() - started)


def _examine(
    submission: Submission,
    level: Level,
    limits: Limits,
    suite: Suite,
    findings: dict[str, Any],
    progress: Progress | None,
    prepared: Prepared | None,
) -> None:
    """Put what is found into ``findings`` as it comes, so that an error leaves what was found before."""

    def report(stage: str) -> None:
        if progress:
            progress(stage, STAGES.index(stage) / len(STAGES))

    with open_submission(submission, level=level, limits=limits, prepared=prepared) as candidate:
        findings["protections"] = candidate.protections
        report("contract tests")
        results = findings["results"] = check_contract(candidate)
        if any(result.status == "fail" for result in results):
            return
        report("timing")
        findings["calls"] = measure_calls(candidate, suite)
        if not candidate.is_stateful:
            report("certificate")
            certificate = findings["certificate"] = certify_candidate(candidate)
            report("suite's sizes")
            findings["contradiction"] = contradicted_at(candidate, certificate, suite)
            report("asking again")
            results.append(audit(candidate))
        findings["passed"] = all(result.status != "fail" for result in results)
