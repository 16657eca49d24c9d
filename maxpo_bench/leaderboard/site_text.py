"""Texts that somebody else wrote, made safe for the page; names of entries as names of files."""

from __future__ import annotations

import hashlib
import html
import re

ENTRIES = "entries"
"""The folder of the pages of single entries."""
_LINK = re.compile(r"(https?://[^\s<>\"'`\\]+[\w/#=&]|\barXiv[: ]?\d{4}\.\d{4,5}\b)", re.IGNORECASE)
_ARXIV = re.compile(r"arXiv[: ]?([\d.]+)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}")


def escape(text: str) -> str:
    """Return a text that is safe inside an element or a quoted attribute."""
    return html.escape(text, quote=True)


def with_links(text: str) -> str:
    """Return an escaped text in which http(s) addresses and arXiv numbers are links; no other scheme ever is."""
    parts = _LINK.split(text)
    return "".join(_link(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def badge(word: str, sign: str = "") -> str:
    """Return the badge of a certificate's kind or of a status; its class is the first letter, x of disputed."""
    letter = "x" if word == "disputed" else word[:1]
    return f"<em class={letter}>{sign} {word}</em>" if sign else f"<em class={letter}>{word}</em>"


def breakable(name: str) -> str:
    """Return an escaped name; a long one may break after an underscore."""
    return escape(name).replace("_", "_<wbr>") if len(name) > 18 else escape(name)


def page_of(name: str) -> str:
    """Return the file name of an entry's own page: its name, or a digest where that is no safe file name."""
    if _PLAIN_NAME.fullmatch(name) and name != "index":
        return f"{name}.html"
    return f"entry-{hashlib.sha256(name.encode()).hexdigest()[:16]}.html"


def _link(found: str) -> str:
    number = _ARXIV.fullmatch(found)
    target = f"https://arxiv.org/abs/{number[1]}" if number else found
    return f'<a href="{escape(target)}">{escape(found)}</a>'
