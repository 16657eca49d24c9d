"""Every method trains the tiny model through the agents' loop; runs of a sweep; options."""

import json
from dataclasses import replace

import pytest
import torch
from llm_train_small import SMALL

from maxpo_bench import sweep
from maxpo_bench.agents import GroupPolicyGradient
from maxpo_bench.estimators import ESTIMATORS, as_estimator, ei_l2o
from maxpo_bench.llm.methods import METHODS
from maxpo_bench.llm.run_folder import RunFolder, RunFolderError
from maxpo_bench.llm.tiny.experiment import curves, execute, run_of
from maxpo_bench.llm.tiny.run import TinyRun
from maxpo_bench.llm.tiny.training import make_tiny_agent, pretrained, train
from maxpo_bench.registry import UnknownNameError
from maxpo_bench.sweep.spec import RunSpec

SHORT = replace(SMALL, steps=2)
EXECUTE = "maxpo_bench.llm.tiny.experiment:execute"
ENVIRONMENT = "maxpo/TextReasoning-v0"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def in_cache(cache, monkeypatch):
    monkeypatch.setenv("MAXPO_BENCH_CACHE", str(cache))


@pytest.fixture
def model():
    return pretrained(SMALL)


@pytest.mark.parametrize("method", [*METHODS, "ei_l1o", "bon_mean"])
def test_every_method_runs(cache, tmp_path, method):
    run = replace(SHORT, method=method)
    summary = train(run, tmp_path / "run", base=cache / "base")
    log = RunFolder(tmp_path / "run").log()
    assert len(log) == SHORT.steps
    assert all(line["adam_variance_proxy"] is not None for line in log)
    assert 0 <= summary["pass@1"] <= summary["pass@4"] <= 1
    assert RunFolder(tmp_path / "run").info().method == method


@pytest.mark.parametrize(
    ("method", "estimator"),
    [("maxpo", "ei_l2o"), ("pkpo", "ei"), ("grpo", "grpo"), ("reinforce_l1o", "reinforce_l1o"), ("ei_l1o", "ei_l1o")],
)
def test_a_method_is_the_estimator_of_that_name(model, method, estimator):
    agent = make_tiny_agent(replace(SMALL, method=method), model)
    assert (agent.estimator.name, agent.estimator.k) == (estimator, SMALL.k)
    assert (agent.group_size, agent.groups_per_step, agent.seed) == (8, 8, 0)
    assert isinstance(agent.policy.optimizer, torch.optim.Adam)
    assert agent.policy.optimizer.param_groups[0]["lr"] == SMALL.learning_rate


def test_parameters_reach_the_method_and_the_policy(model):
    params = {"alpha": 0.1, "kappa": 3.0, "eps": 0.5}
    run = replace(SMALL, method="entropy_adv", method_params=params, policy={"temperature": 0.5})
    agent = make_tiny_agent(run, model)
    assert agent.entropy_shaping == {"alpha": 0.1, "kappa": 3.0}
    assert agent.estimator.params["eps"] == 0.5
    assert agent.policy.temperature == 0.5


def test_a_submitted_copy_of_maxpo_trains_as_maxpo(cache, tmp_path):
    copy = as_estimator(lambda rewards, k: ei_l2o(rewards, k), SHORT.k, name="copy")
    run = replace(SHORT, method="copy", submission="0" * 64)
    train(run, tmp_path / "copy", base=cache / "base", estimator=copy)
    train(SHORT, tmp_path / "maxpo", base=cache / "base")
    logs = [(tmp_path / name / "log.jsonl").read_bytes() for name in ("copy", "maxpo")]
    assert logs[0] == logs[1]
    assert RunFolder(tmp_path / "copy").info().config["submission"] == "0" * 64


def test_training_starts_from_the_base(model):
    agent = make_tiny_agent(SMALL, model)
    assert isinstance(agent, GroupPolicyGradient)
    from safetensors.torch import load_file

    weights = load_file(model / "model.safetensors")
    state = agent.policy.model.state_dict()
    assert all(torch.equal(weights[name], state[name]) for name in weights)


