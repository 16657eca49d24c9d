"""The verdicts on the maze, on frames whose verdict is known by construction; numbers recomputed with scipy."""

import numpy as np
import pandas as pd
import pytest
from maze_samples import AGENTS, finals_frame, grid, ratios_frame
from scipy import stats

from maxpo_bench.reproduce.maze.blind import _is_high, _is_optimum
from maxpo_bench.reproduce.maze.findings import (
    Place,
    Ratios,
    Scores,
    above_ei,
    added,
    at_the_edge,
    explores,
    more_at_small_k,
    outperforms,
    reduces_variance,
    times_reinforce,
)

NOISE = np.array([-1.0, -0.4, 0.1, 0.2, 0.4, 0.7])
"""Differences between seeds; their mean is 0."""
PLACE = Place("sgd", 0.8, 16, 4)
SETTINGS = grid(optimizer=("sgd", "adam"), share=(0.7, 0.9), group_size=(8, 16))


def around(mean, noise=NOISE):
    return mean + noise


def five(**means):
    """All agents at their means, 10 where none is given, each with noise of its own."""
    rng = np.random.default_rng(0)
    return {name: around(means.get(name, 10.0), rng.permutation(NOISE)) for name in AGENTS}


def student(values, confidence):
    """Limits of Student's interval of a mean."""
    return stats.t.interval(confidence, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))


def test_scores_are_the_chosen_rows_in_the_order_of_the_seeds():
    frame = finals_frame({"ei": [1.0, 2.0, 3.0], "ei_l2o": [4.0, 6.0, 9.0]}, settings=SETTINGS, rates={"ei": 0.3})
    others = frame.assign(is_chosen=False, learning_rate=7.0, returns=-1.0)
    shuffled = pd.concat([frame, others]).sample(frac=1.0, random_state=0)
    scores = Scores(shuffled)
    for place in scores.places:
        np.testing.assert_array_equal(scores.of(place, "ei"), [1.0, 2.0, 3.0])
        np.testing.assert_array_equal(scores.differences(place, "ei_l2o", "ei"), [3.0, 4.0, 6.0])
        np.testing.assert_array_equal(scores.of(place, "ei", "p_action_1"), [0.5] * 3)
        assert (scores.rate(place, "ei"), scores.rate(place, "ei_l2o")) == (0.3, 0.1)
    assert [place.optimizer for place in scores.places] == ["sgd"] * 4 + ["adam"] * 4
    assert [place[1:3] for place in scores.places[:4]] == [(0.7, 8), (0.7, 16), (0.9, 8), (0.9, 16)]
    assert set(scores.agents) == {"ei", "ei_l2o"}
    assert not scores.has(scores.places[0], "ei", "reinforce")
    assert not scores.has(PLACE._replace(k=9), "ei")


def test_a_place_in_words():
    assert PLACE.text() == "SGD, share 0.8, n = 16, K = 4"
    assert Place("adam", 0.75, 8, 2).text() == "Adam, share 0.75, n = 8, K = 2"


def by_label(findings):
    return dict(zip(("reinforce", "reinforce_entropy", "ei"), findings, strict=True))


def test_above_everywhere_holds_in_some_settings_in_part_and_nowhere_fails():
    def returns(setting):
        return five(ei_l2o=20.0, reinforce=5.0, ei=19.99 if setting["share"] == 0.9 else 10.0, reinforce_entropy=40.0)

    found = by_label(outperforms(Scores(finals_frame(returns, settings=SETTINGS)), "Fig 7"))
    assert {name: each.verdict for name, each in found.items()} == {
        "reinforce": "holds",
        "reinforce_entropy": "does not hold",
        "ei": "holds in part",
    }
    assert found["reinforce"].numbers == {"above": 8, "equal": 0, "below": 0}
    assert found["reinforce_entropy"].numbers == {"above": 0, "equal": 0, "below": 8}
    assert found["ei"].numbers == {"above": 4, "equal": 4, "below": 0}
    assert found["ei"].measured[0] == "Above at 4, not separated at 4, below at 0 of 8 settings."
    assert "SGD, share 0.7: above at 2 of 2, 2 to 2 times the return" in found["ei"].measured
    assert "below" not in found["ei"].measured[1]
    line = "Adam, share 0.9: above at 0 of 2, 0.5 to 0.5 times the return; below at n = 8, K = 4; n = 16, K = 4"
    assert found["reinforce_entropy"].measured[-1] == line
    assert len(found["ei"].measured) == 5
    assert found["ei"].source == "Fig 7"
    assert "EI (PKPO)" in found["ei"].statement


