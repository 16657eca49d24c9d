"""Equality, hash and pickling of frozen dataclasses that hold arrays."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


class ArrayValue:
    """Mixin for ``@dataclass(frozen=True, eq=False)``: two are equal if their fields are, arrays byte by byte.

    Pickling goes through the constructor, since NumPy forgets in a pickle that an array is read-only.
    """

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._content() == other._content()  # pyright: ignore[reportAttributeAccessIssue]

    def __hash__(self) -> int:
        return hash(self._content())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._fields()

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))  # pyright: ignore[reportArgumentType]

    def _content(self) -> tuple[Any, ...]:
        return tuple(value.tobytes() if isinstance(value, np.ndarray) else value for value in self._fields())


def frozen_vector(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return a read-only copy ``[A]`` of finite numbers.

    Raises:
        ValueError: it is no vector, is empty, or holds something that is not finite.
    """
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a vector of at least one finite number, got {values!r}")
    array.flags.writeable = False
    return array
