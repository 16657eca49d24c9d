"""`maxpo/SafeRiskyBandit-v0`: the best arm for the mean is not the best arm for the best of k."""

from __future__ import annotations

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from maxpo_bench.envs.arm_laws import TwoPointArms
from maxpo_bench.envs.bandit import BanditTask, ScalarBandit, VectorBandit
from maxpo_bench.envs.bandit_instance import Bandit, normal_stream
from maxpo_bench.envs.checks import check_integer, check_real
from maxpo_bench.seeding import derive_seed

_TASK = "safe_risky_bandit"


class SafeRiskyBanditTask(BanditTask):
    """What both classes share: which arms are risky, and the best policies, which depend on k."""

    name = "maxpo/SafeRiskyBandit-v0"
    title = "Safe/risky bandit"

    @property
    def law(self) -> TwoPointArms:
        """The laws of the arms' rewards."""
        assert isinstance(self.bandit.law, TwoPointArms)
        return self.bandit.law

    def _generate(
        self,
        num_arms: int,
        num_risky: int,
        rewards: tuple[float, float, float],
        risky_probability: float,
        instance: int,
    ) -> None:
        instance = check_integer("instance", instance)
        num_arms = check_integer("num_arms", num_arms, 2)
        num_risky = check_integer("num_risky", num_risky, 1)
        if num_risky >= num_arms:
            raise ValueError(f"num_risky must leave a safe arm, got {num_risky} of num_arms={num_arms}: lower it")
        names = ("low_reward", "safe_reward", "risky_reward")
        low, safe, high = (check_real(name, value) for name, value in zip(names, rewards, strict=True))
        if not low < safe < high:
            raise ValueError(
                f"low_reward < safe_reward < risky_reward must hold, or one kind of arm is the better one for every k, "
                f"got {low:g}, {safe:g} and {high:g}"
            )
        chance = check_real("risky_probability", risky_probability, 0.0, 1.0)
        generator = np.random.default_rng(derive_seed(instance, _TASK, "risky_arms"))
        is_risky = generator.permutation(np.arange(num_arms) < num_risky)
        law = TwoPointArms(
            np.where(is_risky, low, safe), np.where(is_risky, high, safe), np.where(is_risky, chance, 1.0)
        )
        self._outcomes = low, safe, high, chance
        self.bandit = Bandit(law, normal_stream(instance, _TASK, "initial_logits", num_arms))

    @property
    def risky_arms(self) -> NDArray[np.int64]:
        """``[num_risky]``: the risky arms, ascending."""
        low, high = self.law.ranges
        return np.flatnonzero(low < high)

    def optimal_policy(self, k: int = 1) -> NDArray[np.float64]:
        """Return a policy ``[1, num_arms]`` of highest J_k, which spreads evenly over the arms of each kind.

        With probability x of a risky arm, J_k(x) = h - (h - s) (1 - p x)^k - (s - l) ((1 - p) x)^k, for rewards l, s, h
        and the risky probability p: the best is h unless no pull gives it, and l only if all do. For k > 1 it is
        concave, and its derivative is 0 where (1 / x - p)^(k-1) = (s - l) (1 - p)^k / ((h - s) p).

        Args:
            k: number of pulls, at least 1; for 1, all probability is on the arms of the higher mean.
        """
        k = check_integer("k", k, 1)
        low, safe, high, chance = self._outcomes
        if k == 1:
            share = float(low + chance * (high - low) > safe)
        elif chance == 0.0:
            share = 0.0
        else:
            ratio = (safe - low) * (1.0 - chance) ** k / ((high - safe) * chance)
            share = min(1.0, 1.0 / (chance + ratio ** (1.0 / (k - 1))))
        risky = self.risky_arms
        policy = np.full((1, self.num_actions), (1.0 - share) / (self.num_actions - risky.size))
        policy[0, risky] = share / risky.size
        return policy

    def optimal_max_at_k(self, k: int) -> float:
        """Return the highest J_k of any policy, that of `optimal_policy`.

        Args:
            k: number of pulls, at least 1.
        """
        return self.exact_value(self.optimal_policy(k), k)