def test_agents_at_the_same_return_are_not_separated():
    same = {name: around(10.0) for name in AGENTS}
    found = outperforms(Scores(finals_frame(same, settings=SETTINGS)), "")
    for each in found:
        assert each.verdict == "undecided"
        assert each.numbers == {"above": 0, "equal": 8, "below": 0}
    less = {name: around(10.0 if name == "ei_l2o" else 50.0) for name in AGENTS}
    below = outperforms(Scores(finals_frame(less, settings=SETTINGS)), "")
    assert [each.verdict for each in below] == ["does not hold"] * 3


@pytest.mark.parametrize("count", [1, 8, 40])
def test_intervals_are_widened_for_the_number_of_settings(count):
    """The difference lies between what one interval and what `count` jointly valid ones separate from 0."""
    settings = grid(group_size=range(8, 8 + count))
    width = {total: -student(NOISE, 1 - 0.05 / total)[0] for total in (1, 2, 8, 9, 40, 41)}
    for total, separated in ((count, True), (count + 1, False)):
        difference = width[count] * 1.0001
        assert bool(difference > width[total]) is separated
        returns = {"ei": np.zeros(6), "ei_l2o": NOISE + difference}
        more = settings + grid(group_size=range(1000, 1000 + total - count))
        (*_, found) = outperforms(Scores(finals_frame(returns, settings=more)), "")
        assert found.numbers["above"] == (total if separated else 0)


def test_settings_without_both_agents_are_left_out():
    def returns(setting):
        every = five(ei_l2o=20.0)
        return every if setting["k"] < setting["group_size"] else {k: v for k, v in every.items() if k != "ei_l2o"}

    scores = Scores(finals_frame(returns, settings=grid(group_size=(4, 8), k=(2, 4, 8))))
    assert len(scores.places) == 6
    for each in outperforms(scores, ""):
        assert each.verdict == "holds"
        assert sum(each.numbers.values()) == 3
        assert each.measured[0].endswith("of 3 settings.")
    assert explores(scores, "").numbers["settings"] == 3


def test_a_family_of_one_setting_says_how_many_times():
    (found, *_) = outperforms(Scores(finals_frame(five(ei_l2o=20.0, reinforce=5.0))), "")
    assert found.measured[1] == "SGD, share 0.8: above at 1 of 1, 4 times the return"


def test_nothing_to_compare_gives_no_verdict():
    scores = Scores(finals_frame({"ei": around(1.0), "reinforce": around(1.0)}))
    for found in (*outperforms(scores, ""), explores(scores, "")):
        assert found.verdict == ""


@pytest.mark.parametrize(
    ("collapsing", "ours", "verdict", "numbers"),
    [
        ((0.7, 0.9), 0.5, "holds", (8, 8)),
        ((0.9,), 0.5, "holds in part", (4, 4)),
        ((0.7, 0.9), 0.95, "does not hold", (8, 0)),
        ((), 0.5, "does not hold", (0, 0)),
    ],
)
def test_reinforce_collapses_and_ours_does_not(collapsing, ours, verdict, numbers):
    def habits(setting):
        return {"reinforce": 0.95 if setting["share"] in collapsing else 0.9499, "ei_l2o": ours}

    found = explores(Scores(finals_frame(five(), habits, settings=SETTINGS)), "Fig 7")
    assert found.verdict == verdict
    assert (found.numbers["collapsed"], found.numbers["spared"], found.numbers["settings"]) == (*numbers, 8)
    assert found.measured[0].startswith(f"REINFORCE ends with P(action 1) of at least 0.95 at {numbers[0]} of 8")
    assert found.measured[-1].startswith("Adam, share 0.9: REINFORCE 0.95, with entropy 0.50, EI+L2O ")


