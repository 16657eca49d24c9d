"""Which system calls a locked worker may make on x86_64: those that computing needs, nothing else.

Numbers are those of Linux's arch/x86/entry/syscalls/syscall_64.tbl. All arguments tested here are ints to the kernel,
which ignores their upper halves, as the filter does; clone's flags fit into the lower half.
"""

from __future__ import annotations

import os
from typing import NamedTuple

ALLOWED = {
    "read": 0,
    "write": 1,
    "close": 3,
    "stat": 4,
    "fstat": 5,
    "lstat": 6,
    "poll": 7,
    "lseek": 8,
    "mmap": 9,
    "mprotect": 10,
    "munmap": 11,
    "brk": 12,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "pread64": 17,
    "readv": 19,
    "writev": 20,
    "access": 21,
    "select": 23,
    "sched_yield": 24,
    "mremap": 25,
    "mincore": 27,
    "madvise": 28,
    "dup": 32,
    "dup2": 33,
    "nanosleep": 35,
    "getpid": 39,
    "exit": 60,
    "uname": 63,
    "getdents": 78,
    "getcwd": 79,
    "readlink": 89,
    "gettimeofday": 96,
    "getrlimit": 97,
    "getrusage": 98,
    "sysinfo": 99,
    "times": 100,
    "getuid": 102,
    "getgid": 104,
    "geteuid": 107,
    "getegid": 108,
    "getppid": 110,
    "getpgrp": 111,
    "sigaltstack": 131,
    "gettid": 186,
    "time": 201,
    "futex": 202,
    "getdents64": 217,
    "set_tid_address": 218,
    "restart_syscall": 219,
    "clock_gettime": 228,
    "clock_getres": 229,
    "clock_nanosleep": 230,
    "exit_group": 231,
    "newfstatat": 262,
    "readlinkat": 267,
    "faccessat": 269,
    "pselect6": 270,
    "ppoll": 271,
    "set_robust_list": 273,
    "dup3": 292,
    "preadv": 295,
    "getcpu": 309,
    "getrandom": 318,
    "statx": 332,
    "rseq": 334,
    "close_range": 436,
    "faccessat2": 439,
}
"""Allowed whatever their arguments are. Writing goes to open descriptors only, and those are the worker's pipes."""

UNKNOWN = {"clone3": 435, "openat2": 437}
"""Refused as not implemented, so that the C library falls back to the older call, whose arguments can be looked at."""

LAST_KNOWN = 462
"""Calls after this one (mseal) did not exist when the list was made: refused as not implemented."""


class OneOf(NamedTuple):
    """An argument must be one of these."""

    argument: int
    values: tuple[int, ...]


class Bits(NamedTuple):
    """An argument must have `value` in the bits of `mask`."""

    argument: int
    mask: int
    value: int


_WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | 0o20000000  # the last is the own bit of O_TMPFILE
_THREAD = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000  # CLONE_VM, FS, FILES, SIGHAND, THREAD
_NAMESPACES = 0x7E020000 | 0x80  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET, TIME
_TERMINAL_SIZE_AND_FLAGS = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONCLEX, FIOCLEX
_DESCRIPTOR_COMMANDS = (0, 1, 2, 3, 4, 1030)  # F_DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC: no owner, no lock
_HARMLESS_PRCTL = (3, 15, 16, 21, 23, 39, 0x53564D41)  # PR_GET_DUMPABLE, SET_NAME, GET_NAME, GET_SECCOMP, CAPBSET_READ,
# GET_NO_NEW_PRIVS, SET_VMA


def conditional(pid: int) -> dict[int, tuple[OneOf | Bits, ...]]:
    """Return, by number, the calls that are allowed if all of their tests hold; `pid` is the worker's own."""
    itself = (0, pid)
    return {
        2: (Bits(1, _WRITING, 0),),  # open
        16: (OneOf(1, _TERMINAL_SIZE_AND_FLAGS),),  # ioctl
        56: (Bits(0, _THREAD | _NAMESPACES, _THREAD),),  # clone: threads only
        62: (OneOf(0, (pid,)),),  # kill
        72: (OneOf(1, _DESCRIPTOR_COMMANDS),),  # fcntl
        157: (OneOf(0, _HARMLESS_PRCTL),),  # prctl
        204: (OneOf(0, itself),),  # sched_getaffinity
        234: (OneOf(0, (pid,)),),  # tgkill
        257: (Bits(2, _WRITING, 0),),  # openat
        302: (OneOf(0, itself),),  # prlimit64
    }
