"""What identifies a run."""

import dataclasses
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxpo_bench.sweep import RunSpec

SPEC = RunSpec(
    "maxpo/Bandit-v0",
    "ei_l2o",
    3,
    iterations=10,
    env_kwargs={"num_arms": 5},
    agent_kwargs={"k": 4, "learning_rate": 0.1},
)


def test_canonical_text_and_id_are_frozen():
    assert SPEC.canonical_json == (
        '{"agent":"ei_l2o","agent_kwargs":{"k":4,"learning_rate":0.1},"env":"maxpo/Bandit-v0","env_kwargs":{"num_arms":5},'
        '"iterations":10,"log_every":1,"schema":1,"seed":3,"total_timesteps":null}'
    )
    assert SPEC.run_id == "ec6bace015c416bf"


def test_id_is_the_same_in_a_process_with_another_hash_seed():
    code = f"from maxpo_bench.sweep.spec import RunSpec; print(RunSpec(**{SPEC.to_dict()!r}).run_id)"
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == SPEC.run_id


@pytest.mark.parametrize(
    "change",
    [
        {"env": "maxpo/Maze-v0"},
        {"agent": "ei"},
        {"seed": 4},
        {"iterations": 11},
        {"iterations": None, "total_timesteps": 10},
        {"log_every": 2},
        {"env_kwargs": {"num_arms": 6}},
        {"env_kwargs": {"arms": 5}},
        {"env_kwargs": {}},
        {"agent_kwargs": {"k": 4}},
        {"agent_kwargs": {"k": True, "learning_rate": 0.1}},
        {"agent_kwargs": {"k": "4", "learning_rate": 0.1}},
    ],
)
def test_every_field_changes_the_id(change):
    other = dataclasses.replace(SPEC, **change)
    assert other.run_id != SPEC.run_id
    assert other != SPEC


def test_equal_meaning_is_one_run():
    other = dataclasses.replace(SPEC, agent_kwargs={"learning_rate": 0.1, "k": 4.0}, env_kwargs={"num_arms": 5})
    assert other == SPEC
    assert other.run_id == SPEC.run_id
    assert len({other, SPEC}) == 1
    tuples = [dataclasses.replace(SPEC, agent_kwargs={"net": net}).run_id for net in ((8, 8), [8, 8])]
    assert tuples[0] == tuples[1]


def test_arguments_are_copied():
    kwargs = {"net": [8]}
    spec = RunSpec("e", "a", 0, iterations=1, agent_kwargs=kwargs)
    before = spec.run_id
    kwargs["net"].append(9)
    spec.to_dict()["agent_kwargs"]["net"].append(9)
    assert spec.run_id == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), json_values, max_size=3), st.integers())
def test_round_trip(kwargs, seed):
    spec = RunSpec("e", "a", seed, iterations=1, env_kwargs=kwargs)
    assert RunSpec.from_dict(spec.to_dict()) == spec
    shuffled = dict(reversed(kwargs.items()))
    assert dataclasses.replace(spec, env_kwargs=shuffled).run_id == spec.run_id


@pytest.mark.parametrize(
    ("fields", "kind", "message"),
    [
        ({}, ValueError, "needs either iterations or total_timesteps"),
        ({"iterations": 1, "total_timesteps": 1}, ValueError, "needs either"),
        ({"iterations": 0}, ValueError, "iterations must be a whole number of at least 1, got 0"),
        ({"iterations": 2.0}, ValueError, "iterations must be a whole number"),
        ({"iterations": 1, "seed": True}, TypeError, "seed must be an integer"),
        ({"iterations": 1, "env_kwargs": {"x": float("nan")}}, ValueError, r"env_kwargs\.x is nan"),
        ({"iterations": 1, "agent_kwargs": {"f": [len]}}, TypeError, r"agent_kwargs\.f\[0\] is a builtin"),
        ({"iterations": 1, "agent_kwargs": {1: 2}}, TypeError, "keys must be strings"),
    ],
)
def test_wrong_fields_are_refused(fields, kind, message):
    with pytest.raises(kind, match=message):
        RunSpec(**{"env": "e", "agent": "a", "seed": 0, **fields})


def test_unknown_field_suggests():
    with pytest.raises(ValueError, match=r"unknown field 'sed'.*Did you mean 'seed'"):
        RunSpec.from_dict({"env": "e", "agent": "a", "sed": 0})


def test_the_label_has_each_argument_with_its_owner():
    arguments = {"env_kwargs": {"num_arms": 9}, "agent_kwargs": {"k": 4, "group_size": 16}}
    assert RunSpec("e", "a", 3, iterations=5, **arguments).label == (
        "a(group_size=16, k=4) on e(num_arms=9), seed 3, 5 iterations"
    )
    assert RunSpec("e", "a", 3, total_timesteps=5).label == "a on e, seed 3, 5 steps"
