"""Estimators that are honest where they can tell an exam from a score are told from honest ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxpo_bench.estimators import ei, ei_l1o, ei_l2o, l2o_baseline
from maxpo_bench.leaderboard.certification import (
    certify_candidate,
    contradicted_at,
    contradicted_in_training,
    contradicted_on,
)
from maxpo_bench.leaderboard.foreseen import _score, knows_the_groups
from maxpo_bench.leaderboard.learning import measure_learning
from maxpo_bench.leaderboard.noise import measure
from maxpo_bench.leaderboard.score import measure_noise
from maxpo_bench.leaderboard.step_recorder import StepRecorder
from maxpo_bench.leaderboard.submission import Metadata, built_in, from_function
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.moments import certify

SUITE = SUITES.get("full")


def candidate(function, **metadata):
    return from_function(function, Metadata(name="candidate", **metadata), digest="5" * 64)


def only_small_groups(rewards, k):
    return ei_l2o(rewards, k) if rewards.shape[-1] <= 6 else ei_l1o(rewards, k)


def only_two_digits(rewards, k):
    """EI+L2O where all rewards have at most two digits, the other objective elsewhere."""
    short = ((rewards * 100).round() == rewards * 100).all(-1, keepdim=True)
    return torch.where(short, ei_l2o(rewards, k), ei_l2o(rewards, max(k - 1, 1)))


@pytest.mark.parametrize("name", ["ei_l2o", "ei", "pkpo_sloo", "all_subsets", "all_subsets_centered", "passk_analytic"])
def test_honest_estimators_are_not_contradicted(name):
    one = built_in(name)
    assert contradicted_at(one, certify_candidate(one), SUITE) == ""


def test_honesty_for_small_groups_only_is_found_without_sampling():
    one = candidate(only_small_groups)
    found = certify(one.build_hidden, pairs=[(4, 2), (5, 3)])
    assert found.kind == "exact"
    message = contradicted_at(one, found, SUITE)
    assert "leave-one-out identity" in message
    assert "at n=8, K=2" in message


def test_proportional_constant_must_be_one_number():
    one = candidate(lambda rewards, k: 3.0 * ei_l2o(rewards, k))
    assert contradicted_at(one, certify_candidate(one), SUITE) == ""
    spread = candidate(
        lambda rewards, k: ei_l2o(rewards, k) * (3.0 if rewards.shape[-1] <= 6 else rewards.std(-1, keepdim=True))
    )
    found = certify(spread.build_hidden, pairs=[(4, 2), (5, 3)])
    assert found.kind == "proportional"
    assert contradicted_at(spread, found, SUITE)


def test_a_bandits_own_groups_contradict_what_is_not_exact_on_them():
    gaussian = next(one for one in SUITE.instances() if one.family == "gaussian" and one.n == 16)
    exact = candidate(lambda rewards, k: ei(rewards, k) - 0.5 * l2o_baseline(rewards, k))
    assert contradicted_on(exact, 1.0, gaussian) == ""
    message = contradicted_on(candidate(only_two_digits), 1.0, gaussian)
    assert "E[g_hat] is not 1 times the gradient of max@4" in message


def test_an_oracle_of_the_bandit_is_no_estimator():
    """Advantages from the bandit's exact values have the right mean there and less noise; yet they are no estimator."""
    gaussian = next(one for one in SUITE.instances() if one.family == "gaussian" and one.n == 16)
    rewards, logits = gaussian.bandit()
    policy = torch.softmax(torch.from_numpy(logits), 0)
    arms = torch.from_numpy(rewards)
    below = ((arms[None] <= arms[:, None]) * policy).sum(1)

    def advantages(given, k):
        """Q(r) = E[max(r, best of K - 1)], up to a constant: the integral of P(best of K - 1 <= x) up to r."""
        order = arms.argsort()
        steps = torch.cat([torch.zeros(1), (arms[order].diff() * below[order][:-1] ** (k - 1)).cumsum(0)])
        return steps[torch.searchsorted(arms[order], given.contiguous())]

    assert "leave-one-out identity" in contradicted_on(candidate(advantages), 1.0, gaussian)


