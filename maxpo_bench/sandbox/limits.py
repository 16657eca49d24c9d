"""What one worker may use."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """Bounds on one worker process.

    Attributes:
        cpu_seconds: processor time of the whole worker, its start (about two seconds, torch's import) included. The
            kernel keeps it, to full seconds above.
        call_seconds: wall-clock time of one call, kept by the parent.
        total_seconds: wall-clock time of all calls together, kept by the parent: a function that sleeps a little in
            each of a thousand calls uses no processor time.
        startup_seconds: wall-clock time from the start until the submission is loaded, kept by the parent.
        memory_bytes: address space that the submission may take beyond what Python, NumPy and torch have mapped by the
            time it is loaded. Counted so because a build of torch for CUDA maps several GiB that it never touches.

    Raises:
        TypeError: a limit is not a number.
        ValueError: a limit is not positive and finite, or the memory is below 64 MiB, too little for one call.
    """

    cpu_seconds: float = 120.0
    call_seconds: float = 20.0
    total_seconds: float = 600.0
    startup_seconds: float = 30.0
    memory_bytes: int = 4 * GIB

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{field.name} must be a number, got {value!r}")
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{field.name} must be positive and finite, got {value!r}")
        if not isinstance(self.memory_bytes, int) or self.memory_bytes < 64 << 20:
            raise ValueError(f"memory_bytes must be a whole number of at least 64 MiB, got {self.memory_bytes!r}")
