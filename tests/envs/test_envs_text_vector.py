"""The vector environments of text: equal to scalar ones and to SyncVectorEnv, in every autoreset mode."""

from __future__ import annotations

import copy
import inspect
import pickle
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from env_variants import env_class
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from text_variants import GOLD, Riddles, answers, math_file, scalar, vector

from maxpo_bench.envs import TEXT_ENVIRONMENTS, episode_seeds
from maxpo_bench.envs.tasks import MAX_ANSWER_LENGTH

SEEDS = [3, 2**62, 0, 17, 4]
TEXTS = ["1+2*3", "", r"\boxed{1009}", "\ud800\u2028", "12"]


@pytest.fixture(params=["riddles", "countdown", "math"])
def kwargs(request, tmp_path):
    """Arguments of one environment of each kind, with its id."""
    if request.param == "math":
        return {"id": "maxpo/Math-v0", "dataset": math_file(tmp_path)}
    task = Riddles() if request.param == "riddles" else "countdown"
    return {"id": "maxpo/TextReasoning-v0", "task": task}


@pytest.mark.parametrize("mode", AutoresetMode)
def test_vector_and_sync_vector_env_agree_in_everything(kwargs, mode):
    ours = gym.make_vec(num_envs=5, autoreset_mode=mode, **kwargs)
    theirs = SyncVectorEnv([partial(gym.make, **kwargs)] * 5, autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] is mode
    assert (ours.observation_space, ours.action_space) == (theirs.observation_space, theirs.action_space)
    assert data_equivalence(ours.reset(seed=SEEDS), theirs.reset(seed=SEEDS), exact=True)
    for shift in range(6):
        texts = tuple(TEXTS[shift:] + TEXTS[:shift])
        mine, peer = ours.step(texts), theirs.step(texts)
        assert mine[0] in ours.observation_space
        assert data_equivalence(mine, peer, exact=True), (mine, peer)
        if mode is AutoresetMode.DISABLED:
            assert data_equivalence(ours.reset(options={"index": 3}), theirs.reset(options={"index": 3}), exact=True)


@pytest.mark.parametrize("mode", [AutoresetMode.DISABLED, AutoresetMode.NEXT_STEP])
def test_masked_resets_agree_with_sync_vector_env(mode):
    ours = vector(4, autoreset_mode=mode)
    theirs = SyncVectorEnv([scalar] * 4, autoreset_mode=mode)
    ours.reset(seed=SEEDS[:4])
    theirs.reset(seed=SEEDS[:4])
    masks = [np.array(mask, dtype=bool) for mask in ([1, 0, 1, 0], [0, 1, 0, 1])]
    for _ in range(5):
        assert data_equivalence(ours.step(TEXTS[:4]), theirs.step(TEXTS[:4]), exact=True)
        for mask in masks:
            mine, peer = (env.reset(options={"reset_mask": mask.copy()}) for env in (ours, theirs))
            assert data_equivalence(mine, peer, exact=True)
            if mode is AutoresetMode.NEXT_STEP:
                assert data_equivalence(ours.step(TEXTS[:4]), theirs.step(TEXTS[:4]), exact=True)


def test_vector_and_scalar_environments_live_identical_episodes(kwargs):
    envs = gym.make_vec(num_envs=5, **kwargs)
    singles = [gym.make(**kwargs) for _ in SEEDS]
    for number in range(4):
        questions, info = envs.reset(seed=SEEDS if number == 0 else None)
        mine = [env.reset(seed=seed if number == 0 else None) for env, seed in zip(singles, SEEDS, strict=True)]
        assert questions == tuple(question for question, _ in mine)
        assert info["index"].tolist() == [told["index"] for _, told in mine]
        _, rewards, terminated, truncated, info = envs.step(TEXTS)
        for i, env in enumerate(singles):
            _, reward, over, cut, told = env.step(TEXTS[i])
            assert (rewards[i], terminated[i], truncated[i]) == (reward, over, cut)
            assert {key: info[key][i] for key in told} == told


