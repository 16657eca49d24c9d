"""Cells: one estimator at one (n, K, arms) on many bandits. Each is computed once and kept as one small file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.moments import CertificateError
from maxpo_bench.plots.bandit_moments import Bandits, Kind, Spread, kind_of, sampled_errors, spreads
from maxpo_bench.reproduce import cell_files
from maxpo_bench.reproduce.cell_files import Values

Quantity = Literal["spread", "error"]

COMPUTED_BY = (
    "registry.py",
    "seeding.py",
    "compiled.py",
    "stats.py",
    "objectives.py",
    "estimators/*.py",
    "moments/*.py",
    "envs/bandit_instance.py",
    "envs/arm_laws.py",
    "envs/array_value.py",
    "envs/checks.py",
    "envs/mixture.py",
    "plots/bandit_moments.py",
    "leaderboard/checks.py",
    "leaderboard/source.py",
    "leaderboard/submission.py",
    "reproduce/bandit/cells.py",
    "reproduce/cell_files.py",
)
"""Sources that a cell's numbers depend on: this module and what it imports, but for writing files."""


@dataclass(frozen=True)
class Setting:
    """Where estimators are measured.

    Attributes:
        quantity: "spread" for bias and total variance, "error" for the sampled error of the mean of M estimates.
        n: group size.
        k: objective size.
        num_arms: of the bandits.
        first: number of the first bandit.
        instances: how many bandits.
        seed: root of the bandits and the actions.
        num_groups: numbers of groups: of an error every M; of a spread how many it is sampled on, where it has to be.
    """

    quantity: Quantity
    n: int
    k: int
    num_arms: int
    first: int
    instances: int
    seed: int
    num_groups: tuple[int, ...]


@dataclass(frozen=True)
class Cell:
    """One estimator at one setting.

    Attributes:
        setting: where.
        candidate: the estimator.
        kind: is it computed exactly, or sampled?
        device: "cpu" or "cuda"; sampled numbers differ between them.
    """

    setting: Setting
    candidate: Candidate
    kind: Kind
    device: str

    @classmethod
    def of(cls, setting: Setting, candidate: Candidate, device: str) -> Cell:
        """Make a cell, finding out whether it is exact, as far as random groups tell; see `compute`."""
        exact = setting.quantity == "spread" and kind_of(candidate.build(setting.k), setting.n) == "exact"
        return cls(setting, candidate, "exact" if exact else "sampled", device)

    def content(self) -> dict[str, Any]:
        """Everything that determines the numbers."""
        setting = self.setting
        found: dict[str, Any] = {
            "quantity": setting.quantity,
            "kind": self.kind,
            "group_size": setting.n,
            "k": setting.k,
            "num_arms": setting.num_arms,
            "instances": [setting.first, setting.first + setting.instances],
            "seed": setting.seed,
            "estimator": self.candidate.name,
            "scale": self.candidate.metadata.scale,
            "source": self.candidate.digest,
            "formulas": cell_files.hash_of(COMPUTED_BY),
        }
        if self.kind == "sampled":
            found |= {"num_groups": list(setting.num_groups), "device": self.device}
        return found

    def path(self, folder: Path) -> Path:
        """Where it is kept."""
        s = self.setting
        where = f"{s.quantity}-n{s.n}-k{s.k}-arms{s.num_arms}-from{s.first}"
        return cell_files.path_of(folder, f"{self.candidate.name}-{where}", self.content())

    def load(self, folder: Path) -> Values | None:
        """Return its stored numbers, or None where there are none: never computed, by other code, or damaged."""
        values = cell_files.read(self.path(folder), self.content(), self.shapes())
        return values if values and all((array >= 0).all() for array in values.values()) else None

    def find(self, folder: Path) -> tuple[Cell, Values] | None:
        """Return it with its stored numbers; as a sampled cell where it turned out to be one."""
        for cell in (self, replace(self, kind="sampled"))[: 2 if self.kind == "exact" else 1]:
            values = cell.load(folder)
            if values is not None:
                return cell, values
        return None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """What its numbers are called, with their shapes: all are lengths or variances, finite and at least 0."""
        at = self.setting
        if at.quantity == "error":
            return {"error": (len(at.num_groups), at.instances)}
        names = ("total_variance", "bias") if self.kind == "exact" else ("total_variance",)
        return {name: (at.instances,) for name in names}

    def store(self, folder: Path, values: Values) -> None:
        """Publish its numbers as one file."""
        cell_files.write(self.path(folder), self.content(), values)


def compute(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Values]]:
    """Compute cells of one setting and device, the same bandits and actions for all.

    A cell that turns out not to be exact on its bandits comes back as a sampled one. Where an estimator fails, the
    cells of the others are returned first.

    Raises:
        CertificateError: an estimator fails on some group (the message shows it), or its moments overflow; the message
            names estimator and setting.
    """
    setting = cells[0].setting
    bandits = Bandits.generate(setting.seed, range(setting.first, setting.first + setting.instances), setting.num_arms)
    groups = [cells] if setting.quantity == "spread" else [[cell] for cell in cells]
    failures: list[CertificateError] = []
    while groups:
        group = groups.pop(0)
        try:
            done = _computed(group, bandits)
        except CertificateError as error:
            failures += [_located(group[0], error)] if len(group) == 1 else []
            groups += [[cell] for cell in group] if len(group) > 1 else []
        else:
            yield from done
    if failures:
        raise failures[0]


def _computed(cells: Sequence[Cell], bandits: Bandits) -> list[tuple[Cell, Values]]:
    setting, device = cells[0].setting, cells[0].device
    estimators = [cell.candidate.build(setting.k) for cell in cells]
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is named below
        if setting.quantity == "error":
            errors = [
                sampled_errors(each, bandits, setting.n, setting.num_groups, device=device) for each in estimators
            ]
            done = [(cell, {"error": error}) for cell, error in zip(cells, errors, strict=True)]
        else:
            found = spreads(estimators, bandits, setting.n, num_groups=setting.num_groups[0], device=device)
            done = [(replace(cell, kind=each.kind), _values(each)) for cell, each in zip(cells, found, strict=True)]
    for cell, values in done:
        if not all(np.isfinite(array).all() for array in values.values()):
            raise CertificateError(f"moments of {cell.candidate.name} overflow float64: rescale its advantages")
    return done


def _located(cell: Cell, error: CertificateError) -> CertificateError:
    at = cell.setting
    return CertificateError(f"{cell.candidate.name} at n = {at.n}, K = {at.k}, {at.num_arms:,} arms: {error}")


def _values(spread: Spread) -> Values:
    values = {"total_variance": spread.total_variance}
    return values if spread.bias is None else values | {"bias": spread.bias}
