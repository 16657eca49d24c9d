"""The language-model column: its rules, its stored records, and what of them stands in the table."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from language_samples import BASE, record
from leaderboard_samples import entry
from scipy import stats

from maxpo_bench.leaderboard import language
from maxpo_bench.leaderboard.entry import Interval
from maxpo_bench.leaderboard.language_track import TINY_LM_1, LanguageTrack, track_of
from maxpo_bench.leaderboard.store import ScoredEntry
from maxpo_bench.registry import UnknownNameError
from maxpo_bench.reproduce.llm.sizes import size_of

DIGEST = "cd" * 32


def scored(name="mine", digest=DIGEST, **changes):
    row = entry(name, origin="submission", submission_hash=digest, **changes)
    return ScoredEntry(row, [], None, {}, {}, [])


def damaged(**changes):
    return json.dumps(record(digest=DIGEST).to_dict() | changes)


def test_the_rules_are_those_of_the_experiment():
    """The track and `reproduce tiny-lm` at its full size ask for the same, so that its runs can be taken over."""
    assert TINY_LM_1.differences(vars(size_of("paper"))) == []
    assert TINY_LM_1.differences(vars(size_of("paper")) | {"steps": 401}) == ["steps is 401 instead of 400"]


def test_tuning_seeds_are_not_scored():
    seeds = TINY_LM_1.tuning_seeds() + TINY_LM_1.evaluation_seeds()
    assert len(set(seeds)) == len(seeds) == TINY_LM_1.tuning + TINY_LM_1.seeds
    assert TINY_LM_1.num_runs == 4 * 1 + 4
    assert TINY_LM_1.ks == (1, 2, 4, 8, 16, 32, 64, 128)
    assert LanguageTrack("other", samples=100).ks[-1] == 64


def test_every_suite_has_the_track():
    assert track_of("full") is track_of("quick-1") is TINY_LM_1
    with pytest.raises(UnknownNameError, match="suite"):
        track_of("fulll")


def test_a_record_survives_the_disk(tmp_path):
    stored = record(digest=DIGEST)
    path = language.save_language(tmp_path, "full-1", stored)
    assert path == tmp_path / "full-1" / "mine" / DIGEST[:16] / "tiny-lm.json"
    found = language.load_language(path)
    assert found.to_dict() == stored.to_dict()
    assert language.save_language(tmp_path, "full-1", found).read_bytes() == path.read_bytes()
    assert [each.name for each in path.parent.iterdir()] == ["tiny-lm.json"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting"),
        ("[]", "list"),
        (damaged(schema=9), "schema 9"),
        (damaged(runs=[]), "seeds"),
        (damaged(track=replace(TINY_LM_1, steps=401).to_dict()), "steps is 401 instead of 400"),
        (damaged(learning_rate=3.0), "learning rates"),
        (damaged(more=1), "unknown 'more'"),
        (damaged().replace(f": {BASE}", ": 1.5", 1), r"share in \[0, 1\]"),
        (damaged().replace(f": {BASE}", ": NaN", 1), "finite"),
        (damaged().replace("[1, 1,", "[1,", 1), "512 counts"),
        (damaged().replace("[1, 1,", "[1, 129,", 1), "512 counts"),
    ],
)
def test_a_damaged_record_is_named_with_the_remedy(tmp_path, text, said):
    path = tmp_path / "tiny-lm.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        language.load_language(path)
    assert str(path) in str(caught.value)
    assert "score-lm" in str(caught.value)


def test_another_version_of_the_track_is_no_record_of_this_one(tmp_path):
    path = tmp_path / "tiny-lm.json"
    path.write_text(damaged(track=replace(TINY_LM_1, name="tiny-lm-0").to_dict()))
    assert language.load_language(path) is None
    assert language.load_language(tmp_path / "nothing.json") is None


def test_gain_is_paired_by_seed_with_students_interval():
    own, reference = (0.5, 0.62, 0.71, 0.8), (0.45, 0.61, 0.65, 0.7)
    found = language.gain(record(passed=own), record(passed=reference))
    expected = stats.ttest_rel(own, reference).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(np.subtract(own, reference)))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    unpaired = stats.ttest_ind(own, reference).confidence_interval(0.95)
    assert found.high - found.low < (unpaired.high - unpaired.low) / 3


def test_ends_of_a_gain_are_differences_of_shares():
    found = language.gain(record(passed=(1, 1, 1, 0)), record(passed=(0, 0, 0, 1)))
    assert (found.value, found.low, found.high) == (0.5, -1.0, 1.0)


def test_columns_of_an_entry_with_a_record():
    filled = language.fill(entry(), record(), record(passed=(0.4, 0.5, 0.6, 0.7)))
    assert filled.pass_at_k == pytest.approx({"1": 0.65, "4": 0.65, "16": 0.65, "64": 0.65})
    assert filled.lm_gain.value == pytest.approx(0.1)


def test_columns_are_empty_without_a_record():
    filled = language.fill(language.fill(entry(), record(), record()), None, record())
    assert filled.pass_at_k == {"1": None, "4": None, "16": None, "64": None}
    assert filled.lm_gain == Interval()


def test_a_table_takes_each_entrys_own_record_and_no_entry_moves_another(tmp_path):
    language.save_language(tmp_path, "quick-1", record(digest=DIGEST))
    others = [scored("other"), scored(digest="ef" * 32, name="newer")]
    together = language.with_language_model(tmp_path, [others[0], scored(), others[1]])
    assert [item.entry.name for item in together] == ["other", "mine", "newer"]
    assert [item.entry.lm_gain.value is None for item in together] == [True, False, True]
    assert language.with_language_model(tmp_path, [scored()]) == [together[1]]
    newer = language.with_language_model(tmp_path, [scored(digest="ef" * 32)])
    assert newer[0].entry.lm_gain == Interval(), "the record belongs to another version of the code"


def test_the_frozen_reference_is_the_measured_ei_l2o():
    reference = language.frozen_reference()
    assert (reference.name, reference.track) == ("ei_l2o", TINY_LM_1)
    assert language.gain(reference, reference) == Interval(0.0, 0.0, 0.0)
    told = language.figures(reference, reference)
    assert (told["k"], told["seeds"]) == ([1, 4, 16, 64], 4)
    assert told["entry"] == told["reference"]
    assert all(0 < low < high < 1 for low, high in zip(told["entry"], told["entry"][1:], strict=False))


def test_the_frozen_reference_is_what_the_repository_s_experiment_says():
    table = Path(__file__).resolve().parents[2] / "results" / "tiny-lm.csv"
    if not table.is_file():
        pytest.skip(f"{table} is not part of this copy")
    rows = np.genfromtxt(table, delimiter=",", names=True, dtype=None, encoding="utf-8")
    for run in language.frozen_reference().runs:
        of_seed = (rows["method"] == "maxpo") & (rows["seeds"] == "evaluation") & (rows["seed"] == run.seed)
        mine = {int(row["k"]): float(row["pass_at_k"]) for row in rows[of_seed]}
        assert mine == run.passed
    tuned = rows[(rows["method"] == "maxpo") & (rows["seeds"] == "tuning") & (rows["k"] == 4)]
    assert tuned["learning_rate"][np.argmax(tuned["pass_at_k"])] == 5e-5


def test_without_the_reference_the_package_is_incomplete():
    with pytest.raises(ValueError, match="not installed completely"):
        language.frozen_reference(replace(TINY_LM_1, name="tiny-lm-9"))