@pytest.mark.parametrize("mode", ["sync", "async", "vector_entry_point"])
def test_make_vec_in_every_vectorization_mode(kwargs, mode):
    shared = {"vector_kwargs": {"shared_memory": False}} if mode == "async" else {}
    envs = gym.make_vec(num_envs=2, vectorization_mode=mode, **shared, **kwargs)
    try:
        assert len(envs.reset(seed=1)[0]) == 2
        assert envs.step(envs.action_space.sample())[1].shape == (2,)
    finally:
        envs.close()


def test_math_is_graded_in_worker_processes_of_gymnasium_too(tmp_path):
    """They are daemons, which may have no children of multiprocessing: slow comparisons must work all the same."""
    make = partial(gym.make, "maxpo/Math-v0", dataset=math_file(tmp_path))
    envs = AsyncVectorEnv([make] * 2, shared_memory=False, autoreset_mode=AutoresetMode.DISABLED)
    try:
        envs.reset(options={"index": 3})
        _, rewards, _, _, info = envs.step((r"\boxed{\frac{2018}{\sqrt{4}}}", r"\boxed{\sqrt{1009}}"))
        assert info["status"].tolist() == ["correct", "wrong"]
        assert rewards.tolist() == [1.0, 0.0]
    finally:
        envs.close()


@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_batch_is_graded_with_one_call(mode):
    envs = vector(6, Riddles(), autoreset_mode=mode)
    envs.reset(seed=0)
    envs.step([""] * 6)
    assert envs.task.batches == [6]
    if mode is AutoresetMode.NEXT_STEP:
        envs.step([""] * 6)
        assert envs.task.batches == [6]
        envs.reset(options={"reset_mask": np.arange(6) < 2})
        envs.step([""] * 6)
        envs.reset(options={"reset_mask": np.arange(6) < 2})
        envs.step(["", "", 3, None, "x" * (MAX_ANSWER_LENGTH + 1), b""])
        assert envs.task.batches == [6, 6, 2]


def test_rewards_are_float64_and_belong_to_their_answers():
    envs = vector(8)
    _, info = envs.reset(seed=2)
    right = np.array([1, 0, 0, 1, 1, 0, 1, 0], dtype=bool)
    _, rewards, terminated, truncated, info = envs.step(answers(info, right))
    assert rewards.dtype == np.float64
    assert rewards.tolist() == right.astype(float).tolist()
    assert (terminated.dtype, truncated.dtype) == (np.bool_, np.bool_)
    assert terminated.all()
    assert not truncated.any()
    assert info["status"].tolist() == ["correct" if is_right else "wrong" for is_right in right]
    assert info["_status"].all()


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda texts: np.array(texts, dtype=object)])
def test_batches_of_every_kind_are_actions(kind):
    envs = vector(2)
    _, info = envs.reset(seed=1)
    _, rewards, _, _, told = envs.step(kind(answers(info, [True, False])))
    assert rewards.tolist() == [1.0, 0.0]
    assert {type(text) for text in told["extracted"]} == {str}


@pytest.mark.parametrize(
    ("actions", "error", "message"),
    [
        ("ab", TypeError, "actions must be a list, tuple or array of 2 texts, one per environment, got str"),
        ({"a": 1, "b": 2}, TypeError, "got dict"),
        (None, TypeError, "got NoneType"),
        (["a"], ValueError, r"actions must have shape \(2,\), one text per environment, got \(1,\)"),
        (["a", "b", "c"], ValueError, r"got \(3,\)"),
        (np.array([["a", "b"]]), ValueError, r"got \(1, 2\)"),
        (np.array("ab"), ValueError, r"got \(\)"),
        (
            ["a", b"b"],
            TypeError,
            "the action of environment 1 must be a str, the text of the answer, got bytes: decode",
        ),
        ([3, "b"], TypeError, "the action of environment 0 must be a str.*got int"),
        (np.zeros(2), TypeError, "environment 0 must be a str.*got float"),
        (["a", "b" * (MAX_ANSWER_LENGTH + 1)], ValueError, "environment 1 has 262145 characters, at most 262144 are"),
    ],
)
def test_wrong_batches_are_refused_and_change_nothing(actions, error, message):
    envs = vector(2)
    _, info = envs.reset(seed=1)
    with pytest.raises(error, match=message):
        envs.step(actions)
    assert envs.task.batches == []
    assert envs.step(answers(info, [True, True]))[1].tolist() == [1.0, 1.0]


