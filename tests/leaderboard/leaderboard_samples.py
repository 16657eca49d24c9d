"""Synthetic entries: shaped like real ones, and nobody's results."""

from __future__ import annotations

import random
from typing import Any

from maxpo_bench.leaderboard.entry import Entry, Interval, Leaderboard, Rank

SCORER = {
    "versions": {"maxpo_bench": "0.1.0", "python": "3.12.3", "numpy": "2.4.0", "torch": "2.13.0"},
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "date": "2031-02-03",
    "seed": 7,
}
PAPER = "arXiv 2606.06080"
ROWS: list[tuple[str, str, str, float | None, str]] = [
    # name, title, kind, B95 ratio, summary
    ("ei_l2o", "Expected improvement, leave-two-out", "exact", 1.0, "Centred without bias: the reference."),
    ("pkpo_sloo_minus_one", "PKPO, leave-one-out minus one", "exact", 1.31, "Expected improvement as a plain sum."),
    ("passk_analytic", "Analytic pass@k", "proportional", 1.02, "Reward minus the unbiased pass@k estimate."),
    ("all_subsets_centered", "All subsets, centred", "proportional", 1.004, "All-subsets signal minus its mean."),
    ("ei", "Expected improvement", "exact", 1.33, "Mean improvement over the other samples' maxima."),
    ("all_subsets", "All subsets", "exact", 6.7, "Mean maximum of the subsets that contain the sample."),
    ("half_l2o", "Half of EI+L2O", "exact", 1.0, "A copy at half the size."),
    ("passk_analytic_std", "Analytic pass@k, normalised", "direction", 1.4, "Divided by the group's deviation."),
    ("ei_l1o", "Expected improvement, leave-one-out", "biased", 14.2, "Centred, and biased for K above one."),
    ("grpo", "GRPO", "biased", 1000.0, "Z-scores of the rewards: the mean's gradient, not the maximum's."),
    ("reinforce_l1o", "REINFORCE, leave-one-out", "biased", 1000.0, "Reward minus the mean of the others."),
    ("zero", "All zeros", "null", None, "Pays nobody anything."),
]


def entry(name: str = "ei_l2o", kind: str = "exact", ratio: float | None = 1.0, **changes: Any) -> Entry:
    """Return one synthetic entry; ``changes`` replace its fields."""
    scored = ratio is not None and ratio < 1000
    values: dict[str, Any] = {
        "name": name,
        "title": f"The {name} estimator",
        "summary": f"What {name} does.",
        "suite": "quick-1",
        "origin": "built-in",
        "kind": kind,
        "b95_ratio": Interval() if ratio is None else Interval(ratio, 0.96 * ratio, min(1.05 * ratio, 1000.0)),
        "solved": 1.0 if scored else 0.25,
        "nsr": Interval() if ratio is None else Interval(12.5 * min(ratio, 40)),
        "cosine_min": 1.0 if kind in ("exact", "proportional") else 0.31,
        "cosine_median": 1.0 if kind in ("exact", "proportional") else 0.87,
        "bias": 3e-16 if kind == "exact" else 0.42,
        "variance_ratio": Interval(1.1, 1.05, 1.17),
        "eta": {"1": 0.071, "16": 0.55, "256": 0.951, "inf": 1.0 if scored else 0.6},
        "centring": 0.0,
        "cost": 1.25,
        "learning": Interval(412.0, 380.5, 441.0),
        "learning_rate": 0.3,
        "paper": PAPER,
        "equation": "Eq 5, 55",
        "authors": "The maxpo_bench developers",
        "licence": "MIT",
        "scorer": SCORER,
    }
    return Entry(**(values | changes))


def sample_board() -> Leaderboard:
    """Return a board with every class, a tie, a rescaled copy, a capped and a missing score."""
    entries = []
    for name, title, kind, ratio, summary in ROWS:
        changes = {"linked_to": "ei_l2o"} if name == "half_l2o" else {}
        entries.append(entry(name, kind, ratio, title=title, summary=summary, **changes))
    ranks: dict[str, Rank | None] = {
        "ei_l2o": (1, 2),
        "all_subsets_centered": (1, 2),
        "passk_analytic": (3, 3),
        "pkpo_sloo_minus_one": (4, 5),
        "ei": (4, 5),
        "all_subsets": (6, 6),
        "passk_analytic_std": (1, 1),
        "ei_l1o": (1, 1),
        "grpo": (2, 3),
        "reinforce_l1o": (2, 3),
    }
    return Leaderboard("quick-1", entries, ranks)


def large_board(size: int = 500) -> Leaderboard:
    """Return a board of ``size`` submissions with plausible spreads of every number."""
    rng = random.Random(5)
    kinds = ["exact"] * 5 + ["proportional"] * 2 + ["direction"] + ["biased"] * 4
    entries = [_submission(f"submission_{i:03d}", rng.choice(kinds), rng) for i in range(size)]
    return Leaderboard("quick-1", entries, {e.name: (i + 1, i + 2) for i, e in enumerate(entries)})


def _submission(name: str, kind: str, rng: random.Random) -> Entry:
    ratio = rng.lognormvariate(0.5, 0.8)
    spread = rng.uniform(1.01, 1.2)
    maze = rng.uniform(100, 900)
    return entry(
        name,
        kind,
        ratio,
        title="Leave-two-out with a twist",
        summary="Expected improvement with another baseline, averaged over subsets.",
        origin="submission",
        b95_ratio=Interval(ratio, ratio / spread, ratio * spread),
        nsr=Interval(rng.lognormvariate(3, 1)),
        bias=0.0 if kind == "exact" else rng.random(),
        learning=Interval(maze, 0.9 * maze, 1.1 * maze),
        cost=rng.uniform(0.5, 4),
        submission_hash=f"{rng.getrandbits(256):064x}",
    )
