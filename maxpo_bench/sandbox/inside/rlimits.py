"""Resource limits that the kernel keeps."""

from __future__ import annotations

import math
import os
import resource

IMPORT_ROOM = 64 << 30
"""Address space for Python, NumPy and torch before the submission is loaded; builds for CUDA map several GiB."""

OPEN_FILES = 64
THREADS = 64
_GRACE_SECONDS = 2
"""From the soft limit of processor time, which can be caught, to the hard one, which cannot."""


def _lower(kind: int, soft: int, hard: int) -> None:
    """Set a limit, or keep the present one where it is lower."""
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    resource.setrlimit(kind, (min(soft, hard), hard))


def limit_use(cpu_seconds: float, memory_bytes: int) -> None:
    """Limit processor time, address space, open files, and allow neither file contents nor core files."""
    seconds = math.ceil(cpu_seconds)
    _lower(resource.RLIMIT_CPU, seconds, seconds + _GRACE_SECONDS)
    _lower(resource.RLIMIT_AS, IMPORT_ROOM + memory_bytes, IMPORT_ROOM + memory_bytes)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES)
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK):
        _lower(kind, 0, 0)


def limit_threads() -> None:
    """Limit the threads and processes of this user in this user namespace, which are this worker's only."""
    _lower(resource.RLIMIT_NPROC, THREADS, THREADS)


class AddressSpace:
    """The size of this process, readable after files can no longer be opened."""

    def __init__(self) -> None:
        self._file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def limit_growth(self, memory_bytes: int) -> None:
        """Let the process grow by so much from now on, and forget the file."""
        pages = int(os.pread(self._file, 100, 0).split()[0])
        os.close(self._file)
        most = pages * resource.getpagesize() + memory_bytes
        _lower(resource.RLIMIT_AS, most, most)
