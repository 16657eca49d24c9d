"""The maze's likelihood one step at a time in torch, and a short training: shared by the tests of the population."""

import numpy as np
import torch

from maxpo_bench.agents.maze_population import train_population


def step_log_likelihoods(layout, theta, bias, lengths):
    """Psi_i's potential: sum_t log pi(a_t|s_t) of each episode, one step at a time, in torch."""
    log_policy = torch.log_softmax(theta + bias, dim=-1)
    result = []
    for length in lengths:
        steps = [log_policy[s, layout.correct_actions[s]] for s in range(length)]
        if length < layout.length:
            steps.append(log_policy[length, 1 - layout.correct_actions[length]])
        result.append(torch.stack(steps).sum())
    return torch.stack(result)


def as_torch(x, bias):
    theta = torch.tensor(np.stack([-x[0], x[0]], -1), requires_grad=True)
    vector = torch.tensor([-bias[0], bias[0]], requires_grad=True)
    return theta, vector


def train(layout, estimator="ei_l2o", **options):
    defaults = dict(k=4, n=8, learning_rates=[0.3, 0.1, 0.3], seeds=[0, 1, 2], iterations=40, record_every=10)
    return train_population(layout, estimator, **{**defaults, **options})
