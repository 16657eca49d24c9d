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
from maxpo_bench.estimators import Estimator
from maxpo_bench.leaderboard.certification import certify_candidate, contradicted_in_training, contradicted_on
from maxpo_bench.leaderboard.contract import CheckResult, audit, check_contract
from maxpo_bench.leaderboard.cost import measure_cost
from maxpo_bench.leaderboard.entry import ETA_GROUPS, Entry, Interval
from maxpo_bench.leaderboard.fingerprint import fingerprint
from maxpo_bench.leaderboard.foreseen import knows_the_groups
from maxpo_bench.leaderboard.learning import LearningScore, measure_learning
from maxpo_bench.leaderboard.noise import (
    BlockSums,
    contradicts_certificate,
    measure,
    noise_metrics,
    nsr_interval,
    ratio_interval,
    usable,
)
from maxpo_bench.leaderboard.step_recorder import StepRecorder
from maxpo_bench.leaderboard.store import ScoredEntry
from maxpo_bench.leaderboard.submission import Candidate, declared_estimator
from maxpo_bench.leaderboard.suite import Suite
from maxpo_bench.moments import Certificate
from maxpo_bench.moments.gradient import eta, finite_or_none
from maxpo_bench.seeding import derive_seed
from maxpo_bench.stats import iqm_interval

REFERENCE = "ei_l2o"
KNOWS_GROUPS = "no knowledge of the groups"
STEP_GROUPS = 32
"""Groups in one call of an estimator with a state."""

