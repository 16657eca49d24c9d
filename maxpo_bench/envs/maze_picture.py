"""Pictures of the maze: the red path folded to fit, its dead ends, the agent, and where the last episodes ended."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from maxpo_bench.envs.canvas import (
    BLUE,
    FOOTER,
    GREEN,
    HEADER,
    HEIGHT,
    MARGIN,
    MUTED,
    ORANGE,
    PAPER,
    PX,
    RED,
    WIDTH,
    Colour,
    as_frame,
    blank,
    blend,
    draw_header,
    draw_returns,
    facts,
    font,
    freshness,
    number,
)
from maxpo_bench.envs.episodes import EpisodeHistory
from maxpo_bench.envs.maze_layout import MazeLayout

ROCK: Colour = (58, 62, 78)
FLOOR: Colour = (247, 243, 235)
GOLD: Colour = (255, 209, 70)
PALE_RED: Colour = (236, 168, 160)
_ROW_PITCH = 2.1  # in columns: rows are further apart, for the dead ends between them
_MAX_PITCH = 56.0 * PX
_TEXT_COLUMNS = 64
_NUMBERED_PITCH = 24.0 * PX
_DIGITS = string.digits + string.ascii_lowercase
# of the actions 0, 2, 3, ...: none is that of the path, the agent, or an end
_ACTION_COLOURS: list[Colour] = [ROCK, (128, 62, 165), (0, 128, 128), (190, 40, 130), (110, 116, 0), (120, 70, 40)]


class Geometry(NamedTuple):
    """Where things are, in pixels: the path's points ``[length + 1, 2]`` (goal included) and the tips of dead ends."""

    points: NDArray[np.float64]
    tips: NDArray[np.float64]
    pitch: float


def geometry(layout: MazeLayout) -> Geometry:
    """Fold the path into rows, every other one backwards, as large as fits."""
    width, height = WIDTH - 2.0 * MARGIN, float(HEIGHT - HEADER - FOOTER)
    cells = layout.length + 1
    columns = max(1, math.ceil(math.sqrt(cells * _ROW_PITCH * width / height)))
    rows = math.ceil(cells / columns)
    pitch = min(width / (columns + 2.0), height / ((rows + 0.3) * _ROW_PITCH), _MAX_PITCH)
    index = np.arange(cells)
    row, column = index // columns, index % columns
    column = np.where(row % 2 == 1, columns - 1 - column, column)
    used = min(columns, cells)
    left = (WIDTH - used * pitch) / 2 + pitch / 2
    top = HEADER + (height - rows * pitch * _ROW_PITCH) / 2 + pitch * 0.8
    points = np.stack([left + column * pitch, top + row * pitch * _ROW_PITCH], axis=1).astype(np.float64)
    reach = pitch * np.where(layout.dead_end_lengths == 2, 1.2, 0.75)
    sideways = np.stack([np.where(row % 2 == 1, -1.0, 1.0), np.zeros(cells)], axis=1)[:-1]
    turns = np.diff(row)[:, None] == 1  # the path itself goes down there
    tips = points[:-1] + reach[:, None] * np.where(turns, sideways, [0.0, 1.0])
    return Geometry(points, tips, pitch)


@lru_cache(maxsize=8)
def _map(layout: MazeLayout) -> tuple[Geometry, Image.Image]:
    """The part of the picture that never changes: rock, corridors, path, marks where the correct action is 0."""
    shape, image = geometry(layout), blank()
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle([6 * PX, HEADER, WIDTH - 6 * PX - 1, HEIGHT - FOOTER], radius=8 * PX, fill=ROCK)
    path = [tuple(point) for point in shape.points.tolist()]
    floor = max(2, round(shape.pitch * 0.5))
    for point, tip in zip(path[:-1], shape.tips.tolist(), strict=True):
        draw.line([point, tuple(tip)], fill=blend(ROCK, FLOOR, 0.45), width=floor)
    draw.line(path, fill=FLOOR, width=max(3, round(shape.pitch * 0.62)), joint="curve")
    draw.line(path, fill=PALE_RED, width=max(1, round(shape.pitch * 0.24)), joint="curve")
    _dot(draw, path[0], shape.pitch * 0.3, FLOOR)
    return shape, image


