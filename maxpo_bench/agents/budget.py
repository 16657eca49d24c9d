"""How long one call of `learn` goes on."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a budget needs of an algorithm: Stable-Baselines3's counters."""

    num_timesteps: int
    _n_updates: int


class Budget:
    """Bounds in environment steps and iterations; the tighter one counts.

    Args:
        agent: whose counters are watched.
        total_timesteps: environment steps of this call, or None.
        iterations: iterations of this call, or None.
        is_fresh: whether the steps are counted from 0.

    Raises:
        ValueError: neither bound is given, or one is negative.
    """

    def __init__(self, agent: Progress, total_timesteps: int | None, iterations: int | None, is_fresh: bool) -> None:
        for name, value in (("total_timesteps", total_timesteps), ("iterations", iterations)):
            if value is not None and value < 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        if total_timesteps is None and iterations is None:
            raise ValueError("learn needs total_timesteps= or iterations=")
        self._agent = agent
        self._timesteps, self._iterations = total_timesteps, iterations
        self._first_iteration = agent._n_updates
        self._first_timestep = 0 if is_fresh else agent.num_timesteps
        self.last_timestep = None if total_timesteps is None else self._first_timestep + total_timesteps

    def _used(self) -> float:
        """Share of the tighter bound that is used up."""
        shares = [0.0]
        if self._timesteps is not None:
            shares.append((self._agent.num_timesteps - self._first_timestep) / max(self._timesteps, 1))
        if self._iterations is not None:
            shares.append((self._agent._n_updates - self._first_iteration) / max(self._iterations, 1))
        return max(shares)

    def is_left(self) -> bool:
        """Whether another iteration is due."""
        return self._used() < 1.0 and 0 not in (self._timesteps, self._iterations)

    def progress_remaining(self) -> float:
        """From 1 at the start to 0 at the end."""
        return 1.0 - self._used()

    def size(self) -> tuple[int, str]:
        """Total and unit for a progress bar."""
        if self._iterations is not None:
            return self._iterations, "iterations"
        return self._timesteps or 0, "timesteps"
