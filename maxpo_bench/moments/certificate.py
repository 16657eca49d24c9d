"""The certificate: is an estimator's policy gradient unbiased? Decided by exact expectations, not by a plot.

``E[g_hat]`` is a polynomial in the policy's probabilities: that an estimator passes on hidden random bandits by chance
has probability zero. Large groups can be enumerated for few arms only, so that all of them have ties; what passes there
must also satisfy the leave-one-out identity (``moments.identity``) on hidden rewards of n + 1 arms, which holds exactly
where ``E[g_hat]`` is the same multiple of the gradient on all bandits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np

from maxpo_bench.moments.enumeration import check_size, enumerate_beside
from maxpo_bench.moments.gradient import finite_or_none
from maxpo_bench.moments.hidden import hidden_draws, hidden_instances
from maxpo_bench.moments.identity import IdentityResult, IdentityViolation, compare_sides, leave_one_out_rows
from maxpo_bench.moments.judge import TOLERANCE, InstanceResult, Kind, kind_of, kind_of_all, other_objective
from maxpo_bench.moments.subject import Certifiable, Subject
from maxpo_bench.seeding import derive_seed

Pair = tuple[int, int]

_MEANING: dict[Kind, str] = {
    "exact": "E[g_hat] = grad J_K: an unbiased estimate of the policy gradient of max@K under its declared scale",
    "proportional": "E[g_hat] = c * grad J_K with one c for each (n, K): unbiased up to the step size",
    "direction": "E[g_hat] points along grad J_K, but its length relative to grad J_K differs from bandit to bandit",
    "biased": "E[g_hat] does not point along grad J_K",
    "null": "E[g_hat] = 0 on every bandit: there is no signal",
}


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is proven about an estimator, and the figures behind it.

    Args:
        kind: ``"exact"``, ``"proportional"``, ``"direction"``, ``"biased"`` or ``"null"``: what holds for all (n, K).
        name: the estimator's name.
        scale: declared scale, ``"K/n"`` or ``"1"``.
        domain: declared reward domain, ``"real"`` or ``"binary"``.
        results: one for each hidden bandit of each (n, K).
        seed: the hidden bandits and rewards follow from it.
        tolerance: relative tolerance of all comparisons.
        identities: both sides of the leave-one-out identity, one for each (n, K).
    """

    kind: Kind
    name: str
    scale: str
    domain: str
    results: tuple[InstanceResult, ...]
    seed: int
    tolerance: float = TOLERANCE
    identities: tuple[IdentityResult, ...] = ()

    @property
    def pairs(self) -> list[Pair]:
        """The (n, K) that were examined."""
        return list(dict.fromkeys((result.n, result.k) for result in self.results))

    def at(self, n: int, k: int) -> list[InstanceResult]:
        """Return the results of one (n, K)."""
        return [result for result in self.results if (result.n, result.k) == (n, k)]

    @cached_property
    def enumerated_kinds(self) -> dict[Pair, Kind]:
        """Kind for each (n, K) by the expectations on the hidden bandits alone."""
        return {pair: kind_of(self.at(*pair), self.tolerance) for pair in self.pairs}

    @cached_property
    def violations(self) -> dict[Pair, list[IdentityViolation]]:
        """For each (n, K) the rewards on which the leave-one-out identity fails, the simplest first.

        It is checked with the constant that the enumeration found; there are none where it found no constant.
        """
        found = {pair: self._enumerated_constant(pair) for pair in self.pairs}
        failing: dict[Pair, list[IdentityViolation]] = {pair: [] for pair in self.pairs}
        for result in self.identities:
            constant = found[result.n, result.k]
            if constant is not None:
                failing[result.n, result.k] = result.violations(constant, self.tolerance)
        return failing

    @property
    def kinds(self) -> dict[Pair, Kind]:
        """Kind for each (n, K) by itself: that of the enumeration, or biased where the identity fails."""
        return {pair: "biased" if self.violations[pair] else kind for pair, kind in self.enumerated_kinds.items()}

    @property
    def constants(self) -> dict[Pair, float | None]:
        """The c of ``E[g_hat] = c * grad J_K`` for each (n, K); None where there is no single one."""
        has_one = {pair: kind in ("exact", "proportional") for pair, kind in self.kinds.items()}
        return {pair: self._enumerated_constant(pair) if has_one[pair] else None for pair in self.pairs}

    @property
    def other_objectives(self) -> dict[Pair, int | None]:
        """For each (n, K) the other K' whose gradient E[g_hat] follows on all bandits, if there is one."""
        return {pair: other_objective(self.at(*pair), self.tolerance) for pair in self.pairs}

    @property
    def is_equivariant(self) -> bool:
        """Does shuffling a group shuffle its advantages in the same way, on all rewards that were tried?"""
        return all(result.moments.is_equivariant for result in self.results)

    @property
    def worst_residual(self) -> float:
        """Largest ``||E g_hat - c g|| / ||E g_hat||``, each with its own best c."""
        return max(result.residual for result in self.results)

    @property
    def worst_error(self) -> float:
        """Largest ``||E g_hat - g|| / ||g||``."""
        return max(result.moments.bias / float(np.linalg.norm(result.moments.truth)) for result in self.results)

    @property
    def bias_max(self) -> float:
        """Largest ``||E g_hat - g||``."""
        return max(result.moments.bias for result in self.results)

    @property
    def cosine_min(self) -> float:
        """Smallest cos(E g_hat, g) over the bandits."""
        return min(result.moments.cosine for result in self.results)

    @property
    def cosine_median(self) -> float:
        """Median cos(E g_hat, g) over the bandits."""
        return median(result.moments.cosine for result in self.results)

    @property
    def cosine_max(self) -> float:
        """Largest cos(E g_hat, g) over the bandits."""
        return max(result.moments.cosine for result in self.results)

    @property
    def nsr(self) -> float:
        """Median noise to signal ratio over the bandits; may be infinite."""
        return median(result.moments.nsr for result in self.results)

    @property
    def b95(self) -> float:
        """Median B95 over the bandits; may be infinite."""
        return median(result.moments.b95 for result in self.results)

    @property
    def centring(self) -> float:
        """Largest rms(group mean of the advantages) / rms(advantages) over the bandits."""
        return max(result.moments.centring for result in self.results)

    def eta(self, batches: float) -> float:
        """Median share of the exact-gradient step that is kept when ``batches`` groups are averaged."""
        return median(result.moments.eta(batches) for result in self.results)

    def explain(self) -> str:
        """Return the verdict and what it rests on, for a person."""
        sizes = ", ".join(f"({n}, {k})" for n, k in self.pairs)
        lines = [
            f"{self.name}: {self.kind}",
            f"  {_MEANING[self.kind]}.",
            f"  Declared: scale {self.scale}, {self.domain} rewards. Exact expectations on {len(self.results)} hidden "
            f"bandits (seed {self.seed}), (n, K) in {sizes}; the leave-one-out identity on {self._num_draws} sets of "
            f"n + 1 rewards{', with and without ties' if self.domain == 'real' else ''}.",
            *self._explain_pairs(),
            f"  Cosine with grad J_K: {self.cosine_min:.6f} to {self.cosine_max:.6f}; median NSR {self.nsr:.3g}, "
            f"median B95 {self.b95:.3g}; largest relative error {self.worst_error:.2g} (tolerance {self.tolerance:g}).",
        ]
        return "\n".join(lines + self._notes())

    def __str__(self) -> str:
        return self.explain()

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; ``None`` stands for infinity and for what does not exist."""
        figures = {
            "worst_residual": self.worst_residual,
            "worst_error": self.worst_error,
            "bias_max": self.bias_max,
            "cosine_min": self.cosine_min,
            "cosine_median": self.cosine_median,
            "cosine_max": self.cosine_max,
            "nsr": self.nsr,
            "b95": self.b95,
            "eta_1": self.eta(1),
            "eta_16": self.eta(16),
            "eta_256": self.eta(256),
            "eta_inf": self.eta(math.inf),
            "centring": self.centring,
        }
        return {
            "kind": self.kind,
            "name": self.name,
            "scale": self.scale,
            "domain": self.domain,
            "seed": self.seed,
            "tolerance": self.tolerance,
            "is_equivariant": self.is_equivariant,
            **{key: finite_or_none(value) for key, value in figures.items()},
            "pairs": [self._pair_dict(pair) for pair in self.pairs],
            "instances": [result.to_dict() for result in self.results],
        }

    def _pair_dict(self, pair: Pair) -> dict[str, Any]:
        n, k = pair
        return {
            "n": n,
            "k": k,
            "kind": self.kinds[pair],
            "constant": self.constants[pair],
            "other_objective": self.other_objectives[pair],
            "identity": self._identity_dict(pair),
        }

    def _identity_dict(self, pair: Pair) -> dict[str, Any] | None:
        """What the identity says at one (n, K); None where it has no constant to be checked with."""
        constant = self._enumerated_constant(pair)
        results = [result for result in self.identities if (result.n, result.k) == pair]
        if constant is None or not results:
            return None
        failing = self.violations[pair]
        return {
            "draws": sum(len(result.draws) for result in results),
            "violations": len(failing),
            "largest_error": max(float(result.errors(constant).max()) for result in results),
            "smallest": list(failing[0].rewards) if failing else None,
        }

    def _enumerated_constant(self, pair: Pair) -> float | None:
        """The c that the enumeration found at one (n, K), 0 for a null estimator, None where there is no single one."""
        kind = self.enumerated_kinds[pair]
        if kind in ("exact", "proportional"):
            return float(np.mean([result.constant for result in self.at(*pair)]))
        return 0.0 if kind == "null" else None

    def _explain_pairs(self) -> list[str]:
        lines = []
        for (n, k), kind in self.kinds.items():
            results = self.at(n, k)
            constants = [result.constant for result in results]
            text = f"c = {constants[0]:.10g}" if kind in ("exact", "proportional") else ""
            if self.violations[n, k]:
                hidden = self.enumerated_kinds[n, k]
                text = (
                    f"{hidden} in expectation on the small bandits, which hides it: the leave-one-out identity, which "
                )
                text += f"holds for every {hidden} estimator, fails on {len(self.violations[n, k])} sets of rewards; "
                text += f"smallest: {self.violations[n, k][0]}"
            elif kind in ("direction", "biased"):
                worst = min(results, key=lambda result: result.moments.cosine)
                text = f"c from {min(constants):.4g} to {max(constants):.4g}, worst cosine {worst.moments.cosine:.6f}"
                text += f" on a {worst.instance.label} bandit"
            other = self.other_objectives[n, k] if kind == "biased" else None
            text += f"; it follows grad J_{other} instead" if other is not None else ""
            lines.append(f"  n={n}, K={k}: {kind}" + (f" ({text})" if text else ""))
        return lines

    def _notes(self) -> list[str]:
        notes = []
        if not self.is_equivariant:
            notes.append("  Not permutation equivariant: enumerated over all ordered action tuples.")
        if self.kind in ("direction", "biased") and self.worst_error < 1e-5:
            notes.append(
                "  An error this small looks like float32 arithmetic inside: compute in the dtype of the rewards."
            )
        return notes

    @property
    def _num_draws(self) -> int:
        return sum(len(result.draws) for result in self.identities)


def certify(
    estimator: Certifiable,
    k: int | None = None,
    n: int | None = None,
    *,
    scale: str | None = None,
    domain: str | None = None,
    min_group_size: Callable[[int], int] | None = None,
    pairs: Sequence[Pair] | None = None,
    seed: int = 0,
) -> Certificate:
    """Certify an estimator by exact expectations on hidden random bandits.

    Args:
        estimator: a registered name or alias; an ``Estimator``; a plain function ``f(rewards, k)`` of rewards
            [rows, n]; or a factory, a function of the single parameter k that returns an ``Estimator``.
        k: objective size; by default the estimator's own, or those of the grid of (n, K): (4, 2), (5, 3), (6, 4) and
            (4, 3).
        n: samples per group; by default several for a given k.
        scale: ``"K/n"`` or ``"1"``, the factor before ``sum_i A_i grad log pi(a_i)``; by default the one declared with
            the estimator, ``"K/n"`` for a plain function.
        domain: ``"real"`` or ``"binary"`` rewards; by default the one declared, ``"real"`` for a plain function.
        min_group_size: smallest n for each k, in place of the estimator's own.
        pairs: the (n, K) to examine, instead of ``k`` and ``n``.
        seed: the hidden bandits follow from it.

    Raises:
        CertificateError: the estimator raises, or returns something that is no answer; the message shows the smallest
            failing example.
        ValueError: an unknown name, scale or domain, or groups that are too small for k or too large to enumerate.
    """
    subject = Subject.of(estimator, scale=scale, domain=domain, min_group_size=min_group_size)
    if pairs is None:
        pairs = subject.grid(k, n)
    elif k is not None or n is not None or not pairs:
        raise ValueError("give either pairs, at least one, or k and n")
    examined = [_examine(subject, *pair, seed) for pair in pairs]
    results = tuple(result for found, _ in examined for result in found)
    first = subject.build(pairs[0][1])
    certificate = Certificate(
        "biased", first.name, first.scale, first.domain, results, seed, identities=tuple(each for _, each in examined)
    )
    return replace(certificate, kind=kind_of_all(list(certificate.kinds.values())))


def _examine(subject: Subject, n: int, k: int, seed: int) -> tuple[list[InstanceResult], IdentityResult]:
    estimator = subject.build(k)
    rng = np.random.default_rng(derive_seed(seed, "hidden bandits", n, k))
    instances = hidden_instances(n, k, estimator.domain, rng)
    check_size(instances, n)
    draws = hidden_draws(n, estimator.domain, np.random.default_rng(derive_seed(seed, "hidden rewards", n, k)))
    presentation = derive_seed(seed, "presentation", n, k)
    moments, answers = enumerate_beside(estimator, instances, leave_one_out_rows(draws), n, seed=presentation)
    results = [InstanceResult(instance, n, k, each) for instance, each in zip(instances, moments, strict=True)]
    return results, compare_sides(estimator, draws, answers)