def test_log_ratios_are_averaged_along_training_first():
    rows = ratios_frame(lambda setting: 0.5)
    rows["ratio"] = np.random.default_rng(0).uniform(0.2, 2.0, len(rows))
    others = rows.assign(is_chosen=False, ratio=100.0)
    ratios = Ratios(pd.concat([others, rows]))
    means = [np.log(rows[rows.seed == seed].ratio).mean() for seed in range(6)]
    np.testing.assert_allclose(ratios.values(PLACE), means)
    found = ratios.geometric_mean(PLACE, 0.9)
    low, high = student(means, 0.9)
    np.testing.assert_allclose([found.low, found.estimate, found.high], np.exp([low, np.mean(means), high]), rtol=1e-12)


@pytest.mark.parametrize(
    ("ratio", "verdict", "below", "above"),
    [
        (lambda setting: 0.5, "holds", 8, 0),
        (lambda setting: 0.5 if setting["share"] == 0.7 else 1.0, "holds in part", 4, 0),
        (lambda setting: 0.5 if setting["share"] == 0.7 else 2.0, "holds in part", 4, 4),
        (lambda setting: 1.0, "undecided", 0, 0),
        (lambda setting: 3.0, "does not hold", 0, 8),
    ],
)
def test_a_ratio_below_one_everywhere_in_part_and_nowhere(ratio, verdict, below, above):
    found = reduces_variance(Ratios(ratios_frame(ratio, settings=SETTINGS)), "Fig 7")
    assert found.verdict == verdict
    assert found.numbers == {"below": below, "above": above, "settings": 8}
    between = 8 - below - above
    assert found.measured[0] == (
        f"Below 1 at {below}, not separated from 1 at {between}, above 1 at {above} of 8 settings."
    )
    assert found.measured[1].startswith("SGD, share 0.7 (n ascending, 8 to 16): K = 4: ")


def test_variance_intervals_are_jointly_valid():
    """A geometric mean that one interval separates from 1, and eight jointly valid ones don't."""
    spread = 0.01 * (np.arange(6) - 2.5)
    one, eight = (student(spread, 1 - 0.05 / count)[1] for count in (1, 8))
    value = np.exp(-(one + eight) / 2)
    for settings, below in ((SETTINGS[:1], 1), (SETTINGS, 0)):
        found = reduces_variance(Ratios(ratios_frame(lambda setting: value, settings=settings)), "")
        assert found.numbers["below"] == below


def test_a_ratio_known_of_one_seed_alone_separates_nothing():
    one = ratios_frame(lambda setting: 0.5, seeds=(3,))
    rest = ratios_frame(lambda setting: 0.5, settings=grid(share=(0.7,)))
    found = reduces_variance(Ratios(pd.concat([one, rest])), "")
    assert found.numbers == {"below": 1, "above": 0, "settings": 2}
    assert found.verdict == "holds in part"


