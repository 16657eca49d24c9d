"""Ways to name an estimator and a policy, and what is refused with which words."""

import pytest
import torch
from bandit_agents import BANDIT, LOGITS, bandit_agent, step
from gymnasium.spaces import Discrete

from maxpo_bench.agents import EI, EIL2O, GroupPolicyGradient
from maxpo_bench.estimators import as_estimator, ei_l2o, get_estimator
from maxpo_bench.registry import UnknownNameError


def test_all_ways_to_name_an_estimator_agree():
    preset = EIL2O(
        "maxpo/Bandit-v0", k=3, group_size=6, env_kwargs=BANDIT, policy_kwargs={"initial_logits": LOGITS},
        learning_rate=1.0,
    ).learn(iterations=5)  # fmt: skip
    own = as_estimator(lambda rewards, k: ei_l2o(rewards, k), 3)
    for estimator in ("ei_l2o", "maxpo", get_estimator("ei_l2o", 3), ei_l2o, as_estimator(ei_l2o, 3), own):
        agent = bandit_agent(estimator).learn(iterations=5)
        assert agent.iteration_log == preset.iteration_log


def test_scale_of_a_users_function_is_respected():
    """A plain sum of K/n times the advantages is the same step as the advantages under K/n."""
    plain = bandit_agent(lambda rewards, k: k / 6 * ei_l2o(rewards, k), estimator_params={"scale": "1"})
    torch.testing.assert_close(step(plain), step(bandit_agent("ei_l2o")), rtol=1e-12, atol=1e-15)


def test_estimator_parameters_reach_it():
    logs = [bandit_agent("grpo", estimator_params={"eps": eps}).learn(iterations=1).iteration_log for eps in (0.1, 9.0)]
    assert logs[0][0]["grad_norm"] > 2 * logs[1][0]["grad_norm"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"k": 16}, ValueError, "17"),
        ({"k": 20, "estimator": "reinforce_l1o"}, ValueError, "lower k or raise group_size"),
        ({"estimator": "ei_l2"}, UnknownNameError, "ei_l2o"),
        ({"optimizer": "sdg"}, ValueError, "Did you mean 'sgd'"),
        ({"policy": "tabluar"}, UnknownNameError, "Did you mean 'tabular'.*maxpo_bench.policies"),
        ({"group_size": 0}, ValueError, "group_size must be a positive integer"),
        ({"groups_per_step": 1.5}, ValueError, "groups_per_step must be a positive integer"),
        ({"max_episode_steps": 0}, ValueError, "max_episode_steps must be a positive integer"),
        ({"entropy_coef": float("nan")}, ValueError, "entropy_coef"),
        ({"estimator": get_estimator("ei", 2)}, ValueError, "pass k=2"),
        ({"estimator": get_estimator("ei", 4), "estimator_params": {"a": 1}}, ValueError, "estimator_params"),
        ({"policy_kwargs": {"initial_logit": [0.0]}}, TypeError, "Did you mean 'initial_logits'"),
        ({"estimator": "grpo", "estimator_params": {"epsilon": 1.0}}, TypeError, "epsilon"),
        ({"env_kwargs": {"arms": 3}}, ValueError, "num_arms"),
    ],
)
def test_wrong_arguments_say_how_to_mend_them(options, error, message):
    with pytest.raises(error, match=message):
        GroupPolicyGradient("maxpo/Bandit-v0", **options)


def test_presets_refuse_what_they_fix_and_what_they_do_not_know():
    with pytest.raises(TypeError, match="always uses 'ei'"):
        EI("maxpo/Bandit-v0", estimator="ei_l2o")
    with pytest.raises(TypeError, match="Did you mean 'group_size'"):
        EI("maxpo/Bandit-v0", groupsize=3)
    with pytest.raises(ValueError, match="needs an environment"):
        EI()


def test_a_policy_is_found_by_entry_point(monkeypatch):
    from maxpo_bench.agents import policies

    class Point:
        name = "lm"

        def load(self):
            return policies.TabularPolicy

    monkeypatch.setattr(policies, "entry_points", lambda group: [Point()] if group == "maxpo_bench.policies" else [])
    assert policies.find_policy("lm", Discrete(2)) is policies.TabularPolicy
    with pytest.raises(UnknownNameError, match=r"entry points in the group 'maxpo_bench\.policies': lm"):
        policies.find_policy("llm2", Discrete(2))
