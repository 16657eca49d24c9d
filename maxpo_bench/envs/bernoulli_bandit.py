"""`maxpo/BernoulliBandit-v0`: arms that succeed or fail, the smallest model of rewards that are verified."""

from __future__ import annotations

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from maxpo_bench.envs.arm_laws import BernoulliArms
from maxpo_bench.envs.bandit import BanditTask, ScalarBandit, VectorBandit
from maxpo_bench.envs.bandit_instance import Bandit, count_arms, normal_stream
from maxpo_bench.envs.checks import check_integer
from maxpo_bench.seeding import derive_seed

_TASK = "bernoulli_bandit"


def _generate(num_arms: int | None, instance: int, arm_probabilities: ArrayLike | None) -> Bandit:
    instance = check_integer("instance", instance)
    num_arms, given = count_arms(num_arms, arm_probabilities, "arm_probabilities")
    law = BernoulliArms(_beta_1_3(instance, num_arms) if given is None else given)
    return Bandit(law, normal_stream(instance, _TASK, "initial_logits", num_arms))


def _beta_1_3(instance: int, size: int) -> NDArray[np.float64]:
    """Draw from Beta(1, 3) by its quantile function 1 - (1 - u)^(1/3), so that the arms of a smaller bandit stay."""
    generator = np.random.default_rng(derive_seed(instance, _TASK, "arm_probabilities"))
    return 1.0 - np.cbrt(1.0 - generator.random(size))


class BernoulliBanditTask(BanditTask):
    """What both classes share: the names."""

    name = "maxpo/BernoulliBandit-v0"
    title = "Bernoulli bandit"

    @property
    def arm_probabilities(self) -> NDArray[np.float64]:
        """``[num_arms]``: each arm's probability of paying 1, read-only."""
        return self.arm_rewards


class BernoulliBanditEnv(BernoulliBanditTask, ScalarBandit):
    """A bandit whose arms pay 1 with their own probabilities, else 0: max@K is pass@K.

    **Mission.** Pull one arm; with a group of pulls, make sure that one of them succeeds. Rewards that a checker gives
    to answers are of this kind, and max@K of them is pass@K (arXiv 2606.06080, Sec. 5.1 studies the bandit whose arms
    pay fixed rewards). J_k = 1 - (1 - pi.p)^k for a policy pi and success probabilities p: for every k the best policy
    is the best arm.

    **Observation.** ``Discrete(1)``: always 0.

    **Action.** ``Discrete(num_arms)``: the arm.

    **Reward.** 1 with probability ``arm_probabilities[action]``, else 0.

    **Episode.** One step: every step terminates. It is never truncated. ``info`` is empty.

    **Seeds.** ``instance`` decides the probabilities, Beta(1, 3) for each arm (mean 1/4, mostly small), and the
    initial logits, N(0, 1); ``reset(seed=...)`` decides which pulls succeed and nothing else. Stepping again before
    ``reset`` raises ``gymnasium.error.ResetNeeded``.

    **Ids.** ``maxpo/BernoulliBandit-v0`` with ``gymnasium.make`` and, as `BernoulliBanditVectorEnv`, with
    ``gymnasium.make_vec``.

    Args:
        num_arms: number of arms, at least 1; by default 100, or as many as ``arm_probabilities`` has.
        instance: which bandit, any integer. The first arms of a larger bandit are those of a smaller one.
        arm_probabilities: ``[num_arms]`` in [0, 1], in place of the generated ones.
        render_mode: None, "ansi" or "rgb_array".

    Raises:
        TypeError: an argument is unknown or of the wrong type.
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        num_arms: int | None = None,
        instance: int = 0,
        arm_probabilities: ArrayLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.bandit = _generate(num_arms, instance, arm_probabilities)
        self._set_up(render_mode)


class BernoulliBanditVectorEnv(BernoulliBanditTask, VectorBandit):
    """A batch of pulls at one Bernoulli bandit, in NumPy, without a loop over environments.

    With the same list of seeds and the same actions, `BernoulliBanditEnv` gives identical episodes. All environments
    share one instance.

    Args:
        num_envs: batch size, at least 1.
        num_arms: as for `BernoulliBanditEnv`.
        instance: as for `BernoulliBanditEnv`.
        arm_probabilities: as for `BernoulliBanditEnv`.
        render_mode: as for `BernoulliBanditEnv`; `render` then gives a tuple with one frame per environment.
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
        arm_probabilities: ArrayLike | None = None,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
    ) -> None:
        self.bandit = _generate(num_arms, instance, arm_probabilities)
        self._set_up(num_envs, autoreset_mode, render_mode)
