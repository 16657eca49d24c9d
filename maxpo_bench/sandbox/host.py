"""A submission in a locked process of its own, asked over pipes. Its code never runs in the caller's process."""

from __future__ import annotations

import math
import os
import secrets
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from maxpo_bench.sandbox.channel import Channel, EndOfReplies, TimeIsUp, text_only
from maxpo_bench.sandbox.errors import ProtocolViolation, SandboxError, TimeLimit, WorkerDied
from maxpo_bench.sandbox.frames import (
    DTYPES,
    HAS_FACTORY,
    INPUT_CHANGED,
    LONGEST_TEXT,
    ROW_INSTANCES,
    Header,
    Kind,
)
from maxpo_bench.sandbox.levels import check_level
from maxpo_bench.sandbox.limits import Limits
from maxpo_bench.sandbox.locking import lock, unavailable
from maxpo_bench.sandbox.outcome import from_ending, from_reply
from maxpo_bench.sandbox.process import Process
from maxpo_bench.sandbox.protections import RESOURCE_LIMITS, Level, plain

_GRACE_SECONDS = 2.0
"""How long a worker that has closed its pipe may take to end, so that its exit status can be told."""

_ERRORS = (Kind.CALL_ERROR, Kind.BAD_ANSWER, Kind.OUT_OF_MEMORY)


@dataclass(frozen=True)
class Answer:
    """What a submission answered.

    Attributes:
        values: advantages [groups, n] in float64, not checked for NaN and inf.
        dtype: floating type of the tensor that was returned: "float64", "float32", "float16" or "bfloat16".
        input_changed: whether the rewards that the function was lent were modified, as far as the worker saw.
    """

    values: NDArray[np.float64]
    dtype: str
    input_changed: bool


class Prepared:
    """A locked process without a submission, which imports its libraries while its owner does something else.

    It becomes a `Worker` of the same file name, level and limits in the thread that made it, or is closed.

    Args:
        filename: what messages will call the submission.
        level: what it must be locked by; never less.
        limits: bounds on its use of processor, clock and memory.

    Raises:
        UnknownNameError: there is no such level.
        SandboxUnavailable: this system does not reach the level.
    """

    def __init__(self, filename: str, level: Level, limits: Limits) -> None:
        check_level(level)
        self.filename, self.limits = os.path.basename(filename) or "submission.py", limits
        self.level: Level = level
        self.process = Process()
        self.close: Callable[[], object] = weakref.finalize(self, self.process.end)
        try:
            self.channel = Channel(self.process)
            report = lock(self.process, self.channel, level, limits, self.filename, _number())
            lacks = report.lacks(level)
            if lacks:
                raise unavailable(level, lacks)
            self.protections = report.reached
        except BaseException:
            self.close()
            raise


