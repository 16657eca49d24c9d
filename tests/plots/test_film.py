"""Films of learning: how many frames of what size, what they show, files that are whole or absent."""

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

from maxpo_bench.agents import GroupPolicyGradient, make_agent
from maxpo_bench.plots import film_page
from maxpo_bench.plots.film import check_film, film_moments, make_stage, record_learning, write_film
from maxpo_bench.plots.film_page import CURVES, HEADER, HEIGHT, WIDTH, Lane, page
from maxpo_bench.plots.film_play import Scene, policy_table, scene

MAZE = {"length": 30, "k": 2, "group_size": 4, "learning_rate": 0.3}
HAS_FFMPEG = importlib.util.find_spec("imageio_ffmpeg") is not None


def maze_agent(name="ei_l2o", **options):
    return make_agent(name, "maxpo/Maze-v0", **{**MAZE, **options})


def two_agents():
    return {name: maze_agent(name) for name in ("reinforce_l1o", "ei_l2o")}


@pytest.fixture(scope="module")
def frames():
    return list(record_learning(two_agents(), iterations=20, frames=6))


def plain(count, height=40, width=60):
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, size=(height, width, 3), dtype=np.uint8) for _ in range(count)]


def shown(iteration=3, episode_return=2.0, value=1.5, best=2.5, k=4, size=(480, 640)):
    return Scene(iteration, episode_return, value, best, k, np.full((*size, 3), 200, dtype=np.uint8))


@pytest.mark.parametrize(
    ("iterations", "frames", "expected"),
    [(10, 3, [0, 5, 10]), (4, None, [0, 1, 2, 3, 4]), (300, 2, [0, 300]), (3, 4, [0, 1, 2, 3])],
)
def test_moments_go_from_the_first_policy_to_the_last(iterations, frames, expected):
    assert film_moments(iterations, frames) == expected


def test_by_default_a_film_has_sixty_different_moments():
    assert len(set(film_moments(300))) == len(set(film_moments(59))) == 60


@pytest.mark.parametrize(("iterations", "frames"), [(10, 12), (10, 1), (10, 0), (0, None), (-1, 2)])
def test_too_many_or_too_few_frames_raise(iterations, frames):
    with pytest.raises(ValueError, match=r"iterations"):
        film_moments(iterations, frames)


def test_one_agents_frame_is_its_picture_with_heading_and_curves():
    made = list(record_learning(maze_agent(), iterations=4, frames=3))
    assert [frame.shape for frame in made] == [(HEADER + HEIGHT + CURVES, WIDTH, 3)] * 3
    assert {frame.dtype for frame in made} == {np.dtype(np.uint8)}


@pytest.mark.parametrize(
    ("count", "shape"),
    [
        (1, (HEADER + HEIGHT + CURVES, WIDTH, 3)),
        (2, (HEADER + HEIGHT + CURVES, 2 * WIDTH, 3)),
        (3, (HEADER + HEIGHT + CURVES, 3 * WIDTH, 3)),
        (4, (2 * (HEADER + HEIGHT) + CURVES, 2 * WIDTH, 3)),
    ],
)
def test_agents_stand_side_by_side_four_in_two_rows(count, shape):
    lanes = [Lane(f"agent {place}", "#0173b2", [shown()]) for place in range(count)]
    assert page(lanes, 10, None).shape == shape


def test_pictures_of_other_sizes_are_fitted_in():
    for size in ((1000, 500), (30, 40)):
        image = page([Lane("agent", "#0173b2", [shown(size=size)])], 10, None)
        grey = (image == 200).all(axis=-1)
        rows, columns = np.flatnonzero(grey.any(axis=1)), np.flatnonzero(grey.any(axis=0))
        scale = min(1.0, HEIGHT / size[0], WIDTH / size[1])
        assert rows.size == round(scale * size[0])
        assert abs(columns.size - round(scale * size[1])) <= 1
        assert columns.min() + columns.max() in (WIDTH - 2, WIDTH - 1, WIDTH)


