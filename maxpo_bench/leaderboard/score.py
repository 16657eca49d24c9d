"""Score one candidate on one suite: contract tests, certificate, noise, learning, cost."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

import maxpo_bench
from maxpo_bench.leaderboard.contract import CheckResult, check_contract
from maxpo_bench.leaderboard.cost import relative_cost
from maxpo_bench.leaderboard.entry import ETA_GROUPS, Entry, Interval
from maxpo_bench.leaderboard.fingerprint import fingerprint
from maxpo_bench.leaderboard.learning import LearningScore, measure_learning
from maxpo_bench.leaderboard.noise import (
    BlockSums,
    bootstrap_weights,
    contradicts_certificate,
    log_ratios,
    measure,
    noise_metrics,
    usable,
)
from maxpo_bench.leaderboard.store import ScoredEntry
from maxpo_bench.leaderboard.submission import Candidate, built_in
from maxpo_bench.leaderboard.suite import Suite
from maxpo_bench.moments import Certificate, certify
from maxpo_bench.moments.gradient import eta, finite_or_none
from maxpo_bench.moments.judge import Kind
from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import iqm_interval

REFERENCE = "ei_l2o"
REPLICATES = 1000
SCORED_BY = (
    "estimators/*.py",
    "moments/*.py",
    "agents/maze_*.py",
    "envs/maze_layout.py",
    *(
        f"leaderboard/{name}.py"
        for name in (
            "contract",
            "cost",
            "fingerprint",
            "learning",
            "noise",
            "score",
            "submission",
            "suite",
        )
    ),
    "objectives.py",
    "seeding.py",
    "stats.py",
)
Progress = Callable[[str, float], None]


class ContractFailure(ValueError):
    """A candidate that fails contract tests; `results` holds all of them."""

    def __init__(self, name: str, results: list[CheckResult]) -> None:
        failed = [result for result in results if result.status == "fail"]
        lines = [f"{name} fails {len(failed)} of {len(results)} contract tests:"]
        lines += [
            f"  {result.status:4}  {result.name}{': ' * bool(result.message)}{result.message}" for result in results
        ]
        super().__init__("\n".join(lines))
        self.results = results


def score(
    candidate: Candidate,
    suite: Suite,
    reference: ScoredEntry | None,
    progress: Progress | None = None,
) -> ScoredEntry:
    """Score a candidate.

    Args:
        candidate: what to score. Its code runs in this process, with the caller's rights.
        suite: the frozen suite.
        reference: the scored reference estimator; None only for the reference itself.
        progress: called with (stage, share done in [0, 1]).

    Raises:
        ContractFailure: a contract test fails; nothing is measured then.
        ValueError: no reference for another candidate than the reference.
    """
    if reference is None and candidate.name != REFERENCE:
        raise ValueError(f"scores are relative to {REFERENCE}: score it first and pass it as reference")
    report = progress or (lambda stage, done: None)
    report("contract tests", 0.0)
    contract = check_contract(candidate)
    if any(result.status == "fail" for result in contract):
        raise ContractFailure(candidate.name, contract)
    report("certificate", 0.0)
    certificate = certify_candidate(candidate, derive_seed(0, "suite", suite.name, "certificate"), suite)
    noise = _measure_noise(candidate, certificate.constants, suite, report)
    kind = certificate.kind
    if contradicts_certificate(noise):
        kind, noise = "biased", [None if sums is None else replace(sums, constant=None) for sums in noise]
    learning = measure_learning(candidate, suite.name, suite.maze, lambda done: report("learning", done))
    report("cost", 0.0)
    cost = 1.0 if candidate.name == REFERENCE else relative_cost(candidate, built_in(REFERENCE))
    entry = _entry(candidate, suite, certificate, kind, noise, learning, cost)
    entry = with_relative_columns(entry, noise, reference.noise if reference else noise)
    report("done", 1.0)
    return ScoredEntry(
        entry=entry,
        noise=noise,
        learning=learning.to_dict() if learning else None,
        fingerprint=fingerprint(candidate),
        certificate=certificate.to_dict(),
        contract=[asdict(result) for result in contract],
    )


def certify_candidate(candidate: Candidate, seed: int, suite: Suite | None = None) -> Certificate:
    """Certify a candidate at every (n, K) of the default grid and, if given, of a suite that it is declared for.

    Raises:
        SubmissionError: it is declared for no (n, K) of the suite.
    """
    scored = [] if suite is None else [*suite.pairs, (suite.maze.n, suite.maze.k)]
    return certify(
        candidate.build,
        scale=candidate.metadata.scale,
        domain=candidate.metadata.domain,
        min_group_size=candidate.smallest_group,
        pairs=candidate.certificate_pairs(scored),
        seed=seed,
    )


def _measure_noise(
    candidate: Candidate, constants: Mapping[tuple[int, int], float | None], suite: Suite, report: Progress
) -> list[BlockSums | None]:
    instances = suite.instances()
    noise = []
    for done, instance in enumerate(instances):
        report("noise", done / len(instances))
        noise.append(measure(candidate, constants.get((instance.n, instance.k)), suite, instance))
    return noise


def _entry(
    candidate: Candidate,
    suite: Suite,
    certificate: Certificate,
    kind: Kind,
    noise: Sequence[BlockSums | None],
    learning: LearningScore | None,
    cost: float | None,
) -> Entry:
    metadata = candidate.metadata
    return Entry(
        name=metadata.name,
        title=metadata.name,
        summary=metadata.summary,
        suite=suite.name,
        origin=candidate.origin,
        kind=kind,
        cosine_min=certificate.cosine_min,
        cosine_median=certificate.cosine_median,
        bias=finite_or_none(certificate.worst_error),
        centring=certificate.centring,
        cost=cost,
        learning=_learning_interval(learning, suite),
        learning_rate=learning.learning_rate if learning else None,
        scale=metadata.scale,
        domain=metadata.domain,
        paper=metadata.paper,
        equation=metadata.equation,
        authors=metadata.authors,
        licence=metadata.licence,
        submission_hash=candidate.digest,
        scorer=provenance(),
        extra={"contradicted": True} if kind != certificate.kind else {},
        **_noise_columns(noise),
    )


def _noise_columns(noise: Sequence[BlockSums | None]) -> dict[str, Any]:
    """Solved share, NSR and eta; nothing where a bandit is missing or too noisy for its number of groups."""
    measured = usable(noise)
    if measured is None:
        return {}
    metrics = [noise_metrics(sums, np.ones((1, len(sums.dot)))) for sums in measured]
    cos, nsr, b95 = (np.array([getattr(m, name)[0] for m in metrics]) for name in ("cos", "nsr", "b95"))
    shares = {
        groups: np.mean([eta(c, s, float(groups)) for c, s in zip(cos, nsr, strict=True)]) for groups in ETA_GROUPS
    }
    return {
        "solved": float(np.isfinite(b95).mean()),
        "nsr": Interval.of(float(np.median(nsr))),
        "eta": {groups: float(share) for groups, share in shares.items()},
    }


def with_relative_columns(
    entry: Entry, noise: Sequence[BlockSums | None], reference: Sequence[BlockSums | None]
) -> Entry:
    """Return the entry with its scores relative to the reference: B95 ratio and variance ratio, with intervals."""
    ours, theirs = usable(noise), usable(reference)
    if ours is None or theirs is None:
        return replace(entry, b95_ratio=Interval(), variance_ratio=Interval())
    bootstrap = partial(bootstrap_weights, replicates=REPLICATES)
    return replace(
        entry,
        b95_ratio=_interval(log_ratios(ours, theirs, "b95", bootstrap)),
        variance_ratio=_interval(log_ratios(ours, theirs, "variance", bootstrap)),
    )


def _interval(logs: np.ndarray | None) -> Interval:
    """Estimate and percentile interval from logs, the estimate first."""
    if logs is None:
        return Interval()
    low, high = np.quantile(logs[1:], [0.025, 0.975])
    return Interval.of(*(float(np.exp(value)) for value in (logs[0], low, high)))


def _learning_interval(learning: LearningScore | None, suite: Suite) -> Interval:
    if learning is None:
        return Interval()
    rng = np.random.default_rng(derive_seed(0, "suite", suite.name, "learning interval"))
    interval = iqm_interval(np.array(learning.returns), rng=rng)
    return Interval.of(interval.estimate, interval.low, interval.high)


def provenance() -> dict[str, Any]:
    """What produced a score: versions, processor, commit of the scorer, date."""
    return {
        "maxpo_bench": maxpo_bench.__version__,
        "commit": _commit(),
        "source": scorer_hash(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "gymnasium": gymnasium.__version__,
        "processor": platform.machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seed": 0,
    }


@cache
def scorer_hash() -> str:
    """SHA-256 over the sources that a score depends on."""
    root = Path(__file__).resolve().parents[1]
    files = [path for pattern in SCORED_BY for path in root.glob(pattern)]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _commit() -> str | None:
    """Commit of the checkout this package runs from, or None for an installed copy."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    found = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
