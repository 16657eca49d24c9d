"""One form for answers that are written differently; applied to gold answers and to a model's answers alike."""

from __future__ import annotations


def normalise(text: str) -> str:
    """Return the canonical form of an answer: a bare LaTeX expression.

    Args:
        text: a gold answer, or the content of a box; at most a thousand characters or so.
    """
    return " ".join(text.replace("\\!", "").split())