def test_a_frame_holds_the_environments_own_picture_with_the_policy_on_it(frames):
    agents = two_agents()
    for name, agent in agents.items():
        agent.learn(iterations=20)
        stage = gym.make("maxpo/Maze-v0", length=30, render_mode="rgb_array")
        stage.unwrapped.show_policy(agent.policy.probabilities())
        stage.reset(seed=0)
        still = stage.render()
        left = WIDTH * list(agents).index(name)
        filmed = frames[-1][HEADER : HEADER + HEIGHT, left : left + WIDTH]
        # all but the walk, the crosses and the captions
        assert (filmed == still).all(axis=-1).mean() > 0.85
        other = frames[0][HEADER : HEADER + HEIGHT, left : left + WIDTH]
        assert (filmed == still).all(axis=-1).mean() > (other == still).all(axis=-1).mean() + 0.01


def test_frames_are_the_same_for_the_same_seed_and_differ_for_another(frames):
    again = list(record_learning(two_agents(), iterations=20, frames=6))
    other = list(record_learning(two_agents(), iterations=20, frames=6, seed=1))
    assert all(np.array_equal(first, second) for first, second in zip(frames, again, strict=True))
    assert not all(np.array_equal(first, second) for first, second in zip(frames, other, strict=True))


def test_equal_policies_play_equal_episodes():
    first, second = maze_agent(), maze_agent("reinforce_l1o")
    stages = [make_stage("maxpo/Maze-v0", {"length": 30}) for _ in range(2)]
    for seed in range(20):
        one, two = (scene(agent, stage, 0, seed) for agent, stage in zip((first, second), stages, strict=True))
        assert one.episode_return == two.episode_return
        assert np.array_equal(one.picture, two.picture)


@pytest.mark.parametrize("options", [{}, {"policy": "mlp"}])
def test_filming_does_not_touch_training(options):
    filmed, alone = maze_agent(**options), maze_agent(**options)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (the global state is the point)
    list(record_learning(filmed, iterations=10, frames=4))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    alone.learn(iterations=10)
    assert filmed.iteration_log == alone.iteration_log
    for one, two in zip(filmed.policy.parameters(), alone.policy.parameters(), strict=True):
        assert one.detach().numpy().tobytes() == two.detach().numpy().tobytes()
    assert np.array_equal(
        filmed.predict(np.zeros(50, dtype=int))[0], alone.predict(np.zeros(50, dtype=int))[0]
    )  # its own stream has not moved


def test_peers_are_filmed_and_train_as_they_do_alone():
    options = {"length": 30, "k": 2, "num_envs": 4, "n_steps": 8}
    filmed, alone = (make_agent("a2c", "maxpo/Maze-v0", **options) for _ in range(2))
    made = list(record_learning(filmed, iterations=6, frames=3))
    alone.learn(iterations=6)
    assert len(made) == 3
    assert filmed.num_timesteps == alone.num_timesteps == 6 * 4 * 8
    assert filmed.iteration_log == alone.iteration_log
    for one, two in zip(filmed.policy.parameters(), alone.policy.parameters(), strict=True):
        assert one.detach().numpy().tobytes() == two.detach().numpy().tobytes()


