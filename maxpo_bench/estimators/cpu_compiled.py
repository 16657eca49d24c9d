"""The compiled part of the CPU kernel: sort groups in the lanes of vectors, sum their gaps, put the sums back.

Eight groups are sorted at a time, one in each lane of vectors of eight 64-bit integers. A float32 reward becomes an
integer of the same order in the upper half of a key, with its place in the lower half; a float64 reward takes a whole
key, and its place is carried along. Sorting networks (Batcher 1968) have no branches and work on all lanes at once: an
odd-even merge sort of 16 rows in registers, then bitonic merges, up to 16 rows in registers at a time. A single large
group is cut into eight lanes, which are merged at the end.

The vector instructions are written for LLVM, as Numba intrinsics: its vectoriser does not find them. All of it is in
this one file, since Numba renews what it keeps on disk only when the file of a function changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from typing import Any, cast

import numba
import numpy as np
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from maxpo_bench.compiled import compiled

ir, cgutils, types = map(import_module, ("llvmlite.ir", "numba.core.cgutils", "numba.types"))  # all without types

LANES = 8
BLOCK = 16  # rows that are sorted in registers
PLACE = 2**32 - 1  # the lower half of a key
LOWEST = -(2**63)  # the key of padding: no number has a lower one

I32, I64 = ir.IntType(32), ir.IntType(64)
KEYS, SUMS, SINGLES = (ir.VectorType(kind, LANES) for kind in (I64, ir.DoubleType(), ir.FloatType()))

Array = NDArray[Any]
Columns = tuple[Array, ...]  # the keys, for float64 also the places: [8 rows] int64 each, row after row

_intrinsic = cast(Callable[[Callable[..., Any]], Any], intrinsic)
_carray = cast(Any, numba).carray


@compiled
def fill_side_by_side(
    source: int, weights: int, target: int, n: int, rows: int, first: int, stop: int, centred: bool, largest: Any
) -> bool:
    """Fill groups ``first`` .. ``stop - 1``, eight at a time (idle lanes repeat the last); return whether all fit.

    ``source`` and ``target`` are addresses of `[stop, n]` floats of the type of ``largest``, the largest spread that
    fits; ``weights`` of `[n-1]` float64; ``rows`` is a power of two, at least n and 8.
    """
    padding = rows - n
    bits, result, columns = _buffers(source, target, stop * n, rows, largest)
    by_row, sums, offsets, totals = _aligned(rows), _aligned(rows), _aligned(1), _aligned(1)
    gaps = _carray(_float64(weights), n - 1)
    for m in range(n):
        by_row[padding + m] = gaps[m - 1] if m else 0.0
    offsets[:] = 0.0
    fits = True
    for group in range(first, stop, LANES):
        start, last = group * n, min(stop - group, LANES) - 1
        _load_groups(columns, bits, start, n, last, padding)
        _sort(columns, rows, rows)
        fits &= _scan_groups(columns, sums, totals, by_row, padding, rows, np.float64(largest))
        for lane in range(LANES):
            totals[lane] = totals[lane] / n if centred else 0.0
        _put_back(columns, sums, offsets, totals, result[start:], padding, rows)
    return fits


@compiled
def fill_one_by_one(
    source: int, weights: int, target: int, n: int, rows: int, first: int, stop: int, centred: bool, largest: Any
) -> bool:
    """Fill groups as `fill_side_by_side`, each cut into eight lanes of ``rows`` consecutive ranks; n <= 8 rows."""
    padding = rows * LANES - n
    bits, result, columns = _buffers(source, target, stop * n, rows, largest)
    by_rank, sums, offsets, totals = _aligned(rows), _aligned(rows), _aligned(1), _aligned(1)
    gaps = _carray(_float64(weights), n - 1)
    for lane in range(LANES):
        for row in range(rows):
            m = lane * rows + row - padding
            by_rank[row * LANES + lane] = gaps[m - 1] if m > 0 else 0.0
    fits = True
    for start in range(first * n, stop * n, n):
        columns[-1][:padding], columns[0][:padding] = 0, LOWEST
        for i in range(n):
            _pack(columns, padding + i, bits[start + i], i, bits.itemsize)
        _sort(columns, rows, rows * LANES)
        for column in columns:  # repeat the lowest reward: gaps of 0, and the same result put to the same place
            lowest = column[(padding % rows) * LANES + padding // rows]
            for rank in range(padding):
                column[(rank % rows) * LANES + rank // rows] = lowest
        fits &= _scan_lanes(columns, sums, totals, by_rank, 0, rows, np.float64(largest))
        offset, total = 0.0, 0.0
        for lane in range(LANES):
            offsets[lane] = offset
            total += totals[lane] + offset * rows
            offset += sums[(rows - 1) * LANES + lane]
        fits &= total < math.inf
        totals[:] = total / n if centred else 0.0
        _put_back(columns, sums, offsets, totals, result[start:], 0, rows)
    return fits


def _buffers(source: int, target: int, count: int, rows: int, largest: Any) -> tuple[Array, Array, Columns]:
    """Return the rewards' bits, the results and the columns to be sorted, by the type of ``largest``."""
    raise NotImplementedError("for compiled code only")


