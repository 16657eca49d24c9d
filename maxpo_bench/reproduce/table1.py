"""Table 1 of the paper: signal of each published estimator and its relation to the canonical advantage, measured.

Each row's signal is recomputed from the marginal statistics R, V, C and rho_K (Eq 8, 12) and compared with the
estimator; its relation to A = R - V is found from random groups: one constant for all groups, a constant that changes
from group to group, or none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maxpo_bench.estimators import (
    all_subsets,
    comparator_max,
    conditional_max,
    ei_l2o,
    get_estimator,
    leave_one_out_max,
    max_at_k,
)
from maxpo_bench.moments import certify
from maxpo_bench.seeding import derive_seed

TOLERANCE = 1e-9
Signal = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class PaperRow:
    """A row as printed in the paper.

    Attributes:
        used: did its authors' experiments use it (the paper's tick)?
        constant: the factor to A that follows from (n, K), where the paper's relation implies one.
    """

    used: bool
    method: str
    signal_text: str
    relation: str
    name: str
    signal: Signal
    constant: Callable[[int, int], float] | None


def _sigma(rewards: Tensor, k: int) -> Tensor:
    rho = max_at_k(rewards, k)
    return (rho * (1 - rho)).sqrt()[..., None]


def _over(top: Tensor, bottom: Tensor) -> Tensor:
    return torch.where(bottom > 0, top / torch.where(bottom > 0, bottom, 1.0), 0.0)


def _z_score(values: Tensor) -> Tensor:
    return _over(values - values.mean(-1, keepdim=True), values.std(-1, keepdim=True))


def _centred_subsets(rewards: Tensor, k: int) -> Tensor:
    signal = k / rewards.shape[-1] * conditional_max(rewards, k)
    return signal - signal.mean(-1, keepdim=True)


PAPER = (
    PaperRow(
        True,
        "Walder and Karkhanis, EI-only",
        "EI = R - C",
        "uncentered",
        "ei",
        lambda r, k: conditional_max(r, k) - comparator_max(r, k),
        None,
    ),
    PaperRow(
        True,
        "MaxPO",
        "EI - L2O = R - V",
        "canonical",
        "ei_l2o",
        lambda r, k: conditional_max(r, k) - leave_one_out_max(r, k),
        lambda n, k: 1.0,
    ),
    PaperRow(
        True,
        "Chen et al., Eq (14, 15)",
        "(R - rho_K) / sigma",
        "normalized (pass@K)",
        "passk_analytic_std",
        lambda r, k: _over(conditional_max(r, k) - max_at_k(r, k)[..., None], _sigma(r, k)),
        None,
    ),
    PaperRow(
        False,
        "Chen et al., without std",
        "R - rho_K",
        "proportional (pass@K)",
        "passk_analytic",
        lambda r, k: conditional_max(r, k) - max_at_k(r, k)[..., None],
        lambda n, k: (n - k) / n,
    ),
    PaperRow(
        False,
        "Bagirov et al., Eq (9)",
        "(K/n) R",
        "proportional to R (uncentered)",
        "all_subsets",
        lambda r, k: k / r.shape[-1] * conditional_max(r, k),
        None,
    ),
    PaperRow(
        False,
        "Bagirov et al., mean-centered",
        "(K/n) (R - mean R)",
        "proportional",
        "all_subsets_centered",
        _centred_subsets,
        lambda n, k: k * (n - k) / n**2,
    ),
    PaperRow(
        True,
        "Bagirov et al., BoN mean (appendix)",
        "z-score of (K/n) R",
        "normalized",
        "bon_mean",
        lambda r, k: _z_score(all_subsets(r, k)),
        None,
    ),
)


@dataclass(frozen=True)
class MeasuredRow:
    """A row of the paper's table beside what was measured.

    Attributes:
        signal_error: largest deviation of the estimator from the recomputed signal, over max |signal|.
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
        n: group size.
        k: objective size, 2 <= k < n.
        groups: number of random groups; binary for the pass@K rows, standard normal for the others.
        seed: seed of the groups and of the certificate's bandits.
    """
    return [_measure(row, n, k, groups, seed) for row in PAPER]


def _measure(row: PaperRow, n: int, k: int, groups: int, seed: int) -> MeasuredRow:
    estimator = get_estimator(row.name, k)
    rewards = _groups(estimator.domain, groups, n, seed)
    found, signal, canonical = estimator(rewards), row.signal(rewards, k), ei_l2o(rewards, k)
    centring = float(found.mean(-1).abs().max() / found.square().mean().sqrt())
    relation, constant = _relation(found, canonical, centring)
    return MeasuredRow(
        used=row.used,
        method=row.method,
        estimator=row.name,
        signal=row.signal_text,
        paper_relation=row.relation,
        signal_error=float((found - signal).abs().max() / signal.abs().max()),
        relation=relation,
        constant=constant,
        expected_constant=row.constant(n, k) if row.constant else None,
        centring=centring,
        certificate=certify(row.name, k=k, seed=seed).kind,
    )


def _groups(domain: str, groups: int, n: int, seed: int) -> Tensor:
    rng = np.random.default_rng(derive_seed(seed, "table1", domain))
    values = rng.standard_normal((groups, n)) if domain == "real" else (rng.random((groups, n)) < 0.4).astype(float)
    return torch.from_numpy(values)


def _relation(found: Tensor, canonical: Tensor, centring: float) -> tuple[str, list[float] | None]:
    """Classify by the residual of found - c A with c per group; groups without signal say nothing."""
    told = canonical.abs().amax(-1) > 0
    found, canonical = found[told], canonical[told]
    per_group = (found * canonical).sum(-1) / canonical.square().sum(-1)
    residual = (found - per_group[:, None] * canonical).abs().max() / found.abs().max()
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
        "normal otherwise. *Constant*: the factor c in signal = c A, A = R - V; a range where it changes from group to "
        "group; in brackets what follows from n and K. *Certificate*: exact expectation of the gradient estimate."
    )
    return "\n".join([*lines, "", note, ""])


def constant_text(row: MeasuredRow) -> str:
    """The measured constant, with the expected one in brackets."""
    if row.constant is None:
        return "none"
    text = " to ".join(f"{value:.6g}" for value in row.constant)
    return text if row.expected_constant is None else f"{text} ({row.expected_constant:.6g})"