class Worker:
    """One submission in one process, which is locked before the source is handed over, and killed at the end.

    Make, use and close a worker in one thread: the kernel kills it when the thread ends that made it. Errors that a
    submission can go on after (`EstimatorError`, `BadAnswer`, most cases of `MemoryLimit`) leave the worker as it is;
    after any other, or an interrupted call, it is closed, and `restart` makes a fresh one.

    Args:
        source: the submission's source; it defines `advantages(rewards, k)`, or `make_advantages(k)` that returns a
            function of the rewards.
        filename: what messages call it.
        level: what it must be locked by; never less.
        limits: bounds on its use of processor, clock and memory.
        prepared: a process that is on its way already; used if it was made for the same file name, level and limits,
            else closed.

    Attributes:
        protections: what was reached, some with a detail in brackets; see `protections.PROTECTIONS`.
        has_factory: whether the submission makes functions by `make_advantages`.

    Raises:
        TypeError: the source is not bytes.
        UnknownNameError: there is no such level.
        SandboxUnavailable: this system does not reach the level; nothing was run.
        LoadError: the submission cannot be imported or defines neither function.
        SandboxError: it broke a limit or the protocol while it was imported.
    """

    def __init__(
        self,
        source: bytes,
        *,
        filename: str = "submission.py",
        level: Level = "strict",
        limits: Limits | None = None,
        prepared: Prepared | None = None,
    ) -> None:
        if not isinstance(source, bytes):
            raise TypeError(f"source must be the file's bytes, got {type(source).__name__}")
        check_level(level)
        self._source = source
        self._filename = os.path.basename(filename) or "submission.py"
        self._level: Level = level
        self._limits = limits or Limits()
        self._start(prepared)

    @property
    def level(self) -> Level:
        """The level that was asked for, and reached."""
        return self._level

    @property
    def pid(self) -> int:
        """The process's number, and that of its group."""
        return self._process.pid

    @property
    def closed(self) -> bool:
        """Whether the process has been ended."""
        return self._process.ended

    def _start(self, prepared: Prepared | None = None) -> None:
        wanted = (self._filename, self._level, self._limits)
        if prepared is not None and (prepared.filename, prepared.level, prepared.limits) != wanted:
            prepared.close()
            prepared = None
        self._prepared = prepared or Prepared(*wanted)  # kept, since its process ends with it
        self._process, self._channel = self._prepared.process, self._prepared.channel
        self.protections: tuple[str, ...] = self._prepared.protections
        self.has_factory = False
        self._spent_seconds = 0.0
        self._finalizer = weakref.finalize(self, self._process.end)
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    def _load(self) -> None:
        request = Header(Kind.SOURCE, _number(), len(self._source))
        errors = text_only(Kind.LOAD_ERROR, Kind.OUT_OF_MEMORY)

        def longest(reply: Header) -> int:
            return 0 if reply.kind == Kind.READY else errors(reply)

        reply, data = self._exchange(request, self._source, longest, self._limits.startup_seconds, "to import")
        if reply.kind != Kind.READY:
            raise self._reported(reply, data)
        self.has_factory = bool(reply.flags & HAS_FACTORY)

    def call(
        self,
        rewards: NDArray[Any],
        k: int,
        *,
        dtype: Literal["float64", "float32"] = "float64",
        instance: int = 0,
        timeout: float | None = None,
        row_instances: bool = False,
    ) -> Answer:
        """Ask the submission for the advantages of a batch of groups.

        Args:
            rewards: [groups, n], sent as float64; no group at all is allowed.
            k: size of the objective.
            dtype: floating type of the tensor that the submission gets.
            instance: number of the function made by `make_advantages` that is asked; each is made once for every k
                and keeps its state. Without a factory it means nothing.
            timeout: wall-clock limit of this call in seconds, `limits.call_seconds` if None.
            row_instances: ask row r as a group of its own [1, n], from instance `instance + r`, in one exchange.

        Raises:
            TypeError, ValueError: an argument is not as described.
            EstimatorError: the function raised.
            BadAnswer: it returned something else than a real tensor of the rewards' shape.
            SandboxError: it broke a limit or the protocol, or ended its process.
        """
        if self.closed:
            raise WorkerDied(f"{self._filename}'s worker is closed; restart() makes a fresh one")
        array = _checked_rewards(rewards)
        groups, n = array.shape
        request = Header(
            Kind.CALL,
            _number(),
            array.nbytes,
            dtype=_checked_dtype(dtype),
            flags=ROW_INSTANCES if row_instances else 0,
            k=_checked_int("k", k, -(2**31), 2**31),
            groups=groups,
            n=n,
            extra=_checked_int("instance", instance, 0, 2**32 - groups),
        )

        def longest(reply: Header) -> int:
            if reply.kind == Kind.VALUES:
                same = (reply.groups, reply.n) == array.shape and reply.length == array.nbytes
                return array.nbytes if same and reply.dtype < len(DTYPES) else -1
            return LONGEST_TEXT if reply.kind in _ERRORS else -1

        payload = array.data.cast("B") if array.size else b""
        seconds = self._limits.call_seconds if timeout is None else _checked_seconds(timeout)
        started = time.monotonic()
        reply, data = self._exchange(request, payload, longest, seconds, "to answer")
        self._spend(time.monotonic() - started)
        if reply.kind != Kind.VALUES:
            raise self._reported(reply, data)
        values = np.frombuffer(data, dtype=np.float64).reshape(array.shape)
        return Answer(values, DTYPES[reply.dtype], bool(reply.flags & INPUT_CHANGED))

    def _spend(self, seconds: float) -> None:
        """Count the time of a call; end the worker if all of them together have taken too long."""
        self._spent_seconds += seconds
        if self._spent_seconds > self._limits.total_seconds:
            self.close()
            raise TimeLimit(
                f"{self._filename} took longer than {self._limits.total_seconds:g} seconds for all its answers together"
            )

    def _exchange(
        self,
        request: Header,
        payload: memoryview | bytes,
        longest: Callable[[Header], int],
        seconds: float,
        task: str,
    ) -> tuple[Header, bytearray]:
        """Exchange one frame, or end the worker and raise why there is no reply."""
        with self._closing_on_failure():
            try:
                return self._channel.exchange(request, payload, longest, seconds)
            except TimeIsUp:
                raise TimeLimit(f"{self._filename} took longer than {seconds:g} seconds {task}") from None
            except EndOfReplies:
                errors = self._channel.errors()
                ending = self._process.end(grace_seconds=_GRACE_SECONDS)
                limited = any(plain(name) == RESOURCE_LIMITS for name in self.protections)
                raise from_ending(ending, errors, self._filename, self._limits, limited=limited) from None

    def _reported(self, reply: Header, data: bytearray) -> SandboxError:
        """Return the error that the worker reports; one that makes no sense ends it."""
        error = from_reply(reply, data, self._filename, self._limits)
        if isinstance(error, ProtocolViolation):
            self.close()
        return error

    @contextmanager
    def _closing_on_failure(self) -> Generator[None]:
        """Close the worker after any failure, an interruption too: a late reply must not meet the next request."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def restart(self) -> None:
        """End the worker and start a fresh one, without any state; raises what the constructor raises."""
        self.close()
        self._start()

    def close(self) -> None:
        """Kill the worker with its process group and wait for it; a second call does nothing."""
        self._process.end()
        self._finalizer.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _number() -> int:
    """Return a request's number, which no reply written before the request can carry."""
    return secrets.randbits(63)


def _checked_rewards(rewards: NDArray[Any]) -> NDArray[np.float64]:
    if not isinstance(rewards, np.ndarray) or rewards.ndim != 2:
        raise TypeError("rewards must be a NumPy array [groups, n]")
    if rewards.dtype.kind not in "biuf" or rewards.shape[1] < 1:
        raise ValueError(f"rewards must be real numbers [groups, n >= 1], got {rewards.dtype} {list(rewards.shape)}")
    return np.ascontiguousarray(rewards, dtype="<f8")


def _checked_dtype(dtype: str) -> int:
    if dtype not in DTYPES[:2]:
        raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r}")
    return DTYPES.index(dtype)


def _checked_int(name: str, value: int, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if not low <= value < high:
        raise ValueError(f"{name} must be at least {low} and below {high}, got {value}")
    return int(value)


def _checked_seconds(timeout: float) -> float:
    if not (math.isfinite(timeout) and timeout > 0):
        raise ValueError(f"timeout must be positive and finite, got {timeout!r}")
    return float(timeout)
