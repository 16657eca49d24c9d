r"""What a completion answers: the content of its last ``\boxed{...}``.

The reward path reads boxes and nothing else: unboxed text never earns a reward. The markers of other data sets
(``####`` of GSM8K, ``A:`` of the outputs published with it) are for evaluation alone, where `box_answer` makes a box of
what they mark. Every function takes time linear in the length of the text, whatever the text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_THINK_OPEN = "<think>"
_THINK_CLOSE = "</think>"
_BOX = "\\boxed"
# An escaped character is one token, so that \{ and \} neither open nor close a group; a doubled backslash before
# "boxed" is the escape of some other format (JSON), not a line break. Possessive repetition: white space is never given
# back, so that a long run of it is read once.
_TOKENS = re.compile(
    r"\\boxed\s*+(?:(\{)|(?<=\s)(\d++(?:\.\d++)?|[A-Za-z](?![A-Za-z])))?|\\(?=\\boxed)|\\.|[{}]", re.DOTALL
)


class _Box(NamedTuple):
    """Where a box begins, and where its content begins and ends."""

    start: int
    first: int
    end: int


def extract_boxed(completion: str) -> str | None:
    r"""Return the content of the last box of a completion.

    A box is ``\boxed`` with a balanced group in braces (``\{`` and ``\}`` are characters, not braces), or followed by
    white space and a number or a single letter without braces (``\boxed 5``, which some human solutions write). A box
    inside another belongs to the outer one; a box that never closes is not a box. ``\fbox`` is not one either: no
    solution of MATH answers with it.

    Thinking does not count: a box must begin after the last ``</think>``. With a ``<think>`` that is still open at the
    end there is no answer.

    Args:
        completion: a model's whole text.

    Returns:
        The content without surrounding white space, possibly empty; None where there is no box to read.
    """
    start = completion.rfind(_THINK_CLOSE) + 1
    if completion.find(_THINK_OPEN, start) >= 0:
        return None
    boxes = _boxes(completion, start)
    return completion[boxes[-1].first : boxes[-1].end].strip() if boxes else None


def extract_boxes(text: str) -> list[str]:
    r"""Return the contents of all boxes in order, without the boxes inside boxes; for solutions with several answers.

    The several-box rule: the answer of a human solution is its last box, as it is of a completion. In MATH the earlier
    boxes repeat that answer in another form, hold an intermediate result, or hold another part of an answer of which
    the data set's gold keeps the last part.
    """
    return [text[box.first : box.end].strip() for box in _boxes(text, 0)]


def extract_after(text: str, marker: str) -> str | None:
    """Return the rest of the line after the last occurrence of a data set's answer marker; evaluation only.

    Args:
        text: a solution or an output.
        marker: what precedes the answer, such as "####" or "A:".

    Returns:
        The marked text without surrounding white space, None where the marker does not occur or marks nothing.

    Raises:
        ValueError: the marker is empty.
    """
    if not marker:
        raise ValueError('marker is empty: give the text before the answer, such as "####"')
    position = text.rfind(marker)
    if position < 0:
        return None
    return text[position + len(marker) :].partition("\n")[0].strip() or None


def box_answer(text: str, *markers: str) -> str:
    r"""Return a completion the grader reads: the marked answer in a box, or the text unchanged where it is not marked.

    Evaluation of outputs in a data set's own format only; a reward must never use it.

    Args:
        text: a solution or an output.
        markers: tried in order; "####" and "A:" where none is given.
    """
    for marker in markers or ("####", "A:"):
        answer = extract_after(text, marker)
        if answer is not None:
            return f"\\boxed{{{answer}}}"
    return text


def _boxes(text: str, start: int) -> list[_Box]:
    """Return the balanced outermost boxes that begin at or after `start`."""
    first = text.find(_BOX, start)
    if first < 0:
        return []
    boxes: list[_Box] = []
    groups: list[tuple[int, int] | None] = []  # open groups: (start, content start) of a box, None for plain braces
    for token in _TOKENS.finditer(text, first):
        kind = token.group()
        if kind == "}":
            if groups and (opened := groups.pop()) is not None:
                _close(boxes, _Box(*opened, token.start()))
        elif kind == "{":
            groups.append(None)
        elif token.group(1):
            groups.append((token.start(), token.end()))
        elif token.group(2):
            boxes.append(_Box(token.start(), *token.span(2)))
    return boxes


def _close(boxes: list[_Box], box: _Box) -> None:
    """Add a box that has closed in place of the boxes inside it."""
    while boxes and boxes[-1].start > box.start:
        boxes.pop()
    boxes.append(box)
