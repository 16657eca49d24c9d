"""The page of a film: a title and a caption over each agent's picture, and the values so far as curves below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from maxpo_bench.envs.canvas import FAINT, INK, MUTED, PAPER, PX, Colour, blend, font, number
from maxpo_bench.plots.film_play import Picture, Scene

WIDTH, HEIGHT = 640, 480
"""Size of one agent's picture in pixels; others are fitted into it."""
HEADER, CURVES = 34, 130
MAX_AGENTS = 4
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 20, 26, 20
_DASH = 7 * PX


@dataclass(frozen=True)
class Lane:
    """One agent's place in the film.

    Attributes:
        title: its name.
        color: hexadecimal colour of its name and its curves.
        scenes: what has been shown of it so far, at least one.
    """

    title: str
    color: str
    scenes: Sequence[Scene]


def page(lanes: Sequence[Lane], iterations: int, optimum: float | None) -> Picture:
    """Compose one frame: the agents' last scenes side by side (four in two rows), all scenes' values as curves.

    Args:
        lanes: the agents, 1 to `MAX_AGENTS`.
        iterations: of the whole film, the right end of the curves.
        optimum: highest expected return, None where it is not known.

    Returns:
        An RGB image ``[height, width, 3]`` with an even height and width.
    """
    columns = 2 if len(lanes) == MAX_AGENTS else len(lanes)
    rows = -(-len(lanes) // columns)
    size = columns * WIDTH, rows * (HEADER + HEIGHT) + CURVES
    image = Image.new("RGB", size, PAPER)
    for place, lane in enumerate(lanes):
        left, top = place % columns * WIDTH, place // columns * (HEADER + HEIGHT)
        image.paste(_heading(lane), (left, top))
        picture = _fitted(lane.scenes[-1].picture)
        image.paste(picture, (left + (WIDTH - picture.width) // 2, top + HEADER + (HEIGHT - picture.height) // 2))
    image.paste(_curves(lanes, iterations, optimum, size[0]), (0, size[1] - CURVES))
    return np.array(image, dtype=np.uint8)


def _fitted(picture: Picture) -> Image.Image:
    """Return a picture that is no larger than a lane."""
    image = Image.fromarray(picture)
    scale = min(WIDTH / image.width, HEIGHT / image.height)
    if scale >= 1.0:
        return image
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def _heading(lane: Lane) -> Image.Image:
    """The agent's name in its colour, and the numbers of its last scene."""
    image = Image.new("RGB", (WIDTH * PX, HEADER * PX), PAPER)
    draw = ImageDraw.Draw(image)
    last, baseline = lane.scenes[-1], 26 * PX
    draw.text((20 * PX, baseline), lane.title, font=font(20), fill=lane.color, anchor="ls")
    left = max(20 * PX + draw.textlength(lane.title, font=font(20)) + 18 * PX, 216.0 * PX)
    for label, value in _facts(last):
        draw.text((left, baseline), label, font=font(13), fill=MUTED, anchor="ls")
        left += draw.textlength(label, font=font(13)) + 5 * PX
        draw.text((left, baseline), value, font=font(15), fill=INK, anchor="ls")
        left += max(draw.textlength(value, font=font(15)), 28 * PX) + 12 * PX
    return image.reduce(PX)


def _facts(last: Scene) -> list[tuple[str, str]]:
    pairs = [("iteration", str(last.iteration)), ("return", number(last.episode_return))]
    if last.value is not None:
        pairs.append(("expected", f"{last.value:.2f}"))
    if last.best_of_k is not None and last.k > 1:
        pairs.append((f"max@{last.k}", f"{last.best_of_k:.2f}"))
    return pairs


@dataclass(frozen=True)
class _Axes:
    """Linear axes in pixels at `PX` times the final size."""

    width: int
    iterations: int
    low: float
    high: float

    def at(self, iteration: float, value: float) -> tuple[float, float]:
        """The point of a value."""
        span = (self.width - _LEFT - _RIGHT) * PX
        x = _LEFT * PX + span * iteration / max(self.iterations, 1)
        height = (CURVES - _TOP - _BOTTOM) * PX
        return x, (CURVES - _BOTTOM) * PX - height * (value - self.low) / (self.high - self.low)


def _curves(lanes: Sequence[Lane], iterations: int, optimum: float | None, width: int) -> Image.Image:
    """All agents' values over iterations: expected return solid, max@K dashed; played returns where none is exact."""
    is_exact = all(scene.value is not None for lane in lanes for scene in lane.scenes)
    solid = [[(each.iteration, _shown(each, is_exact)) for each in lane.scenes] for lane in lanes]
    dashed = [
        [(each.iteration, each.best_of_k) for each in lane.scenes if is_exact and each.best_of_k is not None]
        for lane in lanes
        if lane.scenes[-1].k > 1
    ]
    values = [value for line in [*solid, *dashed] for _, value in line]
    axes = _Axes(width, iterations, *_limits(values, optimum))
    image = Image.new("RGB", (width * PX, CURVES * PX), PAPER)
    draw = ImageDraw.Draw(image)
    _scale(draw, axes, _label(is_exact, lanes, optimum))
    for lane, line in zip([lane for lane in lanes if lane.scenes[-1].k > 1], dashed, strict=True):
        _dashed(draw, [axes.at(*point) for point in line], _pale(lane.color))
    for lane, line in zip(lanes, solid, strict=True):
        points = [axes.at(*point) for point in line]
        if len(points) > 1:
            draw.line(points, fill=lane.color, width=round(2.2 * PX), joint="curve")
        x, y = points[-1]
        radius = 4 * PX
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=lane.color, outline=PAPER, width=PX)
    return image.reduce(PX)


def _shown(scene: Scene, is_exact: bool) -> float:
    return scene.value if is_exact and scene.value is not None else scene.episode_return


def _label(is_exact: bool, lanes: Sequence[Lane], optimum: float | None) -> str:
    if not is_exact:
        return "return of the episode played"
    sizes = sorted({lane.scenes[-1].k for lane in lanes} - {1})
    dashed = f"; dashed: max@{sizes[0]}" if len(sizes) == 1 else "; dashed: max@K" if sizes else ""
    best = "" if optimum is None else f"; optimum: {number(optimum)}"
    return f"exact expected return of the policy{dashed}{best}"


def _limits(values: Sequence[float], optimum: float | None) -> tuple[float, float]:
    """Return round ends that hold all values and 0, so that the axis moves seldom; none beyond the optimum."""
    low, high = min(0.0, *values), max(0.0, *values)
    top = _round_up(high) if high > 0 or low == 0 else 0.0
    if optimum is not None and max(high, 0.0) < optimum < top:
        top = optimum
    return (-_round_up(-low) if low < 0 else 0.0), top


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-6)))
    return float(next(step * power for step in (1.0, 2.0, 5.0, 10.0) if value <= step * power * (1 + 1e-12)))


