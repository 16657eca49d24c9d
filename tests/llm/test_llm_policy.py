"""Agents with a language model: questions of groups, saving, answers, Entropy-Adv, what is refused, and a sweep."""

import io
import json
import os
import shutil
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete
from stable_baselines3.common.callbacks import BaseCallback

from maxpo_bench.agents import EntropyAdv, GroupPolicyGradient, list_agents, make_agent
from maxpo_bench.agents.global_rng import global_state
from maxpo_bench.envs import UnicodeText
from maxpo_bench.llm.completion import shared_prompts
from maxpo_bench.llm.policy import LMPolicy
from maxpo_bench.llm.tiny import CharTokenizer, TinyArchitecture, TinyLM, save_model
from maxpo_bench.registry import UnknownNameError

COUNTDOWN = "maxpo/TextReasoning-v0"
TINY = {"steps": 3, "width": 16, "layers": 1, "heads": 1, "hidden": 16, "batch_size": 8, "warmup": 1}
SMALL = {"group_size": 4, "k": 2, "groups_per_step": 2, "learning_rate": 1e-2}
GROUP_AGENTS = [spec.name for spec in list_agents() if not spec.is_peer]
"""Of every estimator, of the presets and entropy_adv."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def kwargs(cache, monkeypatch):
    """Options that share one base model of countdown."""
    monkeypatch.setenv("MAXPO_BENCH_CACHE", str(cache))
    return {**SMALL, "policy": "lm", "policy_kwargs": {"pretraining": TINY}}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "sums.jsonl"
    rows = [{"question": f"{a}+{b}", "answer": str(a + b)} for a in range(4) for b in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = CharTokenizer("0123456789+-*=:")
    shape = TinyArchitecture(len(tokenizer), width=16, layers=1, heads=1, hidden=16, context=17)
    model = TinyLM(shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
    return str(save_model(model, tokenizer, tmp_path_factory.mktemp("policy") / "model"))


@pytest.mark.parametrize("name", GROUP_AGENTS)
def test_every_group_agent_trains_on_questions(name, kwargs):
    agent = make_agent(name, COUNTDOWN, task="countdown", **kwargs).learn(iterations=2)
    log = agent.iteration_log
    numbers = ("grad_norm", "entropy", "grad_variance", "adam_variance_proxy")
    assert np.isfinite([[record[each] for each in numbers] for record in log]).all()
    assert all(1 <= record["completion_length"] <= 8 for record in log)
    assert all(record["episode_length"] == 1 and record["exact_return"] is None for record in log)
    assert 0 < log[0]["entropy"] <= np.log(17) + 1e-5
    assert agent.num_timesteps == 16


def test_it_trains_on_a_file_of_mathematical_questions(file, kwargs):
    agent = make_agent("grpo", "maxpo/Math-v0", dataset=str(file), **kwargs).learn(iterations=2)
    assert agent.policy.tokenizer.unknown_id is not None
    assert len(agent.iteration_log) == 2


def test_text_gets_a_language_model_groups_of_one_question_and_adam_by_default(kwargs):
    agent = make_agent("ei_l2o", COUNTDOWN, **{**kwargs, "policy": "auto", "learning_rate": None})
    assert isinstance(agent.policy, LMPolicy)
    assert (agent.same_start, agent.optimizer_name, agent.learning_rate) == (True, "adam", 5e-5)
    numeric = make_agent("ei_l2o", "maxpo/Bandit-v0")
    assert (numeric.same_start, numeric.optimizer_name, numeric.learning_rate) == (False, "sgd", 0.1)
    assert make_agent("ei_l2o", "maxpo/Bandit-v0", optimizer="adam").learning_rate == 0.01


@pytest.mark.parametrize("env", [COUNTDOWN, lambda: gym.make(COUNTDOWN)])
def test_a_group_answers_one_question(env, kwargs):
    agent = make_agent("ei_l2o", env, **{**kwargs, "groups_per_step": 6})
    asked = []
    sample = agent.policy.sample
    agent.policy.sample = lambda questions, rng: asked.append(list(questions)) or sample(questions, rng)
    agent.learn(iterations=3)
    groups = [questions[start : start + 4] for questions in asked for start in range(0, 24, 4)]
    assert all(len(set(group)) == 1 for group in groups)
    assert len({group[0] for group in groups}) > 12
    apart = make_agent("ei_l2o", env, same_start=False, **kwargs)
    questions, _ = apart.vector_env.reset(seed=apart._episode_seeds(0))
    assert len(set(questions)) > 4


def test_equal_prompts_side_by_side_are_gone_through_once():
    assert shared_prompts([[1], [1], [2], [2]]) == [[1], [2]]
    assert shared_prompts([[1]] * 4 + [[2]] * 2) == [[1], [1], [2]]
    assert shared_prompts([[1], [2], [1]]) == [[1], [2], [1]]


def test_sharing_the_pass_does_not_change_what_is_drawn(folder):
    policy = LMPolicy(UnicodeText(9), UnicodeText(9), model=folder)
    asked = ["1234=010:"] * 3 + ["3579=024:"] * 3
    together = policy.sample(asked, np.random.default_rng(4))
    mixed = policy.sample([*asked, "1111=004:"], np.random.default_rng(4))
    assert [action.tokens for action in together] == [action.tokens for action in mixed[:6]]
    assert len({action.text for action in together}) > 3


@pytest.mark.parametrize("name", ["ei_l2o", "entropy_adv"])
def test_a_saved_agent_needs_no_cache_and_goes_on_bitwise(name, kwargs, tmp_path, monkeypatch):
    monkeypatch.setenv("MAXPO_BENCH_CACHE", str(tmp_path / "mine"))
    whole = make_agent(name, COUNTDOWN, **kwargs).learn(iterations=6)
    half = make_agent(name, COUNTDOWN, **kwargs).learn(iterations=3)
    half.save(tmp_path / "agent")
    question = "1234=010:"
    answers = [half.predict([question] * 5)[0].tolist(), half.predict(question, deterministic=True)[0]]
    shutil.rmtree(tmp_path / "mine")
    monkeypatch.setitem(sys.modules, "transformers", None)
    loaded = type(half).load(tmp_path / "agent")
    assert loaded.learn(iterations=3, reset_num_timesteps=False).iteration_log == whole.iteration_log
    for one, other in zip(loaded.policy.parameters(), whole.policy.parameters(), strict=True):
        assert torch.equal(one, other)
    again = GroupPolicyGradient.load(tmp_path / "agent", env=COUNTDOWN)
    assert again.entropy_shaping == half.entropy_shaping
    assert [again.predict([question] * 5)[0].tolist(), again.predict(question, deterministic=True)[0]] == answers
    assert not (tmp_path / "mine").exists()


def test_runs_repeat_themselves_and_leave_the_global_generators_alone(kwargs):
    before = global_state()
    first, second = (make_agent("ei", COUNTDOWN, **kwargs).learn(iterations=2) for _ in range(2))
    assert first.iteration_log == second.iteration_log
    other = make_agent("ei", COUNTDOWN, seed=5, **kwargs).learn(iterations=2)
    assert other.iteration_log != first.iteration_log
    after = global_state()
    assert before["python"] == after["python"]
    assert torch.equal(before["torch"], after["torch"])


def test_logging_the_variance_does_not_change_the_training(kwargs):
    runs = [make_agent("grpo", COUNTDOWN, log_variance=flag, **kwargs).learn(iterations=2) for flag in (True, False)]
    for one, other in zip(runs[0].policy.parameters(), runs[1].policy.parameters(), strict=True):
        assert torch.equal(one, other)


def test_callbacks_see_texts_and_can_stop(kwargs):
    class Watch(BaseCallback):
        calls = 0

        def _on_step(self):
            self.calls += 1
            assert self.locals["dones"].all()
            return self.calls < 3

    agent = make_agent("ei", COUNTDOWN, **kwargs).learn(iterations=9, callback=Watch())
    assert len(agent.iteration_log) == 2


def test_predict_answers_one_question_or_several(folder):
    agent = make_agent("ei", COUNTDOWN, policy="lm", policy_kwargs={"model": folder})
    answer, state = agent.predict("1234=010:", deterministic=True)
    assert isinstance(answer, str)
    assert state is None
    several, _ = agent.predict(("1234=010:", "3579=024:"), deterministic=True)
    assert several.tolist()[0] == answer
    assert several.shape == (2,)
    drawn, _ = agent.predict(np.array(["1234=010:"] * 40, dtype=object))
    assert len(set(drawn.tolist())) > 5
    with pytest.raises(TypeError, match="answers a text or a list of texts, got int"):
        agent.predict(3)


def test_greedy_answers_have_the_largest_probability_at_every_token(folder):
    policy = LMPolicy(UnicodeText(9), UnicodeText(9), model=folder)
    (best,) = policy.best(["1234=010:"])
    tokens = torch.tensor([[*policy.tokenizer.encode("1234=010:"), *best.tokens]])
    logits = policy.model(tokens[:, :-1], keep=len(best.tokens))[0]
    assert logits.argmax(-1).tolist() == list(best.tokens)


def test_entropy_adv_raises_advantages_within_their_bound(kwargs):
    """With alpha 0 it is GRPO; with a large alpha every advantage A becomes A + |A| / kappa."""
    logs = {}
    for label, options in {"grpo": {}, "off": {"alpha": 0.0}, "on": {"alpha": 0.01}, "most": {"alpha": 1e6}}.items():
        agent = make_agent("grpo" if label == "grpo" else "entropy_adv", COUNTDOWN, **kwargs, **options)
        agent.vector_env.unwrapped._judge = lambda answers, live: np.array([len(a) % 2 for a in answers], dtype=float)
        logs[label] = agent.learn(iterations=1).iteration_log[0]
        shaping = agent.entropy_shaping
    assert shaping == {"alpha": 1e6, "kappa": 2.0}
    assert logs["off"] == logs["grpo"]
    assert logs["off"]["dead_groups"] < 1
    assert len({logs[label]["grad_norm"] for label in ("off", "on", "most")}) == 3


def test_entropy_shaping_goes_with_any_estimator(kwargs):
    shaped = make_agent("ei_l2o", COUNTDOWN, entropy_shaping={"alpha": 0.1}, **kwargs).learn(iterations=1)
    assert shaped.entropy_shaping == {"alpha": 0.1}
    assert "alpha" not in next(spec for spec in list_agents() if spec.name == "ei_l2o").options


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha": -1.0}, ValueError, "alpha must be finite and >= 0"),
        ({"kappa": 1.0}, ValueError, "kappa must be > 1"),
        ({"alph": 1.0}, TypeError, "no option 'alph'.*'alpha'"),
        ({"entropy_shaping": {}}, TypeError, "alpha and kappa in place of entropy_shaping"),
    ],
)
def test_entropy_adv_says_what_is_wrong(options, error, message):
    with pytest.raises(error, match=message):
        EntropyAdv(COUNTDOWN, **options)


def test_entropy_adv_needs_tokens():
    with pytest.raises(ValueError, match=r"TabularPolicy \(policy='auto'\) have none: train on .* policy='lm'"):
        make_agent("entropy_adv", "maxpo/Bandit-v0")
    with pytest.raises(TypeError, match=r"no parameter 'alfa'.*'alpha'"):
        GroupPolicyGradient("maxpo/Bandit-v0", entropy_shaping={"alfa": 1.0})


def test_a_plain_agent_is_not_loaded_as_entropy_adv(kwargs):
    stored = io.BytesIO()
    make_agent("grpo", COUNTDOWN, **kwargs).save(stored)
    stored.seek(0)
    with pytest.raises(ValueError, match="no entropy shaping: use or load it with GroupPolicyGradient"):
        EntropyAdv.load(stored)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"temperature": 0.0}, ValueError, "temperature must be a finite number above 0"),
        ({"max_new_tokens": 0}, ValueError, "max_new_tokens must be a positive integer, got 0"),
        ({"tokens_per_pass": 1.5}, ValueError, "tokens_per_pass must be a positive integer"),
        ({"aggregation": "sequences"}, ValueError, "Did you mean 'sequence'"),
        ({"model": "nowhere"}, FileNotFoundError, "nowhere/config.json does not exist"),
        ({"model": "nowhere", "pretraining": {"steps": 3}}, ValueError, "pretraining is for the base model"),
        ({"pretraining": {"step": 3}}, ValueError, "no setting 'step'.*'steps'"),
        ({"pretraning": {}}, TypeError, "Did you mean 'pretraining'"),
        ({"max_new_tokens": 9}, ValueError, "exceed the model's context of 17"),
    ],
)
def test_wrong_options_say_how_to_mend_them(options, error, message, folder):
    given = options if "model" in options or "pretraining" in options else {"model": folder, **options}
    with pytest.raises(error, match=message):
        make_agent("ei", COUNTDOWN, policy="lm", policy_kwargs=given).learn(iterations=1)


def test_spaces_and_environments_must_be_of_text(folder):
    with pytest.raises(ValueError, match=r"takes observations of text, got Discrete\(2\): choose policy='auto'"):
        LMPolicy(Discrete(2), UnicodeText(3), model=folder)
    with pytest.raises(ValueError, match="needs a model: pass the folder of one"):
        LMPolicy(UnicodeText(3), UnicodeText(3))

    class Asks(gym.Env):
        observation_space = action_space = UnicodeText(20)

        def reset(self, *, seed=None, options=None):
            return "1+1=", {}

        def step(self, action):
            return "1+1=", float(action.startswith("2")), True, False, {}

    with pytest.raises(ValueError, match="has no task to pretrain a model on: name the folder"):
        make_agent("ei", Asks, policy="lm")
    agent = make_agent("ei", Asks, policy="lm", policy_kwargs={"model": folder}).learn(iterations=2)
    assert agent.iteration_log[0]["return_mean"] < 1
    with pytest.raises(ValueError, match="a question has 20 tokens, the model's context is 17"):
        agent.predict("1" * 20)
    with pytest.raises(ValueError, match="'x' of 'x' is not in the tokenizer's alphabet"):
        agent.predict("x")


def test_a_missing_extra_is_named(kwargs, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install 'maxpo-bench\[llm\]'"):
        make_agent("ei", COUNTDOWN, **kwargs)


def test_a_sweep_trains_language_models_in_parallel(tmp_path):
    """Two processes want one base model at once; every run has the metrics of language models."""
    settings = {"policy": "lm", "log_variance": False, "k": 2, "group_size": 4, "groups_per_step": 2}
    small = ", ".join(f"{name} = {value}" for name, value in TINY.items())
    overrides = [f"agents.*.kwargs.{name}={json.dumps(value)}" for name, value in settings.items()]
    overrides.append(f"agents.*.kwargs.policy_kwargs={{pretraining = {{{small}}}}}")
    command = [sys.executable, "-m", "maxpo_bench.cli", "sweep", "--env", COUNTDOWN, "--out", str(tmp_path / "runs")]
    command += ["--agent", "ei_l2o", "--agent", "grpo", "--iterations", "2", "--workers", "2"]
    command += [argument for override in overrides for argument in ("--set", override)]
    environment = {**os.environ, "MAXPO_BENCH_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs").rglob("*.json")]
    runs = [record for record in records if record.get("status") == "done"]
    assert len(runs) == 2
    for run in runs:
        assert len(run["curves"]["entropy"]) == 2
        assert {"adam_variance_proxy", "dead_groups", "completion_length"} <= set(run["summary"])
        assert "grad_variance" not in run["curves"]
    assert len([path for path in (tmp_path / "cache" / "tiny").iterdir() if path.is_dir()]) == 1


def test_unknown_policies_name_the_language_model():
    with pytest.raises(UnknownNameError, match=r"entry points in the group 'maxpo_bench\.policies': .*lm"):
        make_agent("ei", COUNTDOWN, policy="llm")
