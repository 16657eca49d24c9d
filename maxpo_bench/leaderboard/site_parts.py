"""What the pages are put together from: the package's style and scripts, and the content policy that lets them in."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

_COMMENT = re.compile(r"^\s*/\*.*?\*/\s*?\n", flags=re.DOTALL | re.MULTILINE)


@cache
def page_file(name: str) -> str:
    """Return one of the package's page files; with Unix line ends, whatever the checkout made of them."""
    path = files("maxpo_bench") / "leaderboard" / "page" / name
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


def lean(text: str) -> str:
    """Return a style or a script without indentation and comments on lines of their own."""
    return "\n".join(line for line in (part.strip() for part in _COMMENT.sub("", text).split("\n")) if line)


@cache
def style(extra: str = "") -> str:
    """Return the pages' style, without the spaces that a style can do without."""
    return re.sub(r"(?<=[:;,{}]) | (?=[{}])", "", lean(page_file("style.css")).replace("\n", " ")) + "\n" + extra


@cache
def script(*names: str) -> str:
    """Return scripts of the package as one."""
    return "\n".join(lean(page_file(name)) for name in names)


def policy(style: str, script: str) -> str:
    """Return the content policy: nothing but this style, this script and pictures from beside the page.

    ``file:`` is for browsers in which 'self' does not cover a page opened from disk; on a server it allows nothing.
    """
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "img-src 'self' data: file:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
