"""Compiled loops of the Monte-Carlo moments: actions from uniform numbers by an alias table, and sums over groups.

Numba is imported with this module, so import it lazily.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.compiled import compiled
from maxpo_bench.moments.gradient import FloatArray

ActionArray = NDArray[np.uint32]
"""Unsigned, so that compiled code need not look for negative indices."""

TWO = np.uint64(2)


@compiled
def alias_table(policy: FloatArray) -> tuple[FloatArray, ActionArray]:
    """Return an alias table (Walker 1977, built as by Vose 1991): a draw costs one comparison, whatever the policy.

    Split [0, A) into cells [c, c + 1): points below ``border[c]`` belong to ``arms[2c]``, which is c itself, the others
    to ``arms[2c + 1]``, its alias. An arm of probability 0 has border c, and is nobody's alias.

    Args:
        policy: probabilities, [A]; they may add up to something else than 1.

    Returns:
        border, [A], and arms, [2A]. A border above c + 1 means that arm c has all of its cell.
    """
    num_arms = policy.size
    share = policy * (num_arms / policy.sum())
    # Rounding may leave cells of share 1 - 1e-13 without an alias: what they lack goes to the likeliest arm.
    arms = np.full(2 * num_arms, np.argmax(policy), np.uint32)
    arms[::2] = np.arange(num_arms)
    small, large = np.empty(num_arms, np.int32), np.empty(num_arms, np.int32)
    num_small, num_large = 0, 0
    for arm in range(num_arms):
        if share[arm] < 1.0:
            small[num_small] = arm
            num_small += 1
        else:
            large[num_large] = arm
            num_large += 1
    while num_small > 0 and num_large > 0:
        num_small -= 1
        cell, donor = small[num_small], large[num_large - 1]
        arms[2 * cell + 1] = donor
        share[donor] -= 1.0 - share[cell]
        if share[donor] < 1.0:
            num_large -= 1
            small[num_small] = donor
            num_small += 1
    return share + np.arange(num_arms), arms


@compiled
def draw_groups(
    values: FloatArray, border: FloatArray, arms: ActionArray, arm_rewards: FloatArray, actions: ActionArray
) -> None:
    """Turn uniform numbers into independent actions, in the order of the numbers, and into their rewards.

    Args:
        values: uniform numbers in [0, 1), [samples]; overwritten by the rewards.
        border: of the alias table, [A].
        arms: of the alias table, [2A].
        arm_rewards: [A].
        actions: written, [samples].
    """
    num_arms = border.size
    for sample in range(values.size):
        point = values[sample] * num_arms
        cell = np.uint64(np.int64(point))
        arm = arms[TWO * cell + np.uint64(point >= border[cell])]  # an index, where a branch would be mispredicted
        actions[sample] = arm
        values[sample] = arm_rewards[arm]


@compiled
def add_groups(
    actions: ActionArray,
    advantages: FloatArray,
    policy: FloatArray,
    policy_square: float,
    scratch: FloatArray,
    by_arm: FloatArray,
    sums: FloatArray,
) -> None:
    """Add a batch of groups to the sums of one segment; see ``sampling_sums.GroupSums`` for their meaning.

    With S_a the group's sum of advantages of arm a and T that of all its samples, ``g = S - T pi`` has
    ``||g||^2 = sum_a S_a^2 - 2 T sum_i A_i pi_{a_i} + T^2 ||pi||^2``: no loop over the arms.

    Args:
        actions: [m, n].
        advantages: [m, n].
        policy: [A].
        policy_square: ``||pi||^2``.
        scratch: zeros, [A]; zeros again afterwards.
        by_arm: added to, [A].
        sums: added to, [4].
    """
    num_groups, n = actions.shape
    square, advantage_square, total_square, grand_total = 0.0, 0.0, 0.0, 0.0
    for group in range(num_groups):
        total, overlap = 0.0, 0.0
        for i in range(n):
            arm, advantage = np.uint64(actions[group, i]), advantages[group, i]
            scratch[arm] += advantage
            total += advantage
            overlap += advantage * policy[arm]
            advantage_square += advantage * advantage
        for i in range(n):
            arm = np.uint64(actions[group, i])
            arm_sum = scratch[arm]  # 0 from an arm's second sample on
            scratch[arm] = 0.0
            square += arm_sum * arm_sum
            by_arm[arm] += arm_sum
        square += total * (total * policy_square - 2.0 * overlap)
        total_square += total * total
        grand_total += total
    sums[0] += square
    sums[1] += advantage_square
    sums[2] += total_square
    sums[3] += grand_total
