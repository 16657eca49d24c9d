"""Policies and agents of numeric spaces refuse text with an error that says which policy takes it."""

from __future__ import annotations

import pytest

from maxpo_bench.agents import list_agents, make_agent
from maxpo_bench.agents.mlp import MLPPolicy
from maxpo_bench.agents.policies import find_policy
from maxpo_bench.envs import UnicodeText

GROUP_AGENTS = [spec.name for spec in list_agents() if not spec.is_peer]
PEERS = [spec.name for spec in list_agents() if spec.is_peer and spec.missing is None]


@pytest.mark.parametrize("name", PEERS)
def test_peers_refuse_an_environment_of_text(name):
    with pytest.raises(
        (ValueError, AssertionError), match=r"got UnicodeText\(16384|UnicodeText\(262144.* was provided"
    ):
        make_agent(name, "maxpo/TextReasoning-v0", k=2, seed=0)


@pytest.mark.parametrize("policy", ["mlp", "tabular"])
@pytest.mark.parametrize("name", GROUP_AGENTS)
def test_policies_of_numbers_refuse_text_and_name_the_one_that_takes_it(name, policy):
    with pytest.raises(ValueError, match=r"policy='lm'") as caught:
        make_agent(name, "maxpo/TextReasoning-v0", k=2, group_size=4, seed=0, policy=policy)
    assert "got UnicodeText(16384" in str(caught.value)
    assert "pip install 'maxpo-bench[llm]'" in str(caught.value)
    assert "FlattenObservation" not in str(caught.value)


def test_a_network_of_numbers_made_by_hand_says_the_same():
    space = UnicodeText(10)
    with pytest.raises(ValueError, match=r"the mlp policy takes numbers, got UnicodeText.*policy='lm'"):
        MLPPolicy(space, space)


def test_text_gets_a_language_model_by_default():
    from maxpo_bench.llm.policy import LMPolicy

    assert find_policy("auto", UnicodeText(10)) is LMPolicy
    assert find_policy("lm", UnicodeText(10)) is LMPolicy


def test_a_missing_package_is_named(monkeypatch):
    from maxpo_bench.agents import policies

    class Point:
        name = "lm"

        def load(self):
            raise ModuleNotFoundError("No module named 'safetensors'")

    monkeypatch.setattr(policies, "entry_points", lambda group: [Point()])
    with pytest.raises(ImportError, match=r"'lm' cannot be imported \(No module named 'safetensors'\): pip install"):
        find_policy("auto", UnicodeText(10))