def _dot(draw: ImageDraw.ImageDraw, centre: Iterable[float], radius: float, colour: Colour) -> None:
    x, y = centre
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def _goal_radius(shape: Geometry) -> float:
    return max(4.5 * PX, shape.pitch * 0.34)


def _draw_goal(draw: ImageDraw.ImageDraw, shape: Geometry) -> None:
    (x, y), radius = shape.points[-1].tolist(), _goal_radius(shape)
    corners = [(radius * (1.0 if i % 2 == 0 else 0.45), math.pi * (i / 5 - 0.5)) for i in range(10)]
    _dot(draw, (x, y), radius * 1.3, ROCK)
    draw.polygon([(x + r * math.cos(a), y + r * math.sin(a)) for r, a in corners], fill=GOLD)


def _draw_marks(draw: ImageDraw.ImageDraw, layout: MazeLayout, shape: Geometry) -> None:
    """Mark the states in which the habit is wrong: which action is right shows by colour and, with room, by number."""
    has_numbers = layout.num_actions > 2 and shape.pitch >= _NUMBERED_PITCH
    radius = max(1.4 * PX, shape.pitch * (0.26 if has_numbers else 0.17))
    for state in np.flatnonzero(layout.correct_actions != 1).tolist():
        point, action = shape.points[state].tolist(), int(layout.correct_actions[state])
        _dot(draw, point, radius, _action_colour(action))
        if has_numbers:
            draw.text(tuple(point), str(action), font=font(max(8, round(radius / PX * 1.2))), fill=PAPER, anchor="mm")


def _action_colour(action: int) -> Colour:
    return _ACTION_COLOURS[max(action - 1, 0) % len(_ACTION_COLOURS)]


def _position(layout: MazeLayout, shape: Geometry, state: int, steps: int) -> tuple[float, float]:
    """The agent's place: on the path, at the goal, halfway into a dead end, or at the tip of the one it died in."""
    if state <= layout.goal:
        x, y = shape.points[state]
    elif state == layout.wall:
        x, y = shape.tips[steps]
    else:
        x, y = (shape.points[steps] + shape.tips[steps]) / 2
    return float(x), float(y)


def _draw_ends(draw: ImageDraw.ImageDraw, layout: MazeLayout, shape: Geometry, history: EpisodeHistory) -> None:
    size = max(3.0 * PX, shape.pitch * 0.22)
    width = max(round(1.2 * PX), round(shape.pitch * 0.1))
    for steps, weight in zip(history.ends.tolist(), freshness(len(history.ends)), strict=True):
        colour = blend(ROCK, ORANGE, 0.3 + 0.7 * float(weight))
        if steps == layout.length:
            _dot(draw, shape.points[-1], 1.7 * _goal_radius(shape), colour)
            continue
        x, y = shape.tips[steps]
        draw.line([(x - size, y - size), (x + size, y + size)], fill=colour, width=width)
        draw.line([(x - size, y + size), (x + size, y - size)], fill=colour, width=width)


def _draw_policy(draw: ImageDraw.ImageDraw, shape: Geometry, success: NDArray[np.float64]) -> None:
    """Paint each step of the path by the probability of taking it: pale where it fails, green where it is sure."""
    width = max(2, round(shape.pitch * 0.62))
    points = shape.points.tolist()
    for state, probability in enumerate(success.tolist()):
        segment = [tuple(points[state]), tuple(points[state + 1])]
        draw.line(segment, fill=blend((225, 196, 190), GREEN, probability), width=width)


def maze_frame(
    layout: MazeLayout,
    state: int,
    steps: int,
    history: EpisodeHistory,
    success: NDArray[np.float64] | None,
    title: str = "Maze",
    episode_return: float | None = None,
) -> NDArray[np.uint8]:
    """Draw the maze.

    Args:
        layout: the maze.
        state: where the agent is.
        steps: the episode's correct steps so far, which is how far along the path it came.
        history: the last episodes: their correct steps as ends.
        success: ``[length]``, the shown policy's probability of a step forward, or None.
        title: the maze's name.
        episode_return: the episode's return so far, if not the same as ``steps``.

    Returns:
        An RGB image ``[480, 640, 3]``.
    """
    shape, background = _map(layout)
    image = background.copy()
    draw = ImageDraw.Draw(image)
    if success is not None:
        _draw_policy(draw, shape, success)
    walked = [tuple(point) for point in shape.points[: steps + 1].tolist()]
    if steps > 0:
        draw.line(walked, fill=RED, width=max(2, round(shape.pitch * 0.24)), joint="curve")
    _draw_marks(draw, layout, shape)
    _draw_ends(draw, layout, shape, history)
    _draw_goal(draw, shape)
    agent = _position(layout, shape, state, steps)
    radius = max(4.0 * PX, shape.pitch * 0.3)
    _dot(draw, agent, radius + max(1.5 * PX, radius * 0.25), PAPER)
    _dot(draw, agent, radius, BLUE)
    _draw_captions(draw, layout, _facts(steps, episode_return, history), history, title)
    return as_frame(image)


