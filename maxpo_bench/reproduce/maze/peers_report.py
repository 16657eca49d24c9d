"""The paper's agents beside PPO, A2C, TRPO and ARS: as many environment steps, tuned over as many values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maxpo_bench.plots.frames import Frame, count_text
from maxpo_bench.plots.style import DOUBLE_COLUMN, figure_style, finish, new_figure, style_of
from maxpo_bench.reproduce.cell_files import Floats
from maxpo_bench.reproduce.finding import NO_CLAIM, Finding, mean_of, number, shared, with_interval
from maxpo_bench.reproduce.maze import budget
from maxpo_bench.reproduce.maze.agents import EI_L2O, MazeAgent
from maxpo_bench.reproduce.maze.budget import BudgetCell
from maxpo_bench.reproduce.maze.cells import MazeCell
from maxpo_bench.reproduce.maze.figures import OPTIMIZER_LABELS
from maxpo_bench.reproduce.maze.measure import OPTIMIZERS, peer_setting
from maxpo_bench.reproduce.maze.peer_run import SCORED_SHARE
from maxpo_bench.reproduce.maze.peers import PEERS, PeerRow, measure_peers
from maxpo_bench.reproduce.maze.sizes import MazeSize
from maxpo_bench.reproduce.report import TITLES, Drawn, Report, Table, plain, rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Progress = Callable[[int, int], None]
LEVEL = 0.05


@dataclass(frozen=True)
class Row:
    """One agent at the budget.

    Attributes:
        name: of the agent.
        label: with its optimizer.
        tuned: what was tuned, and the value taken.
        tuning_return: mean return on the tuning seeds at that value.
        returns: by evaluation seed.
        p_action_1: by evaluation seed.
        env_steps: by evaluation seed.
        exact: exact return of the final policy where it differs from what is scored (ARS perturbs its policies).
    """

    name: str
    label: str
    tuned: str
    tuning_return: float
    returns: Floats
    p_action_1: Floats
    env_steps: Floats
    exact: Floats | None = None


def measure_rows(
    size: MazeSize,
    agents: Sequence[MazeAgent],
    folder: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Row]:
    """Train the paper's agents by SGD and Adam, then the peers; what is stored already is not trained again."""
    scored = size.peer_budget // SCORED_SHARE
    jobs = [
        BudgetCell(MazeCell(peer_setting(size, optimizer), agent), size.peer_budget, scored)
        for optimizer in OPTIMIZERS
        for agent in agents
        if agent.candidate.supports(size.peer_group_size, size.k)
    ]
    grids = sum(len(PEERS.get(name).grid) for name in size.peers)
    total = len(jobs) + grids * size.peer_tuning + len(size.peers) * size.peer_instances
    report = progress or (lambda done, of: None)
    found = budget.measure(jobs, folder, workers=workers, progress=lambda done, _: report(done, total))
    rows = [_group_row(job, budget.row(job, values)) for job, values in found.items()]
    peers = measure_peers(
        folder / "peers",
        share=size.share,
        budget=size.peer_budget,
        peers=size.peers,
        tuning_seeds=size.peer_tuning,
        seeds=size.peer_instances,
        seed=size.seed,
        length=size.length,
        workers=workers,
        progress=lambda done, _: report(len(jobs) + done, total),
    )
    return [*rows, *map(_peer_row, peers)]


def _group_row(job: BudgetCell, found: dict[str, Floats]) -> Row:
    name, optimizer = job.cell.agent.name, OPTIMIZER_LABELS[job.cell.setting.optimizer]
    return Row(
        name=name,
        label=f"{style_of(name).label}, {optimizer}",
        tuned=f"learning rate {float(found['learning_rate']):g}",
        tuning_return=float(found["tuned"]),
        returns=found["returns"],
        p_action_1=found["p_action_1"],
        env_steps=found["env_steps"],
    )


def _peer_row(peer: PeerRow) -> Row:
    edge = ", an end of its grid" if peer.is_at_edge else ""
    return Row(
        name=peer.agent,
        label=style_of(peer.agent).label,
        tuned=f"{peer.tuned.replace('_', ' ')} {peer.learning_rate:g}{edge}",
        tuning_return=dict(peer.grid)[peer.learning_rate],
        returns=np.array(peer.final_returns),
        p_action_1=np.array(peer.p_action_1),
        env_steps=np.full(len(peer.seeds), float(peer.budget)),
        exact=np.array(peer.exact_returns) if peer.agent == "ars" else None,
    )


