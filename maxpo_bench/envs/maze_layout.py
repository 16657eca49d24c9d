"""The maze as data: which action is right where, the transition table, and the exact value of any tabular policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.array_value import ArrayValue
from maxpo_bench.envs.checks import check_integer, check_policy, check_real
from maxpo_bench.registry import UnknownNameError
from maxpo_bench.seeding import derive_seed

DeadEndLength = Literal[1, 2, "mixed"]


class TransitionTable(NamedTuple):
    """The maze's dynamics, indexed by ``[state, action]``; the rows of the goal and the wall are never used."""

    next_state: NDArray[np.int64]
    reward: NDArray[np.float64]
    terminated: NDArray[np.bool_]


def _frozen(values: ArrayLike, name: str, low: int, high: int) -> NDArray[np.int64]:
    array = np.array(values)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not ((array >= low) & (array <= high)).all():
        joint = "and" if high == low + 1 else "to"
        raise ValueError(f"{name} must be a vector of the integers {low} {joint} {high}")
    array = array.astype(np.int64)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class MazeLayout(ArrayValue):
    """One maze of the family of the paper's App. G.2 (arXiv 2606.06080).

    States are numbered: the path 0 .. length-1, the goal ``length``, the wall ``length + 1`` (where failed episodes
    end), then one dead end for each path state whose dead end is two steps long, in the order of the path.

    Args:
        length: number of states on the path, which is also the highest return.
        correct_actions: ``[length]``, the action that leads one step forward; all the others are wrong.
        dead_end_lengths: ``[length]``, steps from a wrong action to the end of the episode, counting it: 1 or 2.
        instance: the number the layout was generated from.
        num_actions: number A of actions in each state, at least 2.

    Raises:
        ValueError: a shape or a value is not as described.
    """

    length: int
    correct_actions: NDArray[np.int64]
    dead_end_lengths: NDArray[np.int64]
    instance: int = 0
    num_actions: int = 2

    def __post_init__(self) -> None:
        check_integer("length", self.length, 1)
        highest = check_integer("num_actions", self.num_actions, 2) - 1
        for name, low, high in (("correct_actions", 0, highest), ("dead_end_lengths", 1, 2)):
            array = _frozen(getattr(self, name), name, low, high)
            if array.shape != (self.length,):
                raise ValueError(f"{name} must have shape [length={self.length}], got {array.shape}")
            object.__setattr__(self, name, array)

    @classmethod
    def generate(
        cls,
        length: int = 1000,
        majority_share: float = 0.8,
        dead_end_length: DeadEndLength = 1,
        instance: int = 0,
        num_actions: int = 2,
    ) -> MazeLayout:
        """Generate a layout; the same arguments give the same layout on every machine.

        Args:
            length: number of states on the path, at least 1.
            majority_share: share of the states whose correct action is 1, in [0, 1]: exactly
                ``round(majority_share * length)`` of them, in an order permuted by the instance. In the rest each
                other action is right equally often, to one state.
            dead_end_length: 1, 2, or "mixed": 1 or 2 with equal probability for each state, by the instance.
            instance: any integer; the dead ends of "mixed" don't change the correct actions.
            num_actions: number of actions in each state, at least 2.

        Raises:
            TypeError: an argument has the wrong type.
            ValueError: an argument is out of range.
        """
        length = check_integer("length", length, 1)
        instance = check_integer("instance", instance)
        num_actions = check_integer("num_actions", num_actions, 2)
        ones = round(check_real("majority_share", majority_share, 0.0, 1.0) * length)
        others = np.delete(np.arange(num_actions), 1)
        sorted_actions = np.append(np.ones(ones, dtype=np.int64), np.resize(others, length - ones))
        generator = np.random.default_rng(derive_seed(instance, "maze", "correct_actions"))
        correct = generator.permutation(sorted_actions)
        return cls(length, correct, _dead_end_lengths(dead_end_length, length, instance), instance, num_actions)

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
        """``[length]``: the state of each path state's dead end, -1 where a wrong action ends the episode at once."""
        long = self.dead_end_lengths == 2
        return np.where(long, self.length + 1 + np.cumsum(long), -1)

    @property
    def num_states(self) -> int:
        """Path, goal, wall and dead ends."""
        return self.length + 2 + int((self.dead_end_lengths == 2).sum())

    @cached_property
    def correct_steps(self) -> NDArray[np.int64]:
        """``[num_states]``: how many correct steps lead to each state, -1 for the wall, which many do."""
        path = np.arange(self.length + 1)
        return np.concatenate([path, [-1], path[:-1][self.dead_end_lengths == 2]])

    @cached_property
    def transitions(self) -> TransitionTable:
        """The dynamics as arrays ``[num_states, num_actions]``."""
        shape, rows = (self.num_states, self.num_actions), np.arange(self.length)
        table = TransitionTable(np.full(shape, self.wall), np.zeros(shape), np.ones(shape, dtype=bool))
        long = self.dead_end_states >= 0
        table.next_state[rows[long]] = self.dead_end_states[long, None]
        table.terminated[rows[long]] = False
        table.next_state[rows, self.correct_actions] = rows + 1
        table.reward[rows, self.correct_actions] = 1.0
        table.terminated[rows, self.correct_actions] = rows + 1 == self.length
        return table

    def success_probabilities(self, policy: ArrayLike) -> NDArray[np.float64]:
        """Return ``[length]``: the probability of the correct action in each path state.

        Args:
            policy: probabilities ``[num_states, num_actions]``.
        """
        table = check_policy(policy, self.num_states, self.num_actions)
        return table[np.arange(self.length), self.correct_actions]

    def survival(self, policy: ArrayLike) -> NDArray[np.float64]:
        """Return ``[length]``: S_t, the probability of a return of at least t = 1 .. length."""
        return np.cumprod(self.success_probabilities(policy), dtype=np.float64)

    def expected_return(self, policy: ArrayLike) -> float:
        """Return the exact expected return of a policy ``[num_states, num_actions]``: the sum of S_t."""
        return float(self.survival(policy).sum())

    def max_at_k(self, policy: ArrayLike, k: int) -> float:
        """Return J_k, the exact expected best return of ``k`` episodes: the sum of 1 - (1 - S_t)^k.

        Args:
            policy: probabilities ``[num_states, num_actions]``.
            k: number of episodes, at least 1.
        """
        return best_of(self.survival(policy), check_integer("k", k, 1))

    def blind_policy(self, q: float = 1.0) -> NDArray[np.float64]:
        """Return the policy that takes action 1 with probability ``q`` wherever it is, the others equally often.

        Args:
            q: probability in [0, 1].

        Returns:
            Probabilities ``[num_states, num_actions]``.
        """
        q = check_real("q", q, 0.0, 1.0)
        policy = np.full((self.num_states, self.num_actions), (1.0 - q) / (self.num_actions - 1))
        policy[:, 1] = q
        return policy

    def blind_return(self, q: float = 1.0) -> float:
        """Return the exact expected return of `blind_policy`: of an agent that doesn't look where it is."""
        return self.expected_return(self.blind_policy(q))


def best_of(survival: NDArray[np.float64], k: int) -> float:
    """Return the expected largest of ``k`` whole numbers with P(number >= t) = S_t, t = 1 .. T: sum_t 1 - (1 - S_t)^k.

    Args:
        survival: ``[T]`` S_t.
        k: how many, at least 1.
    """
    if k == 1:
        return float(survival.sum())
    with np.errstate(divide="ignore"):
        return float(-np.expm1(k * np.log1p(-np.minimum(survival, 1.0))).sum())


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
