"""What a verifier says of one completion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from maxpo_bench.registry import UnknownNameError

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

    Raises:
        UnknownNameError: the status is none of `STATUSES`.
    """

    status: Status
    extracted: str | None = None

    def __post_init__(self) -> None:
        """Check the status: a misspelt "correct" would be a silent 0."""
        if self.status not in STATUSES:
            raise UnknownNameError(f"unknown status {self.status!r} of a Grade: choose one of {', '.join(STATUSES)}")

    @property
    def correct(self) -> bool:
        """Whether the answer is right; False for every other status."""
        return self.status == "correct"

    @property
    def reward(self) -> float:
        """1.0 where the answer is right, else 0.0."""
        return float(self.correct)
