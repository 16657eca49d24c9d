"""Choosing on some seeds, judging on the others."""

import pytest
from run_records import BANDIT, MAZE, runs

from maxpo_bench.sweep.score_reading import read_scores
from maxpo_bench.sweep.tuning import tune

RATE = ["learning_rate"]


def grid(agent, by_rate, **options):
    return [record for rate, values in by_rate.items() for record in runs(agent, values, learning_rate=rate, **options)]


def tuned(records, seeds, names=RATE):
    scores, choices = tune(read_scores(records, normalise="none", tune=names), seeds)
    return scores, {(choice.variant, choice.task): choice for choice in choices}


def test_the_best_mean_on_the_tuning_seeds_wins_whatever_the_other_seeds_say():
    scores, choices = tuned(grid("ei", {0.1: [1, 2, 9, 9], 0.3: [3, 4, 0, 1], 1.0: [0, 3, 5, 5]}), [0, 1])
    choice = choices["ei", MAZE]
    assert dict(choice.values) == {"learning_rate": 0.3}
    assert (choice.mean, choice.is_at_edge) == (3.5, False)
    assert [(row.seed, row.value) for row in scores.rows] == [(2, 0.0), (3, 1.0)]


def test_each_task_and_each_variant_has_a_choice_of_its_own():
    records = [
        *grid("ei", {0.1: [1, 1], 0.3: [2, 2]}, group_size=8),
        *grid("ei", {0.1: [2, 2], 0.3: [1, 1]}, group_size=16),
        *grid("ei", {0.1: [5, 5], 0.3: [4, 4]}, group_size=8, env=BANDIT, env_kwargs={"num_arms": 3}),
        *grid("ei", {0.1: [5, 5], 0.3: [6, 6]}, group_size=16, env=BANDIT, env_kwargs={"num_arms": 3}),
    ]
    _, choices = tuned(records, [0])
    found = {(variant, task): choice.values["learning_rate"] for (variant, task), choice in choices.items()}
    small, large = "ei (group_size=8)", "ei (group_size=16)"
    assert found == {(small, MAZE): 0.3, (large, MAZE): 0.1, (small, BANDIT): 0.1, (large, BANDIT): 0.3}


def test_of_equal_values_the_smaller_wins_and_edges_are_marked():
    _, choices = tuned(grid("ei", {10: [1, 1], 9: [1, 1], 0.5: [0, 0]}), [0])
    choice = choices["ei", MAZE]
    assert (choice.values["learning_rate"], choice.is_at_edge) == (9, False)
    _, choices = tuned(grid("ei", {10: [1, 1], 9: [1, 1]}), [0])
    assert choices["ei", MAZE].is_at_edge


def test_several_arguments_are_chosen_together():
    records = [
        *runs("ei", [1, 0], learning_rate=0.1, optimizer="adam"),
        *runs("ei", [3, 0], learning_rate=0.3, optimizer="adam"),
        *runs("ei", [2, 0], learning_rate=0.1, optimizer="sgd"),
        *runs("ei", [4, 7], learning_rate=0.3, optimizer="sgd"),
    ]
    scores, choices = tuned(records, [0], ["learning_rate", "optimizer"])
    assert dict(choices["ei", MAZE].values) == {"learning_rate": 0.3, "optimizer": "sgd"}
    assert [row.value for row in scores.rows] == [7.0]


def test_a_variant_with_one_value_needs_no_tuning_seeds():
    records = grid("ei", {0.1: [1, 2, 3], 0.3: [2, 3, 4]}) + runs("ppo", [5, 6], first=1)
    scores, choices = tuned(records, [0])
    assert choices["ppo", MAZE].mean is None
    assert dict(choices["ppo", MAZE].values) == {"learning_rate": None}
    assert [row.value for row in scores.rows if row.agent == "ppo"] == [5.0, 6.0]


def test_values_that_lost_need_only_the_tuning_seeds():
    records = grid("ei", {0.1: [1], 0.3: [2, 5, 6]})
    scores, _ = tuned(records, [0])
    assert [row.value for row in scores.rows] == [5.0, 6.0]


def test_missing_tuning_seeds_and_seeds_used_up_are_named():
    records = grid("ei", {0.1: [1, 2, 3], 0.3: [2, 3]})
    with pytest.raises(ValueError, match=r"ei on maxpo/Maze-v0 with learning_rate=0\.3 lacks tuning seeds 2"):
        tuned(records, [1, 2])
    with pytest.raises(ValueError, match="all seeds are tuning seeds"):
        tuned(records, [0, 1, 2])
