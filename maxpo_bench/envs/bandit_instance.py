"""The bandit as data: its arms, the policy it starts with, and the exact value of any policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from maxpo_bench.envs.checks import check_integer, check_policy, check_real
from maxpo_bench.seeding import derive_seed

DEFAULT_NUM_ARMS = 100
_TAIL = 10.0  # beyond ten standard deviations a normal's tail is below 1e-23
_POINTS_PER_SIGMA = 32


def _frozen(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a vector of at least one finite number, got {values!r}")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class BanditInstance:
    """One bandit of the paper's App. G.1.1, Eq. 109 (arXiv 2606.06080).

    Args:
        arm_rewards: ``[A]``, the mean reward of each arm.
        initial_logits: ``[A]``, the logits of the policy at which the paper measures gradients.
        reward_noise: standard deviation of the normal noise added to every reward, at least 0.
    """

    arm_rewards: NDArray[np.float64]
    initial_logits: NDArray[np.float64]
    reward_noise: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "arm_rewards", _frozen(self.arm_rewards, "arm_rewards"))
        object.__setattr__(self, "initial_logits", _frozen(self.initial_logits, "initial_logits"))
        object.__setattr__(self, "reward_noise", check_real("reward_noise", self.reward_noise, 0.0))
        if self.arm_rewards.shape != self.initial_logits.shape:
            raise ValueError(
                f"arm_rewards and initial_logits must have one entry per arm, got "
                f"{self.arm_rewards.size} and {self.initial_logits.size}"
            )

    @classmethod
    def generate(
        cls,
        num_arms: int | None = None,
        instance: int = 0,
        arm_rewards: ArrayLike | None = None,
        reward_noise: float = 0.0,
    ) -> BanditInstance:
        """Generate a bandit: rewards and logits are both N(0, 1), from independent streams of ``instance``.

        The first arms of a larger bandit are those of a smaller one of the same instance.

        Args:
            num_arms: number of arms, at least 1; by default 100, or as many as ``arm_rewards`` has.
            instance: any integer.
            arm_rewards: ``[A]``, rewards of one's own in place of the generated ones.
            reward_noise: standard deviation of the noise on every reward.

        Raises:
            TypeError: an argument has the wrong type.
            ValueError: an argument is out of range, or ``num_arms`` contradicts ``arm_rewards``.
        """
        instance = check_integer("instance", instance)
        given = None if arm_rewards is None else _frozen(arm_rewards, "arm_rewards")
        if num_arms is None:
            num_arms = DEFAULT_NUM_ARMS if given is None else given.size
        num_arms = check_integer("num_arms", num_arms, 1)
        if given is not None and given.size != num_arms:
            raise ValueError(f"num_arms={num_arms} contradicts the {given.size} arm_rewards: leave num_arms out")
        rewards = _normal(instance, "arm_rewards", num_arms) if given is None else given
        return cls(rewards, _normal(instance, "initial_logits", num_arms), reward_noise)

    @property
    def num_arms(self) -> int:
        """Number of arms."""
        return self.arm_rewards.size

    def max_at_k(self, policy: ArrayLike, k: int = 1) -> float:
        """Return J_k, the exact expected best reward of ``k`` pulls (paper Eq. 2).

        Without noise it is the sum over the sorted rewards of (v_l - v_(l-1)) (1 - F_(l-1)^k); with noise the same
        integral over the mixture of normals, by the trapezoid rule, to about 1e-12 of the noise.

        Args:
            policy: probabilities ``[1, num_arms]``.
            k: number of pulls, at least 1.
        """
        k = check_integer("k", k, 1)
        probabilities = check_policy(policy, 1, self.num_arms)[0]
        order = np.argsort(self.arm_rewards, kind="stable")
        rewards, weights = self.arm_rewards[order], probabilities[order]
        if k == 1:
            return float(weights @ rewards)
        if self.reward_noise > 0:
            return _noisy_max(rewards, weights, self.reward_noise, k)
        below = np.minimum(np.cumsum(weights)[:-1], 1.0)
        return float(rewards[0] + np.diff(rewards) @ (1.0 - below**k))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BanditInstance):
            return NotImplemented
        return self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __reduce__(self) -> tuple[Any, ...]:
        return BanditInstance, (self.arm_rewards, self.initial_logits, self.reward_noise)

    def _content(self) -> tuple[bytes, bytes, float]:
        return self.arm_rewards.tobytes(), self.initial_logits.tobytes(), self.reward_noise


def _normal(instance: int, what: str, size: int) -> NDArray[np.float64]:
    return np.random.default_rng(derive_seed(instance, "bandit", what)).standard_normal(size)


def _noisy_max(rewards: NDArray[np.float64], weights: NDArray[np.float64], sigma: float, k: int) -> float:
    """E of the best of ``k`` draws from sum_a w_a N(r_a, sigma^2), rewards ascending: low + integral of 1 - F^k.

    Arms whose normals overlap form a cluster; between clusters F is constant, within one the trapezoid rule converges
    exponentially because the integrand is smooth and flat at both ends.
    """
    reach = _TAIL * sigma
    starts = np.flatnonzero(np.diff(rewards, prepend=-np.inf) > 2 * reach)
    total, position, below = rewards[0] - reach, rewards[0] - reach, 0.0
    for first, stop in zip(starts, [*starts[1:], rewards.size], strict=True):
        low, high = rewards[first] - reach, rewards[stop - 1] + reach
        total += (low - position) * (1.0 - min(below, 1.0) ** k)
        grid = np.linspace(low, high, int(np.ceil((high - low) / sigma * _POINTS_PER_SIGMA)) + 1)
        total += _cluster_integral(grid, rewards[first:stop], weights[first:stop], below, sigma, k)
        position, below = high, below + weights[first:stop].sum()
    return float(total)


def _cluster_integral(
    grid: NDArray[np.float64],
    rewards: NDArray[np.float64],
    weights: NDArray[np.float64],
    below: float,
    sigma: float,
    k: int,
) -> float:
    """Integral of 1 - F^k over the grid, F summed over the cluster's arms in blocks that bound the memory."""
    distribution = np.full(grid.shape, below)
    for block in range(0, rewards.size, 256):
        arms = slice(block, block + 256)
        distribution += ndtr((grid[:, None] - rewards[arms]) / sigma) @ weights[arms]
    return float(np.trapezoid(1.0 - np.minimum(distribution, 1.0) ** k, grid))
