"""Every variant against a reference, on records with known scores."""

import json

import numpy as np
import pytest
from run_records import BANDIT, MAZE, run, runs

from maxpo_bench.stats import iqm
from maxpo_bench.sweep.comparability import reference_of, seed_text
from maxpo_bench.sweep.comparison import compare
from maxpo_bench.sweep.score_reading import read_scores


def by_name(compared):
    return {variant.name: variant for variant in compared.variants}


def test_a_variant_is_summarised_over_runs_and_compared_with_the_reference():
    records = runs("reinforce", [1, 2, 3, 4]) + runs("ei", [2, 3, 4, 10])
    compared = compare(records)
    assert (compared.scores.metric, compared.tasks, compared.seeds) == ("return_mean", (MAZE,), (0, 1, 2, 3))
    assert [variant.name for variant in compared.variants] == ["ei", "reinforce"]
    ei, reinforce = compared.variants
    assert ei.iqm.estimate == pytest.approx(iqm([2, 3, 4, 10])) == 3.5
    assert ei.mean.estimate == pytest.approx(4.75)
    assert ei.iqm.low < 3.5 < ei.iqm.high
    wins = 1 * 1 + 2 * 1 + 3 * 1 + 4 + 3 * 0.5
    assert ei.improvement is not None
    assert ei.improvement.estimate == pytest.approx(wins / 16)
    assert ei.task_improvements == {MAZE: pytest.approx(wins / 16)}
    assert (ei.reference, ei.gap, ei.timesteps) == ("reinforce", None, 100.0)
    assert (reinforce.reference, reinforce.improvement, reinforce.task_improvements) == (None, None, None)


def test_several_tasks_are_normalised_and_weigh_alike():
    short, long = {"length": 10}, {"length": 100}
    records = [
        *runs("reinforce", [1, 1], env_kwargs=short) + runs("reinforce", [20, 20], env_kwargs=long),
        *runs("ei", [5, 5], env_kwargs=short) + runs("ei", [10, 10], env_kwargs=long),
    ]
    ei = by_name(compare(records))["ei"]
    assert ei.mean.estimate == pytest.approx(0.3)
    assert ei.gap is not None
    assert ei.gap.estimate == pytest.approx(0.7)
    assert ei.improvement is not None
    assert ei.improvement.estimate == 0.5
    assert ei.task_improvements == {f"{MAZE} (length=10)": 1.0, f"{MAZE} (length=100)": 0.0}
    assert ei.task_means == {f"{MAZE} (length=10)": 0.5, f"{MAZE} (length=100)": 0.1}


def test_the_reference_is_reinforce_or_the_first_or_the_one_asked_for():
    records = runs("ei", [1, 2]) + runs("ei_l2o", [1, 2])
    scores = read_scores(records)
    assert reference_of(scores, None) == "ei"
    assert reference_of(scores, "maxpo") == "ei_l2o"
    assert reference_of(read_scores([*records, *runs("reinforce", [1, 2])]), None) == "reinforce"
    with pytest.raises(ValueError, match=r"no variant or agent 'ei_l2' is there\. Did you mean 'ei_l2o'"):
        reference_of(scores, "ei_l2")


def test_variants_of_the_reference_go_with_those_of_the_same_arguments():
    records = [
        *runs("reinforce", [1, 2], group_size=8) + runs("reinforce", [5, 6], group_size=16),
        *runs("ei", [3, 4], group_size=8) + runs("ei", [3, 4], group_size=16) + runs("ppo", [3, 4], num_envs=8),
    ]
    compared = compare(records)
    found = {name: variant.reference for name, variant in by_name(compared).items()}
    small, large = "reinforce (group_size=8)", "reinforce (group_size=16)"
    assert found == {small: None, large: None, "ei (group_size=8)": small, "ei (group_size=16)": large, "ppo": None}
    assert any("no reinforce has the same arguments as ppo" in note for note in compared.notes)
    variants = by_name(compared)
    shares = [variants[name].improvement for name in ("ei (group_size=8)", "ei (group_size=16)")]
    assert [share.estimate for share in shares if share] == [1.0, 0.0]
    against_one = by_name(compare(records, against=small))
    assert against_one["ppo"].reference == against_one[large].reference == small


