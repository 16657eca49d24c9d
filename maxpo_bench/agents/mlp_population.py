"""Train many runs of an MLP policy on the maze without stepping through it.

The policy is `MLPPolicy` on the one-hot state; episodes and the derivative of the objective by the logits are those of
`maze_episodes`, and the network's gradient is one backward pass over the visited states. What it leaves out:
environments, dead ends of two steps, optimizers other than plain gradient ascent and Adam, devices other than the CPU;
`maxpo_bench.agents.make_agent(..., policy="mlp")` has them. The tests compare the gradients and updates of both.

A run is a function of its learning rate, seed and maze, of the options all runs share, and of the machine and its
libraries: equal ones give equal bits, whatever the other runs are. Training uses one thread of torch; the initial
weights, orthogonal matrices, are made with as many as torch has, like the agent's, and their last bits depend on it.
Probabilities and episode lengths are float64, the network is float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from maxpo_bench.agents.maze_episodes import Floats, Ints
from maxpo_bench.agents.maze_population import (
    PopulationResult,
    Progress,
    check_runs,
    mazes_of,
    resolve_estimator,
    softmax,
)
from maxpo_bench.agents.maze_runs import Optimizer, uniform_rows
from maxpo_bench.agents.mlp_runs import MLPRuns, one_thread
from maxpo_bench.estimators import Estimator, max_at_k

if TYPE_CHECKING:
    from maxpo_bench.envs.maze import MazeLayout

__all__ = ["MLPPopulationResult", "train_mlp_population"]

LARGEST_RATE = 1e30


@dataclass(frozen=True, kw_only=True)
class MLPPopulationResult(PopulationResult):
    """Curves and final parameters of P runs, as for the tabular policy, so that both can be treated alike.

    The last layer's bias vector takes the part of the tabular policy's global bias: it is what all states share when
    nothing is known of where one is, and pi(a|s) = softmax(theta[s] + bias)[a] holds here as well. So `bias` `[P, 2]`
    is that vector, `p_action_1` `[T, P]` is the probability of action 1 under it alone, and `theta` `[P, S, 2]` is the
    rest of the final logits, of all states, which generalisation changes without a visit. `snapshots` is empty.

    Attributes:
        mean_p_action_1: `[P]` mean probability of action 1 over the states of the path, under the final policy.
        parameters: final parameters `[P, ...]`, float32, named as in `MLPPolicy.state_dict`.
    """

    mean_p_action_1: Floats
    parameters: dict[str, NDArray[np.float32]]


def train_mlp_population(
    layouts: MazeLayout | Sequence[MazeLayout],
    estimator: Estimator | str,
    *,
    k: int | None = None,
    n: int,
    learning_rates: Sequence[float] | Floats,
    seeds: Sequence[int],
    iterations: int,
    optimizer: Optimizer = "sgd",
    hidden_sizes: Sequence[int] = (64, 64),
    entropy_coef: float = 0.0,
    record_every: int = 10,
    progress: Progress | None = None,
) -> MLPPopulationResult:
    """Train P independent runs of an MLP policy on the maze by stochastic gradient ascent or Adam.

    Each iteration ascends (scale_factor(n) / k) * sum_i A_i Psi_i (Eq 122-124), plus the entropy bonus' gradient, as
    `GroupPolicyGradient(policy="mlp")` does, from the initial parameters that agent has with the same seed. The
    uniform numbers behind the episodes are those of `train_population`.

    Args:
        layouts: a maze with dead ends of one step, or `[P]` mazes of one length, a maze for each run.
        estimator: advantage estimator, or its name together with `k`.
        k: objective size, 1 <= k <= n; needed for a name, and for an estimator the same as its own if given.
        n: episodes per iteration.
        learning_rates: `[P]`, positive.
        seeds: `[P]` integers.
        iterations: a multiple of `record_every`.
        optimizer: "sgd" (plain gradient ascent), or "adam" with torch's default betas and eps.
        hidden_sizes: widths of the tanh layers.
        entropy_coef: factor of (1/n) * sum over episodes and visited states of the policy's entropy in the objective.
        record_every: iterations per record.
        progress: called with (iterations done, iterations in all) at each record.

    Raises:
        ValueError: dead ends of two steps, an unknown optimizer, a group size the estimator cannot use, or arguments
            out of range.
        FloatingPointError: a run's network overflowed, its learning rate being far too high.
    """
    estimator = resolve_estimator(estimator, k, n)
    rates = np.asarray(learning_rates, dtype=np.float64)
    check_runs(rates, seeds, iterations, record_every, entropy_coef, optimizer)
    if rates.max() > LARGEST_RATE:
        raise ValueError(f"learning rates of float32 networks must be at most {LARGEST_RATE:g}, got {rates.max():g}")
    if any(width < 1 for width in hidden_sizes):
        raise ValueError(f"hidden_sizes must be positive integers, got {tuple(hidden_sizes)}")
    mazes = mazes_of(layouts, rates.shape[0])
    runs = MLPRuns(mazes, rates, seeds, optimizer, hidden_sizes)
    factors = estimator.scale_factor(n) / estimator.k, entropy_coef / n
    rows: dict[str, list[Floats]] = {name: [] for name in ("return_mean", "max_at_k", "env_steps", "p_action_1")}
    block: list[Ints] = []
    for done, uniforms in enumerate(uniform_rows(seeds, "episodes", n, iterations), start=1):
        if done % record_every == 0:
            rows["p_action_1"].append(runs.p_action_1())
        with one_thread():
            block.append(runs.iterate(estimator, uniforms, *factors))
        if done % record_every == 0:
            _record(block, mazes[0].length, estimator.k, rows)
            block = []
            if progress is not None:
                progress(done, iterations)
    theta, bias = runs.full()
    policies = softmax(theta + bias[:, None])
    return MLPPopulationResult(
        estimator=estimator.name,
        k=estimator.k,
        group_size=n,
        optimizer=optimizer,
        learning_rates=rates,
        seeds=np.asarray(seeds, dtype=np.int64),
        iteration=np.arange(record_every, iterations + 1, record_every),
        return_mean=np.stack(rows["return_mean"]),
        max_at_k=np.stack(rows["max_at_k"]),
        env_steps=np.stack(rows["env_steps"]),
        p_action_1=np.stack(rows["p_action_1"]),
        exact_return=np.array([maze.expected_return(policy) for maze, policy in zip(mazes, policies, strict=True)]),
        exact_max_at_k=np.array(
            [maze.max_at_k(policy, estimator.k) for maze, policy in zip(mazes, policies, strict=True)]
        ),
        theta=theta,
        bias=bias,
        mean_p_action_1=policies[:, : mazes[0].length, 1].mean(axis=1),
        parameters=runs.parameters(),
    )


def _record(block: Sequence[Ints], length: int, k: int, rows: dict[str, list[Floats]]) -> None:
    """Append what the iterations since the last record were: lengths `[P, n]` each."""
    lengths = np.stack(block)
    returns = lengths.astype(np.float64)
    rows["return_mean"].append(returns.mean(axis=(0, 2)))
    # one row per run: a mean along rows has the same bits however many rows there are
    maxima = np.ascontiguousarray(max_at_k(torch.from_numpy(returns), k).numpy().T)
    rows["max_at_k"].append(maxima.mean(axis=1))
    rows["env_steps"].append(np.minimum(returns + 1, length).sum(axis=(0, 2)))
