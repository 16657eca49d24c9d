"""Every example runs, and does what its first line says."""

import importlib.util
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from maxpo_bench.leaderboard import check_contract, load_submission
from maxpo_bench.moments import certify
from maxpo_bench.sweep import load_config
from maxpo_bench.sweep.tables import parse_seeds
from maxpo_bench.sweep.validation import validated

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SWEEPS = sorted(EXAMPLES.glob("sweeps/*"))


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_example_is_forgotten_here():
    assert {path.name for path in EXAMPLES.iterdir() if not path.name.startswith("_")} == {
        "ci",
        "custom_environment.py",
        "exact_moments.py",
        "submission.py",
        "sweep.toml",
        "sweeps",
        "train.py",
    }


def test_train_raises_every_agent_close_to_the_optimum():
    reached = load("train").main(iterations=150)
    optimum = gym.make("maxpo/Bandit-v0", num_arms=20).unwrapped.optimal_value
    assert min(reached.values()) > 0.9 * optimum


def test_exact_moments_of_ones_own_estimator_lie_between_those_it_is_made_of():
    ours = load("exact_moments").main()
    assert ours["half_l2o"].bias.max() < 1e-12 < ours["ei_l1o"].bias.min()
    variance = {name: moments.total_variance.mean() for name, moments in ours.items()}
    assert variance["ei_l2o"] < variance["half_l2o"] < variance["ei"]


@pytest.mark.filterwarnings("ignore:.*Overriding environment examples/Lock-v0")
def test_custom_environment_is_learnt():
    returns = load("custom_environment").main(iterations=200)
    assert np.mean(returns[-10:]) > 0.6
    assert np.mean(returns[:10]) < 0.3


def test_submission_passes_and_is_exact():
    candidate = load_submission(EXAMPLES / "submission.py")
    assert all(result.status != "fail" for result in check_contract(candidate))
    assert certify(candidate.build, min_group_size=candidate.smallest_group).kind == "exact"


def test_sweep_configuration_is_valid():
    assert len(load_config(EXAMPLES / "sweep.toml").expand()) > 10


def test_no_sweep_is_forgotten():
    assert [path.name for path in SWEEPS] == [
        *("bandits.toml", "carry_over.toml", "maze.toml", "maze_shares.toml", "peers.toml")
    ]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_sweeps_are_valid_and_open_with_their_commands(path):
    config = validated(load_config(path))
    runs = config.expand()
    assert len(runs) > 100
    text = path.read_text()
    head = text.split("\n\n")[0]
    assert all(line.startswith("#") and len(line) <= 120 for line in head.splitlines())
    assert "on two cores" in " ".join(head.replace("\n#", " ").split())
    commands = [line.strip("# ").split() for line in head.splitlines() if line.startswith("#     maxpo-bench")]
    assert [command[1] for command in commands] == ["sweep", "sweep", "compare"]
    listing, sweep, compare = commands
    assert sweep[2:] == [f"examples/sweeps/{path.name}", "--out", f"runs/{path.stem}"]
    assert listing == [*sweep, "--dry-run"]
    assert compare[2] == f"runs/{path.stem}"
    tuning = set(parse_seeds(compare[compare.index("--tuning-seeds") + 1]))
    assert tuning < set(config.seeds)
    assert len(config.seeds) - len(tuning) >= 10
    argument = compare[compare.index("--tune") + 1]
    assert all(argument in run.agent_kwargs for run in runs)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_agents_of_a_sweep_are_tuned_over_grids_of_one_size_with_one_budget(path):
    runs = load_config(path).expand()
    rates = {}
    for run in runs:
        cell = (run.env, str(run.env_kwargs), run.agent, run.agent_kwargs.get("optimizer"))
        rates.setdefault(cell, set()).add(run.agent_kwargs["learning_rate"])
    assert len({len(values) for values in rates.values()}) == 1
    assert len({(run.iterations, run.total_timesteps) for run in runs}) == 1