@pytest.mark.parametrize(
    ("ratio", "verdict", "grows", "falls"),
    [
        (lambda setting: setting["k"] / 8, "holds", 4, 0),
        (lambda setting: 1 / setting["k"], "does not hold", 0, 4),
        (lambda setting: 0.5, "undecided", 0, 0),
        (lambda setting: {2: 0.5, 4: 0.5, 8: 0.9}[setting["k"]], "holds in part", 2, 0),
        (lambda setting: {2: 0.5, 4: 0.9, 8: 0.5}[setting["k"]], "holds in part", 2, 2),
    ],
)
def test_neighbouring_objectives_are_compared_in_each_run(ratio, verdict, grows, falls):
    wobble = {2: 0.3, 4: 0.3, 8: 0.3}  # the same in all runs: it cancels in the differences
    settings = grid(group_size=(16, 32), k=wobble)
    noisy = ratios_frame(ratio, settings=settings, wobble=0.3)
    noisy["ratio"] *= np.exp(1e-6 * np.random.default_rng(0).standard_normal(len(noisy)))
    found = more_at_small_k(Ratios(noisy), "Fig 7")
    assert found.verdict == verdict
    assert found.numbers == {"grows": grows, "falls": falls, "pairs": 4}
    assert f"grows at {grows}, is not separated at {4 - grows - falls}, and falls at {falls} of 4" in found.measured[0]


def test_intervals_of_pairs_are_jointly_valid():
    """A change that one interval separates from 0, and eight jointly valid ones don't."""
    one, eight = (student(NOISE, 1 - 0.05 / count)[1] for count in (1, 8))
    for sizes, grows in ((range(8, 9), 1), (range(8, 16), 0)):
        frame = ratios_frame(lambda setting: 1.0, settings=grid(group_size=sizes, k=(2, 4)), wobble=0.0)
        change = np.where(frame.k == 4, (one + eight) / 2 + NOISE[frame.seed], 0.0)
        found = more_at_small_k(Ratios(frame.assign(ratio=np.exp(change))), "")
        assert found.numbers == {"grows": grows, "falls": 0, "pairs": len(sizes)}


def test_objectives_that_a_group_size_has_not_are_no_pair():
    settings = [*grid(group_size=(16,), k=(2, 4, 8)), *grid(group_size=(8,), k=(2, 4)), *grid(group_size=(4,), k=(2,))]
    found = more_at_small_k(Ratios(ratios_frame(lambda setting: setting["k"] / 8, settings=settings)), "")
    assert found.numbers["pairs"] == 3
    assert more_at_small_k(Ratios(ratios_frame(lambda setting: 0.5, settings=grid(k=(4,)))), "").verdict == ""


def test_pairs_are_taken_of_the_seeds_that_both_have():
    """Seed 0, missing at the larger K, would turn the difference round."""
    small = ratios_frame(lambda setting: 0.5, settings=grid(k=(2,)), wobble=0.0)
    large = ratios_frame(lambda setting: 0.6, settings=grid(k=(4,)), seeds=range(1, 6), wobble=0.01)
    small.loc[small.seed == 0, "ratio"] = 1e9
    found = more_at_small_k(Ratios(pd.concat([small, large])), "")
    assert found.numbers == {"grows": 1, "falls": 0, "pairs": 1}
    alone = ratios_frame(lambda setting: 0.6, settings=grid(k=(4,)), seeds=(5,))
    for frame in (alone, alone.assign(seed=77)):
        found = more_at_small_k(Ratios(pd.concat([small, frame])), "")
        assert found.numbers == {"grows": 0, "falls": 0, "pairs": 1}
        assert found.verdict == "undecided"


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (around(20.0), around(10.0), "holds"),
        (around(19.9), around(10.0), "does not hold"),
        (around(20.0, 30 * NOISE), around(9.0, 5 * NOISE), "does not hold"),
        (around(10.0), around(20.0), "does not hold"),
    ],
    ids=["twice", "less than twice", "overlapping", "less"],
)
def test_twice_reinforce_with_disjoint_intervals(ours, theirs, verdict):
    scores = Scores(finals_frame({"reinforce": theirs, "ei_l2o": ours}))
    found = times_reinforce(scores, PLACE, 0)
    assert found.verdict == verdict
    assert found.numbers["ratio"] == pytest.approx(ours.mean() / theirs.mean())
    assert found.numbers["low"] < found.numbers["ratio"] < found.numbers["high"]
    assert found.to_dict() == times_reinforce(scores, PLACE, 0).to_dict()
    low, high = student(ours, 0.95)
    assert f"{ours.mean():.3g} [{low:.3g}, {high:.3g}] against" in found.measured[0]


