"""Frozen suites: which bandits and which maze an estimator is scored on. A change of anything here needs a new name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.registry import Registry
from maxpo_bench.seeding import derive_seed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """A kind of random bandit.

    Attributes:
        make: draws (arm rewards [A], logits [A]) for a number of arms.
        domain: "binary" if all rewards are 0 or 1, else "real".
        summary: one line for the documentation of a suite.
    """

    make: Callable[[np.random.Generator, int], tuple[Array, Array]]
    domain: str
    summary: str


def _gaussian(rng: np.random.Generator, num_arms: int) -> tuple[Array, Array]:
    return rng.standard_normal(num_arms), rng.standard_normal(num_arms)


def _conflict(rng: np.random.Generator, num_arms: int) -> tuple[Array, Array]:
    # Two safe arms pay about 0.7 and hold half of the probability; the others gamble: two in five of them, by
    # probability, pay 1 and the rest 0. The mean reward wants the safe arms, the maximum of K wants the gamble.
    rewards = np.zeros(num_arms)
    rewards[:2] = 0.7 + 0.02 * rng.standard_normal(2)
    rewards[2 : 2 + max(1, (num_arms - 2) // 2)] = 1.0
    logits = 0.3 * rng.standard_normal(num_arms)
    for arms, share in ((rewards == 0, 0.3), (rewards == 1, 0.2), ((rewards > 0) & (rewards < 1), 0.5)):
        logits[arms] += np.log(share / np.exp(logits[arms]).sum())
    order = rng.permutation(num_arms)
    return rewards[order], logits[order]


def _binary_with_rate(rng: np.random.Generator, num_arms: int, rate: float) -> tuple[Array, Array]:
    rewards = np.zeros(num_arms)
    winners = rng.choice(num_arms, size=max(1, num_arms // 5), replace=False)
    rewards[winners] = 1.0
    logits = rng.standard_normal(num_arms)
    weight = np.exp(logits)
    shift = np.log(rate / (1 - rate) * weight[rewards == 0].sum() / weight[rewards == 1].sum())
    return rewards, logits + shift * rewards


def _rare(rng: np.random.Generator, num_arms: int) -> tuple[Array, Array]:
    return _binary_with_rate(rng, num_arms, rate=0.03)


def _binary(rng: np.random.Generator, num_arms: int) -> tuple[Array, Array]:
    return _binary_with_rate(rng, num_arms, rate=0.3)


def _ties(rng: np.random.Generator, num_arms: int) -> tuple[Array, Array]:
    return rng.integers(0, 4, num_arms).astype(np.float64), rng.standard_normal(num_arms)


def _negative(rng: np.random.Generator, num_arms: int) -> tuple[Array, Array]:
    return -rng.exponential(1.0, num_arms) - 0.1, rng.standard_normal(num_arms)


def _shifted(rng: np.random.Generator, num_arms: int) -> tuple[Array, Array]:
    return 10.0 + rng.standard_normal(num_arms), rng.standard_normal(num_arms)


def _heavy(rng: np.random.Generator, num_arms: int) -> tuple[Array, Array]:
    return rng.standard_t(2.5, num_arms), rng.standard_normal(num_arms)


FAMILIES: dict[str, Family] = {
    "gaussian": Family(_gaussian, "real", "rewards and logits standard normal (the paper's App. G.1)"),
    "conflict": Family(_conflict, "real", "safe and risky arms: the mean's and max@K's gradients oppose"),
    "rare": Family(_rare, "binary", "0/1 rewards, success rate 3 %"),
    "binary": Family(_binary, "binary", "0/1 rewards, success rate 30 %"),
    "ties": Family(_ties, "real", "integer rewards with four levels"),
    "negative": Family(_negative, "real", "all rewards negative"),
    "shifted": Family(_shifted, "real", "normal rewards around 10"),
    "heavy": Family(_heavy, "real", "rewards from Student's t with 2.5 degrees of freedom"),
}


@dataclass(frozen=True)
class Instance:
    """One bandit of a suite with the group size ``n`` and objective size ``k`` it is used with.

    Attributes:
        seed: the bandit follows from it, and so do the sampled groups.
        salt: if not empty, the groups follow from it too: the same bandit with groups that nobody could foresee.
    """

    family: str
    n: int
    k: int
    index: int
    num_arms: int
    seed: int
    salt: str = ""

    @property
    def name(self) -> str:
        """Unique within a suite, e.g. ``gaussian-n16-k4-0``."""
        return f"{self.family}-n{self.n}-k{self.k}-{self.index}"

    @property
    def domain(self) -> str:
        """Reward domain, "real" or "binary"."""
        return FAMILIES[self.family].domain

    @property
    def group_seed(self) -> int:
        """Seed of the sampled groups."""
        return derive_seed(self.seed, "salted groups", self.salt) if self.salt else self.seed

    def bandit(self) -> tuple[Array, Array]:
        """Return (arm rewards [A], logits [A]); the same at every call."""
        return FAMILIES[self.family].make(np.random.default_rng(derive_seed(self.seed, "bandit")), self.num_arms)


@dataclass(frozen=True)
class MazeTrack:
    """How learning is scored: a maze per seed, and the same grid of step sizes for everybody, chosen on other seeds."""

    length: int
    majority_share: float
    n: int
    k: int
    iterations: int
    last: int
    learning_rates: tuple[float, ...]
    num_tuning_seeds: int
    num_evaluation_seeds: int


@dataclass(frozen=True)
class Suite:
    """A frozen collection of bandits and a maze.

    Attributes:
        name: name and version; results of different names are never mixed.
        label: what a reader has to know about its size.
        pairs: the (n, K) the bandits are scored at.
        num_groups: Monte-Carlo groups per bandit, in ``num_blocks`` blocks for the bootstrap.
    """

    name: str
    label: str
    pairs: tuple[tuple[int, int], ...]
    instances_per_family: int
    num_arms: int
    num_groups: int
    num_blocks: int
    maze: MazeTrack

    def instances(self, salt: str = "") -> list[Instance]:
        """Every bandit of the suite, in a fixed order; a salt gives other groups on the same bandits."""
        return [
            Instance(family, n, k, index, self.num_arms, derive_seed(0, "suite", self.name, family, n, k, index), salt)
            for n, k in self.pairs
            for family in FAMILIES
            for index in range(self.instances_per_family)
        ]


RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

SUITES: Registry[Suite] = Registry("suite")
SUITES.register(
    "quick-1",
    Suite(
        name="quick-1",
        label="a small frozen suite for a first look; quote figures from full-1",
        pairs=((16, 4),),
        instances_per_family=1,
        num_arms=50,
        num_groups=4800,
        num_blocks=16,
        maze=MazeTrack(200, 0.8, 16, 4, 600, 60, RATES, 3, 10),
    ),
    aliases=["quick"],
)
SUITES.register(
    "full-1",
    Suite(
        name="full-1",
        label="the whole frozen suite: 8 families of bandits at four (n, K), the maze at the paper's size",
        pairs=((8, 2), (8, 4), (16, 4), (32, 8)),
        instances_per_family=2,
        num_arms=100,
        num_groups=16000,
        num_blocks=16,
        maze=MazeTrack(1000, 0.8, 16, 4, 3000, 100, RATES, 8, 40),
    ),
    aliases=["full"],
)
