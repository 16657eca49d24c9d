"""The space of texts: membership, samples, and what Gymnasium's vector environments and wrappers do with it."""

from __future__ import annotations

import copy
import json
import pickle
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Dict, Text, Tuple
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import (
    batch_differing_spaces,
    batch_space,
    concatenate,
    create_empty_array,
    create_shared_memory,
    iterate,
)
from text_variants import GOLD, scalar

from maxpo_bench.envs import UnicodeText
from maxpo_bench.envs.unicode_text import SAMPLE_CHARACTERS, SAMPLE_LENGTH

STRANGE = ["", "a", "\u2028\x85\x00", "\ud800 alone", "√½∞ \U0001f600 中", "\u200b\ufeff", "\r\n\t"]


@pytest.mark.parametrize("text", STRANGE)
def test_every_text_of_permitted_length_is_inside(text):
    assert text in UnicodeText(8)
    assert text in UnicodeText(len(text), min_length=len(text))
    assert text not in UnicodeText(20, min_length=len(text) + 1)
    assert len(text) == 0 or text not in UnicodeText(len(text) - 1)


@pytest.mark.parametrize("other", [None, 3, b"abc", ["a"], ("a",), np.array("a"), np.array(["a"])])
def test_nothing_but_text_is_inside(other):
    assert other not in UnicodeText(100)


def test_numpy_texts_are_texts():
    assert np.array(["abc"])[0] in UnicodeText(3)


@pytest.mark.parametrize("bounds", [(0, 0), (0, 5), (3, 3), (7, 300), (0, 262_144)])
def test_samples_are_inside_and_short_and_follow_the_seed(bounds):
    low, high = bounds
    space, twin = UnicodeText(high, min_length=low), UnicodeText(high, min_length=low)
    assert space.seed(5) == twin.seed(5)
    samples = [space.sample() for _ in range(200)]
    assert samples == [twin.sample() for _ in range(200)]
    assert all(sample in space and len(sample) <= low + SAMPLE_LENGTH for sample in samples)
    if high > low:
        assert len({len(sample) for sample in samples}) > 1
    if high > 6:
        assert not "".join(samples).isascii()
        assert set("".join(samples)) <= set(SAMPLE_CHARACTERS)


def test_masks_and_probabilities_choose_length_and_characters():
    space, count = UnicodeText(40, seed=1), len(SAMPLE_CHARACTERS)
    mask, chances = np.zeros(count, dtype=np.int8), np.zeros(count)
    mask[[2, 5]] = 1
    chances[3] = 1.0
    drawn = space.sample(mask=(30, mask))
    assert len(drawn) == 30
    assert set(drawn) == {SAMPLE_CHARACTERS[2], SAMPLE_CHARACTERS[5]}
    assert space.sample(probability=(4, chances)) == 4 * SAMPLE_CHARACTERS[3]
    assert len(space.sample(mask=(7, None))) == 7
    assert set(space.sample(mask=(None, mask))) <= set(drawn)
    assert space.sample(mask=(0, None)) == ""


COUNT = len(SAMPLE_CHARACTERS)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"mask": (1, None), "probability": (1, None)}, ValueError, "a mask or probabilities, not both"),
        ({"mask": np.ones(3)}, ValueError, "mask must be a pair"),
        ({"probability": (1,)}, ValueError, "probability must be a pair"),
        ({"mask": (41, None)}, ValueError, r"length must be in 0 \.\. 40, got 41"),
        ({"mask": (1.5, None)}, TypeError, "length must be an integer, got 1.5"),
        ({"mask": (1, np.ones(3))}, ValueError, rf"mask must have shape \({COUNT},\).*got \(3,\)"),
        ({"mask": (1, np.zeros(COUNT))}, ValueError, "at least one of them a one"),
        ({"mask": (1, np.full(COUNT, 2))}, ValueError, "zeros and ones"),
        ({"probability": (1, np.ones(COUNT))}, ValueError, "non-negative and sum to 1"),
    ],
)
def test_malformed_masks(kwargs, error, message):
    with pytest.raises(error, match=message):
        UnicodeText(40).sample(**kwargs)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1,), ValueError, "max_length must be at least 0, got -1"),
        ((3, 4), ValueError, "max_length must be at least 4, got 3"),
        ((3, -1), ValueError, "min_length must be at least 0, got -1"),
        ((3.0,), TypeError, "max_length must be an integer, got 3.0"),
    ],
)
def test_malformed_bounds(arguments, error, message):
    with pytest.raises(error, match=message):
        UnicodeText(arguments[0], min_length=arguments[1] if len(arguments) > 1 else 0)


