"""From the name of a maze figure to what is drawn of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.reproduce.maze.agents import ENTROPY, REINFORCE, MazeAgent, maze_agents
from maxpo_bench.reproduce.maze.blind import draw_fig6
from maxpo_bench.reproduce.maze.cells import MazeCell
from maxpo_bench.reproduce.maze.measure import Measured, fig7_cells, measure, mlp_cells, search_cells
from maxpo_bench.reproduce.maze.mlp import draw_mlp
from maxpo_bench.reproduce.maze.peers import PEERS
from maxpo_bench.reproduce.maze.peers_report import draw_peers, measure_rows
from maxpo_bench.reproduce.maze.report import draw_fig7
from maxpo_bench.reproduce.maze.search import draw_search
from maxpo_bench.reproduce.maze.sizes import MazeSize
from maxpo_bench.reproduce.report import Drawn

Progress = Callable[[int, int], None]
Draw = Callable[[Measured], list[Drawn]]


def reports_of(figure: str) -> tuple[str, ...]:
    """Return the reports that are written for a figure that is asked for."""
    return ("fig7", "fig7-adam", "fig7-settings") if figure == "fig7" else (figure,)


def check_names(subjects: Sequence[Candidate]) -> None:
    """Raise if an added estimator has the name of an agent that is there without it.

    Raises:
        ValueError: the message says which.
    """
    for each in subjects:
        if each.name in (REINFORCE, ENTROPY, *PEERS):
            raise ValueError(
                f"{each.name!r} is the name of an agent of the maze figures: rename the estimator in its docstring"
            )


def make(
    figure: str,
    size: MazeSize,
    subjects: Sequence[Candidate],
    folder: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    tell: Progress | None = None,
) -> list[Drawn]:
    """Compute what is not stored yet of a maze figure, and draw it; interrupt at will, the next call goes on.

    Args:
        figure: "fig6", "fig7", "fig7-search", "fig7-mlp" or "fig7-peers".
        size: what to go over.
        subjects: the estimators, of `maxpo_bench.reproduce.subjects.load_subjects`.
        folder: of the stored cells, made if it is missing.
        workers: cells at a time; None for one per core.
        progress: called with (cells done, cells in all).
        tell: called once with (cells computed now, cells in all), where there are cells.

    Raises:
        ValueError: an estimator fails; what was computed before is kept.
    """
    if figure == "fig6":
        return [draw_fig6(size)]
    agents = maze_agents(subjects)
    if figure == "fig7-peers":
        return [draw_peers(size, measure_rows(size, agents, folder, workers=workers, progress=progress))]
    cells, draw = _FROM_CELLS[figure]
    measured = measure(cells(size, agents), size, folder, workers=workers, progress=progress)
    if tell is not None:
        tell(measured.computed, len(measured.values))
    return draw(measured)


_FROM_CELLS: dict[str, tuple[Callable[[MazeSize, Sequence[MazeAgent]], list[MazeCell]], Draw]] = {
    "fig7": (fig7_cells, draw_fig7),
    "fig7-search": (search_cells, lambda measured: [draw_search(measured)]),
    "fig7-mlp": (mlp_cells, lambda measured: [draw_mlp(measured)]),
}
