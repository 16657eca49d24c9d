"""The random streams of a batch of environments: one for each, started by a list of seeds or by one for all."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from maxpo_bench.envs.streams import MAX_SEED, check_seed, episode_seeds, stream_keys


class SeededBatch(gym.vector.VectorEnv[Any, Any, Any]):
    """A vector environment whose copies draw from streams of their own. Subclasses call `_set_up_streams`."""

    def _set_up_streams(self, num_envs: int) -> None:
        self._keys = np.zeros(num_envs, dtype=np.uint64)
        self._has_key = np.zeros(num_envs, dtype=bool)
        self._counters = np.zeros(num_envs, dtype=np.uint64)

    def _seed(self, seed: Any, mask: NDArray[np.bool_]) -> None:
        """Start streams anew where ``mask`` ``[num_envs]`` is True: by the seeds, or at random where there is none yet.

        Raises:
            TypeError: a seed is no integer.
            ValueError: a seed is not in [0, 2**63), or the list has the wrong length.
        """
        if isinstance(seed, list | tuple | np.ndarray):
            chosen, seeds = _seed_list(seed, self.num_envs)
        elif seed is not None:
            super().reset(seed=check_seed(seed))
            chosen, seeds = np.ones(self.num_envs, dtype=bool), episode_seeds(seed, self.num_envs)
        else:
            chosen, seeds = np.zeros(self.num_envs, dtype=bool), np.zeros(self.num_envs, dtype=np.int64)
        fresh = mask & ~chosen & ~self._has_key
        if fresh.any():
            seeds[fresh] = self.np_random.integers(2**63, size=int(fresh.sum()))
        new = (mask & chosen) | fresh
        self._keys[new] = stream_keys(seeds[new])
        self._counters[new] = 0
        self._has_key |= new


def _seed_list(seed: Any, num_envs: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which environments get a seed and the seeds ``[num_envs]``, 0 where there is none."""
    if len(seed) != num_envs:
        raise ValueError(f"reset(seed=[...]) must have one seed per environment, {num_envs}, got {len(seed)}")
    given = np.array([*seed, None], dtype=object)[:-1]
    chosen = np.not_equal(given, np.array(None, dtype=object)).astype(bool)
    values = np.array(given[chosen].tolist(), dtype=None if chosen.any() else np.int64)
    if values.dtype.kind not in "iu" or values.ndim != 1:
        raise TypeError(f"reset(seed=[...]) must hold integers in [0, 2**63) or None, got {seed!r}")
    if values.size and not (values.min() >= 0 and values.max() <= MAX_SEED):
        raise ValueError(f"reset(seed=[...]) must hold integers in [0, 2**63), got {seed!r}")
    seeds = np.zeros(num_envs, dtype=np.int64)
    seeds[chosen] = values
    return chosen, seeds