def draw_peers(size: MazeSize, rows: Sequence[Row]) -> Drawn:
    """Draw final returns at the budget, and hold EI+L2O beside every peer.

    Args:
        size: what was gone over.
        rows: of `measure_rows`.
    """
    rows = sorted(rows, key=lambda row: -row.returns.mean())
    others = count_text([size.peer_tuning], "other maze")
    values = sorted({len(PEERS.get(name).grid) for name in size.peers})
    short = sum(int((row.env_steps < size.peer_budget).sum()) for row in rows)
    caption = (
        f"{size.note}Paths of {size.length:,} states, majority share {size.share:g}; tabular policies; "
        f"{size.peer_budget:,} environment steps, scored by the mean return in the last 1/{SCORED_SHARE} of them; "
        f"{size.peer_instances} mazes with a run each (seed {size.seed}), one option of each agent tuned over "
        f"{'-'.join(map(str, values))} values on {others}. "
        f"Agents of the paper: n = {size.peer_group_size}, K = {size.k}, at most {size.peer_iterations:,} iterations; "
        f"{count_text([short], 'run')} ended below the budget. PPO, A2C and TRPO have tabular critics; of ARS "
        "perturbed policies are scored. Bars: 95 % intervals over mazes, strokes: single mazes."
    )
    with figure_style():
        picture = _picture(rows, caption)
    table = Table(
        "Mean return, 95 % interval over mazes",
        ("agent", "return", "P(action 1)", "tuned", "environment steps"),
        tuple(
            (
                row.label,
                with_interval(mean_of(row.returns))
                + ("" if row.exact is None else f", unperturbed {number(float(row.exact.mean()))}"),
                f"{row.p_action_1.mean():.2f}",
                row.tuned,
                f"{row.env_steps.mean() / 1e6:.2g} million",
            )
            for row in rows
        ),
    )
    series = [{"panel": "final", "agent": row.label, **rounded(_numbers(row))} for row in rows]
    report = Report(
        "fig7-peers", TITLES["fig7-peers"], caption, (_finding(rows),), plain(asdict(size)), series, (table,)
    )
    return Drawn(report, picture, _frame(rows))


def _numbers(row: Row) -> dict[str, float]:
    error = row.returns.std(ddof=1) / np.sqrt(row.returns.size)
    return {"mean": float(row.returns.mean()), "standard_error": float(error), "env_steps": float(row.env_steps.mean())}


def _finding(rows: Sequence[Row]) -> Finding:
    """Each agent's return over that of EI+L2O, with the optimizer that is better on the tuning seeds."""
    ours = max((row for row in rows if row.name == EI_L2O), key=lambda row: row.tuning_return)
    others = [row for row in rows if row is not ours]
    confidence = shared(LEVEL, len(others))
    lines = []
    for row in others:
        difference = mean_of(row.returns - ours.returns, confidence)
        word = "above" if difference.low > 0 else "below" if difference.high < 0 else "not separated"
        ratio = row.returns.mean() / ours.returns.mean()
        lines.append(f"{row.label}: {number(ratio)} times, {word} ({with_interval(difference)})")
    return Finding(
        source="check",
        statement=f"Other agents' returns beside EI+L2O's ({ours.label}), differences on the same mazes.",
        measured=(
            f"{ours.label}, the better optimizer on the tuning seeds: {with_interval(mean_of(ours.returns))}.",
            *lines,
        ),
        rule="intervals of the differences are jointly valid at 95 %",
        verdict=NO_CLAIM,
        numbers={row.label: float(row.returns.mean()) for row in rows},
    )


def _picture(rows: Sequence[Row], caption: str) -> Figure:
    figure, grid = new_figure(1, 1, width=DOUBLE_COLUMN, height=0.4 + 0.19 * len(rows))
    axes = grid[0][0]
    for place, row in enumerate(rows):
        interval, style = mean_of(row.returns), style_of(row.name)
        reach = [[interval.estimate - interval.low], [interval.high - interval.estimate]]
        axes.errorbar([interval.estimate], [place], xerr=reach, color=style.color, marker=style.marker, markersize=5)
        axes.plot(row.returns, np.full(row.returns.size, place), "|", color=style.color, alpha=0.5, markersize=5)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="Mean return", xlim=(0, None))
    return finish(figure, caption)


def _frame(rows: Sequence[Row]) -> Frame:
    import pandas as pd

    return pd.DataFrame(
        [
            {"agent": row.label, "seed": seed, "return": value, "p_action_1": p, "tuned": row.tuned}
            for row in rows
            for seed, (value, p) in enumerate(zip(row.returns, row.p_action_1, strict=True))
        ]
    )