def test_exact_values_are_the_environments_for_the_present_policy():
    agent = maze_agent()
    agent.learn(iterations=15)
    stage = make_stage("maxpo/Maze-v0", {"length": 30})
    taken = scene(agent, stage, 15, 4)
    table = agent.policy.probabilities()
    assert taken.value == stage.unwrapped.exact_value(table)
    assert taken.best_of_k == stage.unwrapped.exact_value(table, 2)
    assert 0 <= taken.episode_return <= 30


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ei_l2o", {"k": 2, "group_size": 4}),
        ("ei_l2o", {"k": 2, "group_size": 4, "policy": "mlp"}),
        ("ppo", {"num_envs": 2, "n_steps": 4, "batch_size": 8}),
    ],
)
def test_tables_hold_the_probabilities_with_which_the_agent_acts(name, options):
    agent = make_agent(name, "maxpo/Maze-v0", length=8, **options)
    agent.learn(iterations=10)
    table = policy_table(agent)
    assert table.shape == (10, 2)
    np.testing.assert_allclose(table.sum(axis=1), 1.0, atol=1e-12)
    best, _ = agent.predict(np.arange(10), deterministic=True)
    sure = np.abs(table[:, 0] - 0.5) > 1e-6
    assert np.array_equal(best[sure], table.argmax(axis=1)[sure])
    draws = np.array([agent.predict(np.array([3]))[0][0] for _ in range(2000)])
    p = table[3, 1]
    assert abs(draws.mean() - p) < 6 * np.sqrt(p * (1 - p) / 2000) + 1e-9  # false alarms below 1e-8


def test_agents_without_a_table_play_by_predict():
    agent = GroupPolicyGradient(lambda: Buttons(), k=2, group_size=4, policy="mlp")
    assert policy_table(agent) is None
    made = list(record_learning({"mine": agent}, lambda: Buttons(), iterations=3, frames=2))
    again = GroupPolicyGradient(lambda: Buttons(), k=2, group_size=4, policy="mlp")
    assert np.array_equal(made, list(record_learning({"mine": again}, lambda: Buttons(), iterations=3, frames=2)))
    taken = scene(agent, Buttons(), 3, 0)
    assert (taken.value, taken.best_of_k) == (None, None)


