"""Table 1 of the paper: signal of each published estimator and its relation to the canonical advantage, measured.

Each row's signal is recomputed from the marginal statistics R, V, C and rho_K (Eq 8, 12), here by brute force over all
subsets, and compared with the estimator; its relation to A = R - V is found from random groups: one constant for all
groups, a constant that changes from group to group, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from maxpo_bench.estimators import get_estimator
from maxpo_bench.moments import certify
from maxpo_bench.seeding import derive_seed

TOLERANCE = 1e-9
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Marginals:
    """Mean maxima over all subsets of each group, by brute force.

    Attributes:
        n: group size.
        k: objective size K.
        with_i: R_i, over the K-subsets that contain i, `[groups, n]`.
        without_i: V_i, over the K-subsets without i, `[groups, n]`.
        comparators: C_i, over the (K-1)-subsets without i, `[groups, n]`.
        max_at_k: rho_K, over all K-subsets, `[groups, 1]`.
    """

    n: int
    k: int
    with_i: Floats
    without_i: Floats
    comparators: Floats
    max_at_k: Floats

    @classmethod
    def of(cls, rewards: Floats, k: int) -> Marginals:
        """Go through all subsets of each group: for small n only.

        Args:
            rewards: `[groups, n]`.
            k: objective size, 2 <= k < n.
        """
        n = rewards.shape[-1]
        subsets, smaller = list(combinations(range(n), k)), list(combinations(range(n), k - 1))

        def for_each_i(pool: Iterable[tuple[int, ...]], contains: bool) -> Floats:
            return np.stack([_mean_max(rewards, [s for s in pool if (i in s) is contains]) for i in range(n)], axis=-1)

        return cls(
            n,
            k,
            for_each_i(subsets, True),
            for_each_i(subsets, False),
            for_each_i(smaller, False),
            _mean_max(rewards, subsets)[:, None],
        )


def _mean_max(rewards: Floats, subsets: list[tuple[int, ...]]) -> Floats:
    return np.mean([rewards[:, list(subset)].max(axis=1) for subset in subsets], axis=0)


@dataclass(frozen=True)
class PaperRow:
    """A row as printed in the paper.

    Attributes:
        used: did its authors' experiments use it (the paper's tick)?
        signal: recomputes the signal, `[groups, n]`.
        constant: the factor to A that follows from (n, K), where the paper's relation implies one.
        domain: rewards that the paper states the row for: "real", or "binary" for pass@K.
    """

    used: bool
    method: str
    signal_text: str
    relation: str
    name: str
    signal: Callable[[Marginals], Floats]
    constant: Callable[[int, int], float] | None
    domain: str = "real"


def _over(top: Floats, bottom: Floats) -> Floats:
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), 0.0)


def _centred(values: Floats) -> Floats:
    return values - values.mean(axis=-1, keepdims=True)


def _z_score(values: Floats) -> Floats:
    return _over(_centred(values), values.std(axis=-1, ddof=1, keepdims=True))


PAPER = (
    PaperRow(
        True,
        "Walder and Karkhanis, EI-only",
        "EI = R - C",
        "uncentered",
        "ei",
        lambda m: m.with_i - m.comparators,
        None,
    ),
    PaperRow(
        True,
        "MaxPO",
        "EI - L2O = R - V",
        "canonical",
        "ei_l2o",
        lambda m: m.with_i - m.without_i,
        lambda n, k: 1.0,
    ),
    PaperRow(
        True,
        "Chen et al., Eq (14, 15)",
        "(R - rho_K) / sigma",
        "normalized (pass@K)",
        "passk_analytic_std",
        lambda m: _over(m.with_i - m.max_at_k, np.sqrt(m.max_at_k * (1 - m.max_at_k))),
        None,
        "binary",
    ),
    PaperRow(
        False,
        "Chen et al., without std",
        "R - rho_K",
        "proportional (pass@K)",
        "passk_analytic",
        lambda m: m.with_i - m.max_at_k,
        lambda n, k: (n - k) / n,
        "binary",
    ),
    PaperRow(
        False,
        "Bagirov et al., Eq (9)",
        "(K/n) R",
        "proportional to R (uncentered)",
        "all_subsets",
        lambda m: m.k / m.n * m.with_i,
        None,
    ),
    PaperRow(
        False,
        "Bagirov et al., mean-centered",
        "(K/n) (R - mean R)",
        "proportional",
        "all_subsets_centered",
        lambda m: m.k / m.n * _centred(m.with_i),
        lambda n, k: k * (n - k) / n**2,
    ),
    PaperRow(
        True,
        "Bagirov et al., BoN mean (appendix)",
        "z-score of (K/n) R",
        "normalized",
        "bon_mean",
        lambda m: _z_score(m.k / m.n * m.with_i),
        None,
    ),
)


@dataclass(frozen=True)
class MeasuredRow:
    """A row of the paper's table beside what was measured.

    Attributes:
        domain: rewards of the groups, real or binary.
        signal_error: largest deviation of the estimator from the signal by brute force, over max |signal|.
        relation: what the groups show: canonical, proportional, normalized, uncentered or other.
        constant: measured factor to A; its range where it changes from group to group; None if there is none.
        expected_constant: the factor that follows from (n, K), where there is one.
        centring: largest |group mean| over rms of the signal.
        certificate: kind of the exact certificate.
    """

    used: bool
    method: str
    estimator: str
    signal: str
    domain: str
    paper_relation: str
    signal_error: float
    relation: str
    constant: list[float] | None
    expected_constant: float | None
    centring: float
    certificate: str


def measure_table1(*, n: int = 8, k: int = 3, groups: int = 200, seed: int = 0) -> list[MeasuredRow]:
    """Measure every row on random groups.

    Args:
        n: group size; small, since all its subsets are gone through.
        k: objective size, 2 <= k < n.
        groups: number of random groups; binary for the pass@K rows, standard normal for the others.
        seed: seed of the groups and of the certificate's bandits.
    """
    return [_measure(row, n, k, groups, seed) for row in PAPER]


def _measure(row: PaperRow, n: int, k: int, groups: int, seed: int) -> MeasuredRow:
    rewards = _groups(row.domain, groups, n, seed)
    found = get_estimator(row.name, k)(torch.from_numpy(rewards)).numpy()
    marginals = Marginals.of(rewards, k)
    signal = row.signal(marginals)
    centring = float(np.abs(found.mean(axis=-1)).max() / np.sqrt(np.square(found).mean()))
    relation, constant = _relation(found, marginals.with_i - marginals.without_i, centring)
    return MeasuredRow(
        used=row.used,
        method=row.method,
        estimator=row.name,
        signal=row.signal_text,
        domain=row.domain,
        paper_relation=row.relation,
        signal_error=float(np.abs(found - signal).max() / np.abs(signal).max()),
        relation=relation,
        constant=constant,
        expected_constant=row.constant(n, k) if row.constant else None,
        centring=centring,
        certificate=certify(row.name, k=k, seed=seed).kind,
    )


def _groups(domain: str, groups: int, n: int, seed: int) -> Floats:
    rng = np.random.default_rng(derive_seed(seed, "table1", domain))
    return rng.standard_normal((groups, n)) if domain == "real" else (rng.random((groups, n)) < 0.4).astype(np.float64)


def _relation(found: Floats, canonical: Floats, centring: float) -> tuple[str, list[float] | None]:
    """Classify by the residual of found - c A with c per group; groups without signal say nothing."""
    told = np.abs(canonical).max(axis=-1) > TOLERANCE
    found, canonical = found[told], canonical[told]
    per_group = (found * canonical).sum(axis=-1) / np.square(canonical).sum(axis=-1)
    residual = np.abs(found - per_group[:, None] * canonical).max() / np.abs(found).max()
    if residual > TOLERANCE:
        return ("uncentered" if centring > TOLERANCE else "other"), None
    low, high = float(per_group.min()), float(per_group.max())
    if high - low > TOLERANCE * abs(high):
        return "normalized", [low, high]
    mean = float(per_group.mean())
    return ("canonical" if abs(mean - 1) <= TOLERANCE else "proportional"), [mean]


def to_dict(rows: list[MeasuredRow], *, n: int, k: int, groups: int, seed: int) -> dict[str, Any]:
    """Everything as plain values."""
    return {"n": n, "k": k, "groups": groups, "seed": seed, "rows": [asdict(row) for row in rows]}


def to_markdown(rows: list[MeasuredRow], *, n: int, k: int, groups: int, seed: int) -> str:
    """The table as Markdown, the paper's entries beside the measured ones."""
    head = ["used", "method", "estimator", "signal", "error of signal", "paper", "measured", "constant", "certificate"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [
            "✓" if row.used else "",
            row.method,
            f"`{row.estimator}`",
            row.signal,
            f"{row.signal_error:.0e}",
            row.paper_relation,
            row.relation,
            constant_text(row),
            row.certificate,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    note = (
        f"Measured at n = {n}, K = {k} on {groups} random groups (seed {seed}): binary for the pass@K rows, standard "
        "normal otherwise. *Error of signal*: against brute force over all subsets. *Constant*: the factor c in "
        "signal = c A, A = R - V; a range where it changes from group to group; in brackets what follows from n and K. "
        "*Certificate*: exact expectation of the gradient estimate."
    )
    return "\n".join([*lines, "", note, ""])


def constant_text(row: MeasuredRow) -> str:
    """The measured constant, with the expected one in brackets."""
    if row.constant is None:
        return "none"
    text = " to ".join(f"{value:.6g}" for value in row.constant)
    return text if row.expected_constant is None else f"{text} ({row.expected_constant:.6g})"
