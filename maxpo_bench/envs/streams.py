"""Random numbers of the episodes: one counter-based stream per environment, the same in scalar and vector environments.

The x-th number of a stream is a pure function of (key, x), so a thousand environments draw theirs in one NumPy call
and each still gets exactly what a scalar environment with its seed would get. Seeds become keys, and keys and counters
become bits, by the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from maxpo_bench.seeding import derive_seed

UInt64Array = NDArray[np.uint64]

MAX_SEED = 2**63 - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_KEY_SALT = np.uint64(0x6D6178706F2D656E)


def _mix(words: UInt64Array) -> UInt64Array:
    """SplitMix64's finaliser: a bijection of the 64-bit words under which neighbours have nothing in common."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def episode_seeds(seed: int, num_envs: int) -> NDArray[np.int64]:
    """Return the seeds that ``reset(seed=seed)`` gives to the parts of a vector environment.

    They are hashes of ``seed`` and the part's index, not ``seed + i``: the environments of seed 1 and seed 2 share
    no stream. Passing them on as a list, or one of them to a scalar environment, gives the same episodes.

    Args:
        seed: the vector environment's seed, 0 .. 2**63 - 1.
        num_envs: how many.

    Returns:
        Seeds ``[num_envs]`` in [0, 2**63).
    """
    start = np.uint64(derive_seed(check_seed(seed), "episodes"))
    words = _mix(start + _GOLDEN * np.arange(1, num_envs + 1, dtype=np.uint64))
    return (words >> np.uint64(1)).astype(np.int64)


def stream_keys(seeds: NDArray[Any]) -> UInt64Array:
    """Return the keys ``[...]`` of the streams that belong to ``seeds`` ``[...]``, integers in [0, 2**63)."""
    return _mix(_mix(seeds.astype(np.uint64) ^ _KEY_SALT) + _GOLDEN)


def uniform(keys: UInt64Array, counters: UInt64Array) -> NDArray[np.float64]:
    """Return number ``counters`` ``[...]``, in (0, 1), of the uniform streams ``keys`` ``[...]``."""
    bits = _mix(keys + _GOLDEN * (counters + np.uint64(1)))
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def standard_normal(keys: UInt64Array, counters: UInt64Array) -> NDArray[np.float64]:
    """Return number ``counters`` ``[...]`` of the standard normal streams ``keys`` ``[...]``."""
    return ndtri(uniform(keys, counters))


def check_seed(seed: object) -> int:
    """Return ``seed`` as a Python integer.

    Raises:
        TypeError: it is no integer.
        ValueError: it is outside [0, 2**63).
    """
    if isinstance(seed, bool | np.bool_) or not isinstance(seed, int | np.integer):
        raise TypeError(f"reset(seed=...) must be an integer or None, got {seed!r}")
    if not 0 <= int(seed) <= MAX_SEED:
        raise ValueError(f"reset(seed=...) must be in 0 .. 2**63 - 1, got {seed}")
    return int(seed)
