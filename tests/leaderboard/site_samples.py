"""Five hundred synthetic entries with synthetic evidence of the full suite's shape: nobody's results, from one seed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from leaderboard_samples import entry, sample_board

from maxpo_bench.leaderboard.entry import PASS_K, Entry, Interval, Leaderboard
from maxpo_bench.leaderboard.site import write_site

PAIRS = [(4, 2), (5, 3), (6, 4), (4, 3), (8, 2), (8, 4), (16, 4), (32, 8)]
LABELS = ["normal", "tied", "binary contextual", "heavy-tailed", "negative", "rare", "whole"]
FAMILIES = ["gaussian", "conflict", "rare", "binary", "ties", "negative", "shifted", "heavy"]
GROUPS = [2**power for power in range(13)]
ITERATIONS = list(range(0, 3001, 20))
KINDS = ["exact"] * 5 + ["proportional"] * 2 + ["direction"] + ["biased"] * 4
WORDS = (
    "leave two out baseline expected improvement over the maximum of subsets with shrinkage control variate ranked "
    "centred pairwise smoothed antithetic stratified weighted truncated symmetric mean median quantile gap"
).split()


def text(rng: random.Random, count: int) -> str:
    """Return so many words."""
    return " ".join(rng.choice(WORDS) for _ in range(count))


def digest(rng: random.Random) -> str:
    """Return the form of a SHA-256."""
    return f"{rng.getrandbits(256):064x}"


def synthetic_entry(at: int, rng: random.Random, kinds: Sequence[str] = KINDS) -> Entry:
    """Return a submission with plausible spreads of every number."""
    kind = rng.choice(kinds)
    ratio = min(rng.lognormvariate(0.5, 0.8) * (8 if kind == "biased" else 1), 1000.0)
    spread = rng.uniform(1.01, 1.2)
    maze = rng.uniform(100, 900)
    verified = rng.random() < 0.6
    gain = rng.gauss(0, 0.03)
    return entry(
        f"{rng.choice(WORDS)}_{rng.choice(WORDS)}_{at:03d}",
        kind,
        ratio,
        title=text(rng, rng.randint(3, 6)),
        summary=text(rng, rng.randint(8, 16)) + ".",
        origin="submission",
        status="verified" if verified else "self-run",
        domain="binary" if rng.random() < 0.1 else "real",
        b95_ratio=Interval(ratio, ratio / spread, min(ratio * spread, 1000.0)),
        nsr=Interval(ratio * 5, ratio * 4.8, ratio * 5.3),
        solved=1.0 if ratio < 1000 else rng.random(),
        cosine_median=1.0 if kind != "biased" else rng.uniform(0.7, 0.999),
        bias=0.0 if kind == "exact" else rng.random(),
        variance_ratio=Interval(ratio * 1.1, ratio, ratio * 1.2),
        eta={"1": rng.random(), "16": rng.random(), "256": rng.random(), "inf": 1.0},
        learning=Interval(maze, 0.9 * maze, 1.1 * maze),
        lm_gain=Interval(gain, gain - 0.01, gain + 0.01),
        pass_at_k={k: rng.random() for k in PASS_K},
        cost=rng.uniform(0.5, 4),
        authors=f"Group {rng.randint(1, 99)}",
        paper=f"arXiv 25{rng.randint(1, 12):02d}.{rng.randint(10000, 19999)}",
        submission_hash=digest(rng),
        scorer={
            "versions": {"maxpo_bench": f"0.{rng.randint(1, 3)}.0", "torch": "2.13.0"},
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "date": f"2031-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T10:11:12Z",
        },
    )


def synthetic_evidence(one: Entry, names: list[str], rng: random.Random) -> dict[str, Any]:
    """Return evidence of an entry, of the shape that the full suite gives it."""
    ratio = one.b95_ratio.value or 1.0
    return {
        "certificate": [certificate(pair, one.kind, rng) for pair in PAIRS],
        "eta": {
            "groups": GROUPS,
            "share": [1 / (1 + 5 * ratio / groups) for groups in GROUPS],
            "reference": [1 / (1 + 5 / groups) for groups in GROUPS],
        },
        "families": [
            {"family": family, "n": n, "k": k, "b95_ratio": ratio * rng.lognormvariate(0, 0.2), "nsr": 5 * ratio}
            for family in FAMILIES
            for n, k in PAIRS[-4:]
        ],
        "learning": learning(one, rng),
        "language_model": {
            "k": [1, 4, 16, 64],
            "base": [0.051, 0.15, 0.352, 0.61],
            "entry": [rng.uniform(low, low + 0.2) for low in (0.1, 0.25, 0.4, 0.6)],
            "reference": [0.121, 0.282, 0.47, 0.66],
            "seeds": 4,
        },
        "relatives": [{"name": rng.choice(names), "similarity": rng.uniform(0.5, 1)} for _ in range(5)],
        "provenance": [
            ["Suite", one.suite],
            ["Hash of the submission", one.submission_hash],
            ["Sandbox", "strict"],
            ["Scored", one.scorer["date"]],
            ["maxpo_bench", one.scorer["versions"]["maxpo_bench"]],
            ["Commit of the scorer", one.scorer["commit"]],
            ["Protections", "no new privileges, limits, Landlock, seccomp, namespaces"],
            ["Python", "3.11.9"],
            ["torch", "2.13.0"],
            ["Processor", rng.choice(["x86_64", "arm64"])],
        ],
        "command": f"maxpo-bench submit submissions/{one.name} --suite {one.suite}",
        "verification": {
            "date": one.scorer["date"],
            "beacon": digest(rng),
            "agrees": True,
            "by": f"Group {rng.randint(1, 99)}",
            "comparisons": [{"figure": "b95_ratio", "before": ratio, "after": ratio * 1.01, "agrees": True}] * 6,
        }
        if one.status == "verified"
        else None,
    }


def certificate(pair: tuple[int, int], kind: str, rng: random.Random) -> dict[str, Any]:
    """Return one (n, K) of a certificate."""
    n, k = pair
    one_constant = {"exact": 1.0, "proportional": k / n}.get(kind)
    instances = []
    for label in LABELS:
        cosine = math.cos(abs(rng.gauss(0, 0.5))) if kind == "biased" else 1.0
        constant = one_constant or rng.lognormvariate(0, 1)
        residual = math.sqrt(1 - cosine**2) if kind == "biased" else rng.choice([0.0, 1.3e-15, 2e-15])
        instances.append({"label": label, "cosine": cosine, "constant": constant, "residual": residual})
    return {
        "n": n,
        "k": k,
        "kind": kind,
        "constant": one_constant,
        "other_objective": k - 1 if kind == "biased" and rng.random() < 0.1 else None,
        "instances": instances,
    }


def learning(one: Entry, rng: random.Random) -> dict[str, Any]:
    """Return a learning curve with its band."""
    top, speed = one.learning.value or 400.0, rng.uniform(300, 2000)
    mean = [top * (1 - math.exp(-at / speed)) + rng.gauss(0, 0.01 * top) for at in ITERATIONS]
    return {
        "learning_rate": rng.choice([0.03, 0.1, 0.3, 1.0]),
        "tuning": {str(rate): rng.uniform(0, top) for rate in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)},
        "iterations": ITERATIONS,
        "mean": mean,
        "low": [value * rng.uniform(0.88, 0.92) for value in mean],
        "high": [value * rng.uniform(1.08, 1.12) for value in mean],
    }


def synthetic_site(
    size: int = 500, seed: int = 5, *, is_one_class: bool = False
) -> tuple[Leaderboard, dict[str, dict[str, Any]]]:
    """Return a board of ``size`` entries, the reference among them, and everybody's evidence."""
    rng = random.Random(seed)
    kinds = ["exact", "proportional"] if is_one_class else KINDS
    entries = [entry(), *(synthetic_entry(at, rng, kinds) for at in range(size - 1))]
    names = [one.name for one in entries]
    board = Leaderboard("quick-1", entries, {})
    ranks: dict[str, tuple[int, int] | None] = {}
    for _, members in board.sections():
        for place, one in enumerate(members, start=1):
            ranks[one.name] = (place, place + 2) if one.klass not in ("copy", "null") else None
    return Leaderboard("quick-1", entries, ranks), {one.name: synthetic_evidence(one, names, rng) for one in entries}


