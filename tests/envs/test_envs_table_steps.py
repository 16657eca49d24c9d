"""Large batches are stepped by compiled loops: the same life as by NumPy operations, and the same refusals."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode

from maxpo_bench.envs import MazeVectorEnv, StochasticMazeVectorEnv, vector_base
from maxpo_bench.envs.table_stepper import TableStepper

SIZE = vector_base.FEWEST_COMPILED
OPTIONS = {"length": 4, "dead_end_length": "mixed", "majority_share": 0.5}


@pytest.fixture
def pair(monkeypatch):
    """Make a compiled environment and one that NumPy steps."""

    def make(mode=AutoresetMode.DISABLED, size=SIZE, **options):
        env = MazeVectorEnv(size, autoreset_mode=mode, **{**OPTIONS, **options})
        plain = MazeVectorEnv(size, autoreset_mode=mode, **{**OPTIONS, **options})
        monkeypatch.setitem(vars(plain), "_stepper", None)
        return env, plain

    return make


@pytest.mark.parametrize("mode", AutoresetMode)
def test_both_live_the_same_life(pair, mode, rng):
    env, plain = pair(mode)
    assert isinstance(env._stepper, TableStepper)
    spoilt = env.reset(seed=1)[0]
    plain.reset(seed=1)
    ends = 0
    for _ in range(30):
        actions = rng.integers(2, size=SIZE)
        spoilt[...] = 1
        mine, other = env.step(actions), plain.step(actions)
        assert data_equivalence(mine, other, exact=True)
        ends += mine[2].sum()
        if mode is AutoresetMode.DISABLED and mine[2].any():
            options = {"reset_mask": mine[2]}
            spoilt, info = env.reset(options=options)
            assert data_equivalence((spoilt, info), plain.reset(options=options), exact=True)
        for array in mine[:4]:
            array[...] = 1
    assert ends > SIZE


def test_no_environment_that_ends_gives_no_info(pair):
    env, _ = pair(AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    assert env.step(np.full(SIZE, env.layout.correct_actions[0]))[4] == {}


def test_the_action_of_a_restart_is_ignored(pair):
    for env in pair(AutoresetMode.NEXT_STEP, dead_end_length=1):
        env.reset(seed=0)
        first, second = env.layout.correct_actions[:2]
        actions = np.full(SIZE, first)
        actions[3] = 1 - first
        env.step(actions)
        actions = np.full(SIZE, second)
        actions[3] = -7
        states, rewards, terminated, _, _ = env.step(actions)
        assert (states[2], states[3]) == (2, 0)
        assert (rewards[2], rewards[3]) == (1.0, 0.0)
        assert not terminated.any()


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("wrong", [2, -1, np.iinfo(np.int64).min])
def test_actions_out_of_range_change_nothing(pair, mode, wrong):
    for env in pair(mode):
        before = env.reset(seed=0)[0]
        actions = np.zeros(SIZE, dtype=np.int64)
        actions[7] = wrong
        with pytest.raises(ValueError, match=rf"actions must be in 0 \.\. 1, got {wrong} for environment 7"):
            env.step(actions)
        np.testing.assert_array_equal(env._states, before)
        assert not env._is_over.any()


@pytest.mark.parametrize(
    "change",
    [
        lambda actions: actions.astype(np.int8),
        lambda actions: actions.tolist(),
        lambda actions: np.repeat(actions, 2)[::2],
        lambda actions: np.broadcast_to(actions, (1, SIZE))[0],
    ],
)
def test_actions_of_other_kinds_are_taken_too(pair, change, rng):
    env, plain = pair(AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    plain.reset(seed=0)
    for _ in range(5):
        actions = rng.integers(2, size=SIZE)
        assert data_equivalence(env.step(change(actions)), plain.step(actions), exact=True)


def test_refusals_are_the_same(pair):
    for env in pair(dead_end_length=1):
        with pytest.raises(ResetNeeded, match="no episode has begun"):
            env.step(np.zeros(SIZE, dtype=int))
        env.reset(options={"reset_mask": np.arange(SIZE) > 0})
        with pytest.raises(ResetNeeded, match="no episode has begun in environment 0: call reset"):
            env.step(np.zeros(SIZE, dtype=int))
        env.reset(seed=3)
        wrong = 1 - env.layout.correct_actions[0]
        assert env.step(np.full(SIZE, wrong))[2].all()
        with pytest.raises(ResetNeeded, match="the episode is over in environments 0, 1, 2, 3, 4"):
            env.step(np.zeros(SIZE, dtype=int))
        with pytest.raises(ValueError, match="chooses no environment"):
            env.reset(options={"reset_mask": np.zeros(SIZE, dtype=bool)})
        with pytest.raises(TypeError, match="dtype bool"):
            env.reset(options={"reset_mask": np.ones(SIZE)})
        with pytest.raises(ValueError, match="unknown reset option"):
            env.reset(options={"reset_masks": np.ones(SIZE, dtype=bool)})
        env.reset(options={"reset_mask": np.ones(SIZE, dtype=bool)})
        assert (env.step(np.full(SIZE, 1 - wrong))[0] == 1).all()


@pytest.mark.parametrize("mode", AutoresetMode)
def test_pickled_ones_go_on_identically(mode, rng):
    env = MazeVectorEnv(SIZE, autoreset_mode=mode, **OPTIONS)
    env.reset(seed=0)
    env.step(np.full(SIZE, env.layout.correct_actions[0]))
    twin = pickle.loads(pickle.dumps(env))
    actions = rng.integers(2, size=SIZE)
    assert data_equivalence(env.step(actions), twin.step(actions), exact=True)


def test_what_a_table_does_not_tell_is_not_compiled():
    class Generous(MazeVectorEnv):
        def _transition(self, states, actions, live):
            following, rewards, terminated = super()._transition(states, actions, live)
            return following, 2 * rewards, terminated

    env = Generous(SIZE, **OPTIONS)
    env.reset(seed=0)
    assert env._stepper is None
    assert env.step(np.full(SIZE, env.layout.correct_actions[0]))[1].tolist() == [2.0] * SIZE
    assert StochasticMazeVectorEnv(SIZE)._stepper is None
    assert MazeVectorEnv(SIZE, render_mode="ansi")._stepper is None
    assert MazeVectorEnv(SIZE - 1)._stepper is None


def test_small_batches_do_not_load_numba():
    code = (
        "import sys, gymnasium as gym, numpy as np, maxpo_bench\n"
        "env = gym.make_vec('maxpo/Maze-v0', num_envs=64)\n"
        "env.reset(seed=0); env.step(np.ones(64, dtype=int))\n"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
