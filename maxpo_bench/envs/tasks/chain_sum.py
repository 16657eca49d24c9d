"""Chain sums: arithmetic with several terms."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import prod
from typing import Any, NamedTuple

import numpy as np

from maxpo_bench.envs.tasks.procedural import ProceduralTask, integer_rows


class _Level(NamedTuple):
    """Sizes of one difficulty: plain terms and products, and the largest number in each."""

    plain: int
    largest: int
    products: int
    largest_factor: int


LEVELS = {
    1: _Level(plain=2, largest=99, products=0, largest_factor=0),
    2: _Level(plain=3, largest=99, products=0, largest_factor=0),
    3: _Level(plain=5, largest=999, products=0, largest_factor=0),
    4: _Level(plain=3, largest=99, products=1, largest_factor=20),
    5: _Level(plain=4, largest=999, products=3, largest_factor=99),
}

Terms = list[tuple[int, ...]]


class ChainSum(ProceduralTask[Terms]):
    """Add, subtract and, at the higher levels, multiply, with the usual precedence.

    ========== =================== ==================== =====
    difficulty terms               numbers              share
    ========== =================== ==================== =====
    1          2                   1 to 99              0.015
    2          3                   1 to 99              0.008
    3          5                   1 to 999             0.002
    4          4, one a product    1 to 99, factors 20  0.005
    5          7, three products   1 to 999, factors 99 0.001
    ========== =================== ==================== =====

    "Share" bounds the most frequent answer's share of 10,000 problems of either split, all that a constant answer
    gets. Level 1 has some 14,700 different problems, a tenth of them in the test split; the others have millions.

    Factors are 2 or more. The first term is added; the others are added or subtracted with equal probability. Problems
    with the same signed terms, in any order, share a key. The answer is an integer as in
    `answer_text.canonical_integer`.
    """

    name = "chain_sum"

    def _draws(self, generator: np.random.Generator) -> Iterator[tuple[str, Terms]]:
        level = LEVELS[self.difficulty]
        count = level.plain + level.products
        placements = list(combinations(range(count), level.products))
        bounds = [len(placements), *[level.largest] * level.plain, *[level.largest_factor - 1] * (2 * level.products)]
        for placement, *drawn in integer_rows(generator, bounds + [2] * (count - 1)):
            numbers, factors = drawn[: level.plain], drawn[level.plain : 1 - count]
            terms: Terms = [(number + 1,) for number in numbers]
            for position, first, second in zip(placements[placement], factors[::2], factors[1::2], strict=True):
                terms.insert(position, (first + 2, second + 2))
            signs = [1, *(2 * sign - 1 for sign in drawn[1 - count :])]
            signed: Terms = [(sign, *term) for sign, term in zip(signs, terms, strict=True)]
            yield str(sorted((sign, *sorted(term)) for sign, *term in signed)), signed

    def _write(self, content: Terms, generator: np.random.Generator) -> tuple[str, str, dict[str, Any]]:
        chain = "".join(_signed_text(*term) for term in content).removeprefix(" + ")
        total = sum(prod(term) for term in content)
        metadata = {"expression": chain, "num_terms": len(content)}
        return f"What is {chain}? Give the answer as one integer.", str(total), metadata


def _signed_text(sign: int, *factors: int) -> str:
    return f" {'+' if sign > 0 else '-'} {' * '.join(map(str, factors))}"
