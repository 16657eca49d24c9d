"""What goes over the pipes: a header of fixed size, then as many bytes as it says. Both sides read this file."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

MAGIC = b"mxpo"
_STRUCT = struct.Struct("<4sBBHiIIIQQ")
SIZE = _STRUCT.size
"""Bytes of a header."""

LONGEST_TEXT = 8192
"""Bytes of text a frame may carry: an exception, a list of protections."""

DTYPES = ("float64", "float32", "float16", "bfloat16")
"""Floating types by their code on the wire; what travels is always float64."""

INPUT_CHANGED = 1
HAS_FACTORY = 1
ROW_INSTANCES = 1


class Kind(IntEnum):
    """What a frame is. The first four come from the parent."""

    SETUP = 1
    SOURCE = 2
    CALL = 3
    LOCKED = 10
    READY = 12
    VALUES = 13
    LOAD_ERROR = 14
    CALL_ERROR = 15
    BAD_ANSWER = 16
    OUT_OF_MEMORY = 17


class Header(NamedTuple):
    """The fixed part of a frame, little-endian.

    Attributes:
        kind: a `Kind`.
        number: the request's number; a reply carries that of its request.
        length: bytes that follow.
        dtype: code of a floating type, an index into `DTYPES`.
        flags: bits of the kind's own.
        k: size of the objective.
        groups: rows of the array that follows.
        n: its columns.
        extra: an instance's number in a call, a line's number (0 if unknown) in an error.
    """

    kind: int
    number: int
    length: int
    dtype: int = 0
    flags: int = 0
    k: int = 0
    groups: int = 0
    n: int = 0
    extra: int = 0


def pack(header: Header) -> bytes:
    """Return the header's bytes."""
    kind, number, length, dtype, flags, k, groups, n, extra = header
    return _STRUCT.pack(MAGIC, kind, dtype, flags, k, groups, n, extra, number, length)


def unpack(data: bytes | bytearray) -> Header | None:
    """Return the header, or None if these bytes are not one."""
    magic, kind, dtype, flags, k, groups, n, extra, number, length = _STRUCT.unpack(data)
    return Header(kind, number, length, dtype, flags, k, groups, n, extra) if magic == MAGIC else None
