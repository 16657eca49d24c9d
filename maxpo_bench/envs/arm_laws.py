"""What a pull of each arm pays, as laws: their means, a draw from one uniform number, and the exact best of k pulls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.array_value import ArrayValue, frozen_vector
from maxpo_bench.envs.checks import check_integer, check_policy, check_real
from maxpo_bench.envs.mixture import NORMAL, Kernel, expected_best

Floats = NDArray[np.float64]


class ArmLaws(ArrayValue, ABC):
    """The laws of all arms' rewards."""

    @property
    @abstractmethod
    def means(self) -> Floats:
        """``[A]``: each arm's expected reward, read-only."""

    @property
    def is_random(self) -> bool:
        """Whether a pull takes a random number."""
        return True

    @property
    def ranges(self) -> tuple[Floats, Floats] | None:
        """``[A]`` lowest and ``[A]`` highest rewards, for pictures; None where there are none, or nothing to see."""
        return None

    @abstractmethod
    def draw(self, arms: NDArray[np.int64], uniforms: Floats) -> Floats:
        """Return new rewards ``[N]`` of pulls of ``arms`` ``[N]``, from numbers ``[N]`` in (0, 1)."""

    @abstractmethod
    def _best_of(self, probabilities: Floats, k: int) -> float:
        """Return J_k of a policy ``[A]``."""

    def max_at_k(self, policy: ArrayLike, k: int = 1) -> float:
        """Return J_k, the exact expected best reward of ``k`` pulls (paper Eq. 2).

        Args:
            policy: probabilities ``[1, A]``.
            k: number of pulls, at least 1.

        Raises:
            TypeError: ``k`` is no integer.
            ValueError: ``k`` is less than 1, or the policy has the wrong shape or holds no probabilities.
        """
        k = check_integer("k", k, 1)
        return self._best_of(check_policy(policy, 1, self.means.size)[0], k)


@dataclass(frozen=True, eq=False)
class NoisyArms(ArmLaws):
    """Arm a pays ``arm_rewards[a]`` plus ``scale`` times a draw from one symmetric law.

    Args:
        arm_rewards: ``[A]``, the means.
        scale: at least 0.
        kernel: the law of the noise.
    """

    arm_rewards: Floats
    scale: float = 0.0
    kernel: Kernel = NORMAL

    def __post_init__(self) -> None:
        object.__setattr__(self, "arm_rewards", frozen_vector(self.arm_rewards, "arm_rewards"))
        object.__setattr__(self, "scale", check_real("reward_noise", self.scale, 0.0))

    @property
    def means(self) -> Floats:
        """The arms' rewards without noise."""
        return self.arm_rewards

    @property
    def is_random(self) -> bool:
        """Whether there is noise."""
        return self.scale > 0

    def draw(self, arms: NDArray[np.int64], uniforms: Floats) -> Floats:
        """Return means plus noise, the latter by the inverse distribution function."""
        rewards = self.arm_rewards[arms]
        if self.is_random:
            rewards += self.scale * self.kernel.quantile(uniforms)
        return rewards

    def _best_of(self, probabilities: Floats, k: int) -> float:
        order = np.argsort(self.arm_rewards, kind="stable")
        rewards, weights = self.arm_rewards[order], probabilities[order]
        if k == 1:
            return float(weights @ rewards)
        if self.is_random:
            return expected_best(rewards, np.full(rewards.shape, self.scale), weights, k, self.kernel)
        return _best_of_sorted(rewards, weights, k)


@dataclass(frozen=True, eq=False)
class BernoulliArms(ArmLaws):
    """Arm a pays 1 with probability p_a, else 0.

    Args:
        arm_probabilities: ``[A]`` p_a in [0, 1].
    """

    arm_probabilities: Floats

    def __post_init__(self) -> None:
        probabilities = frozen_vector(self.arm_probabilities, "arm_probabilities")
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise ValueError(f"arm_probabilities must be in [0, 1], got {self.arm_probabilities!r}")
        object.__setattr__(self, "arm_probabilities", probabilities)

    @property
    def means(self) -> Floats:
        """The probabilities."""
        return self.arm_probabilities

    def draw(self, arms: NDArray[np.int64], uniforms: Floats) -> Floats:
        """Return zeros and ones."""
        return (uniforms < self.arm_probabilities[arms]).astype(np.float64)

    def _best_of(self, probabilities: Floats, k: int) -> float:
        """1 - (1 - pi.p)^k, with all its digits where pi.p is small."""
        success = float(min(probabilities @ self.arm_probabilities, 1.0))
        with np.errstate(divide="ignore"):
            return success if k == 1 else float(-np.expm1(k * np.log1p(-success)))


@dataclass(frozen=True, eq=False)
class TwoPointArms(ArmLaws):
    """Arm a pays h_a with probability p_a, else l_a.

    Args:
        low: ``[A]`` l_a.
        high: ``[A]`` h_a, at least l_a.
        probabilities: ``[A]`` p_a in [0, 1].
    """

    low: Floats
    high: Floats
    probabilities: Floats

    def __post_init__(self) -> None:
        for name in ("low", "high", "probabilities"):
            object.__setattr__(self, name, frozen_vector(getattr(self, name), name))
        if not self.low.shape == self.high.shape == self.probabilities.shape:
            raise ValueError(
                f"low, high and probabilities must have one entry per arm, got "
                f"{self.low.size}, {self.high.size} and {self.probabilities.size}"
            )
        if not (self.low <= self.high).all() or not ((self.probabilities >= 0) & (self.probabilities <= 1)).all():
            raise ValueError("low must be at most high, and probabilities in [0, 1], for every arm")
        means = self.low + self.probabilities * (self.high - self.low)
        object.__setattr__(self, "_means", frozen_vector(means, "means"))

    @property
    def means(self) -> Floats:
        """L + p (h - l)."""
        return self._means  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def ranges(self) -> tuple[Floats, Floats]:
        """What each arm pays at worst and at best."""
        return self.low, self.high

    def draw(self, arms: NDArray[np.int64], uniforms: Floats) -> Floats:
        """Return one of the two rewards of each arm."""
        return np.where(uniforms < self.probabilities[arms], self.high[arms], self.low[arms])

    def _best_of(self, probabilities: Floats, k: int) -> float:
        if k == 1:
            return float(probabilities @ self.means)
        values = np.append(self.low, self.high)
        weights = np.append(probabilities * (1.0 - self.probabilities), probabilities * self.probabilities)
        order = np.argsort(values, kind="stable")
        return _best_of_sorted(values[order], weights[order], k)


def _best_of_sorted(values: Floats, weights: Floats, k: int) -> float:
    """E of the best of ``k`` draws of ascending ``values``: v_1 + sum_l (v_(l+1) - v_l) (1 - F_l^k)."""
    below = np.minimum(np.cumsum(weights)[:-1], 1.0)
    return float(values[0] + np.diff(values) @ (1.0 - below**k))
