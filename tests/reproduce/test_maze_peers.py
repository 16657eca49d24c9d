"""The peers' experiment on a short maze: what is tuned, scored and stored, and that it goes on where it stopped."""

import dataclasses
import json

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from maxpo_bench.agents import make_agent
from maxpo_bench.agents.registry import AGENTS, MissingExtraError, find_agent
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.registry import UnknownNameError
from maxpo_bench.reproduce.maze.peer_run import OF_THE_SEED, LastEpisodes, execute
from maxpo_bench.reproduce.maze.peers import PEERS, measure_peers
from maxpo_bench.seeding import derive_seed
from maxpo_bench.sweep import RunSpec, RunStore
from maxpo_bench.sweep.execute import agent_seed

pytest.importorskip("sb3_contrib", reason="needs the extra contrib")

MAZE = {"length": 6, "majority_share": 0.5, "instance": OF_THE_SEED}
SMALL = {
    "ppo": {"num_envs": 8, "n_steps": 16, "batch_size": 128, "n_epochs": 2},
    "a2c": {"num_envs": 8, "n_steps": 8},
    "trpo": {"num_envs": 8, "n_steps": 16, "batch_size": 128, "n_critic_updates": 1},
    "ars": {"num_envs": 8, "n_delta": 4},
}


def spec_of(name, seed=5, budget=3000, **options):
    kwargs = {"policy": "tabular", **SMALL[name], **options}
    return RunSpec("maxpo/Maze-v0", name, seed, total_timesteps=budget, env_kwargs=MAZE, agent_kwargs=kwargs)


class Ends(BaseCallback):
    """Remembers how long and when every episode ended."""

    def __init__(self):
        super().__init__()
        self.found = []

    def _on_step(self):
        ends = [info["episode"]["r"] for info in self.locals["infos"] if "episode" in info]
        self.found += [(self.num_timesteps, float(value)) for value in ends]
        return True


@pytest.mark.parametrize("name", list(SMALL))
def test_a_run_is_scored_on_its_last_episodes_and_its_final_policy(name):
    spec, ends = spec_of(name), Ends()
    summary = execute(spec)["summary"]
    agent = make_agent(
        name, "maxpo/Maze-v0", length=6, majority_share=0.5, instance=derive_seed(5, "maze"), seed=agent_seed(spec),
        **spec.agent_kwargs,
    )  # fmt: skip
    agent.learn(total_timesteps=3000, callback=ends)
    last = [value for at, value in ends.found if at > 2900]
    assert summary["final_return"] == pytest.approx(np.mean(last))
    assert summary["final_episodes"] == len(last) > 3
    assert summary["timesteps"] == agent.num_timesteps >= 3000
    layout = MazeLayout.generate(6, 0.5, 1, derive_seed(5, "maze"))
    assert summary["exact_return"] == pytest.approx(layout.expected_return(agent.policy_table()))
    assert summary["p_action_1"] == agent.policy.action_1_probability()


def test_equal_runs_are_equal_and_seeds_have_mazes_of_their_own():
    first, second, other = (execute(spec_of("a2c", seed)) for seed in (5, 5, 6))
    assert first == second
    assert first["summary"]["exact_return"] != other["summary"]["exact_return"]
    lengths = {len(curve) for curve in first["curves"].values()}
    assert lengths == {47}  # rollouts of 64 steps
    many = execute(spec_of("a2c", 5, 16 * 150, n_steps=2))
    assert many["curves"]["timesteps"][:2] == [32, 64]


def test_a_run_without_a_budget_in_steps_or_with_one_maze_for_all_is_refused():
    for change in ({"total_timesteps": None, "iterations": 3}, {"env_kwargs": {"length": 6, "instance": 0}}):
        with pytest.raises(ValueError, match="needs total_timesteps and the environment argument instance='of the"):
            execute(dataclasses.replace(spec_of("a2c"), **change))


def test_a_budget_in_which_nothing_ends_is_refused():
    with pytest.raises(ValueError, match=r"no episode ended in the last 1/30 of the steps: raise the budget"):
        execute(spec_of("a2c", budget=1, n_steps=1, num_envs=1))


def test_last_episodes_count_from_the_step_after():
    callback = LastEpisodes(10)
    for timesteps, earned in ((10, 1.0), (11, 2.0), (12, None)):
        callback.num_timesteps = timesteps
        callback.locals = {"infos": [{} if earned is None else {"episode": {"r": earned}}, {}]}
        assert callback._on_step()
    assert callback.returns == [2.0]