class Remembers:
    """EI+L2O, with other advantages on the rows that it was shown before it was told to cheat."""

    def __init__(self, factor):
        self.rows, self.factor, self.cheats = set(), factor, False

    def __call__(self, rewards, k):
        answers = ei_l2o(rewards, k)
        for row, values in enumerate(rewards.numpy()):
            if not self.cheats:
                self.rows.add(values.tobytes())
            elif values.tobytes() in self.rows:
                answers[row] *= self.factor
        return answers


@pytest.mark.parametrize(("factor", "found"), [(0.9, True), (1.0, False)])
def test_groups_that_are_known_are_told_from_fresh_ones(factor, found):
    function = Remembers(factor)
    suite = replace(SUITE, num_groups=640, pairs=((16, 4), (8, 4)))
    one = replace(candidate(function), secret="unforeseen")
    measure_noise(one, {}, suite)
    function.cheats = True
    noise, _ = measure_noise(one, {}, suite)
    message = knows_the_groups(one, {}, suite, noise)
    assert bool(message) is found
    assert not found or "on the suite's public groups" in message


def test_knowledge_of_a_single_bandit_is_enough():
    """It answers the known groups of one bandit of 32 with less noise."""
    function = Remembers(0.6)
    suite = replace(SUITE, num_groups=640, pairs=((16, 4), (8, 4)))
    one = replace(candidate(function), secret="unforeseen")
    only = suite.instances()[9]
    measure(one, None, suite, only)
    function.cheats = True
    noise, _ = measure_noise(one, {}, suite)
    assert f"on {only.name} the mean of ||g_hat||^2" in knows_the_groups(one, {}, suite, noise)


def test_heavy_tails_are_no_knowledge():
    """Block sums of groups of which one in ten thousand is a million times as large: none of 200 is accused."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        known, fresh = 1.0 + 1e6 * rng.binomial(1000, 1e-4, size=(2, 64, 16)) / 1000
        scores = [_score(*pair) for pair in zip(known, fresh, strict=True)]
        assert max(map(abs, scores)) < 6.5
        assert abs(sum(scores)) / 8 < 5.6


def test_blocks_of_zeros_differ_from_others():
    assert _score(np.zeros(16), np.zeros(16)) == 0.0
    assert _score(np.zeros(16), np.ones(16)) == -np.inf


def plays_along(rewards, k):
    """EI+L2O, but on rewards like the maze's returns the mean's gradient."""
    returns = ((rewards == rewards.round()) & (rewards > 1)).all(-1, keepdim=True)
    return torch.where(returns, rewards - rewards.mean(-1, keepdim=True), ei_l2o(rewards, k))


def test_another_objective_in_the_maze_is_found():
    maze = SUITES.get("quick").maze
    for function, found in ((ei_l2o, False), (plays_along, True)):
        steps = StepRecorder(candidate(function))
        measure_learning(steps.candidate, "test", replace(maze, iterations=140, length=30))
        assert len(steps.kept) >= 4
        message = contradicted_in_training(candidate(function), 1.0, maze.k, steps.kept)
        assert bool(message) is found
    assert contradicted_at(candidate(plays_along), certify_candidate(candidate(ei_l2o)), SUITE)


def test_a_certificate_follows_from_the_secret_too():
    one = candidate(ei_l2o)
    seeds = {certify_candidate(replace(one, secret=secret)).seed for secret in ("", "a", "b")}
    assert len(seeds) == 3
    assert len({certify_candidate(replace(one, secret=secret), common=True).seed for secret in ("a", "b")}) == 1


def test_scoring_reports_the_contradiction():
    quick = SUITES.get("quick")
    noise, broken = measure_noise(candidate(only_small_groups), {(16, 4): 1.0}, quick)
    assert "leave-one-out identity" in broken
    assert len(noise) == len(quick.instances())
