"""A maze experiment of seconds, and frames of trained agents whose verdicts are known by construction."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd

from maxpo_bench.reproduce.maze.sizes import MazeSize

TINY = MazeSize(
    instances=3,
    tuning=2,
    length=30,
    iterations=40,
    last=20,
    record_every=10,
    snapshots=3,
    num_groups=20,
    share=0.8,
    k=2,
    group_sizes=(4, 6),
    objectives=(2, 3),
    shares=(0.7, 0.8),
    sgd_rates=(0.1, 1.0),
    adam_rates=(0.01, 0.1),
    searched_shares=(0.7, 0.8),
    searched_objectives=(2, 3),
    mlp_group_size=4,
    mlp_instances=2,
    mlp_tuning=1,
    mlp_sgd_rates=(0.01, 0.1),
    mlp_adam_rates=(0.001, 0.01),
)
TINY_MLP = replace(TINY, length=20, iterations=20, last=10)

AGENTS = ("reinforce", "reinforce_entropy", "ei", "ei_l1o", "ei_l2o")
SETTING = {"optimizer": "sgd", "share": 0.8, "dead_ends": "1", "group_size": 16, "k": 4}


def finals_frame(returns, p_action_1=None, *, settings=({},), rates=None, seeds=None):
    """Rows as of `Measured.finals`, all chosen: the same values at every setting.

    Args:
        returns: agent -> returns, one per seed; or a function of the setting that gives such a mapping.
        p_action_1: agent -> P(action 1); or a function of the setting. Half where an agent is missing.
        settings: changes of SETTING.
        rates: agent -> learning rate; 0.1 where an agent is missing.
        seeds: agent -> its seeds; 0, 1, ... where an agent is missing.
    """
    rows = []
    for change in settings:
        setting = SETTING | change
        here = returns(setting) if callable(returns) else returns
        habits = p_action_1(setting) if callable(p_action_1) else p_action_1 or {}
        for agent, values in here.items():
            numbers = (seeds or {}).get(agent, range(len(values)))
            for seed, value in zip(numbers, values, strict=True):
                habit, rate = habits.get(agent, 0.5), (rates or {}).get(agent, 0.1)
                row = {"agent": agent, **setting, "learning_rate": rate, "seed": seed, "is_chosen": True}
                rows.append(row | {"p_action_1": habit, "returns": value, "exact_return": value, "env_steps": 1.0})
    return pd.DataFrame(rows)


def ratios_frame(ratio, *, settings=({},), seeds=range(6), iterations=(0, 100), wobble=0.01):
    """Rows as of `Measured.variance_ratios`, all chosen: ratio(setting) but for a wobble between seeds."""
    rows = []
    for change, seed, iteration in itertools.product(settings, seeds, iterations):
        setting = SETTING | change
        value = ratio(setting) * np.exp(wobble * (seed - 2.5))
        row = {"agent": "ei_l2o", **setting, "learning_rate": 0.1, "is_chosen": True, "seed": seed}
        rows.append(row | {"iteration": iteration, "ratio": value})
    return pd.DataFrame(rows)


def grid(**values):
    """All combinations of the values, as changes of SETTING."""
    return [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())]
