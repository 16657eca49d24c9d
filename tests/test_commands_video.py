"""`video`: a film from the command line, and everything that stops it before training."""

import importlib.util
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.commands import video
from maxpo_bench.plots import film

QUICK = ("--iterations", "6", "--frames", "4", "--set", "k=2", "--set", "group_size=4")


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, ["video", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize(("env", "option"), [("maxpo/Maze-v0", "length=30"), ("maxpo/Bandit-v0", "num_arms=5")])
def test_a_film_is_written_and_named_in_one_line(tmp_path, env, option):
    out = tmp_path / "film.gif"
    printed = call(env, *QUICK, "--set", option, "--out", out).output
    assert printed == f"{out} (4 frames, {out.stat().st_size / 1e6:.2f} MB)\n"  # no bar in a pipe
    with Image.open(out) as image:
        assert (image.n_frames, image.width, image.info["duration"]) == (4, 640, 100)


def test_two_agents_stand_side_by_side_and_the_seed_decides_the_bytes(tmp_path):
    def film_of(name, *more):
        agents = ("--agent", "reinforce", "--agent", "maxpo")
        call("maxpo/Maze-v0", *agents, *QUICK, "--set", "length=12", "--out", tmp_path / name, "--quiet", *more)
        return (tmp_path / name).read_bytes()

    first = film_of("first.gif")
    assert first == film_of("second.gif")
    assert first != film_of("third.gif", "--seed", 1)
    with Image.open(tmp_path / "first.gif") as image:
        assert image.size == (1280, 644)


def test_options_go_to_whom_they_belong(tmp_path, monkeypatch):
    made = {}

    def record(agents, **options):
        made.update(agents)
        return iter([])

    monkeypatch.setattr(film, "record_learning", record)
    monkeypatch.setattr(film, "write_film", lambda frames, path, fps: path.write_bytes(b""))
    call(
        "maxpo/Maze-v0", "--agent", "ppo", "--agent", "maxpo", "--out", tmp_path / "film.gif", "--seed", 5,
        "--set", "length=9", "--set", "maxpo.k=3", "--set", "k=2", "--set", "group_size=6", "--set", "num_envs=2",
        "--set", "n_steps=4", "--set", "batch_size=8", "--set", "ppo.learning_rate=0.5",
    )  # fmt: skip
    ppo, maxpo = made["ppo"], made["ei_l2o"]
    assert (ppo.k, maxpo.k, maxpo.group_size, ppo.n_envs) == (2, 3, 6, 2)
    assert (ppo.learning_rate, maxpo.learning_rate) == (0.5, 0.1)
    assert [agent.env_kwargs["length"] for agent in (ppo, maxpo)] == [9, 9]
    assert [agent.seed for agent in (ppo, maxpo)] == [5, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["maxpo/Mzae-v0"], "unknown environment 'maxpo/Mzae-v0'. Did you mean 'maxpo/Maze-v0'?"),
        (["maxpo/Maze-v0", "--agent", "maxpoo"], "unknown agent 'maxpoo'. Did you mean 'maxpo'"),
        (["maxpo/Maze-v0", "--agent", "maxpo", "--agent", "ei_l2o"], "agent 'ei_l2o' is named twice"),
        (["maxpo/Maze-v0", "--set", "lenght=3"], "unknown option 'lenght' for maxpo/Maze-v0. Did you mean 'length'"),
        (["maxpo/Maze-v0", "--set", "grpo.k=3"], "no agent 'grpo' in this film. Known: ei_l2o."),
        (["maxpo/Maze-v0", "--set", "k"], "--set 'k': write key=value, e.g. learning_rate=0.3"),
        (["maxpo/Maze-v0", "--set", "seed=3"], "the seed comes from --seed"),
        (["maxpo/Maze-v0", "--set", "k=40"], "k=40 needs at least 41 samples per group for ei_l2o, got 16"),
        (["maxpo/Maze-v0", "--set", "majority_share=2"], "majority_share must be"),
        (["maxpo/Maze-v0", "--iterations", "0"], "iterations must be at least 1, got 0"),
        (["maxpo/Maze-v0", "--frames", "500"], "300 iterations give 2 to 301 frames, got frames=500"),
        (["maxpo/Maze-v0", "--fps", "0"], "fps must be above 0"),
        (["maxpo/Maze-v0", "--out", "film.avi"], "a film's file ends in .gif or .mp4, got film.avi"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(tmp_path, monkeypatch, capsys, arguments, message):
    def never(*_, **__):
        raise AssertionError("training began")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("maxpo_bench.agents.GroupPolicyGradient.learn", never)
    monkeypatch.setattr(sys, "argv", ["maxpo-bench", "video", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_mp4_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ValueError, match=r"pip install 'maxpo-bench\[video\]'"):
        call("maxpo/Maze-v0", "--out", tmp_path / "film.mp4")


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_an_interrupt_ends_with_130_and_leaves_no_file(tmp_path, monkeypatch, ending):
    if ending == "mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        pytest.skip("imageio-ffmpeg is not installed")
    original = film.scene

    def interrupted(agent, stage, iteration, seed):
        if iteration == 4:
            raise KeyboardInterrupt
        return original(agent, stage, iteration, seed)

    monkeypatch.setattr(film, "scene", interrupted)
    out = tmp_path / f"film.{ending}"
    result = call("maxpo/Maze-v0", *QUICK, "--set", "length=5", "--out", out, code=130)
    assert f"interrupted: {out} was not written" in result.stderr
    assert not list(tmp_path.iterdir())


def test_on_a_terminal_a_bar_counts_the_frames(tmp_path, monkeypatch):
    counted = []

    class Bar:
        def __enter__(self):
            return lambda done, total: counted.append((done, total))

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(video, "counting", lambda title, quiet: Bar())
    call("maxpo/Maze-v0", *QUICK, "--set", "length=5", "--out", tmp_path / "film.gif")
    assert counted == [(1, 4), (2, 4), (3, 4), (4, 4)]
