r"""How a normalised answer is built: lists, brackets, matrices, relations. Text in, text out; no algebra."""

from __future__ import annotations

import re
from typing import NamedTuple

_STEPS = re.compile(r"\\begin\{|\\end\{|\\[A-Za-z]+|\\.|\\\\|[^\\]", re.DOTALL)
_OPENING = frozenset({"(", "[", "{", "\\{", "\\begin{", "\\lfloor", "\\lceil"})
_CLOSING = frozenset({")", "]", "}", "\\}", "\\end{", "\\rfloor", "\\rceil"})


class Brackets(NamedTuple):
    """A bracketed sequence: its opening and closing bracket and the texts between the commas."""

    opening: str
    closing: str
    elements: list[str]


class Relation(NamedTuple):
    """Sides joined by relation signs; one sign fewer than sides."""

    sides: list[str]
    signs: list[str]


def split_top(text: str, *separators: str) -> tuple[list[str], list[str]]:
    r"""Split a text at separators outside every bracket.

    Args:
        text: a normalised answer.
        separators: single characters and commands, such as "," and "\\cup".

    Returns:
        The parts without surrounding spaces, and the separators between them.
    """
    if not any(separator in text for separator in separators):
        return [text.strip()], []
    parts, found, start, depth = [], [], 0, 0
    for step in _STEPS.finditer(text):
        token = step.group()
        if token in _OPENING:
            depth += 1
        elif token in _CLOSING:
            depth -= 1
        elif depth == 0 and token in separators:
            parts.append(text[start : step.start()].strip())
            found.append(token)
            start = step.end()
    return [*parts, text[start:].strip()], found


def split_list(text: str) -> list[str]:
    r"""Return the elements of a list "a, b, c" or set "\{a, b, c\}"; an answer that is neither is its only element.

    An element with one sign \pm is two elements.
    """
    text = text.strip()
    brackets = read_brackets(text)
    parts = brackets.elements if brackets and brackets.opening == "\\{" else split_top(text, ",")[0]
    return [element for part in parts if part for element in _both_signs(part)]


def read_brackets(text: str) -> Brackets | None:
    r"""Return what a pair of brackets around a whole text holds; None where there is no such pair."""
    opening = "\\{" if text.startswith("\\{") else text[:1]
    if opening not in ("(", "[", "\\{"):
        return None
    depth = 0
    for step in _STEPS.finditer(text):
        token = step.group()
        depth += (token in _OPENING) - (token in _CLOSING)
        if depth == 0:
            if step.end() != len(text) or token not in (")", "]", "\\}") or (token == "\\}") != (opening == "\\{"):
                return None
            return Brackets(opening, token, split_top(text[len(opening) : step.start()], ",")[0])
    return None


def read_matrix(text: str) -> list[list[str]] | None:
    r"""Return the entries of an answer that is one matrix, by rows; None where it is something else."""
    beginning, end = "\\begin{pmatrix}", "\\end{pmatrix}"
    if not (text.startswith(beginning) and text.endswith(end)) or text.count(beginning) != 1:
        return None
    rows = split_top(text[len(beginning) : -len(end)], "\\\\")[0]
    return [split_top(row, "&")[0] for row in rows]


def read_relation(text: str) -> Relation:
    r"""Split an answer at its relation signs (=, <, >, \le, \ge, \in, \approx)."""
    return Relation(*split_top(text, "=", "<", ">", "\\le", "\\ge", "\\in", "\\approx"))


def _both_signs(text: str) -> list[str]:
    if text.count("\\pm") != 1 and ("\\mp" in text or "\\pm" not in text):
        return [text]
    plus = text.replace("\\pm", "+").replace("\\mp", "-")
    minus = text.replace("\\pm", "-").replace("\\mp", "+")
    return [plus.removeprefix("+"), minus]