@overload(_buffers, strict=False)
def _buffers_by_type(source: Any, target: Any, count: Any, rows: Any, largest: Any) -> Any:  # pyright: ignore[reportUnusedFunction]
    def single(source: int, target: int, count: int, rows: int, largest: Any) -> tuple[Array, Array, Columns]:
        return _carray(_int32(source), count), _carray(_float32(target), count), (_aligned(rows, np.int64),)

    def double(source: int, target: int, count: int, rows: int, largest: Any) -> tuple[Array, Array, Columns]:
        keys, places = _aligned(rows, np.int64), _aligned(rows, np.int64)
        return _carray(_int64(source), count), _carray(_float64(target), count), (keys, places)

    return single if largest == types.float32 else double


@compiled
def _aligned(rows: int, dtype: Any = np.float64) -> Array:
    """Return an uninitialised flat array of rows of eight, on a cache line's border."""
    raw = np.empty((rows + 1) * LANES, dtype)
    return raw[(-raw.ctypes.data % 64) // 8 :]


@compiled
def _pack(columns: Columns, at: int, bits: int, place: int, itemsize: int) -> None:
    """Write the key, and the place, of a reward given by its bits: the integer of the floats' order."""
    wide = np.int64(bits)
    key = (wide ^ ((wide >> 63) & ((1 << (8 * itemsize - 1)) - 1))) << (64 - 8 * itemsize)
    columns[-1][at], columns[0][at] = place, (key | place if len(columns) == 1 else key)


@compiled
def _load_groups(columns: Columns, bits: Array, start: int, n: int, last: int, padding: int) -> None:
    """Load a group into each lane, from row ``padding`` on."""
    columns[-1][: padding * LANES], columns[0][: padding * LANES] = 0, LOWEST
    if n < LANES:
        for at in range(n * LANES):
            place = min(at % LANES, last) * n + at // LANES
            _pack(columns, padding * LANES + at, bits[start + place], place, bits.itemsize)
    for i in range(0, n if n >= LANES else 0, LANES):
        _load_tile(columns, bits, start, n, last, min(i, n - LANES), padding + min(i, n - LANES))


@compiled
def _sort(columns: Columns, rows: int, length: int) -> None:
    """Sort each lane (``length == rows``), or all of them as one sequence, lane after lane (8 rows)."""
    if rows < BLOCK:
        _sort_8(columns, 0, 1)
    for row in range(0, rows - BLOCK + 1, BLOCK):
        _sort_16(columns, row, 1)
    half = min(rows, BLOCK)
    while half < length:  # a bitonic merge begins with the comparison of the first with the last, and so on inwards
        for block in range(0, rows if half < rows else 0, 2 * half):
            for i in range(half):
                _halve_2(columns, block + i, 2 * half - 1 - 2 * i)
        for row in range(0 if half < rows else rows // 2):
            if half == rows:
                _across_1(columns, row, rows - 1 - row)
            elif half == 2 * rows:
                _across_3(columns, row, rows - 1 - row)
            else:
                _across_7(columns, row, rows - 1 - row)
        for row in range(rows if half > rows else 0):
            if half == 4 * rows:
                _across_2(columns, row, row)
            _across_1(columns, row, row)
        _halve(columns, rows, min(half, rows))
        half *= 2


@compiled
def _halve(columns: Columns, rows: int, block: int) -> None:
    """Sort bitonic blocks of rows: compare at distances block / 2, ..., 2, 1, up to four of them in registers."""
    while block > 1:
        count = block
        while count > BLOCK:  # few rows at a time while they are far apart: they share a cache's sets
            count //= BLOCK
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


def _odd_even_sort(rows: int) -> list[tuple[int, int]]:
    """Return the comparisons of Batcher's odd-even merge sort."""
    powers = [1 << level for level in range(rows.bit_length() - 1)]
    return [
        (i, i + distance)
        for half in powers
        for distance in (power for power in reversed(powers) if power <= half)
        for block in range(distance % half, rows - distance, 2 * distance)
        for i in range(block, min(block + distance, rows - distance))
        if i // (2 * half) == (i + distance) // (2 * half)
    ]


def _halvings(rows: int) -> list[tuple[int, int]]:
    """Return the comparisons that sort a bitonic sequence."""
    return [(i, i + (rows >> k)) for k in range(1, rows.bit_length()) for i in range(rows) if not i & (rows >> k)]


def _vector_code(emit: Callable[..., Any], result: Any = types.void) -> Any:
    """Return the intrinsic whose LLVM code ``emit(builder, *arguments)`` writes; it gets arrays as pointers."""

    @_intrinsic
    @wraps(emit)  # Numba counts the arguments by the signature
    def code(_: Any, *kinds: Any) -> Any:
        def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
            def passed(kind: Any, value: Any) -> Any:
                if isinstance(kind, types.UniTuple):
                    return [passed(kind.dtype, b.extract_value(value, c)) for c in range(kind.count)]
                return context.make_array(kind)(context, b, value).data if isinstance(kind, types.Array) else value

            written = emit(b, *map(passed, signature.args, args))
            return context.get_dummy_value() if written is None else written

        return result(*(types.intp if isinstance(kind, types.Integer) else kind for kind in kinds)), generate

    return code


def _network(pairs: Sequence[tuple[int, int]], count: int) -> Any:
    """Return the intrinsic that compares and exchanges pairs among ``count`` rows: first, first + step, ..."""

    def emit(b: Any, columns: Any, first: Any, step: Any) -> None:
        at = [b.add(first, b.mul(step, I64(k))) for k in range(count)]
        values = [[_load(b, column, row) for row in at] for column in columns]
        for low, high in pairs:
            ordered = b.icmp_signed("<", values[0][low], values[0][high])
            for v in values:
                v[low], v[high] = b.select(ordered, v[low], v[high]), b.select(ordered, v[high], v[low])
        for column, vectors in zip(columns, values, strict=True):
            for row, vector in zip(at, vectors, strict=True):
                _store(b, vector, column, row)

    return _vector_code(emit)


def _across(mask: int) -> Any:
    """Return the intrinsic that compares lane l of a row with lane l XOR mask of another; low lanes keep the lower."""
    partners = [lane ^ mask for lane in range(LANES)]
    low = ir.VectorType(ir.IntType(1), LANES)([int(partner > lane) for lane, partner in enumerate(partners)])

    def emit(b: Any, columns: Any, row: Any, other: Any) -> None:
        values = [[_load(b, column, at) for column in columns] for at in (row, other)]
        for at, own, others in zip((row, other), values, reversed(values), strict=True):
            theirs = [_shuffle(b, v, v, partners) for v in others]
            keep = b.select(low, *(b.icmp_signed(sign, own[0], theirs[0]) for sign in "<>"))
            for column, mine, yours in zip(columns, own, theirs, strict=True):
                _store(b, b.select(keep, mine, yours), column, at)

    return _vector_code(emit)


def _emit_tile(b: Any, columns: Any, source: Any, start: Any, n: Any, last: Any, i: Any, row: Any) -> None:
    """Load samples i .. i+7 of eight groups, transposed, into eight rows of keys (and places)."""
    bits = ir.VectorType(I32 if len(columns) == 1 else I64, LANES)
    tile: list[Any] = []
    for lane in map(I64, range(LANES)):
        group = b.select(b.icmp_signed("<", lane, last), lane, last)
        first = b.gep(source, [b.add(b.add(start, i), b.mul(group, n))])
        tile.append(b.load(b.bitcast(first, bits.as_pointer()), align=bits.element.width // 8))
    for bit in (1, 2, 4):  # transpose: exchange one bit of row and column at a time
        for low in (k for k in range(LANES) if not k & bit):
            upper, lower = tile[low], tile[low | bit]
            tile[low] = _shuffle(b, upper, lower, [LANES + (k ^ bit) if k & bit else k for k in range(LANES)])
            tile[low | bit] = _shuffle(b, upper, lower, [LANES + k if k & bit else k | bit for k in range(LANES)])
    lanes, ends = KEYS(list(range(LANES))), _splat(b, KEYS, last)
    groups = b.select(b.icmp_signed("<", lanes, ends), lanes, ends)
    places = b.add(b.mul(groups, _splat(b, KEYS, n)), _splat(b, KEYS, i))
    for k, vector in enumerate(tile):
        key, place = _ordered(b, vector), b.add(places, KEYS([k] * LANES))
        if len(columns) == 1:
            key = b.or_(b.shl(b.zext(key, KEYS), KEYS([32] * LANES)), place)
        for column, values in zip(columns, (key, place), strict=False):
            _store(b, values, column, b.add(row, I64(k)))


def _scan(chunked: bool) -> Any:
    """Return the intrinsic that sums a group in each lane, or one group over all, and tells whether it fits."""

    def emit(b: Any, columns: Any, sums: Any, totals: Any, weights: Any, first: Any, rows: Any, largest: Any) -> Any:
        before = low = _numbers(b, columns, first)
        high = _numbers(b, columns, b.sub(rows, I64(1)))
        if chunked:
            before = _shuffle(b, low, high, [0, *range(LANES, 2 * LANES - 1)])
            low = _shuffle(b, low, low, [0] * LANES)
        previous, zero = cgutils.alloca_once_value(b, before), SUMS([0.0] * LANES)
        running, total = ([cgutils.alloca_once_value(b, zero) for _ in columns] for _ in range(2))
        with cgutils.for_range_slice(b, first, rows, I64(1), inc=True) as (row, _count):
            number = _numbers(b, columns, row)
            weight = _load(b, weights, row, SUMS) if chunked else _splat(b, SUMS, b.load(b.gep(weights, [row])))
            here = _add(b, running, b.fmul(b.fsub(number, b.load(previous)), weight))
            b.store(number, previous)
            _store(b, here, sums, row)
            _store(b, _add(b, total, here), totals, I64(0))
        fits = b.fcmp_ordered("<=", b.fsub(high, low), _splat(b, SUMS, largest))
        fits = b.and_(fits, b.fcmp_ordered("<", b.load(total[0]), SUMS([math.inf] * LANES)))
        return b.icmp_unsigned("==", b.bitcast(fits, ir.IntType(LANES)), ir.IntType(LANES)(2**LANES - 1))

    return _vector_code(emit, types.boolean)


def _add(b: Any, place: Any, term: Any) -> Any:
    """Add to a sum and return it: float64 rewards carry the error of the additions along (Knuth's exact sum of two)."""
    before = b.load(place[0])
    after = b.fadd(before, term)
    b.store(after, place[0])
    if len(place) == 1:
        return after
    added = b.fsub(after, before)
    error = b.fadd(b.fsub(before, b.fsub(after, added)), b.fsub(term, added))
    b.store(b.fadd(b.load(place[1]), error), place[1])
    return b.fadd(after, b.load(place[1]))


def _emit_put(b: Any, columns: Any, sums: Any, offsets: Any, means: Any, target: Any, first: Any, rows: Any) -> None:
    """Put (sum + its lane's offset) - its lane's mean to its place."""
    offset, mean = _load(b, offsets, I64(0), SUMS), _load(b, means, I64(0), SUMS)
    with cgutils.for_range_slice(b, first, rows, I64(1), inc=True) as (row, _count):
        values = b.fsub(b.fadd(_load(b, sums, row, SUMS), offset), mean)
        if len(columns) == 1:
            values = b.fptrunc(values, SINGLES)
        for lane in range(LANES):
            key = b.load(b.gep(columns[-1], [b.add(b.mul(row, I64(LANES)), I64(lane))]))
            b.store(b.extract_element(values, I32(lane)), b.gep(target, [b.and_(key, I64(PLACE))]))


def _load(b: Any, column: Any, row: Any, kind: Any = KEYS) -> Any:
    return b.load(b.bitcast(b.gep(column, [b.mul(row, I64(LANES))]), kind.as_pointer()), align=64)


def _store(b: Any, vector: Any, column: Any, row: Any) -> None:
    b.store(vector, b.bitcast(b.gep(column, [b.mul(row, I64(LANES))]), vector.type.as_pointer()), align=64)


def _shuffle(b: Any, first: Any, second: Any, order: Sequence[int]) -> Any:
    return b.shuffle_vector(first, second, ir.VectorType(I32, LANES)(list(order)))


def _splat(b: Any, kind: Any, scalar: Any) -> Any:
    one = b.insert_element(kind(ir.Undefined), scalar, I32(0))
    return _shuffle(b, one, one, [0] * LANES)


def _ordered(b: Any, bits: Any) -> Any:
    """Map floats' bits to signed integers of the same order, or back."""
    width = bits.type.element.width
    sign = b.ashr(bits, bits.type([width - 1] * LANES))
    return b.xor(bits, b.and_(sign, bits.type([2 ** (width - 1) - 1] * LANES)))


def _numbers(b: Any, columns: Any, row: Any) -> Any:
    """Load a row of keys as the float64 rewards they stand for."""
    key = _load(b, columns[0], row)
    if len(columns) == 2:
        return b.bitcast(_ordered(b, key), SUMS)
    upper = b.trunc(b.ashr(key, KEYS([32] * LANES)), ir.VectorType(I32, LANES))
    return b.fpext(b.bitcast(_ordered(b, upper), SINGLES), SUMS)


def _pointer(number: Any, kind: Any) -> Any:
    """Return the intrinsic that makes an address a pointer to numbers of Numba's and LLVM's type."""

    def emit(b: Any, address: Any) -> Any:
        return b.inttoptr(address, kind.as_pointer())

    return _vector_code(emit, types.CPointer(number))


_sort_8, _sort_16 = _network(_odd_even_sort(8), 8), _network(_odd_even_sort(16), 16)
_halve_2, _halve_4, _halve_8, _halve_16 = (_network(_halvings(count), count) for count in (2, 4, 8, 16))
_across_1, _across_2, _across_3, _across_7 = (_across(mask) for mask in (1, 2, 3, 7))
_load_tile, _put_back = _vector_code(_emit_tile), _vector_code(_emit_put)
_scan_groups, _scan_lanes = _scan(False), _scan(True)
_int32, _int64 = _pointer(types.int32, I32), _pointer(types.int64, I64)
_float32, _float64 = _pointer(types.float32, SINGLES.element), _pointer(types.float64, SUMS.element)
