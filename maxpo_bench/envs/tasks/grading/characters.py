"""Unicode mathematics in LaTeX: the characters a model writes where the data sets write commands."""

from __future__ import annotations

import re
import unicodedata

_COMMANDS = {
    "\u00b7": "\\cdot ",
    "\u00d7": "\\times ",
    "\u00f7": "/",
    "\u2044": "/",
    "\u2215": "/",
    "\u22c5": "\\cdot ",
    "\u2219": "\\cdot ",
    "\u2022": "\\cdot ",
    "\u2212": "-",
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u00b1": "\\pm ",
    "\u2213": "\\mp ",
    "\u221a": "\\sqrt ",
    "\u221b": "\\sqrt[3]",
    "\u221c": "\\sqrt[4]",
    "\u221e": "\\infty ",
    "\u2264": "\\le ",
    "\u2a7d": "\\le ",
    "\u2265": "\\ge ",
    "\u2a7e": "\\ge ",
    "\u2260": "\\ne ",
    "\u2248": "\\approx ",
    "\u2261": "\\equiv ",
    "\u222a": "\\cup ",
    "\u2229": "\\cap ",
    "\u2208": "\\in ",
    "\u2209": "\\notin ",
    "\u2205": "\\emptyset ",
    "\u2216": "\\setminus ",
    "\u2220": "\\angle ",
    "\u25b3": "\\triangle ",
    "\u2192": "\\to ",
    "\u27e8": "\\langle ",
    "\u27e9": "\\rangle ",
    "\u2329": "\\langle ",
    "\u232a": "\\rangle ",
    "\u230a": "\\lfloor ",
    "\u230b": "\\rfloor ",
    "\u2308": "\\lceil ",
    "\u2309": "\\rceil ",
    "\u2032": "'",
    "\u2019": "'",
    "\u00b0": "^{\\circ}",
    "\u00ba": "^{\\circ}",
    "\u211d": "\\mathbb{R}",
    "\u2124": "\\mathbb{Z}",
    "\u2115": "\\mathbb{N}",
    "\u211a": "\\mathbb{Q}",
    "\u2102": "\\mathbb{C}",
    "\u20ac": "\\text{euros}",
    "\u00a3": "\\text{pounds sterling}",
    "\u3001": ",",
    "\u3002": ".",
}
_GREEK = {
    "alpha": "\u03b1",
    "beta": "\u03b2",
    "gamma": "\u03b3",
    "delta": "\u03b4",
    "epsilon": "\u03b5",
    "zeta": "\u03b6",
    "eta": "\u03b7",
    "theta": "\u03b8",
    "iota": "\u03b9",
    "kappa": "\u03ba",
    "lambda": "\u03bb",
    "mu": "\u03bc",
    "nu": "\u03bd",
    "xi": "\u03be",
    "pi": "\u03c0",
    "rho": "\u03c1",
    "sigma": "\u03c3",
    "tau": "\u03c4",
    "phi": "\u03c6",
    "chi": "\u03c7",
    "psi": "\u03c8",
    "omega": "\u03c9",
    "Gamma": "\u0393",
    "Delta": "\u0394",
    "Theta": "\u0398",
    "Lambda": "\u039b",
    "Sigma": "\u03a3",
    "Phi": "\u03a6",
    "Psi": "\u03a8",
    "Omega": "\u03a9",
}
_COMMANDS.update({letter: f"\\{name} " for name, letter in _GREEK.items()})
_RAISED = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207f"
_LOWERED = "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u208a\u208b"
_RAISED_PLAIN = str.maketrans(_RAISED, "0123456789+-n")
_LOWERED_PLAIN = str.maketrans(_LOWERED, "0123456789+-")
_RAISED_RUN = re.compile(f"[{_RAISED}]+")
_LOWERED_RUN = re.compile(f"[{_LOWERED}]+")
_VULGAR = re.compile("([0-9]+)\u2044([0-9]+)")


def to_latex_characters(text: str) -> str:
    r"""Write a text in ASCII LaTeX as far as it has such a form.

    Superscripts and subscripts become groups, vulgar fractions ``\frac``, symbols their commands, digits and letters of
    other widths and scripts the plain ones; control, zero-width and other format characters vanish, white space of
    every kind becomes a space. What has no such form stays.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _RAISED_RUN.sub(lambda run: f"^{{{run.group().translate(_RAISED_PLAIN)}}}", text)
    text = _LOWERED_RUN.sub(lambda run: f"_{{{run.group().translate(_LOWERED_PLAIN)}}}", text)
    return "".join(map(_character, text))


def _character(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if character in _COMMANDS:
        return _COMMANDS[character]
    if character.isspace():
        return " "
    if unicodedata.category(character) in ("Cc", "Cf"):
        return ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", character)
    if fraction := _VULGAR.fullmatch(plain):
        return f"\\frac{{{fraction.group(1)}}}{{{fraction.group(2)}}}"
    return "".join(_COMMANDS.get(part, part) for part in plain)
