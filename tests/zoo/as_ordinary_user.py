"""Run the scorer's side as an ordinary user: `python as_ordinary_user.py WORK` from root, JSON on standard output.

A child with uid and gid 65534 and no capabilities examines submissions. Where the interpreter lies below a folder that
only root may enter, a mount namespace of the child's own puts an empty folder over it, with the interpreter's in place.
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

NOBODY = 65534
CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18
HERE = Path(__file__).resolve().parent
EXAMINED = ("tries_everything", "exits_at_once", "thread_bomb")


class NotPossible(Exception):
    """This system does not let root prepare an ordinary user's view; the text says why."""


def needed() -> list[Path]:
    """Return the folders that the child must be able to read."""
    package = HERE.parents[1]
    purelib = Path(sysconfig.get_path("purelib"))
    return list(dict.fromkeys(Path(path).resolve() for path in (sys.prefix, sys.base_prefix, purelib, package)))


def closed_above(path: Path) -> Path | None:
    """Return the topmost folder on the way to a path that others may not enter."""
    for folder in [*reversed(path.parents), path]:
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount, or raise `NotPossible`."""
    libc = ctypes.CDLL(None, use_errno=True)
    words = [None if word is None else word.encode() for word in (source, target, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), None if data is None else data.encode()) != 0:
        raise NotPossible(f"mounting on {target}: {os.strerror(ctypes.get_errno())}")


def open_the_way() -> None:
    """In a mount namespace of our own, make what is needed reachable, and nothing else of the closed folders."""
    blocked = [(path, closed) for path in needed() if (closed := closed_above(path)) is not None]
    if not blocked:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise NotPossible(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    kept = [(path, os.open(path, os.O_PATH)) for path, _ in blocked]
    for closed in sorted({closed for _, closed in blocked}):
        mount("none", str(closed), "tmpfs", 0, "mode=755")
    for path, descriptor in kept:
        if not path.is_dir():
            path.mkdir(parents=True)
            mount(f"/proc/self/fd/{descriptor}", str(path), None, MS_BIND | MS_REC)
        os.close(descriptor)


def become_nobody() -> None:
    """Drop root for good; capabilities go with it."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def child(work: str) -> None:
    """Become nobody, then examine in a fresh interpreter."""
    open_the_way()
    become_nobody()
    environment = {"PATH": "/usr/bin:/bin", "HOME": work, "TMPDIR": work, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-B", str(HERE / "as_ordinary_user.py"), "--examine", work]
    os.execve(sys.executable, command, {**environment, "PYTHONPATH": str(HERE.parents[1])})


def examine(work: Path) -> dict[str, object]:
    """Examine the hostile submissions as the user that this process has become."""
    import arena
    import battery
    import zoo_table

    from maxpo_bench.leaderboard.admission import check
    from maxpo_bench.sandbox import offered

    capabilities = next(line.split()[1] for line in _status() if line.startswith("CapEff:"))
    found: dict[str, object] = {"user": os.getresuid(), "group": os.getresgid(), "capabilities": int(capabilities, 16)}
    found["refused"] = offered().levels["strict"]
    if found["refused"]:
        return found
    animals = {animal.name: animal for animal in zoo_table.read()}
    with arena.arena(work) as bait:
        together = [animal for animal in animals.values() if animal.group == "hostile" and not animal.alone]
        found["together"] = battery.meet(together, bait.words)
        found["reports"] = {name: check(animals[name].put(work, bait.words)).to_dict() for name in EXAMINED}
        found["effects"] = bait.effects()
    return found


def _status() -> list[str]:
    return Path("/proc/self/status").read_text(encoding="utf-8").splitlines()


def main() -> None:
    """As root: become nobody in a child of this process's own making. As nobody: examine."""
    if sys.argv[1] == "--examine":
        print(json.dumps(examine(Path(sys.argv[2]))))
        return
    try:
        child(sys.argv[1])
    except (NotPossible, OSError) as error:
        print(json.dumps({"impossible": str(error)}))


def run(work: Path, *, seconds: float) -> dict[str, object]:
    """Run all this in a child of the caller, who is root, in a folder that the child may write to."""
    os.chown(work, NOBODY, NOBODY)
    command = [sys.executable, "-B", str(HERE / "as_ordinary_user.py"), str(work)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise AssertionError(f"exit status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
