from dataclasses import replace

import numpy as np
import pytest
import torch

from maxpo_bench.estimators import ei, ei_l2o, l2o_baseline, reinforce_l1o
from maxpo_bench.leaderboard.board import build_board
from maxpo_bench.leaderboard.entry import Interval
from maxpo_bench.leaderboard.score import ContractFailure, score
from maxpo_bench.leaderboard.store import ScoredEntry, load, load_all, save
from maxpo_bench.leaderboard.submission import Metadata, SubmissionError, built_in, from_function
from maxpo_bench.leaderboard.suite import SUITES, MazeTrack

MAZE = MazeTrack(20, 0.8, 8, 4, 40, 20, (0.1, 1.0), 2, 4)
SUITE = replace(SUITES.get("quick"), num_groups=1600, num_arms=20, maze=MAZE)


def submission(name, function, **metadata):
    return from_function(function, Metadata(name=name, **metadata), digest=name.ljust(64, "0"))


@pytest.fixture(scope="module")
def reference():
    return score(built_in("ei_l2o"), SUITE, None)


@pytest.fixture(scope="module")
def scored(reference):
    candidates = [
        built_in("ei"),
        built_in("ei_l1o"),
        built_in("pkpo_sloo"),
        built_in("passk_analytic_std"),
        submission("zero", lambda rewards, k: rewards * 0.0),
        submission("tiny_copy", lambda rewards, k: 1e-9 * ei_l2o(rewards, k)),
        submission("mean_reward", reinforce_l1o, min_group_size="2"),
        submission("smaller_k", lambda rewards, k: ei_l2o(rewards, max(k - 1, 1)), min_k=2),
    ]
    return [reference, *(score(candidate, SUITE, reference) for candidate in candidates)]


@pytest.fixture(scope="module")
def board(scored):
    return build_board(SUITE.name, scored)


def entry_of(board, name):
    return next(entry for entry in board.entries if entry.name == name)


def test_zero_estimator_is_null_and_unranked(board):
    assert entry_of(board, "zero").kind == "null"
    assert board.ranks["zero"] is None


def test_rescaled_copy_is_linked_and_unranked(board):
    entry = entry_of(board, "tiny_copy")
    assert (entry.kind, entry.linked_to) == ("proportional", "ei_l2o")
    assert board.ranks["tiny_copy"] is None


@pytest.mark.parametrize("name", ["mean_reward", "smaller_k", "ei_l1o"])
def test_estimators_of_another_objective_stay_out_of_the_main_table(board, name):
    main = dict(board.sections())["main"]
    assert entry_of(board, name).kind == "biased"
    assert name not in [entry.name for entry in main]


def test_main_table_holds_neither_copies_nor_zero_nor_biased_estimators(board):
    sections = {klass: {entry.name for entry in entries} for klass, entries in board.sections()}
    assert sections["main"] == {"ei_l2o", "ei", "pkpo_sloo"}
    assert sections["copy"] == {"tiny_copy"}
    assert sections["null"] == {"zero"}


def test_main_table_ranks_by_noise_with_the_reference_at_one(board):
    assert entry_of(board, "ei_l2o").b95_ratio.value == 1.0
    ratios = {name: entry_of(board, name).b95_ratio.value for name in ("ei_l2o", "ei", "pkpo_sloo")}
    places = {name: board.ranks[name] for name in ratios}
    assert sorted(ratios, key=lambda name: ratios[name]) == sorted(ratios, key=lambda name: places[name])


def test_binary_only_estimator_has_no_rank_and_no_partial_mean(board):
    entry = entry_of(board, "passk_analytic_std")
    assert entry.b95_ratio.value is None
    assert entry.learning.value is None
    assert board.ranks[entry.name] is None


def test_an_added_entry_moves_no_score(scored, board):
    fewer = build_board(SUITE.name, scored[:3])
    for entry in fewer.entries:
        assert entry_of(board, entry.name) == entry


