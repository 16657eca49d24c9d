"""Answers made to hang, crash, execute or fool a grader; none of them has its gold answer's value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hostile_completions import COMPLETIONS
from hostile_texts import BOXED

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Hostile:
    """One hostile completion.

    Attributes:
        category: what it attacks by.
        gold: an answer that the completion does not give.
        completion: the whole text.
    """

    category: str
    gold: str
    completion: str


def hostile_answers(marker: str) -> list[Hostile]:
    """Return the corpus.

    Args:
        marker: path of a file that does not exist; code among the answers would create it if anybody executed it.
    """
    found = [
        Hostile(category, gold, rf"The answer is $\boxed{{{answer}}}$.")
        for category, pairs in (*BOXED.items(), *_generated().items(), ("code", _code(marker)))
        for gold, answer in pairs
    ]
    found += [Hostile(category, gold, text) for category, pairs in COMPLETIONS.items() for gold, text in pairs]
    return found + [Hostile("very long", gold, text) for gold, text in _very_long()]


def _code(marker: str) -> Iterator[tuple[str, str]]:
    path = repr(marker)
    calls = (
        f"__import__('os').system('touch {marker}')",
        f"open({path}, 'w')",
        f"open({path}, 'w').close() or 5",
        f"eval(\"open({path}, 'w')\")",
        f"exec(\"open({path}, 'w')\")",
        f"[c for c in ().__class__.__base__.__subclasses__()][0] and open({path}, 'w')",
        f"\\text{{__import__('pathlib').Path({path}).touch()}}",
        f"(lambda: open({path}, 'w'))()",
        f"5 if open({path}, 'w') else 5",
        f"x = 5; import os; os.mknod({path})",
        f"Symbol('x').__class__.__mro__[-1].__subclasses__() or open({path}, 'w')",
        f"sympify(\"open({path}, 'w')\")",
        f"{{{{ config.__class__.__init__.__globals__['os'].system('touch {marker}') }}}}",
        f"$(touch {marker})",
        f"`touch {marker}`",
        f"5; touch {marker}",
        f"!!python/object/apply:os.system ['touch {marker}']",
        "exit()",
        "raise SystemExit",
        "while True: pass",
    )
    for call in calls:
        yield "5", call


def _nested(opening: str, inner: str, closing: str, depth: int) -> str:
    return opening * depth + inner + closing * depth


def _generated() -> dict[str, list[tuple[str, str]]]:
    """Answers that are long or deep, by category."""
    rows = r" \\ ".join(" & ".join(f"a_{{{i}{j}}}" for j in range(7)) for i in range(7))
    ones = r" \\ ".join(" & ".join("1" for _ in range(15)) for _ in range(15))
    return {
        "deep nesting": [
            ("6", _nested("{", "5", "}", 480)),
            ("6", _nested("(", "5", ")", 480)),
            ("6", _nested(r"\left(", "5", r"\right)", 70)),
            ("6", _nested("[", "5", "]", 480)),
            ("6", _nested(r"\sqrt{", "5", "}", 140)),
            ("6", _nested(r"\frac{1}{1+", "x", "}", 80)),
            ("2", _nested(r"\frac{1}{1+", "1", "}", 80)),
            ("6", _nested(r"\text{", "5", "}", 140)),
            ("6", _nested("x^{", "x", "}", 240)),
            ("6", _nested("x_{", "x", "}", 240)),
            ("6", _nested("-(", "5", ")", 320)),
            ("6", _nested("|", "5", "|", 400)),
            ("6", _nested(r"\sin(", "5", ")", 150)),
            ("6", _nested(r"\sqrt[3]{2+", "5", "}", 80)),
            ("6", _nested(r"\left\{", "5", r"\right\}", 60)),
            ("6", _nested(r"\binom{9}{", "5", "}", 80)),
            ("6", _nested(r"\begin{pmatrix}", "5", r"\end{pmatrix}", 30)),
            ("6", _nested("((x+1)", "x", ")^2", 140)),
        ],
        "many digits": [
            ("7", "7" * MEGABYTE),
            ("7", "7" * 990),
            ("0", "0." + "0" * 900 + "1"),
            ("0", "10^{-999}"),
            ("0", "1e-999999999"),
            (r"\infty", "1e999999999"),
            ("2", "1." + "9" * 100),
            ("10^{900}", "1" + "0" * 899 + "1"),
            ("1", rf"\frac{{1{'0' * 450}}}{{1{'0' * 449}1}}"),
            ("7", "7" * 400 + "!"),
            ("7", f"{'7' * 300}^{{{'7' * 300}}}"),
            ("7", rf"\sqrt{{{'7' * 900}}}"),
            ("7", rf"\log {'7' * 900}"),
            ("7", rf"\gcd({'7' * 450}, {'3' * 450})"),
            ("7", rf"{'7' * 300}.{'7' * 300}^{{{'7' * 5}}}"),
        ],
        "catastrophic for regular expressions": [
            ("5", " " * 990),
            ("5", "\\" * 900),
            ("5", r"\{" * 300 + r"\}" * 300),
            ("5", "{}" * 450),
            ("5", r"\text{a}" * 120),
            ("5", "," * 900),
            ("5", "1," * 450),
            ("5", "1,111" + ",111" * 240 + "x"),
            ("5", r"\frac" * 180),
            ("5", "^" * 900),
            ("5", "_" * 900),
            ("5", "-" * 901 + "4"),
            ("5", "$" * 900),
            ("5", "=" * 900),
            ("5", "(" * 900),
            ("5", "a" * 900 + "!"),
            ("5", "0" * 900 + "x"),
            ("5", r"\left" * 180),
            ("5", r"\, " * 300 + "x"),
            ("5", r"\mathrm{~m}" * 80),
            ("5", "1 " * 450),
            ("5", "1.1" * 300),
            ("5", "1e1" * 300),
            ("5", r"\or " * 180),
        ],
        "huge matrices": [
            ("0", rf"\det\begin{{pmatrix}}{rows}\end{{pmatrix}}"),
            ("0", rf"\begin{{pmatrix}}{rows}\end{{pmatrix}}^{{-1}}"),
            ("1", rf"\begin{{pmatrix}}{ones}\end{{pmatrix}}"),
            ("1", rf"\begin{{pmatrix}}{ones}\end{{pmatrix}}^{{1000000}}"),
            ("1", r"\begin{pmatrix}" + "1&" * 450 + r"1\end{pmatrix}"),
            ("1", r"\begin{pmatrix}" + r"1\\" * 300 + r"1\end{pmatrix}"),
            ("1", r"\begin{pmatrix}1&1\\1&0\end{pmatrix}^{10^{18}}"),
            ("1", r"\begin{pmatrix}9^{9^{9}}&1\\1&0\end{pmatrix}"),
            (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}9^{9^{9^{9}}}\\2\end{pmatrix}"),
            (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\2\\\vdots\\n\end{pmatrix}"),
            (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"),
        ],
    }


def _very_long() -> Iterator[tuple[str, str]]:
    yield "5", r"\boxed{" * (MEGABYTE // 7)
    yield "5", r"\boxed{5" * (MEGABYTE // 8)
    yield "6", r"\boxed{" * (MEGABYTE // 7) + "5" + "}" * (MEGABYTE // 7)
    yield "5", "5" + "}" * MEGABYTE
    yield "6", r"\boxed{5}" * (MEGABYTE // 9)
    yield "5", "<think>" * (MEGABYTE // 7) + r"\boxed{5}"
    yield "6", "</think>" * (MEGABYTE // 8) + r"\boxed{5}"
    yield "6", "<think></think>" * (MEGABYTE // 15) + r"\boxed{5}"
    yield "6", r"\boxed{" + " " * MEGABYTE + "5}"
    yield "6", r"\boxed{" + "{" * (MEGABYTE // 2) + "5" + "}" * (MEGABYTE // 2) + "}"
    yield "5", r"\boxed" * (MEGABYTE // 6) + "{4}"
    yield "5", "\\" * MEGABYTE + "boxed{4}"
    yield "5", r"\boxed{}{" * (MEGABYTE // 9)
    yield "6", " " * MEGABYTE + r"\boxed{5}" + "\n" * MEGABYTE
    yield "5", r"\boxed{\text{" + "5 " * (MEGABYTE // 2) + "}}"
