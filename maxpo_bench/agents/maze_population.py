"""Train many runs of the tabular maze policy at once: P (learning rate, seed) pairs, vectorised over P.

What it leaves out: environments and rollouts step by step. `maxpo_bench.agents.make_agent` has them; this trainer draws
the same returns and makes the same steps (the tests compare both), hundreds of times faster.

The policy is pi(a|s) = softmax(theta[s] + b)[a], all parameters 0 at first; both logits of a state move oppositely, so
that one number per state and one for b are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from maxpo_bench.agents.maze_episodes import Floats
from maxpo_bench.agents.maze_runs import Optimizer, Records, Runs, uniform_rows
from maxpo_bench.agents.maze_variance import VarianceRatio, variance_ratio
from maxpo_bench.estimators import Estimator, get_estimator
from maxpo_bench.registry import suggest

if TYPE_CHECKING:
    from maxpo_bench.envs.maze import MazeLayout

__all__ = ["PopulationResult", "VarianceRatio", "train_population", "variance_ratio"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PopulationResult:
    """Curves and final parameters of P runs; `T` is the number of records.

    Attributes:
        estimator: name of the advantage estimator.
        k: objective size.
        group_size: episodes per iteration, n.
        optimizer: "sgd" or "adam".
        learning_rates: `[P]`.
        seeds: `[P]`.
        iteration: `[T]` number of iterations done at each record.
        return_mean: `[T, P]` mean return of an episode since the record before.
        max_at_k: `[T, P]` mean of the unbiased max@K return (rho_K, Eq 12) since the record before.
        env_steps: `[T, P]` environment steps since the record before: what the episodes take when stepped through.
        p_action_1: `[T, P]` probability of action 1 under the global bias of the policy that sampled the iteration.
        exact_return: `[P]` exact expected return of the final policy.
        exact_max_at_k: `[P]` exact expected maximum of K returns of the final policy.
        theta: `[P, S, 2]` final logits of the layout's S states; those never visited stay 0.
            Where mazes with dead ends of two steps differ in S, shorter ones are filled up by zeros.
        bias: `[P, 2]` final global bias vector.
        snapshots: iteration -> (theta `[P, S, 2]`, bias `[P, 2]`) after that many iterations, as asked for.
    """

    estimator: str
    k: int
    group_size: int
    optimizer: str
    learning_rates: Floats
    seeds: NDArray[np.int64]
    iteration: NDArray[np.int64]
    return_mean: Floats
    max_at_k: Floats
    env_steps: Floats
    p_action_1: Floats
    exact_return: Floats
    exact_max_at_k: Floats
    theta: Floats
    bias: Floats
    snapshots: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)

    def final_return(self, iterations: int = 100) -> Floats:
        """Return `[P]` mean return over the last `iterations` iterations.

        Raises:
            ValueError: the records do not divide the last iterations, or there are fewer in all.
        """
        spacing = int(self.iteration[0])
        if iterations < 1 or iterations % spacing or iterations > int(self.iteration[-1]):
            raise ValueError(
                f"iterations must be a multiple of record_every={spacing} of at most {int(self.iteration[-1])}, "
                f"got {iterations}"
            )
        return self.return_mean[-(iterations // spacing) :].mean(axis=0)


def train_population(
    layout: MazeLayout | Sequence[MazeLayout],
    estimator: Estimator | str,
    *,
    k: int | None = None,
    n: int,
    learning_rates: Sequence[float] | Floats,
    seeds: Sequence[int],
    iterations: int,
    optimizer: Optimizer = "sgd",
    entropy_coef: float = 0.0,
    record_every: int = 10,
    snapshot_at: Iterable[int] = (),
    progress: Progress | None = None,
) -> PopulationResult:
    """Train P independent runs of the tabular maze policy by stochastic gradient ascent.

    Each iteration ascends along (scale_factor(n) / k) * sum_i A_i Psi_i (Eq 122-124; the factor is 1/n for estimators
    of scale K/n and 1/k for plain sums), plus the entropy bonus' gradient, plainly or by Adam. A run is a
    function of its own learning rate and seed: the other runs of the population change no bit of it. Runs with one
    seed and different learning rates or estimators draw the same uniform numbers.

    Args:
        layout: a maze, or `[P]` mazes of one length, a maze for each run.
        estimator: advantage estimator, or its name together with `k`.
        k: objective size, 1 <= k <= n; needed for a name, and for an estimator the same as its own if given.
        n: episodes per iteration.
        learning_rates: `[P]`, positive.
        seeds: `[P]` integers.
        iterations: a multiple of `record_every`.
        optimizer: "sgd", or "adam" with torch's defaults for betas and epsilon.
        entropy_coef: factor of (1/n) * sum over episodes and visited states of the policy's entropy in the objective
            (0.01 for the paper's entropy agent, with estimator "reinforce_l1o").
        record_every: iterations per record.
        snapshot_at: iterations after which parameters are kept; 0 is the initial policy.
        progress: called with (iterations done, iterations in all) at each record.

    Raises:
        ValueError: an unknown optimizer, a group size the estimator cannot use, or arguments out of range.
    """
    estimator = resolve_estimator(estimator, k, n)
    rates = np.asarray(learning_rates, dtype=np.float64)
    check_runs(rates, seeds, iterations, record_every, entropy_coef, optimizer)
    layouts = mazes_of(layout, rates.shape[0])
    runs = Runs(layouts, rates, n, optimizer)
    records = Records(layouts[0].length, estimator.k, record_every)
    wanted = set(snapshot_at)
    snapshots = {0: runs.full()} if 0 in wanted else {}
    factor = estimator.scale_factor(n) / estimator.k
    streams = zip(
        uniform_rows(seeds, "episodes", n, iterations),
        uniform_rows(seeds, "dead_ends", n, iterations) if runs.has_turns else repeat(None, iterations),
        strict=True,
    )
    for done, (uniforms, turn_uniforms) in enumerate(streams, start=1):
        runs.draw(uniforms, turn_uniforms)
        is_record = records.add(runs.lengths, runs)
        advantages = estimator(torch.from_numpy(runs.lengths.astype(np.float64))).numpy()
        runs.ascend(factor * advantages, entropy_coef / n, done)
        if done in wanted:
            snapshots[done] = runs.full()
        if is_record and progress is not None:
            progress(done, iterations)
    theta, bias = runs.full()
    policies = [softmax(theta[run, : maze.num_states] + bias[run]) for run, maze in enumerate(layouts)]
    return PopulationResult(
        estimator=estimator.name,
        k=estimator.k,
        group_size=n,
        optimizer=optimizer,
        learning_rates=rates,
        seeds=np.asarray(seeds, dtype=np.int64),
        iteration=np.arange(record_every, iterations + 1, record_every),
        exact_return=np.array([maze.expected_return(policy) for maze, policy in zip(layouts, policies, strict=True)]),
        exact_max_at_k=np.array(
            [maze.max_at_k(policy, estimator.k) for maze, policy in zip(layouts, policies, strict=True)]
        ),
        theta=theta,
        bias=bias,
        snapshots=snapshots,
        **{name: np.stack(rows) for name, rows in records.rows.items()},
    )


def softmax(logits: Floats) -> Floats:
    """Softmax over the last axis."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def mazes_of(layout: MazeLayout | Sequence[MazeLayout], runs: int) -> list[MazeLayout]:
    """Return one maze for each run, all of one length."""
    if not isinstance(layout, Sequence):
        return [layout] * runs
    lengths = {maze.length for maze in layout}
    if len(layout) != runs or len(lengths) != 1:
        raise ValueError(
            f"layout must be one maze or one for each of the {runs} runs, all of one length, "
            f"got {len(layout)} of lengths {sorted(lengths)}"
        )
    return list(layout)


def resolve_estimator(estimator: Estimator | str, k: int | None, n: int) -> Estimator:
    """Return the estimator for a name and k, or the given one, checked against n."""
    if isinstance(estimator, str):
        if k is None:
            raise ValueError(f"estimator {estimator!r} is given by name: pass k= as well")
        estimator = get_estimator(estimator, k)
    elif k is not None and k != estimator.k:
        raise ValueError(f"k={k} differs from the estimator's own k={estimator.k}: leave k out")
    estimator.check_group_size(n)
    return estimator


def check_runs(
    rates: Floats, seeds: Sequence[int], iterations: int, record_every: int, entropy_coef: float, optimizer: str
) -> None:
    """Raise ValueError for arguments out of range."""
    if optimizer not in get_args(Optimizer):
        raise ValueError(f"unknown optimizer {optimizer!r}.{suggest(optimizer, get_args(Optimizer))}")
    if rates.ndim != 1 or rates.shape[0] == 0 or rates.shape[0] != len(seeds):
        raise ValueError(
            "learning_rates and seeds must be lists of one entry per run, got shape "
            f"{rates.shape} and {len(seeds)} seeds"
        )
    if not np.all(np.isfinite(rates) & (rates > 0)):
        raise ValueError(f"learning rates must be positive and finite, got {rates.tolist()}")
    if record_every < 1 or iterations < 1 or iterations % record_every:
        raise ValueError(f"iterations must be a positive multiple of record_every, got {iterations} and {record_every}")
    if not np.isfinite(entropy_coef) or entropy_coef < 0:
        raise ValueError(f"entropy_coef must be finite and at least 0, got {entropy_coef}")