def test_the_ratios_bootstrap_is_paired_and_seeded():
    rng = np.random.default_rng(0)
    mazes = np.exp(rng.standard_normal(20))
    ours, theirs = 3 * mazes, mazes * (1 + 0.01 * rng.standard_normal(20))
    scores = Scores(finals_frame({"reinforce": theirs, "ei_l2o": ours}))
    first, other = (times_reinforce(scores, PLACE, seed).numbers for seed in (0, 1))
    assert first["ratio"] == other["ratio"] == ours.mean() / theirs.mean()
    assert first["low"] != other["low"]
    assert first["high"] - first["low"] < 0.1  # with the mazes resampled apart it would be above 1


def test_differences_are_taken_of_the_seeds_that_both_have():
    frame = finals_frame(
        {"ei": [1.0, 2.0, 4.0], "ei_l2o": [9.0, 7.0, 5.0]}, seeds={"ei": (0, 1, 3), "ei_l2o": (3, 2, 1)}
    )
    np.testing.assert_array_equal(Scores(frame).differences(PLACE, "ei_l2o", "ei"), [5.0 - 2.0, 9.0 - 4.0])


def test_checks_of_settings_that_were_not_gone_over_are_left_out():
    scores = Scores(finals_frame({"reinforce": around(1.0), "ei_l2o": around(2.0)}))
    assert times_reinforce(scores, PLACE._replace(share=0.7), 0) is None
    assert above_ei(scores, PLACE) is None
    assert times_reinforce(Scores(finals_frame({"ei_l2o": around(2.0)})), PLACE, 0) is None


def test_a_reinforce_that_earns_nothing_is_no_division_by_zero():
    scores = Scores(finals_frame({"reinforce": np.zeros(6), "ei_l2o": around(2.0)}))
    found = times_reinforce(scores, PLACE, 0)
    assert found.verdict == "holds"
    assert np.isfinite([found.numbers[name] for name in ("ratio", "low", "high")]).all()


def test_above_ei_by_the_differences_on_the_same_mazes():
    mazes = 5 * NOISE
    wobble = NOISE[::-1]
    edge = -student(wobble, 0.95)[0]
    for shift, verdict in ((1.01 * edge, "holds"), (0.99 * edge, "undecided"), (-9.0, "does not hold")):
        frame = finals_frame({"ei": 10 + mazes, "ei_l2o": 10 + mazes + wobble + shift})
        found = above_ei(Scores(frame), PLACE)
        assert found.verdict == verdict
        low, high = student(wobble + shift, 0.95)
        assert found.numbers == pytest.approx({"difference": shift, "low": low, "high": high}, abs=1e-9)
        assert found.statement == f"EI+L2O is above EI at {PLACE.text()}."


@pytest.mark.parametrize(
    ("rates", "verdict", "count"),
    [
        ({name: 0.1 for name in AGENTS}, "holds", 0),
        ({"ei": 1.0, "reinforce": 0.01}, "holds in part", 4),
        ({name: 0.01 for name in AGENTS}, "does not hold", 10),
    ],
)
def test_learning_rates_at_an_end_of_the_grid(rates, verdict, count):
    scores = Scores(finals_frame(five(), settings=grid(group_size=(8, 16)), rates=rates))
    found = at_the_edge(scores, {"sgd": (0.01, 0.1, 1.0)})
    assert found.verdict == verdict
    assert found.numbers == {"at_an_end": count, "choices": 10}
    assert found.measured[0] == f"At an end of the grid in {count} of 10 choices."
    assert len(found.measured) == 1 + count
    if count == 4:
        assert "EI (PKPO) at SGD, share 0.8, n = 8, K = 4: 1" in found.measured
        assert "REINFORCE at SGD, share 0.8, n = 16, K = 4: 0.01" in found.measured


