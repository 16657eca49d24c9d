"""Agents of numeric spaces refuse text with an error that names the space."""

from __future__ import annotations

import pytest

from maxpo_bench.agents import list_agents, make_agent

INSTALLED = [spec.name for spec in list_agents() if spec.missing is None]


@pytest.mark.parametrize("name", INSTALLED)
def test_agents_refuse_an_environment_of_text(name):
    with pytest.raises(
        (ValueError, AssertionError), match=r"got UnicodeText\(16384|UnicodeText\(262144.* was provided"
    ):
        make_agent(name, "maxpo/TextReasoning-v0", k=2, group_size=4, seed=0)
