"""The agents of the paper: group policy gradients with the estimator fixed."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from maxpo_bench.agents.policy_gradient import GroupPolicyGradient
from maxpo_bench.agents.vector_envs import EnvSource
from maxpo_bench.registry import suggest

OPTIONS = tuple(
    name
    for name, parameter in inspect.signature(GroupPolicyGradient).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and not name.startswith("_")
)


class _Preset(GroupPolicyGradient):
    """Fixes `estimator`; everything else is as in `GroupPolicyGradient`."""

    own_options: ClassVar[tuple[str, ...]] = ()

    def __init__(self, env: EnvSource | None = None, **options: Any) -> None:
        known = [*(name for name in OPTIONS if name != "estimator"), *self.own_options]
        for name in options:
            if name == "estimator":
                raise TypeError(
                    f"{type(self).__name__} always uses {self.fixed_estimator!r}: use GroupPolicyGradient to choose"
                )
            if name not in known and name != "_init_setup_model":
                raise TypeError(
                    f"{type(self).__name__} has no option {name!r}.{suggest(name, known)} Options of the environment "
                    "go into env_kwargs={...}"
                )
        assert self.fixed_estimator is not None
        super().__init__(env, estimator=self.fixed_estimator, **options)


class REINFORCE(_Preset):
    """REINFORCE with a leave-one-out baseline: ascends the mean return J_1 (Eq 122); k only sets the logged max@K."""

    fixed_estimator = "reinforce_l1o"


class EntropyREINFORCE(REINFORCE):
    """REINFORCE with an entropy bonus, by default with the paper's coefficient 0.01 (App. G.2)."""

    def __init__(self, env: EnvSource | None = None, *, entropy_coef: float = 0.01, **options: Any) -> None:
        super().__init__(env, entropy_coef=entropy_coef, **options)


class EI(_Preset):
    """Expected improvement without a baseline (Eq 5, 123); PKPO's sloo_minus_one up to scale. Ascends J_K, unbiased."""

    fixed_estimator = "ei"


class EIL1O(_Preset):
    """Expected improvement less a leave-one-out baseline (Sec. 3.1): biased for J_K when K >= 2."""

    fixed_estimator = "ei_l1o"


class EIL2O(_Preset):
    """Expected improvement less the leave-two-out baseline, MaxPO (Eq 6, 124): ascends J_K, unbiased and centred."""

    fixed_estimator = "ei_l2o"


class EntropyAdv(_Preset):
    """GRPO with Entropy-Adv: A_t = A + min(alpha H_t, |A| / kappa) at each token (Cheng et al., arXiv 2506.14758).

    H_t is the policy's entropy in nats where the token was sampled, without gradient. For policies of tokens, "lm".
    Ascends the mean return, as GRPO does; k only sets the logged max@K.

    Args:
        env: see `GroupPolicyGradient`.
        alpha: weight of the entropy, >= 0.
        kappa: bound of the term relative to the advantage, > 1.
        options: of `GroupPolicyGradient`.

    Raises:
        ValueError: the policy has no tokens, or alpha or kappa are out of range.
    """

    fixed_estimator = "grpo"
    own_options = ("alpha", "kappa")

    def __init__(self, env: EnvSource | None = None, *, alpha: float = 0.4, kappa: float = 2.0, **options: Any) -> None:
        if "entropy_shaping" in options:
            raise TypeError("EntropyAdv takes alpha and kappa in place of entropy_shaping")
        super().__init__(env, entropy_shaping={"alpha": alpha, "kappa": kappa}, **options)

    def _check_numbers(self) -> None:
        if self.entropy_shaping is None:
            raise ValueError("this agent has no entropy shaping: use or load it with GroupPolicyGradient")
        super()._check_numbers()
