from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maxpo_bench.envs.tasks.grading.normalise import normalise

LATEX_PIECES = st.sampled_from(
    [
        " ",
        *r"""\frac \dfrac { } ( ) [ ] \{ \} 1 23 x y i e E , . ; + - = < \le \in ^ _ \sqrt \pi \text \text{cm}
        \mathrm{kg} \begin{pmatrix} \end{pmatrix} & \\ \cdot \times * / : \cup \pm \infty | ! or and \left( \right)
        ^\circ \sin \log \binom \unit{cm} \boxed ~ ' " \, \! \ldots \degree \% \$ $ percent miles p.m.""".split(),
        *"\u221a\u00bd\u00b2\u03c0\u221e\u00d7\u2212\u00b0\uff15",
    ]
)


@pytest.mark.parametrize(
    ("spellings", "form"),
    [
        (
            [
                "7",
                " 7 ",
                "$7$",
                r"\(7\)",
                r"\[7\]",
                "7.",
                "+7",
                r"\boxed{7}",
                "{7}",
                r"\textbf{7}",
                "\u200b7",
                "\uff17",
                "7\x07",
            ],
            "7",
        ),
        (
            [r"\frac{1}{2}", r"\frac12", r"\dfrac 1 2", r"\tfrac{1}2", r"\cfrac1{2}", r"\\frac{1}{2}", "½"],
            r"\frac{1}{2}",
        ),
        (["-0.5", "-.5", r"\mathbf{-.5}", "\u2212.5", "- 0.5"], "-0.5"),
        (
            ["12345", "12,345", r"12{,}345", r"12,\!345", r"12\,345", "12 345", "\uff11\uff12,\uff13\uff14\uff15"],
            "12345",
        ),
        ([r"\frac{1}{1234567}", r"\frac{1}{1,\!234,\!567}", r"\frac{1}{1,234,567}"], r"\frac{1}{1234567}"),
        ([r"2.5\cdot10^{7}", "2.5e7", "2.5E+07", r"2.5 \times 10^7", "2.5×10⁷", "2.5*10^7"], r"2.5\cdot10^{7}"),
        ([r"\sqrt{3}", r"\sqrt3", r"\sqrt 3", "√3", "sqrt(3)", r"\sqrt(3)", "√(3)"], r"\sqrt{3}"),
        ([r"x^{2}", "x^2", "x²", "x ^ 2", "x^{ 2 }"], "x^{2}"),
        ([r"40\%", "40%", "40 percent", r"40\text{ percent}", r"40 \%"], r"40\%"),
        ([r"40", r"40^\circ", r"40^{\circ}", "40°", "40 degrees", r"40\text{ degrees}", r"40\degree"], "40"),
        ([r"10, 20", r"10^\circ,20^\circ", "10 and 20", r"10\text{ and }20", r"10 \text{ or } 20", "10; 20"], "10, 20"),
        (
            [r"8\unit{cm^2}", r"8\text{ cm}^2", r"8\mbox{ cm}^2", r"8\mathrm{~cm}^{2}", "8 square centimeters"],
            r"8\unit{cm^2}",
        ),
        ([r"30\unit{mi/h}", "30 miles per hour", r"30\text{ mph}"], r"30\unit{mi/h}"),
        ([r"4\unit{dollar}", r"\$4", r"4\text{ dollars}", r"4 \text{ USD}"], r"4\unit{dollar}"),
        ([r"-4\unit{dollar}", r"-\$4"], r"-4\unit{dollar}"),
        (["9", r"9\text{ ways}", r"9 \text{ apples}", "9 units"], "9"),
        (["7:05", r"7\!:\!05", "7 : 05"], "7:05"),
        ([r"7:05\text{pm}", r"7:05 \text{ p.m.}", "7:05 pm", r"\text{7:05 p.m.}", "7:05 p.m."], r"7:05\text{pm}"),
        (["C", r"\text{C}", r"\text{(C)}", r"\textbf{(C)}", r"\mathrm{C}"], "C"),
        ([r"5\frac{1}{4}", r"5 \frac14", "5 1/4", r"5\dfrac{1}{4}"], r"5\frac{1}{4}"),
        ([r"(1, \infty)", r"\left(1,\infty\right)", "(1, ∞)", r"\bigl( 1, \infty \bigr)"], r"(1, \infty)"),
        ([r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}"], None),
        ([r"\begin{pmatrix}1\\2\end{pmatrix}", r"\left(\begin{array}{c}1\\2\end{array}\right)"], None),
        ([r"2\pi r", r"2 \pi r", "2πr", r"2\pir"], r"2\pi r"),
        ([r"\emptyset", r"\varnothing", r"\{\}", "∅"], r"\emptyset"),
        ([r"1101_{2}", "1101_2", "1101₂", r"1101_{ 2 }"], "1101_{2}"),
        ([r"x\le3", r"x \leq 3", "x ≤ 3", "x <= 3", r"x \leqslant 3"], r"x\le3"),
        ([r"\ln(2)", r"\ln{2}", r"\ln(2)"], r"\ln(2)"),
    ],
)
def test_spellings_of_one_answer_have_one_form(spellings: list[str], form: str | None) -> None:
    forms = {normalise(spelling) for spelling in spellings}
    assert len(forms) == 1
    assert form in (None, *forms)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("3 1/2", "31/2"),
        ("1 2", "12"),
        ("1,2", "12"),
        ("(20,100)", "20100"),
        ("81, 256", "81256"),
        (r"1{,}0", "10"),
        ("2s", "2"),
        ("2m", "2"),
        ("2c", "2"),
        ("5 or 6", "5"),
        (r"5\text{ or more}", "5"),
        (r"5\text{ if even}", "5"),
        (r"5\text{ cm}", r"5\text{ m}"),
        (r"5\text{ cm}^2", r"5\text{ cm}^3"),
        ("2516_8", "2516_9"),
        (r"7\text{ a.m.}", r"7\text{ p.m.}"),
        (r"40\%", "40"),
        (r"\tan 40^\circ", r"\tan 40"),
        (r"\text{even}", r"\text{odd}"),
        ("x^{2}3", "x^{23}"),
        ("[1,2)", "(1,2]"),
        (r"\mathbf{.5}", "5"),
        ("x_1", "x^1"),
        ("2e", "2"),
        ("|x|", "x"),
    ],
)
def test_different_answers_keep_different_forms(first: str, second: str) -> None:
    assert normalise(first) != normalise(second)


