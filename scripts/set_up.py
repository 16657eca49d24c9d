"""Make or reuse the virtual environment `.venv` of this checkout; called by the Makefile, standard library only.

The environment is made anew only when what it is made from has changed (pyproject.toml, constraints.txt, this script).
Where the Python that runs this already has a CUDA build of torch, which the environment can use as well, that torch is
used and constraints.txt, which pins a CPU-tested version, is not applied.

A `.venv` that this script has not made is never touched: a marker file is put into the folder before anything else.
Calls at the same time wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MARKER = VENV / "made-by-set-up"
STAMP = VENV / "made-from"
LOCK = ROOT / ".venv.lock"
SOURCES = ["pyproject.toml", "constraints.txt", "scripts/set_up.py"]


def fingerprint() -> str:
    """Hash of everything the environment depends on."""
    digest = hashlib.sha256(sys.version.encode() + str(ROOT).encode())
    for name in SOURCES:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Is there a finished environment that was made from what is here now?"""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == fingerprint()


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Wait until no other call is at work on this checkout; a call that dies lets the next one go on."""
    with open(LOCK, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: waiting for another set-up of this checkout ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cuda_torch(python: str) -> str | None:
    """Version of the CUDA torch that a Python can import, or None."""
    probe = "import torch; print(torch.__version__ if torch.version.cuda else '')"
    found = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def oldest_torch() -> str:
    """The oldest version of torch that pyproject.toml admits."""
    found = re.search(r'"torch>=([0-9.]+)', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError("pyproject.toml has no dependency torch>=VERSION")
    return found.group(1)


def is_new_enough(version: str, oldest: str) -> bool:
    """Is a version, such as 2.11.0+cu128 or 2.11.0a0+abc, at least this release? A preview of it is older."""
    numbers, rest = _release(version)
    needed, _ = _release(oldest)
    return numbers > needed or (numbers == needed and not re.match(r"[-_.]?(a|b|c|rc|dev)", rest))


def _release(version: str) -> tuple[list[int], str]:
    """The numbers of a version without zeros at the end, and what follows them."""
    found = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(number) for number in found.group().split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers, version[found.end() :] if found else version


def require_own() -> None:
    """Stop if there is a `.venv` that somebody else has made."""
    is_empty = VENV.is_dir() and not any(VENV.iterdir())
    if not os.path.lexists(VENV) or is_empty or MARKER.exists() or STAMP.exists():
        return
    sys.exit(
        f"set-up: {VENV} exists and was not made by this script, so it is left alone.\n"
        "Move it away (mv .venv .venv-mine) and call make again, or use it without make:\n"
        ".venv/bin/python -m pip install -e '.[dev]', then .venv/bin/maxpo-bench demo or .venv/bin/python -m pytest"
    )


def empty_folder() -> None:
    """Leave the folder with nothing but the marker, which says at every moment that the folder is ours."""
    VENV.mkdir(exist_ok=True)
    MARKER.write_text("scripts/set_up.py made this folder and may replace it\n")
    with contextlib.suppress(FileNotFoundError):
        STAMP.unlink()
    for path in VENV.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != MARKER:
            path.unlink()


def make_venv(*, system_packages: bool) -> None:
    """Create an empty environment, with virtualenv where this Python lacks ensurepip."""
    empty_folder()
    flags = ["--system-site-packages"] if system_packages else []
    if importlib.util.find_spec("ensurepip"):
        subprocess.run([sys.executable, "-m", "venv", *flags, str(VENV)], check=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if importlib.util.find_spec("virtualenv") is None:
            if importlib.util.find_spec("pip") is None:
                sys.exit(
                    "set-up: this Python has neither ensurepip, virtualenv nor pip, so no environment can be made.\n"
                    "Install one of them, e.g. on Debian and Ubuntu: apt install python3-venv"
                )
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "virtualenv"]
            subprocess.run(install, check=True)
            environment["PYTHONPATH"] = folder
        subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", *flags, str(VENV)], check=True, env=environment)


def shared_torch() -> str | None:
    """Make an environment that shares the CUDA torch of this Python, and return its version; None where it cannot."""
    if importlib.util.find_spec("torch") is None:
        return None
    ours = cuda_torch(sys.executable)
    if ours is None:
        return None
    make_venv(system_packages=True)
    shared, oldest = cuda_torch(str(PYTHON)), oldest_torch()
    if shared is not None and is_new_enough(shared, oldest):
        return shared
    problem = "an environment cannot import it (is this Python itself in one?)" if shared is None else "it is too old"
    print(f"set-up: torch {shared or ours} is not used, since {problem}; torch>={oldest} is installed anew", flush=True)
    return None


def install() -> None:
    """Install the package with its development tools into a fresh environment."""
    cuda = shared_torch()
    if cuda is None:
        make_venv(system_packages=False)
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-warn-script-location"]
    if not sys.stdout.isatty():
        command += ["--quiet"]
    if cuda:
        print(f"set-up: using the installed torch {cuda}; constraints.txt is not applied", flush=True)
    else:
        command += ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*command, "--editable", f"{ROOT}[dev]"], check=True)


def set_up() -> int:
    """Make the environment, with the lock held; return the exit status."""
    require_own()
    wanted = fingerprint()
    started = time.monotonic()
    print("set-up: making .venv (the README says how large the download is) ...", flush=True)
    try:
        install()
    except subprocess.CalledProcessError as error:
        print(f"set-up: this command failed with status {error.returncode}: {' '.join(error.cmd)}", file=sys.stderr)
        print("Is a package registry reachable? The messages above say more; then call make again.", file=sys.stderr)
        return 1
    STAMP.write_text(wanted)
    print(f"set-up: done in {time.monotonic() - started:.0f} s", flush=True)
    return 0


def main() -> int:
    """Set up unless the environment is current; return the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036  the very check for older ones
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"set-up: Python 3.11 or newer is needed, this is {found} ({sys.executable}).", file=sys.stderr)
        print("Name another one, e.g.: make demo PYTHON=python3.12", file=sys.stderr)
        return 1
    if is_current():
        return 0
    try:
        with locked():
            return 0 if is_current() else set_up()
    except KeyboardInterrupt:
        print("\nset-up: interrupted; the next call begins anew", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