SCORED_BY = (
    "estimators/*.py",
    "moments/*.py",
    "agents/maze_*.py",
    "envs/maze_layout.py",
    *(
        f"leaderboard/{name}.py"
        for name in (
            "contract",
            "certification",
            "cost",
            "examination",
            "fingerprint",
            "foreseen",
            "kept_rows",
            "learning",
            "noise",
            "score",
            "source",
            "step_recorder",
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
    *,
    salt: str = "",
) -> ScoredEntry:
    """Score a candidate.

    Args:
        candidate: what to score; the code of a submission runs in the worker in which it was opened.
        suite: the frozen suite.
        reference: the scored reference estimator; None only for the reference itself.
        progress: called with (stage, share done in [0, 1]).
        salt: enters the seeds of groups, of the certificate's bandits and of the mazes; "" for the suite's own. Scores
            are comparable with those of the same salt.

    Raises:
        ContractFailure: a contract test fails; nothing is measured then. Or the audit at the end fails.
        ValueError: no reference for another candidate than the reference.
        SandboxError: a submission broke a limit or the protocol.
    """
    if reference is None and candidate.name != REFERENCE:
        raise ValueError(f"scores are relative to {REFERENCE}: score it first and pass it as reference")
    report = progress or (lambda stage, done: None)
    report("contract tests", 0.0)
    contract = check_contract(candidate)
    _refuse_failed(candidate.name, contract)
    report("certificate", 0.0)
    certificate = None if candidate.is_stateful else certify_candidate(candidate, suite, salt=salt, common=True)
    unlike = _unlike_elsewhere(candidate, certificate, suite, salt) if certificate else ""
    constants = certificate.constants if certificate and not unlike else {}
    noise, broken = measure_noise(candidate, constants, suite, salt, report)
    stepped = replace(candidate, build=partial(_in_steps, candidate)) if candidate.is_stateful else candidate
    known = knows_the_groups(stepped, constants, suite, noise, lambda done: report("fresh groups", done))
    contract.append(CheckResult(KNOWS_GROUPS, "fail" if known else "pass", known))
    _refuse_failed(candidate.name, contract)
    mazes, steps = f"{suite.name} {salt}" if salt else suite.name, StepRecorder(candidate)
    learning = measure_learning(steps.candidate, mazes, suite.maze, lambda done: report("learning", done))
    constant = constants.get((suite.maze.n, suite.maze.k))
    if constant is not None and not broken:
        broken = contradicted_in_training(candidate, constant, suite.maze.k, steps.kept)
    kind, contradiction = certificate.kind if certificate else "uncertified", unlike or broken
    if contradiction:
        kind, noise = "biased", [None if sums is None else replace(sums, constant=None) for sums in noise]
    report("cost", 0.0)
    cost = measure_cost(candidate, REFERENCE)
    entry = _entry(candidate, suite, certificate, noise, learning, cost)
    entry = replace(entry, kind=kind, extra={"contradicted": contradiction} if contradiction else {})
    entry = with_relative_columns(entry, noise, reference.noise if reference else noise)
    prints = fingerprint(candidate)
    report("asking again", 0.0)
    contract.append(audit(candidate))
    _refuse_failed(candidate.name, contract)
    report("done", 1.0)
    return ScoredEntry(
        entry=entry,
        noise=noise,
        learning=learning.to_dict() if learning else None,
        fingerprint=prints,
        certificate=certificate.to_dict() if certificate else {},
        contract=[asdict(result) for result in contract],
    )


def _refuse_failed(name: str, contract: list[CheckResult]) -> None:
    if any(result.status == "fail" for result in contract):
        raise ContractFailure(name, contract)


def _unlike_elsewhere(candidate: Candidate, certificate: Certificate, suite: Suite, salt: str) -> str:
    """Certify once more, on bandits that no other candidate gets; say how the outcome differs, "" if it does not."""
    hidden = certify_candidate(candidate, suite, salt=salt)
    if hidden.kinds == certificate.kinds:
        return ""
    pair, kind = next((pair, kind) for pair, kind in hidden.kinds.items() if kind != certificate.kinds[pair])
    return (
        f"at n={pair[0]}, K={pair[1]} it is {certificate.kinds[pair]} on the bandits of all candidates, and {kind} on "
        "those that it cannot know"
    )


def measure_noise(
    candidate: Candidate,
    constants: Mapping[tuple[int, int], float | None],
    suite: Suite,
    salt: str = "",
    report: Progress | None = None,
) -> tuple[list[BlockSums | None], str]:
    """Measure every bandit of a suite, and try to contradict the certificate on it.

    Args:
        candidate: what to measure.
        constants: the certified c for each (n, K), None where there is none.
        suite: which bandits.
        salt: see `score`.
        report: called with ("noise", share done).

    Returns:
        Block sums for each bandit, and how its answers contradict the certificate, "" if they do not.
    """
    instances, noise, broken = suite.instances(salt), [], ""
    stepped = replace(candidate, build=partial(_in_steps, candidate)) if candidate.is_stateful else candidate
    for done, instance in enumerate(instances):
        if report:
            report("noise", done / len(instances))
        constant = constants.get((instance.n, instance.k))
        noise.append(measure(stepped, constant, suite, instance))
        if constant is not None and noise[-1] is not None and not broken:
            broken = contradicted_on(candidate, constant, instance)
    if not broken and contradicts_certificate(noise):
        broken = "the sampled gradients on the suite's bandits are not those that were certified on small ones"
    return noise, broken


def _in_steps(candidate: Candidate, k: int) -> Estimator:
    """An estimator with a state, asked for `STEP_GROUPS` groups at a time, as in a training step."""
    estimator = candidate.build(k)

    def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor:
        return torch.cat([estimator(part) for part in rewards.split(STEP_GROUPS)])

    return declared_estimator(advantages, k, candidate.metadata)


def _entry(
    candidate: Candidate,
    suite: Suite,
    certificate: Certificate | None,
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
        kind=certificate.kind if certificate else "uncertified",
        track=metadata.track,
        cosine_min=certificate.cosine_min if certificate else None,
        cosine_median=certificate.cosine_median if certificate else None,
        bias=finite_or_none(certificate.worst_error) if certificate else None,
        centring=certificate.centring if certificate else None,
        cost=cost,
        learning=_learning_interval(learning, suite),
        learning_rate=learning.learning_rate if learning else None,
        scale=metadata.scale,
        domain=metadata.domain,
        paper=metadata.paper,
        equation=metadata.equation,
        authors=metadata.authors,
        licence=metadata.licence,
        sandbox=candidate.sandbox or "none",
        submission_hash=candidate.digest,
        scorer={**provenance(), "protections": list(candidate.protections), "secret": candidate.secret},
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
        "nsr": nsr_interval(measured),
        "eta": {groups: float(share) for groups, share in shares.items()},
    }


def with_relative_columns(
    entry: Entry, noise: Sequence[BlockSums | None], reference: Sequence[BlockSums | None]
) -> Entry:
    """Return the entry with its scores relative to the reference: B95 ratio and variance ratio, with intervals."""
    ours, theirs = usable(noise), usable(reference)
    if ours is None or theirs is None:
        return replace(entry, b95_ratio=Interval(), variance_ratio=Interval())
    return replace(
        entry,
        b95_ratio=ratio_interval(ours, theirs, "b95"),
        variance_ratio=ratio_interval(ours, theirs, "variance"),
    )


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
