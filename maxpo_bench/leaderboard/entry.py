"""What one row of the leaderboard holds, and how rows are put in order.

Everything here is data: frozen, checked when it is made, and equal to itself after a trip through JSON. A score that
could not be had is ``None``; NaN and infinity are refused: JSON has neither, and a table must not invent a number.
"""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from maxpo_bench.leaderboard.checks import check_keys, check_line, check_text, finite, json_object, number, number_table
from maxpo_bench.leaderboard.source import TRACKS
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.registry import suggest

Class = Literal["main", "direction", "biased", "stateful", "copy", "null"]
Rank = tuple[int, int]
Order = tuple[bool, float, str]

B95_CAP = 1000.0
SCHEMA = 2
CLASSES: tuple[Class, ...] = ("main", "direction", "biased", "stateful", "copy", "null")
CLASS_OF_KIND: dict[str, Class] = {
    "exact": "main",
    "proportional": "main",
    "direction": "direction",
    "biased": "biased",
    "uncertified": "stateful",
    "null": "null",
}
ETA_GROUPS = ("1", "16", "256", "inf")
PASS_K = ("1", "4", "16", "64")

_CHOICES: dict[str, Sequence[str]] = {
    "origin": ("built-in", "submission"),
    "status": ("self-run", "verified", "disputed", "withdrawn"),
    "kind": tuple(CLASS_OF_KIND),
    "scale": ("K/n", "1"),
    "domain": ("real", "binary"),
    "track": TRACKS,
    "sandbox": ("none", "basic", "strict"),
}
_LINES = ("name", "title")
_TEXTS = ("summary", "paper", "equation", "authors", "licence", "submission_hash")
_NUMBERS = ("solved", "cosine_min", "cosine_median", "bias", "centring", "cost", "learning_rate")
_INTERVALS = ("b95_ratio", "nsr", "variance_ratio", "learning", "lm_gain")


