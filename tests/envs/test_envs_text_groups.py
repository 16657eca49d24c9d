"""Groups of environments that share a question, by argument and by option, drawn and chosen, whole and masked."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from text_variants import SIZE, answers, scalar, vector

from maxpo_bench.envs import episode_seeds


def indices(envs, **kwargs):
    return envs.reset(**kwargs)[1]["index"].tolist()


def whole(drawn, size):
    """Whether each block of ``size`` holds one number."""
    rows = np.array(drawn).reshape(-1, size)
    return bool((rows == rows[:, :1]).all())


@pytest.mark.parametrize("size", [1, 2, 3, 6, 12])
def test_a_group_gets_one_question_drawn_from_its_first_member(size):
    envs, apart = vector(12, group_size=size), vector(12)
    for seed in (5, None, None):
        grouped, single = indices(envs, seed=seed), indices(apart, seed=seed)
        assert whole(grouped, size)
        assert grouped[::size] == single[::size]
    seeds = episode_seeds(5, 12).tolist()
    env = scalar()
    assert indices(envs, seed=5)[size - 1] == env.reset(seed=seeds[0])[1]["index"]


def test_the_option_is_the_argument_for_one_call():
    by_option, by_argument = vector(12), vector(12, group_size=4)
    options = {"group_size": 4}
    for seed in (3, None):
        mine, peer = by_option.reset(seed=seed, options=options), by_argument.reset(seed=seed)
        assert data_equivalence(mine, peer, exact=True)
    assert options == {"group_size": 4}
    assert not whole(indices(by_option), 4)
    assert data_equivalence(by_argument.reset(seed=1, options=options), by_argument.reset(seed=1), exact=True)


def test_the_members_of_a_group_keep_their_streams():
    """Only the first member draws: the others go on as if there had been no groups."""
    envs, apart = vector(4), vector(4)
    for env in (envs, apart):
        env.reset(seed=8)
    envs.reset(options={"group_size": 2})
    apart.reset(options={"reset_mask": np.array([True, False, True, False])})
    assert indices(envs) == indices(apart)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_groups_stay_together_through_autoresets(mode):
    envs = vector(6, group_size=3, autoreset_mode=mode)
    drawn = [indices(envs, seed=2)]
    for _ in range(6):
        drawn.append(envs.step(["a"] * 6)[4]["index"].tolist())
    assert all(whole(row, 3) for row in drawn)
    assert len({tuple(row) for row in drawn}) > 2


def test_rewards_of_a_group_are_a_row():
    envs = vector(12, group_size=4)
    _, info = envs.reset(seed=1)
    right = np.array([1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    rewards = envs.step(answers(info, right))[1].reshape(-1, 4)
    assert rewards.max(axis=1).tolist() == [1.0, 1.0, 0.0]
    assert rewards.sum(axis=1).tolist() == [1.0, 2.0, 0.0]


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_chosen_questions(kind):
    envs = vector(6)
    assert indices(envs, options={"index": 7}) == [7] * 6
    assert indices(envs, options={"index": np.int64(7), "group_size": 2}) == [7] * 6
    assert indices(envs, options={"index": np.array(7)}) == [7] * 6
    assert indices(envs, options={"index": kind([1, 2, 3, 4, 5, 6])}) == [1, 2, 3, 4, 5, 6]
    assert indices(envs, options={"index": kind([4, 5, 4]), "group_size": 2}) == [4, 4, 5, 5, 4, 4]
    assert indices(envs, options={"index": kind([4, 4, 5, 5, 9, 9]), "group_size": 2}) == [4, 4, 5, 5, 9, 9]
    assert indices(vector(6, group_size=3), options={"index": kind([8, 1])}) == [8, 8, 8, 1, 1, 1]


def test_chosen_questions_draw_no_random_number():
    envs, twin = vector(4), vector(4)
    for env in (envs, twin):
        env.reset(seed=6)
    envs.reset(options={"index": [1, 2], "group_size": 2})
    assert indices(envs) == indices(twin)


def test_a_mask_takes_whole_groups():
    envs, twin = vector(6, group_size=2), vector(6, group_size=2)
    before = indices(envs, seed=3)
    indices(twin, seed=3)
    mask = np.array([False, False, True, True, False, False])
    questions, info = envs.reset(options={"reset_mask": mask})
    after = indices(twin)
    assert info["index"].tolist() == [0, 0, *after[2:4], 0, 0]
    assert questions[:2] == (envs.task.problem(before[0]).question,) * 2
    options = {"reset_mask": mask, "index": [7, 8, 9]}
    assert envs.reset(options=options)[1]["index"].tolist() == [0, 0, 8, 8, 0, 0]
    with pytest.raises(ValueError, match=r"splits the group of environments 2 \.\. 3, which share one question: reset"):
        envs.reset(options={"reset_mask": np.array([True, True, False, True, False, False])})
    with pytest.raises(ValueError, match=r"splits the group of environments 0 \.\. 2"):
        vector(6).reset(seed=0, options={"reset_mask": np.arange(6) == 1, "group_size": 3})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"group_size": 4}, ValueError, r'num_envs=6 must be a multiple of options\["group_size"\]=4: change one'),
        ({"group_size": 0}, ValueError, r'options\["group_size"\] must be at least 1, got 0'),
        ({"group_size": 2.0}, TypeError, r'options\["group_size"\] must be an integer, got 2.0'),
        ({"index": SIZE}, ValueError, r'options\["index"\] must be in 0 \.\. 49, got 50'),
        ({"index": [0, 1, 2, 3, 4, -1]}, ValueError, r"must be in 0 \.\. 49, got -1"),
        ({"index": [0, 1, 2, 3, 4, 5.0]}, TypeError, "must be an integer, got 5.0"),
        ({"index": "3"}, TypeError, "must be an integer, got '3'"),
        ({"index": [1, 2]}, ValueError, r"must hold one integer or 6, one per environment, got 2$"),
        ({"index": []}, ValueError, "one per environment, got 0"),
        ({"index": [1, 2], "group_size": 2}, ValueError, "6, one per environment, or 3, one per group, got 2"),
        (
            {"index": [1, 1, 2, 3, 4, 4], "group_size": 2},
            ValueError,
            "different questions, with group_size=2: give one",
        ),
        ({"index": np.zeros((6, 1), dtype=int)}, TypeError, "must be an integer"),
    ],
)
def test_wrong_groups_and_indices_are_refused_and_change_nothing(options, error, message):
    envs, twin = vector(6), vector(6)
    for env in (envs, twin):
        env.reset(seed=4)
    with pytest.raises(error, match=message):
        envs.reset(seed=9, options=options)
    assert indices(envs) == indices(twin)


def test_arguments_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"num_envs=6 must be a multiple of group_size=4: change one of them"):
        vector(6, group_size=4)
    with pytest.raises(TypeError, match="group_size must be an integer, got '2'"):
        gym.make_vec("maxpo/TextReasoning-v0", num_envs=6, group_size="2")
    with pytest.raises(
        ValueError, match=r'options\["group_size"\]=3 contradicts group_size=2 of the environment: leave'
    ):
        vector(6, group_size=2).reset(options={"group_size": 3})
