"""Seeds derived by hashing, so that no two parts of a run ever share a random stream by accident."""

from __future__ import annotations

import hashlib
import json


def derive_seed(root: int, *path: str | int) -> int:
    """Return a seed in [0, 2**63) that is a hash of ``root`` and ``path``.

    Different paths give independent seeds; the same path gives the same seed on every machine and Python version.

    Args:
        root: the user's seed, any integer.
        path: what the seed is for, e.g. ``("instance", 3, "episode", 17)``. ``1`` and ``"1"`` are different.

    Raises:
        TypeError: the root is no integer, or a part is neither a string nor an integer.
    """
    if isinstance(root, bool) or not isinstance(root, int):
        raise TypeError(f"root seed must be an integer, got {root!r}")
    for part in path:
        if isinstance(part, bool) or not isinstance(part, str | int):
            raise TypeError(f"seed path parts must be strings or integers, got {part!r}")
    text = json.dumps([root, *path], separators=(",", ":"))
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"maxpo-bench-seed").digest()
    return int.from_bytes(digest, "big") >> 1