@dataclass(frozen=True)
class Interval:
    """A score with its interval; ``None`` for what is not known.

    Args:
        value: the point estimate. It need not lie inside the interval: a percentile bootstrap does not promise that.
        low: lower end.
        high: upper end.

    Raises:
        ValueError: a number is not finite, or the ends are the wrong way round.
        TypeError: something is not a number.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, number(getattr(self, name), f"interval {name}"))
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"interval ends are the wrong way round: low={self.low} > high={self.high}")

    @classmethod
    def of(cls, value: float | None, low: float | None = None, high: float | None = None) -> Self:
        """Make an interval from numbers that may be NaN or infinite: those become None."""
        return cls(finite(value), finite(low), finite(high))

    def to_dict(self) -> dict[str, float | None]:
        """Return the JSON form."""
        return {"value": self.value, "low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "interval") -> Self:
        """Read the JSON form.

        Raises:
            ValueError: a key is missing or unknown, or a number is not finite.
            TypeError: something is not a number.
        """
        check_keys(data, ("value", "low", "high"), where)
        return cls(**data)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One estimator's row on one suite.

    Args:
        name: unique within a table; one line of visible characters.
        title: for people, one line.
        summary: one or two sentences.
        suite: name of a suite in `SUITES`; tables of different suites are never mixed.
        origin: ``built-in`` or ``submission``.
        status: ``self-run``, ``verified`` (rerun by somebody else with later seeds), ``disputed`` or ``withdrawn``.
        kind: the certificate: ``exact``, ``proportional``, ``direction``, ``biased`` or ``null``; ``uncertified`` for
            an estimator with a state, whose expectation on single groups does not exist.
        track: ``stateless`` (the answer to a group depends on nothing else) or ``stateful``.
        linked_to: name of the entry of which this is a rescaled copy; such an entry stands among the copies, unranked.
        b95_ratio: the headline. Groups per step needed for 95 % of the exact-gradient step, relative to ``ei_l2o``,
            geometric mean over instances; lower is better; infinite is capped at `B95_CAP`.
        solved: share of instances with a finite B95, in [0, 1].
        nsr: trace of the covariance over the squared norm of the mean gradient, >= 0, with its interval.
        cosine_min: smallest cosine between mean estimate and exact gradient, in [-1, 1].
        cosine_median: its median.
        bias: norm of (mean estimate - exact gradient) over norm of the exact gradient, under the declared scale.
        variance_ratio: total variance relative to ``ei_l2o`` after matching the scale.
        eta: share of the exact-gradient step kept with B groups, for B in `ETA_GROUPS`.
        centring: rms of the group mean of the advantages over their rms, in [0, 1].
        cost: time per call relative to ``ei_l2o``.
        learning: return on the maze after training, interquartile mean over seeds.
        learning_rate: the step size that the tuning chose.
        pass_at_k: for k in `PASS_K`; all None until a language model was trained with the estimator.
        lm_gain: pass@64 of the tiny language model minus that of the frozen run of ``ei_l2o`` on the same seeds, a
            share in [-1, 1].
        scale: declared factor before the sum of advantages: ``K/n`` or ``1``.
        domain: rewards it is defined for: ``real`` or ``binary``.
        paper: where it was published, free text.
        equation: where in that paper.
        authors: whom to credit.
        licence: of the submitted code.
        sandbox: under which lock the code ran: ``none``, ``basic`` or ``strict``; ``none`` for built-in estimators.
        submission_hash: of the submitted files; empty for built-ins.
        scorer: what computed the row: versions, commit, date, seed, the sandbox's protections.
        verification: {} or the last one: ``date``, ``beacon``, ``agrees``, ``by``, ``comparisons``.
        extra: anything else that is plain JSON; kept in the JSON, shown nowhere.

    Raises:
        ValueError: a value is outside its range, not finite, or holds invisible characters.
        TypeError: a value has the wrong type.
    """

    name: str
    title: str
    summary: str = ""
    suite: str
    origin: str
    status: str = "self-run"
    kind: str
    linked_to: str | None = None
    b95_ratio: Interval = field(default_factory=Interval)
    solved: float | None = None
    nsr: Interval = field(default_factory=Interval)
    cosine_min: float | None = None
    cosine_median: float | None = None
    bias: float | None = None
    variance_ratio: Interval = field(default_factory=Interval)
    eta: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(ETA_GROUPS))
    centring: float | None = None
    cost: float | None = None
    learning: Interval = field(default_factory=Interval)
    learning_rate: float | None = None
    pass_at_k: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(PASS_K))
    lm_gain: Interval = field(default_factory=Interval)
    track: str = "stateless"
    scale: str = "K/n"
    domain: str = "real"
    paper: str = ""
    equation: str = ""
    authors: str = ""
    licence: str = ""
    sandbox: str = "none"
    submission_hash: str = ""
    scorer: dict[str, Any] = field(default_factory=dict)
    verification: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_line(self.name, "entry name")
        where = f"entry {self.name!r}: "
        self._check_words(where)
        for name in _INTERVALS:
            if not isinstance(getattr(self, name), Interval):
                raise TypeError(f"{where}{name} must be an Interval, got {getattr(self, name)!r}")
        for name in _NUMBERS:
            object.__setattr__(self, name, number(getattr(self, name), where + name))
        if self.solved is not None and not 0 <= self.solved <= 1:
            raise ValueError(f"{where}solved is a share in [0, 1], got {self.solved}")
        for name, keys in (("eta", ETA_GROUPS), ("pass_at_k", PASS_K)):
            object.__setattr__(self, name, number_table(getattr(self, name), keys, where + name))
        for name in ("scorer", "verification", "extra"):
            object.__setattr__(self, name, json_object(getattr(self, name), where + name))

    def _check_words(self, where: str) -> None:
        for name in _LINES:
            check_line(getattr(self, name), where + name)
        for name in _TEXTS:
            check_text(getattr(self, name), where + name)
        for name, choices in {"suite": SUITES.names(), **_CHOICES}.items():
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{where}{name} must be one of {', '.join(choices)}, got {value!r}")
        if self.linked_to is not None:
            check_line(self.linked_to, where + "linked_to")
            if self.linked_to == self.name:
                raise ValueError(f"{where}linked_to is its own name: leave it None, or name the original")

    @property
    def klass(self) -> Class:
        """The table it belongs to.

        ``main`` (exact, proportional), ``direction``, ``biased``, ``stateful``, ``copy`` (linked to another entry,
        whatever its certificate) or ``null`` (linked or not).
        """
        own = CLASS_OF_KIND[self.kind]
        return "copy" if self.linked_to is not None and own != "null" else own

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: every field under its name, copies all the way down."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read the JSON form.

        Raises:
            ValueError: a key is missing or unknown, or a value is refused.
            TypeError: a value has the wrong type.
        """
        where = f"entry {data['name']!r}" if isinstance(data, Mapping) and "name" in data else "entry"
        check_keys(data, [f.name for f in dataclasses.fields(cls)], where)
        values = dict(data)
        for name in _INTERVALS:
            values[name] = Interval.from_dict(values[name], f"{where}: {name}")
        return cls(**values)


@dataclass(frozen=True)
class Leaderboard:
    """The entries of one suite with their ranks.

    Args:
        suite: name of a suite in `SUITES`.
        entries: in any order; kept in the order of the table.
        ranks: name -> (lowest, highest) place within the entry's class, from 1, or None. Names left out have no rank;
            null entries, rescaled copies and entries without a headline score cannot have one.

    Raises:
        ValueError: two entries share a name, an entry is of another suite or a copy of a copy, or a rank is impossible.
    """

    suite: str
    entries: Sequence[Entry]
    ranks: Mapping[str, Rank | None]

    def __post_init__(self) -> None:
        if self.suite not in SUITES.names():
            raise ValueError(f"unknown suite {self.suite!r}.{suggest(self.suite, SUITES)}")
        by_name: dict[str, Entry] = {}
        for entry in self.entries:
            if entry.suite != self.suite:
                raise ValueError(
                    f"entry {entry.name!r} is of suite {entry.suite}, this table of {self.suite}: keep apart"
                )
            if entry.name in by_name:
                raise ValueError(f"two entries are named {entry.name!r}: rename one")
            by_name[entry.name] = entry
        for entry in self.entries:
            _check_link(entry, by_name)
        for name in self.ranks:
            if name not in by_name:
                raise ValueError(f"rank given for {name!r}, which is no entry.{suggest(name, by_name)}")
        object.__setattr__(self, "ranks", {n: _check_rank(e, self.ranks.get(n)) for n, e in sorted(by_name.items())})
        object.__setattr__(self, "entries", tuple(sorted(self.entries, key=lambda entry: _place(entry, by_name))))

    def sections(self) -> list[tuple[Class, list[Entry]]]:
        """Return the six classes in order, each with its entries in the order of the table (may be empty).

        The best headline score comes first, None last; copies stand in the order of their originals.
        """
        return [(klass, [entry for entry in self.entries if entry.klass == klass]) for klass in CLASSES]

    def copies(self, name: str) -> list[Entry]:
        """Return the rescaled copies of one entry, in the order of the table."""
        return [entry for entry in self.entries if entry.klass == "copy" and entry.linked_to == name]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        ranks = {name: None if rank is None else list(rank) for name, rank in self.ranks.items()}
        entries = [entry.to_dict() for entry in self.entries]
        return {"schema": SCHEMA, "suite": self.suite, "entries": entries, "ranks": ranks}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read the JSON form.

        Raises:
            ValueError: a key is missing or unknown, the schema is another, or a value is refused.
            TypeError: a value has the wrong type.
        """
        check_keys(data, ("schema", "suite", "entries", "ranks"), "leaderboard")
        if data["schema"] != SCHEMA:
            raise ValueError(f"leaderboard: schema {data['schema']!r} is not {SCHEMA}: make the file again")
        ranks = {name: None if rank is None else tuple(rank) for name, rank in data["ranks"].items()}
        return cls(data["suite"], [Entry.from_dict(entry) for entry in data["entries"]], ranks)


