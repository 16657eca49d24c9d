"""The paper's statements on language models, held beside the tiny model's runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from maxpo_bench.evaluation.paper_reference import PROXY_REDUCTION
from maxpo_bench.llm.methods import LABELS
from maxpo_bench.reproduce.cell_files import Floats
from maxpo_bench.reproduce.finding import (
    FAILS,
    HOLDS,
    IN_PART,
    NO_CLAIM,
    UNDECIDED,
    Finding,
    Verdict,
    listed,
    mean_of,
    shared,
    with_interval,
)
from maxpo_bench.reproduce.llm.rows import Cell, Row
from maxpo_bench.stats import Interval

LEVEL = 0.05
_RULE_INTERVAL = "holds if the 95 % interval over seeds is above 0, does not if it is below, else undecided"


def findings_of(rows: Sequence[Row]) -> tuple[Finding, ...]:
    """Return what the runs say of each statement; of those whose methods were trained."""
    by_name = {row.method: row for row in rows}
    found = [_beside_base(rows)]
    if {"maxpo", "pkpo"} <= set(by_name):
        found += [_against_pkpo(by_name), _proxy(by_name)]
    if {"maxpo", "grpo"} <= set(by_name):
        found.append(_against_grpo(by_name))
    return tuple(found)


def difference(cell: Cell, other: Cell, k: int, confidence: float = 0.95) -> Interval:
    """Return pass@k of a method minus that of another in points, paired by seed, with an interval over seeds."""
    return mean_of(100 * (cell.at(k) - other.at(k)), confidence)


def reduction(cell: Cell, other: Cell) -> Interval:
    """Return by how many per cent the proxy of a method is below another's at the end of training.

    The mean over seeds of the logarithm of their ratio has Student's interval; the rest follows from it.
    """
    ratio = mean_of(np.log(cell.proxy / other.proxy))
    low, estimate, high = (100 * (1 - np.exp(value)) for value in (ratio.high, ratio.estimate, ratio.low))
    return Interval(low=float(low), estimate=float(estimate), high=float(high), confidence=ratio.confidence)


def sign(interval: Interval) -> Verdict:
    """Return what an interval says of "is above 0"."""
    return HOLDS if interval.low > 0 else FAILS if interval.high < 0 else UNDECIDED


def _against_pkpo(rows: Mapping[str, Row]) -> Finding:
    maxpo, pkpo, rates = _at_one_rate(rows)
    ks = maxpo.ks
    at = {k: difference(maxpo, pkpo, k) for k in ks}
    chosen = difference(maxpo, rows["pkpo"].cell, ks[-1])
    return Finding(
        source="Sec 5.2.2, Table 2",
        statement="MaxPO's pass@k is above PKPO's, at k = 256 by 3.7 points (Qwen2.5-Math-7B) and 1.5 (Llama-3.2-3B).",
        measured=(
            f"MaxPO minus PKPO at k = {ks[-1]}, the largest here: {with_interval(at[ks[-1]])} points, {rates}.",
            *(f"at k = {k}: {with_interval(at[k])}" for k in ks[:-1]),
            *([] if pkpo is rows["pkpo"].cell else [f"{_with_own_rate(rows)}: {with_interval(chosen)}"]),
            *(
                f"both at {mine.learning_rate:g}, tuning seeds, at k = {ks[-1]}: {_mean_gap(mine, theirs, ks[-1]):.1f}"
                for mine, theirs in _at_equal_rates(rows["maxpo"], rows["pkpo"])
            ),
        ),
        rule=f"at the largest k, at one learning rate: {_RULE_INTERVAL}",
        verdict=sign(at[ks[-1]]),
        numbers={f"difference at {k}": listed(interval) for k, interval in at.items()},
    )


def _at_one_rate(rows: Mapping[str, Row]) -> tuple[Cell, Cell, str]:
    """Return MaxPO's cell, PKPO's at the same learning rate where there is one, and which rates they have."""
    maxpo = rows["maxpo"].cell
    pkpo = rows["pkpo"].at_rate(maxpo.learning_rate)
    if pkpo is None:
        return maxpo, rows["pkpo"].cell, f"at {maxpo.learning_rate:g} and {rows['pkpo'].cell.learning_rate:g}"
    return maxpo, pkpo, f"both at learning rate {maxpo.learning_rate:g}"


def _with_own_rate(rows: Mapping[str, Row]) -> str:
    return f"with PKPO at its own learning rate {rows['pkpo'].cell.learning_rate:g}"


def _against_grpo(rows: Mapping[str, Row]) -> Finding:
    maxpo, grpo = rows["maxpo"].cell, rows["grpo"].cell
    ks = maxpo.ks
    at = {k: difference(maxpo, grpo, k) for k in ks}
    last = sign(at[ks[-1]])
    verdict: Verdict = IN_PART if last == HOLDS and sign(at[1]) == HOLDS else last
    return Finding(
        source="Sec 5.2.2, Table 2",
        statement="GRPO is competitive at very small k, MaxPO overtakes it at moderate and large k.",
        measured=(
            f"MaxPO minus GRPO at k = 1: {with_interval(at[1])} points, at k = {ks[-1]}: {with_interval(at[ks[-1]])}.",
            *(f"at k = {k}: {with_interval(at[k])}" for k in ks[1:-1]),
        ),
        rule=f"at the largest k: {_RULE_INTERVAL}; in part where the interval is above 0 at k = 1 too",
        verdict=verdict,
        numbers={f"difference at {k}": listed(interval) for k, interval in at.items()},
    )


def _proxy(rows: Mapping[str, Row]) -> Finding:
    maxpo, pkpo, rates = _at_one_rate(rows)
    chosen = reduction(maxpo, pkpo)
    lines = [f"{_percent(chosen)}, {rates}."]
    numbers = {"at one rate": listed(chosen)}
    if pkpo is not rows["pkpo"].cell:
        own = reduction(maxpo, rows["pkpo"].cell)
        lines.append(f"{_with_own_rate(rows)}: {_percent(own)}")
        numbers["at the chosen rates"] = listed(own)
    for mine, theirs in _at_equal_rates(rows["maxpo"], rows["pkpo"]):
        found = _mean_reduction(mine, theirs)
        lines.append(f"both at {mine.learning_rate:g}, tuning seeds: {found:.1f} %")
        numbers[f"tuning seeds, {mine.learning_rate:g}"] = [found]
    return Finding(
        source="Sec 5.2.3, Figure 3",
        statement=(
            "Adam's variance proxy is lower with MaxPO than with PKPO, at the end of training by "
            f"{PROXY_REDUCTION} % (Llama-3.2-3B)."
        ),
        measured=(f"Reduction over the last quarter of the steps: {lines[0]}", *lines[1:]),
        rule=_RULE_INTERVAL,
        verdict=sign(chosen),
        numbers=numbers,
    )


def _percent(interval: Interval) -> str:
    return f"{interval.estimate:.1f} % [{interval.low:.1f}, {interval.high:.1f}]"


def _mean_reduction(cell: Cell, other: Cell) -> float:
    return float(100 * (1 - np.exp(np.log(cell.proxy / other.proxy).mean())))


def _mean_gap(cell: Cell, other: Cell, k: int) -> float:
    return float(100 * (cell.at(k) - other.at(k)).mean())


def _at_equal_rates(method: Row, other: Row) -> list[tuple[Cell, Cell]]:
    """Return the cells of two methods on the tuning seeds, at the learning rates that both have."""
    theirs = {cell.learning_rate: cell for cell in other.grid}
    return [(cell, theirs[cell.learning_rate]) for cell in method.grid if cell.learning_rate in theirs]


def _beside_base(rows: Sequence[Row]) -> Finding:
    ks = rows[0].cell.ks
    confidence = shared(LEVEL, len(rows))
    gains: dict[str, Floats] = {row.method: 100 * (row.cell.at(ks[-1]) - row.cell.base_at(ks[-1])) for row in rows}
    lines = []
    for name, values in gains.items():
        interval = mean_of(values, confidence)
        word = {HOLDS: "above", FAILS: "below", UNDECIDED: "not separated from"}[sign(interval)]
        lines.append(f"{LABELS.get(name, name)}: {word} the base, {with_interval(interval)} points")
    return Finding(
        source="check",
        statement=f"pass@{ks[-1]} after training, beside the model that training started from.",
        measured=(f"Differences at k = {ks[-1]}, paired by seed:", *lines),
        rule="intervals over seeds, jointly valid at 95 %",
        verdict=NO_CLAIM,
        numbers={name: listed(mean_of(values, confidence)) for name, values in gains.items()},
    )
