"""From TOML and flags to runs."""

import pytest

from maxpo_bench.sweep import AgentEntry, ConfigError, EngineConfig, EnvironmentEntry, SweepConfig, load_config

TOML = """
seeds = [4, 9]
iterations = 300
log_every = 10
imports = ["json"]

[[environments]]
id = "maxpo/Bandit-v0"
kwargs = { num_arms = 10 }
grid = { instance = [0, 1, 2] }

[[environments]]
id = "maxpo/Maze-v0"
iterations = 50

[[agents]]
names = ["reinforce", "ei_l2o"]
kwargs = { k = 4 }
grid = { learning_rate = [0.1, 0.3], group_size = [8, 16] }

[[agents]]
names = "ppo"
total_timesteps = 4096

[engine]
workers = 3
time_limit_s = 2.5
memory_limit_mb = 4096
"""


@pytest.fixture
def toml(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(TOML)
    return path


def test_toml_becomes_dataclasses(toml):
    assert load_config(toml) == SweepConfig(
        environments=(
            EnvironmentEntry("maxpo/Bandit-v0", {"num_arms": 10}, {"instance": [0, 1, 2]}),
            EnvironmentEntry("maxpo/Maze-v0", iterations=50),
        ),
        agents=(
            AgentEntry(("reinforce", "ei_l2o"), {"k": 4}, {"group_size": [8, 16], "learning_rate": [0.1, 0.3]}),
            AgentEntry(("ppo",), total_timesteps=4096),
        ),
        seeds=(4, 9),
        iterations=300,
        log_every=10,
        imports=("json",),
        engine=EngineConfig(workers=3, time_limit_s=2.5, memory_limit_mb=4096),
    )


def test_expansion_is_the_full_product(toml):
    specs = load_config(toml).expand()
    assert len(specs) == len({spec.run_id for spec in specs}) == 2 * (3 + 1) * (2 * 4 + 1)
    assert [spec.seed for spec in specs] == [4] * 36 + [9] * 36
    bandits = [spec for spec in specs if spec.env == "maxpo/Bandit-v0" and spec.agent == "ei_l2o" and spec.seed == 4]
    cells = {(s.env_kwargs["instance"], s.agent_kwargs["group_size"], s.agent_kwargs["learning_rate"]) for s in bandits}
    assert cells == {(i, n, rate) for i in (0, 1, 2) for n in (8, 16) for rate in (0.1, 0.3)}
    assert all(spec.env_kwargs["num_arms"] == 10 and spec.agent_kwargs["k"] == 4 for spec in bandits)


def test_budget_of_the_agent_comes_before_the_environments_and_the_sweeps(toml):
    budgets = {(spec.env, spec.agent): (spec.iterations, spec.total_timesteps) for spec in load_config(toml).expand()}
    assert budgets == {
        ("maxpo/Bandit-v0", "reinforce"): (300, None),
        ("maxpo/Bandit-v0", "ei_l2o"): (300, None),
        ("maxpo/Bandit-v0", "ppo"): (None, 4096),
        ("maxpo/Maze-v0", "reinforce"): (50, None),
        ("maxpo/Maze-v0", "ei_l2o"): (50, None),
        ("maxpo/Maze-v0", "ppo"): (None, 4096),
    }


def test_flags_and_file_give_the_same_runs():
    flags = SweepConfig.from_flags(["a", "b"], ["c"], "2", iterations=5, overrides=["agents.*.kwargs.k=3"])
    table = {"environments": ["a", {"id": "b"}], "agents": [{"names": ["c"], "kwargs": {"k": 3}}]}
    assert flags.expand() == SweepConfig.from_dict({**table, "seeds": 2, "iterations": 5}).expand()


def test_a_run_asked_for_twice_is_one():
    assert len(SweepConfig.from_flags(["a", "a"], ["c"], iterations=1).expand()) == 1


@pytest.mark.parametrize(
    ("value", "seeds"),
    [(3, (0, 1, 2)), ("3", (0, 1, 2)), ("5:7", (5, 6)), ("4,2", (4, 2)), ("7,", (7,)), ([8, 1], (8, 1))],
)
def test_seeds(value, seeds):
    assert SweepConfig.from_flags(["e"], ["a"], value, iterations=1).seeds == seeds


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "", "x", "3:3", "1,1", [1, 1], [], [1.0], {"a": 1}])
def test_wrong_seeds(value):
    with pytest.raises(ConfigError, match="seeds must be a number"):
        SweepConfig.from_flags(["e"], ["a"], value, iterations=1)


