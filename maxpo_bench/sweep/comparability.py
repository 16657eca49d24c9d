"""Whether variants can be compared: the same seeds on the same tasks, and the reference each of them goes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from maxpo_bench.registry import UnknownNameError, suggest
from maxpo_bench.sweep.scores import Score, Scores, agent_name

DEFAULT_REFERENCE = "reinforce"
ENOUGH_RUNS = 10
"""Runs per task from which on bootstrap intervals are good."""
_SHOWN = 5

Cells = Mapping[tuple[str, str], Mapping[int, Score]]
"""Scores by (variant, task), and by seed within."""


def complete_seeds(cells: Cells, tasks: Sequence[str]) -> tuple[int, ...]:
    """Return the seeds that every variant has on every task, if these are all seeds that any has.

    Raises:
        ValueError: naming the runs that are missing and the seeds that all have; or fewer than two seeds.
    """
    seeds = sorted({seed for cell in cells.values() for seed in cell})
    variants = sorted({variant for variant, _ in cells})
    gaps = {
        (variant, task): [seed for seed in seeds if seed not in cells.get((variant, task), {})]
        for variant in variants
        for task in tasks
    }
    lacking = [f"{variant} on {task}: {seed_text(gap)}" for (variant, task), gap in gaps.items() if gap]
    if lacking:
        common = [seed for seed in seeds if all(seed not in gap for gap in gaps.values())]
        remedy = f"--seeds {','.join(map(str, common))}" if len(common) > 1 else "fewer --agent or --env"
        more = f"; and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        raise ValueError(
            f"runs are missing ({'; '.join(lacking[:_SHOWN])}{more}): run the sweep to its end, or compare what all "
            f"have with {remedy}"
        )
    if len(seeds) < 2:
        raise ValueError(
            f"there is one run only of each variant on each task (seed {', '.join(map(str, seeds))}): an interval "
            f"needs at least 2 seeds, a good one {ENOUGH_RUNS}"
        )
    return tuple(seeds)


def reference_of(scores: Scores, against: str | None) -> str:
    """Return the variant or agent to compare with: the one asked for, else reinforce, else the first by name.

    Raises:
        UnknownNameError: neither a variant nor an agent of these runs, with the nearest.
    """
    variants = {row.variant for row in scores.rows}
    agents = {row.agent for row in scores.rows}
    if against is None:
        return DEFAULT_REFERENCE if DEFAULT_REFERENCE in agents else min(agents)
    if against in variants:
        return against
    try:
        return agent_name(against, agents)
    except UnknownNameError as error:
        raise UnknownNameError(f"no variant or agent {against!r} is there.{suggest(against, variants)}") from error


def partners(scores: Scores, reference: str) -> dict[str, str | None]:
    """Return for each variant the one that it is compared with: None for references and where there is none.

    Args:
        scores: of all variants.
        reference: a variant, or an agent: where that has several, each other variant goes with the one of the same
            arguments.
    """
    first = {row.variant: row for row in scores.rows}
    own = {_key(row): name for name, row in first.items() if reference in (row.agent, name)}
    if reference in first or len(own) == 1:
        only = reference if reference in first else next(iter(own.values()))
        return {name: None if name == only else only for name in first}
    return {name: None if row.agent == reference else own.get(_key(row)) for name, row in first.items()}


def _key(row: Score) -> str:
    return repr(sorted(row.agent_arguments.items()))


def seed_text(seeds: Sequence[int]) -> str:
    """Write seeds, runs of three or more as a range: ``0-4, 7``."""
    parts: list[list[int]] = []
    for each in seeds:
        if parts and each == parts[-1][-1] + 1:
            parts[-1].append(each)
        else:
            parts.append([each])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 2 else ", ".join(map(str, part)) for part in parts)
