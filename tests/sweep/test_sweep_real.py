"""Real agents on real environments."""

import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest

from maxpo_bench import sweep
from maxpo_bench.agents import make_agent
from maxpo_bench.estimators import get_estimator
from maxpo_bench.sweep.command import sweep_command
from maxpo_bench.sweep.execute import agent_seed, execute
from maxpo_bench.sweep.validation import canonical_environment, validated

TINY = {
    "environments": [
        {"id": "maxpo/Bandit-v0", "kwargs": {"num_arms": 5}},
        {"id": "maxpo_bench:maxpo/Maze-v0", "kwargs": {"length": 10}},
    ],
    "agents": [{"names": ["maxpo", "entropy"], "kwargs": {"k": 2, "group_size": 4}}],
    "seeds": 2,
    "iterations": 6,
    "log_every": 2,
}


def results(directory):
    return {record["id"]: (record["curves"], record["summary"]) for record in sweep.RunStore(directory).load_all()}


def test_repeated_sweeps_are_bitwise_equal(tmp_path):
    reports = [sweep.run(TINY, tmp_path / name, workers=workers) for name, workers in (("x", 2), ("y", 1))]
    assert [report.exit_code for report in reports] == [0, 0], reports[0].failed
    first, second = results(tmp_path / "x"), results(tmp_path / "y")
    assert len(first) == 8
    assert first == second
    specs = {spec.run_id: spec for spec in reports[0].specs}
    assert {spec.agent for spec in specs.values()} == {"ei_l2o", "reinforce_entropy"}
    assert {spec.env for spec in specs.values()} == {"maxpo/Bandit-v0", "maxpo/Maze-v0"}
    for run_id, (curves, summary) in first.items():
        assert curves["iteration"] == [2, 4, 6]
        assert len(curves["return_mean"]) == 3
        assert {"return_max_at_k", "exact_max_at_k", "entropy", "grad_norm", "grad_variance"} <= set(curves)
        assert summary["iterations"] == 6
        assert specs[run_id].env != "maxpo/Bandit-v0" or summary["timesteps"] == 24
    one = next(spec for spec in specs.values() if spec.env == "maxpo/Maze-v0" and spec.seed == 1)
    here = execute(one)
    assert (here["curves"], here["summary"]) == first[one.run_id]


def test_a_record_is_what_the_agent_logged():
    spec = sweep.RunSpec("maxpo/Bandit-v0", "ei", 3, iterations=5, log_every=1, agent_kwargs={"group_size": 8})
    agent = make_agent("ei", "maxpo/Bandit-v0", seed=agent_seed(spec), group_size=8).learn(iterations=5)
    found = execute(spec)
    assert found["curves"]["return_mean"] == [entry["return_mean"] for entry in agent.iteration_log]
    assert found["summary"]["exact_max_at_k"] == agent.iteration_log[-1]["exact_max_at_k"]


def test_seeds_change_the_agent_and_not_the_problem():
    runs = [execute(sweep.RunSpec("maxpo/Bandit-v0", "ei", seed, iterations=1)) for seed in (0, 1)]
    assert runs[0]["curves"]["return_mean"] != runs[1]["curves"]["return_mean"]
    seeds = {agent_seed(sweep.RunSpec("e", agent, 5, iterations=1, env_kwargs={"x": agent})) for agent in "ab"}
    assert len(seeds) == 1
    assert len({agent_seed(sweep.RunSpec("e", "a", seed, iterations=1)) for seed in range(100)}) == 100


def test_peers_have_curves_too():
    kwargs = {"num_envs": 2, "n_steps": 4}
    spec = sweep.RunSpec(
        "maxpo/Bandit-v0", "a2c", 0, total_timesteps=24, env_kwargs={"num_arms": 3}, agent_kwargs=kwargs
    )
    first, second = execute(spec), execute(spec)
    assert first == second
    assert first["curves"]["timesteps"] == [8, 16, 24]
    assert all(isinstance(value, float) for value in first["curves"]["return_mean"])


