r"""One spelling for LaTeX that means the same: commands, arguments, groups, spaces, brackets.

A single pass over the tokens with a stack of open groups, so that the time is linear and nesting costs no recursion.
"""

from __future__ import annotations

import re

from maxpo_bench.envs.tasks.grading.commands import (
    BARE_WORDS,
    FUNCTIONS,
    LAYOUT,
    SCALES,
    SPACING,
    SYNONYMS,
    TEXT,
    WITH_ARGUMENTS,
    split_command,
)

_TOKENS = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+|[A-Za-z]+|\s+|.", re.DOTALL)
_DOUBLED = re.compile(r"\\\\(?=[A-Za-z])")  # a backslash escaped once too often
_MATRICES = frozenset({"pmatrix", "bmatrix", "Bmatrix", "matrix", "smallmatrix", "array"})
_SEPARATORS = frozenset({",", ", ", "&", "\\\\"})
_CONJUNCTIONS = frozenset({"and", "or", ""})
_UNITS_ALIKE = frozenset({*"mghslJNWVKL", "min"})  # units after a number, else letters or functions
_LISTED = re.compile(r"[,;]| and | or ")
_NUMBERED = re.compile(r"([0-9][0-9:.,]*+) *([^0-9]*)")
_SIZED = re.compile(r"\\(?:left|right)(?![A-Za-z])")
_NO_MARKUP = str.maketrans({"$": "", "{": "", "}": "", "\\": " ", "~": " "})


def canonical_latex(text: str) -> str:
    """Return LaTeX with one spelling for what looks and means the same.

    Args:
        text: LaTeX in ASCII as far as possible.
    """
    in_matrix = "\\begin" in text
    if not in_matrix:
        text = _DOUBLED.sub(r"\\", text)
    return _Writer(_TOKENS.findall(text), in_matrix).run()


