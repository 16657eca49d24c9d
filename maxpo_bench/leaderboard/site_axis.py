"""The small logarithmic axis on which the page draws the headline score's intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from maxpo_bench.leaderboard.columns import format_ratio
from maxpo_bench.leaderboard.entry import B95_CAP, Entry, Interval

WIDTH = 120
_MARGIN = 12
_MIDDLE = 9


@dataclass(frozen=True)
class LogAxis:
    """A logarithmic axis of `WIDTH` pixels.

    Args:
        low: the ratio at its left end, > 0.
        high: the ratio at its right end.
        is_empty: there is nothing to draw on it.
    """

    low: float
    high: float
    is_empty: bool = False

    @classmethod
    def over(cls, entries: Iterable[Entry]) -> LogAxis:
        """Return an axis that shows every interval, and the reference 1 with some room around it."""
        scores = [entry.b95_ratio for entry in entries]
        ends = [end for score in scores for end in (score.low, score.value, score.high) if end is not None and end > 0]
        return cls(
            min([0.8, *(0.95 * end for end in ends)]), max([2.2, *(min(end, B95_CAP) for end in ends)]), not ends
        )

    def x(self, ratio: float) -> int:
        """Return the pixel of a ratio; what lies outside is drawn at the end."""
        inside = min(max(ratio, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return round(_MARGIN + share * (WIDTH - 2 * _MARGIN))

    def ticks(self) -> list[float]:
        """Return up to four round ratios on the axis, 1 among them."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps, stride in (((1, 2, 5), 1), ((1,), 1), ((1,), 2), ((1,), 3)):
            ticks = [step * 10.0**decade for decade in decades if decade % stride == 0 for step in steps]
            inside = [tick for tick in ticks if self.low <= tick <= self.high * 1.001]
            if len(inside) <= 4:
                return inside
        return [1.0]

    def scale(self) -> str:
        """Return the axis' ticks and labels as SVG, for the head of the column; nothing for an empty axis."""
        if self.is_empty:
            return ""
        parts = [
            f'<text x="{self.x(tick)}" y="10">{_tick_text(tick)}</text><path d="M{self.x(tick)},14v5"/>'
            for tick in self.ticks()
        ]
        return f'<svg aria-hidden="true">{"".join(parts)}</svg>'

    def bar(self, score: Interval) -> str:
        """Return one score as SVG: a line over the interval with a dot at the value, an arrow at the cap.

        The dot is the marker of the line's middle point, which the style sets: so that 500 rows stay light.
        """
        if score.value is None:
            return ""
        at = self.x(score.value)
        low, high = (self.x(score.value if end is None else end) for end in (score.low, score.high))
        if score.value >= B95_CAP:
            return f"<svg><path d=M{low},{_MIDDLE}H{at}m-4-4l4,4l-4,4 class=cap /></svg>"
        return f"<svg><path d=M{low},{_MIDDLE}H{at}H{high} /></svg>"


def _tick_text(tick: float) -> str:
    return f"{tick:g}" if tick < B95_CAP else format_ratio(tick)
