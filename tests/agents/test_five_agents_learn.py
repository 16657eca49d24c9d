"""Each of the five agents raises its own objective on a bandit, a maze, procedural questions and questions of a file.

On bandit and maze the objective is exact, and a quarter of the way to the optimum is asked for. On text it is the
success rate (J_1 for REINFORCE and with entropy) or pass@2 (J_2 for the others) on the training questions, with 512
answers each to four of them, before and after: unbiased means of 2048 and of 1024 independent values in [0, 1]. If
training did not raise it, a difference above the margin would have probability exp(-1024 * 0.15^2) < 1e-10 at most
(Hoeffding; U-statistics by their independent blocks).
"""

import json

import numpy as np
import pytest
import torch

from maxpo_bench.agents import make_agent
from maxpo_bench.estimators import max_at_k

OBJECTIVES = {"reinforce": 1, "entropy": 1, "ei": 2, "ei_l1o": 2, "ei_l2o": 2}
"""The K of what each agent ascends."""
ANSWERS, MARGIN = 512, 0.15
SMALL = {"steps": 50, "warmup": 5, "batch_size": 16, "learning_rate": 1e-2, "width": 24, "layers": 1, "heads": 1}
ON_TEXT = {
    "policy": "lm",
    "policy_kwargs": {"pretraining": {**SMALL, "hidden": 48}},
    "group_size": 16,
    "groups_per_step": 4,
    "learning_rate": 1e-3,
}
SETTINGS = {
    "maxpo/Bandit-v0": ({"num_arms": 6, "learning_rate": 1.0}, 60),
    "maxpo/Maze-v0": ({"length": 30, "learning_rate": 0.3}, 60),
    "maxpo/TextReasoning-v0": ({"task": "chain_sum", "env_kwargs": {"size": 4}, **ON_TEXT}, 80),
    "maxpo/Math-v0": ({"dataset": "sums.jsonl", **ON_TEXT}, 80),
}
SUMS = {"1+1": "2", "2+3": "5", "4+4": "8", "3+4": "7"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small data set, and a cache in which the five agents share their base models."""
    path = tmp_path_factory.mktemp("five")
    rows = [{"question": question, "answer": answer} for question, answer in SUMS.items()]
    (path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def estimated(agent, k):
    """The mean over the task's questions of unbiased pass@k."""
    task = agent.vector_env.unwrapped.task
    asked = [task.problem(index) for index in range(len(task)) for _ in range(ANSWERS)]
    answers, _ = agent.predict([problem.question for problem in asked])
    rewards = np.array([grade.reward for grade in task.grade(asked, answers.tolist())]).reshape(-1, ANSWERS)
    return float(max_at_k(torch.from_numpy(rewards), k).mean())


@pytest.mark.parametrize("env", SETTINGS)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_agents_raise_their_objective(name, env, folder, monkeypatch):
    monkeypatch.setenv("MAXPO_BENCH_CACHE", str(folder / "cache"))
    monkeypatch.chdir(folder)
    k, (options, iterations) = OBJECTIVES[name], SETTINGS[env]
    agent = make_agent(name, env, k=2, log_variance=False, **options)
    if "policy" in options:
        before = estimated(agent, k)
        agent.learn(iterations=iterations)
        assert estimated(agent, k) > before + MARGIN
    else:
        exact = "exact_return" if k == 1 else "exact_max_at_k"
        curve = [record[exact] for record in agent.learn(iterations=iterations).iteration_log]
        assert curve[-1] - curve[0] > 0.25 * (agent.vector_env.unwrapped.optimal_value - curve[0])
