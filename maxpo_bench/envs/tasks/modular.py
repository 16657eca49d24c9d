"""Modular arithmetic: remainders of sums, products and powers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from maxpo_bench.envs.tasks.procedural import ProceduralTask, integer_rows


class _Remainder(NamedTuple):
    """An expression and its remainder by a modulus."""

    expression: str
    modulus: int
    value: int


class Modular(ProceduralTask[_Remainder]):
    """Remainders of sums, products and powers.

    ========== =============== ============================= ================= =====
    difficulty expression      numbers                       modulus           share
    ========== =============== ============================= ================= =====
    1          a + b           10 to 99                      11 to 30          0.07
    2          a * b           10 to 99                      21 to 99          0.07
    3          a * b - c       100 to 999                    51 to 99          0.02
    4          a^n             a below the modulus, n to 99  prime, 101 to 499 0.02
    5          a^n + b * c     likewise, n 100 to 999        prime, 503 to 997 0.005
    ========== =============== ============================= ================= =====

    "Share" bounds the most frequent answer's share of 10,000 problems of either split, all that a constant answer
    gets.

    Bases are at least 2 and at most the modulus less 2; exponents are 10 or more at level 4. The answer is the
    remainder from 0 to the modulus less 1, so a congruent number outside that range is wrong. It is read as in
    `answer_text.canonical_integer`. Exchanged operands of a sum or product share a key.
    """

    name = "modular"

    def _draws(self, generator: np.random.Generator) -> Iterator[tuple[str, _Remainder]]:
        read, bounds = _LEVELS[self.difficulty]
        for row in integer_rows(generator, bounds):
            yield read(*row)

    def _write(self, content: _Remainder, generator: np.random.Generator) -> tuple[str, str, dict[str, Any]]:
        expression, modulus, value = content
        power = " (the sign ^ is a power)" if "^" in expression else ""
        question = (
            f"What is the remainder of {expression} when divided by {modulus}{power}? "
            f"Give the answer as one integer from 0 to {modulus - 1}."
        )
        return question, str(value), {"expression": expression, "modulus": modulus}


def _primes(low: int, high: int) -> list[int]:
    return [n for n in range(low, high) if all(n % divisor for divisor in range(2, int(n**0.5) + 1))]


def _sum(a: int, b: int, modulus: int) -> tuple[str, _Remainder]:
    a, b, modulus = a + 10, b + 10, modulus + 11
    return f"{_unordered(a, '+', b)} mod {modulus}", _Remainder(f"{a} + {b}", modulus, (a + b) % modulus)


def _product(a: int, b: int, modulus: int) -> tuple[str, _Remainder]:
    a, b, modulus = a + 10, b + 10, modulus + 21
    return f"{_unordered(a, '*', b)} mod {modulus}", _Remainder(f"{a} * {b}", modulus, a * b % modulus)


def _product_less(a: int, b: int, c: int, modulus: int) -> tuple[str, _Remainder]:
    a, b, c, modulus = a + 100, b + 100, c + 100, modulus + 51
    key = f"{_unordered(a, '*', b)} - {c} mod {modulus}"
    return key, _Remainder(f"{a} * {b} - {c}", modulus, (a * b - c) % modulus)


def _power(a: int, exponent: int, prime: int) -> tuple[str, _Remainder]:
    modulus = _PRIMES_4[prime]
    a, exponent = _below(a, modulus), exponent + 10
    text = f"{a}^{exponent}"
    return f"{text} mod {modulus}", _Remainder(text, modulus, pow(a, exponent, modulus))


def _power_plus(a: int, b: int, c: int, exponent: int, prime: int) -> tuple[str, _Remainder]:
    modulus = _PRIMES_5[prime]
    a, b, c, exponent = _below(a, modulus), _below(b, modulus), _below(c, modulus), exponent + 100
    power = f"{a}^{exponent}"
    value = (pow(a, exponent, modulus) + b * c) % modulus
    return f"{power} + {_unordered(b, '*', c)} mod {modulus}", _Remainder(f"{power} + {b} * {c}", modulus, value)


def _unordered(a: int, operator: str, b: int) -> str:
    return f"{a} {operator} {b}" if a <= b else f"{b} {operator} {a}"


def _below(draw: int, modulus: int) -> int:
    """Return a number from 2 to the modulus less 2, uniform to 1 in 10^9 for a draw below `_WIDE`."""
    return 2 + draw % (modulus - 3)


_WIDE = 2**40
_PRIMES_4 = _primes(101, 500)
_PRIMES_5 = _primes(503, 998)
# For each difficulty: how a problem is read, with the bounds of the integers it is read from.
_LEVELS: dict[int, tuple[Callable[..., tuple[str, _Remainder]], list[int]]] = {
    1: (_sum, [90, 90, 20]),
    2: (_product, [90, 90, 79]),
    3: (_product_less, [900, 900, 900, 49]),
    4: (_power, [_WIDE, 90, len(_PRIMES_4)]),
    5: (_power_plus, [_WIDE, _WIDE, _WIDE, 900, len(_PRIMES_5)]),
}
