"""Pictures and texts: their form, and that what they show is what happened."""

from __future__ import annotations

import itertools
import time

import gymnasium as gym
import numpy as np
import pytest
from env_variants import RANDOM_VARIANTS

from maxpo_bench.envs import (
    NUMERIC_ENVIRONMENTS,
    BanditEnv,
    BanditVectorEnv,
    MazeEnv,
    MazeVectorEnv,
    StochasticMazeEnv,
    StochasticMazeVectorEnv,
    WideMazeEnv,
)
from maxpo_bench.envs.bandit_picture import _scale
from maxpo_bench.envs.canvas import BLUE, FOOTER, HEADER, HEIGHT, ORANGE, PX, RED, WIDTH
from maxpo_bench.envs.episodes import DEPTH, EpisodeLog
from maxpo_bench.envs.maze_picture import PALE_RED, _action_colour, geometry

SHAPE = (480, 640, 3)


def walk(env, steps):
    env.reset()
    for action in env.layout.correct_actions[:steps]:
        env.step(action)


def fail_at(env, steps):
    walk(env, steps)
    while not env.step(1 - env.layout.correct_actions[steps])[2]:
        pass


@pytest.mark.parametrize("kwargs", [{}, {"num_arms": 1}, {"num_arms": 5000}, {"arm_rewards": [0.0, 0.0]}])
def test_bandit_frames(kwargs):
    env = BanditEnv(render_mode="rgb_array", **kwargs)
    env.reset()
    before = env.render()
    env.step(0)
    pulled = env.render()
    env.show_policy(np.full(env.num_actions, 1 / env.num_actions))
    shown = env.render()
    for frame in (before, pulled, shown):
        assert (frame.shape, frame.dtype) == (SHAPE, np.uint8)
    assert (before != pulled).any()
    assert (pulled != shown).any()
    env.show_policy(None)
    np.testing.assert_array_equal(env.render(), pulled)


@pytest.mark.parametrize("kwargs", [{"length": 1}, {"length": 12, "dead_end_length": "mixed"}, {}, {"length": 5000}])
def test_maze_frames(kwargs):
    env = MazeEnv(render_mode="rgb_array", **kwargs)
    env.reset()
    frames = [env.render()]
    env.step(env.layout.correct_actions[0])
    frames.append(env.render())
    fail_at(env, 0)
    frames.append(env.render())
    env.show_policy([0.5, 0.5])
    frames.append(env.render())
    for frame in frames:
        assert (frame.shape, frame.dtype) == (SHAPE, np.uint8)
    for before, after in itertools.pairwise(frames):
        assert (before != after).any()


def test_the_agent_is_where_it_is_and_ends_stay_marked():
    env = MazeEnv(length=30, render_mode="rgb_array", dead_end_length="mixed")
    shape = geometry(env.layout)

    def colour(point):
        x, y = (point / PX).astype(int)
        return tuple(env.render()[y, x].tolist())

    walk(env, 9)
    assert colour(shape.points[9]) == BLUE
    assert colour(shape.points[8:10].mean(axis=0)) == RED
    assert colour(shape.points[9:11].mean(axis=0)) == PALE_RED
    walk(env, 30)
    assert colour(shape.points[30]) == BLUE
    fail_at(env, 4)
    assert colour(shape.tips[4]) == BLUE
    env.reset()
    assert colour(shape.points[0]) == BLUE
    assert colour(shape.tips[4]) == ORANGE
    for state in (2, 5, 8):
        fail_at(env, state)
    env.reset()
    assert colour(shape.tips[8]) == ORANGE
    red, green, _ = colour(shape.tips[4])
    assert green < ORANGE[1]
    assert red < ORANGE[0]


def test_everything_drawn_of_a_maze_lies_inside_its_panel():
    for length in (1, 2, 3, 10, 57, 400, 1000, 3000):
        shape = geometry(MazeEnv(length=length, dead_end_length=2).layout)
        for points in (shape.points, shape.tips):
            assert points[:, 0].min() > 6 * PX
            assert points[:, 0].max() < WIDTH - 6 * PX
            assert points[:, 1].min() > HEADER
            assert points[:, 1].max() < HEIGHT - FOOTER


def test_dead_ends_never_lead_onto_the_path():
    for length in (2, 30, 143):
        shape = geometry(MazeEnv(length=length, dead_end_length="mixed").layout)
        distances = np.linalg.norm(shape.tips[:, None] - shape.points[None], axis=2)
        assert distances.min() > 0.7 * shape.pitch


def test_frames_are_new_arrays():
    env = MazeEnv(length=5, render_mode="rgb_array")
    env.reset()
    frame = env.render()
    frame[...] = 0
    assert env.render().any()


