"""The maze as data: which action is right where, the transition table, and the exact value of any tabular policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.checks import check_integer, check_policy, check_real
from maxpo_bench.registry import UnknownNameError
from maxpo_bench.seeding import derive_seed

DeadEndLength = Literal[1, 2, "mixed"]


class TransitionTable(NamedTuple):
    """The maze's dynamics, indexed by ``[state, action]``; the rows of the goal and the wall are never used."""

    next_state: NDArray[np.int64]
    reward: NDArray[np.float64]
    terminated: NDArray[np.bool_]


def _frozen(values: ArrayLike, name: str, allowed: tuple[int, int]) -> NDArray[np.int64]:
    array = np.array(values)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not np.isin(array, allowed).all():
        raise ValueError(f"{name} must be a vector of the integers {allowed[0]} and {allowed[1]}")
    array = array.astype(np.int64)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class MazeLayout:
    """One maze of the family of the paper's App. G.2 (arXiv 2606.06080).

    States are numbered: the path 0 .. length-1, the goal ``length``, the wall ``length + 1`` (where failed episodes
    end), then one dead end for each path state whose dead end is two steps long, in the order of the path.

    Args:
        length: number of states on the path, which is also the highest return.
        correct_actions: ``[length]``, the action (0 or 1) that leads one step forward.
        dead_end_lengths: ``[length]``, steps from the wrong action to the end of the episode, counting it: 1 or 2.
        instance: the number the layout was generated from.

    Raises:
        ValueError: a shape or a value is not as described.
    """

    length: int
    correct_actions: NDArray[np.int64]
    dead_end_lengths: NDArray[np.int64]
    instance: int = 0

    def __post_init__(self) -> None:
        check_integer("length", self.length, 1)
        for name, allowed in (("correct_actions", (0, 1)), ("dead_end_lengths", (1, 2))):
            array = _frozen(getattr(self, name), name, allowed)
            if array.shape != (self.length,):
                raise ValueError(f"{name} must have shape [length={self.length}], got {array.shape}")
            object.__setattr__(self, name, array)

    @classmethod
    def generate(
        cls, length: int = 1000, majority_share: float = 0.8, dead_end_length: DeadEndLength = 1, instance: int = 0
    ) -> MazeLayout:
        """Generate a layout; the same arguments give the same layout on every machine.

        Args:
            length: number of states on the path, at least 1.
            majority_share: share of the states whose correct action is 1, in [0, 1]: exactly
                ``round(majority_share * length)`` of them, in an order permuted by the instance.
            dead_end_length: 1, 2, or "mixed": 1 or 2 with equal probability for each state, by the instance.
            instance: any integer; the dead ends of "mixed" don't change the correct actions.

        Raises:
            TypeError: an argument has the wrong type.
            ValueError: an argument is out of range.
        """
        length = check_integer("length", length, 1)
        instance = check_integer("instance", instance)
        ones = round(check_real("majority_share", majority_share, 0.0, 1.0) * length)
        generator = np.random.default_rng(derive_seed(instance, "maze", "correct_actions"))
        correct = generator.permutation((np.arange(length) < ones).astype(np.int64))
        return cls(length, correct, _dead_end_lengths(dead_end_length, length, instance), instance)

    @property
    def goal(self) -> int:
        """The state after the last correct step."""
        return self.length

    @property
    def wall(self) -> int:
        """The state in which every failed episode ends."""
        return self.length + 1

    @cached_property
    def dead_end_states(self) -> NDArray[np.int64]:
        """``[length]``: the state of each path state's dead end, -1 where the wrong action ends the episode at once."""
        long = self.dead_end_lengths == 2
        return np.where(long, self.length + 1 + np.cumsum(long), -1)

    @property
    def num_states(self) -> int:
        """Path, goal, wall and dead ends."""
        return self.length + 2 + int((self.dead_end_lengths == 2).sum())

    @cached_property
    def transitions(self) -> TransitionTable:
        """The dynamics as arrays ``[num_states, 2]``."""
        states, rows = self.num_states, np.arange(self.length)
        table = TransitionTable(
            np.full((states, 2), self.wall), np.zeros((states, 2)), np.ones((states, 2), dtype=bool)
        )
        wrong, long = 1 - self.correct_actions, self.dead_end_states >= 0
        table.next_state[rows[long], wrong[long]] = self.dead_end_states[long]
        table.terminated[rows[long], wrong[long]] = False
        table.next_state[rows, self.correct_actions] = rows + 1
        table.reward[rows, self.correct_actions] = 1.0
        table.terminated[rows, self.correct_actions] = rows + 1 == self.length
        return table

    def success_probabilities(self, policy: ArrayLike) -> NDArray[np.float64]:
        """Return ``[length]``: the probability of the correct action in each path state.

        Args:
            policy: probabilities ``[num_states, 2]``.
        """
        return check_policy(policy, self.num_states, 2)[np.arange(self.length), self.correct_actions]

    def survival(self, policy: ArrayLike) -> NDArray[np.float64]:
        """Return ``[length]``: S_t, the probability of a return of at least t = 1 .. length."""
        return np.cumprod(self.success_probabilities(policy), dtype=np.float64)

    def expected_return(self, policy: ArrayLike) -> float:
        """Return the exact expected return of a policy ``[num_states, 2]``: the sum of S_t."""
        return float(self.survival(policy).sum())

    def max_at_k(self, policy: ArrayLike, k: int) -> float:
        """Return J_k, the exact expected best return of ``k`` episodes: the sum of 1 - (1 - S_t)^k.

        Args:
            policy: probabilities ``[num_states, 2]``.
            k: number of episodes, at least 1.
        """
        k = check_integer("k", k, 1)
        survival = self.survival(policy)
        if k == 1:
            return float(survival.sum())
        with np.errstate(divide="ignore"):
            return float(-np.expm1(k * np.log1p(-np.minimum(survival, 1.0))).sum())

    def blind_policy(self, q: float = 1.0) -> NDArray[np.float64]:
        """Return the policy ``[num_states, 2]`` that takes action 1 with probability ``q`` wherever it is."""
        q = check_real("q", q, 0.0, 1.0)
        return np.tile([1.0 - q, q], (self.num_states, 1))

    def blind_return(self, q: float = 1.0) -> float:
        """Return the exact expected return of `blind_policy`: of an agent that doesn't look where it is."""
        return self.expected_return(self.blind_policy(q))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MazeLayout):
            return NotImplemented
        return self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __reduce__(self) -> tuple[Any, ...]:
        return MazeLayout, (self.length, self.correct_actions, self.dead_end_lengths, self.instance)

    def _content(self) -> tuple[int, bytes, bytes, int]:
        return self.length, self.correct_actions.tobytes(), self.dead_end_lengths.tobytes(), self.instance


def _dead_end_lengths(dead_end_length: object, length: int, instance: int) -> NDArray[np.int64]:
    if isinstance(dead_end_length, str):
        if dead_end_length != "mixed":
            raise UnknownNameError(f'dead_end_length must be 1, 2 or "mixed", got {dead_end_length!r}')
        generator = np.random.default_rng(derive_seed(instance, "maze", "dead_ends"))
        return generator.integers(1, 3, size=length)
    number = check_integer("dead_end_length", dead_end_length)
    if number not in (1, 2):
        raise ValueError(f'dead_end_length must be 1, 2 or "mixed", got {number}')
    return np.full(length, number, dtype=np.int64)
