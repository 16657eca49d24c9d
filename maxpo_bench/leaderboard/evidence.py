"""What is behind an entry's row, as plain JSON: what the row opens to on the page, and what `explain` prints.

Everything is computed from stored scores; nothing is run again. Numbers are rounded to `DIGITS` significant digits.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from maxpo_bench.leaderboard.entry import Entry
from maxpo_bench.leaderboard.evidence_noise import ETA_BATCHES, eta_curve, family_figures, reference_of
from maxpo_bench.leaderboard.fingerprint import similarity
from maxpo_bench.leaderboard.store import ScoredEntry

DIGITS = 4
RELATIVES = 5
"""Most relatives that are named."""
ROUNDING = 1e-15
"""What is smaller is rounding noise of float64, and written as 0."""

_SCORER_WORDS = {
    "date": "Scored",
    "first": "First scored",
    "maxpo_bench": "maxpo_bench",
    "commit": "Commit of the scorer",
    "source": "Hash of the scorer",
    "protections": "Protections",
    "seed": "Root of the seeds",
    "python": "Python",
    "torch": "torch",
    "numpy": "NumPy",
    "gymnasium": "Gymnasium",
    "processor": "Processor",
}


def evidence_of(scored: ScoredEntry, stored: Sequence[ScoredEntry]) -> dict[str, Any]:
    """Collect the evidence of one entry.

    Args:
        scored: the entry with its raw sums.
        stored: all stored scores of its suite, the reference among them.

    Returns:
        Plain JSON; None stands for what is not known, not defined or infinite.

        - ``certificate``: one item for each (n, K): ``n``, ``k``, ``kind``, ``constant``, ``other_objective`` (the
          other K' whose gradient E[g_hat] follows) and ``instances`` (``label``, ``cosine``, ``constant``,
          ``residual``).
        - ``eta``: ``groups``, ``share`` and ``reference``: share of the exact-gradient step kept when so many groups
          are averaged, mean over the suite's bandits.
        - ``families``: for each kind of bandit at each (n, K), geometric means over its bandits: ``family``, ``n``,
          ``k``, ``b95_ratio`` with ``b95_low`` and ``b95_high`` (relative to the reference), ``nsr``, ``groups``
          (B95 itself) and ``solved`` (share with a finite B95).
        - ``learning``: ``learning_rate``, ``tuning``, ``iterations``, ``mean``, ``low``, ``high``.
        - ``language_model``: ``k``, ``base``, ``entry``, ``reference`` (pass@k before training, after it, and after
          training with the frozen reference) and ``seeds``.
        - ``relatives``: ``name`` and ``similarity`` of the entries with the most similar advantages, closest first.
        - ``provenance``: pairs of words and values.
        - ``command``: what reproduces the entry.
        - ``verification``: the last one.

    Raises:
        ValueError: ``stored`` lacks the reference, or the raw sums are not those of the entry's suite.
    """
    entry, reference = scored.entry, reference_of(stored)
    return {
        "certificate": _certificate(scored.certificate),
        "eta": _eta(scored, reference),
        "families": [
            {key: rounded(value) if isinstance(value, float) else value for key, value in figures.items()}
            for figures in family_figures(scored, reference)
        ],
        "learning": _learning(scored.learning),
        "language_model": _language_model(entry),
        "relatives": relatives(scored, stored),
        "provenance": provenance_lines(entry),
        "command": command_of(entry),
        "verification": dict(entry.verification) or None,
    }


def rounded(value: float | None) -> float | None:
    """Round to `DIGITS` significant digits; None stays None."""
    if value is None:
        return None
    return 0.0 if abs(value) < ROUNDING else float(f"{value:.{DIGITS}g}")


def relatives(scored: ScoredEntry, stored: Sequence[ScoredEntry]) -> list[dict[str, Any]]:
    """Return the entries whose advantages are most similar up to scale, closest first, at most `RELATIVES`."""
    found = [
        (item.entry.name, similarity(scored.fingerprint, item.fingerprint))
        for item in stored
        if item.entry.name != scored.entry.name
    ]
    known = [(name, value) for name, value in found if value is not None]
    closest = sorted(known, key=lambda pair: (-pair[1], pair[0]))[:RELATIVES]
    return [{"name": name, "similarity": float(f"{value:.6f}")} for name, value in closest]


def provenance_lines(entry: Entry) -> list[list[str]]:
    """Return where an entry's numbers come from, as pairs of words and values."""
    lines = [["Suite", entry.suite], ["Hash of the submission", entry.submission_hash], ["Sandbox", entry.sandbox]]
    known = [key for key in _SCORER_WORDS if key in entry.scorer]
    others = sorted(key for key in entry.scorer if key not in _SCORER_WORDS)
    lines += [[_SCORER_WORDS.get(key, key), _words(entry.scorer[key])] for key in [*known, *others]]
    return [[name, value] for name, value in lines if value]


