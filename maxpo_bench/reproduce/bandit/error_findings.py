"""What Section 5.1 says of the estimation error (Figure 1, left), held against the measured errors."""

from __future__ import annotations

import numpy as np

from maxpo_bench.plots.frames import Frame
from maxpo_bench.plots.style import style_of
from maxpo_bench.reproduce.finding import (
    FAILS,
    HOLDS,
    IN_PART,
    Finding,
    Floats,
    Table,
    Verdict,
    listed,
    mean_of,
    number,
    shared,
    table,
    with_interval,
)
from maxpo_bench.stats import Interval

UNBIASED = ("ei", "ei_l2o")
BIASED = "ei_l1o"
SLOPE_TOLERANCE = 0.05
LEVEL_SLOPE = -0.05
CONSTANT_FACTOR = 1.5
ROUNDING = 1e-12
FALSE_ALARM = 1e-5
"""Chance that sampled numbers are found to disagree with what they are drawn from, over all that one finding compares.

The intervals are Student's over bandits, each at this level over the number of comparisons; B bandits give B - 1
degrees of freedom. The level is exact for means over bandits that are normal.
"""


def error_findings(errors: Frame) -> list[Finding]:
    """Return the findings on errors against the number M of batches.

    Args:
        errors: columns estimator, kind ("exact" or "sampled"), num_groups, instance, value.
    """
    return [_falls(errors), _levels_off(errors), _agreement(errors)]


def _falls(errors: Frame) -> Finding:
    """Both unbiased estimators fall as M^(-1/2)."""
    tables = {
        (name, kind): found
        for name in UNBIASED
        for kind in ("exact", "sampled")
        if (found := table(errors, name, "num_groups", kind=kind)) is not None
    }
    slopes = {key: slope_of(found) for key, found in tables.items()}
    confidence = shared(FALSE_ALARM, sum(kind == "sampled" for _, kind in tables))
    right = {
        name: _falls_as_root(tables.get((name, "exact")), tables.get((name, "sampled")), confidence)
        for name in UNBIASED
    }
    parts = [f"{style_of(name).label}, {kind}: {with_interval(slope)}" for (name, kind), slope in slopes.items()]
    return Finding(
        "Sec 5.1, Fig 1 left",
        "The estimation errors of EI and EI+L2O fall as M^(-1/2): both are unbiased.",
        ("Slope of log error against log M (95 % interval):", *parts),
        f"holds if every exact mean slope is within {SLOPE_TOLERANCE} of -1/2 and no sampled one contradicts it, with "
        f"an interval wholly outside of that (Student's over bandits, together with a chance of {FALSE_ALARM:g} of a "
        "false alarm); in part if one estimator's are so",
        HOLDS if all(right.values()) else IN_PART if any(right.values()) else FAILS,
        {f"slope_{name}_{kind}": listed(slope) for (name, kind), slope in slopes.items()},
    )


def _falls_as_root(exact: Table | None, sampled: Table | None, confidence: float) -> bool:
    """Is the exact slope -1/2, up to the tolerance, and the sampled one not surely another? Without one, it decides."""
    slopes = [slope_of(each, confidence) for each in (exact, sampled) if each is not None]
    if not slopes or abs(slopes[0].estimate + 0.5) > SLOPE_TOLERANCE:
        return False
    return slopes[-1].low <= -0.5 + SLOPE_TOLERANCE and slopes[-1].high >= -0.5 - SLOPE_TOLERANCE


def slope_of(errors: Table, confidence: float = 0.95) -> Interval:
    """Return the mean over bandits of the least-squares slope of log error against log M."""
    x = np.log(errors.x.astype(np.float64))
    centred = x - x.mean()
    return mean_of(np.log(errors.values) @ centred / (centred @ centred), confidence)


def _levels_off(errors: Frame) -> Finding:
    """EI+L1O's error is approximately constant."""
    exact = table(errors, BIASED, "num_groups", kind="exact")
    found = exact or table(errors, BIASED, "num_groups")
    if found is None:
        raise ValueError(f"no errors of {BIASED}: they are part of Figure 1")
    mean = found.mean
    factor = float(mean.max() / mean.min())
    tail = slope_of(_last_decade(found))
    verdict: Verdict = HOLDS if factor <= CONSTANT_FACTOR else IN_PART if tail.estimate >= LEVEL_SLOPE else FAILS
    first, last = int(found.x[0]), int(found.x[-1])
    near = int(found.x[np.flatnonzero(mean <= 1.1 * mean[-1])[0]])
    return Finding(
        "Sec 5.1, Fig 1 left",
        "The estimation error of EI+L1O is approximately constant: it is biased.",
        (
            f"Mean error{', exact:' if exact else ''} {number(mean[0])} at M = {first} and {number(mean[-1])} at M = "
            f"{last:,}: a factor of {number(factor)} between the largest and the smallest",
            f"within 10 % of the last one from M = {near:,} on; slope over the last decade {with_interval(tail)}",
        ),
        f"holds if the mean error varies by a factor of at most {CONSTANT_FACTOR} over all M; in part if it only "
        f"levels off, with a slope of at least {LEVEL_SLOPE} over the last decade",
        verdict,
        {"factor": factor, "last_decade_slope": listed(tail), "level_from": near, "last_error": float(mean[-1])},
    )


def _last_decade(errors: Table) -> Table:
    kept = errors.x * 10 >= errors.x[-1]
    return Table(errors.x[kept], errors.values[:, kept])


def _agreement(errors: Frame) -> Finding:
    """The sampled errors lie on the exact curve."""
    quotients: dict[str, Floats] = {}
    for name in errors["estimator"].unique():
        exact, sampled = (table(errors, name, "num_groups", kind=kind) for kind in ("exact", "sampled"))
        if exact is not None and sampled is not None:
            at = np.isin(exact.x, sampled.x)
            quotients[name] = (sampled.values**2 / exact.values[:, at] ** 2).mean(axis=1)
    means = {name: mean_of(values) for name, values in quotients.items()}
    confidence = shared(FALSE_ALARM, len(quotients))
    right = [_covers_one(mean_of(values, confidence)) for values in quotients.values()]
    parts = [f"{style_of(name).label}: {with_interval(mean)}" for name, mean in means.items()]
    return Finding(
        "check",
        "The sampled errors lie on the exact curves.",
        ("Mean over bandits and M of (sampled error)^2 over bias^2 + variance / M (95 % interval):", *parts),
        "holds if the interval of every mean holds 1 (Student's over bandits, together with a chance of "
        f"{FALSE_ALARM:g} to miss it anywhere); in part if some do",
        HOLDS if all(right) else IN_PART if any(right) else FAILS,
        {f"square_ratio_{name}": listed(mean) for name, mean in means.items()},
    )


def _covers_one(interval: Interval) -> bool:
    return interval.low - ROUNDING <= 1 <= interval.high + ROUNDING