def test_an_integer_seed_is_a_list_of_hashed_seeds():
    by_integer, by_list = vector(6), vector(6)
    first = by_integer.reset(seed=12)
    assert data_equivalence(first, by_list.reset(seed=episode_seeds(12, 6).tolist()), exact=True)
    assert data_equivalence(by_integer.reset(), by_list.reset(), exact=True)
    assert len(set(first[0])) > 1
    assert by_integer.reset(seed=13)[0] != first[0]


def test_a_seed_list_may_leave_environments_alone():
    envs, twin = vector(3), vector(3)
    for env in (envs, twin):
        env.reset(seed=[1, 2, 3])
    mixed, going_on = envs.reset(seed=[1, None, 9])[0], twin.reset()[0]
    assert mixed[1] == going_on[1]
    assert (mixed[0], mixed[2]) == (scalar().reset(seed=1)[0], scalar().reset(seed=9)[0])


def test_unseeded_environments_differ_from_each_other_and_from_run_to_run():
    # two of 40 draws from 10,000 problems are equal with probability below 0.08; half of them with less than 1e-40
    drawn = [gym.make_vec("maxpo/TextReasoning-v0", num_envs=20).reset()[1]["index"] for _ in range(2)]
    assert np.unique(np.concatenate(drawn)).size > 20


def test_a_masked_reset_touches_only_the_chosen():
    envs = vector(4)
    before, _ = envs.reset(seed=0)
    envs.step(["a"] * 4)
    mask = np.array([False, True, False, True])
    options = {"reset_mask": mask, "index": [9, 10, 11, 12]}
    after, info = envs.reset(options=options)
    assert after == (before[0], envs.task.problem(10).question, before[2], envs.task.problem(12).question)
    assert info["_index"].tolist() == mask.tolist()
    assert info["problem_id"].tolist() == [None, "riddles/train/10", None, "riddles/train/12"]
    assert info["index"].tolist() == [0, 10, 0, 12]
    assert set(options) == {"reset_mask", "index"}
    with pytest.raises(ResetNeeded, match=r"the episode is over in environments 0, 2: call reset\(options="):
        envs.step(["a"] * 4)
    envs.reset(options={"reset_mask": ~mask})
    envs.step(["a"] * 4)


def test_a_masked_seed_goes_to_the_chosen_only():
    envs, twin = vector(3), vector(3)
    for env in (envs, twin):
        env.reset(seed=[5, 6, 7])
    envs.reset(seed=[8, 8, 8], options={"reset_mask": np.array([False, True, False])})
    envs.reset(options={"reset_mask": np.array([True, False, True])})
    peer = twin.reset()[0]
    mine = envs.reset(options={"reset_mask": np.array([False, True, False])})[0]
    single = scalar()
    single.reset(seed=8)
    assert mine == (peer[0], single.reset()[0], peer[2])


def test_environments_that_were_never_asked_show_an_empty_text():
    envs = vector(3)
    with pytest.raises(ResetNeeded, match=r"no episode has begun in environments 0, 1, 2: call reset\(\)"):
        envs.step(["a"] * 3)
    questions, _ = envs.reset(seed=1, options={"reset_mask": np.array([True, False, True])})
    assert questions[1] == ""
    assert questions in envs.observation_space
    with pytest.raises(ResetNeeded, match="no episode has begun in environment 1: call"):
        envs.step(["a"] * 3)


def test_same_step_keeps_what_was_answered():
    envs = vector(3, autoreset_mode="SAME_STEP")
    before, asked = envs.reset(seed=0)
    after, rewards, terminated, _, info = envs.step(answers(asked, [True, False, True]))
    assert rewards.tolist() == [1.0, 0.0, 1.0]
    assert terminated.all()
    assert tuple(info["final_obs"]) == before
    assert info["final_info"]["index"].tolist() == asked["index"].tolist()
    assert info["final_info"]["status"].tolist() == ["correct", "wrong", "correct"]
    assert "status" not in info
    assert [envs.task.problem(i).question for i in info["index"].tolist()] == list(after)
    assert envs.step(answers(info, [True] * 3))[1].all()