class Buttons(gym.Env):
    """Box observations; the picture's shade is the last action."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = gym.spaces.Discrete(3)
    render_mode = "rgb_array"
    colours = 3

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.last = 0, 0
        return np.zeros(2, dtype=np.float32), {}

    def step(self, action):
        self.steps, self.last = self.steps + 1, int(action)
        return np.zeros(2, dtype=np.float32), float(action), self.steps == 3, False, {}

    def render(self):
        return np.full((20, 30, self.colours), 40 * self.last, dtype=np.uint8)


def test_a_picture_that_is_no_rgb_image_raises():
    agent = GroupPolicyGradient(lambda: Buttons(), k=2, group_size=4, policy="mlp")
    stage = Buttons()
    stage.colours = 4
    with pytest.raises(ValueError, match=r"drew no RGB image but uint8 \(20, 30, 4\): give it render_mode"):
        scene(agent, stage, 0, 0)


def test_an_agent_without_an_id_needs_its_environment():
    agent = GroupPolicyGradient(lambda: Buttons(), k=2, group_size=4, policy="mlp")
    with pytest.raises(ValueError, match="not made from an environment id: hand over env="):
        record_learning(agent, iterations=3)


def test_errors_come_before_training():
    agent = maze_agent()
    with pytest.raises(ValueError, match="3 iterations give 2 to 4 frames"):
        record_learning(agent, iterations=3, frames=9)
    with pytest.raises(ValueError, match="shows 1 to 4 agents, got 0"):
        record_learning({}, iterations=3)
    with pytest.raises(ValueError, match="shows 1 to 4 agents, got 5"):
        record_learning(dict.fromkeys("abcde", agent), iterations=3)
    assert agent.iteration_log == []


def test_environments_that_cannot_draw_themselves_are_named(monkeypatch):
    gym.register("OnlyText-v0", OnlyText)
    try:
        with pytest.raises(ValueError, match=r"OnlyText-v0 cannot draw itself \(render modes: ansi\): a film needs"):
            make_stage("OnlyText-v0", {})
    finally:
        del gym.registry["OnlyText-v0"]
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(ValueError, match="CartPole-v1 cannot draw itself: pygame is not installed"):
        make_stage("CartPole-v1", {})


class OnlyText(gym.Env):
    metadata = {"render_modes": ["ansi"]}  # noqa: RUF012 (Gymnasium's declaration)


def test_stages_are_closed_when_the_film_is_left_early():
    closed = []

    class Closing(Buttons):
        def close(self):
            closed.append(True)

    agent = GroupPolicyGradient(lambda: Buttons(), k=2, group_size=4, policy="mlp")
    film = record_learning({"mine": agent}, Closing, iterations=3)
    next(film)
    film.close()
    assert closed == [True]


def test_agents_of_one_colour_are_told_apart():
    options = {"length": 10, "num_envs": 2, "n_steps": 4}
    agents = {"ppo": make_agent("ppo", "maxpo/Maze-v0", batch_size=8, **options)}
    agents["a2c"] = make_agent("a2c", "maxpo/Maze-v0", **options)
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maxpo_bench.plots.film.page", lambda lanes, *rest: drawn.append(lanes))
        next(record_learning(agents, iterations=3, frames=2))
    assert [lane.title for lane in drawn[0]] == ["PPO", "A2C"]
    assert len({lane.color for lane in drawn[0]}) == 2


def test_gif_has_every_frame_at_its_size_and_speed(frames, tmp_path):
    path = write_film(frames, tmp_path / "new" / "film.gif", fps=30)
    with Image.open(path) as film:
        assert film.n_frames == len(frames)
        assert film.size == (2 * WIDTH, HEADER + HEIGHT + CURVES)
        durations = []
        for place, frame in enumerate(frames):
            film.seek(place)
            durations.append(film.info["duration"])
            error = np.abs(np.asarray(film.convert("RGB")).astype(int) - frame)
            assert error.mean() < 2.0  # one palette of 255 colours serves all
        assert film.info["loop"] == 0
    assert durations == [30, 40, 30, 30, 40, 2000]
    assert [each.name for each in path.parent.iterdir()] == ["film.gif"]


def test_gif_of_the_bandit_is_small_and_the_same_bytes_again(tmp_path):
    def film(path):
        agents = {name: make_agent(name, "maxpo/Bandit-v0", num_arms=10, k=2, group_size=4) for name in ("ei", "grpo")}
        return write_film(record_learning(agents, iterations=5), path).read_bytes()

    first = film(tmp_path / "first.gif")
    assert first == film(tmp_path / "second.gif")
    assert len(first) < 200_000
    with Image.open(tmp_path / "first.gif") as image:
        assert image.n_frames == 6


@pytest.mark.skipif(not HAS_FFMPEG, reason="imageio-ffmpeg is not installed")
def test_mp4_can_be_read_back(tmp_path):
    import imageio_ffmpeg

    frames = [np.full((41, 63, 3), shade, dtype=np.uint8) for shade in (20, 90, 160, 230)]
    path = write_film(frames, tmp_path / "film.MP4", fps=5)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(command, capture_output=True, check=True)
    read = np.frombuffer(decoded.stdout, dtype=np.uint8).reshape(-1, 42, 64, 3)  # sides are even
    for word in (b"h264", b"64x42", b"5 fps"):
        assert word in decoded.stderr
    assert len(read) == 4 + 10  # the last one stays for two seconds
    assert all(
        abs(frame.mean() - shade) < 4 for frame, shade in zip(read, [20, 90, 160, 230] + [230] * 10, strict=True)
    )
    assert [each.name for each in tmp_path.iterdir()] == ["film.MP4"]


@pytest.mark.parametrize("ending", ["gif", pytest.param("mp4", marks=pytest.mark.skipif(not HAS_FFMPEG, reason="no"))])
def test_an_interrupted_film_leaves_what_was_there(tmp_path, ending):
    def interrupted():
        yield from plain(3)
        raise KeyboardInterrupt

    path = tmp_path / f"film.{ending}"
    with pytest.raises(KeyboardInterrupt):
        write_film(interrupted(), path)
    assert not list(tmp_path.iterdir())
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_film(interrupted(), path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


@pytest.mark.parametrize("ending", ["gif", pytest.param("mp4", marks=pytest.mark.skipif(not HAS_FFMPEG, reason="no"))])
@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "at least one frame, got none"),
        ([*plain(2), *plain(1, height=41)], r"one shape, got \[41, 60, 3\] after \[40, 60, 3\]"),
        ([np.zeros((4, 4, 3))], r"uint8 images \[height, width, 3\], got float64 \[4, 4, 3\]"),
        ([np.zeros((4, 4), dtype=np.uint8)], r"uint8 images"),
    ],
)
def test_frames_that_make_no_film_raise(tmp_path, ending, frames, message):
    with pytest.raises(ValueError, match=message):
        write_film(iter(frames), tmp_path / f"film.{ending}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "fps", "message"),
    [
        ("film.gfi", 10, r"ends in \.gif or \.mp4, got .*film\.gfi\. Did you mean '\.gif'"),
        ("film", 10, r"ends in \.gif or \.mp4"),
        ("film.gif", 0, "fps must be above 0 and at most 50"),
        ("film.gif", 60, "fps must be above 0 and at most 50"),
        ("film.gif", float("nan"), "fps must be above 0"),
        ("film.mp4", 500, "at most 240"),
    ],
)
def test_files_that_cannot_be_written_are_named_before_the_first_frame(tmp_path, name, fps, message):
    def never():
        raise AssertionError("a frame was asked for")
        yield

    with pytest.raises(ValueError, match=message):
        write_film(never(), tmp_path / name, fps)


def test_a_place_where_no_file_can_be_is_found_before_the_first_frame(tmp_path):
    def never():
        raise AssertionError("a frame was asked for")
        yield

    (tmp_path / "film.gif").mkdir()
    with pytest.raises(ValueError, match="is a folder: name a file in it"):
        check_film(tmp_path / "film.gif", 10)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_film(never(), tmp_path / "file" / "film.gif")


@pytest.mark.parametrize("problem", ["absent", "no program"])
def test_without_ffmpeg_the_remedy_is_named(tmp_path, monkeypatch, problem):
    def no_program():
        raise RuntimeError("no ffmpeg exe could be found")

    module = None if problem == "absent" else SimpleNamespace(get_ffmpeg_exe=no_program)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", module)
    with pytest.raises(ValueError, match=r"pip install 'maxpo-bench\[video\]', or write a \.gif"):
        check_film(tmp_path / "film.mp4", 10)
    assert check_film(tmp_path / "film.gif", 10) == tmp_path / "film.gif"


def test_curves_stay_inside_their_panel_whatever_the_values():
    for values in ([-3.0, -1.0, -2.0], [0.0, 0.0, 0.0], [-5.0, 4.0, 900.0], [1e-9, 2e-9, 3e-9]):
        scenes = [shown(iteration=10 * place, value=value, best=value) for place, value in enumerate(values)]
        image = page([Lane("agent", "#ff0000", scenes)], 20, 1000.0)
        panel = image[-CURVES:]
        red = (panel[..., 0].astype(int) - panel[..., 1] > 120) & (panel[..., 1].astype(int) == panel[..., 2])
        assert red.any()
        assert not red[0].any()
        assert not red[:, :2].any()


@pytest.mark.parametrize(
    ("values", "optimum", "limits"),
    [
        ([0.2, 30.0], 1000.0, (0.0, 50.0)),
        ([0.2, 30.0], 30.5, (0.0, 30.5)),
        ([0.2, 30.0], None, (0.0, 50.0)),
        ([-0.3, 1.0], 1.2, (-0.5, 1.0)),
        ([-0.3, -0.2], None, (-0.5, 0.0)),
        ([0.0], None, (0.0, 1e-6)),
    ],
)
def test_axes_end_at_round_numbers_or_the_optimum(values, optimum, limits):
    assert film_page._limits(values, optimum) == pytest.approx(limits)
