"""Choose each agent's arguments on seeds that are then left out of the comparison."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from maxpo_bench.sweep.scores import Score, Scores, value_text


@dataclass(frozen=True)
class Choice:
    """What was chosen for one variant on one task.

    Attributes:
        variant: agent and arguments.
        task: environment and arguments.
        values: chosen value by argument.
        mean: mean score on the tuning seeds with it; None where there was only one value and no run on them.
        is_at_edge: whether a chosen number is the least or the greatest of several that were tried.
    """

    variant: str
    task: str
    values: Mapping[str, Any]
    mean: float | None
    is_at_edge: bool


def tune(scores: Scores, seeds: Iterable[int]) -> tuple[Scores, list[Choice]]:
    """Return the scores on all other seeds with the values that were best on these, and the choices.

    For each variant and each task on its own, the value of the tuned arguments (the combination, where there are
    several) with the best mean score over the tuning seeds; of equal ones the smaller. Nothing is chosen on seeds that
    it is then judged on. A variant with one value only needs no tuning seeds.

    Args:
        scores: with the arguments to tune in `Score.tuned`.
        seeds: the tuning seeds.

    Raises:
        ValueError: a value lacks a tuning seed, or all seeds are tuning seeds.
    """
    for_tuning = sorted(set(seeds))
    rest = [seed for seed in scores.seeds if seed not in for_tuning]
    if not rest:
        raise ValueError("all seeds are tuning seeds: nothing is left to compare; name fewer of them")
    kept: list[Score] = []
    choices: list[Choice] = []
    for rows in _by_cell(scores.rows).values():
        choice, chosen = _choose(_by_value(rows), for_tuning)
        choices.append(choice)
        kept += [row for row in chosen if row.seed in rest]
    return replace(scores, rows=tuple(kept)), choices


def _choose(candidates: dict[str, list[Score]], seeds: Sequence[int]) -> tuple[Choice, list[Score]]:
    """Return the choice among one variant's values on one task, and its runs."""
    if len(candidates) == 1:
        (chosen,) = candidates.values()
        values = [row.value for row in chosen if row.seed in seeds]
        mean = math.fsum(values) / len(values) if values else None
        return Choice(chosen[0].variant, chosen[0].task, chosen[0].tuned, mean, False), chosen
    means = {key: _mean_on(rows, seeds) for key, rows in candidates.items()}
    best = max(means, key=lambda key: means[key])
    chosen = candidates[best]
    tried = [rows[0].tuned for rows in candidates.values()]
    is_at_edge = _is_at_edge(chosen[0].tuned, tried)
    return Choice(chosen[0].variant, chosen[0].task, chosen[0].tuned, means[best], is_at_edge), chosen


def _mean_on(rows: Sequence[Score], seeds: Sequence[int]) -> float:
    """Return the mean score over the tuning seeds, all of which are needed."""
    by_seed = {row.seed: row.value for row in rows}
    missing = [seed for seed in seeds if seed not in by_seed]
    if missing:
        first = rows[0]
        text = ", ".join(f"{name}={value_text(value)}" for name, value in first.tuned.items())
        raise ValueError(
            f"{first.variant} on {first.task} with {text} lacks tuning seeds "
            f"{', '.join(map(str, missing))}: run the sweep with them, or name others"
        )
    return math.fsum(by_seed[seed] for seed in seeds) / len(seeds)


def _is_at_edge(chosen: Mapping[str, Any], tried: Sequence[Mapping[str, Any]]) -> bool:
    for name, value in chosen.items():
        numbers = sorted({each[name] for each in tried if _is_number(each[name])})
        if len(numbers) > 1 and value in (numbers[0], numbers[-1]):
            return True
    return False


def _by_cell(rows: Iterable[Score]) -> dict[tuple[str, str], list[Score]]:
    found: dict[tuple[str, str], list[Score]] = {}
    for row in rows:
        found.setdefault((row.variant, row.task), []).append(row)
    return dict(sorted(found.items()))


def _by_value(rows: Sequence[Score]) -> dict[str, list[Score]]:
    """Return the runs by the values of the tuned arguments, the smaller before the greater."""
    found: dict[str, list[Score]] = {}
    for row in sorted(rows, key=lambda row: [_sort_key(value) for value in row.tuned.values()]):
        found.setdefault(json.dumps(dict(row.tuned), sort_keys=True), []).append(row)
    return found


def _sort_key(value: Any) -> tuple[int, float, str]:
    return (1, float(value), "") if _is_number(value) else (0 if value is None else 2, 0.0, value_text(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
