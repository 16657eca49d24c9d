"""The bandit as data: its arms, the policy it starts with, and the exact value of any policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.arm_laws import ArmLaws, NoisyArms
from maxpo_bench.envs.array_value import ArrayValue, frozen_vector
from maxpo_bench.envs.checks import check_integer, check_real
from maxpo_bench.seeding import derive_seed

DEFAULT_NUM_ARMS = 100


@dataclass(frozen=True, eq=False)
class Bandit(ArrayValue):
    """Arms of any laws, and a policy to start with.

    Args:
        law: the laws of the arms' rewards.
        initial_logits: ``[A]``, the logits of the policy at which gradients are measured.
    """

    law: ArmLaws
    initial_logits: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "initial_logits", frozen_vector(self.initial_logits, "initial_logits"))


@dataclass(frozen=True, eq=False)
class BanditInstance(ArrayValue):
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
        object.__setattr__(self, "arm_rewards", frozen_vector(self.arm_rewards, "arm_rewards"))
        object.__setattr__(self, "initial_logits", frozen_vector(self.initial_logits, "initial_logits"))
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
        num_arms, given = count_arms(num_arms, arm_rewards, "arm_rewards")
        rewards = normal_stream(instance, "bandit", "arm_rewards", num_arms) if given is None else given
        return cls(rewards, normal_stream(instance, "bandit", "initial_logits", num_arms), reward_noise)

    @property
    def num_arms(self) -> int:
        """Number of arms."""
        return self.arm_rewards.size

    @cached_property
    def law(self) -> NoisyArms:
        """The laws of the arms' rewards."""
        return NoisyArms(self.arm_rewards, self.reward_noise)

    def max_at_k(self, policy: ArrayLike, k: int = 1) -> float:
        """Return J_k, the exact expected best reward of ``k`` pulls (paper Eq. 2).

        Without noise it is the sum over the sorted rewards of (v_l - v_(l-1)) (1 - F_(l-1)^k); with noise the same
        integral over the mixture of normals, by quadrature.

        Args:
            policy: probabilities ``[1, num_arms]``.
            k: number of pulls, at least 1.
        """
        return self.law.max_at_k(policy, k)


def count_arms(
    num_arms: int | None, given: ArrayLike | None, name: str, default: int = DEFAULT_NUM_ARMS
) -> tuple[int, NDArray[np.float64] | None]:
    """Return the number of arms and the values given for them, checked against each other.

    Args:
        num_arms: the number that was asked for, None for as many as there are values, or ``default``.
        given: ``[A]``, values of one's own, or None.
        name: the argument they were given as.
        default: the number of arms if nothing was said.

    Raises:
        TypeError: ``num_arms`` is no integer.
        ValueError: ``num_arms`` is less than 1 or contradicts the values, or these are no vector of finite numbers.
    """
    values = None if given is None else frozen_vector(given, name)
    if num_arms is None:
        num_arms = default if values is None else values.size
    num_arms = check_integer("num_arms", num_arms, 1)
    if values is not None and values.size != num_arms:
        raise ValueError(f"num_arms={num_arms} contradicts the {values.size} {name}: leave num_arms out")
    return num_arms, values


def normal_stream(instance: int, task: str, what: str, size: int) -> NDArray[np.float64]:
    """Return the first ``size`` numbers of the N(0, 1) stream for one purpose of one instance of a task."""
    return np.random.default_rng(derive_seed(instance, task, what)).standard_normal(size)
