"""The table's columns: what stands in them, in plain words what it means, and how numbers are written.

The terminal, the Markdown and the page all read this one list, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from maxpo_bench.leaderboard.entry import B95_CAP, PASS_K, Class, Entry, Interval, Leaderboard

NONE = "–"
CLASS_TITLES: dict[Class, str] = {
    "main": "Main table",
    "direction": "Direction only",
    "biased": "Biased",
    "stateful": "Stateful",
    "copy": "Rescaled copies",
    "null": "Null",
}
CLASS_MEANINGS: dict[Class, str] = {
    "main": "The expectation is the max@K gradient, exactly or up to one constant factor.",
    "direction": "The expectation points along the max@K gradient, but its length changes from instance to instance.",
    "biased": "The expectation points elsewhere: these optimise another objective, and never outrank the tables above.",
    "stateful": "Estimators that remember earlier groups: no expectation of a single group to certify; a track apart.",
    "copy": "The same advantages as another entry's, times a positive constant, hence no rank of their own. "
    "Only what depends on the constant or on the code can differ: Certificate, Bias, Maze, Cost.",
    "null": "The expectation is zero: nothing is learnt, nothing is ranked.",
}
KIND_SIGNS = {"exact": "✓", "proportional": "∝", "direction": "↗", "biased": "≠", "uncertified": "?", "null": "∅"}
NOISE_REASON = (
    f"'{NONE}': not defined on all bandits of the suite (binary rewards only), or too noisy for the number of groups"
)
PASS_REASON = f"'{NONE}' until the language-model track has been run"


@dataclass(frozen=True)
class Cell:
    """What stands in one cell: the value, and its interval if it has one."""

    value: str
    interval: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.value} [{self.interval[0]}, {self.interval[1]}]" if self.interval else self.value


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        key: short, unique, of letters and digits.
        heading: what stands on top.
        meaning: one line in plain words.
        cell: what stands in it for an entry.
        priority: a narrow terminal keeps the smallest numbers.
        better: which end is the good one, or None.
        is_numeric: written flush right and sorted by value.
    """

    key: str
    heading: str
    meaning: str
    cell: Callable[[Leaderboard, Entry], Cell]
    priority: int
    better: Literal["low", "high"] | None = None
    is_numeric: bool = True


def format_number(value: float | None) -> str:
    """Write a number to about three digits; ``–`` for None, powers of ten for the very large and very small."""
    if value is None:
        return NONE
    size = abs(value)
    if size == 0:
        return "0"
    if not 9.995e-4 <= size < 99_950:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    if size < 0.0995:
        return f"{value:.2g}"
    return f"{value:.{0 if size >= 99.95 else 1 if size >= 9.995 else 2}f}"


def format_cosine(value: float | None) -> str:
    """Write a cosine with three decimals; what is not quite 1 is never written as 1."""
    if value is None:
        return NONE
    if 1 - 1e-8 > abs(value) > 0.999:
        return "0.999" if value > 0 else "-0.999"
    return f"{value:.3f}"


def format_percent(value: float | None) -> str:
    """Write a share as whole per cent; 99.6 % is not rounded up to all, nor 0.4 % down to nothing."""
    if value is None:
        return NONE
    if 0 < value < 1:
        return f"{min(max(round(100 * value), 1), 99)}%"
    return f"{100 * value:.0f}%"


def format_points(value: float | None) -> str:
    """Write a difference of shares in percentage points, with its sign."""
    return NONE if value is None else f"{100 * value:+.1f}".replace("-", "−")


def format_bias(value: float | None) -> str:
    """Write a relative bias; below the certificate's tolerance of 1e-8 it is rounding error, written 0."""
    return "0" if value is not None and abs(value) < 1e-8 else format_number(value)


def format_ratio(value: float | None) -> str:
    """Write a B95 ratio; at the cap it stands for infinity."""
    return f"≥{B95_CAP:.0f}" if value is not None and value >= B95_CAP else format_number(value)


def format_rank(board: Leaderboard, entry: Entry) -> str:
    """Write a rank: ``1``, ``3–5``, ``= ei`` for a rescaled copy, ``–`` for none."""
    rank = board.ranks[entry.name]
    if entry.klass == "copy":
        return f"= {entry.linked_to}"
    if rank is None:
        return NONE
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}–{rank[1]}"


def columns(board: Leaderboard) -> list[Column]:
    """Return the columns for a board, left to right; pass@k is one column as long as no entry has a value."""
    has_pass = any(value is not None for entry in board.entries for value in entry.pass_at_k.values())
    return [*_FIRST, *(_PASS_EACH if has_pass else _PASS_NONE), *_LAST]


def interval_cell(interval: Interval, write: Callable[[float | None], str] = format_number) -> Cell:
    """Return the cell for a value with an interval."""
    if interval.value is None or interval.low is None or interval.high is None:
        return Cell(write(interval.value))
    return Cell(write(interval.value), (write(interval.low), write(interval.high)))


def _plain(attribute: str, write: Callable[[float | None], str] = format_number) -> Callable[..., Cell]:
    return lambda board, entry: Cell(write(getattr(entry, attribute)))


def _keyed(attribute: str, key: str, write: Callable[[float | None], str]) -> Callable[..., Cell]:
    return lambda board, entry: Cell(write(getattr(entry, attribute)[key]))


