from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxpo_bench.envs.tasks.grading.exact import ExactNumber, equal_numbers, read_number
from maxpo_bench.envs.tasks.grading.fast import fast_verdict
from maxpo_bench.envs.tasks.grading.normalise import normalise

INTEGERS = st.integers(-(10**12), 10**12)
DENOMINATORS = st.integers(1, 10**6)


def verdict(gold: str, answer: str) -> bool | None:
    return fast_verdict(normalise(gold), normalise(answer))


def value(number: ExactNumber) -> Fraction:
    return Fraction(number.numerator, number.denominator) * Fraction(10) ** number.exponent


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("25", "025", True),
        ("25", "25.0", True),
        ("25", "24", False),
        ("25", "-25", False),
        ("0", "-0", True),
        ("0.5", r"\frac12", True),
        ("1/4", "0.25", True),
        ("7/2", r"3\frac{1}{2}", True),
        ("-7/2", r"-3\frac{1}{2}", True),
        (r"\frac{-1}{2}", r"-\frac{1}{2}", True),
        (r"\frac{1}{-2}", r"-0.5", True),
        ("1e-8", "10^{-8}", True),
        ("3.3e12", "3300000000000", True),
        (r"4 \times 10^{999999999999}", r"0.4 \times 10^{1000000000000}", True),
        (r"4 \times 10^{999999999999}", r"4 \times 10^{999999999998}", False),
        ("2.88e-19", "1e-20", False),
        ("2.88e-19", "0", False),
        ("40%", "40", True),
        ("40%", "0.4", True),
        ("40%", "2/5", True),
        ("40%", "4", False),
        ("40%", "0.4%", False),
        ("1/3", "0.333333", True),
        ("2/3", "0.666667", True),
        ("2/3", "0.666666", True),
        ("2/3", "0.666668", False),
        ("1/3", "0.33334", False),
        ("1/3", "0.333", False),
        ("-1/3", "0.333333", False),
        ("0.333333", "0.3333333", False),
        ("1/3000000", "0.000000", False),
        (r"5\text{ cm}", "5", True),
        (r"5\text{ cm}", "5 centimeters", True),
        (r"5\text{ cm}", r"5\text{ m}", False),
        (r"\$5", r"5\text{ cents}", False),
        ("11_2", "11_2", True),
        ("11_2", "11_3", False),
        ("11_2", "11", False),
        ("11_{10}", "11", True),
        (r"\text{Friday}", "friday", True),
        (r"\text{Friday}", r"\mathrm{Friday}", True),
        (r"\text{Friday}", r"\text{Monday}", False),
        (r"\text{stop}", "pots", False),
        (r"\text{Friday}", "5", False),
        ("5", "", False),
        ("", "", False),
        (r"\text{}", r"\text{}", False),
        ("{}", "{}", False),
        (".", ".", False),
        ("x", "x", True),
        ("x", "5", None),
        (r"\sqrt{4}", "2", None),
        ("1, 2", "2, 1", None),
        (r"\frac{1}{0}", "5", None),
        (r"10^{10^{10}}", "5", None),
        ("9" * 2000, "8" * 2000, False),
    ],
)
def test_the_fast_verdict_is_right_or_absent(gold: str, answer: str, expected: bool | None) -> None:
    assert verdict(gold, answer) is expected
    assert verdict(answer, gold) is expected


@given(INTEGERS, DENOMINATORS, INTEGERS, DENOMINATORS)
def test_fractions_are_compared_as_fractions(a: int, b: int, c: int, d: int) -> None:
    same = Fraction(a, b) == Fraction(c, d)
    assert verdict(f"\\frac{{{a}}}{{{b}}}", f"{c}/{d}") is same
    assert verdict(f"\\frac{{{a * 7}}}{{{b * 7}}}", f"\\dfrac{{{a}}}{{{b}}}") is True


@given(st.decimals(-(10**9), 10**9, places=7), st.decimals(-(10**9), 10**9, places=7))
def test_decimals_are_compared_exactly(first: object, second: object) -> None:
    assert verdict(f"{first:f}", f"{second:f}") is (first == second)
    assert verdict(f"{first:f}", f"{first:f}000") is True


@given(st.integers(-(10**9), 10**9), st.integers(-400, 400), st.integers(-400, 400))
def test_powers_of_ten_are_compared_exactly(mantissa: int, exponent: int, shift: int) -> None:
    first, second = f"{mantissa}e{exponent}", f"{mantissa} \\times 10^{{{exponent + shift}}}"
    assert verdict(first, second) is (mantissa == 0 or shift == 0)


@given(INTEGERS, DENOMINATORS)
def test_a_number_is_read_as_its_value(numerator: int, denominator: int) -> None:
    number = read_number(f"\\frac{{{numerator}}}{{{denominator}}}")
    assert number is not None
    assert value(number) == Fraction(numerator, denominator)
    assert equal_numbers(number, ExactNumber(3 * numerator, 3 * denominator))


@given(INTEGERS, st.integers(1, 10**5), st.integers(6, 12))
def test_a_decimal_of_many_digits_stands_for_what_it_truncates(numerator: int, denominator: int, places: int) -> None:
    exact = abs(Fraction(numerator, denominator))
    digits = str(exact.numerator * 10**places // exact.denominator).rjust(places + 1, "0")
    decimal = f"{digits[:-places]}.{digits[-places:]}"
    shown = len(digits.lstrip("0"))
    assert verdict(f"{exact.numerator}/{exact.denominator}", decimal) is (shown >= 6 or value_of(decimal) == exact)


def value_of(decimal: str) -> Fraction:
    return Fraction(decimal)


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_fast_verdict_is_symmetric_and_never_raises(gold: str, answer: str) -> None:
    assert verdict(gold, answer) is verdict(answer, gold)
    assert fast_verdict(gold, answer) in (True, False, None)
