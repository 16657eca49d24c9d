"""From long frames to curves: which columns a figure needs, and the mean with its interval at each x."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Band = Literal["interval", "error"]
"""What a band shows: Student's 95 % interval of the mean, or one standard error on either side."""
Frame = Any
"""A pandas DataFrame. Its published types make every indexing a union of a dozen types, so it goes unchecked."""


@dataclass(frozen=True)
class Curve:
    """A mean curve and its band.

    Attributes:
        x: `[X]` ascending.
        mean: `[X]` mean over units (instances or seeds).
        low: `[X]` lower end of the band; the mean itself where there is one unit only.
        high: `[X]` upper end.
        units: the most units at any x.
    """

    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    units: int


def as_frame(data: Any, figure: str, columns: Sequence[str]) -> Frame:
    """Return `data` as a frame that has `columns` and at least one row.

    Args:
        data: a DataFrame, or what `pandas.DataFrame` takes (a list of records, a mapping of columns).
        figure: name of the figure, for messages.
        columns: needed ones.

    Raises:
        ValueError: no rows, or missing columns, named in the message.
    """
    import pandas as pd

    frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(data)
    missing = [column for column in columns if column not in frame.columns]
    if frame.empty:
        raise ValueError(f"figure {figure!r} got no rows: it needs columns {', '.join(columns)}")
    if missing:
        raise ValueError(
            f"figure {figure!r} lacks column{'s' * (len(missing) > 1)} {', '.join(missing)}: "
            f"it needs {', '.join(columns)} and got {', '.join(map(str, frame.columns))}"
        )
    return frame


def require_finite(frame: Frame, figure: str, column: str) -> None:
    """Raise ValueError if no value of the column is finite."""
    if not np.isfinite(frame[column].to_numpy(dtype=np.float64)).any():
        raise ValueError(f"figure {figure!r}: column {column} has no finite value in {len(frame)} rows")


def curve(frame: Frame, x: str, value: str, unit: str, *, band: Band = "interval", on_log_axis: bool = True) -> Curve:
    """Return the mean over units with its band at each x; missing and infinite values are left out.

    Args:
        frame: one series' rows.
        x: column of the horizontal axis.
        value: column of the vertical axis.
        unit: column that tells the independent repetitions apart (instance or seed).
        band: "interval" for a 95 % interval of the mean, "error" for one standard error on either side.
        on_log_axis: see `mean_interval`.
    """
    finite = frame[np.isfinite(frame[value].to_numpy(dtype=np.float64))]
    table = finite.pivot_table(index=x, columns=unit, values=value, aggfunc="mean").sort_index()
    values = table.to_numpy(dtype=np.float64)
    low, mean, high = mean_interval(values, band, on_log_axis=on_log_axis)
    return Curve(table.index.to_numpy(dtype=np.float64), mean, low, high, int(np.isfinite(values).sum(axis=1).max()))


def mean_interval(
    values: Floats, band: Band = "interval", *, on_log_axis: bool = True
) -> tuple[Floats, Floats, Floats]:
    """Return (low, mean, high) of the mean over the last axis and its band, NaN left out.

    Where it may stand on a logarithmic axis, a lower end of positive values that would not be positive is the smallest
    of them.
    """
    from scipy.stats import t

    count = np.isfinite(values).sum(axis=-1)
    mean = np.nanmean(values, axis=-1)
    deviation = np.sqrt(np.nansum((values - mean[..., None]) ** 2, axis=-1) / np.maximum(count - 1, 1))
    width = t.ppf(0.975, np.maximum(count - 1, 1)) if band == "interval" else 1.0
    half = np.where(count > 1, width * deviation / np.sqrt(count), 0.0)
    low = mean - half
    if not on_log_axis:
        return low, mean, mean + half
    smallest = np.nanmin(values, axis=-1)
    return np.where((low <= 0) & (smallest > 0), smallest, low), mean, mean + half


def ratio_frame(frame: Frame, reference: str, keys: Sequence[str]) -> Frame:
    """Divide every estimator's value by the reference estimator's in the same cell of `keys`.

    Raises:
        ValueError: the reference estimator has no rows.
    """
    base = frame[frame["estimator"] == reference]
    if base.empty:
        known = ", ".join(sorted(map(str, frame["estimator"].unique())))
        raise ValueError(
            f"no rows of the reference estimator {reference!r}: add them, or set reference= to one of {known}"
        )
    base = base.groupby(list(keys), as_index=False)["value"].mean().rename(columns={"value": "reference_value"})
    merged = frame.merge(base, on=list(keys), how="inner")
    merged["value"] = merged["value"] / merged["reference_value"]
    return merged[np.isfinite(merged["value"])]


def count_text(numbers: Iterable[int], noun: str) -> str:
    """Return "5 seeds" if all numbers are 5, "3-5 seeds" if they differ, "1 seed" for one."""
    low, high = min(numbers := list(numbers)), max(numbers)
    return f"{low}-{high} {noun}s" if low != high else f"{low} {noun}{'s' * (low != 1)}"
