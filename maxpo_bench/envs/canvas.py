"""What the pictures share: size, colours, fonts, captions and the strip of the last returns.

They are drawn with Pillow at twice their size and halved at the end, which smooths every edge; lengths are in final
pixels times `PX`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from maxpo_bench.envs.episodes import DEPTH, EpisodeHistory

PX = 2
WIDTH, HEIGHT = 640 * PX, 480 * PX
MARGIN = 20 * PX
HEADER, FOOTER = 62 * PX, 66 * PX

Colour = tuple[int, int, int]
PAPER: Colour = (250, 248, 243)
INK: Colour = (38, 41, 54)
MUTED: Colour = (128, 132, 146)
FAINT: Colour = (226, 222, 213)
RED: Colour = (205, 41, 46)
BLUE: Colour = (1, 115, 178)
ORANGE: Colour = (240, 150, 20)
GREEN: Colour = (2, 158, 115)


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Return Pillow's own font in a size in final pixels."""
    return ImageFont.load_default(size * PX)


def blend(low: Colour, high: Colour, share: float) -> Colour:
    """Return the colour ``share`` (0 .. 1) of the way from ``low`` to ``high``."""
    mixed = [round(a + (b - a) * share) for a, b in zip(low, high, strict=True)]
    return mixed[0], mixed[1], mixed[2]


def freshness(count: int) -> NDArray[np.float64]:
    """Return ``[count]`` weights in (0, 1] for things listed oldest first: the last is 1, the older ones fade."""
    age = np.arange(count - 1, -1, -1)
    return np.maximum(np.power(0.93, age), 0.08)


def number(value: float) -> str:
    """Write a return: whole numbers plainly, others with two decimals."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}"


def draw_header(draw: ImageDraw.ImageDraw, title: str, aside: str, facts: list[tuple[str, str]]) -> float:
    """Draw a title, an aside to its right and a line of (label, value) facts; return where the aside ends."""
    draw.text((MARGIN, 12 * PX), title, font=font(19), fill=INK)
    left = MARGIN + draw.textlength(title, font=font(19)) + 12 * PX
    draw.text((left, 17 * PX), aside, font=font(13), fill=MUTED)
    end = left + draw.textlength(aside, font=font(13))
    left = MARGIN
    for label, value in facts:
        draw.text((left, 38 * PX), label, font=font(13), fill=MUTED)
        left += draw.textlength(label, font=font(13)) + 5 * PX
        draw.text((left, 38 * PX), value, font=font(13), fill=INK)
        left += draw.textlength(value, font=font(13)) + 18 * PX
    return end


def draw_returns(draw: ImageDraw.ImageDraw, history: EpisodeHistory, label: str, low: float, high: float) -> None:
    """Draw the returns of the last episodes as a strip of bars, scaled to ``low .. high``, newest to the right."""
    top, bottom = HEIGHT - FOOTER + 22 * PX, HEIGHT - 12 * PX
    draw.text((MARGIN, HEIGHT - FOOTER + 4 * PX), label, font=font(12), fill=MUTED)
    draw.line([(MARGIN, bottom), (WIDTH - MARGIN, bottom)], fill=FAINT, width=PX)
    if history.count == 0:
        return
    pitch = (WIDTH - 2 * MARGIN) / DEPTH
    heights = (np.clip(history.returns, low, high) - low) / max(high - low, 1e-12) * (bottom - top)
    lefts = MARGIN + pitch * np.arange(len(heights))
    newest = len(heights) - 1
    for index, (left, height) in enumerate(zip(lefts.tolist(), heights.tolist(), strict=True)):
        colour = ORANGE if index == newest else blend(PAPER, BLUE, 0.55)
        draw.rectangle([left, bottom - max(height, PX), left + pitch - 2 * PX, bottom], fill=colour)


def blank() -> Image.Image:
    """Return an empty picture."""
    return Image.new("RGB", (WIDTH, HEIGHT), PAPER)


def as_frame(image: Image.Image) -> NDArray[np.uint8]:
    """Return the picture, halved, as a new array ``[480, 640, 3]``."""
    return np.array(image.reduce(PX), dtype=np.uint8)


def facts(history: EpisodeHistory, count: str, last: str) -> list[tuple[str, str]]:
    """Return (label, value) pairs: how many episodes (label ``count``), the last return (``last``), the best one."""
    pairs = [(count, str(history.count))]
    if history.best is not None:
        pairs += [(last, number(float(history.returns[-1]))), ("best", number(history.best))]
    return pairs