def test_equality_hash_and_repr():
    space = UnicodeText(9, min_length=2)
    assert space == UnicodeText(9, min_length=2, seed=3)
    assert hash(space) == hash(UnicodeText(9, min_length=2))
    assert space not in (UnicodeText(9), UnicodeText(8, min_length=2), Text(9, min_length=2), "UnicodeText")
    assert repr(space) == "UnicodeText(9, min_length=2)"
    assert eval(repr(space)) == space


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda space: pickle.loads(pickle.dumps(space))])
def test_copies_go_on_with_the_same_samples(clone):
    space = UnicodeText(30, seed=4)
    space.sample()
    twin = clone(space)
    assert twin == space
    assert [twin.sample() for _ in range(5)] == [space.sample() for _ in range(5)]


def test_json_and_back():
    space = UnicodeText(20)
    text = json.dumps(space.to_jsonable(STRANGE))
    assert space.from_jsonable(json.loads(text)) == STRANGE


def test_batches_are_tuples_of_texts():
    space = UnicodeText(20, seed=1)
    batch = batch_space(space, 3)
    assert batch == Tuple([space] * 3)
    sample = batch.sample()
    assert sample in batch
    assert len(set(sample)) == 3
    for texts in (("a", "b", "c"), ["a", "b", "c"], np.array(["a", "b", "c"])):
        assert list(iterate(batch, texts)) == ["a", "b", "c"]
    assert concatenate(space, ["a", "", "c"], create_empty_array(space, 3)) == ("a", "", "c")
    assert create_empty_array(UnicodeText(5, min_length=2), 3) in batch_space(UnicodeText(5, min_length=2), 3)
    spaces = [UnicodeText(3), UnicodeText(4)]
    assert batch_differing_spaces(spaces) == Tuple(spaces)


def test_batches_inside_other_spaces():
    space = Dict(question=UnicodeText(20), number=gym.spaces.Discrete(4))
    sample = batch_space(space, 2).sample()
    parts = list(iterate(batch_space(space, 2), sample))
    assert all(part in space for part in parts)
    assert concatenate(space, parts, create_empty_array(space, 2))["question"] == sample["question"]


@pytest.mark.parametrize("make", [SyncVectorEnv, partial(AsyncVectorEnv, shared_memory=False)])
def test_vector_environments_hand_every_character_on(make):
    envs = make([scalar] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        questions, info = envs.reset(options={"index": 7})
        assert questions == ("riddle 7: √2 \u2028 \U0001f600",) * 2
        assert questions in envs.observation_space
        _, rewards, _, _, info = envs.step((GOLD.format(7), "\ud800 √ \x00"))
        assert rewards.tolist() == [1.0, 0.0]
        assert info["final_info"]["extracted"].tolist() == [GOLD.format(7), "\ud800 √ \x00"]
    finally:
        envs.close()


def test_sync_and_async_agree():
    kwargs = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    sync, other = SyncVectorEnv([scalar] * 2, **kwargs), AsyncVectorEnv([scalar] * 2, shared_memory=False, **kwargs)
    try:
        assert data_equivalence(sync.reset(seed=[4, 5]), other.reset(seed=[4, 5]), exact=True)
        for texts in (("a", ""), ("b", "b"), ("", "\u2028")):
            assert data_equivalence(sync.step(texts), other.step(texts), exact=True)
    finally:
        other.close()


def test_shared_memory_is_refused_with_the_remedy():
    remedy = r'pass vector_kwargs=\{"shared_memory": False\} to gymnasium.make_vec, or shared_memory=False to Async'
    with pytest.raises(TypeError, match=remedy):
        AsyncVectorEnv([scalar] * 2)
    with pytest.raises(TypeError, match=remedy):
        gym.make_vec("maxpo/TextReasoning-v0", num_envs=2, vectorization_mode="async")
    for space in (UnicodeText(4), Tuple([UnicodeText(4)]), Dict(text=UnicodeText(4))):
        with pytest.raises(TypeError, match=r"UnicodeText\(4, min_length=0\) has no fixed size in memory"):
            create_shared_memory(space, n=2)


def test_flattening_is_refused_with_the_remedy():
    message = "cannot be flattened to an array: turn the text into tokens"
    with pytest.raises(ValueError, match=message):
        gym.wrappers.FlattenObservation(scalar())
    for call in (gym.spaces.flatten_space, gym.spaces.flatdim, partial(gym.spaces.flatten, x="a")):
        with pytest.raises(ValueError, match=message):
            call(UnicodeText(3))
    with pytest.raises(ValueError, match=message):
        gym.spaces.flatten_space(Dict(text=UnicodeText(3)))
