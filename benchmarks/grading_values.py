r"""Are two answers the same value? A second opinion on the grader, by a reader of LaTeX that shares no code with it.

Answers are read by recursive descent and evaluated at 50 digits, variables at values drawn from their names: two
expressions that agree there are equal but for a negligible chance. What cannot be read gives None, never a guess.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import mpmath

DIGITS = 50
CLOSE = mpmath.mpf(10) ** -30
TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d*)?|\.\d+|[^\s]")
NARROW = re.compile(r"\\!\s*")
SMALL = re.compile(r"\\(?:left|right|displaystyle|textstyle|bigl|bigr|big|Big)(?![a-zA-Z])|(?<!\\)\\[,;: ]|~|\$|\\\$")
WORDS = re.compile(
    r"\\(?:text|mbox|textnormal|textbf|mathrm|mathbf|textit)\s*\{([^{}]*)\}(?:(?<=[a-z]\})\s*\^\{?[23]\}?)?"
)
IN_WORDS = re.compile(r"(?:\\(?:text|mbox|textbf|mathrm|textnormal))?\s*\{?\s*\(?([A-Za-z ]{2,}|[A-Z])\)?\s*\}?")
LITERAL = re.compile(r"-?[\dA-F]+_\d+|\d+(?::\d+)+")
CONJUNCTION = re.compile(r",?\s*\\text\s*\{\s*,?\s*(?:and|or)\s*\}")
DEGREES = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\\degree|°")
EXPONENT = re.compile(r"(?<![a-zA-Z\d.])(\d+\.?\d*|\.\d+)[eE]([+-]?\d{1,3})(?![a-zA-Z\d])")
THOUSANDS = re.compile(r"(?<![\d.])\d{1,3}(?:(?:,|\{,\})\d{3})+(?!\d)")
ASSIGNED = re.compile(r"^\s*[a-zA-Z](?:\([a-z]\))?\s*(?:=|\\in(?![a-z]))")
MATRIX = re.compile(r"^\\begin\{([pbv]?matrix)\}(.*)\\end\{\1\}$", re.DOTALL)
PAIRS = {"(": ")", "[": "]", r"\{": r"\}"}
NUMBERS: dict[str, Any] = {r"\pi": mpmath.pi, "π": mpmath.pi, "e": mpmath.e, "i": mpmath.mpc(0, 1)}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    rf"\{name}": getattr(mpmath, {"ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}.get(name, name))
    for name in ("sin", "cos", "tan", "cot", "sec", "csc", "ln", "exp", "arcsin", "arccos", "arctan")
}
Value = tuple[Any, ...]


class UnreadableError(ValueError):
    """The text is not an expression that this reader knows."""


def are_equal(first: str, second: str) -> bool | None:
    """Say whether two answers have the same value, or None where one of them cannot be read.

    A unit, a degree or percent sign, and the name before an equals sign do not count; the order of a list does not
    count either, that of a tuple does. A whole number before a fraction below 1 makes a mixed number.
    """
    with mpmath.workdps(DIGITS):
        try:
            return _agree(read(first), read(second))
        except (UnreadableError, ArithmeticError, ValueError, TypeError, IndexError, RecursionError):
            return None


def read(text: str) -> Value:
    """Return a value as nested tuples, the kind first: number, words, list, relation, or what its brackets are.

    Raises:
        UnreadableError: the text is something else.
    """
    plain = SMALL.sub(" ", NARROW.sub("", text)).strip().rstrip(".,").strip()
    if words := IN_WORDS.fullmatch(plain):
        return ("words", "".join(words[1].lower().split()))
    if literal := LITERAL.fullmatch(plain.replace("{", "").replace("}", "").replace(" ", "")):
        return ("words", literal[0])
    plain = (
        DEGREES.sub("", WORDS.sub(" ", CONJUNCTION.sub(",", plain)))
        .replace(r"\%", "")
        .replace("%", "")
        .replace("\u2212", "-")
    )
    plain = THOUSANDS.sub(lambda found: re.sub(r"[^\d]", "", found[0]), plain)
    plain = EXPONENT.sub(r"(\1*10^{\2})", plain)
    plain = re.sub(r"\\[dtc]frac", r"\\frac", ASSIGNED.sub("", plain)).strip()
    return _structure(plain)


def _structure(text: str) -> Value:
    tokens = TOKEN.findall(text)
    if not tokens or "_" in tokens:
        raise UnreadableError(text)
    if matrix := MATRIX.match(text):
        rows = [row.split("&") for row in re.split(r"\\\\(?:\[[^]]*\])?", matrix[2])]
        return ("matrix", *(tuple(_structure(cell) for cell in row) for row in rows))
    for kind, separator in (("union", r"\cup"), ("list", ","), ("relation", "=")):
        parts = _split(tokens, separator)
        if len(parts) > 1:
            return (kind, *(_structure(" ".join(part)) for part in parts))
    closing = PAIRS.get(tokens[0])
    inside = _split(tokens[1:-1], ",")
    if closing and tokens[-1] in (")", "]", r"\}") and (len(inside) > 1 or tokens[0] == r"\{"):
        return (
            "list" if tokens[0] == r"\{" else tokens[0] + tokens[-1],
            *(_structure(" ".join(part)) for part in inside),
        )
    if re.fullmatch(r"[-+]?\s*\\infty", text):
        return ("infinity", "-" in text)
    return ("number", Expression(tokens).value())


def _split(tokens: Sequence[str], separator: str) -> list[list[str]]:
    """Split at a token outside all brackets."""
    parts: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token in ("(", "[", "{", r"\{")) - (token in (")", "]", "}", r"\}"))
        if token == separator and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _agree(first: Value, second: Value) -> bool:
    if first[0] != second[0] or len(first) != len(second):
        return False
    kind = first[0]
    if kind == "number":
        return bool(abs(first[1] - second[1]) <= CLOSE * max(1, abs(first[1])))
    if kind in ("words", "infinity"):
        return first[1] == second[1]
    if kind == "matrix":
        return all(
            len(one) == len(other) and all(map(_agree, one, other))
            for one, other in zip(first[1:], second[1:], strict=True)
        )
    if kind == "relation":
        sides = [value[1] - value[2] for value in (_sides(first), _sides(second))]
        return _agree(("number", sides[0]), ("number", sides[1])) or _agree(("number", sides[0]), ("number", -sides[1]))
    rest = list(second[1:])
    if kind in ("list", "union"):
        for one in first[1:]:
            match = next((place for place, other in enumerate(rest) if _agree(one, other)), None)
            if match is None:
                return False
            del rest[match]
        return True
    return all(map(_agree, first[1:], rest))


def _sides(relation: Value) -> Value:
    if len(relation) != 3 or {relation[1][0], relation[2][0]} != {"number"}:
        raise UnreadableError("a chain of relations")
    return ("sides", relation[1][1], relation[2][1])


class Expression:
    """The value of a list of tokens."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)

    def value(self) -> Any:
        """Read all tokens."""
        found = self.sum()
        if self.tokens:
            raise UnreadableError(self.tokens)
        return found

    def next(self) -> str:
        """Return the token that follows, or ""."""
        return self.tokens[0] if self.tokens else ""

    def take(self, *wanted: str) -> str:
        """Take the next token, which must be among those wanted where any are."""
        if not self.tokens or (wanted and self.tokens[0] not in wanted):
            raise UnreadableError(self.tokens)
        return self.tokens.pop(0)

    def sum(self) -> Any:
        """Read terms with signs between them."""
        total = self.product()
        while self.next() in ("+", "-"):
            total = total + self.product() if self.take() == "+" else total - self.product()
        return total

    def product(self) -> Any:
        """Read factors; those without a sign between them are multiplied."""
        if self.next() in ("+", "-"):
            return self.product() if self.take() == "+" else -self.product()
        total, last = self.power(), ""
        while self.next() and self.next() not in ("+", "-", ")", "]", "}", "|", r"\}"):
            sign = self.take() if self.next() in ("*", "/", r"\cdot", r"\times", r"\div") else ""
            mixed = not sign and last == "" and self.next() == r"\frac" and total == int(mpmath.re(total))
            factor = self.power()
            if mixed and 0 < mpmath.re(factor) < 1 and mpmath.im(factor) == 0:
                total, last = total + factor, "x"
            else:
                total, last = (total / factor if sign in ("/", r"\div") else total * factor), "x"
        return total

    def power(self) -> Any:
        """Read a factor with its factorial and its exponent."""
        base = self.factor()
        while self.next() == "!":
            self.take()
            base = mpmath.factorial(base)
        if self.next() == "^":
            self.take()
            exponent = self.argument()
            if abs(exponent) > 10**4:
                raise UnreadableError("a huge exponent")
            return mpmath.power(base, exponent)
        return base

    def argument(self) -> Any:
        """Read what TeX would take: a group, a command with its own arguments, or one character."""
        token = self.next()
        if token == "-":
            self.take()
            return -self.argument()
        if re.fullmatch(r"\d\d+", token):
            self.tokens[0] = token[1:]
            return mpmath.mpf(token[0])
        return self.factor()

    def factor(self) -> Any:
        """Read one number, variable, group or command."""
        token = self.take()
        if re.match(r"[\d.]", token):
            return mpmath.mpf(token.rstrip(".") or "x")
        if token in ("(", "{", "[", "|"):
            inner = self.sum()
            self.take({"(": ")", "{": "}", "[": "]", "|": "|"}[token])
            return abs(inner) if token == "|" else inner
        if token in NUMBERS:
            return +NUMBERS[token]
        if token == r"\frac":
            return self.argument() / self.argument()
        if token == r"\sqrt":
            return self.root()
        if token == r"\binom":
            return mpmath.binomial(self.argument(), self.argument())
        if token in FUNCTIONS and self.next() != "^":
            return FUNCTIONS[token](self.power())
        if re.fullmatch(r"[a-zA-Z]|\\(?:alpha|beta|gamma|theta|lambda|mu|omega|phi|tau|hbar)", token):
            return variable(token)
        raise UnreadableError(token)

    def root(self) -> Any:
        """Read what follows a root sign."""
        degree = mpmath.mpf(2)
        if self.next() == "[":
            self.take()
            degree = self.sum()
            self.take("]")
        return mpmath.root(self.argument(), int(degree))


def variable(name: str) -> Any:
    """Return a positive number that depends on the name only."""
    drawn = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")
    return mpmath.mpf(drawn) / mpmath.mpf(2) ** 256 + mpmath.mpf(1) / 2
