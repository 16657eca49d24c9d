"""The filter of system calls, interpreted as the kernel does."""

import os

import pytest

from maxpo_bench.sandbox.inside import seccomp
from maxpo_bench.sandbox.inside.syscalls import ALLOWED, LAST_KNOWN, UNKNOWN, Bits, OneOf, conditional

X86_64, I386, X32 = 0xC000003E, 0x40000003, 0x40000000
PID = 4321
PROGRAM = seccomp.program(ALLOWED.values(), conditional(PID), UNKNOWN.values(), LAST_KNOWN)


def verdict(number, *arguments, arch=X86_64, program=PROGRAM):
    words = {0: number, 4: arch}
    words |= {16 + 8 * index: value & 0xFFFFFFFF for index, value in enumerate(arguments)}
    accumulator, at = 0, 0
    while True:
        code, true, false, operand = program[at]
        at += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            accumulator = words[operand]
        elif code == 0x54:
            accumulator &= operand
        else:
            taken = {0x15: accumulator == operand, 0x25: accumulator > operand, 0x35: accumulator >= operand}[code]
            at += true if taken else false


THREAD = 0x3D0F00  # what glibc asks for
CLONE, OPEN, OPENAT, KILL, TGKILL, FCNTL, IOCTL, PRCTL, PRLIMIT, AFFINITY = (
    56, 2, 257, 62, 234, 72, 16, 157, 302, 204,
)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (0, (0,)),
        (9, (0,)),
        (CLONE, (THREAD,)),
        (OPEN, (0, os.O_RDONLY | os.O_CLOEXEC)),
        (OPENAT, (0, 0, os.O_RDONLY | os.O_DIRECTORY)),
        (KILL, (PID, 9)),
        (TGKILL, (PID, PID + 1, 9)),
        (FCNTL, (3, 1)),
        (IOCTL, (1, 0x5401)),
        (PRCTL, (15,)),
        (PRLIMIT, (0, 7)),
        (PRLIMIT, (PID, 7)),
        (AFFINITY, (0,)),
    ],
)
def test_what_computing_needs_is_allowed(number, arguments):
    assert verdict(number, *arguments) == seccomp.ALLOW


@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (CLONE, (17,)),  # fork: SIGCHLD only
        (CLONE, (0x4111,)),  # vfork
        (CLONE, (THREAD & ~0x10000,)),
        (CLONE, (THREAD | 0x10000000,)),  # with a user namespace
        (57, ()),
        (58, ()),
        (59, ()),  # execve
        (322, ()),
        (OPEN, (0, os.O_RDWR)),
        (OPEN, (0, os.O_RDONLY | os.O_TRUNC)),
        (OPENAT, (0, 0, os.O_WRONLY)),
        (OPENAT, (0, 0, os.O_RDONLY | os.O_CREAT)),
        (OPENAT, (0, 0, 0o20200000)),  # O_TMPFILE
        (KILL, (PID - 1, 9)),
        (KILL, (0, 9)),  # the group
        (KILL, (-1, 9)),
        (KILL, (-PID, 9)),
        (TGKILL, (PID - 1, PID, 9)),
        (200, (PID, 9)),  # tkill
        (FCNTL, (3, 8)),  # F_SETOWN
        (IOCTL, (0, 0x5412)),  # TIOCSTI
        (PRCTL, (1, 0)),  # PR_SET_PDEATHSIG
        (PRLIMIT, (PID - 1, 7)),
        (AFFINITY, (PID - 1,)),
        (203, (0,)),  # sched_setaffinity
        (41, ()),  # socket
        (53, ()),  # socketpair
        (101, ()),  # ptrace
        (310, ()),
        (311, ()),
        (319, ()),  # memfd_create
        (425, ()),  # io_uring_setup
        (321, ()),  # bpf
        (323, ()),  # userfaultfd
        (90, ()),  # chmod
        (87, ()),  # unlink
        (112, ()),  # setsid
        (117, ()),  # setresuid
        (272, ()),  # unshare
        (29, ()),  # shmget
    ],
)
def test_what_reaches_out_is_refused(number, arguments):
    assert verdict(number, *arguments) == seccomp.NOT_PERMITTED


def test_other_architectures_and_later_calls():
    assert verdict(0, arch=I386) == seccomp.KILL
    assert verdict(X32) == verdict(X32 + 514) == seccomp.NOT_PERMITTED
    assert verdict(435) == verdict(LAST_KNOWN + 1) == seccomp.NOT_IMPLEMENTED


def test_every_known_number_has_one_verdict():
    tested = conditional(PID)
    assert not {*ALLOWED.values()} & {*tested}
    assert not {*UNKNOWN.values()} & ({*ALLOWED.values()} | {*tested})
    for number in range(LAST_KNOWN + 1):
        if number in ALLOWED.values():
            assert verdict(number) == seccomp.ALLOW
        elif number in UNKNOWN.values():
            assert verdict(number) == seccomp.NOT_IMPLEMENTED
        elif number not in tested:
            assert verdict(number) == seccomp.NOT_PERMITTED


def test_all_tests_of_a_call_must_hold():
    program = seccomp.program([], {7: (OneOf(0, (1, 2, 3)), Bits(1, 0b110, 0b010))}, [], 10)
    for first in range(5):
        for second in range(8):
            allowed = first in (1, 2, 3) and second & 0b110 == 0b010
            expected = seccomp.ALLOW if allowed else seccomp.NOT_PERMITTED
            assert verdict(7, first, second, program=program) == expected
