"""Linear combinations of estimators are classified rightly: a * ei + b * ei_l2o is exact if a + b = 1, and so on.

Means and identities are linear in the estimator, variances are quadratic: those of 1000 combinations follow from one
certificate for each estimator of a basis and one for each sum of two. A sample goes through ``certify`` itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from maxpo_bench.estimators import get_estimator, l2o_baseline
from maxpo_bench.moments import Certificate, certify
from maxpo_bench.moments.identity import IdentityResult
from maxpo_bench.moments.judge import InstanceResult

N, K = 5, 3
EXACT = ("ei", "ei_l2o", "pkpo_sloo", "all_subsets")
PROPORTIONAL = ("passk_analytic",)
NULL = ("baseline", "constant")
BIASED = ("ei_l1o", "reinforce_l1o", "grpo", "smaller_k")
BASIS = (*EXACT, *PROPORTIONAL, *NULL, *BIASED)
CONSTANTS = np.array(
    [1.0] * len(EXACT) + [(N - K) / N] * len(PROPORTIONAL) + [0.0] * len(NULL) + [np.nan] * len(BIASED)
)
IS_BIASED = np.isnan(CONSTANTS)


def answer(name: str, rewards: Tensor, k: int) -> Tensor:
    """Advantages of one of the basis, under the scale K/n."""
    if name == "baseline":
        return l2o_baseline(rewards, k)
    if name == "constant":
        return torch.ones_like(rewards)
    if name == "smaller_k":
        return get_estimator("ei_l2o", k - 1)(rewards)
    estimator = get_estimator(name, k)
    return estimator(rewards) * (1.0 if estimator.scale == "K/n" else rewards.shape[-1] / k)


def combined(weights: Sequence[float]):
    """The estimator with these weights of the basis."""

    def advantages(rewards: Tensor, k: int) -> Tensor:
        parts = [weight * answer(name, rewards, k) for name, weight in zip(BASIS, weights, strict=True) if weight]
        return torch.stack(parts).sum(dim=0)

    return advantages


@cache
def certificate_of(*names: str) -> Certificate:
    """Certificate of the sum of some of the basis."""
    return certify(combined([float(names.count(name)) for name in BASIS]), k=K, n=N)


@dataclass(frozen=True)
class Combination:
    """Weights of the basis, and the kind that they must be given."""

    weights: tuple[float, ...]
    kind: str


def draw(rng: np.random.Generator) -> Combination:
    """Draw weights with a known verdict; null ones take part in all, with any weight."""
    kind = str(rng.choice(["exact", "proportional", "null", "negative", "biased"]))
    weights = rng.normal(size=len(BASIS)) * (rng.random(len(BASIS)) < 0.7)
    weights[IS_BIASED] = 0.0
    honest = np.flatnonzero(CONSTANTS > 0)
    if not weights[honest].any():
        weights[honest] = rng.normal(size=len(honest))
    wanted = {"exact": 1.0, "null": 0.0, "negative": -rng.uniform(0.01, 2.0)}.get(kind, rng.uniform(0.01, 2.0))
    if kind == "proportional" and abs(wanted - 1.0) < 1e-3:
        wanted = 0.5
    first = rng.choice(honest)
    weights[first] += (wanted - np.nansum(weights * np.nan_to_num(CONSTANTS))) / CONSTANTS[first]
    if kind == "biased":
        weights[rng.choice(np.flatnonzero(IS_BIASED))] = rng.choice([-1, 1]) * rng.uniform(0.001, 1.0)
    if kind == "null" and not weights.any():
        weights[BASIS.index("baseline")] = 1.0
    return Combination(tuple(weights.tolist()), "biased" if kind == "negative" else kind)


@dataclass(frozen=True)
class Parts:
    """What the certificates of the basis are made of, for combining: arrays over the basis first."""

    singles: tuple[Certificate, ...]
    means: list[np.ndarray]
    covariances: list[np.ndarray]
    differences: np.ndarray
    terms: np.ndarray


@cache
def parts() -> Parts:
    """One certificate for each of the basis, one for each pair."""
    singles = tuple(certificate_of(name) for name in BASIS)
    size = len(BASIS)
    means, covariances = [], []
    for at in range(len(singles[0].results)):
        own = [single.results[at].moments for single in singles]
        covariance = np.diag([moments.total_variance for moments in own])
        for i, j in itertools.combinations(range(size), 2):
            both = certificate_of(BASIS[i], BASIS[j]).results[at].moments.total_variance
            covariance[i, j] = covariance[j, i] = 0.5 * (both - own[i].total_variance - own[j].total_variance)
        means.append(np.array([moments.mean for moments in own]))
        covariances.append(covariance)
    identities = [single.identities[0] for single in singles]
    return Parts(
        singles,
        means,
        covariances,
        np.array([each.differences for each in identities]),
        np.array([each.terms for each in identities]),
    )


def certificate_by_linearity(weights: Sequence[float]) -> Certificate:
    """The certificate of a combination from those of its parts."""
    found, w = parts(), np.array(weights)
    template = found.singles[0]
    results: list[InstanceResult] = []
    for result, mean, covariance in zip(template.results, found.means, found.covariances, strict=True):
        moments = replace(result.moments, mean=w @ mean, total_variance=max(0.0, float(w @ covariance @ w)))
        results.append(replace(result, moments=moments))
    identity: IdentityResult = replace(
        template.identities[0],
        differences=np.tensordot(w, found.differences, axes=1),
        terms=np.abs(w) @ found.terms,
    )
    return replace(template, results=tuple(results), identities=(identity,))


def test_the_basis_itself_is_what_is_said():
    for name, constant in zip(BASIS, CONSTANTS, strict=True):
        certificate = certificate_of(name)
        kind = "biased" if np.isnan(constant) else {1.0: "exact", 0.0: "null"}.get(constant, "proportional")
        assert certificate.kind == kind, name


def test_a_thousand_random_combinations_are_classified_rightly():
    rng = np.random.default_rng(2606)
    combinations = [draw(rng) for _ in range(1000)]
    found = [certificate_by_linearity(each.weights).kinds[N, K] for each in combinations]
    wrong = [(each, kind) for each, kind in zip(combinations, found, strict=True) if each.kind != kind]
    assert wrong == []
    assert min(found.count(kind) for kind in ("exact", "proportional", "null", "biased")) > 100


@pytest.mark.parametrize("lot", range(4))
def test_a_sample_of_them_goes_through_the_certificate_itself(lot: int):
    rng = np.random.default_rng([2606, lot])
    for combination in (draw(rng) for _ in range(10)):
        certificate = certify(combined(combination.weights), k=K, n=N, seed=lot)
        assert certificate.kind == combination.kind, combination
        if combination.kind in ("exact", "proportional"):
            constant = float(np.nansum(np.array(combination.weights) * CONSTANTS))
            assert certificate.constants[N, K] == pytest.approx(constant, rel=1e-9)


def test_linearity_is_what_enumeration_finds():
    """Mean, variance and both sides of the identity of a combination, from its parts and directly."""
    weights = np.random.default_rng(3).normal(size=len(BASIS))
    direct, linear = certify(combined(weights.tolist()), k=K, n=N), certificate_by_linearity(weights.tolist())
    for ours, theirs in zip(direct.results, linear.results, strict=True):
        assert ours.moments.mean == pytest.approx(theirs.moments.mean, rel=1e-9, abs=1e-12)
        assert ours.moments.total_variance == pytest.approx(theirs.moments.total_variance, rel=1e-9)
    ours, theirs = direct.identities[0], linear.identities[0]
    assert ours.differences == pytest.approx(theirs.differences, rel=1e-9, abs=1e-9)
    assert (ours.terms <= theirs.terms * (1 + 1e-12)).all()