@pytest.mark.parametrize("text", ["", " ", "{}", "$$", r"\text{}", r"\,", "\u200b", r"\boxed{}", r"\left.\right."])
def test_nothing_stays_nothing(text: str) -> None:
    assert normalise(text) == ""


@given(st.lists(LATEX_PIECES, max_size=16).map("".join))
@example(r"\frac\sin{}{12")
@example("\\sqrt'\\text{cm}")
@example(r"\rfloor\$i")
def test_normalising_twice_changes_nothing(text: str) -> None:
    form = normalise(text)
    assert normalise(form) == form


@given(st.text(max_size=200))
def test_any_text_has_a_form_without_control_characters(text: str) -> None:
    form = normalise(text)
    assert normalise(form) == form
    assert not any(character in form for character in "\x00\x07\u200b\ufeff\n\t")


@given(st.integers(-(10**30), 10**30))
def test_integers_lose_their_separators_only(number: int) -> None:
    assert normalise(f"{number:,}") == normalise(str(number)) == str(number)
    assert normalise(f"{number:,}".replace(",", "{,}")) == str(number)


@pytest.mark.parametrize(
    "text",
    [
        "\\frac" * 200,
        "{" * 1000,
        "1," * 500,
        "1 " * 500,
        "\\text{" * 166,
        "(" * 500 + ")" * 500,
        "5 cm " * 200,
        "5 " + "square " * 140 + "x",
        "^(" * 500,
        "a" * 1000,
        "\\unknowncommand" * 66,
        "=" * 1000,
        "\\" * 1000,
        "1e1" * 333,
        "\\text{a, " * 111,
        "1,234" * 200,
    ],
)
def test_a_thousand_characters_of_anything_settle(text: str) -> None:
    form = normalise(text)
    assert normalise(form) == form
