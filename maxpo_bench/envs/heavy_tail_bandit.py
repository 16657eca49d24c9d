"""`maxpo/HeavyTailBandit-v0`: normal arms under Student-t noise, whose rare outliers rule the best of a group."""

from __future__ import annotations

from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike

from maxpo_bench.envs.arm_laws import NoisyArms
from maxpo_bench.envs.bandit import BanditTask, ScalarBandit, VectorBandit
from maxpo_bench.envs.bandit_instance import Bandit, count_arms, normal_stream
from maxpo_bench.envs.checks import check_integer, check_real
from maxpo_bench.envs.mixture import StudentT

_TASK = "heavy_tail_bandit"


def _generate(
    num_arms: int | None, instance: int, arm_rewards: ArrayLike | None, df: float, reward_noise: float
) -> Bandit:
    instance = check_integer("instance", instance)
    num_arms, given = count_arms(num_arms, arm_rewards, "arm_rewards")
    rewards = normal_stream(instance, _TASK, "arm_rewards", num_arms) if given is None else given
    df = check_real("df", df, 1.0)
    if df == 1.0:
        raise ValueError("df must be greater than 1, since Student's t has no mean at 1: raise df, to 1.5 for example")
    law = NoisyArms(rewards, reward_noise, StudentT(df))
    return Bandit(law, normal_stream(instance, _TASK, "initial_logits", num_arms))


class HeavyTailBanditTask(BanditTask):
    """What both classes share: the names."""

    name = "maxpo/HeavyTailBandit-v0"
    title = "Heavy-tailed bandit"


class HeavyTailBanditEnv(HeavyTailBanditTask, ScalarBandit):
    """A bandit with Student-t noise: the best of a group is often an outlier.

    **Mission.** Pull one arm; with a group of pulls, make the *best* of them good, although it says more about the
    noise than about the arm. The noise's tails are powers: a pull exceeds x with probability of the order x^-df, so
    the best of k grows like k^(1/df), and with ``df`` <= 2 its variance is infinite: a hard case for estimators of
    max@K gradients, whose weights follow the largest rewards (arXiv 2606.06080, Sec. 5.1 studies the bandit without
    noise). J_k is known to about 1e-12, and for every k the best policy is the best arm.

    **Observation.** ``Discrete(1)``: always 0.

    **Action.** ``Discrete(num_arms)``: the arm.

    **Reward.** The arm's mean reward, ``arm_rewards[action]``, plus ``reward_noise`` times a Student-t number with
    ``df`` degrees of freedom (whose variance is df / (df - 2), where it exists: 3 by default).

    **Episode.** One step: every step terminates. It is never truncated. ``info`` is empty.

    **Seeds.** ``instance`` decides mean rewards and initial logits, both N(0, 1) for each arm; ``reset(seed=...)``
    decides the noise and nothing else. Stepping again before ``reset`` raises ``gymnasium.error.ResetNeeded``.

    **Ids.** ``maxpo/HeavyTailBandit-v0`` with ``gymnasium.make`` and, as `HeavyTailBanditVectorEnv`, with
    ``gymnasium.make_vec``.

    Args:
        num_arms: number of arms, at least 1; by default 100, or as many as ``arm_rewards`` has.
        instance: which bandit, any integer. The first arms of a larger bandit are those of a smaller one.
        arm_rewards: ``[num_arms]``, mean rewards of your own in place of the generated ones.
        df: degrees of freedom, greater than 1.
        reward_noise: scale of the noise on every reward, at least 0.
        render_mode: None, "ansi" or "rgb_array".

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        num_arms: int | None = None,
        instance: int = 0,
        arm_rewards: ArrayLike | None = None,
        df: float = 3.0,
        reward_noise: float = 0.5,
        render_mode: str | None = None,
    ) -> None:
        self.bandit = _generate(num_arms, instance, arm_rewards, df, reward_noise)
        self._set_up(render_mode)


class HeavyTailBanditVectorEnv(HeavyTailBanditTask, VectorBandit):
    """A batch of pulls at one heavy-tailed bandit, in NumPy, without a loop over environments.

    With the same list of seeds and the same actions, `HeavyTailBanditEnv` gives identical episodes. All environments
    share one instance.

    Args:
        num_envs: batch size, at least 1.
        num_arms: as for `HeavyTailBanditEnv`.
        instance: as for `HeavyTailBanditEnv`.
        arm_rewards: as for `HeavyTailBanditEnv`.
        df: as for `HeavyTailBanditEnv`.
        reward_noise: as for `HeavyTailBanditEnv`.
        render_mode: as for `HeavyTailBanditEnv`; `render` then gives a tuple with one frame per environment.
        autoreset_mode: DISABLED (with masked reset), NEXT_STEP or SAME_STEP, as a member of ``AutoresetMode``, its
            value ("SameStep") or its name. In NEXT_STEP every second step of this one-step task only resets.

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        num_envs: int = 1,
        num_arms: int | None = None,
        instance: int = 0,
        arm_rewards: ArrayLike | None = None,
        df: float = 3.0,
        reward_noise: float = 0.5,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
    ) -> None:
        self.bandit = _generate(num_arms, instance, arm_rewards, df, reward_noise)
        self._set_up(num_envs, autoreset_mode, render_mode)
