r"""Plain numbers read exactly: integers, decimals, fractions, mixed numbers, powers of ten, percentages.

A value is kept as a fraction times a power of ten, so that ``4.5\cdot10^{999999999}`` costs no more than 45.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

# Decimals of fewer digits than this do not stand for another number: 3.14 is not pi, 0.333 is not one third.
MIN_ROUNDED_DIGITS = 6
# Below the length at which Python refuses to convert digits (4300) and far above any data set's answer.
_MAX_LENGTH = 1000
_MAX_EXPONENT_LENGTH = 15

_PLAIN = re.compile(r"[+-]?[0-9]+")
_DECIMAL = r"(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)"
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?)(?:"
    rf"(?P<whole>[0-9]+)?\\frac\{{(?P<top>[+-]?{_DECIMAL})\}}\{{(?P<bottom>[+-]?{_DECIMAL})\}}"
    rf"|(?P<upper>{_DECIMAL})/(?P<lower>{_DECIMAL})"
    rf"|(?:(?P<mantissa>{_DECIMAL})\\cdot ?)?10\^\{{(?P<exponent>[+-]?[0-9]+)\}}"
    rf"|(?P<decimal>{_DECIMAL})"
    rf")(?P<percent>\\%)?"
)


class ExactNumber(NamedTuple):
    """The number numerator / denominator * 10**exponent.

    Attributes:
        numerator: any integer.
        denominator: any integer but 0.
        exponent: any integer; its size costs nothing.
        digits: how many decimal places and significant digits it shows (the smaller of the two) where it is written
            with a decimal point; None where it is not, which makes it exact.
        is_percent: whether a percent sign follows; the value is without it.
    """

    numerator: int
    denominator: int = 1
    exponent: int = 0
    digits: int | None = None
    is_percent: bool = False


def read_number(text: str) -> ExactNumber | None:
    """Return the plain number that a normalised answer is, None where it is something else."""
    if len(text) > _MAX_LENGTH:
        return None
    if _PLAIN.fullmatch(text):
        return ExactNumber(int(text))
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    number = _value(match)
    if number is None:
        return None
    if match["sign"] == "-":
        number = number._replace(numerator=-number.numerator)
    return number._replace(is_percent=match["percent"] is not None)


def equal_numbers(first: ExactNumber, second: ExactNumber) -> bool:
    """Whether two numbers are equal; a percentage stands for its number or for its hundredth (50% is 50, and 1/2).

    A decimal is exact, and equals no other number, unless it shows at least six decimal places and six significant
    digits: then it also stands for a fraction that it rounds or truncates.
    """
    if _equal(first, second):
        return True
    if first.is_percent and not second.is_percent:
        return _equal(first._replace(exponent=first.exponent - 2), second)
    if second.is_percent and not first.is_percent:
        return _equal(first, second._replace(exponent=second.exponent - 2))
    return False


def rounds_to(value: Fraction, decimal: ExactNumber) -> bool:
    """Whether a decimal shows enough digits to stand for another number, and is that number rounded or truncated."""
    if decimal.digits is None or decimal.digits < MIN_ROUNDED_DIGITS:
        return False
    unit = Fraction(10) ** decimal.exponent
    excess = abs(value) - abs(decimal.numerator) * unit
    return (value < 0) == (decimal.numerator < 0) and -unit / 2 <= excess < unit


def _value(match: re.Match[str]) -> ExactNumber | None:
    if match["decimal"] is not None:
        return _read_decimal(match["decimal"])
    if match["exponent"] is not None:
        if len(match["exponent"]) > _MAX_EXPONENT_LENGTH:
            return None
        mantissa = _read_decimal(match["mantissa"] or "1")
        return mantissa._replace(exponent=mantissa.exponent + int(match["exponent"]), digits=None)
    top = _read_decimal(match["top"] or match["upper"])
    bottom = _read_decimal(match["bottom"] or match["lower"])
    if bottom.numerator == 0:
        return None
    numerator, denominator, exponent = top.numerator, bottom.numerator, top.exponent - bottom.exponent
    if match["whole"] is None:
        return ExactNumber(numerator, denominator, exponent)
    if exponent != 0 or not 0 <= numerator < denominator:  # 2\frac{0.5}{3} and 2\frac{3}{2} are no mixed numbers
        return None
    return ExactNumber(int(match["whole"]) * denominator + numerator, denominator)


def _read_decimal(text: str) -> ExactNumber:
    integer, point, places = text.partition(".")
    number = int(integer + places or "0")
    digits = min(len(places), len((integer + places).lstrip("+-0"))) if point and places else None
    return ExactNumber(number, exponent=-len(places), digits=digits)


def _equal(first: ExactNumber, second: ExactNumber) -> bool:
    left = _canonical(first.numerator * second.denominator, first.exponent)
    right = _canonical(second.numerator * first.denominator, second.exponent)
    if left == right:
        return True
    if first.digits is None and second.digits is not None:
        return _stands_for(second, first)
    if second.digits is None and first.digits is not None:
        return _stands_for(first, second)
    return False


def _stands_for(decimal: ExactNumber, exact: ExactNumber) -> bool:
    """Whether a decimal rounds or truncates a fraction that no decimal equals."""
    if exact.denominator in (1, -1) or abs(exact.exponent) > _MAX_LENGTH:
        return False
    return rounds_to(Fraction(exact.numerator, exact.denominator) * Fraction(10) ** exact.exponent, decimal)


def _canonical(number: int, exponent: int) -> tuple[int, int]:
    """Return the same number * 10**exponent with a number that 10 does not divide."""
    if number == 0:
        return 0, 0
    if number % 10:
        return number, exponent
    digits = str(number)
    stripped = digits.rstrip("0")
    return int(stripped), exponent + len(digits) - len(stripped)
