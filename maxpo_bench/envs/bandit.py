"""`maxpo/Bandit-v0`: the softmax bandit of the paper's estimator studies, and what all bandits share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.arm_laws import ArmLaws
from maxpo_bench.envs.bandit_instance import Bandit, BanditInstance
from maxpo_bench.envs.base import START_STATE, Frame, TabularEnv, TabularTask
from maxpo_bench.envs.episodes import EpisodeHistory
from maxpo_bench.envs.streams import uniform
from maxpo_bench.envs.vector_base import TabularVectorEnv


class BanditTask(TabularTask):
    """What all bandits share: their arms' laws and exact values. Subclasses set `bandit` before they call `_set_up`."""

    title: ClassVar[str] = "Bandit"
    bandit: Bandit | BanditInstance

    @property
    def law(self) -> ArmLaws:
        """The laws of the arms' rewards."""
        return self.bandit.law

    @property
    def arm_rewards(self) -> NDArray[np.float64]:
        """``[num_arms]``: the mean reward of each arm, read-only."""
        return self.law.means

    @property
    def initial_logits(self) -> NDArray[np.float64]:
        """``[num_arms]``: the logits of the policy at which gradients are measured, read-only."""
        return self.bandit.initial_logits

    @property
    def num_states(self) -> int:
        """One: a bandit has nothing to observe."""
        return 1

    @property
    def num_actions(self) -> int:
        """Number of arms."""
        return self.arm_rewards.size

    @property
    def optimal_value(self) -> float:
        """The best arm's mean reward: the highest expected reward of any policy."""
        return float(self.arm_rewards.max())

    def optimal_max_at_k(self, k: int) -> float:
        """Return the highest J_k of any policy: that of always pulling the best arm, whose law dominates the others.

        Args:
            k: number of pulls, at least 1.
        """
        return self.exact_value(np.eye(self.num_actions)[[int(np.argmax(self.arm_rewards))]], k)

    def exact_value(self, policy: ArrayLike, k: int = 1) -> float:
        """Return J_k, the exact expected best reward of ``k`` pulls.

        Args:
            policy: probabilities ``[1, num_arms]``.
            k: number of pulls, at least 1; 1 gives the expected reward.
        """
        return self.law.max_at_k(policy, k)

    def _draw(self, mode: str, state: int, episode_return: float, history: EpisodeHistory) -> str | Frame:
        from maxpo_bench.envs.bandit_picture import bandit_frame, bandit_text

        del state, episode_return
        policy = None if self._shown_policy is None else self._shown_policy[0]
        if mode == "ansi":
            return bandit_text(self.arm_rewards, history, policy, self.title)
        return bandit_frame(self.arm_rewards, history, policy, self.title, self.law.ranges)


class ScalarBandit(BanditTask, TabularEnv):
    """One bandit: a pull is an episode."""

    _last_arm = 0

    def _transition(self, state: int, action: int) -> tuple[int, float, bool]:
        uniforms = np.empty(0)
        if self.law.is_random:
            uniforms = uniform(self._key, self._counter)
            self._counter += np.uint64(1)
        self._last_arm = action
        return state, float(self.law.draw(np.array([action]), uniforms)[0]), True

    def _end(self) -> int:
        return self._last_arm

    def _configuration(self) -> tuple[Any, ...]:
        return self.bandit, self.render_mode


class VectorBandit(BanditTask, TabularVectorEnv):
    """A batch of pulls at one bandit."""

    def _transition(
        self, states: NDArray[np.int64], actions: NDArray[np.int64], live: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        uniforms = np.empty(0)
        if self.law.is_random:
            uniforms = uniform(self._keys, self._counters)
            self._counters += live
        return np.full_like(states, START_STATE), self.law.draw(actions, uniforms), np.ones(self.num_envs, dtype=bool)

    def _ends(self, states: NDArray[np.int64], actions: NDArray[np.int64]) -> NDArray[np.int64]:
        del states
        return actions

    def _configuration(self) -> tuple[Any, ...]:
        return self.bandit, self.render_mode, self.num_envs, self.autoreset_mode


class BanditEnv(ScalarBandit):
    """A bandit whose arms have fixed random rewards.

    **Mission.** Pull one arm; with a group of pulls, make the *best* of them good. It is the problem on which the paper
    measures bias and variance of max@K gradient estimators (arXiv 2606.06080, Sec. 5.1 and App. G.1): everything about
    it is known in closed form.

    **Observation.** ``Discrete(1)``: always 0.

    **Action.** ``Discrete(num_arms)``: the arm.

    **Reward.** The arm's mean reward, ``arm_rewards[action]``, plus ``reward_noise`` times a standard normal number.

    **Episode.** One step: every step terminates. It is never truncated. ``info`` is empty.

    **Seeds.** ``instance`` decides rewards and logits, both N(0, 1) for each arm (Eq. 109); ``reset(seed=...)`` decides
    the noise and nothing else. Stepping again before ``reset`` raises ``gymnasium.error.ResetNeeded``.

    **Ids.** ``maxpo/Bandit-v0`` with ``gymnasium.make`` and, as `BanditVectorEnv`, with ``gymnasium.make_vec``.

    Args:
        num_arms: number of arms, at least 1; by default 100, or as many as ``arm_rewards`` has.
        instance: which bandit, any integer. The first arms of a larger bandit are those of a smaller one.
        arm_rewards: ``[num_arms]``, rewards of your own in place of the generated ones.
        reward_noise: standard deviation of the noise on every reward, at least 0.
        render_mode: None, "ansi" or "rgb_array".

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    name = "maxpo/Bandit-v0"

    def __init__(
        self,
        num_arms: int | None = None,
        instance: int = 0,
        arm_rewards: ArrayLike | None = None,
        reward_noise: float = 0.0,
        render_mode: str | None = None,
    ) -> None:
        self.bandit = BanditInstance.generate(num_arms, instance, arm_rewards, reward_noise)
        self._set_up(render_mode)


class BanditVectorEnv(VectorBandit):
    """A batch of pulls at one bandit, in NumPy, without a loop over environments.

    Spaces, rewards and seeds are those of `BanditEnv`: with the same list of seeds and the same actions both give
    identical episodes. All environments share one instance.

    Args:
        num_envs: batch size, at least 1.
        num_arms: as for `BanditEnv`.
        instance: as for `BanditEnv`.
        arm_rewards: as for `BanditEnv`.
        reward_noise: as for `BanditEnv`.
        render_mode: as for `BanditEnv`; `render` then gives a tuple with one frame per environment.
        autoreset_mode: DISABLED (with masked reset), NEXT_STEP or SAME_STEP, as a member of ``AutoresetMode``, its
            value ("SameStep") or its name. In NEXT_STEP every second step of this one-step task only resets.

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    name = BanditEnv.name

    def __init__(
        self,
        num_envs: int = 1,
        num_arms: int | None = None,
        instance: int = 0,
        arm_rewards: ArrayLike | None = None,
        reward_noise: float = 0.0,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
    ) -> None:
        self.bandit = BanditInstance.generate(num_arms, instance, arm_rewards, reward_noise)
        self._set_up(num_envs, autoreset_mode, render_mode)
