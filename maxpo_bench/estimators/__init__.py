"""Advantage estimators of max@K / pass@K policy gradients: pure functions on rewards `[..., n]`, and their registry.

Every estimator takes `rewards [..., n]` (one group of n samples per row of the last axis) and the objective size `k`,
and returns advantages of the same shape, detached from the rewards' graph. float16, bfloat16, float32 and float64 keep
their dtype, with sums accumulated in float64; integer and bool rewards are taken exactly and give the default float
dtype. An empty batch `[0, n]` gives an empty result. NaN and infinite rewards raise.

Notation: R_i mean maximum of the K-subsets with i, V_i of those without i, C_i of the (K-1)-subsets without i,
rho_K of all K-subsets, EI_i = R_i - C_i, B_i = V_i - C_i, and the canonical advantage A_i = R_i - V_i = EI_i - B_i.
s_i is the score grad log pi(a_i). *The paper* is arXiv 2606.06080.
"""

from maxpo_bench.estimators import reference
from maxpo_bench.estimators.catalog import BUILT_IN
from maxpo_bench.estimators.construction import leave_two_out
from maxpo_bench.estimators.counting import pass_at_k
from maxpo_bench.estimators.entropy import entropy_adv, entropy_shaped
from maxpo_bench.estimators.expected_improvement import ei, ei_l1o, ei_l2o, ei_mean_centered
from maxpo_bench.estimators.gap_form import set_path, use_path
from maxpo_bench.estimators.lookup import as_estimator, get_estimator, list_estimators
from maxpo_bench.estimators.mean_reward import dr_grpo, grpo, reinforce_l1o
from maxpo_bench.estimators.passk import passk_analytic, passk_analytic_std, passk_top1
from maxpo_bench.estimators.peers import all_subsets, all_subsets_centered, bon_mean, pkpo_sloo, pkpo_sloo_minus_one
from maxpo_bench.estimators.pieces import (
    comparator_max,
    conditional_max,
    l1o_baseline,
    l2o_baseline,
    leave_one_out_max,
    max_at_k,
)
from maxpo_bench.estimators.spec import ESTIMATORS, Estimator, EstimatorSpec, register_estimator
from maxpo_bench.registry import UnknownNameError

__all__ = [
    "BUILT_IN",
    "ESTIMATORS",
    "Estimator",
    "EstimatorSpec",
    "UnknownNameError",
    "all_subsets",
    "all_subsets_centered",
    "as_estimator",
    "bon_mean",
    "comparator_max",
    "conditional_max",
    "dr_grpo",
    "ei",
    "ei_l1o",
    "ei_l2o",
    "ei_mean_centered",
    "entropy_adv",
    "entropy_shaped",
    "get_estimator",
    "grpo",
    "l1o_baseline",
    "l2o_baseline",
    "leave_one_out_max",
    "leave_two_out",
    "list_estimators",
    "max_at_k",
    "pass_at_k",
    "passk_analytic",
    "passk_analytic_std",
    "passk_top1",
    "pkpo_sloo",
    "pkpo_sloo_minus_one",
    "reference",
    "register_estimator",
    "reinforce_l1o",
    "set_path",
    "use_path",
]
