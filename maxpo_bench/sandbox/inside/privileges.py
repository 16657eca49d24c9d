"""Who the worker is: no capabilities, namespaces of its own, nobody can look into it, and it dies with its parent."""

from __future__ import annotations

import os
import signal
import struct

from maxpo_bench.sandbox.inside import libc

_NEW_USER, _NEW_NET, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_CAPABILITY_VERSION_3 = 0x20080522
NOBODY = 65534


def reset_signals() -> None:
    """Undo what the parent may have blocked or ignored: an ignored SIGXCPU would outlive its limit."""
    for number in (signal.SIGXCPU, signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def die_with_parent(parent: int) -> None:
    """Be killed when the thread ends that started this process; end at once if the parent is gone already.

    A change of credentials undoes it, so it is asked for again after each.
    """
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def leave_root() -> None:
    """Count as nobody where processes are counted, since root is exempt from that limit.

    The effective number stays root's, who may own the Python installation; without capabilities, and with setresuid
    refused, it opens nothing but what Landlock lets it read.
    """
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresuid(NOBODY, -1, -1)


def new_namespaces() -> tuple[str, ...]:
    """Enter new user, network and IPC namespaces and return the names of those that were entered.

    No numbers are mapped into the user namespace: whoever it was outside, inside it is the overflow user.

    Raises:
        OSError: the kernel has none for this user.
    """
    try:
        libc.unshare(_NEW_USER | _NEW_NET | _NEW_IPC)
    except OSError:
        if os.geteuid() != 0:
            raise
        libc.unshare(_NEW_NET | _NEW_IPC)  # root needs no user namespace for these
        return "network", "IPC"
    return "user", "network", "IPC"


def drop_capabilities() -> None:
    """Give up every capability, also those a program could bring back.

    Raises:
        OSError: the kernel refuses.
    """
    number = 0
    while True:
        try:
            libc.prctl(libc.PR_CAPBSET_DROP, number)
        except PermissionError:
            break  # without CAP_SETPCAP there are none to come back: no_new_privs holds, and nothing is executed
        except OSError:
            break  # the number after the last one
        number += 1
    libc.prctl(libc.PR_CAP_AMBIENT, libc.PR_CAP_AMBIENT_CLEAR_ALL)
    libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))


def no_new_privileges() -> None:
    """Never gain rights by executing a file."""
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)


def undumpable() -> None:
    """Leave no core file, and let no process of the same user trace this one."""
    libc.prctl(libc.PR_SET_DUMPABLE, 0)
