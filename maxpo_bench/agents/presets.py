"""The agents of the paper: group policy gradients with the estimator fixed."""

from __future__ import annotations

import inspect
from typing import Any

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

    def __init__(self, env: EnvSource | None = None, **options: Any) -> None:
        known = [name for name in OPTIONS if name != "estimator"]
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
