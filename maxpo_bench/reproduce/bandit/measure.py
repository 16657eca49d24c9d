"""Which cells the figures are made of, and computing those that are not there yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.plots.bandit_moments import Bandits, Spread
from maxpo_bench.plots.frames import Frame
from maxpo_bench.reproduce.bandit.cells import Cell, Setting, compute
from maxpo_bench.reproduce.bandit.sizes import Size
from maxpo_bench.reproduce.cell_files import Floats, Values

if TYPE_CHECKING:
    import numpy as np

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Measured:
    """The numbers of some figures.

    Attributes:
        size: what was gone over.
        values: of each cell.
        computed: how many cells were computed now; the others had been stored.
    """

    size: Size
    values: dict[Cell, Values]
    computed: int

    def errors(self) -> Frame:
        """Errors against M (Figure 1, left): rows of kind "exact", and of kind "sampled" up to fewer M."""
        at = error_setting(self.size)
        exact = [(cell, values) for cell, values in self._cells([at]) if cell.kind == "exact"]
        sampled = self._cells(sampled_error_settings(self.size))
        lines = ((cell, self.size.batches, _exact_errors(values, self.size.batches)) for cell, values in exact)
        points = ((cell, cell.setting.num_groups, values["error"]) for cell, values in sampled)
        return _frame(
            _row(cell, place, value, num_groups=count)
            for cell, counts, table in chain(lines, points)
            for count, row in zip(counts, table, strict=True)
            for place, value in enumerate(row)
        )

    def variances(self, settings: Iterable[Setting]) -> Frame:
        """Total variances, with 1 - ||pi||^2 of each bandit in the column score_square."""
        squares: dict[int, Floats] = {}

        def rows() -> Iterator[dict[str, Any]]:
            for cell, values in self._cells(settings):
                at = cell.setting
                if at.num_arms not in squares:
                    squares[at.num_arms] = _bandits(at).score_square()
                for place, value in enumerate(values["total_variance"]):
                    yield _row(cell, place, value, score_square=float(squares[at.num_arms][place]))

        return _frame(rows())

    def _cells(self, settings: Iterable[Setting]) -> list[tuple[Cell, Values]]:
        wanted = set(settings)
        return [(cell, values) for cell, values in self.values.items() if cell.setting in wanted]


def error_setting(size: Size) -> Setting:
    """Where the exact errors are taken: the bandits of the error panel."""
    return _spread(size, size.group_size, size.k, size.num_arms)


def sampled_error_settings(size: Size) -> list[Setting]:
    """The sampled errors, in blocks of instances."""
    starts = range(0, size.instances, size.block)
    return [
        Setting(
            quantity="error",
            n=size.group_size,
            k=size.k,
            num_arms=size.num_arms,
            first=start,
            instances=min(size.block, size.instances - start),
            seed=size.seed,
            num_groups=size.sampled_batches,
        )
        for start in starts
    ]


def arms_settings(size: Size, group_sizes: Sequence[int]) -> list[Setting]:
    """Variance against the number of arms."""
    return [_spread(size, n, size.k, arms) for n in group_sizes for arms in size.arms]


def k_settings(size: Size, group_sizes: Sequence[int]) -> list[Setting]:
    """Variance against K."""
    return [_spread(size, n, k, size.many_arms) for n in group_sizes for k in size.objectives_of(n)]


def settings_of(figure: str, size: Size) -> list[Setting]:
    """Every setting that a figure needs."""
    if figure == "fig1":
        n = [size.group_size]
        return [error_setting(size), *sampled_error_settings(size), *arms_settings(size, n), *k_settings(size, n)]
    return arms_settings(size, size.group_sizes) if figure == "fig4" else k_settings(size, size.group_sizes)


def measure(
    figures: Iterable[str],
    size: Size,
    subjects: Sequence[Candidate],
    folder: Path,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Measured:
    """Compute what the figures need and is not stored yet; interrupt at will, the next call goes on.

    Args:
        figures: of "fig1", "fig4", "fig5"; what they share is computed once.
        size: what to go over.
        subjects: the estimators; each is measured where it is defined.
        folder: of the stored cells, made if it is missing.
        device: "cpu" or "cuda".
        progress: called with (cells done, cells in all).

    Raises:
        CertificateError: an estimator fails on some group (the message shows it), or its moments overflow; what was
            computed before is kept.
        ValueError: an estimator takes none of the figures' (n, K).
    """
    settings = list(dict.fromkeys(each for figure in figures for each in settings_of(figure, size)))
    _check_subjects(subjects, settings)
    jobs = [
        [Cell.of(setting, subject, device) for subject in subjects if subject.supports(setting.n, setting.k)]
        for setting in settings
    ]
    found: dict[tuple[Setting, str], tuple[Cell, Values]] = {}
    total, computed = sum(map(len, jobs)), 0
    for cells in jobs:
        stored = [(cell, cell.find(folder)) for cell in cells]
        found |= {_key(cell): known for cell, known in stored if known is not None}
        missing = [cell for cell, known in stored if known is None]
        for cell, values in compute(missing) if missing else ():
            cell.store(folder, values)
            found[_key(cell)] = (cell, values)
            computed += 1
            _tell(progress, len(found), total)
        _tell(progress, len(found), total)
    return Measured(size, dict(found[_key(cell)] for cells in jobs for cell in cells), computed)


def _key(cell: Cell) -> tuple[Setting, str]:
    """What a cell is asked for by: whether it is exact may turn out when it is computed."""
    return cell.setting, cell.candidate.name


def _check_subjects(subjects: Sequence[Candidate], settings: Sequence[Setting]) -> None:
    for subject in subjects:
        if not any(subject.supports(setting.n, setting.k) for setting in settings):
            pairs = ", ".join(sorted({f"({setting.n}, {setting.k})" for setting in settings}))
            raise ValueError(
                f"{subject.name} takes groups of at least {subject.metadata.min_group_size} samples and K from "
                f"{subject.metadata.min_k}, which excludes every (n, K) of the figures: {pairs}"
            )


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _spread(size: Size, n: int, k: int, num_arms: int) -> Setting:
    return Setting("spread", n, k, num_arms, 0, size.instances, size.seed, (size.num_groups,))


def _bandits(setting: Setting) -> Bandits:
    instances = range(setting.first, setting.first + setting.instances)
    return Bandits.generate(setting.seed, instances, setting.num_arms)


def _exact_errors(values: Values, batches: Sequence[int]) -> Floats:
    return Spread("exact", values["total_variance"], values["bias"]).error_after(batches)


def _row(cell: Cell, place: int, value: np.float64, **more: float) -> dict[str, Any]:
    at = cell.setting
    coordinates = {"group_size": at.n, "k": at.k, "num_arms": at.num_arms, "instance": at.first + place}
    return {"estimator": cell.candidate.name, "kind": cell.kind, **coordinates, **more, "value": float(value)}


def _frame(rows: Iterable[dict[str, Any]]) -> Frame:
    import pandas as pd

    return pd.DataFrame(list(rows))
