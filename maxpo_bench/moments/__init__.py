"""Bias and variance of an estimator's policy gradient, exact or sampled, and the certificate.

``certify`` decides whether an estimator is unbiased, by exact expectations on hidden bandits and by an identity that
groups of any size satisfy exactly where it is. On a bandit of your own, ``gradient_moments`` gives the moments of any
estimator, exact ones where a group has few outcomes, else sampled ones; ``exact_moments`` those of sums over reward
gaps (EI and all that is linear in it) on bandits of any size.
"""

from __future__ import annotations

from maxpo_bench.moments.any_estimator import gradient_moments
from maxpo_bench.moments.bias_curve import BiasCurve, bias_curve
from maxpo_bench.moments.blackbox import CertificateError
from maxpo_bench.moments.certificate import Certificate, certify
from maxpo_bench.moments.enumeration import (
    ExactMoments,
    enumerate_instances,
    enumerate_moments,
    is_permutation_equivariant,
)
from maxpo_bench.moments.exact import BanditMoments, exact_moments
from maxpo_bench.moments.gap_table import GapTable, gap_table
from maxpo_bench.moments.gradient import GradientMoments, b95, eta
from maxpo_bench.moments.identity import (
    IdentityResult,
    IdentityViolation,
    draw_from,
    identity_residuals,
    identity_violations,
)
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.judge import InstanceResult
from maxpo_bench.moments.monte_carlo import (
    MonteCarloMoments,
    monte_carlo_moments,
    paired_log_ratio,
    paired_moments,
    required_groups,
)

__all__ = [
    "BanditInstance",
    "BanditMoments",
    "BiasCurve",
    "Certificate",
    "CertificateError",
    "ExactMoments",
    "GapTable",
    "GradientMoments",
    "IdentityResult",
    "IdentityViolation",
    "InstanceResult",
    "MonteCarloMoments",
    "b95",
    "bias_curve",
    "certify",
    "draw_from",
    "enumerate_instances",
    "enumerate_moments",
    "eta",
    "exact_moments",
    "gap_table",
    "gradient_moments",
    "identity_residuals",
    "identity_violations",
    "is_permutation_equivariant",
    "monte_carlo_moments",
    "paired_log_ratio",
    "paired_moments",
    "required_groups",
]
