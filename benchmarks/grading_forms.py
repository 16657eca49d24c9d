r"""Other ways to write a gold answer that leave its meaning as it is: what a model may well write instead.

Every form is made only for the golds that it suits: an answer in percent loses its sign, a fraction becomes ``\dfrac``
or a slash, a whole number is also ``3.6 \times 10^{1}``. Nothing here knows how the grader reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal

import numpy as np

TOKEN = re.compile(
    r"\\(?:text|mbox|textnormal|mathrm|mathbf|begin|end)\s*\{[^{}]*\}|\\[a-zA-Z]+|\\.|[\d.]+|\s+|.", re.DOTALL
)
INTEGER = re.compile(r"-?\d+")
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
GROUPED = re.compile(r"(-?)(?:\\\$|\$)?(\d{1,3}(?:,(?:\\!\s?)?\d{3})+)(\.\d+)?")
SCIENTIFIC = re.compile(r"(-?\d+\.?\d*)[eE]([+-]?\d+)")
POWER_OF_TEN = re.compile(r"(-?\d+\.?\d*)\s*\\times\s*10\^\{(-?\d+)\}")
WHOLE_FRACTION = re.compile(r"(-?)\\[dt]?frac\{(\d+)\}\{(\d+)\}")
PLAIN_LIST = re.compile(r"[^,()\[\]{}\\]+(?:,\s*[^,()\[\]{}\\]+)+")
DEGREES = r"\s*\^\s*(?:\\circ|\{\\circ\})"
ANGLES = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
WORDS = re.compile(r"\\text\{([A-Za-z ]+)\}")
UNITS = (
    r"{0} \text{{ cm}}",
    r"{0}\text{{ miles}}",
    r"{0} \mathrm{{~kg}}",
    r"{0}\text{{ dollars}}",
    r"{0} \text{{ cm}}^2",
)
WIDE = {ord(digit): ord("\uff10") + int(digit) for digit in "0123456789"}
SWAPS: dict[str, Callable[[str], str]] = {
    r"\dfrac": lambda text: re.sub(r"\\[dt]?frac(?![a-z])", r"\\dfrac", text),
    r"\frac": lambda text: re.sub(r"\\[dt]frac(?![a-z])", r"\\frac", text),
    r"\tfrac": lambda text: re.sub(r"\\[dt]?frac(?![a-z])", r"\\tfrac", text),
    "braces of digits left out": lambda text: re.sub(r"\\([dt]?frac)\{(\d)\}\{(\d)\}", r"\\\1\2\3", text),
    "braces of digits put in": lambda text: re.sub(r"\\([dt]?frac)\s*(\d)(\d)", r"\\\1{\2}{\3}", text),
    "root without braces": lambda text: re.sub(r"\\sqrt\{(\d)\}", r"\\sqrt\1", text),
    "root with braces": lambda text: re.sub(r"\\sqrt\s*(\d)", r"\\sqrt{\1}", text),
    "exponent with braces": lambda text: re.sub(r"\^(\w)", r"^{\1}", text),
    "exponent without braces": lambda text: re.sub(r"\^\{(\w)\}", r"^\1", text),
    "degrees left out": lambda text: text if ANGLES.search(text) else re.sub(DEGREES, "", text),
    "degree sign": lambda text: re.sub(DEGREES, "°", text),
    "degrees in braces": lambda text: re.sub(r"\^\\circ", r"^{\\circ}", text),
    "percent sign left out": lambda text: re.sub(r"\s*\\%", "", text),
    "percent in words": lambda text: re.sub(r"\s*\\%", r"\\text{ percent}", text),
    "dollar left out": lambda text: re.sub(r"\\\$\s*", "", text),
    "pmatrix as bmatrix": lambda text: text.replace("{pmatrix}", "{bmatrix}"),
    r"\left and \right left out": lambda text: re.sub(r"\\(?:left|right)(?![a-z])\s*", "", text),
    "pi as a character": lambda text: re.sub(r"\\pi(?![a-z])", "π", text),
    "minus as a character": lambda text: re.sub(r"(?<![{a-z])-", "\u2212", text),
    "infinity as a character": lambda text: text.replace(r"\infty", "∞"),
    "plus before infinity": lambda text: re.sub(r"(?<![-+])\\infty", r"+\\infty", text),
    "root as a character": lambda text: re.sub(r"\\sqrt\{(\d+)\}", r"√\1", text),
    "thin spaces after commas": lambda text: (
        text if r"\text" in text else re.sub(r"(?<!\{),\s*(?![\d\\\s])", r",\\,", text)
    ),
}


def forms_of(gold: str, question: str, rng: np.random.Generator) -> dict[str, str]:
    """Return other ways to write a gold answer, by the name of the form; those equal to the gold's text are left out.

    Args:
        gold: the reference answer.
        question: its problem; percent signs are added only where it asks for a percentage.
        rng: of what a form leaves open: places of spaces, the unit, the letter before an equals sign.
    """
    found = dict(_any_forms(gold, rng))
    found |= dict(_expression_forms(gold))
    number = gold.strip().removeprefix(r"\$").rstrip(".")
    if NUMBER.fullmatch(number):
        found |= dict(_number_forms(number, question, r"\$" in gold, rng))
    found |= dict(_special_forms(gold, rng))
    return {name: form for name, form in found.items() if form != gold}


def _any_forms(gold: str, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Forms of every answer."""
    if not SCIENTIFIC.fullmatch(gold):
        yield "spaces between symbols", _spaced(gold, rng)
    yield "line breaks in the source", f"\n  {gold}\n"
    yield "dollar signs around", f"${gold}$"
    yield "small spaces around", rf"\, {gold} \;"
    yield "braces around", f"{{{gold}}}"
    yield "display style", rf"\displaystyle {gold}"
    yield "full stop", f"{gold.rstrip('. ')}."
    yield "zero-width characters around", f"\u200b{gold}\ufeff"