def small_board_and_evidence() -> tuple[Leaderboard, dict[str, dict[str, Any]]]:
    """Return the sample board with a stateful, a binary, a disputed and a withdrawn entry, and everybody's evidence."""
    rng = random.Random(7)
    sample = sample_board()
    statuses = {"passk_analytic": "verified", "all_subsets": "disputed", "grpo": "withdrawn"}
    entries = [
        replace(one, status=statuses.get(one.name, one.status), domain="binary" if "passk" in one.name else "real")
        for one in sample.entries
    ]
    entries.append(entry("running_mean", "uncertified", None, track="stateful", title="Keeps a running mean"))
    names = [one.name for one in entries]
    evidence = {one.name: synthetic_evidence(one, names, rng) for one in entries}
    evidence["running_mean"] |= {"certificate": [], "families": None, "eta": None, "language_model": None}
    evidence["zero"]["learning"] = None
    return Leaderboard("quick-1", entries, sample.ranks), evidence


def write_small_site(folder: Path, board: Leaderboard, evidence: dict[str, dict[str, Any]]) -> Path:
    """Write a page with a figure and a reported table; return the path of its index."""
    figure = folder / "a_figure.svg"
    figure.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"><path d="M0,0h20v10z"/></svg>')
    table = {"title": "Table 2", "note": "As printed.", "header": ["Model", "pass@1"], "rows": [["M", "40.7"]]}
    return write_site(board, folder / "site", evidence=evidence, figures=[figure], reference=[table])
