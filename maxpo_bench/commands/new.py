"""`maxpo-bench new`: a submission to start from, which passes `maxpo-bench check` as it is."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.leaderboard.store import UNFINISHED
from maxpo_bench.leaderboard.submission import Metadata

_HEAD = '''"""EI with half of the leave-two-out baseline: say here, in one line, what your advantage is."""

import torch

from maxpo_bench.estimators import ei, l2o_baseline

SHARE = 0.5

'''

_FUNCTION = '''
def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor:
    """Return one advantage per reward.

    Args:
        rewards: {rewards}, [groups, n]; leave them as they are.
        k: objective size K of max@K.

    Returns:
        Advantages [groups, n] in the dtype of the rewards; a group's depend on its own rewards only.
    """
    return ei(rewards, k) - SHARE * l2o_baseline(rewards, k)
'''

_FACTORY = '''
def make_advantages(k: int):
    """Return the function for one K; what depends on K alone is computed here, once.

    Args:
        k: objective size K of max@K.
    """

    def advantages(rewards: torch.Tensor) -> torch.Tensor:
        """Return one advantage per reward: {rewards}, [groups, n], to advantages of the same shape and dtype."""
        return ei(rewards, k) - SHARE * l2o_baseline(rewards, k)

    return advantages
'''

_TOML = """# What this submission declares; `maxpo-bench submit --help` lists every key.
schema_version = 1
name = "{name}"
scale = "K/n"  # the factor before sum_i A_i grad log pi(a_i) that makes it the gradient: "K/n" or "1"
domain = "{domain}"  # rewards it is defined for: "real" or "binary" (0 and 1)
min_group_size = "k+1"  # smallest n for objective size K: "k", "k+1" or a number
min_k = 1
authors = ""
licence = "MIT"
paper = ""
equation = ""
"""

_README = """# {name}

An advantage estimator for the leaderboard of maxpo_bench.

    maxpo-bench check .             # seconds: contract tests and certificate
    maxpo-bench submit . --dry-run  # what would be scored, and stored where; stores nothing
    maxpo-bench submit .            # the score, stored and ranked

- `submission.py`: the estimator. It sees rewards and K only, in a sandbox without files, network or children.
- `submission.toml`: what it declares about itself.
"""


def new_submission(name: str, *, folder: Path = Path("."), factory: bool = False, binary: bool = False) -> Path:
    """Make the folder of a new submission; it appears with all its files or not at all.

    Args:
        name: of the submission and of its folder: lower-case letters, digits, ``_ . -``, at most 40.
        folder: where it is made; must exist.
        factory: define ``make_advantages(k)`` in place of ``advantages(rewards, k)``?
        binary: declare 0/1 rewards?

    Returns:
        The folder made.

    Raises:
        ValueError: the name is malformed or a built-in estimator's, or something of that name is there already.
        FileNotFoundError: ``folder`` does not exist.
    """
    _check_name(name)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: make it first, or name another with --folder")
    target = folder / name
    if os.path.lexists(target):
        raise ValueError(f"{target} is there already and stays as it is: choose another name or another --folder")
    words = "0/1 rewards" if binary else "real rewards"
    files = {
        "submission.py": _HEAD + (_FACTORY if factory else _FUNCTION).format(rewards=words),
        "submission.toml": _TOML.format(name=name, domain="binary" if binary else "real"),
        "README.md": _README.format(name=name),
    }
    _publish(target, files)
    return target


def _check_name(name: str) -> None:
    Metadata(name=name)
    if name in ESTIMATORS:
        raise ValueError(f"{name!r} is a built-in estimator's name: choose another")


def _publish(target: Path, files: dict[str, str]) -> None:
    """Write the files into a folder beside the target and move it there in one step."""
    unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=target.parent))
    try:
        for filename, text in files.items():
            (unfinished / filename).write_text(text, encoding="utf-8")
        unfinished.chmod(0o755)
        os.rename(unfinished, target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def run_new(name: str, *, folder: Path, factory: bool, binary: bool) -> int:
    """Make the folder and say what to call next; return 0."""
    made = new_submission(name, folder=folder, factory=factory, binary=binary)
    shown = shlex.quote(str(made))
    print(f"Made {made}: submission.py, submission.toml, README.md. It passes the check as it is.")
    print("Next:")
    print(f"  edit {shlex.quote(str(made / 'submission.py'))}")
    print(f"  maxpo-bench check {shown}")
    print(f"  maxpo-bench submit {shown} --dry-run")
    print(f"  maxpo-bench submit {shown}")
    return 0
