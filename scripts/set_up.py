"""Make or reuse the virtual environment `.venv` of this checkout; called by the Makefile, standard library only.

The environment is made anew only when what it is made from has changed (pyproject.toml, constraints.txt, this script).
Where the Python that runs this already has a CUDA build of torch, that torch is used and constraints.txt, which pins a
CPU-tested version, is not applied.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "made-from"
SOURCES = ["pyproject.toml", "constraints.txt", "scripts/set_up.py"]


def fingerprint() -> str:
    """Hash of everything the environment depends on."""
    digest = hashlib.sha256(sys.version.encode() + str(ROOT).encode())
    for name in SOURCES:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def cuda_torch() -> str | None:
    """Version of the CUDA torch that this Python can import, or None."""
    if importlib.util.find_spec("torch") is None:
        return None
    probe = "import torch; print(torch.__version__ if torch.version.cuda else '')"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def make_venv(*, system_packages: bool) -> None:
    """Create an empty environment, with virtualenv where this Python lacks ensurepip."""
    shutil.rmtree(VENV, ignore_errors=True)
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


def install() -> None:
    """Install the package with its development tools into the fresh environment."""
    cuda = cuda_torch()
    make_venv(system_packages=cuda is not None)
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-warn-script-location"]
    if not sys.stdout.isatty():
        command += ["--quiet"]
    if cuda:
        print(f"set-up: using the installed torch {cuda}; constraints.txt is not applied", flush=True)
    else:
        command += ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*command, "--editable", f"{ROOT}[dev]"], check=True)


def main() -> int:
    """Set up unless the environment is current; return the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036  the very check for older ones
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"set-up: Python 3.11 or newer is needed, this is {found} ({sys.executable}).", file=sys.stderr)
        print("Name another one, e.g.: make demo PYTHON=python3.12", file=sys.stderr)
        return 1
    wanted = fingerprint()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return 0
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


if __name__ == "__main__":
    sys.exit(main())