@pytest.mark.parametrize("env_id", NUMERIC_ENVIRONMENTS)
def test_every_id_draws_itself_under_its_own_name(env_id):
    """Frames have the form that they promise, change with what happens, and a shown policy is seen."""
    env = gym.make(env_id, render_mode="rgb_array", **RANDOM_VARIANTS[env_id]).unwrapped
    env.reset(seed=0)
    frames = [env.render()]
    while not env.step(0)[2]:
        pass
    frames.append(env.render())
    env.show_policy(np.full(env.num_actions, 1 / env.num_actions))
    frames.append(env.render())
    for frame in frames:
        assert (frame.shape, frame.dtype) == (SHAPE, np.uint8)
    for before, after in itertools.pairwise(frames):
        assert (before != after).any()
    text = gym.make(env_id, render_mode="ansi", **RANDOM_VARIANTS[env_id]).unwrapped
    text.reset(seed=0)
    assert text.render().startswith(env.title)


def test_the_right_actions_of_a_wide_maze_show_by_colour_and_number():
    env = WideMazeEnv(length=40, majority_share=0.3, num_actions=5, render_mode="rgb_array")
    env.reset()
    frame, shape = env.render().astype(int), geometry(env.layout)
    colours = {action: _action_colour(action) for action in (0, 2, 3, 4)}
    assert len(set(colours.values())) == 4
    for state in range(1, 40):  # the agent hides the first
        x, y = (shape.points[state] / PX).astype(int)
        half = int(0.15 * shape.pitch / PX)
        dot = frame[y - half : y + half + 1, x - half : x + half + 1].reshape(-1, 3)
        seen = {action for action, colour in colours.items() if (dot == colour).all(axis=1).any()}
        right = int(env.layout.correct_actions[state])
        assert seen == ({right} if right != 1 else set())
        assert right == 1 or (dot.min(axis=1) > 170).any()  # its number, in the colour of paper


def test_a_noisy_walk_is_drawn_where_it_is_and_not_where_its_return_is():
    env = WideMazeEnv(length=30, reward_noise=50.0, dead_end_length=2, render_mode="rgb_array")
    shape = geometry(env.layout)
    walk(env, 9)
    x, y = (shape.points[9] / PX).astype(int)
    assert tuple(env.render()[y, x].tolist()) == BLUE
    wrong = (env.layout.correct_actions[9] + 1) % 4
    env.step(wrong)
    x, y = ((shape.points[9] + shape.tips[9]) / 2 / PX).astype(int)
    assert tuple(env.render()[y, x].tolist()) == BLUE
    env.step(0)
    x, y = (shape.tips[9] / PX).astype(int)
    assert tuple(env.render()[y, x].tolist()) == BLUE
    env.reset()
    assert tuple(env.render()[y, x].tolist()) == ORANGE


@pytest.mark.parametrize("mode", ["Disabled", "SameStep", "NextStep"])
def test_vector_mazes_with_chance_remember_where_walks_ended(mode):
    kwargs = {"length": 6, "slip": 0.3, "reward_noise": 1.0, "dead_end_length": "mixed", "render_mode": "ansi"}
    envs, singles = (
        StochasticMazeVectorEnv(3, autoreset_mode=mode, **kwargs),
        [StochasticMazeEnv(**kwargs) for _ in "abc"],
    )
    envs.reset(seed=[4, 5, 6])
    for single, seed in zip(singles, (4, 5, 6), strict=True):
        single.reset(seed=seed)
    is_over = np.zeros(3, dtype=bool)
    for _ in range(25):
        terminated = envs.step(np.ones(3, dtype=int))[2]
        for i, single in enumerate(singles):
            if is_over[i] and mode == "NextStep":
                single.reset()
            elif single.step(1)[2] and mode != "NextStep":
                single.reset()
        is_over = terminated
        if mode == "Disabled" and terminated.any():
            envs.reset(options={"reset_mask": terminated})
        assert list(envs.render()) == [single.render() for single in singles]


def test_the_wide_maze_as_text():
    env = WideMazeEnv(length=70, majority_share=0.5, num_actions=12, reward_noise=0.25, render_mode="ansi")
    env.reset(seed=1)
    path = "".join(line.split()[1] for line in env.render().splitlines()[1:])
    digits = "0─23456789ab"
    assert list(path[1:70]) == [digits[action] for action in env.layout.correct_actions[1:]]
    assert env.render().splitlines()[0] == "Wide maze of 70 steps: steps 0, episodes 0"
    total = sum(env.step(action)[1] for action in env.layout.correct_actions[:5])
    assert env.render().splitlines()[0] == f"Wide maze of 70 steps: steps 5, return {total:.2f}, episodes 0"
    env.step(env.layout.correct_actions[5] - 1)
    assert "(dead): steps 5, return" in env.render()


