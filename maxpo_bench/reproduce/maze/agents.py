"""The agents of the maze figures: the paper's five, and one for every added estimator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maxpo_bench.leaderboard.submission import Candidate, built_in

REINFORCE, ENTROPY, EI, EI_L1O, EI_L2O = PAPER = ("reinforce", "reinforce_entropy", "ei", "ei_l1o", "ei_l2o")
ENTROPY_COEF = 0.01
"""Of the paper's entropy agent (App G.2)."""


@dataclass(frozen=True)
class MazeAgent:
    """An agent.

    Attributes:
        name: of the agent.
        candidate: its estimator.
        entropy_coef: of the entropy bonus.
        has_k: does the objective size change what it does?
    """

    name: str
    candidate: Candidate
    entropy_coef: float = 0.0
    has_k: bool = True


def maze_agents(subjects: Iterable[Candidate]) -> list[MazeAgent]:
    """Return REINFORCE without and with entropy bonus, then an agent for each estimator.

    Args:
        subjects: of `maxpo_bench.reproduce.subjects.load_subjects`; one that is REINFORCE's own is not taken twice.
    """
    reinforce = built_in("reinforce_l1o")
    agents = [
        MazeAgent(REINFORCE, reinforce, has_k=False),
        MazeAgent(ENTROPY, reinforce, ENTROPY_COEF, has_k=False),
    ]
    agents += [MazeAgent(each.name, each) for each in subjects if each.digest != reinforce.digest]
    return sorted(agents, key=lambda agent: PAPER.index(agent.name) if agent.name in PAPER else len(PAPER))
