"""Pictures of the bandit: arms as bars from worst to best, the last pulls on them, and a policy if one is shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from maxpo_bench.envs.canvas import (
    BLUE,
    FAINT,
    FOOTER,
    HEADER,
    HEIGHT,
    INK,
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

_LEFT, _RIGHT = MARGIN + 30 * PX, WIDTH - MARGIN
_POLICY_HEIGHT = 104 * PX
_MAX_SLOTS = (_RIGHT - _LEFT) // (2 * PX)
_TEXT_ARMS, _TEXT_BAR = 10, 32

Ranges = tuple[NDArray[np.float64], NDArray[np.float64]]


class _Panel:
    """A strip of the picture with a linear y axis and ``slots`` equal places on its x axis."""

    def __init__(self, top: float, bottom: float, low: float, high: float, slots: int) -> None:
        self.top, self.bottom, self._low = top, bottom, low
        self._scale = (bottom - top) / max(high - low, 1e-12)
        self._pitch = (_RIGHT - _LEFT) / slots

    def row(self, value: float) -> float:
        """The y of a value."""
        return self.bottom - (value - self._low) * self._scale

    def column(self, slot: int) -> float:
        """The x of a slot's centre."""
        return _LEFT + (slot + 0.5) * self._pitch

    def bar(self, draw: ImageDraw.ImageDraw, slot: int, value: float, colour: Colour) -> None:
        """Draw a bar from zero to ``value``."""
        gap = min(self._pitch * 0.22, 8.0 * PX) if self._pitch >= 3 * PX else 0.0
        left, right = _LEFT + slot * self._pitch + gap / 2, _LEFT + (slot + 1) * self._pitch - gap / 2
        upper, lower = sorted((self.row(value), self.row(0.0)))
        draw.rectangle([left, upper, max(right - 1, left), lower], fill=colour)


def bandit_frame(
    arm_rewards: NDArray[np.float64],
    history: EpisodeHistory,
    policy: NDArray[np.float64] | None,
    title: str = "Bandit",
    ranges: Ranges | None = None,
) -> NDArray[np.uint8]:
    """Draw the bandit; of very many arms, neighbours in rank share a bar. Outliers are drawn at the panel's edge.

    Args:
        arm_rewards: ``[A]``.
        history: the last pulls: arms as ends, rewards as returns.
        policy: ``[A]``, the shown policy's probabilities, or None.
        title: the bandit's name.
        ranges: ``[A]`` lowest and ``[A]`` highest rewards, drawn as lines, or None.

    Returns:
        An RGB image ``[480, 640, 3]``.
    """
    order = np.argsort(arm_rewards, kind="stable")
    slots = min(arm_rewards.size, _MAX_SLOTS)
    slot_of_rank = np.arange(arm_rewards.size) * slots // arm_rewards.size
    slot_of_arm = slot_of_rank[np.argsort(order)]
    values = np.zeros(slots)
    values[slot_of_rank] = arm_rewards[order]
    low, high = _scale(values, history.returns, ranges)
    bottom = HEIGHT - FOOTER - 10 * PX - (0 if policy is None else _POLICY_HEIGHT)
    image = blank()
    draw = ImageDraw.Draw(image)
    panel = _Panel(HEADER + 14 * PX, bottom, low, high, slots)
    _draw_arms(draw, panel, values, slot_of_arm, history)
    if ranges is not None:
        _draw_ranges(draw, panel, slot_of_arm, ranges)
    _draw_pulls(draw, panel, slot_of_arm, history, low, high)
    _draw_scale(draw, panel, low, high)
    if policy is not None:
        mass = np.bincount(slot_of_arm, weights=policy, minlength=slots).astype(np.float64)
        _draw_policy(
            draw, _Panel(bottom + 34 * PX, bottom + _POLICY_HEIGHT - 4 * PX, 0.0, float(mass.max()), slots), mass
        )
        label = (
            f"policy: P(best arm) {policy[order[-1]]:.3g}, largest {policy.max():.3g}, mean {policy @ arm_rewards:.3g}"
        )
        draw.text((_LEFT, bottom + 12 * PX), label, font=font(12), fill=MUTED)
    optimum = number(float(arm_rewards.max()))
    aside = f"{arm_rewards.size} arms, sorted by mean reward; the best one's is {optimum}"
    draw_header(draw, title, aside, _facts(history))
    strip = f"rewards of the last pulls, {number(low)} to {number(high)}"
    draw_returns(draw, history, strip, low, high)
    return as_frame(image)


def _scale(values: NDArray[np.float64], returns: NDArray[np.float64], ranges: Ranges | None) -> tuple[float, float]:
    """Lowest and highest reward to show: all arms, 0, and the pulls that are no far outliers among the pulls."""
    shown = [np.zeros(1), values, *(ranges or ())]
    if returns.size:
        first, third = np.quantile(returns, [0.25, 0.75])
        fence = 4.0 * (third - first) if third > first else np.inf
        shown.append(np.clip([returns.min(), returns.max()], first - fence, third + fence))
    everything = np.concatenate(shown)
    return float(everything.min()), float(everything.max())


