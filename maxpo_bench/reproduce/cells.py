"""Cells: one estimator at one (n, K, arms) on many bandits. Each is computed once and kept as one small file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.leaderboard.store import publish
from maxpo_bench.leaderboard.submission import Candidate
from maxpo_bench.moments import CertificateError
from maxpo_bench.plots.bandit_moments import Bandits, Kind, Spread, kind_of, sampled_errors, spreads

Quantity = Literal["spread", "error"]
Floats = NDArray[np.float64]

SCHEMA = 1
COMPUTED_BY = (
    "registry.py",
    "seeding.py",
    "compiled.py",
    "stats.py",
    "objectives.py",
    "estimators/*.py",
    "moments/*.py",
    "envs/bandit_instance.py",
    "envs/checks.py",
    "plots/bandit_moments.py",
    "leaderboard/submission.py",
    "reproduce/cells.py",
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
            "formulas": formulas_hash(),
        }
        if self.kind == "sampled":
            found |= {"num_groups": list(setting.num_groups), "device": self.device}
        return found

    def path(self, folder: Path) -> Path:
        """Where it is kept: the name says what it is, its last part is a hash of `content`."""
        text = json.dumps(self.content(), sort_keys=True, separators=(",", ":"))
        digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"maxpo-cell").hexdigest()
        s = self.setting
        where = f"{s.quantity}-n{s.n}-k{s.k}-arms{s.num_arms}-from{s.first}"
        return folder / f"{self.candidate.name}-{where}-{digest}.json"

    def load(self, folder: Path) -> dict[str, Floats] | None:
        """Return its stored numbers, or None where there are none: never computed, by other code, or damaged."""
        try:
            stored = json.loads(self.path(folder).read_text(encoding="utf-8"))
            if stored["schema"] != SCHEMA or stored["cell"] != self.content():
                return None
            values = {name: np.array(array, dtype=np.float64) for name, array in stored["values"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None
        return values if self._fits(values) else None

    def find(self, folder: Path) -> tuple[Cell, dict[str, Floats]] | None:
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

    def _fits(self, values: dict[str, Floats]) -> bool:
        shapes = {name: array.shape for name, array in values.items()}
        return shapes == self.shapes() and all((np.isfinite(each) & (each >= 0)).all() for each in values.values())

    def store(self, folder: Path, values: dict[str, Floats]) -> None:
        """Publish its numbers as one file."""
        plain = {name: array.tolist() for name, array in values.items()}
        record = {"schema": SCHEMA, "cell": self.content(), "values": plain}
        publish(self.path(folder), json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n")


@cache
def formulas_hash() -> str:
    """SHA-256 over the sources that a cell's numbers depend on: changed formulas are computed again."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for pattern in COMPUTED_BY for path in root.glob(pattern)):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def compute(cells: Sequence[Cell]) -> Iterator[tuple[Cell, dict[str, Floats]]]:
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


def _computed(cells: Sequence[Cell], bandits: Bandits) -> list[tuple[Cell, dict[str, Floats]]]:
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


def _values(spread: Spread) -> dict[str, Floats]:
    values = {"total_variance": spread.total_variance}
    return values if spread.bias is None else values | {"bias": spread.bias}
