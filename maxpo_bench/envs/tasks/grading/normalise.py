r"""One form for answers that are written differently; applied to gold answers and to a model's answers alike.

What is the same answer to a reader becomes the same text as far as spelling goes: characters, commands, spaces, units,
degrees, currencies, thousands separators, powers of ten. Values are left to the comparison. The percent sign stays as
``\%`` and a known unit as ``\unit{...}``, since two answers can disagree in them.
"""

from __future__ import annotations

import re

from maxpo_bench.envs.tasks.grading.characters import to_latex_characters
from maxpo_bench.envs.tasks.grading.latex import canonical_latex
from maxpo_bench.envs.tasks.grading.structure import split_top
from maxpo_bench.envs.tasks.grading.units import move_unit

_MAX_PASSES = 8
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?")
_GROUPED = r"[0-9]{1,3}(?:,[0-9]{3})++(?![0-9])"
_GROUPED_TOP = re.compile(rf"(?<![0-9.,]){_GROUPED}")
_GROUPED_ARGUMENT = re.compile(rf"\{{({_GROUPED})\}}")
_SPACED_GROUPS = re.compile(r"(?<![0-9.])[0-9]{1,3}(?: [0-9]{3})++(?![0-9 ])")
_MIXED = re.compile(r"(?<![0-9.])([0-9]+) ([0-9]+)/([0-9]+)(?![0-9])")
_EXPONENT = re.compile(r"(?<![A-Za-z0-9.])([0-9]++(?:\.[0-9]*+)?)[eE]\+?(-?)(?:0+(?=[0-9]))?([0-9]++)(?![A-Za-z0-9.])")
_POINT_FIRST = re.compile(r"(?<![0-9])\.(?=[0-9])")
_POINT_LAST = re.compile(r"(?<=[0-9])\.(?![0-9])")
_TIGHT_COMMA = re.compile(r",(?! )")
_HALF_DAY = re.compile(r"(?<=[0-9])\s*+([AaPp])(?:\.\s?[Mm]\.?|(?<=[AP])M|(?<=\s[ap])m)(?![A-Za-z])")
_TEXT_DIGITS = re.compile(r"\\text\{([0-9A-Z]+)\}(?=_\{)")
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|csc|sec|cot)")
_SCALE = re.compile(r"\\degree *(?:\\text\{ ?[CF] ?\}|[CF])?$")
_MATRIX_BRACKETS = re.compile(r"[(\[](\\begin\{pmatrix\}[^()\[\]]*\\end\{pmatrix\})[)\]]")


def normalise(text: str) -> str:
    """Return the canonical form of an answer. Normalising twice changes nothing more.

    Args:
        text: a gold answer, or the content of a box; meant for a thousand characters at most.

    Returns:
        LaTeX without layout; list elements are separated by ", ". Empty where nothing is left, and where a malformed
        text has no such form.
    """
    text = text.strip()
    for _ in range(_MAX_PASSES):
        if _PLAIN.fullmatch(text):
            return text
        previous, text = text, _pass(text)
        if text == previous:
            return text
    return ""


def _pass(text: str) -> str:
    """Return the canonical form of well-formed LaTeX; malformed LaTeX may take several passes to settle."""
    text = to_latex_characters(text).replace("np.", "").replace("math.", "")
    if "\\text" not in text:
        text = _HALF_DAY.sub(lambda half: f"\\text{{{half.group(1).lower()}m}}", text)
    text = canonical_latex(text).strip()
    text = _numbers(_degrees(text))
    text = _TEXT_DIGITS.sub(r"\1", _MATRIX_BRACKETS.sub(r"\1", text))
    parts = [_element(part) for part in split_top(text, ",")[0]]
    return _TIGHT_COMMA.sub(", ", ", ".join(part for part in parts if part))


def _element(text: str) -> str:
    """Return one list element without trailing punctuation, with its currency and unit at the end."""
    text = text.strip().rstrip(".:").strip()
    if text.startswith(("\\$", "-\\$")):
        text = text.replace("\\$", "", 1) + "\\text{dollars}"
    text = text.replace("\\$", "")
    if text == "\\{\\}":
        return "\\emptyset"
    text = move_unit(text)
    return text.removeprefix("+") if text[1:2].isdigit() else text


def _degrees(text: str) -> str:
    """Drop degree signs, except inside trigonometric functions, where they change the value."""
    if "\\degree" not in text:
        return text
    if _TRIGONOMETRY.search(text):
        return text.replace("\\degree ", "\\frac{\\pi}{180}").replace("\\degree", "\\frac{\\pi}{180}")
    return _SCALE.sub("", text).replace("\\degree ", "").replace("\\degree", "")


def _numbers(text: str) -> str:
    """Write numbers with digits and a point only."""
    text = _SPACED_GROUPS.sub(lambda group: group.group().replace(" ", ""), text)
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", text)
    text = _GROUPED_ARGUMENT.sub(lambda group: "{" + group.group(1).replace(",", "") + "}", text)
    commas = len(split_top(text, ",")[1])
    grouping = sum(group.group().count(",") for group in _GROUPED_TOP.finditer(text))
    if commas and commas == grouping and ", " not in text:
        text = text.replace(",", "")
    text = _EXPONENT.sub(r"\1\\cdot10^{\2\3}", text)
    return _POINT_LAST.sub("", _POINT_FIRST.sub("0.", text))