def test_each_optimizer_has_a_grid_of_its_own():
    scores = Scores(finals_frame(five(), settings=grid(optimizer=("sgd", "adam"))))
    found = at_the_edge(scores, {"sgd": (0.01, 0.1, 1.0), "adam": (0.001, 0.1)})
    assert found.numbers == {"at_an_end": 5, "choices": 10}
    assert all("Adam" in line for line in found.measured[1:])


def test_added_estimators_stand_beside_ours():
    def returns(setting):
        own = {"half_l2o": around(5.0 if setting["group_size"] == 8 else 30.0), "late": around(1.0)}
        more = five(ei_l2o=10.0) if setting["k"] == 4 else {}
        return more | (own if setting["k"] == 4 else {"late": own["late"]})

    def without(setting):
        here = returns(setting)
        return here if setting["k"] == 8 else {name: each for name, each in here.items() if name != "late"}

    settings = grid(group_size=(8, 16), k=(4, 8))
    half, late = added(Scores(finals_frame(without, settings=settings)))
    assert half.numbers == pytest.approx(
        {"SGD, share 0.8, n = 8, K = 4": 0.5, "SGD, share 0.8, n = 16, K = 4": 3.0}, rel=1e-9
    )
    assert half.measured == (
        "Above at 1, not separated at 0, below at 1 settings.",
        "SGD, share 0.8, n = 8, K = 4: 0.5 times, below",
        "SGD, share 0.8, n = 16, K = 4: 3 times, above",
    )
    assert half.statement == "Return of half_l2o over that of EI+L2O."
    assert (half.verdict, half.source, late.measured) == ("", "added", ("Not defined where EI+L2O is.",))
    assert added(Scores(finals_frame(five()))) == []


def blind(returns, best_q):
    """A table of blind policies: share -> best returns of its mazes, of 100 each; and best q alike."""
    rows = [
        {"majority_share": share, "always_1": value / 2, "best_return": value, "best_q": q, "optimum": 100.0}
        for share, values in returns.items()
        for value, q in zip(values, best_q[share], strict=True)
    ]
    return pd.DataFrame(rows)


ALWAYS = {0.7: [1.0, 1.0, 0.9995], 0.9: [1.0, 1.0, 1.0]}


@pytest.mark.parametrize(("high", "verdict"), [((9.0, 10.0, 11.0), "holds"), ((9.0, 9.5, 11.0), "does not hold")])
def test_blind_habit_earns_a_tenth_of_the_optimum_at_some_share(high, verdict):
    found = _is_high(blind({0.7: [1.0, 2.0, 3.0], 0.9: high}, ALWAYS))
    assert found.verdict == verdict
    assert found.numbers == pytest.approx({"highest_share_of_optimum": np.mean(high) / 100})
    low, top = student([1.0, 2.0, 3.0], 0.95)
    assert f"each maze's own best blind policy 2 [{low:.3g}, {top:.3g}] of 100, over 3 mazes" in found.measured[1]
    assert found.measured[1].startswith("Share 0.7: always action 1 earns 1 [")
    assert len(found.measured) == 3


@pytest.mark.parametrize(
    ("best_q", "verdict", "always"),
    [
        (ALWAYS, "holds", 6),
        ({0.7: [0.6, 0.7, 0.998], 0.9: [1.0, 1.0, 0.9]}, "holds in part", 2),
        ({0.7: [0.6, 0.7, 0.8], 0.9: [0.9, 0.9, 0.9]}, "does not hold", 0),
    ],
)
def test_always_the_majority_action_is_the_best_blind_policy(best_q, verdict, always):
    found = _is_optimum(blind({0.7: [1.0] * 3, 0.9: [2.0] * 3}, best_q))
    assert found.verdict == verdict
    assert found.numbers == {"mazes": 6, "always": always}
    assert f"it is the best in {always} of 6 mazes" in found.measured[0]
    assert f"in {sum(q > 0.999 for q in best_q[0.9])} of 3 mazes" in found.measured[2]
