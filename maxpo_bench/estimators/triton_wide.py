"""The Triton kernel for groups of 33 to 1024 samples: one warp or a few of them for each group.

A bitonic sort over the warps' registers carries each reward's place; two scans give the sums over the gaps and make
them equal on ties; the results are stored at the rewards' places. Padding is +inf, or the largest key, at places >= n.
"""

from __future__ import annotations

from maxpo_bench.estimators.triton_language import constexpr, constexpr_function, jit, tensor, tl

LARGEST = 1024


@jit
def follow(before_a: tensor, last_a: tensor, before_b: tensor, last_b: tensor) -> tensor:
    """Join two stretches of a row, each as (the value before its last one or NaN, its last value)."""
    return tl.where(before_b == before_b, before_b, last_a), last_b


@jit
def latest_number(a: tensor, b: tensor) -> tensor:
    """Return ``b``, or ``a`` where ``b`` is NaN."""
    return tl.where(b == b, b, a)


@jit
def sort_packed(x: tensor, column: tensor) -> tensor:
    """Sort float32 rows as 64-bit integers: the value's monotone image above, its place below."""
    x = tl.where(x == 0, 0.0, x)
    bits = x.to(tl.int32, bitcast=True)
    image = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    packed = tl.sort((image.to(tl.int64) << 32) | column.to(tl.int64), 1)
    image = (packed >> 32).to(tl.int32)
    values = (image ^ ((image >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)
    return values, (packed & 0xFFFFFFFF).to(tl.int32)


@constexpr_function
def dimensions(rows: int, log: int) -> int:
    """Return log2 of rows * 2^log."""
    return log + rows.bit_length() - 1


@jit
def partner(x: tensor, axis: constexpr) -> tensor:
    """Return, for each entry, the other one along an axis of length 2."""
    return x ^ tl.xor_sum(x, axis, keep_dims=True)


@jit
def bit(DIMS: constexpr, j: constexpr) -> tensor:
    """Return bit j of each entry's number in a row-major hypercube with DIMS axes, to be broadcast."""
    return tl.reshape(tl.arange(0, 2), [1] * (DIMS - 1 - j) + [2] + [1] * j)


@jit
def exchange(image: tensor, place: tensor, stage: constexpr, j: constexpr, LOG: constexpr, DIMS: constexpr) -> tensor:
    """Compare entries that differ in bit j and order them as ``stage`` of the bitonic sort wants."""
    other_image = partner(image, DIMS - 1 - j)
    other_place = partner(place, DIMS - 1 - j)
    wants_larger = bit(DIMS, j)
    if stage < LOG:
        wants_larger = wants_larger ^ bit(DIMS, stage)
    swap = tl.where(wants_larger != 0, other_image > image, other_image < image)
    return tl.where(swap, other_image, image), tl.where(swap, other_place, place)


@jit
def sort_pairs(x: tensor, column: tensor, ROWS: constexpr, LOG: constexpr, DIMS: constexpr) -> tensor:
    """Sort float64 rows by their monotone 64-bit images, places carried along, which fit beside them no more."""
    x = tl.where(x == 0, 0.0, x)
    bits = x.to(tl.int64, bitcast=True)
    image = tl.reshape(bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF), [2] * DIMS)
    place = tl.reshape(tl.broadcast_to(column, [ROWS, 1 << LOG]), [2] * DIMS)
    for stage in tl.static_range(1, LOG + 1):
        for step in tl.static_range(stage):
            image, place = exchange(image, place, stage, stage - 1 - step, LOG, DIMS)
    bits = tl.reshape(image, [ROWS, 1 << LOG])
    values = (bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF)).to(tl.float64, bitcast=True)
    return values, tl.reshape(place, [ROWS, 1 << LOG])


@jit
def sums_by_rank(values: tensor, weights: tensor, rank: tensor, n: constexpr, CENTRED: constexpr) -> tensor:
    """Return the gap sums of sorted rows by rank, float64; each tie gets the sum of its first member."""
    nothing = tl.where(rank >= 0, float("nan"), values)
    before, _ = tl.associative_scan((nothing, values), 1, follow)
    has_gap = (rank > 0) & (rank < n)
    weight = tl.load(weights + rank - 1, mask=has_gap, other=0.0)
    gap = tl.where(has_gap, values.to(tl.float64) - before.to(tl.float64), 0.0)
    sums = tl.cumsum(gap * weight, 1)
    # a parallel scan rounds each member of a tie on its own
    sums = tl.associative_scan(tl.where((rank == 0) | (gap > 0), sums, float("nan")), 1, latest_number)
    if CENTRED:
        sums -= (tl.sum(tl.where(rank < n, sums, 0.0), 1) * (1.0 / n))[:, None]
    return sums


@jit(do_not_specialize=["rows"])
def wide_gap_sums(
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
        LOG: ceil(log2 n).
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.arange(0, 1 << LOG)[None, :]
    inside = (row < rows) & (column < n)
    x = tl.load(rewards + row * n + column, mask=inside, other=float("inf"))
    if x.dtype == tl.float64:
        values, place = sort_pairs(x, column, ROWS, LOG, dimensions(ROWS, LOG))
    else:
        values, place = sort_packed(x, column)
    sums = sums_by_rank(tl.where(inside, values, 0.0), weights, column, n, CENTRED)
    tl.store(out + row * n + place, sums.to(x.dtype), mask=(row < rows) & (place < n))
