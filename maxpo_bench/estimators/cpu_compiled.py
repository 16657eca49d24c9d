"""The compiled part of the CPU kernel: sort groups in the lanes of vectors, sum their gaps, put the sums back.

Eight groups are sorted at a time, one in each lane of vectors of eight 64-bit integers. A float32 reward becomes an
integer of the same order in the upper half of a key, with its place in the lower half; a float64 reward takes a whole
key, and its place is carried along. A sorting network has no branches and works on all lanes at once: Batcher's
odd-even merge sort of 16 rows in registers, then bitonic merges, up to 16 rows in registers at a time (Batcher 1968,
Sorting networks and their applications). A single large group is cut into eight lanes, which are merged at the end.

The vector instructions are written for LLVM, as Numba intrinsics: its vectoriser does not find them in loops over
lanes. All compiled code is in this one file, since Numba renews its cache only when the file of a function changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

ir, cgutils = import_module("llvmlite.ir"), import_module("numba.core.cgutils")  # these come without types

LANES = 8
BLOCK = 16  # rows that are sorted in registers
PLACE = 2**32 - 1  # the lower half of a key
LOWEST = -(2**63)  # the key of padding: no number has a lower one

I32, I64 = ir.IntType(32), ir.IntType(64)
KEYS, SUMS = ir.VectorType(I64, LANES), ir.VectorType(ir.DoubleType(), LANES)

Function = TypeVar("Function", bound=Callable[..., Any])
Array = NDArray[Any]
Columns = tuple[Array, ...]  # the keys, for float64 also the places: [8 rows] int64 each, row after row
Pairs = Sequence[tuple[int, int]]

_intrinsic = cast(Callable[[Callable[..., Any]], Any], intrinsic)


def _compiled(function: Function) -> Function:
    """Compile at the first call, and keep it beside this file or in the user's cache, if either is writable."""
    try:
        return cast(Function, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # no place for a cache
        return cast(Function, numba.njit(nogil=True)(function))


@_compiled
def fill_side_by_side(
    bits: Array, n: int, weights: Array, result: Array, centred: bool, largest: float, groups: int
) -> bool:
    """Fill the first ``groups`` groups, eight at a time; idle lanes repeat the last group."""
    rows = _power_of_two(n)
    padding = rows - n
    columns, places = _columns(bits, rows)
    by_row = _aligned(rows, np.float64)
    for row in range(rows):
        by_row[row] = weights[row - padding - 1] if row > padding else 0.0
    sums, totals = _aligned(rows, np.float64), _aligned(1, np.float64)
    fits = True
    for group in range(0, groups, LANES):
        start, last = group * n, min(groups - group, LANES) - 1
        _load_groups(columns, bits, start, n, last, padding)
        _sort(columns, rows, rows)
        fits &= _scan_groups(bits, columns[0], sums, totals, by_row, padding, rows, largest)
        for lane in range(LANES):
            totals[lane] = totals[lane] / n if centred else 0.0
        for row in range(padding, rows):
            for lane in range(LANES):
                at = row * LANES + lane
                result[start + (places[at] & PLACE)] = sums[at] - totals[lane]
    return fits


@_compiled
def fill_one_by_one(
    bits: Array, n: int, weights: Array, result: Array, centred: bool, largest: float, first: int
) -> bool:
    """Fill the groups from ``first`` on, each cut into eight lanes of ``rows`` consecutive ranks."""
    rows = _power_of_two((n + LANES - 1) // LANES)
    padding = rows * LANES - n
    columns, places = _columns(bits, rows)
    by_rank = _aligned(rows, np.float64)
    for rank in range(rows * LANES):
        by_rank[_slot(rank, rows)] = weights[rank - padding - 1] if rank > padding else 0.0
    sums, totals = _aligned(rows, np.float64), _aligned(1, np.float64)
    fits = True
    for start in range(first * n, bits.size, n):
        _pad(columns, padding)
        for i in range(n):
            _pack(columns, padding + i, bits[start + i], i, bits.itemsize)
        _sort(columns, rows, rows * LANES)
        for rank in range(padding):  # gaps of 0 to the lowest reward; what they are filled with, it is filled with
            for column in columns:
                column[_slot(rank, rows)] = column[_slot(padding, rows)]
        fits &= _scan_lanes(bits, columns[0], sums, totals, by_rank, 0, rows, largest)
        total, before = 0.0, 0.0
        for lane in range(LANES):
            in_lane, totals[lane] = totals[lane], before
            total += in_lane + before * rows
            before += sums[_slot(lane * rows + rows - 1, rows)]
        mean = total / n if centred else 0.0
        for row in range(rows):
            for lane in range(LANES):
                at = row * LANES + lane
                result[start + (places[at] & PLACE)] = (totals[lane] + sums[at]) - mean
    return fits


@_compiled
def _power_of_two(n: int) -> int:
    """Return the smallest power of two that is no smaller than ``n`` and a vector's lanes."""
    rows = LANES
    while rows < n:
        rows *= 2
    return rows


@_compiled
def _slot(rank: int, rows: int) -> int:
    """Return where a rank of a single group lies: lanes are runs of ranks."""
    return (rank % rows) * LANES + rank // rows


@_compiled
def _aligned(rows: int, dtype: Any) -> Array:
    """Return an uninitialised flat array of rows of eight, on a cache line's border."""
    raw = np.empty((rows + 1) * LANES, dtype)
    return raw[(-raw.ctypes.data % 64) // 8 :]


def _columns(bits: Array, rows: int) -> tuple[Columns, Array]:
    """Return the columns to be sorted, and the one with the places in its lower halves."""
    raise NotImplementedError("compiled code only")


@overload(_columns)
def _columns_of(bits: Any, rows: Any) -> Callable[..., Any]:  # pyright: ignore[reportUnusedFunction]
    def single(bits: Any, rows: Any) -> Any:
        keys = _aligned(rows, np.int64)
        return (keys,), keys

    def double(bits: Any, rows: Any) -> Any:
        keys, places = _aligned(rows, np.int64), _aligned(rows, np.int64)
        return (keys, places), places

    return single if bits.dtype.bitwidth == 32 else double


@_compiled
def _pack(columns: Columns, at: int, bits: int, place: int, itemsize: int) -> None:
    """Write the key, and the place, of a reward given by its bits: the integer of the floats' order."""
    wide = np.int64(bits)
    key = (wide ^ ((wide >> 63) & ((1 << (8 * itemsize - 1)) - 1))) << (64 - 8 * itemsize)
    columns[-1][at] = place
    columns[0][at] = key | place if len(columns) == 1 else key


@_compiled
def _pad(columns: Columns, count: int) -> None:
    for at in range(count):
        columns[-1][at] = 0
        columns[0][at] = LOWEST


@_compiled
def _load_groups(columns: Columns, bits: Array, start: int, n: int, last: int, padding: int) -> None:
    """Load a group into each lane, from row ``padding`` on."""
    _pad(columns, padding * LANES)
    if n >= LANES:
        for i in range(0, n, LANES):
            tile = min(i, n - LANES)
            _load_tile(columns, bits, start, n, last, tile, padding + tile)
        return
    for i in range(n):
        for lane in range(LANES):
            place = min(lane, last) * n + i
            _pack(columns, (padding + i) * LANES + lane, bits[start + place], place, bits.itemsize)


@_compiled
def _sort(columns: Columns, rows: int, length: int) -> None:
    """Sort the lanes apart (``length == rows``), or all of them as one sequence, lane after lane (8 rows)."""
    if rows < BLOCK:
        _sort_8(columns, 0, 1)
    for row in range(0, rows - BLOCK + 1, BLOCK):
        _sort_16(columns, row, 1)
    half = min(rows, BLOCK)
    while half < length:
        if half < rows:
            for block in range(0, rows, 2 * half):
                for i in range(half):
                    _halve_2(columns, block + i, 2 * half - 1 - 2 * i)
        else:
            _merge_lanes(columns, rows, half // rows)
        _halve(columns, rows, min(half, rows))
        half *= 2


@_compiled
def _merge_lanes(columns: Columns, rows: int, lanes: int) -> None:
    """Begin the merge of runs of 1, 2 or 4 lanes: all comparisons between lanes."""
    for row in range(rows // 2):
        if lanes == 1:
            _across_1(columns, row, rows - 1 - row)
        elif lanes == 2:
            _across_3(columns, row, rows - 1 - row)
        else:
            _across_7(columns, row, rows - 1 - row)
    for row in range(rows):
        if lanes == 4:
            _across_2(columns, row, row)
        if lanes >= 2:
            _across_1(columns, row, row)


@_compiled
def _halve(columns: Columns, rows: int, block: int) -> None:
    """Sort bitonic blocks of rows: compare at distances block / 2, ..., 2, 1, up to four of them in registers."""
    while block > 1:
        count = min(block, BLOCK)
        step = block // count
        for first in range(0, rows, block):
            for row in range(first, first + step):
                if count == 16:
                    _halve_16(columns, row, step)
                elif count == 8:
                    _halve_8(columns, row, step)
                elif count == 4:
                    _halve_4(columns, row, step)
                else:
                    _halve_2(columns, row, step)
        block = step


def _odd_even_sort(rows: int) -> Pairs:
    """Return the comparisons of Batcher's odd-even merge sort (Knuth, The Art of Computer Programming 3, 5.2.2 M)."""
    pairs: list[tuple[int, int]] = []
    block = rows // 2
    while block:
        top, remainder, distance = rows // 2, 0, block
        while True:
            pairs += [(i, i + distance) for i in range(rows - distance) if i & block == remainder]
            if top == block:
                break
            distance, top, remainder = top - block, top // 2, block
        block //= 2
    return pairs


def _halvings(rows: int) -> Pairs:
    """Return the comparisons that sort a bitonic sequence."""
    distances = [rows >> level for level in range(1, rows.bit_length())]
    return [(i, i + distance) for distance in distances for i in range(rows) if not i & distance]


def _network(pairs: Pairs, count: int) -> Any:
    """Return the intrinsic that compares and exchanges pairs among ``count`` rows: first, first + step, ..."""

    @_intrinsic
    def compare(_: Any, columns: Any, first: Any, step: Any) -> Any:
        def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
            at = [b.add(args[1], b.mul(args[2], I64(k))) for k in range(count)]
            data = [_data(context, b, columns.dtype, b.extract_value(args[0], c)) for c in range(columns.count)]
            pointers = [[_row(b, column, row) for row in at] for column in data]
            values = [[b.load(p, align=64) for p in column] for column in pointers]
            for low, high in pairs:
                ordered = b.icmp_signed("<", values[0][low], values[0][high])
                for v in values:
                    v[low], v[high] = b.select(ordered, v[low], v[high]), b.select(ordered, v[high], v[low])
            for column, vectors in zip(pointers, values, strict=True):
                for pointer, vector in zip(column, vectors, strict=True):
                    b.store(vector, pointer, align=64)
            return context.get_dummy_value()

        return types.void(columns, types.intp, types.intp), generate

    return compare


def _across(mask: int) -> Any:
    """Return the intrinsic that compares lane l of a row with lane l XOR mask of another; low lanes keep the lower."""
    partners = [lane ^ mask for lane in range(LANES)]
    low = ir.Constant(
        ir.VectorType(ir.IntType(1), LANES), [int(partner > lane) for lane, partner in enumerate(partners)]
    )

    @_intrinsic
    def compare(_: Any, columns: Any, row: Any, other: Any) -> Any:
        def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
            data = [_data(context, b, columns.dtype, b.extract_value(args[0], c)) for c in range(columns.count)]
            pointers = [[_row(b, column, row) for column in data] for row in args[1:]]
            values = [[b.load(p, align=64) for p in row] for row in pointers]
            for own, others, here in zip(values, reversed(values), pointers, strict=True):
                theirs = [_shuffle(b, v, v, partners) for v in others]
                lower, higher = (b.icmp_signed(sign, own[0], theirs[0]) for sign in "<>")
                keep = b.select(low, lower, higher)
                for mine, yours, pointer in zip(own, theirs, here, strict=True):
                    b.store(b.select(keep, mine, yours), pointer, align=64)
            return context.get_dummy_value()

        return types.void(columns, types.intp, types.intp), generate

    return compare


@_intrinsic
def _load_tile(_: Any, columns: Any, bits: Any, start: Any, n: Any, last: Any, i: Any, row: Any) -> Any:
    """Load samples i .. i+7 of eight groups, transposed, into eight rows of keys (and places)."""
    width = bits.dtype.bitwidth

    def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
        data = [_data(context, b, columns.dtype, b.extract_value(args[0], c)) for c in range(columns.count)]
        source = _data(context, b, bits, args[1])
        start, n, last, i, row = args[2:]
        tile: list[Any] = []
        for lane in map(I64, range(LANES)):
            group = b.select(b.icmp_signed("<", lane, last), lane, last)
            first = b.gep(source, [b.add(b.add(start, i), b.mul(group, n))])
            vector = ir.VectorType(ir.IntType(width), LANES)
            tile.append(b.load(b.bitcast(first, vector.as_pointer()), align=width // 8))
        _transpose(b, tile)
        lanes, ends = ir.Constant(KEYS, list(range(LANES))), _splat(b, KEYS, last)
        groups = b.select(b.icmp_signed("<", lanes, ends), lanes, ends)
        places = b.add(b.mul(groups, _splat(b, KEYS, n)), _splat(b, KEYS, i))
        for k, vector in enumerate(tile):
            key, place = _ordered(b, vector), b.add(places, ir.Constant(KEYS, [k] * LANES))
            if width == 32:
                key = b.or_(b.shl(b.zext(key, KEYS), ir.Constant(KEYS, [32] * LANES)), place)
            for column, values in zip(data, (key, place), strict=False):
                b.store(values, _row(b, column, b.add(row, I64(k))), align=64)
        return context.get_dummy_value()

    return types.void(columns, bits, *[types.intp] * 5), generate


def _scan(chunked: bool) -> Any:
    """Return the intrinsic of the running sums: of a group in each lane, or of a group's runs of ranks.

    It writes the sums by row and their totals by lane, and returns whether the spread fits. A group's first gap is 0;
    a later run's first gap is that to the end of the lane before.
    """

    @_intrinsic
    def scan(
        _: Any, bits: Any, keys: Any, sums: Any, totals: Any, weights: Any, first: Any, rows: Any, largest: Any
    ) -> Any:
        width = bits.dtype.bitwidth

        def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
            keys_at, sums_at, totals_at, weights_at = (
                _data(context, b, sums if k else keys, args[1 + k]) for k in range(4)
            )
            first, rows, largest = args[5:]
            before = low = _numbers(b, keys_at, first, width)
            high = _numbers(b, keys_at, b.sub(rows, I64(1)), width)
            if chunked:
                before = _shuffle(b, low, high, [0, *range(LANES, 2 * LANES - 1)])
                low = _shuffle(b, low, low, [0] * LANES)
            zero = ir.Constant(SUMS, [0.0] * LANES)
            previous, running, total = (cgutils.alloca_once_value(b, vector) for vector in (before, zero, zero))
            with cgutils.for_range_slice(b, first, rows, I64(1), inc=True) as (row, _count):
                number = _numbers(b, keys_at, row, width)
                if chunked:
                    weight = b.load(_row(b, weights_at, row, SUMS), align=64)
                else:
                    weight = _splat(b, SUMS, b.load(b.gep(weights_at, [row])))
                gap = b.fsub(number, b.load(previous))
                here = b.fadd(b.load(running), b.fmul(gap, weight))
                b.store(number, previous)
                b.store(here, running)
                b.store(b.fadd(b.load(total), here), total)
                b.store(here, _row(b, sums_at, row, SUMS), align=64)
            b.store(b.load(total), _row(b, totals_at, I64(0), SUMS), align=64)
            fits = b.fcmp_ordered("<=", b.fsub(high, low), _splat(b, SUMS, largest))
            return b.icmp_unsigned("==", b.bitcast(fits, ir.IntType(LANES)), ir.IntType(LANES)(2**LANES - 1))

        return types.boolean(bits, keys, sums, totals, weights, types.intp, types.intp, types.float64), generate

    return scan


def _data(context: Any, b: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, b, array).data


def _row(b: Any, data: Any, row: Any, vector: Any = KEYS) -> Any:
    return b.bitcast(b.gep(data, [b.mul(row, I64(LANES))]), vector.as_pointer())


def _shuffle(b: Any, first: Any, second: Any, order: Sequence[int]) -> Any:
    return b.shuffle_vector(first, second, ir.Constant(ir.VectorType(I32, LANES), list(order)))


def _splat(b: Any, vector: Any, scalar: Any) -> Any:
    one = b.insert_element(ir.Constant(vector, ir.Undefined), scalar, I32(0))
    return _shuffle(b, one, one, [0] * LANES)


def _transpose(b: Any, tile: list[Any]) -> None:
    """Transpose eight vectors of eight, exchanging one bit of row and column at a time."""
    for bit in (1, 2, 4):
        for low in (k for k in range(LANES) if not k & bit):
            first, second = tile[low], tile[low | bit]
            tile[low] = _shuffle(b, first, second, [LANES + (k ^ bit) if k & bit else k for k in range(LANES)])
            tile[low | bit] = _shuffle(b, first, second, [LANES + k if k & bit else k | bit for k in range(LANES)])


def _ordered(b: Any, bits: Any) -> Any:
    """Map floats' bits to signed integers of the same order, or back."""
    width = bits.type.element.width
    sign = b.ashr(bits, ir.Constant(bits.type, [width - 1] * LANES))
    return b.xor(bits, b.and_(sign, ir.Constant(bits.type, [2 ** (width - 1) - 1] * LANES)))


def _numbers(b: Any, keys: Any, row: Any, width: int) -> Any:
    """Load a row of keys as the float64 rewards they stand for."""
    key = b.load(_row(b, keys, row), align=64)
    if width == 64:
        return b.bitcast(_ordered(b, key), SUMS)
    upper = b.trunc(b.ashr(key, ir.Constant(KEYS, [32] * LANES)), ir.VectorType(I32, LANES))
    return b.fpext(b.bitcast(_ordered(b, upper), ir.VectorType(ir.FloatType(), LANES)), SUMS)


_sort_8, _sort_16 = _network(_odd_even_sort(8), 8), _network(_odd_even_sort(16), 16)
_halve_2, _halve_4, _halve_8, _halve_16 = (_network(_halvings(count), count) for count in (2, 4, 8, 16))
_across_1, _across_2, _across_3, _across_7 = (_across(mask) for mask in (1, 2, 3, 7))
_scan_groups, _scan_lanes = _scan(False), _scan(True)
