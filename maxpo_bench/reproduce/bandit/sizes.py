"""What the bandit figures go over: the paper's protocol (Sec 5.1, App G.1), and a small version of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from maxpo_bench.registry import Registry


@dataclass(frozen=True)
class Size:
    """How much of Figures 1, 4 and 5 to compute.

    Attributes:
        instances: bandits that are averaged over.
        seed: root of the bandits and of all random streams.
        k: K where it is not varied.
        group_size: n of Figure 1.
        group_sizes: n of Figures 4 and 5.
        num_arms: arms of the bandits of the error panel.
        many_arms: arms of the bandits on which K is varied.
        arms: numbers of arms.
        objectives: values of K; those below n are taken, and n - 1.
        batches: numbers M of groups for exact errors.
        sampled_batches: numbers M of groups for sampled errors.
        num_groups: groups on which a variance is sampled where it cannot be computed.
        block: instances of one part of the sampled errors.
    """

    instances: int = 100
    seed: int = 0
    k: int = 4
    group_size: int = 16
    group_sizes: tuple[int, ...] = (8, 16, 32, 64)
    num_arms: int = 100
    many_arms: int = 1000
    arms: tuple[int, ...] = (2, 5, 10, 30, 100, 300, 1000, 3000, 10_000)
    objectives: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 24, 32, 48)
    batches: tuple[int, ...] = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
    sampled_batches: tuple[int, ...] = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
    num_groups: int = 4000
    block: int = 10

    def __post_init__(self) -> None:
        if self.instances < 2:
            raise ValueError(f"instances must be at least 2 for standard errors, got {self.instances}: raise it")
        smallest = min(self.group_size, *self.group_sizes)
        if not 1 <= self.k < smallest:
            raise ValueError(f"k must be in 1 .. {smallest - 1}, below every group size, got {self.k}: lower k")

    def objectives_of(self, n: int) -> tuple[int, ...]:
        """The values of K in groups of ``n``."""
        return (*(k for k in self.objectives if k < n - 1), n - 1)


SIZES: Registry[Size] = Registry("size")
SIZES.register("paper", Size())
SIZES.register(
    "quick",
    Size(
        instances=20,
        group_sizes=(8, 16),
        many_arms=100,
        arms=(2, 5, 10, 30, 100, 300),
        batches=(10, 30, 100, 300, 1000, 3000, 10_000),
        sampled_batches=(10, 30, 100, 300, 1000),
        num_groups=1000,
    ),
)


def size_of(name: str, *, instances: int | None, seed: int) -> Size:
    """Return a size by name, with another number of instances if one is given.

    Raises:
        UnknownNameError: no such size; the message suggests the nearest.
        ValueError: fewer than 2 instances.
    """
    size = replace(SIZES.get(name), seed=seed)
    return size if instances is None else replace(size, instances=instances)
