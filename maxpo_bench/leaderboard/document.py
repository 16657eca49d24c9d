"""A short document of sections with paragraphs, facts and tables, written for a terminal or as Markdown.

Texts are plain: none of them is ever read as markup, whoever wrote it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Facts:
    """Names with their values, one pair a line.

    Args:
        rows: (name, value).
    """

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Grid:
    """A table.

    Args:
        columns: headings.
        rows: cells, one for each column.
        words: columns that hold words; the others hold numbers, and stand flush right.
        expendable: columns that a narrow terminal goes without, the first one first.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[str] = ()
    expendable: Sequence[str] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row must have one cell for each of {len(self.columns)} columns, got {list(row)}")
        for name in (*self.words, *self.expendable):
            if name not in self.columns:
                raise ValueError(f"{name!r} is no column of {list(self.columns)}")


@dataclass(frozen=True)
class Command:
    """A line to be typed into a shell."""

    text: str


Block = str | Facts | Grid | Command


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it; a string is a paragraph."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A title with a lead and sections."""

    title: str
    lead: str = ""
    sections: Sequence[Section] = field(default_factory=tuple)


def visible(text: str) -> str:
    """Return a text on one line in which control, format and surrogate characters are replaced by U+FFFD.

    They could colour or overwrite a terminal, or turn the direction of writing.
    """
    line = " ".join(text.split())
    return "".join("\ufffd" if unicodedata.category(each) in ("Cc", "Cf", "Cs") else each for each in line)


def bar(share: float, width: int = 20) -> str:
    """Return a bar of block characters; a share above 0 shows at least an eighth of a block.

    Args:
        share: in [0, 1]; what lies outside is cut.
        width: characters of a full bar.
    """
    share = min(max(share, 0.0), 1.0)
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
