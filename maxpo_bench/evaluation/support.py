"""Which problems a method can solve at all, beside another one."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any, Literal, get_args

import numpy as np

from maxpo_bench.evaluation.passk import FloatArray, pass_at_k
from maxpo_bench.evaluation.samples import ScoredSamples
from maxpo_bench.evaluation.selection import name_of

SupportClass = Literal["preservation", "expansion", "shrinkage", "out_of_support"]
SUPPORT_CLASSES: tuple[SupportClass, ...] = get_args(SupportClass)


@dataclass(frozen=True)
class Support:
    """Classes of the problems of one benchmark, by who finds a correct answer among k samples.

    The classes and rates of Wu et al., arXiv 2507.14843. With other numbers of samples than k the counts are the
    expected ones for k samples of each method, and need not be whole.

    Attributes:
        k: samples of each method; None where problems differ in them.
        num_problems: P, the sum of the four counts.
        preservation: both methods find one.
        expansion: only the method does, not the one it is compared with.
        shrinkage: only the one it is compared with does.
        out_of_support: neither does.
        problems: ids by class of those whose class is certain, and as "undecided" those where it depends on which k
            of their samples are taken.
    """

    k: int | None
    num_problems: int
    preservation: float
    expansion: float
    shrinkage: float
    out_of_support: float
    problems: dict[str, tuple[str, ...]]

    @property
    def retention(self) -> float | None:
        """Support retention rate SRR = P / (P + S), None if the other method finds nothing."""
        return _ratio(self.preservation, self.preservation + self.shrinkage)

    @property
    def discovery(self) -> float | None:
        """Net discovery rate NDR = E / (P + E), None if the method finds nothing."""
        return _ratio(self.expansion, self.preservation + self.expansion)

    @property
    def dynamics(self) -> float | None:
        """Support dynamic score SDS = 2 SRR NDR / (SRR + NDR), None if that has no value."""
        if self.retention is None or self.discovery is None:
            return None
        return _ratio(2 * self.retention * self.discovery, self.retention + self.discovery)

    @property
    def net_change(self) -> float | None:
        """Net support change rate NSCR = (E - S) / (P + E + S), None if neither method finds anything."""
        return _ratio(self.expansion - self.shrinkage, self.preservation + self.expansion + self.shrinkage)

    def to_dict(self) -> dict[str, Any]:
        """Return counts, rates and ids for JSON."""
        return {
            "k": self.k,
            "num_problems": self.num_problems,
            **{name: getattr(self, name) for name in SUPPORT_CLASSES},
            "srr": self.retention,
            "ndr": self.discovery,
            "sds": self.dynamics,
            "nscr": self.net_change,
            "problems": {name: list(ids) for name, ids in self.problems.items()},
        }


def support_of(method: ScoredSamples, against: ScoredSamples, k: int | None = None) -> Support:
    """Compare what two methods find on the same problems, at the same number of samples.

    More samples find more, so supports seen with different numbers of samples are not compared as they are. Where both
    methods have equally many samples of each problem, and no k is given, the classes are those observed. Otherwise each
    problem is found with probability `pass_at_k`, by each method independently, which gives unbiased expected counts
    at k, by default the smallest number of samples of any problem.

    Args:
        method: the trained method, say.
        against: the method it is compared with, its base model, say.
        k: samples of each method.

    Raises:
        ValueError: the two have different problems, or fewer than k samples of one.
    """
    if method.keys != against.keys:
        raise ValueError(f"{method.label} and {against.label} have different problems: restrict both to common ones")
    equal = np.array_equal(method.num_samples, against.num_samples)
    fewest, key = min(each.fewest() for each in (method, against))
    if k is not None and not 1 <= k <= fewest:
        raise ValueError(f"support at k={k} needs k in [1, {fewest}], the samples of {name_of(key)}: choose another k")
    if k is None and equal:
        mine, theirs = ((each.num_correct > 0).astype(np.float64) for each in (method, against))
        k = int(method.num_samples[0]) if len(set(method.num_samples.tolist())) == 1 else None
    else:
        k = fewest if k is None else k
        mine, theirs = (pass_at_k(each.num_samples, each.num_correct, k) for each in (method, against))
    shares: dict[SupportClass, FloatArray] = {
        "preservation": mine * theirs,
        "expansion": mine * (1 - theirs),
        "shrinkage": (1 - mine) * theirs,
        "out_of_support": (1 - mine) * (1 - theirs),
    }
    ids = {
        name: tuple(id for id, share in zip(method.problems, values, strict=True) if share == 1.0)
        for name, values in shares.items()
    }
    uncertain = np.max(np.stack(list(shares.values())), axis=0) < 1.0
    undecided = tuple(id for id, is_so in zip(method.problems, uncertain, strict=True) if is_so)
    counts = {name: float(values.sum()) for name, values in shares.items()}
    return Support(k, len(method.keys), **counts, problems={**ids, "undecided": undecided})


def unseen_bound(k: int, confidence: float = 0.95) -> float:
    """Return an upper limit of the success rate on a problem that none of k samples solved.

    ``-ln(1 - confidence) / k``, at most 1: with a larger rate k failures have a probability below 1 - confidence.

    Args:
        k: number of samples, at least 1.
        confidence: in (0, 1).
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    return min(1.0, -log(1.0 - confidence) / k)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
