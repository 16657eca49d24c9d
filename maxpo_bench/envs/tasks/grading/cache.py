"""Verdicts that are known already, the least recently used forgotten first."""

from __future__ import annotations

import threading
from collections import OrderedDict

from maxpo_bench.envs.tasks.grading.jobs import Pair, Verdict


class VerdictCache:
    """A mapping from pairs to verdicts that threads may share.

    Args:
        size: most pairs kept; 0 keeps none.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._verdicts: OrderedDict[Pair, Verdict] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._verdicts)

    def get(self, pair: Pair) -> Verdict | None:
        """Return what is known of a pair and count this as a use."""
        with self._lock:
            verdict = self._verdicts.get(pair)
            if verdict is not None:
                self._verdicts.move_to_end(pair)
            return verdict

    def put(self, pair: Pair, verdict: Verdict) -> None:
        """Remember a verdict."""
        with self._lock:
            self._verdicts[pair] = verdict
            self._verdicts.move_to_end(pair)
            if len(self._verdicts) > self._size:
                self._verdicts.popitem(last=False)

    def renew_lock(self) -> None:
        """Replace the lock, which another thread may have held when this process was forked."""
        self._lock = threading.Lock()
