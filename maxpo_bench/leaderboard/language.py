"""The language-model column: what is stored of an estimator's training runs, and what of it stands in the table.

``<results>/<suite>/<name>/<submission hash>/tiny-lm.json`` lies beside the score. An entry's gain is relative to a
reference that is part of this package and never changes, so that no entry moves another's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from maxpo_bench.leaderboard.checks import check_keys, json_object, number
from maxpo_bench.leaderboard.entry import PASS_K, Entry, Interval
from maxpo_bench.leaderboard.language_track import TINY_LM_1, LanguageTrack, track_of
from maxpo_bench.leaderboard.store import ScoredEntry, path_of, publish
from maxpo_bench.stats import mean_interval

SCHEMA = 1
FILE = "tiny-lm.json"
FROZEN = Path(__file__).with_name("frozen")
GAIN_K = 64
"""The k of the gain over the reference."""


@dataclass(frozen=True)
class LanguageRun:
    """One evaluation seed.

    Attributes:
        seed: root of pretraining, problems and training.
        passed: k -> pass@k after training, a share, mean over the held-out problems.
        base: the same of the model that training started from.
        correct: correct ones among the samples of each held-out problem, problems in ascending order of their ids;
            None where only the means were kept.
    """

    seed: int
    passed: Mapping[int, float]
    base: Mapping[int, float]
    correct: Sequence[int] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "seed": self.seed,
            "pass_at_k": {str(k): value for k, value in self.passed.items()},
            "base_pass_at_k": {str(k): value for k, value in self.base.items()},
            "correct": None if self.correct is None else list(self.correct),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], track: LanguageTrack) -> LanguageRun:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: a key is missing or unknown, a share is outside [0, 1], or the counts are not the track's.
            TypeError: something is not a number.
        """
        check_keys(data, ("seed", "pass_at_k", "base_pass_at_k", "correct"), "run")
        where = f"seed {data['seed']}: "
        passed, base = (_shares(data[name], track, where + name) for name in ("pass_at_k", "base_pass_at_k"))
        return cls(int(data["seed"]), passed, base, _counts(data["correct"], track, where + "correct"))


@dataclass(frozen=True)
class LanguageRecord:
    """The runs of one estimator on the language-model track.

    Attributes:
        name: of the entry.
        digest: SHA-256 of its source, as in the score.
        track: the rules it was trained by.
        learning_rate: chosen on the tuning seeds.
        tuning: learning rate -> pass@K on each tuning seed.
        runs: one per evaluation seed, in the track's order.
        provenance: how the runs came about (``how``: "trained" or "imported"), date, versions.
        sandbox: level that the estimator's code ran under: ``none``, ``basic`` or ``strict``.
    """

    name: str
    digest: str
    track: LanguageTrack
    learning_rate: float
    tuning: Mapping[float, Sequence[float]]
    runs: Sequence[LanguageRun]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    sandbox: str = "none"

    def __post_init__(self) -> None:
        seeds = [run.seed for run in self.runs]
        if seeds != self.track.evaluation_seeds():
            raise ValueError(f"{self.name}: the seeds {seeds} are not those of {self.track.name}: train it again")
        if self.learning_rate not in self.tuning or sorted(self.tuning) != sorted(self.track.learning_rates):
            raise ValueError(f"{self.name}: the learning rates are not those of {self.track.name}: train it again")

    def at(self, k: int) -> np.ndarray:
        """pass@k after training by seed, [S]."""
        return np.array([run.passed[k] for run in self.runs])

    def base_at(self, k: int) -> np.ndarray:
        """pass@k before training by seed, [S]."""
        return np.array([run.base[k] for run in self.runs])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "submission_hash": self.digest,
            "track": self.track.to_dict(),
            "learning_rate": self.learning_rate,
            "tuning": {str(rate): list(values) for rate, values in self.tuning.items()},
            "runs": [run.to_dict() for run in self.runs],
            "provenance": json_object(self.provenance, f"{self.name}: provenance"),
            "sandbox": self.sandbox,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], track: LanguageTrack = TINY_LM_1) -> LanguageRecord:
        """Read what `to_dict` wrote.

        Args:
            data: the JSON form.
            track: the rules that it must have been made by.

        Raises:
            ValueError: another schema, other rules, a key is missing or unknown, or a value is out of its range.
            TypeError: something has the wrong type.
        """
        keys = ("schema", "name", "submission_hash", "track", "learning_rate", "tuning", "runs", "provenance")
        check_keys(data, (*keys, "sandbox"), "language-model record")
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']!r} is not {SCHEMA}: train it again")
        if differences := track.differences(data["track"]):
            raise ValueError(f"it was not made by the rules of {track.name}: {'; '.join(differences)}")
        return cls(
            name=str(data["name"]),
            digest=str(data["submission_hash"]),
            track=track,
            learning_rate=float(data["learning_rate"]),
            tuning={float(rate): [float(each) for each in values] for rate, values in data["tuning"].items()},
            runs=[LanguageRun.from_dict(run, track) for run in data["runs"]],
            provenance=json_object(data["provenance"], "provenance"),
            sandbox=str(data["sandbox"]),
        )