def test_seeds_differ_and_repeat(cache, tmp_path):
    for name, seed in (("a", 0), ("b", 1), ("c", 0)):
        train(replace(SHORT, seed=seed), tmp_path / name, base=cache / "base")
    a, b, c = ((tmp_path / name / "log.jsonl").read_bytes() for name in "abc")
    assert a == c != b


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"k": 2.5}, TypeError, "k must be a whole number"),
        ({"k": True}, TypeError, "k must be a whole number"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be positive"),
        ({"learning_rate": "1"}, TypeError, "learning_rate must be a number"),
        ({"task_options": 3}, TypeError, "task_options must be a table"),
        ({"step": 3}, ValueError, "Did you mean 'steps'"),
    ],
)
def test_wrong_options_are_refused_at_the_door(options, error, message):
    with pytest.raises(error, match=message):
        TinyRun.from_options(options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pretraining": {"width_": 3}}, "Did you mean 'width'"),
        ({"eval_problems": 10**6}, "held-out problems"),
        ({"k": 9}, "k"),
    ],
)
def test_what_does_not_fit_is_refused(cache, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        train(replace(SHORT, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_unknown_methods_are_named(cache, tmp_path):
    with pytest.raises(UnknownNameError, match="maxpo"):
        train(replace(SHORT, method="maxpoo"), tmp_path / "run", base=cache / "base")


def test_names_say_what_matters():
    assert TinyRun().model == "tiny-countdown"
    assert TinyRun(pretraining_seed=3).model == "tiny-countdown-pretraining3"
    assert TinyRun(task="reasoning_gym/maze").model == "tiny-reasoning_gym-maze"
    assert [TinyRun(method=name).name for name in ("maxpo", "ei_l2o", "grpo", "entropy_adv")] == [
        "maxpo-k4-seed0",
        "maxpo-k4-seed0",
        "grpo-seed0",
        "entropy_adv-seed0",
    ]


def spec(**changes):
    kwargs = {name: getattr(SMALL, name) for name in ("k", "group_size", "groups_per_step", "learning_rate")}
    kwargs |= {"eval_problems": 40, "eval_samples": 4, "pretraining": dict(SMALL.pretraining)}
    given = {"env": ENVIRONMENT, "agent": "maxpo", "seed": 5, "iterations": 3, "log_every": 2, "agent_kwargs": kwargs}
    return RunSpec(**(given | {"env_kwargs": {"task": "countdown", "difficulty": 3}} | changes))


def test_a_run_of_a_sweep_is_a_run(cache):
    result = execute(spec())
    assert result["curves"]["iteration"] == [2, 3]
    assert len(result["curves"]["adam_variance_proxy"]) == 2
    numbers = {"pass@1", "pass@2", "pass@4", "base_pass@1", "support_expansion", "support_shrinkage", "entropy"}
    assert numbers | {"adam_variance_proxy", "reward_mean", "reward_max_at_k", "seconds_per_step"} <= set(
        result["summary"]
    )
    again = execute(spec())
    times = {"seconds", "seconds_per_step"}
    assert {k: v for k, v in again["summary"].items() if k not in times} == {
        k: v for k, v in result["summary"].items() if k not in times
    }
    assert again["curves"] == result["curves"]


def test_each_seed_has_problems_and_a_base_of_its_own_shared_by_the_methods():
    one, other = run_of(spec()), run_of(spec(seed=6))
    assert one.pretraining_seed != other.pretraining_seed
    assert one.task_options["instance"] != other.task_options["instance"]
    assert run_of(spec(agent="grpo")).base_info() == one.base_info()
    fixed = run_of(spec(env_kwargs={"task": "countdown", "difficulty": 3, "instance": 4}))
    assert fixed.task_options == {"difficulty": 3, "instance": 4}


def test_specifications_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="TextReasoning"):
        run_of(spec(env="maxpo/Bandit-v0"))
    with pytest.raises(ValueError, match="iterations"):
        run_of(spec(iterations=None, total_timesteps=10))
    with pytest.raises(ValueError, match="no option 'group'"):
        run_of(spec(agent_kwargs={"group": 3}))


def test_curves_are_means_over_windows():
    log = [{"step": step, "loss": None, "entropy": value} for step, value in enumerate([1.0, None, 3.0], start=1)]
    assert curves(log, 2) == {"iteration": [2, 3], "entropy": [1.0, 3.0]}


def test_a_sweep_trains_and_resumes(tmp_path):
    config = {
        "environments": [{"id": ENVIRONMENT, "kwargs": {"task": "countdown", "difficulty": 3}}],
        "agents": [{"names": ["maxpo"], "kwargs": dict(spec().agent_kwargs)}],
        "seeds": [5],
        "iterations": 3,
    }
    report = sweep.run(config, tmp_path, workers=1, progress=False, execute=EXECUTE)
    assert report.exit_code == 0
    (path,) = (tmp_path / "runs").glob("*.json")
    record = json.loads(path.read_text())
    assert record["spec"]["agent"] == "maxpo"
    assert {"pass@1", "base_pass@1"} <= set(record["summary"])
    again = sweep.run(config, tmp_path, workers=1, progress=False, execute=EXECUTE)
    assert len(again.skipped) == 1


def test_no_estimator_is_missing_from_what_can_be_trained(model):
    for name in ESTIMATORS:
        agent = make_tiny_agent(replace(SMALL, method=name), model)
        assert agent.estimator.name == name


def test_a_refused_run_leaves_no_folder(tmp_path):
    """The corrected command must find the place as it was."""
    small = {"steps": 1, "eval_problems": 2, "eval_samples": 2}
    base = RunFolder(tmp_path / "base")
    base.begin(TinyRun(**{**small, "eval_problems": 4}).base_info())
    with pytest.raises(RunFolderError, match=r"eval_problems is 4 there, 2 here.*share the evaluation of their base"):
        train(TinyRun(**small), tmp_path / "maxpo")
    assert not (tmp_path / "maxpo").exists()


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunFolderError, match=r"file is a file where a folder is needed"):
            train(TinyRun(steps=1), out)
