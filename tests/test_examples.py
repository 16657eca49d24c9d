"""Every example runs, and does what its first line says."""

import importlib.util
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from maxpo_bench.leaderboard import check_contract, load_submission
from maxpo_bench.moments import certify
from maxpo_bench.sweep import load_config

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_example_is_forgotten_here():
    assert {path.name for path in EXAMPLES.iterdir() if not path.name.startswith("_")} == {
        "custom_environment.py",
        "exact_moments.py",
        "submission.py",
        "sweep.toml",
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
