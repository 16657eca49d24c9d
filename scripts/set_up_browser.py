"""Install what the browser tests need into the folder `.browser`, or say what is missing; standard library only.

    python scripts/set_up_browser.py

Playwright comes from pip, for the Python that runs this; axe-core, the accessibility checker, from npm.
The browser is the system's Chromium or Chrome (or the one that the environment variable CHROMIUM names): none is
downloaded. What is installed already is kept. Nothing outside the folder changes, and the tests find it by themselves:

    python -m pytest -m browser tests/browser
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".browser"
PYTHON_PACKAGES = FOLDER / f"python{sys.version_info.major}.{sys.version_info.minor}"
AXE = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
PLAYWRIGHT = "playwright>=1.49,<2"
AXE_PACKAGE = "axe-core@4"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Path of the system's Chromium or Chrome, or None."""
    named = os.environ.get("CHROMIUM")
    candidates = [named] if named else BROWSERS
    return next((found for name in candidates if (found := shutil.which(name))), None)


def use_packages() -> None:
    """Let this process import what was installed here; a playwright of the environment's own goes first."""
    if PYTHON_PACKAGES.is_dir() and str(PYTHON_PACKAGES) not in sys.path:
        sys.path.append(str(PYTHON_PACKAGES))


def missing() -> list[str]:
    """What the tests lack, a line each with the remedy; empty if they can run."""
    use_packages()
    importlib.invalidate_caches()
    lines = []
    if importlib.util.find_spec("playwright") is None:
        lines.append("playwright is not installed: python scripts/set_up_browser.py")
    if not AXE.is_file():
        lines.append("axe-core is not installed: python scripts/set_up_browser.py (needs npm)")
    if find_browser() is None:
        lines.append("no Chromium: install one (Debian, Ubuntu: apt install chromium), or name it in CHROMIUM")
    return lines


def install() -> list[str]:
    """Install what is not there; return what could not be installed, a line each."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    problems = []
    use_packages()
    if importlib.util.find_spec("playwright") is None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        problems += _run([*pip, "--target", str(PYTHON_PACKAGES), PLAYWRIGHT])
    if not AXE.is_file():
        if shutil.which("npm") is None:
            problems.append("npm is not installed (Debian, Ubuntu: apt install npm)")
        else:
            npm = [
                "npm",
                "install",
                "--prefix",
                str(FOLDER),
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
            ]
            problems += _run([*npm, AXE_PACKAGE])
    return problems


def _run(command: list[str]) -> list[str]:
    print("set-up:", " ".join(command), flush=True)
    status = subprocess.run(command, check=False).returncode
    return [f"this failed with status {status}: {' '.join(command)}"] if status else []


def main() -> int:
    """Install, and say what is missing all the same; return the exit status."""
    problems = [*install(), *missing()]
    for line in problems:
        print(f"set-up: {line}", file=sys.stderr)
    if not problems:
        print(f"set-up: the browser tests can run, with {find_browser()}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
