"""What counts as the answer, and which spellings of an integer are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxpo_bench.envs.tasks.answer_text import canonical_integer, plain_text, read_answer


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("42", "42"),
        ("  42 \n", "42"),
        (r"It is \boxed{42}.", "42"),
        (r"It is \boxed{ 42 }, not \boxed{41}", "41"),
        (r"\boxed{41}</think>42", "42"),
        (r"<think>\boxed{41}</think> So \boxed{42}", "42"),
        ("<think>6 * 7</think>\n42", "42"),
        ("<think>a</think>b</think>c", "c"),
        ("<think>42", "<think>42"),
        (r"<think>\boxed{42}", r"<think>\boxed{42}"),
        (r"\boxed{42", r"\boxed{42"),
        (r"\boxed{}", ""),
        ("", ""),
    ],
)
def test_the_last_box_or_the_whole_text(completion: str, answer: str) -> None:
    assert read_answer(completion) == answer


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("$5$", "5"),
        ("$$5$$", "5"),
        (r"\(5\)", "5"),
        (r"\[ 5 \]", "5"),
        ("$5$.", "5"),
        ("$5.$", "5"),
        ("5.", "5"),
        ("5..", "5."),
        ("$5", "$5"),
        ("$", "$"),
        ("\N{MINUS SIGN}5", "-5"),
    ],
)
def test_marks_around_an_answer_are_removed_once(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@given(st.integers(-(10**30), 10**30))
def test_every_spelling_of_an_integer_is_its_own(number: int) -> None:
    sign, digits = ("-" if number < 0 else ""), str(abs(number))
    thousands = f"{abs(number):,}"
    for spelling in (
        f"{sign}{digits}",
        f"{sign or '+'}{digits}",
        f"{sign}00{digits}",
        f"{sign}{thousands}",
        f"${sign}{thousands.replace(',', '{,}')}$",
        sign + thousands.replace(",", r"\,"),
        sign + thousands.replace(",", r",\!"),
        f"{sign}{digits}.".replace("-", "\N{MINUS SIGN}"),
    ):
        assert canonical_integer(spelling) == str(number)
    for other in (number + 1, -number - 1, number * 10 + 1):
        assert canonical_integer(str(other)) != str(number)


@pytest.mark.parametrize("text", ["-0", "+0", "000", "0", "$0$"])
def test_zero_has_no_sign(text: str) -> None:
    assert canonical_integer(text) == "0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "+",
        "1,23",
        "1,2345",
        ",123",
        "12,34,567",
        "1.0",
        "1 000",
        "- 5",
        "1,000,00",
        "1,000 ,000",
        "\N{ARABIC-INDIC DIGIT THREE}",
        "\N{FULLWIDTH DIGIT FIVE}",
        "1\N{SUPERSCRIPT TWO}",
    ],
)
def test_what_is_no_integer_is_none(text: str) -> None:
    assert canonical_integer(text) is None