def _draw_arms(
    draw: ImageDraw.ImageDraw,
    panel: _Panel,
    values: NDArray[np.float64],
    slot_of_arm: NDArray[np.int64],
    history: EpisodeHistory,
) -> None:
    for slot, value in enumerate(values.tolist()):
        panel.bar(draw, slot, value, blend(PAPER, INK, 0.32))
    pulled = slot_of_arm[history.ends].tolist()
    if pulled:
        panel.bar(draw, pulled[-1], float(values[pulled[-1]]), ORANGE)


def _draw_ranges(draw: ImageDraw.ImageDraw, panel: _Panel, slot_of_arm: NDArray[np.int64], ranges: Ranges) -> None:
    for slot, low, high in zip(slot_of_arm.tolist(), ranges[0].tolist(), ranges[1].tolist(), strict=True):
        if low < high:
            x = panel.column(slot)
            draw.line([(x, panel.row(low)), (x, panel.row(high))], fill=BLUE, width=PX)
            for y in (panel.row(low), panel.row(high)):
                draw.line([(x - 4 * PX, y), (x + 4 * PX, y)], fill=BLUE, width=PX)


def _draw_pulls(
    draw: ImageDraw.ImageDraw,
    panel: _Panel,
    slot_of_arm: NDArray[np.int64],
    history: EpisodeHistory,
    low: float,
    high: float,
) -> None:
    pulled = slot_of_arm[history.ends].tolist()
    rewards = np.clip(history.returns, low, high).tolist()
    for slot, reward, weight in zip(pulled, rewards, freshness(len(pulled)).tolist(), strict=True):
        x, y, radius = panel.column(slot), panel.row(reward), (2.2 + 2.0 * weight) * PX
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=blend(PAPER, RED, 0.25 + 0.75 * weight))


def _draw_scale(draw: ImageDraw.ImageDraw, panel: _Panel, low: float, high: float) -> None:
    draw.line([(_LEFT, panel.row(0.0)), (_RIGHT, panel.row(0.0))], fill=MUTED, width=PX)
    last = -np.inf
    for value in (0.0, high, low):
        y = panel.row(value)
        if abs(y - last) > 14 * PX or value == 0.0:
            draw.text((_LEFT - 6 * PX, y), number(value), font=font(12), fill=MUTED, anchor="rm")
        last = panel.row(0.0)


def _draw_policy(draw: ImageDraw.ImageDraw, panel: _Panel, mass: NDArray[np.float64]) -> None:
    for slot, probability in enumerate(mass.tolist()):
        panel.bar(draw, slot, probability, BLUE)
    draw.line([(_LEFT, panel.bottom), (_RIGHT, panel.bottom)], fill=FAINT, width=PX)
    draw.text((_LEFT - 6 * PX, panel.top), f"{mass.max():.2g}", font=font(12), fill=MUTED, anchor="rm")


def _facts(history: EpisodeHistory) -> list[tuple[str, str]]:
    last = [("last arm", str(int(history.ends[-1])))] if history.count else []
    return [*last, *facts(history, "pulls", "last reward")]


def bandit_text(
    arm_rewards: NDArray[np.float64],
    history: EpisodeHistory,
    policy: NDArray[np.float64] | None,
    title: str = "Bandit",
) -> str:
    """Draw the best arms and the last one pulled as lines of text.

    Args:
        arm_rewards: ``[A]``.
        history: the last pulls: arms as ends, rewards as returns.
        policy: ``[A]``, the shown policy's probabilities, or None.
        title: the bandit's name.
    """
    ranking = np.argsort(-arm_rewards, kind="stable")
    last = int(history.ends[-1]) if history.count else None
    pairs = [("arms", str(arm_rewards.size)), *_facts(history)]
    lines = [f"{title}: " + ", ".join(f"{label} {value}" for label, value in pairs)]
    shown = ranking[:_TEXT_ARMS].tolist()
    if last is not None and last not in shown:
        shown.append(last)
    scale = max(float(np.abs(arm_rewards).max()), 1e-12)
    for arm in shown:
        bar = "█" * max(1, round(float(abs(arm_rewards[arm])) / scale * _TEXT_BAR))
        share = "" if policy is None else f" p={policy[arm]:.3f}"
        mark = " ◀ last" if arm == last else ""
        lines.append(f"  arm {arm:5d} {arm_rewards[arm]:8.3f}{share} {bar}{mark}")
    hidden = arm_rewards.size - len(shown)
    return "\n".join(lines + ([f"  and {hidden} more"] if hidden else [])) + "\n"
