"""Landlock: files can be read below the named paths and nowhere else, and nothing can be written.

The kernel's documentation: userspace-api/landlock. A right that a ruleset handles and no rule grants is refused; every
version of the interface (ABI) adds rights, so all that the kernel knows are handled.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable

from maxpo_bench.sandbox.inside.libc import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH
READ_FILE, READ_DIR = 1 << 2, 1 << 3
_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many of the file system's rights are known from an ABI on: refer came with 2, truncate with 3, ioctl with 5."""

_TCP = 0b11  # bind and connect, from ABI 4 on
_SCOPES = 0b11  # abstract unix sockets and signals, from ABI 6 on


def abi() -> int:
    """Return the version of Landlock's interface.

    Raises:
        OSError: the kernel has no Landlock, or it is switched off.
    """
    return syscall("landlock_create_ruleset", _CREATE_RULESET, None, 0, _VERSION)


def _ruleset(version: int) -> int:
    rights = max(count for since, count in _RIGHTS_BY_ABI.items() if since <= version)
    fields = [(1 << rights) - 1]
    if version >= 4:
        fields.append(_TCP)
    if version >= 6:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    return syscall("landlock_create_ruleset", _CREATE_RULESET, attributes, len(attributes), 0)


def _allow_reading(ruleset: int, path: str) -> None:
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there, or not ours to open, cannot be read in the first place
    try:
        rights = READ_FILE | READ_DIR if stat.S_ISDIR(os.fstat(target).st_mode) else READ_FILE
        syscall("landlock_add_rule", _ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, target), 0)
    finally:
        os.close(target)


def restrict(readable: Iterable[str]) -> int:
    """Let this process, for good, read files at and below `readable` only; no_new_privs must be set.

    Returns:
        The version of the interface.

    Raises:
        OSError: the kernel refuses.
    """
    version = abi()
    ruleset = _ruleset(version)
    try:
        for path in readable:
            _allow_reading(ruleset, path)
        syscall("landlock_restrict_self", _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version