def _spaced(gold: str, rng: np.random.Generator) -> str:
    """Put spaces between symbols, where TeX skips them; words, numbers and commands stay whole."""
    tokens = TOKEN.findall(gold)
    return "".join(
        token + (" " if rng.random() < 0.5 and _may_space(tokens, place) else "") for place, token in enumerate(tokens)
    )


def _may_space(tokens: list[str], place: int) -> bool:
    following = tokens[place + 1] if place + 1 < len(tokens) else ""
    is_word = tokens[place].isalpha() and following.isalpha()
    return not (is_word or following[:1].isspace() or following == "" or _joins_digits(tokens, place))


def _joins_digits(tokens: list[str], place: int) -> bool:
    r"""Is a token part of a number such as 1,234 or 1,\!234, or the first digit of \frac43?"""
    return tokens[place] in (",", r"\!", "\\", "$", r"\$", "'", ":") or tokens[place + 1 : place + 2] in (
        [","],
        [":"],
        ["'"],
        [r"\!"],
    )


def _expression_forms(gold: str) -> Iterator[tuple[str, str]]:
    """Forms of an expression with some command or symbol in it."""
    for name, swap in SWAPS.items():
        if (form := swap(gold)) != gold:
            yield name, form
    if "(" in gold and r"\left" not in gold and r"\text" not in gold and gold.count("(") == gold.count(")"):
        yield r"\left and \right", gold.replace("(", r"\left(").replace(")", r"\right)")


def _number_forms(number: str, question: str, is_money: bool, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Forms of a plain number."""
    value = Decimal(number)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if not is_money:
        yield "unit", str(rng.choice(UNITS)).format(number)
    yield "name before", f"{rng.choice(list('xyzkn'))} = {number}"
    yield "wide digits", number.translate(WIDE)
    yield "plus sign", number if sign else f"+{number}"
    yield "in bold", rf"\mathbf{{{number}}}"
    power = len(digits) + exponent - 1
    mantissa = f"{'-' if sign else ''}{digits[0]}" + (f".{''.join(map(str, digits[1:]))}" if len(digits) > 1 else "")
    if value != 0 and power != 0:
        yield "e-notation", f"{mantissa}e{power}"
        yield "times a power of ten", rf"{mantissa} \times 10^{{{power}}}"
        yield "dot and a power of ten", rf"{mantissa}\cdot10^{{{power}}}"
    if re.search(r"percent(?!ile|age points)|\\%", question.rstrip()[-160:]) and "percent" in question:
        yield "percent sign", rf"{number}\%"
    if INTEGER.fullmatch(number):
        yield "zeros after the point", f"{number}.00"
        yield "fraction of whole numbers", rf"\dfrac{{{2 * int(number)}}}{{2}}"
        if abs(int(number)) >= 1000:
            yield "commas", f"{int(number):,}"
            yield "commas in braces", f"{int(number):,}".replace(",", "{,}")
            yield "commas with negative space", f"{int(number):,}".replace(",", r",\!")
    elif exponent < 0:
        yield "a zero more", f"{number}0"


def _special_forms(gold: str, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Forms of answers of one kind."""
    if match := GROUPED.fullmatch(gold):
        plain = match[1] + re.sub(r"\D", "", match[2]) + (match[3] or "")
        yield "without commas", plain
    if match := SCIENTIFIC.fullmatch(gold):
        yield "times a power of ten", rf"{match[1]} \times 10^{{{int(match[2])}}}"
        yield "dot and a power of ten", rf"{match[1]} \cdot 10^{{{int(match[2])}}}"
        yield "capital E", f"{match[1]}E{int(match[2])}"
    if match := POWER_OF_TEN.fullmatch(gold):
        yield "e-notation", f"{match[1]}e{match[2]}"
        yield "dot and a power of ten", rf"{match[1]} \cdot 10^{{{match[2]}}}"
    if match := WHOLE_FRACTION.fullmatch(gold):
        yield "slash", f"{match[1]}{match[2]}/{match[3]}"
        yield "not in lowest terms", rf"{match[1]}\frac{{{3 * int(match[2])}}}{{{3 * int(match[3])}}}"
        if re.fullmatch(r"(?:[25]|4|8|10|20|25|40|50|100)", match[3]):
            yield "decimal", f"{match[1]}{Decimal(match[2]) / Decimal(match[3])}"
        if match[1]:
            yield "minus above the line", rf"\frac{{-{match[2]}}}{{{match[3]}}}"
    if PLAIN_LIST.fullmatch(gold) and not GROUPED.fullmatch(gold):
        parts = [part.strip() for part in gold.split(",")]
        yield "list in another order", ", ".join(parts[place] for place in rng.permutation(len(parts)))
    if match := WORDS.fullmatch(gold):
        yield "words without \\text", match[1]
        yield "words in \\mathrm", rf"\mathrm{{{match[1]}}}"
        yield "words in bold", rf"\textbf{{{match[1]}}}"
        if len(match[1]) > 1:
            yield "words in lower case", rf"\text{{{match[1].lower()}}}"
