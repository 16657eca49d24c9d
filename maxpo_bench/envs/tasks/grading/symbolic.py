r"""Equality of two expressions or two equations, by math-verify over sympy.

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

from maxpo_bench.envs.tasks.grading.exact import ExactNumber, read_number, rounds_to

_DECIMAL = re.compile(r"([0-9]+)\.([0-9]+)")
_PRECISION = 30
# Two constants whose relative difference is below this are equal; far above the rounding of 30 digits.
_EQUAL_WITHIN = Fraction(1, 10**20)


def same_value(gold: str, answer: str) -> bool:
    """Return whether two expressions, or two equations, are equal by algebra.

    Decimals count as the exact fractions they are; one decimal of enough digits (six, as in `exact`) against a constant
    may also be its rounding.

    Args:
        gold: one normalised expression or equation.
        answer: the other.
    """
    from math_verify import verify

    left, right = _parse(gold), _parse(answer)
    if left is None or right is None:
        return False
    left, right = _complex(left, right)
    for decimal, other in ((read_number(gold), right), (read_number(answer), left)):
        if decimal is not None and decimal.digits is not None:
            value = _constant(other)
            if value is not None and _rounds(value, decimal):
                return True
    accepted = verify(
        left,
        right,
        numeric_precision=_PRECISION,
        float_rounding=_PRECISION,
        allow_set_relation_comp=True,
        timeout_seconds=None,
    )
    return accepted and not _differ(left, right)


def silence() -> None:
    """Silence math-verify's warning that its time limits are off: they are, on purpose."""
    for name in ("math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).setLevel(logging.ERROR)


@lru_cache(maxsize=256)
def _parse(text: str) -> Any:
    """Return what math-verify reads, None where it reads nothing."""
    from latex2sympy2_extended.latex2sympy2 import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    configuration = LatexExtractionConfig(
        boxed_match_priority=0,
        normalization_config=NormalizationConfig(
            basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="last", equations=False
        ),
    )
    exact = _DECIMAL.sub(_as_fraction, text)
    found = parse(
        f"\\boxed{{{exact}}}",
        [configuration],
        fallback_mode="no_fallback",
        parsing_timeout=None,  # pyright: ignore
    )
    return found[0] if found else None


def _complex(left: Any, right: Any) -> tuple[Any, Any]:
    """Read the letter i as the imaginary unit and every other letter as a real number, where either side has an i."""
    from sympy import I, Symbol

    sides = []
    symbols = [getattr(side, "free_symbols", set()) for side in (left, right)]
    if not any(symbol.name == "i" for side in symbols for symbol in side):
        return left, right
    for side, names in zip((left, right), symbols, strict=True):
        sides.append(side.xreplace({old: I if old.name == "i" else Symbol(old.name, real=True) for old in names}))
    return sides[0], sides[1]


def _as_fraction(decimal: re.Match[str]) -> str:
    numerator, places = decimal.group(1) + decimal.group(2), decimal.group(2)
    return f"\\frac{{{int(numerator)}}}{{{10 ** len(places)}}}"


def _constant(expression: Any) -> Any:
    """Return an expression's real value to 30 digits as a fraction, None where it has none."""
    try:
        if expression.free_symbols:
            return None
        value = expression.evalf(_PRECISION)
        return Fraction(str(value)) if value.is_Number and value.is_finite else None
    except (AttributeError, TypeError, ValueError, ArithmeticError, NotImplementedError, RecursionError):
        return None


def _rounds(value: Fraction, decimal: ExactNumber) -> bool:
    return value.denominator != 1 and rounds_to(value, decimal)


def _differ(left: Any, right: Any) -> bool:
    """Whether two constants are clearly different numbers, which an absolute tolerance may have missed."""
    first, second = _constant(left), _constant(right)
    if first is None or second is None:
        return False
    return abs(first - second) > _EQUAL_WITHIN * max(abs(first), abs(second))
