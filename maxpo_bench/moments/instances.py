"""Bandits on which estimators are measured: one question, or several that share the policy's logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.objectives import max_at_k_gradient


@dataclass(frozen=True, eq=False)
class BanditInstance:
    """A softmax policy over A arms, and what each of Q questions pays for each arm.

    The objective is the mean over questions of J_K (max@K); a gradient estimate is the mean over questions of the
    estimates from one independent group each. Q = 1 is an ordinary bandit.

    Args:
        arm_rewards: [Q, A], finite.
        logits: [A], finite, shared by all questions.
        label: what kind of instance it is, for tables.
    """

    arm_rewards: FloatArray
    logits: FloatArray
    label: str = ""

    @classmethod
    def of(
        cls, arm_rewards: ArrayLike | torch.Tensor, logits: ArrayLike | torch.Tensor, label: str = ""
    ) -> BanditInstance:
        """Build an instance from rewards [A] or [Q, A] and logits [A], as anything NumPy or torch takes.

        Raises:
            ValueError: the shapes don't fit each other, or a value is not finite.
        """
        rewards, logit_row = np.atleast_2d(as_floats(arm_rewards)), as_floats(logits)
        if rewards.ndim != 2 or logit_row.ndim != 1 or rewards.shape[1] != logit_row.size or rewards.size == 0:
            raise ValueError(
                f"arm_rewards must be [A] or [Q, A] and logits [A] with A >= 1, got shapes {list(rewards.shape)} "
                f"and {list(logit_row.shape)}"
            )
        if not (np.isfinite(rewards).all() and np.isfinite(logit_row).all()):
            raise ValueError("arm_rewards and logits must be finite")
        return cls(rewards, logit_row, label)

    @property
    def num_questions(self) -> int:
        """Q."""
        return len(self.arm_rewards)

    @property
    def num_arms(self) -> int:
        """A."""
        return len(self.logits)

    @property
    def policy(self) -> FloatArray:
        """Probabilities softmax(logits), [A]."""
        weights = np.exp(self.logits - self.logits.max())
        return weights / weights.sum()

    def gradient(self, k: int) -> FloatArray:
        """Exact gradient of the mean max@k over questions with respect to the logits, [A]."""
        return self.gradients(k).mean(axis=0)

    def gradients(self, k: int) -> FloatArray:
        """Exact gradient of each question's max@k with respect to the logits, [Q, A]."""
        rewards = torch.from_numpy(self.arm_rewards)
        logits = torch.from_numpy(self.logits).expand_as(rewards)
        return max_at_k_gradient(logits, rewards, k).numpy()


def as_floats(values: ArrayLike | torch.Tensor) -> FloatArray:
    """Return a float64 copy of anything NumPy takes, or of a tensor of any dtype and device, detached."""
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().to(torch.float64).numpy().copy()
    return np.array(values, dtype=np.float64)
