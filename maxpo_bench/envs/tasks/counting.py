"""Counting: how often a letter, a word or a colour occurs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from maxpo_bench.envs.tasks.procedural import ProceduralTask, integer_rows

LEVELS = {1: (12, 11), 2: (25, 19), 3: (50, 39), 4: (100, 79), 5: (200, 159)}

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORDS = (
    "band bank barn bean bear beat bell belt boat bolt bone book card care cart case coal coat cold corn dark dart "
    "dish dusk farm film fire firm fish foam fork form gate goat gold grid hall hand hard hill lake lamp land lane"
).split()
_COLOURS = "red blue green black white brown grey pink".split()
_NOUNS = "cup pen hat box key ball chair spoon".split()
_NUM_TOKENS = 6
_ALIKE = {parts: np.full(parts, 1 / parts) for parts in (4, 5, 8)}


class _Items(NamedTuple):
    """What is asked for, how often it occurs, and every item that is shown with its number."""

    kind: str
    target: str
    occurrences: int
    shown: list[tuple[str, int]]


class Counting(ProceduralTask[_Items]):
    """Count a letter in a string, a word in a list, or the things of one colour in a list.

    ========== ===== ========= =====
    difficulty items answer    share
    ========== ===== ========= =====
    1          12    0 to 11   0.10
    2          25    0 to 19   0.06
    3          50    0 to 39   0.03
    4          100   0 to 79   0.02
    5          200   0 to 159  0.01
    ========== ===== ========= =====

    "Share" bounds the most frequent answer's share of 10,000 problems of either split, all that a constant answer
    gets.

    The three kinds of question are equally frequent, and so are the answers of a level. What is asked for is mixed with
    five other letters or words, or with things of two other colours. Problems with the same items in another order
    share a key. The answer is an integer as in
    `answer_text.canonical_integer`.
    """

    name = "counting"

    def _draws(self, generator: np.random.Generator) -> Iterator[tuple[str, _Items]]:
        num_items, largest = LEVELS[self.difficulty]
        letters = integer_rows(generator, range(len(_LETTERS), len(_LETTERS) - _NUM_TOKENS, -1))
        words = integer_rows(generator, range(len(_WORDS), len(_WORDS) - _NUM_TOKENS, -1))
        things = integer_rows(generator, [8, 7, 6, 8, 7, 6, 5])
        for kind, count in integer_rows(generator, [3, largest + 1]):
            others = num_items - count
            if kind == 0:
                items = _draw_tokens("letter", _LETTERS, next(letters), count, _share_out(generator, others, 5))
            elif kind == 1:
                items = _draw_tokens("word", _WORDS, next(words), count, _share_out(generator, others, 5))
            else:
                numbers = [*_share_out(generator, count, 4), *_share_out(generator, others, 8)]
                items = _draw_things(next(things), count, numbers)
            shown = ",".join(sorted([f"{item}*{number}" for item, number in items.shown]))
            yield f"{items.kind}|{items.target}|{shown}", items

    def _write(self, content: _Items, generator: np.random.Generator) -> tuple[str, str, dict[str, Any]]:
        items = [item for item, number in content.shown for _ in range(number)]
        order = [items[position] for position in generator.permutation(len(items)).tolist()]
        metadata = {"kind": content.kind, "target": content.target, "num_items": len(items)}
        return f"{_ask(content, order)} Give the answer as one integer.", str(content.occurrences), metadata


def _ask(content: _Items, order: Sequence[str]) -> str:
    if content.kind == "letter":
        return f'How many times does the letter "{content.target}" appear in "{"".join(order)}"?'
    if content.kind == "word":
        return f'How many times does the word "{content.target}" appear in this list: {", ".join(order)}?'
    return f"How many of these things are {content.target}: {', '.join(order)}?"


def _draw_tokens(kind: str, vocabulary: Sequence[str], picks: list[int], count: int, others: list[int]) -> _Items:
    """Draw a letter or word that occurs ``count`` times, and the others around it."""
    tokens = _pick(vocabulary, picks)
    return _Items(kind, tokens[0], count, _present(tokens, [count, *others]))


def _draw_things(picks: list[int], count: int, numbers: list[int]) -> _Items:
    """Draw things of one colour, ``count`` in all, and things of two other colours with the same nouns."""
    colours, nouns = _pick(_COLOURS, picks[:3]), _pick(_NOUNS, picks[3:])
    return _Items("colour", colours[0], count, _present([f"{c} {noun}" for c in colours for noun in nouns], numbers))


def _pick(vocabulary: Sequence[str], picks: list[int]) -> list[str]:
    """Take entries one after the other, each by its place among those that are left."""
    left = list(vocabulary)
    return [left.pop(place) for place in picks]


def _share_out(generator: np.random.Generator, total: int, parts: int) -> list[int]:
    """Return how many of ``total`` items fall on each of ``parts`` equally likely kinds."""
    return generator.multinomial(total, _ALIKE[parts]).tolist()


def _present(items: list[str], numbers: list[int]) -> list[tuple[str, int]]:
    return [(item, number) for item, number in zip(items, numbers, strict=True) if number]
