"""Records of the language-model track from the experiment `reproduce tiny-lm`, where its settings are the track's."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maxpo_bench.leaderboard.language import LanguageRecord, LanguageRun
from maxpo_bench.leaderboard.language_track import LanguageTrack
from maxpo_bench.llm.methods import CALLED
from maxpo_bench.registry import suggest

TABLE, REPORT = "tiny-lm.csv", "tiny-lm.json"
_PARTS = ("tuning", "evaluation")

Line = Mapping[str, str]


def imported(
    folder: Path, track: LanguageTrack, name: str, digest: str, provenance: Mapping[str, Any]
) -> LanguageRecord:
    """Return the record of a built-in estimator from the experiment's table.

    The table holds mean pass@k by seed, to twelve digits, and no counts of single problems.

    Args:
        folder: holds `TABLE` and `REPORT`.
        track: the rules that the experiment must have followed.
        name: of the estimator.
        digest: SHA-256 of its source.
        provenance: what the record says of its making; the table's hash is added.

    Raises:
        ValueError: the experiment had other settings or seeds, did not train this estimator, or the files are damaged.
        FileNotFoundError: a file is missing.
    """
    report, table = folder / REPORT, folder / TABLE
    setting = _setting(report)
    if differences := track.differences(setting):
        raise ValueError(f"{report}: not an experiment by the rules of {track.name}: {'; '.join(differences)}")
    raw = table.read_bytes()
    lines = list(csv.DictReader(raw.decode().splitlines()))
    method = CALLED.get(name, name)
    trained = sorted({line["method"] for line in lines})
    if method not in trained:
        raise ValueError(f"{table}: the experiment did not train {name}.{suggest(method, trained)}")
    own = [line for line in lines if line["method"] == method]
    tuning, evaluation = ([line for line in own if line["seeds"] == part] for part in _PARTS)
    tuned = {rate: _tuning(tuning, rate, track) for rate in track.learning_rates}
    rate = max(track.learning_rates, key=lambda each: sum(tuned[each]))
    return LanguageRecord(
        name=name,
        digest=digest,
        track=track,
        learning_rate=rate,
        tuning=tuned,
        runs=[_run(evaluation, rate, seed, track) for seed in track.evaluation_seeds()],
        provenance={**provenance, "table": TABLE, "table_sha256": hashlib.sha256(raw).hexdigest()},
    )


def _setting(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["setting"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no stored experiment ({error}): reproduce it again") from error


def _tuning(lines: Sequence[Line], rate: float, track: LanguageTrack) -> list[float]:
    return [_share(lines, rate, seed, track.k, "pass_at_k") for seed in track.tuning_seeds()]


def _run(lines: Sequence[Line], rate: float, seed: int, track: LanguageTrack) -> LanguageRun:
    passed = {k: _share(lines, rate, seed, k, "pass_at_k") for k in track.ks}
    return LanguageRun(seed, passed, {k: _share(lines, rate, seed, k, "base_pass_at_k") for k in track.ks})


def _share(lines: Sequence[Line], rate: float, seed: int, k: int, column: str) -> float:
    """Return one figure of the table.

    Raises:
        ValueError: it is not there exactly once.
    """
    found = [
        line[column]
        for line in lines
        if float(line["learning_rate"]) == rate and int(line["seed"]) == seed and int(line["k"]) == k
    ]
    if len(found) != 1:
        raise ValueError(
            f"{TABLE} holds {len(found)} lines for learning rate {rate:g}, seed {seed}, k = {k} instead of one: it is "
            "not the experiment's table"
        )
    return float(found[0])