def test_disputed_withdrawn_and_stale_entries_push_nobody_down(scored, board):
    others = [item for item in scored if item.entry.name != "ei"]
    ei = next(item for item in scored if item.entry.name == "ei")
    for changed in (
        replace(ei, entry=replace(ei.entry, status="withdrawn")),
        replace(ei, entry=replace(ei.entry, status="disputed")),
        replace(ei, entry=replace(ei.entry, scorer={**ei.entry.scorer, "source": "other"})),
    ):
        found = build_board(SUITE.name, [*others, changed])
        assert found.ranks["ei"] is None
        assert found.ranks["ei_l2o"] == (1, 1)
        assert found.ranks["pkpo_sloo"] == (2, 2)


def test_scores_are_relative_to_the_reference_that_is_there_now(scored, board):
    stale = [replace(item, entry=replace(item.entry, b95_ratio=Interval.of(7.0, 6.0, 8.0))) for item in scored]
    assert build_board(SUITE.name, stale) == board


def test_a_link_points_at_what_came_first_however_often_it_is_scored(reference):
    def half(rewards, k):
        return ei(rewards, k) - 0.5 * l2o_baseline(rewards, k)

    pair = [score(submission(name, half), SUITE, reference) for name in ("first", "second")]
    dates = ({"first": "2026-01-01", "date": "2026-05-01"}, {"first": "2026-02-01", "date": "2026-02-01"})
    dated = [
        replace(item, entry=replace(item.entry, scorer={**item.entry.scorer, **date}))
        for item, date in zip(pair, dates, strict=True)
    ]
    found = build_board(SUITE.name, [reference, *dated])
    assert {entry.name: entry.linked_to for entry in found.entries if entry.name != "ei_l2o"} == {
        "first": None,
        "second": "first",
    }


HACKS = {
    "honest_for_small_groups": lambda rewards, k: (
        ei_l2o(rewards, k) if rewards.shape[-1] < 7 else reinforce_l1o(rewards, k)
    ),
    "zero_for_large_groups": lambda rewards, k: ei_l2o(rewards, k) * (rewards.shape[-1] < 7),
    "smaller_without_ties": lambda rewards, k: (
        ei_l2o(rewards, k) * torch.where((rewards.sort(-1).values.diff(dim=-1) > 0).sum(-1, keepdim=True) > 8, 0.6, 1.0)
    ),
}


@pytest.mark.parametrize("name", list(HACKS))
def test_hacks_of_the_certificate_end_up_biased(name, reference):
    assert score(submission(name, HACKS[name]), SUITE, reference).entry.kind == "biased"


def test_minimum_k_and_group_size_are_respected(reference):
    def picky(rewards, k):
        if k < 3 or rewards.shape[-1] < 9:
            raise ValueError("too small")
        return ei(rewards, k)

    scored = score(submission("picky", picky, min_k=3, min_group_size="9"), SUITE, reference)
    assert scored.entry.kind == "exact"
    with pytest.raises(SubmissionError, match="which excludes every"):
        score(submission("huge", picky, min_k=3, min_group_size="20"), SUITE, reference)
    with pytest.raises(SubmissionError, match="largest group that is tried has 32"):
        score(submission("huge", picky, min_k=3, min_group_size="64"), SUITE, reference)


def test_reference_is_needed(scored):
    with pytest.raises(ValueError, match="no score of the reference ei_l2o"):
        build_board(SUITE.name, scored[1:])
    with pytest.raises(ValueError, match="score it first"):
        score(built_in("ei"), SUITE, None)


def test_scores_survive_the_store_and_the_newest_version_counts(tmp_path, scored, reference):
    for item in scored:
        path = save(tmp_path, item)
        assert load(path) == item
    assert {item.entry.name for item in load_all(tmp_path, SUITE.name)} == {item.entry.name for item in scored}
    later = {**reference.entry.scorer, "date": "9999-01-01T00:00:00Z"}
    newer = replace(reference, entry=replace(reference.entry, submission_hash="f" * 64, scorer=later))
    save(tmp_path, newer)
    assert newer in load_all(tmp_path, SUITE.name)
    assert reference not in load_all(tmp_path, SUITE.name)


