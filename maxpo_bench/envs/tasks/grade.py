"""What a verifier says of one completion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Status = Literal["correct", "wrong", "no_box", "malformed", "too_long", "timeout", "crash"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Grade:
    r"""The verdict on one completion; a completion that could not be judged says so, it is never a silent 0.

    Attributes:
        status: "correct" and "wrong" are verdicts. "no_box": no balanced ``\boxed{}`` to read. "malformed": a
            procedural task's answer does not have the form it asks for. "too_long": the answer exceeds the limit.
            "timeout" and "crash": the comparison exceeded its time, or its memory or the process, and was stopped.
        extracted: the answer as it was read, None where there was none to read.
    """

    status: Status
    extracted: str | None = None

    @property
    def correct(self) -> bool:
        """Whether the answer is right; False for every other status."""
        return self.status == "correct"

    @property
    def reward(self) -> float:
        """1.0 where the answer is right, else 0.0."""
        return float(self.correct)
