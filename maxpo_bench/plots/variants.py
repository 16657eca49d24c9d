"""Variants: the runs of one agent or environment whose arguments differ, and how their lines are told apart."""

from __future__ import annotations

from numbers import Real
from typing import Any

from maxpo_bench.plots.frames import Frame
from maxpo_bench.plots.style import LineStyle, in_order, style_of

_VARIANT_DASHES: tuple[LineStyle, ...] = (
    "-",
    (0, (4, 2)),
    (0, (1, 1)),
    (0, (5, 1, 1, 1)),
    (0, (1, 3)),
    (0, (3, 1, 1, 1, 1, 1)),
)

SortKey = tuple[tuple[str, int, float, str], ...]


def with_arguments(frame: Frame, kind: str) -> Frame:
    """Add the column ``KIND_arguments``: for each row the arguments in which its agent's or environment's runs differ.

    It is categorical, its categories such as "k=4, learning_rate=0.1" sorted by value: first where an argument is
    left at its default, then numbers by size, then texts. Rows whose runs do not differ have an empty text.

    Args:
        frame: column KIND has the names, columns ``KIND.NAME`` the arguments.
        kind: "env" or "agent".
    """
    import pandas as pd

    columns = sorted(str(column) for column in frame.columns if str(column).startswith(f"{kind}."))
    labels = pd.Series("", index=range(len(frame)), dtype=object)
    keys: dict[str, SortKey] = {"": ()}
    names = frame[kind].astype(str).to_numpy()
    for name in pd.unique(names):
        places = (names == name).nonzero()[0]
        rows = frame.iloc[places]
        varied = [column for column in columns if rows[column].map(argument_text).nunique() > 1]
        if not varied:
            continue
        for place, values in zip(places, rows[varied].itertuples(index=False, name=None), strict=True):
            named = [(column.removeprefix(f"{kind}."), value) for column, value in zip(varied, values, strict=True)]
            label = ", ".join(f"{argument}={argument_text(value)}" for argument, value in named)
            keys.setdefault(label, tuple((argument, *_value_key(value)) for argument, value in named))
            labels[place] = label
    ordered = sorted(keys, key=lambda label: keys[label])
    return frame.assign(**{f"{kind}_arguments": pd.Categorical(labels, categories=ordered)})


def variants_of(frame: Frame, kind: str) -> list[tuple[str, str, Frame]]:
    """Split a frame from `with_arguments` into (name, arguments that differ, rows).

    Names come in the suite's order, the arguments of one name by value.
    """
    found: list[tuple[str, str, Frame]] = []
    for name in in_order(frame[kind].astype(str).unique()):
        rows = frame[frame[kind] == name]
        arguments = rows[f"{kind}_arguments"]
        found += [
            (name, label, rows[arguments == label]) for label in arguments.cat.categories if label in set(arguments)
        ]
    return found


def variant_label(name: str, arguments: str) -> str:
    """Return the label of an agent's variant in legends: ``"EI+L2O (MaxPO), k=4"``."""
    return f"{style_of(name).label}, {arguments}" if arguments else style_of(name).label


def variant_dashes(frame: Frame) -> dict[str, LineStyle]:
    """Return a line style for each of the agents' variants in a frame from `with_arguments`, the same for all agents.

    It depends on all variants of the data, drawn or not, so that the figures of one sweep agree.
    """
    labels = [label for label in frame["agent_arguments"].cat.categories if label]
    return {label: _VARIANT_DASHES[place % len(_VARIANT_DASHES)] for place, label in enumerate(labels)}


def argument_text(value: Any) -> str:
    """Write an argument: 0.1, ei, [1, 2], or "default" where a run does not have it."""
    return "default" if value is None or value != value else f"{value:g}" if isinstance(value, float) else str(value)


def _value_key(value: Any) -> tuple[int, float, str]:
    """Return what an argument is sorted by."""
    text = argument_text(value)
    if text == "default":
        return 0, 0.0, text
    if isinstance(value, Real) and not isinstance(value, bool):
        return 1, float(value), text
    return 2, 0.0, text