def test_damaged_file_is_named(tmp_path, reference):
    path = save(tmp_path, reference)
    path.write_text(path.read_text()[:-30])
    with pytest.raises(ValueError, match=path.name):
        load_all(tmp_path, SUITE.name)
    with pytest.raises(ValueError, match="schema 0 is not 2"):
        ScoredEntry.from_dict({"schema": 0})


def test_scoring_twice_gives_the_same_figures(reference):
    again = score(built_in("ei_l2o"), SUITE, None)
    assert (again.noise, again.learning, again.fingerprint) == (
        reference.noise,
        reference.learning,
        reference.fingerprint,
    )


def test_faulty_candidate_is_refused_with_examples(reference):
    with pytest.raises(ContractFailure, match="groups independent"):
        score(submission("pooled", lambda r, k: r - r.mean() if len(r) else r), SUITE, reference)


def renamed(item, name, **changes):
    return replace(item, entry=replace(item.entry, name=name, title=name, origin="submission", **changes))


def dated(item, date):
    return replace(item, entry=replace(item.entry, scorer={**item.entry.scorer, "first": date}))


def test_a_biased_entry_that_came_first_takes_nobody_s_place(scored):
    """A near-duplicate of a later unbiased entry, itself biased: the later one stays in the main table."""
    by_name = {item.entry.name: item for item in scored}
    squatter = dated(renamed(by_name["pkpo_sloo"], "squatter", kind="biased"), "2026-01-01")
    honest = dated(renamed(by_name["pkpo_sloo"], "honest"), "2026-02-01")
    found = build_board(SUITE.name, [by_name["ei_l2o"], squatter, honest])
    links = {entry.name: (entry.klass, entry.linked_to) for entry in found.entries}
    assert links["honest"] == ("main", None)
    assert links["squatter"] == ("biased", None)
    assert found.ranks["honest"] is not None
    later = build_board(SUITE.name, [by_name["ei_l2o"], dated(squatter, "2026-03-01"), honest])
    assert entry_of(later, "squatter").linked_to == "honest"


def test_what_was_withdrawn_holds_no_place_either(scored):
    by_name = {item.entry.name: item for item in scored}
    first = dated(renamed(by_name["pkpo_sloo"], "first", status="withdrawn"), "2026-01-01")
    second = dated(renamed(by_name["pkpo_sloo"], "second"), "2026-02-01")
    found = build_board(SUITE.name, [by_name["ei_l2o"], first, second])
    assert entry_of(found, "second").linked_to is None
    assert (found.ranks["first"], found.ranks["second"]) == (None, (2, 2))


def test_estimators_with_a_state_have_a_table_and_ranks_of_their_own(scored, board):
    by_name = {item.entry.name: item for item in scored}
    stateful = [
        dated(renamed(by_name[name], f"stateful_{name}", kind="uncertified", track="stateful"), "2026-01-01")
        for name in ("ei_l1o", "mean_reward")
    ]
    others = [item for item in scored if item.entry.name not in ("ei_l1o", "mean_reward")]
    found = build_board(SUITE.name, [*others, *stateful])
    assert {entry.name for entry in dict(found.sections())["stateful"]} == {"stateful_ei_l1o", "stateful_mean_reward"}
    assert found.ranks["stateful_ei_l1o"] == (1, 1)
    assert found.ranks["stateful_mean_reward"] == (2, 2)
    for name in ("ei_l2o", "ei", "pkpo_sloo"):
        assert found.ranks[name] == board.ranks[name]
    copied = build_board(SUITE.name, [*scored, *stateful])
    assert entry_of(copied, "stateful_ei_l1o").linked_to == "ei_l1o"


def test_learning_is_tuned_on_other_seeds(reference):
    tuned = reference.learning
    assert str(tuned["learning_rate"]) in tuned["tuning"]
    assert tuned["tuning"][str(tuned["learning_rate"])] == max(tuned["tuning"].values())
    assert len(tuned["returns"]) == MAZE.num_evaluation_seeds
    assert np.isfinite(tuned["returns"]).all()
