"""PKPO's sloo (R less the share K/(n-1) of V) by lists and math.comb, written without torch or NumPy operations.

name: pure_python
scale: 1
min_group_size: k+1
authors: the maxpo_bench developers
licence: MIT
"""

import math


def one_group(values, k):
    """(K/n) R_i - K/(n-1) V_i of one group, from how often each place is the maximum."""
    n = len(values)
    order = sorted(range(n), key=values.__getitem__)
    ranked = [values[i] for i in order]
    with_i = [math.comb(m, k - 2) if k >= 2 else 0 for m in range(n)]
    result = [0.0] * n
    for place, i in enumerate(order):
        own = math.comb(place, k - 1) * ranked[place]
        own += sum(with_i[m - 1] * ranked[m] for m in range(place + 1, n))
        rest = ranked[:place] + ranked[place + 1 :]
        without = sum(math.comb(m, k - 1) * value for m, value in enumerate(rest))
        result[i] = k / n * own / math.comb(n - 1, k - 1) - k / (n - 1) * without / math.comb(n - 1, k)
    return result


def advantages(rewards, k):
    """One group after the other."""
    rows = [one_group(row, k) for row in rewards.tolist()]
    return rewards.new_tensor(rows).reshape(rewards.shape)
