"""The evidence behind an entry, against figures recomputed from its stored sums."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from evidence_samples import sample, scored_samples

from maxpo_bench.leaderboard.entry import B95_CAP, Interval
from maxpo_bench.leaderboard.evidence import evidence_of, provenance_lines
from maxpo_bench.leaderboard.fingerprint import similarity
from maxpo_bench.leaderboard.language import frozen_reference
from maxpo_bench.leaderboard.suite import SUITES

KEYS = {
    "certificate",
    "eta",
    "families",
    "learning",
    "language_model",
    "relatives",
    "provenance",
    "command",
    "verification",
}
NAMES = [
    "ei_l2o",
    "ei",
    "grpo",
    "passk_analytic_std",
    "zero",
    "tiny_copy",
    "downhill",
    "mean_reward",
    "smaller_k",
]


def evidence(name):
    return evidence_of(sample(name), scored_samples())


def by_hand(sums):
    """cos, NSR and B95 of one bandit: from the certificate's constant, or from block sums taken as one sample."""
    groups, blocks = sums.num_groups, len(sums.dot)
    mean_square = math.fsum(sums.sum_sq) / groups
    if sums.constant is not None:
        signal = sums.constant**2 * sums.truth_sq
        nsr = mean_square / signal - 1.0
        return 1.0, nsr, 19.0 * nsr
    total = sum(
        value * (1 if row == column else 2)
        for row, values in enumerate(sums.gram)
        for column, value in enumerate(values)
    )
    raw = total / groups**2
    variance = (mean_square - raw) * groups / (groups - 1)
    signal = raw - variance / groups
    projections = [value * blocks / groups for value in sums.dot]
    mean = math.fsum(projections) / blocks
    noise = math.fsum((value - mean) ** 2 for value in projections) / (blocks - 1) / blocks
    square = min(max(mean**2 - noise, 0.0) / (sums.truth_sq * signal), 1.0)
    nsr = variance / signal
    solved = mean > 0 and square > 0.95
    return math.copysign(math.sqrt(square), mean), nsr, 0.95 * nsr / (square - 0.95) if solved else math.inf


@pytest.mark.parametrize("name", NAMES)
def test_evidence_is_plain_json_with_the_promised_keys(name):
    found = evidence(name)
    assert set(found) == KEYS
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("name", ["ei", "grpo", "mean_reward", "smaller_k"])
def test_families_follow_from_the_stored_sums(name):
    rows = evidence(name)["families"]
    instances = SUITES.get("quick").instances()
    assert [(row["family"], row["n"], row["k"]) for row in rows] == [
        (each.family, each.n, each.k) for each in instances
    ]
    assert sum(row["b95_ratio"] is not None for row in rows) >= 4
    for row, ours, theirs in zip(rows, sample(name).noise, sample("ei_l2o").noise, strict=True):
        _, nsr, b95 = by_hand(ours)
        if row["b95_ratio"] is None:  # too noisy for its number of groups
            assert ours.constant is None
            assert max(1000, 50 * nsr) > ours.num_groups
            continue
        ratio = min(b95 / by_hand(theirs)[2], B95_CAP)
        assert row["b95_ratio"] == pytest.approx(ratio, rel=6e-4)
        assert row["nsr"] == pytest.approx(nsr, rel=6e-4)
        assert row["groups"] == (pytest.approx(b95, rel=6e-4) if math.isfinite(b95) else None)
        assert row["solved"] == math.isfinite(b95)
        assert row["b95_low"] <= row["b95_high"]


def test_means_over_several_bandits_of_a_kind_are_geometric(monkeypatch):
    """Two (identical) suites' worth of bandits per kind: a mean over the two of a kind."""
    suite = replace(SUITES.get("quick"), instances_per_family=2)
    monkeypatch.setitem(SUITES._entries, "quick-1", suite)

    def doubled(item, factor):
        second = [
            replace(sums, sum_sq=[factor * value for value in sums.sum_sq]) if sums.constant is not None else sums
            for sums in item.noise
        ]
        return replace(item, noise=[sums for pair in zip(item.noise, second, strict=True) for sums in pair])

    ours, theirs = doubled(sample("ei"), 3.0), doubled(sample("ei_l2o"), 1.0)
    rows = evidence_of(ours, [theirs, ours])["families"]
    assert len(rows) == 8
    for index, row in enumerate(rows):
        logs = [math.log(by_hand(sums)[1]) for sums in ours.noise[2 * index : 2 * index + 2]]
        base = [math.log(by_hand(sums)[1]) for sums in theirs.noise[2 * index : 2 * index + 2]]
        assert row["nsr"] == pytest.approx(math.exp(np.mean(logs)), rel=6e-4)
        assert row["b95_ratio"] == pytest.approx(math.exp(np.mean(logs) - np.mean(base)), rel=6e-4)


def test_the_reference_is_level_with_itself():
    for row in evidence("ei_l2o")["families"]:
        assert row["b95_low"] == row["b95_ratio"] == row["b95_high"] == 1.0


def test_eta_follows_from_the_stored_sums():
    for name in ("ei", "mean_reward"):
        curve = evidence(name)["eta"]
        assert curve["groups"] == [2**power for power in range(13)]
        if curve["share"] is None:
            assert sample(name).entry.solved is None
            continue
        metrics = [by_hand(sums) for sums in sample(name).noise]
        for groups, share in zip(curve["groups"], curve["share"], strict=True):
            expected = np.mean([cos**2 / (1 + nsr / groups) if cos > 0 else 0.0 for cos, nsr, _ in metrics])
            assert share == pytest.approx(expected, rel=6e-4)
    exact = evidence("ei")["eta"]
    assert exact["share"] == sorted(exact["share"])
    assert exact["reference"] == evidence("ei_l2o")["eta"]["share"]