def _eta(key: str, groups: str, priority: int) -> Column:
    meaning = f"Share of the exact-gradient step kept when {groups} averaged, mean over instances. 100% is perfect."
    heading = f"η({'∞' if key == 'inf' else key})"
    return Column(f"eta{key}", heading, meaning, _keyed("eta", key, format_percent), priority, "high")


def _pass(key: str, priority: int) -> Column:
    tries = "one try" if key == "1" else f"{key} tries"
    meaning = f"Share of questions solved within {tries} by a language model trained with it; {PASS_REASON}."
    return Column(f"pass{key}", f"pass@{key}", meaning, _keyed("pass_at_k", key, format_percent), priority, "high")


_FIRST = [
    Column(
        "rank",
        "Rank",
        "Place within its own table. '3–5': the bootstrap cannot tell these places apart. '= ei': a rescaled copy of "
        f"ei, without a rank of its own. '{NONE}': not ranked, as a score is missing or the gradient is zero.",
        lambda board, entry: Cell(format_rank(board, entry)),
        0,
        "low",
    ),
    Column(
        "name",
        "Estimator",
        "Name of the built-in estimator or of the submission.",
        lambda board, entry: Cell(entry.name),
        0,
        is_numeric=False,
    ),
    Column(
        "b95",
        "B95",
        "The headline: groups per step needed to keep 95% of the exact-gradient step, relative to ei_l2o (2 = twice as "
        "many), geometric mean over instances with its 95% interval. Lower is better; infinite counts as "
        f"{B95_CAP:.0f}. {NOISE_REASON}.",
        lambda board, entry: interval_cell(entry.b95_ratio, format_ratio),
        0,
        "low",
    ),
    Column(
        "kind",
        "Certificate",
        "What enumerating every outcome of small random bandits shows of its expectation: exact (the max@K gradient), "
        "proportional (up to one constant), direction (the constant varies), biased (points elsewhere), null (zero). "
        "Uncertified: it has a state, so that no such expectation exists.",
        lambda board, entry: Cell(f"{KIND_SIGNS[entry.kind]} {entry.kind}"),
        1,
        is_numeric=False,
    ),
    Column(
        "solved",
        "Solved",
        f"Share of instances where some number of groups is enough to keep 95% of the step. {NOISE_REASON}.",
        _plain("solved", format_percent),
        2,
        "high",
    ),
    Column(
        "learning",
        "Maze",
        "Return on the maze after training: interquartile mean over seeds, with its interval. Higher is better.",
        lambda board, entry: interval_cell(entry.learning),
        3,
        "high",
    ),
    Column(
        "nsr",
        "NSR",
        "Noise over signal, total variance over squared mean, median over instances. Lower is better.",
        lambda board, entry: interval_cell(entry.nsr),
        5,
        "low",
    ),
    Column(
        "variance",
        "Variance",
        "Total variance relative to ei_l2o, after matching the scale. Lower is better only among the unbiased. "
        f"'{NONE}' where the estimator does not point along the gradient on some bandit.",
        lambda board, entry: interval_cell(entry.variance_ratio),
        9,
        "low",
    ),
    Column(
        "bias",
        "Bias",
        "Distance from mean estimate to exact gradient, over the gradient's length, under the declared scale, on the "
        "worst instance of the certificate. 0 is unbiased.",
        _plain("bias", format_bias),
        4,
        "low",
    ),
    Column(
        "cosine",
        "cos",
        "Cosine of mean estimate and exact gradient, median over the certificate's instances.",
        _plain("cosine_median", format_cosine),
        6,
        "high",
    ),
    Column(
        "cosinemin", "cos min", "The same cosine on the worst instance.", _plain("cosine_min", format_cosine), 8, "high"
    ),
    Column(
        "gain",
        "LM gain",
        "pass@64 of the tiny language model trained with it minus that with ei_l2o on the same seeds, in percentage "
        f"points. Higher is better; {PASS_REASON}.",
        lambda board, entry: interval_cell(entry.lm_gain, format_points),
        10,
        "high",
    ),
    _eta("1", "single groups are", 12),
    _eta("16", "16 groups are", 7),
    _eta("256", "256 groups are", 13),
    _eta("inf", "infinitely many groups are", 11),
]
_PASS_EACH = [_pass(key, 4) for key in PASS_K]
_PASS_NONE = [
    Column(
        "pass",
        "pass@k",
        f"Share of questions solved within k = {', '.join(PASS_K)} tries by a language model trained with it; "
        f"{PASS_REASON}.",
        lambda board, entry: Cell(NONE),
        15,
        "high",
    )
]
_LAST = [
    Column(
        "centring",
        "Centring",
        "Mean of a group's advantages over their size. 0 is centred. Says nothing of bias; not ranked.",
        _plain("centring", format_bias),
        16,
        "low",
    ),
    Column("cost", "Cost", "Time per call relative to ei_l2o, one core. Not ranked.", _plain("cost"), 10, "low"),
    Column(
        "status",
        "Status",
        "Built-in or submission; self-run, verified (rerun by somebody else with later seeds), disputed or withdrawn.",
        lambda board, entry: Cell(f"{entry.origin}, {entry.status}"),
        14,
        is_numeric=False,
    ),
]
