"""Modular arithmetic: remainders of sums, products and powers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from maxpo_bench.envs.tasks.procedural import ProceduralTask


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
        draw = (_sum, _product, _product_less, _power, _power_plus)[self.difficulty - 1]
        while True:
            yield draw(generator)

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


_PRIMES = {4: _primes(101, 500), 5: _primes(503, 998)}


def _sum(generator: np.random.Generator) -> tuple[str, _Remainder]:
    first, second = generator.integers(10, 100, size=2).tolist()
    modulus = int(generator.integers(11, 31))
    low, high = sorted((first, second))
    return f"{low} + {high} mod {modulus}", _Remainder(f"{first} + {second}", modulus, (first + second) % modulus)


def _product(generator: np.random.Generator) -> tuple[str, _Remainder]:
    first, second = generator.integers(10, 100, size=2).tolist()
    modulus = int(generator.integers(21, 100))
    low, high = sorted((first, second))
    return f"{low} * {high} mod {modulus}", _Remainder(f"{first} * {second}", modulus, first * second % modulus)


def _product_less(generator: np.random.Generator) -> tuple[str, _Remainder]:
    first, second, third = generator.integers(100, 1000, size=3).tolist()
    modulus = int(generator.integers(51, 100))
    low, high = sorted((first, second))
    value = (first * second - third) % modulus
    return f"{low} * {high} - {third} mod {modulus}", _Remainder(f"{first} * {second} - {third}", modulus, value)


def _power(generator: np.random.Generator) -> tuple[str, _Remainder]:
    modulus = _PRIMES[4][generator.integers(len(_PRIMES[4]))]
    base = int(generator.integers(2, modulus - 1))
    exponent = int(generator.integers(10, 100))
    text = f"{base}^{exponent}"
    return f"{text} mod {modulus}", _Remainder(text, modulus, pow(base, exponent, modulus))


def _power_plus(generator: np.random.Generator) -> tuple[str, _Remainder]:
    modulus = _PRIMES[5][generator.integers(len(_PRIMES[5]))]
    base, first, second = generator.integers(2, modulus - 1, size=3).tolist()
    exponent = int(generator.integers(100, 1000))
    low, high = sorted((first, second))
    value = (pow(base, exponent, modulus) + first * second) % modulus
    power = f"{base}^{exponent}"
    return f"{power} + {low} * {high} mod {modulus}", _Remainder(f"{power} + {first} * {second}", modulus, value)