def test_what_is_defined_for_binary_rewards_only_has_no_eta_but_its_families():
    found = evidence("passk_analytic_std")
    assert found["eta"]["share"] is None
    assert found["eta"]["reference"] is not None
    assert {row["family"] for row in found["families"] if row["b95_ratio"] is not None} <= {"rare", "binary"}
    assert all(row["nsr"] is None for row in found["families"] if row["family"] not in ("rare", "binary"))


def test_certificate_is_that_of_the_score():
    for name in NAMES:
        stored, found = sample(name).certificate, evidence(name)["certificate"]
        assert [(pair["n"], pair["k"], pair["kind"]) for pair in found] == [
            (pair["n"], pair["k"], pair["kind"]) for pair in stored["pairs"]
        ]
        assert sum(len(pair["instances"]) for pair in found) == len(stored["instances"])
        cosines = [item["cosine"] for pair in found for item in pair["instances"]]
        assert min(cosines) == pytest.approx(stored["cosine_min"], abs=1e-8)
    assert all(pair["constant"] == 1.0 for pair in evidence("ei")["certificate"])
    assert {pair["other_objective"] for pair in evidence("mean_reward")["certificate"]} == {1}
    assert all(pair["other_objective"] == pair["k"] - 1 for pair in evidence("smaller_k")["certificate"])


def test_relatives_are_the_closest_up_to_scale():
    found = evidence("tiny_copy")["relatives"]
    assert found[0] == {"name": "ei_l2o", "similarity": 1.0}
    assert len(found) == 5
    values = [item["similarity"] for item in found]
    assert values == sorted(values, reverse=True)
    assert evidence("zero")["relatives"] == []
    against = {item["name"]: item["similarity"] for item in evidence("downhill")["relatives"]}
    assert set(against.values()) == {0.0}


def test_similarity_is_the_cosine_of_raw_answers():
    """Against the answers themselves at one (n, K), without the stored normalisation."""
    import torch

    from maxpo_bench.estimators import ei, ei_l2o
    from maxpo_bench.leaderboard.fingerprint import _inputs

    key = "real-n16-k4"
    left, right = (function(_inputs("real", 16), 4).flatten() for function in (ei, ei_l2o))
    expected = float(torch.nn.functional.cosine_similarity(left, right, dim=0))
    one, other = ({key: sample(name).fingerprint[key]} for name in ("ei", "ei_l2o"))
    assert similarity(one, other) == pytest.approx(expected, abs=1e-8)
    assert similarity(one, {"binary-n6-k2": [1.0]}) is None


def test_learning_shows_tuning_and_curve():
    learning = evidence("ei")["learning"]
    assert learning["learning_rate"] in (0.1, 1.0)
    assert set(learning["tuning"]) == {"0.1", "1.0"}
    assert learning["iterations"] == [20, 40, 60]
    stored = sample("ei").learning["curve"]
    assert all(learning[key] == stored[key] for key in ("mean", "low", "high"))
    without = {key: value for key, value in sample("ei").learning.items() if key != "curve"}
    old = evidence_of(replace(sample("ei"), learning=without), scored_samples())["learning"]
    assert old["tuning"] == learning["tuning"]
    assert old["mean"] is None
    assert evidence("passk_analytic_std")["learning"] is None


def test_language_model_is_shown_beside_the_frozen_run():
    assert evidence("ei")["language_model"] is None
    item = sample("ei")
    passed = {"1": 0.25, "4": 0.375, "16": 0.5, "64": 0.625}
    entry = replace(item.entry, pass_at_k=passed, lm_gain=Interval(0.01, -0.1, 0.1))
    found = evidence_of(replace(item, entry=entry), scored_samples())["language_model"]
    frozen = frozen_reference()
    assert found["k"] == [1, 4, 16, 64]
    assert found["entry"] == list(passed.values())
    assert found["seeds"] == len(frozen.runs)
    for index, k in enumerate(found["k"]):
        assert found["reference"][index] == pytest.approx(np.mean([run.passed[k] for run in frozen.runs]), rel=6e-4)
        assert found["base"][index] == pytest.approx(np.mean([run.base[k] for run in frozen.runs]), rel=6e-4)


def test_provenance_and_command_name_what_reproduces_the_entry():
    lines = dict(provenance_lines(replace(sample("ei").entry, scorer={"seed": 0, "protections": ["a", "b"], "new": 3})))
    assert lines["Suite"] == "quick-1"
    assert lines["Hash of the submission"] == sample("ei").entry.submission_hash
    assert lines["Root of the seeds"] == "0"
    assert lines["Protections"] == "a, b"
    assert lines["new"] == "3"
    assert evidence("ei")["command"] == "maxpo-bench leaderboard --score --force --suite quick-1"
    assert evidence("zero")["command"] == "maxpo-bench submit submissions/zero --suite quick-1"
    assert all(len(line) == 2 and all(isinstance(part, str) for part in line) for line in evidence("ei")["provenance"])


def test_verification_is_passed_on():
    assert evidence("ei")["verification"] is None
    last = {"date": "2031-02-03", "beacon": "b", "agrees": True, "by": "", "comparisons": []}
    item = replace(sample("ei"), entry=replace(sample("ei").entry, status="verified", verification=last))
    assert evidence_of(item, scored_samples())["verification"] == last


def test_the_reference_and_the_right_bandits_are_needed():
    with pytest.raises(ValueError, match="no score of the reference ei_l2o"):
        evidence_of(sample("ei"), [sample("ei")])
    with pytest.raises(ValueError, match="score them again"):
        evidence_of(replace(sample("ei"), noise=sample("ei").noise[:3]), scored_samples())