def _facts(steps: int, episode_return: float | None, history: EpisodeHistory) -> list[tuple[str, str]]:
    pairs = [("steps", str(steps))]
    if episode_return is not None and episode_return != steps:
        pairs.append(("return", number(episode_return)))
    return [*pairs, *facts(history, "episodes", "last return")]


def _draw_captions(
    draw: ImageDraw.ImageDraw,
    layout: MazeLayout,
    pairs: list[tuple[str, str]],
    history: EpisodeHistory,
    title: str,
) -> None:
    ones, others = int((layout.correct_actions == 1).sum()), np.delete(np.arange(layout.num_actions), 1).tolist()
    aside = f"{layout.length} steps to the star, action 1 is right in {ones}; "
    if len(others) == 1:
        draw_header(draw, title, aside + "action 0 at the dots", pairs)
    elif len(others) > len(_ACTION_COLOURS):
        draw_header(draw, title, aside + "others at the dots", pairs)
    else:
        left = draw_header(draw, title, aside + "at the dots", pairs) + 14 * PX
        for action in others:
            _dot(draw, (left, 25 * PX), 4.5 * PX, _action_colour(action))
            draw.text((left + 8 * PX, 17 * PX), str(action), font=font(13), fill=MUTED)
            left += 26 * PX
    scale = max(history.best or 0.0, 1.0)
    label = (
        f"returns of the last episodes (full height: {number(scale)}); crosses and the star's ring: where they ended"
    )
    draw_returns(draw, history, label, 0.0, scale)


def maze_text(
    layout: MazeLayout,
    state: int,
    steps: int,
    history: EpisodeHistory,
    success: NDArray[np.float64] | None,
    title: str = "Maze",
    episode_return: float | None = None,
) -> str:
    """Draw the maze in lines of 64 states.

    A ─ stands where action 1 is right and a ┼ where action 0 is; ━ and ╋ where the agent has walked; x where the last
    episodes ended; ● is the agent and ★ the goal. With more than two actions the right one's digit, 0 to z, stands for
    ┼ and ╋, as far as digits go.

    Args:
        layout: the maze.
        state: where the agent is.
        steps: the episode's correct steps so far.
        history: the last episodes: their correct steps as ends.
        success: ``[length]``, the shown policy's probability of a step forward, or None.
        title: the maze's name.
        episode_return: the episode's return so far, if not the same as ``steps``.
    """
    is_one = layout.correct_actions == 1
    glyphs = np.append(np.where(is_one, "─", "┼"), "★")
    glyphs[:steps] = np.where(is_one[:steps], "━", "╋")
    if layout.num_actions > 2:
        for index in np.flatnonzero(~is_one & (layout.correct_actions < len(_DIGITS))).tolist():
            glyphs[index] = _DIGITS[layout.correct_actions[index]]
    glyphs[history.ends[history.ends < layout.length]] = "x"
    glyphs[steps] = "●"
    pairs = _facts(steps, episode_return, history)
    if success is not None:
        pairs.append(("policy's expected return", f"{np.cumprod(success).sum():.2f}"))
    where = {layout.wall: " (dead)", layout.goal: " (at the goal)"}.get(
        state, " (in a dead end)" if state > layout.wall else ""
    )
    lines = [f"{title} of {layout.length} steps{where}: " + ", ".join(f"{label} {value}" for label, value in pairs)]
    for start in range(0, layout.length + 1, _TEXT_COLUMNS):
        lines.append(f"{start:6d} {''.join(glyphs[start : start + _TEXT_COLUMNS])}")
    return "\n".join(lines) + "\n"
