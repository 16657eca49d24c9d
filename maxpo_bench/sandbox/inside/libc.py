"""The C library's calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, *values: int) -> int:
    """Operate on this process.

    Raises:
        OSError: the kernel refuses.
    """
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return _checked(_LIBC.prctl(ctypes.c_int(option), *padded), f"prctl {option}")


def syscall(name: str, number: int, *values: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make the system call `number`; `name` is for the message.

    Raises:
        OSError: the kernel refuses.
    """
    raw = [ctypes.c_long(value) if isinstance(value, int) else value for value in values]
    return _checked(_LIBC.syscall(ctypes.c_long(number), *raw), name)


def capset(header: bytes, data: bytes) -> None:
    """Set this thread's capabilities; both arguments are the kernel's structures.

    Raises:
        OSError: the kernel refuses.
    """
    _checked(_LIBC.capset(header, data), "capset")


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` name for new ones.

    Raises:
        OSError: the kernel refuses.
    """
    _checked(_LIBC.unshare(ctypes.c_int(flags)), "unshare")