def _check_link(entry: Entry, by_name: Mapping[str, Entry]) -> None:
    original = by_name.get(entry.linked_to or "")
    if original is not None and original.linked_to is not None:
        raise ValueError(
            f"entry {entry.name!r}: linked_to names {original.name!r}, itself a copy of {original.linked_to!r}: "
            "name the original"
        )


def _place(entry: Entry, by_name: Mapping[str, Entry]) -> tuple[int, Order, Order]:
    """Return what entries are sorted by: class, headline score (a copy's: its original's), then their own and name."""
    original = by_name.get(entry.linked_to or "", entry)
    return CLASSES.index(entry.klass), _order(original), _order(entry)


def _order(entry: Entry) -> Order:
    value = entry.b95_ratio.value
    return (value is None, value or 0.0, entry.name)


def _check_rank(entry: Entry, rank: Rank | None) -> Rank | None:
    if rank is None:
        return None
    where = f"entry {entry.name!r}"
    if entry.klass in ("copy", "null") or entry.b95_ratio.value is None:
        raise ValueError(f"{where} cannot have a rank: it is a rescaled copy, null, or has no headline score")
    integers = len(rank) == 2 and all(isinstance(place, numbers.Integral) for place in rank)
    if not integers or not 1 <= rank[0] <= rank[1]:
        raise ValueError(f"{where}: a rank is two places 1 <= low <= high, got {rank!r}")
    return (int(rank[0]), int(rank[1]))