def test_pulls_far_out_do_not_flatten_the_picture():
    values, pulls = np.array([-1.0, 1.0]), np.array([0.0, 0.2, -0.1, 0.3, 0.1, 1e6])
    low, high = _scale(values, pulls, None)
    assert low == -1.0
    assert 1.0 <= high < 3.0
    assert _scale(values, np.array([0.0, 0.0, 0.0, 0.0, 9.0]), None) == (-1.0, 9.0)
    assert _scale(values, np.zeros(0), (np.array([-3.0, 1.0]), np.array([4.0, 1.0]))) == (-3.0, 4.0)


@pytest.mark.parametrize("env_id", ["maxpo/Bandit-v0", "maxpo/Maze-v0"])
def test_a_frame_takes_less_than_thirty_milliseconds(env_id):
    env = gym.make(env_id, render_mode="rgb_array")
    times = []
    for _ in range(10):
        env.reset()
        env.step(1)
        start = time.perf_counter()
        env.render()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.03


def test_the_maze_as_text():
    env = MazeEnv(length=70, majority_share=0.5, dead_end_length=2, render_mode="ansi")
    env.reset()
    text = env.render()
    rows = [line.split()[1] for line in text.splitlines()[1:]]
    path = "".join(rows)
    assert [len(row) for row in rows] == [64, 7]
    assert text.splitlines()[0] == "Maze of 70 steps: steps 0, episodes 0"
    assert path[0] == "●"
    assert path[70] == "★"
    expected = ["─" if action else "┼" for action in env.layout.correct_actions]
    assert list(path[1:70]) == expected[1:]
    fail_at(env, 5)
    assert "episodes 1, last return 5, best 5" in env.render()
    assert "(dead)" in env.render()
    walk(env, 12)
    env.step(1 - env.layout.correct_actions[12])
    assert "(in a dead end)" in env.render()
    path = env.render().splitlines()[1].split()[1]
    assert (path[12], path[5], path[3]) == ("●", "x", "━" if env.layout.correct_actions[3] else "╋")
    env.show_policy(env.layout.blind_policy(0.5))
    assert "policy's expected return 1.00" in env.render()
    walk(env, 70)
    assert "(at the goal): steps 70, episodes 2, last return 70, best 70" in env.render()


def test_the_bandit_as_text():
    env = BanditEnv(num_arms=40, render_mode="ansi")
    env.reset()
    assert env.render().splitlines()[0] == "Bandit: arms 40, pulls 0"
    worst, best = int(np.argmin(env.arm_rewards)), int(np.argmax(env.arm_rewards))
    env.step(worst)
    lines = env.render().splitlines()
    assert lines[0].startswith(f"Bandit: arms 40, last arm {worst}, pulls 1, last reward {env.arm_rewards[worst]:.2f}")
    assert lines[1].split()[:2] == ["arm", str(best)]
    assert lines[11].split()[1] == str(worst)
    assert lines[11].endswith("last")
    assert lines[12].strip() == "and 29 more"
    env.show_policy(np.full((1, 40), 1 / 40))
    assert "p=0.025" in env.render()
    tiny = BanditEnv(arm_rewards=[0.0], render_mode="ansi")
    assert "more" not in tiny.render()


@pytest.mark.parametrize("mode", ["Disabled", "SameStep", "NextStep"])
@pytest.mark.parametrize("render_mode", ["ansi", "rgb_array"])
def test_vector_environments_render_every_part_as_a_scalar_one(mode, render_mode):
    envs = MazeVectorEnv(2, length=4, majority_share=1.0, render_mode=render_mode, autoreset_mode=mode)
    single = MazeEnv(length=4, majority_share=1.0, render_mode=render_mode)
    envs.reset()
    single.reset()
    for actions in ([1, 1], [1, 0]):
        envs.step(np.array(actions))
        single.step(actions[1])
    if mode != "Disabled":
        single.reset()
    if mode == "NextStep":
        envs.step(np.array([1, 1]))
    frames = envs.render()
    assert isinstance(frames, tuple)
    assert len(frames) == 2
    assert np.array_equal(frames[1], single.render())
    assert not np.array_equal(frames[0], frames[1])


def test_vector_bandits_remember_the_pulls():
    envs = BanditVectorEnv(2, num_arms=7, render_mode="ansi", autoreset_mode="SameStep")
    envs.reset()
    envs.step(np.array([2, 5]))
    first, second = envs.render()
    assert "last arm 2, pulls 1" in first
    assert "last arm 5, pulls 1" in second


def test_the_log_keeps_the_last_episodes_in_order():
    log = EpisodeLog(2)
    for i in range(DEPTH + 10):
        finished = np.array([True, i < 3])
        log.record(finished, np.array([i, 100 + i]), np.array([float(-i), float(i)]))
    long, short = log.history(0), log.history(1)
    assert long.ends.tolist() == list(range(10, DEPTH + 10))
    assert (long.count, long.best) == (DEPTH + 10, 0.0)
    assert short.ends.tolist() == [100, 101, 102]
    assert (short.returns.tolist(), short.best) == ([0.0, 1.0, 2.0], 2.0)
    assert EpisodeLog(1).history().best is None