def test_overrides(toml):
    config = SweepConfig.from_toml(
        toml,
        [
            "iterations=7",
            "seeds=1",
            "environments.0.kwargs.num_arms=3",
            "environments.0.grid={}",
            "agents.*.kwargs.note=plain text",
            'agents.1.names=["a2c", "ppo"]',
            "engine.workers=1",
        ],
    )
    assert (config.iterations, config.seeds, config.engine.workers) == (7, (0,), 1)
    assert config.environments[0] == EnvironmentEntry("maxpo/Bandit-v0", {"num_arms": 3})
    assert [entry.kwargs["note"] for entry in config.agents] == ["plain text"] * 2
    assert config.agents[0].kwargs["k"] == 4
    assert config.agents[1].names == ("a2c", "ppo")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("iterations", "write key=value"),
        ("=3", "write key=value"),
        ("iteration=3", "unknown key 'iteration' in the sweep.*Did you mean 'iterations'"),
        ("agents.2.kwargs.k=3", "'2' is no entry of a list of 2"),
        ("agents.first.kwargs.k=3", "'first' is no entry"),
        ("iterations.x=3", "lies inside 300, which is not a table"),
        ("agents.0.kwarg.k=3", "unknown key 'kwarg' in agents.0.*Did you mean 'kwargs'"),
        ("engine.worker=3", r"unknown key 'worker' in \[engine\].*Did you mean 'workers'"),
        ("engine.workers=0", "engine.workers must be a whole number of at least 1, got 0"),
        ("engine.time_limit_s=-1", "engine.time_limit_s must be a number of seconds above 0"),
        ("engine.memory_limit_mb=0.5", "engine.memory_limit_mb must be a whole number"),
        ("iterations=0", "iterations must be a whole number of at least 1, got 0"),
        ("total_timesteps=10", "iterations and total_timesteps are both set"),
        ("agents.0.total_timesteps=many", "agents.0.total_timesteps must be a whole number"),
        ("environments.0.total_timesteps=0", "environments.0.total_timesteps must be"),
        ("log_every=0", "log_every must be"),
        ("agents=[]", "needs at least one environment and one agent"),
        ("agents=3", "agents must be a list"),
        ("agents.0.names=[]", "agents.0 needs names"),
        ("agents.0.names=[1]", "agents.0.names must be a list of texts"),
        ("environments.1={}", "environments.1 needs an id"),
        ("environments.1=3", "environments.1 must be a table, got 3"),
        ("agents.0.kwargs=3", "agents.0.kwargs must be a table"),
        ("agents.0.grid.k=[1]", "agents.0 has 'k' in kwargs and in grid"),
        ("agents.0.grid.x=1", "agents.0.grid.x must be a list of at least one value"),
        ("agents.0.grid.x=[]", "agents.0.grid.x must be a list of at least one value"),
        ("agents.0.kwargs.x=nan", "agents.0.kwargs.x is nan"),
        ("agents.0.kwargs.x=2020-01-01", "agents.0.kwargs.x is a date"),
        ("imports=3", "imports must be a list of texts"),
    ],
)
def test_wrong_settings_say_what_and_where(toml, override, message):
    with pytest.raises(ConfigError, match=message):
        SweepConfig.from_toml(toml, [override])


def test_messages_name_the_file(toml, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*none\.toml: No such file"):
        load_config(tmp_path / "none.toml")
    toml.write_text("seeds = ")
    with pytest.raises(ConfigError, match=r"sweep\.toml is not TOML"):
        load_config(toml)
    toml.write_text("sed = 3")
    with pytest.raises(ConfigError, match=r"sweep\.toml: unknown key 'sed'.*'seeds'"):
        load_config(toml)


def test_missing_budget():
    config = SweepConfig.from_flags(["e"], ["a"])
    with pytest.raises(ConfigError, match="'a' on 'e' have no budget: set iterations or total_timesteps"):
        config.expand()


def test_engine_settings_do_not_change_ids(toml):
    config = load_config(toml)
    other = config.with_engine(workers=1, time_limit_s=9.0, memory_limit_mb=None)
    assert other.engine == EngineConfig(workers=1, time_limit_s=9.0, memory_limit_mb=4096)
    assert other.expand() == config.expand()
    assert EngineConfig().num_workers >= 1
