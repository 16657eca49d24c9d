"""How many processors this process may use: by its affinity, and by the quota of its container."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

_MOUNT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def usable_processors() -> int:
    """Return the number of processors that this process may use, at least 1.

    The whole processors of a quota count: comparisons that share a processor run into a limit of wall-clock time
    earlier.
    """
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        allowed = os.cpu_count() or 1
    quota = cgroup_quota()
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def cgroup_quota(membership: Path = _MEMBERSHIP, mount: Path = _MOUNT) -> float | None:
    """Return the processors that Linux control groups grant this process, None where they set no limit.

    The smallest quota on the way from the process's group to the root counts, in version 2 (``cpu.max``) and version 1
    (``cpu.cfs_quota_us``). A container sees its own group as the root of the mount.

    Args:
        membership: lines of "number:controllers:group".
        mount: where the groups' files are.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    quotas: list[float] = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            quotas += _quotas(mount, group)
        elif "cpu" in controllers.split(","):
            for folder in dict.fromkeys((controllers, "cpu")):
                quotas += _quotas(mount / folder, group)
    return min(quotas, default=None)


def _quotas(root: Path, group: str) -> list[float]:
    """Return the limits set in a group and in those around it."""
    path = PurePosixPath(group.lstrip("/"))
    found = (_quota(root / each) for each in (path, *path.parents))
    return [quota for quota in found if quota is not None]


def _quota(folder: Path) -> float | None:
    try:
        if (file := folder / "cpu.max").exists():
            quota, period = file.read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        processors = float("inf") if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return processors if 0 < processors < float("inf") else None
