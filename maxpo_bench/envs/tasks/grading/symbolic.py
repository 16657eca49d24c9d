r"""Equality of two expressions or two relations: read by math-verify, compared by value, then by math-verify.

math-verify sees a ``\boxed{}`` and reads it as LaTeX only. Its other reading, plain expressions, ends in sympy's
`parse_expr`, which evaluates Python; here the only texts that get that far are the digits of a number token.

Its time limits work by SIGALRM and are switched off: whoever calls this must be a process that can be killed.
"""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any
from zlib import crc32

from maxpo_bench.envs.tasks.grading.exact import ExactNumber, read_number, rounds_to
from maxpo_bench.envs.tasks.grading.numeric import proportional, same_values

_PRECISION = 30
# math-verify adds numbers in a row, overlooks dots and the base of a number, and takes the modulus of the last term.
_UNREADABLE = re.compile(r"[0-9] [0-9]|\\ldots|\\[bp]?mod(?![A-Za-z])|(?<![A-Za-z0-9])[0-9.]++\)?_")
_DECIMAL = re.compile(r"([0-9]+)\.([0-9]+)")
# What math-verify reads otherwise than it is written: 2(3) as the mixed number 2 + 3/1, E and \gamma as constants, and
# dx/dt as the derivative of a constant.
_PRODUCT = re.compile(r"(?<=[0-9)])(?=\(|\\binom)|(?<=\))(?=[0-9]|\\frac)")
_IMPROPER = re.compile(r"(?<=[0-9])\\frac\{([0-9]+)\}\{([0-9]+)\}")
_RENAMED = re.compile(r"\\(?:var)?[gG]amma(?![A-Za-z])|(?<![A-Za-z\\])E(?![A-Za-z])")
_DERIVATIVE = re.compile(
    r"\\frac\{(?:d|\\partial ?)(?:\^\{[0-9]+\})?[^{}]*(?:\{[^{}]*\}[^{}]*)*\}"
    r"\{(?:d|\\partial ?)(?:[A-Za-z]|\\[A-Za-z]+)(?:\^\{[0-9]+\})?\}"
)


def same_value(gold: str, answer: str) -> bool:
    """Return whether two expressions are equal by algebra.

    Decimals count as the exact fractions they are; one decimal of enough digits (six, as in `exact`) against a constant
    may also be its rounding.

    Args:
        gold: one normalised expression; also an inequality, a set or a matrix.
        answer: the other.
    """
    if _UNREADABLE.search(gold) or _UNREADABLE.search(answer):
        return False
    left, right = _read_both(gold, answer)
    if left is None or right is None:
        return False
    if _is_rounded(gold, right) or _is_rounded(answer, left):
        return True
    verdict = same_values(left, right) if _are_scalars(left, right) else None
    return _verify(left, right) if verdict is None else verdict


def same_equation(gold: tuple[str, str], answer: tuple[str, str]) -> bool:
    """Return whether two equations have the same solutions: equal up to a factor, or solved alike by math-verify.

    Args:
        gold: the two sides of one equation.
        answer: the two sides of the other.
    """
    if any(map(_UNREADABLE.search, (*gold, *answer))):
        return False
    differences = []
    for sides in (gold, answer):
        first, second = _read_both(*sides)
        if first is None or second is None or not _are_scalars(first, second):
            return False
        differences.append(first - second)
    left, right = _complex(*differences)
    verdict = proportional(left, right)
    if verdict is None or (not verdict and not _are_polynomials(left, right)):
        return _verify(*_read_both("=".join(gold), "=".join(answer)))
    return verdict


def silence() -> None:
    """Silence math-verify's warning that its time limits are off: they are, on purpose."""
    for name in ("math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _read_both(gold: str, answer: str) -> tuple[Any, Any]:
    left, right = _parse(gold), _parse(answer)
    return (None, None) if left is None or right is None else _complex(left, right)


@lru_cache(maxsize=256)
def _parse(text: str) -> Any:
    """Return what math-verify reads, None where it reads nothing or no definite value."""
    from latex2sympy2_extended.latex2sympy2 import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse
    from sympy import nan, zoo

    configuration = LatexExtractionConfig(
        boxed_match_priority=0,
        normalization_config=NormalizationConfig(
            basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="last", equations=False
        ),
    )
    found = parse(
        f"\\boxed{{{_unambiguous(text)}}}",
        [configuration],
        fallback_mode="no_fallback",
        extraction_mode="first_match",  # else a part of a text that does not parse stands for the whole
        parsing_timeout=None,  # pyright: ignore[reportArgumentType]
    )
    return found[0] if found and not found[0].has(zoo, nan) else None


def _unambiguous(text: str) -> str:
    """Write a text so that math-verify reads it as it is meant."""
    text = _DERIVATIVE.sub(lambda derivative: _symbol(derivative.group()), text)
    text = _RENAMED.sub(lambda name: _symbol(name.group()), text)
    text = _IMPROPER.sub(_as_product, text)
    text = _PRODUCT.sub(r"\\cdot ", text)
    return _DECIMAL.sub(_as_fraction, text)


def _symbol(name: str) -> str:
    return f"Q_{{{crc32(name.encode())}}}"


def _as_product(fraction: re.Match[str]) -> str:
    """Keep a mixed number, and make a product of a number and an improper fraction."""
    proper = int(fraction.group(1)) < int(fraction.group(2))
    return fraction.group() if proper else f"\\cdot {fraction.group()}"


def _as_fraction(decimal: re.Match[str]) -> str:
    integer, places = decimal.groups()
    return f"\\frac{{{int(integer + places)}}}{{{10 ** len(places)}}}"


def _complex(left: Any, right: Any) -> tuple[Any, Any]:
    """Read the letter i as the imaginary unit and every other letter as a real number, where either side has an i."""
    from sympy import I, Symbol

    symbols = [getattr(side, "free_symbols", set()) for side in (left, right)]
    if not any(symbol.name == "i" for names in symbols for symbol in names):
        return left, right
    meant = {old: I if old.name == "i" else Symbol(old.name, real=True) for names in symbols for old in names}
    return left.xreplace(meant), right.xreplace(meant)


def _are_scalars(left: Any, right: Any) -> bool:
    from sympy import Expr, MatrixExpr

    return all(isinstance(side, Expr) and not isinstance(side, MatrixExpr) for side in (left, right))


def _are_polynomials(left: Any, right: Any) -> bool:
    symbols = left.free_symbols | right.free_symbols
    return left.is_polynomial(*symbols) and right.is_polynomial(*symbols)


def _is_rounded(text: str, other: Any) -> bool:
    """Whether a text is a decimal that rounds the constant the other side is."""
    decimal: ExactNumber | None = read_number(text)
    if decimal is None or decimal.digits is None or not _are_scalars(other, other) or other.free_symbols:
        return False
    value = other.evalf(_PRECISION)
    if not (value.is_Number and value.is_finite) or value.is_Integer:
        return False
    return rounds_to(Fraction(str(value)), decimal)


def _verify(left: Any, right: Any) -> bool:
    from math_verify import verify

    if left is None or right is None:
        return False
    return verify(
        left,
        right,
        float_rounding=_PRECISION,
        numeric_precision=_PRECISION,
        allow_set_relation_comp=True,
        timeout_seconds=None,
    )
