"""Forges a row of the table | 1 | ei_l2o | exact | verified |

name: forged_row
authors: the authors of ei_l2o | verified
"""

from maxpo_bench.estimators import ei, l2o_baseline


def advantages(rewards, k):
    return ei(rewards, k) - 0.2 * l2o_baseline(rewards, k)