def language_path(results: Path, suite: str, name: str, digest: str) -> Path:
    """Where the runs of one version of an entry are stored.

    Raises:
        ValueError: a part is no plain file name, or the digest is shorter than 16 characters.
    """
    return path_of(results, suite, name, digest).with_name(FILE)


def save_language(results: Path, suite: str, record: LanguageRecord) -> Path:
    """Write a record in one step, in place of an earlier one of the same version."""
    path = language_path(results, suite, record.name, record.digest)
    publish(path, json.dumps(record.to_dict(), sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")
    return path


def load_language(path: Path, track: LanguageTrack = TINY_LM_1) -> LanguageRecord | None:
    """Read a record; None where there is no file, or one that was made by another version of the track.

    Raises:
        ValueError: the file is damaged; the message names it.
    """
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["track"]["name"] != track.name:
            return None
        return LanguageRecord.from_dict(data, track)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        what = f"{type(error).__name__} {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{path} is no record of the language-model track ({what}): restore it, or move it away and call "
            "`maxpo-bench score-lm` again"
        ) from error


@cache
def frozen_reference(track: LanguageTrack | None = None) -> LanguageRecord:
    """Return the runs of ``ei_l2o`` that gains are relative to; they are part of the package and do not change.

    Args:
        track: whose; None: `TINY_LM_1`.

    Raises:
        ValueError: the track has none, or the file is damaged.
    """
    track = track or TINY_LM_1
    path = FROZEN / f"{track.name}.json"
    found = load_language(path, track)
    if found is None:
        raise ValueError(f"{path} is missing: the package is not installed completely")
    return found


def gain(record: LanguageRecord, reference: LanguageRecord, k: int = GAIN_K) -> Interval:
    """Return pass@k of a record minus the reference's, paired by seed, with a 95 % interval.

    Student's interval over the seeds: each seed has a pretraining, problems and samples of its own, so that the spread
    between seeds holds the noise of all of them. A bootstrap of so few seeds would be too narrow.

    Args:
        record: the entry's runs.
        reference: the frozen ones, of the same track.
        k: of pass@k.

    Returns:
        A difference of shares, the ends cut to [-1, 1].
    """
    found = mean_interval(record.at(k) - reference.at(k))
    return Interval.of(found.estimate, max(-1.0, found.low), min(1.0, found.high))


def fill(entry: Entry, record: LanguageRecord | None, reference: LanguageRecord) -> Entry:
    """Return the entry with its language-model columns; None in all of them without a record."""
    if record is None:
        return replace(entry, pass_at_k=dict.fromkeys(PASS_K), lm_gain=Interval())
    passed = {key: float(record.at(int(key)).mean()) for key in PASS_K}
    return replace(entry, pass_at_k=passed, lm_gain=gain(record, reference))


def record_of(results: Path, entry: Entry) -> LanguageRecord | None:
    """Read the record that belongs to an entry, None without one.

    Raises:
        ValueError: the file is damaged.
    """
    track = track_of(entry.suite)
    return load_language(language_path(results, entry.suite, entry.name, entry.submission_hash), track)


def with_language_model(results: Path, scored: Sequence[ScoredEntry]) -> list[ScoredEntry]:
    """Return stored scores with their language-model columns filled, in their order.

    Raises:
        ValueError: a record is damaged; the message names the file.
    """
    return [
        replace(
            item,
            entry=fill(item.entry, record_of(results, item.entry), frozen_reference(track_of(item.entry.suite))),
        )
        for item in scored
    ]


def figures(record: LanguageRecord, reference: LanguageRecord) -> dict[str, Any]:
    """Return mean pass@k at `PASS_K` before training, after it and of the reference, for a page.

    Returns:
        ``k``, ``base``, ``entry``, ``reference`` (lists of one length), ``seeds`` (their number), ``learning_rate``
        and ``how`` ("trained" or "imported").
    """
    ks = [int(key) for key in PASS_K]
    return {
        "k": ks,
        "base": [float(record.base_at(k).mean()) for k in ks],
        "entry": [float(record.at(k).mean()) for k in ks],
        "reference": [float(reference.at(k).mean()) for k in ks],
        "seeds": len(record.runs),
        "learning_rate": record.learning_rate,
        "how": str(record.provenance.get("how", "")),
    }


def _shares(data: Mapping[str, Any], track: LanguageTrack, where: str) -> dict[int, float]:
    check_keys(data, [str(k) for k in track.ks], where)
    found: dict[int, float] = {}
    for key, value in data.items():
        share = number(value, f"{where}[{key}]")
        if share is None or not 0 <= share <= 1:
            raise ValueError(f"{where}[{key}] must be a share in [0, 1], got {value!r}")
        found[int(key)] = share
    return dict(sorted(found.items()))


def _counts(data: Sequence[Any] | None, track: LanguageTrack, where: str) -> tuple[int, ...] | None:
    if data is None:
        return None
    counts = tuple(int(count) for count in data)
    if len(counts) != track.problems or not all(0 <= count <= track.samples for count in counts):
        raise ValueError(f"{where} must be {track.problems} counts from 0 to {track.samples}")
    return counts
