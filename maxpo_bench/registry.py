"""One registry for everything that is found by name: estimators, agents, figures, engines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class UnknownNameError(ValueError):
    """A name that is not registered; the message suggests the nearest ones."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known name, or a list of all names if none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    if near:
        return " Did you mean " + " or ".join(repr(n) for n in near) + "?"
    return f" Known: {', '.join(names)}." if names else ""


class Registry(Generic[T]):
    """Names and aliases of one kind of thing.

    Args:
        kind: what the entries are, in the singular, for messages ("estimator").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._aliases: dict[str, str] = {}

    def register(self, name: str, entry: T, *, aliases: Iterable[str] = ()) -> T:
        """Add ``entry`` under ``name`` and its ``aliases``.

        Raises:
            ValueError: one of the names is taken.
        """
        new = [name, *aliases]
        for candidate in new:
            if candidate in self or new.count(candidate) > 1:
                raise ValueError(f"{self.kind} {candidate!r} is registered already: choose another name")
        self._entries[name] = entry
        self._aliases.update(dict.fromkeys(new[1:], name))
        return entry

    def unregister(self, name: str) -> None:
        """Remove ``name`` (not an alias) and every alias that points at it."""
        if name not in self._entries:
            raise UnknownNameError(f"unknown {self.kind} {name!r}.{suggest(name, self._entries)}")
        del self._entries[name]
        self._aliases = {alias: target for alias, target in self._aliases.items() if target != name}

    def canonical(self, name: str) -> str:
        """Return the registered name that ``name``, itself or as an alias, stands for.

        Raises:
            UnknownNameError: with the nearest known names.
        """
        if name in self._entries:
            return name
        if name in self._aliases:
            return self._aliases[name]
        raise UnknownNameError(f"unknown {self.kind} {name!r}.{suggest(name, [*self._entries, *self._aliases])}")

    def get(self, name: str) -> T:
        """Return the entry under a name or an alias.

        Raises:
            UnknownNameError: with the nearest known names.
        """
        return self._entries[self.canonical(name)]

    def names(self) -> list[str]:
        """Registered names in the order of their registration, without aliases."""
        return list(self._entries)

    def aliases(self, name: str) -> list[str]:
        """Aliases of one registered name, in the order of their registration."""
        return [alias for alias, target in self._aliases.items() if target == name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