def _scale(draw: ImageDraw.ImageDraw, axes: _Axes, label: str) -> None:
    draw.text((_LEFT * PX, 6 * PX), label, font=font(12), fill=MUTED)
    for value in dict.fromkeys((axes.low, 0.0, (axes.low + axes.high) / 2, axes.high)):
        start, end = axes.at(0, value), axes.at(axes.iterations, value)
        draw.line([start, end], fill=MUTED if value == 0 else FAINT, width=PX)
        draw.text((start[0] - 6 * PX, start[1]), f"{value:.4g}", font=font(12), fill=MUTED, anchor="rm")
    below = (CURVES - _BOTTOM + 3) * PX
    for share, anchor in ((0.0, "la"), (0.5, "ma"), (1.0, "ra")):
        iteration = round(share * axes.iterations)
        text = f"iteration {iteration}" if share == 0 else str(iteration)
        draw.text((axes.at(iteration, 0.0)[0], below), text, font=font(12), fill=MUTED, anchor=anchor)


def _dashed(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: Colour) -> None:
    """Draw a polyline in dashes of equal length along it."""
    drawn = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        length = float(np.hypot(x1 - x0, y1 - y0))
        edges = np.arange(np.ceil(drawn / _DASH) * _DASH, drawn + length, _DASH) - drawn
        shares = [0.0, *(edges / max(length, 1e-9)).tolist(), 1.0]
        for start, end in pairwise(shares):
            if int((drawn + (start + end) / 2 * length) // _DASH) % 2 == 0:
                ends = [(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share) for share in (start, end)]
                draw.line(ends, fill=colour, width=round(1.5 * PX))
        drawn += length


def _pale(color: str) -> Colour:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return blend(PAPER, (red, green, blue), 0.65)
