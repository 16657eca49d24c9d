"""Fingerprints: an estimator's answers on fixed inputs, up to one positive factor. Equal ones are rescaled copies."""

from __future__ import annotations

import numpy as np
import torch

from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.seeding import derive_seed

PAIRS = ((6, 2), (8, 3), (16, 4), (32, 8))
GROUPS = 6
TOLERANCE = 1e-7

Fingerprint = dict[str, list[float]]


def _inputs(domain: str, n: int) -> torch.Tensor:
    rng = np.random.default_rng(derive_seed(0, "fingerprint", domain, n))
    values = rng.standard_normal((GROUPS, n)) if domain == "real" else (rng.random((GROUPS, n)) < 0.3).astype(float)
    return torch.from_numpy(values)


def fingerprint(candidate: Candidate) -> Fingerprint:
    """Advantages on fixed groups, normalised to length 1, per reward domain and (n, K); zeros stay zeros."""
    found: Fingerprint = {}
    for domain in ("binary",) if candidate.metadata.domain == "binary" else ("binary", "real"):
        for n, k in PAIRS:
            if not candidate.supports(n, k):
                continue
            advantages = candidate.build(k)(_inputs(domain, n)).flatten()
            norm = float(advantages.norm())
            unit = advantages / norm if norm > 0 else advantages
            found[f"{domain}-n{n}-k{k}"] = [float(f"{value:.10g}") for value in unit.tolist()]
    return found


def is_copy(new: Fingerprint, old: Fingerprint) -> bool:
    """Are the answers equal up to a positive factor wherever ``new`` has any, and not all zero?"""
    if not new or any(key not in old for key in new):
        return False
    if any(key not in new for key in old if key.split("-")[0] in {name.split("-")[0] for name in new}):
        return False
    pairs = [(np.array(new[key]), np.array(old[key])) for key in new]
    return any(left.any() for left, _ in pairs) and all(np.abs(a - b).max() <= TOLERANCE for a, b in pairs)