def test_a_run_finds_the_slow_modules_imported():
    """Otherwise each run pays more than a second for torch's compiler alone."""
    code = (
        "import sys\n"
        "from maxpo_bench.sweep.engines import preload\n"
        "from maxpo_bench.sweep import RunSpec\n"
        "before = set(sys.modules)\n"
        "from maxpo_bench.sweep.execute import execute\n"
        "for env in ('maxpo/Bandit-v0', 'maxpo/Maze-v0'):\n"
        "    execute(RunSpec(env, 'ei_l2o', 0, iterations=2))\n"
        "print(len(set(sys.modules) - before))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"environments": ["maxpo/Bandit-v1"]},
            "unknown environment 'maxpo/Bandit-v1'.*mean 'maxpo/Bandit-v0'",
        ),
        (
            {"environments": ["maxpo/Bandid-v0"]},
            r"unknown environment 'maxpo/Bandid-v0'\. Did you mean 'maxpo/Bandit-v0'\?$",
        ),
        ({"environments": ["cartpole-v1"]}, r"Did you mean 'CartPole-v1'"),
        (
            {"environments": ["mine/Lock-v0"]},
            r"'my_module:mine/Lock-v0', with my_module importable, or write imports = \[\"my_module\"\]",
        ),
        (
            {"environments": ["maxpo_bench:mine/Lock-v0"]},
            "'maxpo_bench' was imported but registers no 'mine/Lock-v0'",
        ),
        ({"environments": ["maze"]}, "unknown environment 'maze'.*maxpo/Maze-v0"),
        ({"environments": ["no_such_pkg:X-v0"]}, "environment 'no_such_pkg:X-v0': cannot import 'no_such_pkg'"),
        ({"agents": ["maxpoo"]}, "unknown agent 'maxpoo'.*Did you mean 'maxpo'"),
        (
            {"agents": [{"names": ["ei"], "kwargs": {"group_sise": 4}}]},
            "agent 'ei' has no argument 'group_sise'.*_size",
        ),
        (
            {"agents": [{"names": ["ei"], "grid": {"seed": [4]}}]},
            "agent 'ei' has no argument 'seed' here: it comes",
        ),
        (
            {"environments": [{"id": "maxpo/Bandit-v0", "grid": {"num_arm": [4]}}]},
            "environment 'maxpo/Bandit-v0' has no argument 'num_arm'.*Did you mean 'num_arms'",
        ),
        ({"imports": ["no_such_module"]}, "cannot import 'no_such_module'"),
        (
            {"environments": [{"id": "maxpo/Maze-v0", "kwargs": {"max_episode_steps": 3}}]},
            "'maxpo/Maze-v0' has no argument 'max_episode_steps'.*agents take max_episode_steps",
        ),
        (
            {"environments": [{"id": "CartPole-v1", "kwargs": {"disable_env_checker": True}}]},
            "'CartPole-v1' has no argument 'disable_env_checker'",
        ),
        (
            {"agents": [{"names": ["ei_l2o"], "kwargs": {"group_size": 16}, "grid": {"k": [4, 15, 99]}}]},
            "agent 'ei_l2o': k=99 needs at least 100 samples.*got 16",
        ),
        ({"agents": [{"names": ["ei_l1o", "reinforce"], "kwargs": {"k": 17}}]}, "agent 'ei_l1o': .*k=17.*got 16"),
        ({"agents": [{"names": ["ppo"], "kwargs": {"k": 0}}]}, "agent 'ppo': k must be a positive integer, got 0"),
        ({"agents": [{"names": ["ei"], "kwargs": {"kk": 4}}]}, r"agent 'ei' has no argument 'kk'\. Did you mean 'k'"),
        (
            {"agents": [{"names": ["ei"], "kwargs": {"learning_rate": -1.0}}]},
            "agent 'ei': learning_rate must be a number of at least 0, got -1",
        ),
        (
            {"agents": [{"names": ["ppo"], "grid": {"learning_rate": [0.1, "x"]}}]},
            "agent 'ppo': learning_rate must be a number of at least 0, got 'x'",
        ),
        ({"agents": [{"names": ["ei"], "kwargs": {"optimizer": "sdg"}}]}, "unknown optimizer 'sdg'.*'sgd'"),
    ],
)
def test_unknown_names_are_found_before_anything_starts(change, message, tmp_path):
    with pytest.raises(sweep.ConfigError, match=f"(?s){message}"):
        sweep.run({**TINY, **change}, tmp_path / "out", dry_run=True)
    assert not (tmp_path / "out").exists()


def test_a_k_that_no_group_can_take_is_a_usage_error(tmp_path, capsys):
    out = tmp_path / "out"
    overrides = ["agents.*.kwargs.k=99"]
    assert sweep_command(env=["maxpo/Bandit-v0"], agent=["maxpo"], iterations=1, overrides=overrides, out=out) == 2
    with pytest.raises(ValueError, match="99") as refusal:
        get_estimator("ei_l2o", 99).check_group_size(16)
    printed = capsys.readouterr()
    assert printed.err == f"error: agent 'maxpo': {refusal.value}\n"
    assert printed.out == ""
    assert not out.exists()


def test_aliases_are_one_run():
    configs = [
        validated(sweep.SweepConfig.from_flags([env], [agent], iterations=1))
        for env, agent in [("maxpo/Maze-v0", "ei_l2o"), ("maxpo_bench:maxpo/Maze-v0", "maxpo")]
    ]
    assert configs[0].expand() == configs[1].expand()


def test_other_peoples_environments():
    assert canonical_environment("CartPole-v1") == "CartPole-v1"
    gym.register("test_sweep/Own-v0", entry_point=lambda size, render_mode=None: None)
    try:
        good = {**TINY, "environments": [{"id": "test_sweep/Own-v0", "kwargs": {"size": 3}}]}
        assert validated(sweep.SweepConfig.from_dict(good)).environments[0].kwargs == {"size": 3}
        bad = {**TINY, "environments": [{"id": "test_sweep/Own-v0", "kwargs": {"sise": 3}}]}
        with pytest.raises(sweep.ConfigError, match=r"has no argument 'sise'.*'size'"):
            validated(sweep.SweepConfig.from_dict(bad))
    finally:
        del gym.registry["test_sweep/Own-v0"]


def test_the_example_is_valid():
    config = sweep.load_config(Path(__file__).parents[2] / "examples" / "sweep.toml")
    specs = validated(config).expand()
    assert len(specs) == 3 * 3 * 6
    assert {spec.iterations for spec in specs} == {300, 100, None}