class SafeRiskyBanditEnv(SafeRiskyBanditTask, ScalarBandit):
    """A bandit in which the mean prefers safe arms and the best of k prefers risky ones.

    **Mission.** Pull one arm; with a group of pulls, make the *best* of them good. Safe arms always pay 0.5; risky ones
    pay 1 with probability 0.2, else 0. The mean of a safe arm is higher (0.5 against 0.2), and so is the best of up to
    3 pulls of one arm; from k = 4 on a risky arm is better (0.59 of 4 pulls, 0.83 of 8), and whoever maximises the mean
    learns the wrong arm. Max@K objectives exist for this conflict (arXiv 2606.06080, Sec. 5.1, studies the bandit
    whose arms pay fixed rewards, which has none).
    For k > 1 the best *policy* mixes both kinds, as one safe pull secures 0.5: the risky arms' share is 0.29 for
    k = 2, 0.68 for 4, 0.85 for 8, and tends to 1; ``optimal_policy(k)`` and ``optimal_max_at_k(k)`` give it exactly.

    **Observation.** ``Discrete(1)``: always 0.

    **Action.** ``Discrete(num_arms)``: the arm.

    **Reward.** ``safe_reward`` from a safe arm; from a risky one (``risky_arms``) ``risky_reward`` with probability
    ``risky_probability``, else ``low_reward``. ``arm_rewards`` has the means.

    **Episode.** One step: every step terminates. It is never truncated. ``info`` is empty.

    **Seeds.** ``instance`` decides which arms are risky and the initial logits, N(0, 1); ``reset(seed=...)`` decides
    what risky arms pay and nothing else. Stepping again before ``reset`` raises ``gymnasium.error.ResetNeeded``.

    **Ids.** ``maxpo/SafeRiskyBandit-v0`` with ``gymnasium.make`` and, as `SafeRiskyBanditVectorEnv`, with
    ``gymnasium.make_vec``.

    Args:
        num_arms: number of arms, at least 2.
        num_risky: how many of them are risky, at least 1 and fewer than all.
        safe_reward: what a safe arm pays.
        risky_reward: what a risky arm pays at best, more than ``safe_reward``.
        risky_probability: how probable that is, in [0, 1].
        low_reward: what a risky arm pays else, less than ``safe_reward``.
        instance: which bandit, any integer.
        render_mode: None, "ansi" or "rgb_array".

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        num_arms: int = 10,
        num_risky: int = 5,
        safe_reward: float = 0.5,
        risky_reward: float = 1.0,
        risky_probability: float = 0.2,
        low_reward: float = 0.0,
        instance: int = 0,
        render_mode: str | None = None,
    ) -> None:
        self._generate(num_arms, num_risky, (low_reward, safe_reward, risky_reward), risky_probability, instance)
        self._set_up(render_mode)


class SafeRiskyBanditVectorEnv(SafeRiskyBanditTask, VectorBandit):
    """A batch of pulls at one safe/risky bandit, in NumPy, without a loop over environments.

    With the same list of seeds and the same actions, `SafeRiskyBanditEnv` gives identical episodes. All environments
    share one instance.

    Args:
        num_envs: batch size, at least 1.
        num_arms: as for `SafeRiskyBanditEnv`.
        num_risky: as for `SafeRiskyBanditEnv`.
        safe_reward: as for `SafeRiskyBanditEnv`.
        risky_reward: as for `SafeRiskyBanditEnv`.
        risky_probability: as for `SafeRiskyBanditEnv`.
        low_reward: as for `SafeRiskyBanditEnv`.
        instance: as for `SafeRiskyBanditEnv`.
        render_mode: as for `SafeRiskyBanditEnv`; `render` then gives a tuple with one frame per environment.
        autoreset_mode: DISABLED (with masked reset), NEXT_STEP or SAME_STEP, as a member of ``AutoresetMode``, its
            value ("SameStep") or its name. In NEXT_STEP every second step of this one-step task only resets.

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        num_envs: int = 1,
        num_arms: int = 10,
        num_risky: int = 5,
        safe_reward: float = 0.5,
        risky_reward: float = 1.0,
        risky_probability: float = 0.2,
        low_reward: float = 0.0,
        instance: int = 0,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
    ) -> None:
        self._generate(num_arms, num_risky, (low_reward, safe_reward, risky_reward), risky_probability, instance)
        self._set_up(num_envs, autoreset_mode, render_mode)
