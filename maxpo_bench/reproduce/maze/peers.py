"""Stable-Baselines3's and sb3-contrib's algorithms in the maze of Figure 7, for as many environment steps.

They train the tabular policy of the paper's agents, with a tabular critic where they have one. One option of each is
tuned over five values on seeds of its own, as the learning rate of the paper's agents is: the learning rate of PPO, A2C
and ARS, and of TRPO the length of its steps, `target_kl`, since its learning rate is the critic's only.

What is not tuned (`PEERS`) was chosen once, in runs of 1.5 million steps in a maze that is none of the experiment's:

- 256 environments side by side and short rollouts (32 steps, A2C 8): more than 10^5 environment steps a second on one
  core. With a quarter of the environments A2C made four times as many updates and took three times as long, for a
  return 1.1 times as high at one learning rate; another learning rate did more.
- The discount 0.99, default of all three algorithms with a critic: 1 was a little worse for PPO and A2C, since values
  are then ten times as large. The score is undiscounted.
- PPO: 4 epochs of 2 minibatches.
- TRPO: its critic makes 10 steps on the whole rollout with step size 0.1; damping 0.01 in place of 0.1, since one state
  among a thousand has a share of the Fisher information that 0.1 drowns: that nearly doubled its return.
- ARS: 64 perturbations in both directions with its default standard deviation 0.05, of which the best 16 count. With 32
  and 8 perturbations it stayed at a return of 14, with 64 it came to 56.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maxpo_bench import sweep
from maxpo_bench.registry import Registry
from maxpo_bench.reproduce.maze.peer_run import OF_THE_SEED
from maxpo_bench.reproduce.sweep_runs import Progress, run_all, shifted
from maxpo_bench.seeding import derive_seed

EXECUTE = "maxpo_bench.reproduce.maze.peer_run:execute"


@dataclass(frozen=True)
class PeerSetting:
    """How a peer is trained.

    Attributes:
        options: what is fixed.
        tuned: the option that is tuned.
        grid: its values, ascending.
    """

    options: Mapping[str, Any]
    tuned: str
    grid: tuple[float, ...]


PEERS: Registry[PeerSetting] = Registry("peer")


@dataclass(frozen=True)
class PeerRow:
    """One peer at one majority share.

    Attributes:
        agent: its name.
        majority_share: of the mazes.
        budget: environment steps of a run.
        tuned: name of the option that was tuned.
        learning_rate: its chosen value: the highest mean return on the tuning seeds, of equal ones the smaller.
        grid: every value with its mean return on the tuning seeds, ascending.
        final_returns: by evaluation seed, the mean return of the episodes that ended in the last 1/30 of the steps. Of
            ARS they are episodes of perturbed policies.
        exact_returns: by evaluation seed, the exact expected return of the final policy.
        p_action_1: by evaluation seed, the probability of action 1 under the final policy's global bias alone.
        steps_per_second: environment steps per second of processor time, over the evaluation runs.
        seeds: the evaluation seeds.
        options: what was fixed.
    """

    agent: str
    majority_share: float
    budget: int
    tuned: str
    learning_rate: float
    grid: tuple[tuple[float, float], ...]
    final_returns: tuple[float, ...]
    exact_returns: tuple[float, ...]
    p_action_1: tuple[float, ...]
    steps_per_second: float
    seeds: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_at_edge(self) -> bool:
        """Is the chosen value the least or the greatest of several?"""
        return len(self.grid) > 1 and self.learning_rate in (self.grid[0][0], self.grid[-1][0])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def measure_peers(
    folder: Path | str,
    *,
    share: float,
    budget: int,
    peers: Sequence[str] = ("ppo", "a2c", "trpo", "ars"),
    tuning_seeds: int | Sequence[int] = 3,
    seeds: int | Sequence[int] = 5,
    learning_rates: Mapping[str, Sequence[float]] | None = None,
    seed: int = 0,
    length: int = 1000,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[PeerRow]:
    """Tune and train peers; runs that are in the folder already are not run again.

    They are a sweep's runs, named by what is asked for and not by the code that answers: empty the folder after a
    change of the algorithms.

    Every seed has a maze of its own. The seeds, and with them the mazes, are those of Figure 7.

    Args:
        folder: store of the runs, see `maxpo_bench.sweep.RunStore`.
        share: majority share of the mazes.
        budget: environment steps of a run.
        peers: names in `PEERS`.
        tuning_seeds: seeds on which the tuned option is chosen, or how many of Figure 7's.
        seeds: further seeds, or how many of Figure 7's.
        learning_rates: other grids by peer; of one value, nothing is tuned.
        seed: root of all seeds.
        length: states on the path.
        workers: runs at a time; None: one per core.
        progress: called with (runs done, runs in all), from another thread.

    Raises:
        ValueError: an unknown peer, one that needs a package more, or a number out of range.
        RuntimeError: a run failed; the message says where its traceback is.
        SweepInterrupted: Ctrl-C; the same call goes on.
    """
    settings = _settings(peers, learning_rates)
    if budget < 1:
        raise ValueError(f"budget must be positive, got {budget}")
    tuning, evaluation = _seeds(seed, tuning_seeds, seeds)
    environment = {"length": length, "majority_share": share, "instance": OF_THE_SEED}

    def train(grids: Mapping[str, Sequence[float]], roots: Sequence[int], before: int) -> list[dict[str, Any]]:
        config = _config(settings, grids, environment, budget, roots)
        return run_all(config, Path(folder), EXECUTE, workers=workers, progress=shifted(progress, before, total))

    to_tune = {name: setting.grid for name, setting in settings.items() if len(setting.grid) > 1}
    first = sum(len(grid) for grid in to_tune.values()) * len(tuning)
    total = first + len(settings) * len(evaluation)
    tuned = train(to_tune, tuning, 0) if to_tune else []
    means = {name: _grid_means(tuned, name, settings[name]) for name in to_tune}
    best = {name: _best(means[name]) if name in means else setting.grid[0] for name, setting in settings.items()}
    final = train({name: (value,) for name, value in best.items()}, evaluation, first)
    return [
        _row(name, setting, best[name], means.get(name, ()), final, (share, budget, evaluation))
        for name, setting in settings.items()
    ]


def _settings(peers: Sequence[str], grids: Mapping[str, Sequence[float]] | None) -> dict[str, PeerSetting]:
    """Return the settings of the peers, with other grids where there are; raise if one of them cannot be made here."""
    from maxpo_bench.agents.registry import find_agent

    found = {find_agent(name).name: PEERS.get(name) for name in dict.fromkeys(peers)}
    for name, grid in (grids or {}).items():
        if name not in found or not grid:
            raise ValueError(f"learning_rates has {name!r}: {list(grid)}; give a value or more to one of {list(found)}")
        found[name] = PeerSetting(found[name].options, found[name].tuned, tuple(sorted(grid)))
    return found


def _seeds(root: int, *parts: int | Sequence[int]) -> list[list[int]]:
    """Return the tuning seeds and the evaluation seeds, given as numbers of seeds or as seeds."""
    found = [
        [derive_seed(root, "fig7", name, i) for i in range(part)] if isinstance(part, int) else list(part)
        for name, part in zip(("tuning", "evaluation"), parts, strict=True)
    ]
    if not all(found):
        raise ValueError(
            f"a seed or more is needed for tuning and for evaluation, got {len(found[0])} and {len(found[1])}"
        )
    if both := sorted({*found[0]} & {*found[1]}):
        raise ValueError(f"seeds {both} are for tuning and for evaluation: use them for one of both")
    return found


def _config(
    settings: Mapping[str, PeerSetting],
    grids: Mapping[str, Sequence[float]],
    environment: Mapping[str, Any],
    budget: int,
    seeds: Sequence[int],
) -> sweep.SweepConfig:
    agents = [
        {"names": [name], "kwargs": dict(settings[name].options), "grid": {settings[name].tuned: list(grid)}}
        for name, grid in grids.items()
    ]
    return sweep.SweepConfig.from_dict(
        {
            "environments": [{"id": "maxpo/Maze-v0", "kwargs": dict(environment)}],
            "agents": agents,
            "seeds": list(seeds),
            "total_timesteps": budget,
        }
    )


def _grid_means(
    records: Sequence[Mapping[str, Any]], name: str, setting: PeerSetting
) -> tuple[tuple[float, float], ...]:
    """Return every value of the grid with the mean score of its runs."""
    scores: dict[float, list[float]] = {value: [] for value in setting.grid}
    for record in records:
        if record["spec"]["agent"] == name:
            scores[float(record["spec"]["agent_kwargs"][setting.tuned])].append(record["summary"]["final_return"])
    return tuple((value, math.fsum(found) / len(found)) for value, found in scores.items())


def _best(means: Sequence[tuple[float, float]]) -> float:
    return max(means, key=lambda pair: pair[1])[0]


def _row(
    name: str,
    setting: PeerSetting,
    value: float,
    means: tuple[tuple[float, float], ...],
    records: Sequence[Mapping[str, Any]],
    run: tuple[float, int, Sequence[int]],
) -> PeerRow:
    share, budget, seeds = run
    by_seed = {record["spec"]["seed"]: record for record in records if record["spec"]["agent"] == name}
    own = [by_seed[seed] for seed in seeds]
    summaries = [record["summary"] for record in own]
    return PeerRow(
        agent=name,
        majority_share=share,
        budget=budget,
        tuned=setting.tuned,
        learning_rate=value,
        grid=means,
        final_returns=tuple(summary["final_return"] for summary in summaries),
        exact_returns=tuple(summary["exact_return"] for summary in summaries),
        p_action_1=tuple(summary["p_action_1"] for summary in summaries),
        steps_per_second=sum(s["timesteps"] for s in summaries) / sum(record["cpu_s"] for record in own),
        seeds=tuple(seeds),
        options=dict(setting.options),
    )


_ACTOR_CRITIC = {"policy": "tabular", "num_envs": 256, "gamma": 0.99}
_GRID = (0.003, 0.01, 0.03, 0.1, 0.3)
PEERS.register(
    "ppo",
    PeerSetting(
        options={**_ACTOR_CRITIC, "n_steps": 32, "batch_size": 4096, "n_epochs": 4}, tuned="learning_rate", grid=_GRID
    ),
)
PEERS.register("a2c", PeerSetting(options={**_ACTOR_CRITIC, "n_steps": 8}, tuned="learning_rate", grid=_GRID))
PEERS.register(
    "trpo",
    PeerSetting(
        options={
            **_ACTOR_CRITIC,
            "n_steps": 32,
            "batch_size": 8192,
            "n_critic_updates": 10,
            "learning_rate": 0.1,
            "cg_damping": 0.01,
        },
        tuned="target_kl",
        grid=_GRID,
    ),
)
PEERS.register(
    "ars",
    PeerSetting(
        options={"policy": "tabular", "num_envs": 128, "n_delta": 64, "n_top": 16, "delta_std": 0.05},
        tuned="learning_rate",
        grid=_GRID,
    ),
)
