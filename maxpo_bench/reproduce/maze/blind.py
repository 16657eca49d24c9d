"""Figure 6: the maze drawn, where blind policies end in it, and whether blind habit is the trap that the paper says."""

from __future__ import annotations

from dataclasses import asdict

from maxpo_bench.envs.maze_layout import MazeLayout
from maxpo_bench.plots.frames import Frame
from maxpo_bench.plots.maze_data import blind_table
from maxpo_bench.plots.maze_figures import maze, maze_frame
from maxpo_bench.plots.style import figure_style
from maxpo_bench.reproduce.finding import FAILS, HOLDS, IN_PART, Finding, mean_of, number, with_interval
from maxpo_bench.reproduce.maze.sizes import MazeSize
from maxpo_bench.reproduce.report import TITLES, Drawn, Report, plain, rounded

SOURCE = "App G.2.1, Fig 6"
MODERATE = 0.1
"""Share of the optimum from which a return is taken to be moderately high."""


def draw_fig6(size: MazeSize) -> Drawn:
    """Draw the maze and compute exactly what blind policies earn.

    Args:
        size: its length, shares and number of mazes are gone over.
    """
    layout = MazeLayout.generate(size.length, size.share, "mixed", size.seed)
    mazes = 5 * size.instances
    data = maze_frame(layout, shares=size.shares, instances=mazes, seed=size.seed)
    table = blind_table(size.shares, (size.length,), mazes, seed=size.seed)
    caption = f"{size.note}(a) to (c): instance {size.seed} of the maze; (d): mazes derived from seed {size.seed}."
    with figure_style():
        picture = maze(data, caption=caption)
    report = Report(
        "fig6", TITLES["fig6"], caption, (_is_high(table), _is_optimum(table)), plain(asdict(size)), _points(table)
    )
    return Drawn(report, picture, data)


def _is_high(table: Frame) -> Finding:
    lines, highest = [], 0.0
    for share, rows in table.groupby("majority_share"):
        always, best = (mean_of(rows[name].to_numpy(dtype=float)) for name in ("always_1", "best_return"))
        highest = max(highest, best.estimate / float(rows["optimum"].iloc[0]))
        lines.append(
            f"Share {share:g}: always action 1 earns {with_interval(always)}, each maze's own best blind policy "
            f"{with_interval(best)} of {rows['optimum'].iloc[0]:g}, over {len(rows)} mazes."
        )
    return Finding(
        source=SOURCE,
        statement="A policy that blindly prefers the majority action achieves moderately high returns.",
        measured=("Exact returns, means over mazes with 95 % intervals.", *lines),
        rule=f"holds if the best blind policy earns at least {MODERATE:g} of the optimum on average at some share",
        verdict=HOLDS if highest >= MODERATE else FAILS,
        numbers={"highest_share_of_optimum": highest},
    )


def _is_optimum(table: Frame) -> Finding:
    """Is always taking action 1 the best that a blind policy can do?"""
    counts = {float(share): int((rows["best_q"] > 0.999).sum()) for share, rows in table.groupby("majority_share")}
    total = len(table)
    lines = [
        f"Share {share:g}: in {counts[share]} of {len(rows)} mazes; mean of the best q {number(rows['best_q'].mean())}"
        for share, rows in ((float(share), rows) for share, rows in table.groupby("majority_share"))
    ]
    always = sum(counts.values())
    return Finding(
        source=SOURCE,
        statement="Always taking the majority action is a local optimum.",
        measured=(
            f"Among blind policies it is the best in {always} of {total} mazes: where the first states ask for the "
            "other action, a mixture is better.",
            *lines,
        ),
        rule="holds if q = P(action 1) = 1 is the best blind policy of every maze, in part if of some",
        verdict=HOLDS if always == total else IN_PART if always else FAILS,
        numbers={"mazes": total, "always": always},
    )


def _points(table: Frame) -> list[dict[str, object]]:
    """Mean and standard error of what blind policies earn, by share."""
    names = ("always_1", "matching", "best_q", "best_return")
    return [
        {
            "panel": name,
            "share": float(share),
            **rounded({"mean": rows[name].mean(), "standard_error": rows[name].sem()}),
        }
        for share, rows in table.groupby("majority_share")
        for name in names
    ]