class _Writer:
    """Reads tokens and writes canonical ones.

    `groups` holds what closes each open group; `awaited[-1]` counts the arguments that the last command at this level
    still takes.
    """

    def __init__(self, tokens: list[str], in_matrix: bool) -> None:
        self.tokens = tokens[::-1]  # a stack: the next token is the last
        self.in_matrix = in_matrix
        self.out: list[str] = []
        self.groups: list[str] = []
        self.awaited = [0]

    def run(self) -> str:
        while self.tokens:
            self.step(self.tokens.pop())
        return "".join(self.out)

    def step(self, token: str) -> None:
        if token.isspace():
            self.space()
        elif token[0] == "\\" and token[1:2].isalpha():
            self.command(token[1:])
        elif token[0] == "\\" and len(token) == 2:
            self.escape(token)
        elif token == "{":
            self.open()
        elif token == "}":
            self.close()
        elif token in "^_":
            self.script(token)
        elif token.isalpha() and token.isascii():
            self.letters(token)
        elif token[0] in "0123456789":
            self.digits(token)
        else:
            self.character(token)

    def emit(self, token: str) -> None:
        """Write one token; it is the argument where one is awaited."""
        if self.awaited[-1] > 0:
            self.awaited[-1] -= 1
            token = f"{{{token}}}"
        if token[0].isalpha() and self.out and _ends_in_command(self.out[-1]):
            self.out.append(" ")
        self.out.append(token)

    def peek(self) -> str:
        """Return the next token that is no space, and drop the spaces before it; empty at the end."""
        while self.tokens and self.tokens[-1].isspace():
            self.tokens.pop()
        return self.tokens[-1] if self.tokens else ""

    def space(self) -> None:
        following = self.peek()
        last = self.out[-1][-1:] if self.out else ""
        if following[:1].isdigit() and last.isdigit():
            self.out.append(" ")
        elif len(following) > 1 and following.isalpha() and last.isalpha() and len(self.out[-1]) > 1:
            self.out.append(" ")

    def command(self, name: str) -> None:
        name, rest = split_command(name)
        if rest:
            self.tokens.append(rest)
        if name in LAYOUT:
            if name in ("left", "right") and self.peek() == ".":
                self.tokens.pop()
        elif name in SPACING:
            self.take_group()
        elif name in TEXT:
            self.text(font=name.startswith("math") or name in ("bm", "boldsymbol", "bold"))
        elif name == "unit":
            self.out.append(f"\\unit{{{self.take_group()}}}")
        elif name in ("begin", "end"):
            self.environment(name)
        elif name in SYNONYMS and SYNONYMS[name] != f"\\{name}":
            self.tokens.extend(reversed(_TOKENS.findall(SYNONYMS[name])))
        elif name in WITH_ARGUMENTS:
            self.with_arguments(name)
        elif name in FUNCTIONS:
            self.function(name)
        elif name == "degree":
            self.out.append("\\degree ")
        else:
            self.emit(f"\\{name}")

    def with_arguments(self, name: str) -> None:
        if self.awaited[-1] > 0:
            # As an argument itself (\frac\sqrt{2}{3}) the command cannot be told from its own arguments: leave it.
            self.awaited[-1] -= 1
        self.out.append(f"\\{name}")
        if name == "sqrt" and self.peek() == "[":
            while self.tokens:
                token = self.tokens.pop()
                if not token.isspace():
                    self.out.append(token)
                if token == "]":
                    break
        if name == "sqrt" and self.peek() == "(":
            self.bracket_to_group()
        self.awaited[-1] = WITH_ARGUMENTS[name]

    def function(self, name: str) -> None:
        self.emit(f"\\{name}")
        if self.peek() == "{":
            self.tokens.pop()
            self.out.append("(")
            self.groups.append(")")
            self.awaited.append(0)

    def escape(self, token: str) -> None:
        following = token[1]
        if following in "!,;: />":
            self.thin_space(following)
        elif self.in_matrix and (following == "-" or following.isdigit()):
            self.out.append("\\\\")
            self.tokens.append(following)
        elif following in '()[]"' or (following == "\\" and not self.in_matrix):
            return  # marks of mathematics, and line breaks
        elif following in "#&":
            self.emit(following)
        else:
            self.emit(token)

    def thin_space(self, kind: str) -> None:
        """Drop a space, and with it the comma before it where both group the digits of one number."""
        if not self.peek()[:1].isdigit() or not self.out:
            return
        if self.out[-1] == "," and kind == "!" and self.out[-2:-1] and self.out[-2][-1:].isdigit():
            self.out.pop()
        elif self.out[-1][-1:].isdigit() and kind != "!":
            self.out.append(" ")

    def open(self) -> None:
        if self.awaited[-1] > 0:
            self.awaited[-1] -= 1
            self.out.append("{")
            self.groups.append("}")
        elif self.peek() == "," and self.tokens[-2:-1] == ["}"]:
            del self.tokens[-2:]  # {,} groups thousands
            if len(self.peek()) != 3:
                self.separate()
            return
        else:
            self.groups.append("")
        self.awaited.append(0)

    def close(self) -> None:
        if not self.groups:
            return
        self.awaited.pop()
        closing = self.groups.pop()
        if closing:
            self.out.append(closing)

    def script(self, token: str) -> None:
        following = self.peek()
        if token == "^" and (following == "\\circ" or self.tokens[-3:] == ["}", "\\circ", "{"]):
            del self.tokens[-1 if following == "\\circ" else -3 :]
            self.out.append("\\degree ")
            return
        self.out.append(token)
        if following == "(":
            self.bracket_to_group()
        elif following in ("-", "+") and self.tokens[-2:-1] and self.tokens[-2].isalnum():
            sign, number = self.tokens.pop(), self.tokens.pop()
            self.tokens.extend(["}", number, sign, "{"])
        self.awaited[-1] = 1

    def letters(self, token: str) -> None:
        if self.awaited[-1] > 0 and len(token) > 1:
            self.tokens.append(token[1:])
            token = token[0]
        replacement = BARE_WORDS.get(token if len(token) > 3 else token.lower()) if len(token) > 1 else None
        if token.lower() in SCALES and self.out and self.out[-1][-1] in "0123456789})":
            self.scale(token.lower())
        elif replacement is None:
            self.emit(token)
        else:
            self.tokens.append(replacement)

    def digits(self, token: str) -> None:
        fraction = self.awaited[-1] > 0 and self.out[-1] not in ("^", "_", "\\sqrt", "]")
        if fraction and len(token) > 1:
            self.tokens.append(token[1:])
            token = token[0]
        self.emit(token)

    def character(self, token: str) -> None:
        if token in '$"`':
            return
        if token in "<>" and self.peek() == "=":
            self.tokens.pop()
            token = "\\le" if token == "<" else "\\ge"
        elif token == "!" and self.peek() == "=":
            self.tokens.pop()
            token = "\\ne"
        elif token == "*":
            token = "\\cdot"
        elif token == "%":
            token = "\\%"
        elif token == "~":
            return
        elif token == "'":
            self.out.append("^{\\prime}")
            return
        elif token in ",;":
            spaced = bool(self.tokens) and self.tokens[-1].isspace()
            if token == ";" or (spaced and self.peek() != "\\!"):
                self.separate()
                return
        self.emit(token)

    def bracket_to_group(self) -> None:
        """Turn the parenthesis that follows into a group, where it closes."""
        depth = 0
        for position in range(len(self.tokens) - 1, -1, -1):
            depth += {"(": 1, ")": -1}.get(self.tokens[position], 0)
            if depth == 0:
                self.tokens[position], self.tokens[-1] = "}", "{"
                return

    def take_group(self) -> str:
        """Remove the group or the token that follows and return its text."""
        if self.peek() != "{":
            return self.tokens.pop() if self.tokens else ""
        depth, taken = 0, []
        while self.tokens:
            token = self.tokens.pop()
            depth += {"{": 1, "}": -1}.get(token, 0)
            taken.append(token)
            if depth == 0:
                break
        return "".join(taken[1:-1] if depth == 0 else taken[1:])

    def environment(self, name: str) -> None:
        environment = self.take_group().strip()
        if name == "begin" and environment == "array" and self.peek() == "{":
            self.take_group()
        if name == "end" and self.out and self.out[-1] == "\\\\":
            self.out.pop()
        self.emit(f"\\{name}{{{'pmatrix' if environment in _MATRICES else environment}}}")

    def text(self, font: bool) -> None:
        r"""Read the group of \\text or of a font: mathematics, a conjunction, a list, or words."""
        raw = self.take_group()
        if font and ("\\" in raw or "^" in raw or "_" in raw):
            self.tokens.extend(reversed(_TOKENS.findall(raw)))
            return
        content = " ".join(_SIZED.sub("", raw).translate(_NO_MARKUP).split()).rstrip(" .")
        if content.strip(" ,;").lower() in _CONJUNCTIONS:
            if content:
                self.separate()
            return
        first, *others = [part.strip() for part in _LISTED.split(content)]
        for part in reversed(others):
            self.tokens.extend(["}", part, "{", "\\text", " ", ","])
        self.words(first)

    def words(self, content: str) -> None:
        """Write one text: a number with what it counts, a function, a letter, or words."""
        if content in _UNITS_ALIKE and self.out and self.out[-1][-1] in "0123456789})":
            self.emit(f"\\text{{{content}}}")
            return
        content = content.replace(".", "") if content[-1:].isalpha() else content
        if not content:
            return
        letter = content.strip("() ")
        numbered = _NUMBERED.fullmatch(content)
        scale, _, rest = content.partition(" ")
        if scale.lower() in SCALES and self.out and self.out[-1][-1] in "0123456789})":
            if rest:
                self.tokens.extend(["}", rest, "{", "\\text"])
            self.scale(scale.lower())
        elif content in FUNCTIONS or content in BARE_WORDS:
            self.tokens.append(BARE_WORDS.get(content, f"\\{content}"))
        elif len(letter) == 1 or not any(map(str.isalpha, content)):
            self.tokens.extend(reversed(_TOKENS.findall(letter if len(letter) == 1 else content)))
        elif numbered:
            self.tokens.extend(["}", numbered.group(2), "{", "\\text", *reversed(_TOKENS.findall(numbered.group(1)))])
        else:
            self.emit(f"\\text{{{content}}}")

    def scale(self, name: str) -> None:
        """Write "million" after a number as a power of ten."""
        self.tokens.extend(reversed(_TOKENS.findall(f"\\cdot10^{{{SCALES[name]}}}")))

    def separate(self) -> None:
        """Write a separator of list elements, once."""
        if self.out and self.out[-1] not in _SEPARATORS:
            self.out.append(", ")


def _ends_in_command(token: str) -> bool:
    return token[0] == "\\" and token[-1].isalpha()