def test_tuned_variants_are_judged_on_the_other_seeds_only():
    records = [
        *runs("reinforce", [1, 1, 4, 4], learning_rate=0.1) + runs("reinforce", [0, 0, 9, 9], learning_rate=0.3),
        *runs("ei", [1, 1, 8, 8], learning_rate=0.1) + runs("ei", [2, 2, 3, 3], learning_rate=0.3),
    ]
    compared = compare(records, tuned=["learning_rate"], tuning_seeds=[0, 1])
    assert (compared.seeds, compared.tuning_seeds) == ((2, 3), (0, 1))
    variants = by_name(compared)
    assert variants["ei"].mean.estimate == 3.0
    assert variants["reinforce"].mean.estimate == 4.0
    assert {choice.variant: choice.values["learning_rate"] for choice in compared.choices} == {
        "ei": 0.3,
        "reinforce": 0.1,
    }
    assert any("widen the grid: ei, reinforce" in note for note in compared.notes)
    with pytest.raises(ValueError, match="--tune NAME and --tuning-seeds go together"):
        compare(records, tuned=["learning_rate"])
    with pytest.raises(ValueError, match="--tune NAME and --tuning-seeds go together"):
        compare(records, tuning_seeds=[0])
    with pytest.raises(ValueError, match="seeds 1 cannot be both"):
        compare(records, tuned=["learning_rate"], tuning_seeds=[0, 1], seeds=[1, 2])


def test_notes_warn_of_few_runs_grids_and_budgets():
    few = compare(runs("ei", [1, 2], learning_rate=0.1) + runs("ei", [1, 2], learning_rate=0.3))
    assert any(note.startswith("2 runs per task") for note in few.notes)
    assert any("several values of learning_rate" in note for note in few.notes)
    many = compare(runs("ei", range(12)) + runs("reinforce", range(12)))
    assert many.notes == ()
    longer = compare(runs("ei", range(12)) + runs("reinforce", [{"return_mean": 1.0, "timesteps": 130}] * 12))
    assert longer.notes == ("runs took different numbers of environment steps: 100 to 130 by variant",)


def test_missing_runs_are_named_with_what_all_have():
    records = runs("ei", [1, 2, 3]) + runs("reinforce", [1, 2]) + runs("reinforce", [1, 2, 3], BANDIT, env_kwargs={})
    with pytest.raises(ValueError, match=r"ei on maxpo/Bandit-v0: 0-2; reinforce on maxpo/Maze-v0: 2\)") as error:
        compare(records)
    assert "fewer --agent or --env" in str(error.value)
    with pytest.raises(ValueError, match=r"reinforce on maxpo/Maze-v0: 2\).* with --seeds 0,1"):
        compare(records, envs=[MAZE])
    assert compare(records, envs=[MAZE], seeds=[0, 1]).seeds == (0, 1)
    many = [record for place in range(7) for record in runs("ei", [1], group_size=4 + place)]
    with pytest.raises(ValueError, match="and 2 more"):
        compare([*many, run("reinforce", 1, 1.0), run("reinforce", 0, 1.0)])


def test_one_run_is_not_enough():
    with pytest.raises(ValueError, match=r"one run only of each variant on each task \(seed 0\)"):
        compare(runs("ei", [1]) + runs("reinforce", [2]))


def test_equal_seeds_give_equal_intervals_and_variants_do_not_share_theirs():
    values = np.random.default_rng(3).normal(size=15).tolist()
    records = runs("ei", values) + runs("reinforce", values)
    first, again, other = (compare(records, seed=seed) for seed in (0, 0, 1))
    assert first.to_dict() == again.to_dict()
    ei, reinforce = by_name(first)["ei"], by_name(first)["reinforce"]
    assert ei.iqm.estimate == reinforce.iqm.estimate
    assert (ei.iqm.low, ei.iqm.high) != (reinforce.iqm.low, reinforce.iqm.high)
    assert ei.iqm != by_name(other)["ei"].iqm


def test_everything_has_a_json_form():
    records = runs("ei", [1, 2], learning_rate=0.1, net=[8]) + runs("ei", [1, 2], learning_rate=0.3, net=[8])
    compared = compare(records)
    table = json.loads(json.dumps(compared.to_dict(), allow_nan=False))
    assert table["variants"][0]["iqm"]["confidence"] == 0.95
    assert table["reference"] == "ei"


@pytest.mark.parametrize(
    ("seeds", "text"), [([0, 1, 2, 3], "0-3"), ([0, 1, 5, 7, 8, 9], "0, 1, 5, 7-9"), ([3], "3"), ([], "")]
)
def test_seeds_read_as_ranges(seeds, text):
    assert seed_text(seeds) == text