def command_of(entry: Entry) -> str:
    """Return the command that scores the entry again."""
    if entry.origin == "built-in":
        return f"maxpo-bench leaderboard --score --force --suite {entry.suite}"
    return f"maxpo-bench submit {shlex.quote(f'submissions/{entry.name}')} --suite {entry.suite}"


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    return str(value)


def _certificate(certificate: Mapping[str, Any]) -> list[dict[str, Any]]:
    instances = certificate.get("instances", [])
    return [
        {
            "n": pair["n"],
            "k": pair["k"],
            "kind": pair["kind"],
            "constant": _constant(pair["constant"]),
            "other_objective": pair["other_objective"],
            "instances": [
                {
                    "label": item["instance"],
                    "cosine": _cosine(item["cosine"]),
                    "constant": _constant(item["constant"]),
                    "residual": rounded(item["residual"]),
                }
                for item in instances
                if (item["n"], item["k"]) == (pair["n"], pair["k"])
            ],
        }
        for pair in certificate.get("pairs", [])
    ]


def _constant(value: float | None) -> float | None:
    """Round a constant of proportionality to what the certificate can tell, ten digits: 1 is 1, 1/3 ten threes."""
    return None if value is None else float(f"{value:.10g}")


def _cosine(value: float | None) -> float | None:
    """Round a cosine; one that is not 1 within the certificate's tolerance never becomes 1."""
    return None if value is None else float(f"{value:.9f}")


def _eta(scored: ScoredEntry, reference: ScoredEntry) -> dict[str, Any]:
    ours, theirs = eta_curve(scored.noise), eta_curve(reference.noise)
    return {
        "groups": list(ETA_BATCHES),
        "share": None if ours is None else [rounded(value) for value in ours],
        "reference": None if theirs is None else [rounded(value) for value in theirs],
    }


def _learning(learning: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if learning is None:
        return None
    curve = learning.get("curve") or dict.fromkeys(("iterations", "mean", "low", "high"))
    return {
        "learning_rate": learning["learning_rate"],
        "tuning": {rate: rounded(value) for rate, value in learning["tuning"].items()},
        **{key: curve[key] for key in ("iterations", "mean", "low", "high")},
    }


def _language_model(entry: Entry) -> dict[str, Any] | None:
    """Return pass@k; everybody starts from the same pretrained models, so before training the reference's holds."""
    if any(value is None for value in entry.pass_at_k.values()):
        return None
    from maxpo_bench.leaderboard.language import frozen_reference
    from maxpo_bench.leaderboard.language_track import track_of

    frozen = frozen_reference(track_of(entry.suite))
    ks = [int(key) for key in entry.pass_at_k]
    return {
        "k": ks,
        "base": [rounded(float(frozen.base_at(k).mean())) for k in ks],
        "entry": [rounded(value) for value in entry.pass_at_k.values()],
        "reference": [rounded(float(frozen.at(k).mean())) for k in ks],
        "seeds": len(frozen.runs),
    }
