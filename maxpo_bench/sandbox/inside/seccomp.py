"""seccomp: a filter in front of every system call, as a program of the classic Berkeley packet filter."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable, Mapping

from maxpo_bench.sandbox.inside.libc import syscall
from maxpo_bench.sandbox.inside.syscalls import ALLOWED, LAST_KNOWN, UNKNOWN, Bits, OneOf, conditional

_SECCOMP = 317
_SET_MODE_FILTER = 1
_TSYNC = 1
_LOAD, _AND, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x35, 0x06
ALLOW = 0x7FFF0000
KILL = 0x80000000
NOT_PERMITTED = 0x00050000 | 1  # EPERM
NOT_IMPLEMENTED = 0x00050000 | 38  # ENOSYS
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]
"""Code, how many instructions to skip if true and if false, and the operand."""


def _test(test: OneOf | Bits) -> list[Instruction]:
    """Instructions that go on if the test holds and refuse otherwise."""
    code: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS + 8 * test.argument)]
    if isinstance(test, Bits):
        code += [(_AND, 0, 0, test.mask), (_JUMP_EQUAL, 1, 0, test.value)]
    else:
        count = len(test.values)
        code += [(_JUMP_EQUAL, count - index, 0, value) for index, value in enumerate(test.values)]
    return [*code, (_RETURN, 0, 0, NOT_PERMITTED)]


def _on_number(number: int, body: list[Instruction]) -> list[Instruction]:
    """Instructions that run `body`, which must return, for one system call and skip it for the others."""
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def program(
    allowed: Iterable[int], tested: Mapping[int, tuple[OneOf | Bits, ...]], unknown: Iterable[int], last_known: int
) -> list[Instruction]:
    """Return the filter that allows `allowed`, and `tested` if their tests hold, and refuses everything else.

    A call of another architecture kills the process: its numbers mean something else. x32's calls are refused.
    """
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH_X86_64),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, NOT_PERMITTED),
    ]
    for number in allowed:
        code += _on_number(number, [(_RETURN, 0, 0, ALLOW)])
    for number, tests in tested.items():
        code += _on_number(number, [*(step for test in tests for step in _test(test)), (_RETURN, 0, 0, ALLOW)])
    for number in unknown:
        code += _on_number(number, [(_RETURN, 0, 0, NOT_IMPLEMENTED)])
    code += [(_JUMP_GREATER, 0, 1, last_known), (_RETURN, 0, 0, NOT_IMPLEMENTED), (_RETURN, 0, 0, NOT_PERMITTED)]
    return code


def install(code: list[Instruction]) -> None:
    """Put a filter, for good, before every thread of this process; no_new_privs must be set.

    Raises:
        OSError: the kernel refuses.
    """
    raw = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in code))
    description = struct.pack("@HP", len(code), ctypes.addressof(raw))
    if syscall("seccomp", _SECCOMP, _SET_MODE_FILTER, _TSYNC, description) != 0:
        raise OSError("seccomp: a thread could not be brought under the filter")


def restrict(pid: int) -> None:
    """Allow this process, whose number is `pid`, the calls of `syscalls` only.

    Raises:
        OSError: the kernel refuses.
    """
    install(program(ALLOWED.values(), conditional(pid), UNKNOWN.values(), LAST_KNOWN))