@pytest.mark.parametrize("name", list(PEERS))
def test_settings_are_options_of_the_agents_with_five_ascending_values(name):
    setting = PEERS.get(name)
    known = find_agent(name).options
    assert {*setting.options, setting.tuned} <= set(known)
    assert len(setting.grid) == 5
    assert list(setting.grid) == sorted(setting.grid)
    ratios = np.diff(np.log10(setting.grid))
    assert ((ratios > 0.4) & (ratios < 0.6)).all()
    agent = make_agent(name, "maxpo/Maze-v0", length=5, **setting.options, **{setting.tuned: setting.grid[0]})
    assert agent.policy.action_1_probability() in (0.0, 0.5)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Two small peers, tuned over two values on two seeds, at two more seeds."""
    folder = tmp_path_factory.mktemp("peers")
    told = []
    rows = measure_peers(folder, **SMALL_CALL, progress=lambda done, total: told.append((done, total)))
    return folder, rows, told


SMALL_CALL = {
    "share": 0.5,
    "budget": 6_000,
    "peers": ("a2c", "ars"),
    "tuning_seeds": 2,
    "seeds": 2,
    "learning_rates": {"a2c": (0.3, 0.001), "ars": (0.1,)},
    "seed": 3,
    "length": 6,
    "workers": 2,
}


def test_rows_are_what_the_runs_say(measured):
    folder, rows, told = measured
    records = RunStore(folder).load_all()
    assert [row.agent for row in rows] == ["a2c", "ars"]
    assert len(records) == 4 + 4
    a2c, ars = rows
    means = {
        value: np.mean(
            [
                record["summary"]["final_return"]
                for record in records
                if record["spec"]["agent"] == "a2c"
                and record["spec"]["agent_kwargs"]["learning_rate"] == value
                and record["spec"]["seed"] in [derive_seed(3, "fig7", "tuning", i) for i in range(2)]
            ]
        )
        for value in (0.001, 0.3)
    }
    assert a2c.grid == tuple((value, pytest.approx(mean)) for value, mean in means.items())
    assert a2c.learning_rate == max(means, key=means.__getitem__) == 0.3
    assert (ars.grid, ars.learning_rate) == ((), 0.1)
    assert a2c.seeds == ars.seeds == tuple(derive_seed(3, "fig7", "evaluation", i) for i in range(2))
    assert a2c.is_at_edge
    assert not ars.is_at_edge
    for row in rows:
        own = {
            record["spec"]["seed"]: record["summary"]
            for record in records
            if record["spec"]["agent"] == row.agent and record["spec"]["seed"] in row.seeds
        }
        assert row.final_returns == tuple(own[seed]["final_return"] for seed in row.seeds)
        assert row.exact_returns == tuple(own[seed]["exact_return"] for seed in row.seeds)
        assert row.p_action_1 == tuple(own[seed]["p_action_1"] for seed in row.seeds)
        assert row.steps_per_second > 0
        assert (row.majority_share, row.budget, row.tuned) == (0.5, 6_000, "learning_rate")
        json.dumps(row.to_dict(), allow_nan=False)
    assert told[-1] == (8, 8)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {8}


def test_what_is_there_is_not_run_again(measured):
    folder, rows, _ = measured
    before = {path: path.stat().st_mtime_ns for path in RunStore(folder).runs.glob("*.json")}
    assert measure_peers(folder, **SMALL_CALL) == rows
    assert {path: path.stat().st_mtime_ns for path in RunStore(folder).runs.glob("*.json")} == before


def test_a_lost_run_is_trained_again_to_the_same_numbers(measured):
    folder, rows, _ = measured
    victim = sorted(RunStore(folder).runs.glob("*.json"))[0]
    before = json.loads(victim.read_text())
    victim.unlink()
    again = measure_peers(folder, **SMALL_CALL)
    after = json.loads(victim.read_text())
    assert (after["summary"], after["curves"]) == (before["summary"], before["curves"])
    assert [row.final_returns for row in again] == [row.final_returns for row in rows]


def test_what_is_wrong_is_said_before_anything_runs(tmp_path, monkeypatch):
    with pytest.raises(UnknownNameError, match="'ppo'"):
        measure_peers(tmp_path, share=0.8, budget=100, peers=["pppo"])
    with pytest.raises(ValueError, match="budget must be positive, got 0"):
        measure_peers(tmp_path, share=0.8, budget=0)
    with pytest.raises(ValueError, match="a seed or more is needed for tuning and for evaluation, got 3 and 0"):
        measure_peers(tmp_path, share=0.8, budget=100, seeds=0)
    with pytest.raises(ValueError, match=r"seeds \[4\] are for tuning and for evaluation"):
        measure_peers(tmp_path, share=0.8, budget=100, tuning_seeds=[4, 5], seeds=[4])
    with pytest.raises(ValueError, match=r"learning_rates has 'trpo': \[0.1\]"):
        measure_peers(tmp_path, share=0.8, budget=100, peers=["ppo"], learning_rates={"trpo": [0.1]})
    without = dataclasses.replace(find_agent("ars"), missing="maxpo-bench[contrib]")
    monkeypatch.setattr(AGENTS, "get", lambda name: without)
    with pytest.raises(MissingExtraError, match=r"'ars' needs a package more: pip install 'maxpo-bench\[contrib\]'"):
        measure_peers(tmp_path, share=0.8, budget=100, peers=["ars"])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_is_named_with_its_cause(tmp_path):
    with pytest.raises(RuntimeError, match=r"1 of 1 runs failed \(ValueError: .*majority_share.*failed"):
        measure_peers(tmp_path, share=1.5, budget=100, peers=["a2c"], learning_rates={"a2c": [0.1]}, seeds=1, workers=1)
