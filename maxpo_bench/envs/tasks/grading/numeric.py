"""Identity of two sympy expressions, tested by their values at a few fixed points.

Two different expressions made of the functions that answers use agree at no random point to 60 digits, so that equal
values mean equal expressions; unequal values mean unequal expressions at once, where simplifying could take seconds.
Rational constants are compared exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_DIGITS = 80
_EQUAL_WITHIN = 1e-60
# A zero that is not recognised as one evaluates to less than this; no quantity in an answer is that small.
_ZERO = 1e-90
# Irregular, of both signs and several sizes, so that |x| differs from x and floor(x) from a constant.
_POINTS = (
    ("0.7384619234", "1.3719532871", "2.2904718361", "0.4170938512"),
    ("-1.6183094217", "-0.5927361841", "-2.8140926357", "-1.1436271905"),
    ("4.2719340623", "-3.1872093456", "0.8826140739", "-5.4093817263"),
    ("11.3920571846", "7.8146203971", "-9.2570361824", "13.7713094625"),
)
_STEP = "0.3141372819"


def same_values(left: Any, right: Any) -> bool | None:
    """Return whether two scalar expressions are identical; None where their values do not tell.

    At a point where either value is not real only other points count, unless there are none: the branches of roots and
    logarithms are no difference between answers about real quantities.

    Args:
        left: a sympy expression.
        right: another.
    """
    real = complex_points = 0
    complex_agree = True
    for first, second in _evaluate(left, right):
        if first[1] == second[1] == 0:
            if not _close(first, second):
                return False
            real += 1
        else:
            complex_points += 1
            complex_agree = complex_agree and _close(first, second)
    if real == 0 and not complex_agree:
        return False
    are_constants = not left.free_symbols and not right.free_symbols
    if (real or complex_points) < (1 if are_constants else 2):
        return None
    return _same_rationals(left, right) if are_constants else True


def proportional(left: Any, right: Any) -> bool | None:
    """Return whether one expression is a constant other than 0 times the other; None where their values do not tell.

    Args:
        left: a sympy expression, such as one side of an equation minus the other.
        right: another.
    """
    if not left.free_symbols or left.free_symbols != right.free_symbols:
        return False
    pairs = list(_evaluate(left, right))
    if len(pairs) < 3 or any(_is_zero(value) for pair in pairs for value in pair):
        return None
    (first, second), *others = pairs
    return all(_close(_product(first, other), _product(second, one)) for one, other in others)


def _evaluate(left: Any, right: Any) -> Iterator[tuple[Any, Any]]:
    """Yield both values at each point where both are finite."""
    for point in _points(left, right):
        first = _value(left, point)
        second = None if first is None else _value(right, point)
        if first is not None and second is not None:
            yield first, second


def _same_rationals(left: Any, right: Any) -> bool:
    """Compare two constants that agree to many digits once more, exactly, where both are rational numbers."""
    first, second = left.doit(), right.doit()
    return first == second if first.is_Rational and second.is_Rational else True


def _points(left: Any, right: Any) -> list[dict[Any, Any]]:
    from sympy import Float

    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    if not symbols:
        return [{}]
    return [
        {
            symbol: Float(row[index % 4], _DIGITS + 10) + Float(_STEP, _DIGITS + 10) * (index // 4)
            for index, symbol in enumerate(symbols)
        }
        for row in _POINTS
    ]


def _value(expression: Any, point: dict[Any, Any]) -> tuple[Any, Any] | None:
    """Return the real and the imaginary part of a value, None where there is no finite one."""
    try:
        real, imaginary = expression.evalf(_DIGITS, subs=point).as_real_imag()
    except (AttributeError, TypeError, ValueError, ArithmeticError, NotImplementedError):
        return None
    if not (real.is_Number and imaginary.is_Number and real.is_finite and imaginary.is_finite):
        return None
    small = _EQUAL_WITHIN * max(abs(real), abs(imaginary))
    return real, 0 if abs(imaginary) <= small else imaginary


def _close(first: tuple[Any, Any], second: tuple[Any, Any]) -> bool:
    size = max(map(abs, (*first, *second)))
    difference = max(abs(first[0] - second[0]), abs(first[1] - second[1]))
    return bool(size < _ZERO or difference <= _EQUAL_WITHIN * size)


def _is_zero(value: tuple[Any, Any]) -> bool:
    return bool(max(map(abs, value)) < _ZERO)


def _product(first: tuple[Any, Any], second: tuple[Any, Any]) -> tuple[Any, Any]:
    return first[0] * second[0] - first[1] * second[1], first[0] * second[1] + first[1] * second[0]
