"""Which split a procedural problem belongs to: a property of what it asks, decided by a hash."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
TEST_SHARE = 0.1

_TEST_BELOW = int(TEST_SHARE * 2**64).to_bytes(8, "big")


def split_of(task: str, key: str) -> Split:
    """Return the split of a problem: "test" for a share `TEST_SHARE` of all keys, "train" for the others.

    It depends on nothing else, neither seed nor size nor difficulty, so that no problem is ever in both splits.

    Args:
        task: the task's name.
        key: the problem's canonical key; problems that ask the same share it.
    """
    digest = hashlib.blake2b(f"maxpo-task-split\0{task}\0{key}".encode(), digest_size=8).digest()
    return "test" if digest < _TEST_BELOW else "train"