def test_next_step_asks_with_the_next_call():
    envs = vector(2, autoreset_mode="NextStep")
    before, _ = envs.reset(seed=0)
    after = envs.step(["a", "b"])
    assert (after[0], after[2].all()) == (before, True)
    questions, rewards, terminated, _, info = envs.step([None, 7])
    assert questions != before
    assert rewards.tolist() == [0.0, 0.0]
    assert not terminated.any()
    assert set(info) == {"problem_id", "_problem_id", "index", "_index"}
    assert envs.step(answers(info, [True, True]))[1].all()


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))])
def test_copies_go_on_identically(kwargs, mode, clone):
    envs = gym.make_vec(num_envs=4, group_size=2, autoreset_mode=mode, **kwargs)
    envs.reset(seed=0)
    twin = clone(envs)
    for _ in range(3):
        assert data_equivalence(envs.step(TEXTS[:4]), twin.step(TEXTS[:4]), exact=True)
        if mode is AutoresetMode.DISABLED:
            assert data_equivalence(envs.reset(), twin.reset(), exact=True)
    if not isinstance(kwargs.get("task"), Riddles):
        assert twin == envs


def test_spoiling_what_was_returned_changes_nothing():
    envs, untouched = (vector(4, autoreset_mode="NextStep") for _ in range(2))
    info = envs.reset(seed=1)[1]
    untouched.reset(seed=1)
    for _ in range(4):
        info["index"][...] = 7
        info["_index"][...] = False
        mine, peer = envs.step(TEXTS[:4]), untouched.step(TEXTS[:4])
        assert data_equivalence(mine, peer, exact=True)
        info = mine[4]
        for array in mine[1:4]:
            array[...] = 1


def test_renderings_are_those_of_the_scalar_environment():
    envs, singles = vector(3, render_mode="ansi"), [scalar(render_mode="ansi") for _ in range(3)]
    assert envs.render() == ("no question yet",) * 3
    envs.reset(seed=[1, 2, 3])
    for env, seed in zip(singles, (1, 2, 3), strict=True):
        env.reset(seed=seed)
    assert envs.render() == tuple(env.render() for env in singles)
    envs.step(["a", "", "b"])
    for env, text in zip(singles, ["a", "", "b"], strict=True):
        env.step(text)
    assert envs.render() == tuple(env.render() for env in singles)
    envs.reset(options={"reset_mask": np.array([True, False, False])})
    assert "Answer" not in envs.render()[0]
    assert envs.render()[2].endswith("Answer: b\nExtracted: b\nStatus: wrong (reward 0)")


def test_a_grader_that_loses_an_answer_is_noticed():
    class Lossy(Riddles):
        def grade(self, problems, completions):
            return super().grade(problems, completions)[:-1]

    envs = vector(3, Lossy())
    envs.reset(seed=0)
    with pytest.raises(TypeError, match=r"task 'riddles': grade\(\) must return a list of 3 Grades"):
        envs.step([GOLD] * 3)


@pytest.mark.parametrize("env_id", TEXT_ENVIRONMENTS)
def test_all_parameters_of_the_scalar_environment_are_there_with_the_same_defaults(env_id):
    scalar_parameters = inspect.signature(env_class(env_id)).parameters
    parameters = dict(inspect.signature(env_class(env_id, is_vector=True)).parameters)
    assert parameters.pop("num_envs").default == 1
    assert parameters.pop("group_size").default == 1
    assert parameters.pop("autoreset_mode").default is AutoresetMode.DISABLED
    assert list(parameters.values()) == list(scalar_parameters.values())


def test_wrong_modes_and_sizes_are_refused():
    with pytest.raises(ValueError, match=r"unknown autoreset_mode 'SameSteps'\. Did you mean 'SameStep'"):
        vector(2, autoreset_mode="SameSteps")
    with pytest.raises(ValueError, match="num_envs must be at least 1, got 0"):
        vector(0)
    with pytest.raises(ValueError, match="must have one seed per environment, 2, got 1"):
        vector(2).reset(seed=[1])
    with pytest.raises(ValueError, match=r"unknown reset option 'groupsize' .* Did you mean 'group_size'"):
        vector(2).reset(options={"groupsize": 2})
    with pytest.raises(TypeError, match="must be a NumPy array of dtype bool, got list"):
        vector(2).reset(options={"reset_mask": [True, True]})
