"""The Triton kernel for groups of at most 32 samples: one group per thread, all in registers.

A thread sorts its group by Batcher's merge exchange (Knuth, The Art of Computer Programming 3, Algorithm 5.2.2M),
which takes any n, so that padding never takes part. It remembers who changed places, adds up the gaps in the order of
the ranks, and plays the exchanges backwards on the results: no index is carried, nothing is gathered or scattered, all
loads and stores are contiguous, and tied rewards get one value because adding a gap of 0 changes nothing.
"""

from __future__ import annotations

from maxpo_bench.estimators.triton_language import constexpr, constexpr_function, jit, tensor, tl

LARGEST = 32


@constexpr_function
def merge_exchange(n: int) -> tuple[tuple[int, int], ...]:
    """Return the comparators (i, j), i < j, of Batcher's network for n values, in order."""
    pairs: list[tuple[int, int]] = []
    top = 1 << max((n - 1).bit_length() - 1, 0)
    p = top if n > 1 else 0
    while p > 0:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(n - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return tuple(pairs)


@constexpr_function
def length(pairs: tuple[tuple[int, int], ...]) -> int:
    """Return the number of comparators."""
    return len(pairs)


@jit
def exchange(v: tensor, i: constexpr, j: constexpr, swap: tensor) -> tensor:
    """Return the tuple ``v`` with entries i < j exchanged where ``swap``."""
    low = tl.where(swap, v[j], v[i])
    high = tl.where(swap, v[i], v[j])
    return v[:i] + (low,) + v[i + 1 : j] + (high,) + v[j + 1 :]  # noqa: RUF005 (Triton knows no unpacking)


@jit
def split_columns(parts: tensor, ROWS: constexpr, LOG: constexpr, COUNT: constexpr) -> tensor:
    """Halve each of COUNT blocks [ROWS, 2^(LOG+1)] into its even columns, then its odd ones."""
    even = ()
    odd = ()
    for i in tl.static_range(COUNT):
        a, b = tl.split(tl.reshape(parts[i], [ROWS, 1 << LOG, 2]))
        even += (a,)
        odd += (b,)
    return even + odd


@jit
def join_columns(parts: tensor, ROWS: constexpr, LOG: constexpr, COUNT: constexpr) -> tensor:
    """Undo `split_columns`: make COUNT blocks [ROWS, 2^(LOG+1)] of twice as many."""
    joined = ()
    for i in tl.static_range(COUNT):
        pair = tl.join(parts[i], parts[i + COUNT])
        joined += (tl.reshape(pair, [ROWS, 2 << LOG]),)
    return joined


@jit
def to_columns(block: tensor, ROWS: constexpr, LOG: constexpr) -> tensor:
    """Return the 2^LOG columns [ROWS] of a block, as a tuple."""
    parts = (block,)
    for level in tl.static_range(LOG):
        parts = split_columns(parts, ROWS, LOG - level - 1, 1 << level)
    columns = ()
    for i in tl.static_range(1 << LOG):
        columns += (tl.reshape(parts[i], [ROWS]),)
    return columns


@jit
def to_block(columns: tensor, ROWS: constexpr, LOG: constexpr) -> tensor:
    """Undo `to_columns`."""
    parts = columns
    for level in tl.static_range(LOG):
        parts = join_columns(parts, ROWS, level, 1 << (LOG - level - 1))
    return tl.reshape(parts[0], [ROWS, 1 << LOG])


@jit
def sums_by_rank(v: tensor, weights: tensor, n: constexpr, CENTRED: constexpr, ROWS: constexpr) -> tensor:
    """Return the gap sums of the sorted columns ``v`` by rank, in their dtype; columns from n on stay as they are."""
    total = tl.zeros([ROWS], tl.float64)
    area = tl.zeros([ROWS], tl.float64)
    sums = (total,)
    for m in tl.static_range(1, n):
        total += (v[m].to(tl.float64) - v[m - 1].to(tl.float64)) * tl.load(weights + (m - 1))
        area += total
        sums += (total,)
    mean = area * (1.0 / n)
    results = ()
    for m in tl.static_range(n):
        if CENTRED:
            results += ((sums[m] - mean).to(v[m].dtype),)
        else:
            results += (sums[m].to(v[m].dtype),)
    return results + v[n:]


@jit(do_not_specialize=["rows"])
def narrow_gap_sums(
    rewards: tensor,
    weights: tensor,
    out: tensor,
    rows: tensor,
    n: constexpr,
    CENTRED: constexpr,
    ROWS: constexpr,
    LOG: constexpr,
) -> None:
    """Write the gap sums of ROWS groups of n <= 2^LOG rewards.

    Args:
        rewards: pointer to `[rows, n]`, contiguous, float32 or float64.
        weights: pointer to `[n - 1]`, float64.
        out: pointer to `[rows, n]`, contiguous, the rewards' dtype.
        rows: number of groups.
        n: group size.
        CENTRED: whether the group's mean is taken off.
        ROWS: groups per program, a power of two.
        LOG: ceil(log2 n), at least 1.
    """
    COMPARATORS: constexpr = merge_exchange(n)
    COUNT: constexpr = length(COMPARATORS)
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.arange(0, 1 << LOG)[None, :]
    inside = (row < rows) & (column < n)
    v = to_columns(tl.load(rewards + row * n + column, mask=inside, other=0.0), ROWS, LOG)
    swaps = ()
    for c in tl.static_range(COUNT):
        swap = v[COMPARATORS[c][0]] > v[COMPARATORS[c][1]]
        v = exchange(v, COMPARATORS[c][0], COMPARATORS[c][1], swap)
        swaps += (swap,)
    v = sums_by_rank(v, weights, n, CENTRED, ROWS)
    for c in tl.static_range(COUNT):
        v = exchange(v, COMPARATORS[COUNT - 1 - c][0], COMPARATORS[COUNT - 1 - c][1], swaps[COUNT - 1 - c])
    tl.store(out + row * n + column, to_block(v, ROWS, LOG), mask=inside)
