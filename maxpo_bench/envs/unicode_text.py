"""The space of texts of the environments that ask questions: bounded in length, free in characters.

``gymnasium.spaces.Text`` looks every character up in a set, by default of letters and digits alone, so that it rejects
honest questions and takes time in proportion to their length. Gymnasium's vector environments hold custom spaces such
as this one as tuples of texts; what they cannot do with text is refused here with the remedy.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NoReturn

import numpy as np
from gymnasium.spaces import Space, Tuple
from gymnasium.spaces.utils import flatdim, flatten, flatten_space
from gymnasium.vector.utils import batch_differing_spaces, create_empty_array, create_shared_memory
from numpy.typing import NDArray

from maxpo_bench.envs.checks import check_integer

SAMPLE_CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " \n" + "éßπ√½²∞≤中あ\u2028\u200b😀"
SAMPLE_LENGTH = 64


class UnicodeText(Space[str]):
    """All texts of ``min_length`` to ``max_length`` characters (code points), whatever the characters.

    Membership is a matter of type and length, a tenth of a microsecond for any text. Every ``str`` counts, control
    characters and lone surrogates included: who encodes the texts decides what to do with the latter, which UTF-8
    cannot represent.

    Args:
        max_length: the greatest length, at least ``min_length``.
        min_length: the smallest length, at least 0.
        seed: for `sample`.

    Raises:
        TypeError: a bound is no integer.
        ValueError: the bounds are negative or in the wrong order.
    """

    def __init__(self, max_length: int, *, min_length: int = 0, seed: int | np.random.Generator | None = None) -> None:
        self.min_length = check_integer("min_length", min_length, 0)
        self.max_length = check_integer("max_length", max_length, self.min_length)
        super().__init__(dtype=str, seed=seed)

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a ``str`` of permitted length."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length

    def sample(
        self,
        mask: tuple[int | None, NDArray[np.int8] | None] | None = None,
        probability: tuple[int | None, NDArray[np.float64] | None] | None = None,
    ) -> str:
        """Draw a short text of printable ASCII characters, a line break and a few others (`SAMPLE_CHARACTERS`).

        Args:
            mask: a length and which of the characters may occur, ``[len(SAMPLE_CHARACTERS)]`` of zeros and ones, as
                for ``gymnasium.spaces.Text``; None in either place leaves it to chance.
            probability: a length and the characters' probabilities, which sum to 1.

        Returns:
            A text of the given length, or of at most ``min_length + SAMPLE_LENGTH`` characters.

        Raises:
            TypeError: the length is no integer.
            ValueError: both a mask and probabilities are given, or either is malformed.
        """
        if mask is not None and probability is not None:
            raise ValueError("sample() takes a mask or probabilities, not both: leave one out")
        length, weights = _pair("mask", mask) if probability is None else _pair("probability", probability)
        if length is None:
            most = min(self.max_length, self.min_length + SAMPLE_LENGTH)
            length = int(self.np_random.integers(self.min_length, most + 1))
        elif not self.min_length <= check_integer("length", length) <= self.max_length:
            raise ValueError(f"length must be in {self.min_length} .. {self.max_length}, got {length}")
        chances = None if weights is None else _chances(weights, is_mask=probability is None)
        return "".join(self.np_random.choice(list(SAMPLE_CHARACTERS), size=length, p=chances).tolist())

    @property
    def is_np_flattenable(self) -> bool:
        """False: texts differ in length."""
        return False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UnicodeText):
            return NotImplemented
        return (self.min_length, self.max_length) == (other.min_length, other.max_length)

    def __hash__(self) -> int:
        return hash((UnicodeText, self.min_length, self.max_length))

    def __repr__(self) -> str:
        return f"UnicodeText({self.max_length}, min_length={self.min_length})"


def _pair(name: str, given: Any) -> tuple[Any, Any]:
    if given is None:
        return None, None
    if not isinstance(given, tuple) or len(given) != 2:
        raise ValueError(f"{name} must be a pair (length or None, array or None), got {given!r}")
    return given


def _chances(weights: Any, is_mask: bool) -> NDArray[np.float64]:
    """Return the probabilities ``[len(SAMPLE_CHARACTERS)]`` that a mask or probabilities stand for."""
    name, array = "mask" if is_mask else "probability", np.asarray(weights, dtype=np.float64)
    if array.shape != (len(SAMPLE_CHARACTERS),):
        raise ValueError(
            f"the {name} must have shape ({len(SAMPLE_CHARACTERS)},), one entry per character of "
            f"SAMPLE_CHARACTERS, got {array.shape}"
        )
    if is_mask:
        if not (np.isin(array, (0.0, 1.0)).all() and array.any()):
            raise ValueError("the mask must hold zeros and ones, at least one of them a one")
        return array / array.sum()
    if not ((array >= 0).all() and np.isclose(array.sum(), 1.0, rtol=0.0, atol=1e-8)):
        raise ValueError("the probabilities must be non-negative and sum to 1")
    return array


@create_empty_array.register(UnicodeText)
def _(space: UnicodeText, n: int = 1, fn: Any = np.zeros) -> tuple[str, ...]:
    del fn
    return (" " * space.min_length,) * n


@batch_differing_spaces.register(UnicodeText)
def _(spaces: Sequence[UnicodeText]) -> Tuple:
    return Tuple([deepcopy(space) for space in spaces], seed=deepcopy(spaces[0].np_random))


@create_shared_memory.register(UnicodeText)
def _(space: UnicodeText, n: int = 1, ctx: Any = None) -> NoReturn:
    del n, ctx
    # TypeError as for Gymnasium's own spaces without a fixed shape: AsyncVectorEnv would replace a CustomSpaceError by
    # a message of its own, without this one's remedy
    raise TypeError(
        f'{space} has no fixed size in memory: pass vector_kwargs={{"shared_memory": False}} to gymnasium.make_vec, or '
        "shared_memory=False to AsyncVectorEnv"
    )


def _refuse_to_flatten(space: UnicodeText, *_: Any, **__: Any) -> NoReturn:
    raise ValueError(f"{space} cannot be flattened to an array: turn the text into tokens or features first")


for _function in (flatten_space, flatten, flatdim):
    _function.register(UnicodeText, _refuse_to_flatten)
