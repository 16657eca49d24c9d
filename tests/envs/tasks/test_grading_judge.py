from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maxpo_bench.envs.tasks.grading.judge import judge, warm_up


@pytest.fixture(autouse=True, scope="module")
def _warm() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in ("math_verify.parser", "math_verify.grader")}
    warm_up()
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


EQUAL = [
    # values
    ("5", "2+3"),
    ("5", "2+3=5"),
    ("5", "5=5"),
    ("5", "--5"),
    (r"2\sqrt{3}", r"\sqrt{12}"),
    (r"\frac{\sqrt2}{2}", r"\frac{1}{\sqrt2}"),
    ("x(x+1)", "x^2+x"),
    (r"\frac{x+1}{x}", r"1+\frac1x"),
    ("|x-1|", "|1-x|"),
    (r"\binom{7}{3}", "35"),
    ("6!", "720"),
    ("2^{70}", "1180591620717411303424"),
    (r"\cos 60^\circ", "0.5"),
    (r"\tan15^\circ", r"2-\sqrt3"),
    (r"\cot x", r"\frac{\cos x}{\sin x}"),
    ("e^{2}", r"\exp(2)"),
    ("1+\\sqrt{3}i", r"2e^{i\pi/3}"),
    ("-1", "i^2"),
    ("6", r"2(3)"),
    ("12", r"2\binom{4}{2}"),
    ("1.25P", r"\frac{5}{4}P"),
    ("n!", "n!"),
    ("a", "A"),
    # decimals
    (r"\pi", "3.1415927"),
    (r"\pi", "3.141592"),
    (r"\sqrt2", "1.414214"),
    # assignments
    ("5", "x=5"),
    ("x=5", "5"),
    ("5", "n = 2 + 3 = 5"),
    ("5", r"x\approx 5"),
    ("7", "m+n=7"),
    ("2x+1", "f(x)=2x+1"),
    ("f(x)=2x+1", "2x+1"),
    ("0.25=25\\%", "0.25"),
    # equations
    ("2x+3y=6", "4x+6y=12"),
    ("2x+3y=6", r"y=2-\frac{2}{3}x"),
    ("xy=1", r"y=\frac1x"),
    ("x^2+y^2=4", "y^2=4-x^2"),
    (r"\frac{dx}{dt}=kx-a", r"\frac{dx}{dt}-kx=-a"),
    # lists and sets
    ("1, 2", "2, 1"),
    ("1, 2", r"\{2, 1\}"),
    ("1, 2", r"x=1\text{ or }x=2"),
    (r"1\pm\sqrt5", r"1+\sqrt5, 1-\sqrt5"),
    (r"\{1,2\}", r"x\in\{1,2\}"),
    ("(1,2),(3,4)", "(3,4) and (1,2)"),
    ("100, 200", "200, 100"),
    ("12,345", "12, 345"),
    # intervals
    ("(3,5)", "3<x<5"),
    (r"(-\infty,3]", r"x\le3"),
    ("x>3", r"(3,\infty)"),
    ("x<3", "3>x"),
    (r"(-\infty,1)\cup(2,\infty)", r"x<1\text{ or }x>2"),
    (r"[1,2]\cup[3,4]", r"[3,4]\cup[1,2]"),
    (r"-1\le g(x)\le 1", r"1\ge g(x)\ge -1"),
    # tuples and matrices
    (r"(\frac12,2)", "(0.5, 2)"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&1+1\\3&4\end{bmatrix}"),
    # ratios and times
    ("3:4", "3 : 4"),
    ("3:4", r"\frac34"),
    ("5:00", "05:00"),
    (r"5:00\text{ p.m.}", "5:00"),
    # percentages and units
    ("50\\%", r"\frac12"),
    (r"\sqrt{4}\%", "2"),
    (r"2\sqrt3\text{ cm}", r"\sqrt{12}"),
    ("5000000", r"5\text{ million}"),
    (r"\$5,000,000", r"5\text{ million dollars}"),
    ("5", "|AB|=5"),
]


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_equal_answers_are_accepted(gold: str, answer: str) -> None:
    assert judge(gold, answer) is True


DIFFERENT = [
    # nothing, hedges, and more than was asked
    ("5", ""),
    ("5", r"\text{}"),
    ("0", r"\{\}"),
    (r"\emptyset", "0"),
    ("5", "5, 6"),
    ("5", "5 or 6"),
    ("5", r"x=5\text{ or }x=6"),
    ("5", r"\{4,5,6\}"),
    ("5", "[4,6]"),
    ("5", r"(-\infty,\infty)"),
    ("5", r"x\in\mathbb{R}"),
    ("5", r"5\pm1"),
    ("5", r"x\ge5"),
    ("5", r"\ge5"),
    ("5", r"5\text{ or more}"),
    ("5", r"\text{5 or maybe 6}"),
    ("5", r"\text{it is not 5}"),
    ("5", r"5, \ldots"),
    ("5", r"\ldots 5"),
    ("C", "A, B, C, D"),
    ("1, 2", "1, 2, 3"),
    ("1, 2", "1, 2, 2"),
    ("1, 2", "1, 1, 2"),
    ("1, 2, 3", "1, 2"),
    ("40\\%", r"40\%\%"),
    ("5", r"4\approx5"),
    # equations that say nothing, or something else
    ("2x+3y=6", "0=0"),
    ("2x+3y=6", "x=x"),
    ("2x+3y=6", "2x+3y=7"),
    ("x=5", "x=x"),
    ("x=5", "y=5"),
    ("5", "5=6"),
    ("5", "6=5"),
    ("5", "2x=5"),
    ("5", "-x=5"),
    ("5", "x=5=6"),
    ("MR=MC", "MC"),
    ("y=2x+3", "2x+4"),
    ("x^2=4", "x=2"),
    (r"\frac{dx}{dt}=k", r"\frac{dx}{dt}=-k"),
    (r"\frac{dx}{dt}=k", "0=k"),
    (r"m\frac{dv}{dt}+bv=f", r"-m\frac{dv}{dt}+bv=f"),
    # tolerance
    (r"\pi", "3.14"),
    (r"\pi", "3.14159"),
    (r"\pi", r"\frac{22}{7}"),
    (r"\pi", r"\frac{355}{113}"),
    (r"\sqrt{2}", "1.414"),
    ("10^{100}", "10^{100}+1"),
    ("2^{100}", "2^{100}-1"),
    (r"10^{-40}\pi", r"2\cdot 10^{-40}\pi"),
    ("10^{-40}x", r"2\cdot 10^{-40}x"),
    ("2.88e-19", "0"),
    # words that change the value
    ("5", r"5\text{ million}"),
    ("5", "5 thousand"),
    ("5", r"5\text{ dozen}"),
    ("5", r"5\text{ squared}"),
    ("5", r"5\text{ factorial}"),
    ("5", "|x|=5"),
    ("x^2+1", r"x^2+1\mod 3"),
    # variables and words
    ("2s", "2"),
    ("2x", "2"),
    ("x", "y"),
    ("x_1", "x_2"),
    ("|x|", "x"),
    (r"\sqrt{x^2}", "x"),
    ("n", r"\lfloor n\rfloor"),
    (r"\text{even}", "neve"),
    ("stop", "pots"),
    (r"\text{yes}", r"\text{no}"),
    (r"\gamma^2-1", r"\gamma^2-5"),
    (r"\frac13E_1+\frac23E_2", r"\frac23"),
    (r"\frac13E_1+\frac23E_2", r"-\frac13E_1+\frac23E_2"),
    ("i", "-i"),
    ("3+4i", "5"),
    # order and brackets
    ("(3,5)", "[3,5]"),
    ("(3,5)", "(5,3)"),
    ("[0,1)", "(0,1]"),
    ("(1,2)", "1,2"),
    ("-4<x<3", r"-4\le x<3"),
    ("x>3", "y>3"),
    ("x>3", "x<3"),
    (r"(-\infty,3)", r"x\le3"),
    (r"(1,2)\cup(3,4)", r"(1,4)"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "(1,2,3,4)"),
    ("3:4", "4:3"),
    ("3:4", "3, 4"),
    (r"5:00\text{ p.m.}", r"5:00\text{ a.m.}"),
    ("5:30", "5:31"),
    # what math-verify misreads
    ("5", "2(3)"),
    ("8", r"2\binom{4}{2}"),
    ("11", "5 6"),
    ("7", "3 4"),
    ("12", "1 2"),
    ("2516_8", "2516_9"),
    ("-221", "-221_3"),
    (r"\frac{12_3}{2}", "6"),
    ("5", r"\frac{5}{0}"),
    (r"\infty", r"-\infty"),
    ("5", "(5"),
    ("5", "5)"),
    ("5", r"\frac{5}"),
]


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different_answers_are_refused(gold: str, answer: str) -> None:
    assert judge(gold, answer) is False


@pytest.mark.parametrize(
    "answer", ["{" * 400, r"\frac{" * 50, "(" * 30 + ")" * 30, "=" * 300, r"\sqrt" * 100, "x" * 60, "^" * 500, "\\"]
)
def test_unreadable_answers_are_wrong(answer: str) -> None:
    assert judge("5", answer) is False
    assert judge(r"x^2+1", answer) is False


PYTHON = [
    "__import__('os').getpid()",
    "().__class__",
    "exec('1')",
    "lambda: 0",
    "[x for x in [1]]",
    "open('f')",
    "1 if 1 else 2",
]


def test_no_answer_is_evaluated_as_python(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated: list[str] = []
    evaluate = sympy.parsing.sympy_parser.eval_expr

    def record(code: str, local_dict: dict[str, Any], global_dict: dict[str, Any]) -> object:
        evaluated.append(code)
        return evaluate(code, local_dict, global_dict)

    monkeypatch.setattr("sympy.parsing.sympy_parser.eval_expr", record)
    for number, code in enumerate(PYTHON):
        for answer in (code, f"\\text{{{code}}}", f"x+{code}", f"\\operatorname{{{code}}}(x)"):
            judge(f"{7000 + number}x+0.123{number}", answer)
    assert len(evaluated) > len(PYTHON), "numbers are read by evaluation: without any this test watches the wrong place"
    assert [code for code in evaluated if not re.fullmatch(r"Integer ?\([0-9]+ ?\)", code.strip())] == []


def expressions() -> st.SearchStrategy[str]:
    atoms = st.one_of(
        st.integers(0, 99).map(str), st.sampled_from(["x", "y", r"\pi", r"\sqrt{3}", "0.25", r"\frac{2}{7}"])
    )
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: f"{pair[0]}+{pair[1]}"),
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]})\\cdot({pair[1]})"),
            st.tuples(inner, inner).map(lambda pair: f"\\frac{{{pair[0]}}}{{{pair[1]}+1}}"),
            inner.map(lambda text: f"({text})^2"),
        ),
        max_leaves=4,
    )


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(expressions())
def test_an_expression_equals_itself_written_otherwise_and_no_neighbour(text: str) -> None:
    assert judge(text, f"1+{text}-1")
    assert judge(f"1+{text}-1", text)
    assert judge(f"({text})\\cdot 2", f"({text})+({text})")
    assert not judge(text, f"{text}+1")
    assert not judge(text, f"{text}+10^{{-12}}")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fractions(max_denominator=50), min_size=1, max_size=5, unique=True), st.randoms())
def test_lists_are_compared_as_multisets(values: list[object], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    gold, answer = ", ".join(map(str, values)), r", ".join(map(str, shuffled))
    assert judge(gold, rf"\{{{answer}\}}")
    assert not judge(gold, f"{answer}, {values[0]}")
    assert not judge(gold, f"{answer}, 1000")
    assert judge(f"({gold}, 7)", f"({answer}, 7)") is (shuffled == values)
