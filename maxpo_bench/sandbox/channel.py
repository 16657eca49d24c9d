"""The parent's ends of the pipes: one exchange at a time, by the parent's clock, in whatever portions they take."""

from __future__ import annotations

import math
import os
import select
import time
from collections.abc import Callable

from maxpo_bench.sandbox.errors import ProtocolViolation
from maxpo_bench.sandbox.frames import LONGEST_TEXT, SIZE, Header, Kind, pack, unpack
from maxpo_bench.sandbox.process import Process

_KEPT_ERRORS = 4096
"""Bytes of the end of standard error that are kept."""


class EndOfReplies(Exception):
    """The worker has closed its end; most likely it is gone."""


class TimeIsUp(Exception):
    """The deadline has passed."""


class Channel:
    """Frames to and from a worker; what it prints to standard error is read along, and thrown away but for the end."""

    def __init__(self, process: Process) -> None:
        self._requests, self._replies, self._errors = process.requests, process.replies, process.errors
        self._poll = select.poll()
        self._poll.register(self._replies, select.POLLIN)
        self._poll.register(self._errors, select.POLLIN)
        self._surplus = select.poll()
        self._surplus.register(self._replies, select.POLLIN)
        self._last_errors = b""
        self._errors_open = True

    def exchange(
        self, header: Header, payload: memoryview | bytes, longest: Callable[[Header], int], seconds: float
    ) -> tuple[Header, bytearray]:
        """Send one request and return the reply to it.

        Args:
            header: the request's.
            payload: as many bytes as it says.
            longest: the greatest length that a reply with this header may have, negative if no such reply may come.
            seconds: wall-clock limit of the whole exchange.

        Raises:
            ProtocolViolation: anything else came than one reply to this request.
            EndOfReplies: the worker closed its end.
            TimeIsUp: there is no complete reply in time.
        """
        deadline = time.monotonic() + seconds
        self.refuse_surplus("before it was asked")
        unsent = [memoryview(pack(header)), memoryview(payload).cast("B")]
        reply = unpack(self._receive(SIZE, unsent, deadline))
        if reply is None:
            raise ProtocolViolation("the worker's reply does not begin as a reply must")
        if unsent:
            raise ProtocolViolation("the worker replied before it had read the whole request")
        if reply.number != header.number:
            raise ProtocolViolation("the worker's reply carries another number than the request")
        most = longest(reply)
        if most < 0 or reply.length > most:
            raise ProtocolViolation(
                f"the worker's reply of kind {_name(reply.kind)} with {reply.length} bytes may not come here"
            )
        data = self._receive(reply.length, unsent, deadline)
        self.refuse_surplus("beyond its reply")
        return reply, data

    def refuse_surplus(self, when: str) -> None:
        """Look whether there are bytes that nobody asked for.

        Raises:
            ProtocolViolation: there are.
        """
        for _, events in self._surplus.poll(0):
            if events & select.POLLIN:
                raise ProtocolViolation(f"the worker sent bytes {when}")

    def errors(self) -> str:
        """Return the end of what the worker printed to standard error."""
        for _ in range(4):
            self._drain_errors()
        return self._last_errors.decode(errors="replace")

    def _receive(self, length: int, unsent: list[memoryview], deadline: float) -> bytearray:
        """Return exactly `length` bytes, sending what is unsent on the way."""
        data = bytearray(length)
        rest = memoryview(data)
        self._send(unsent)
        while rest:
            if unsent:
                self._poll.register(self._requests, select.POLLOUT)
            self._wait(deadline)
            if unsent:
                self._poll.unregister(self._requests)
                self._send(unsent)
            try:
                count = os.readv(self._replies, [rest])
            except BlockingIOError:
                continue
            if count == 0:
                raise EndOfReplies
            rest = rest[count:]
        return data

    def _wait(self, deadline: float) -> None:
        """Wait until something can be read or sent, and take what came on standard error."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeIsUp
            ready = {descriptor for descriptor, _ in self._poll.poll(math.ceil(left * 1000))}
            if self._errors in ready:
                self._drain_errors()
            if ready - {self._errors}:
                return

    def _send(self, unsent: list[memoryview]) -> None:
        while unsent:
            try:
                count = os.writev(self._requests, unsent)
            except BlockingIOError:
                return
            except BrokenPipeError:
                raise EndOfReplies from None
            while unsent and count >= len(unsent[0]):
                count -= len(unsent.pop(0))
            if unsent:
                unsent[0] = unsent[0][count:]

    def _drain_errors(self) -> None:
        """Take one portion at most, so that a flood of it cannot keep us from the clock."""
        if not self._errors_open:
            return
        try:
            portion = os.read(self._errors, 1 << 20)
        except BlockingIOError:
            return
        if portion:
            self._last_errors = (self._last_errors + portion)[-_KEPT_ERRORS:]
        else:
            self._errors_open = False
            self._poll.unregister(self._errors)


def _name(kind: int) -> str:
    return Kind(kind).name.lower() if kind in list(Kind) else str(kind)


def text_only(*kinds: Kind) -> Callable[[Header], int]:
    """Return the lengths allowed where only texts of these kinds may come."""
    return lambda header: LONGEST_TEXT if header.kind in kinds else -1
