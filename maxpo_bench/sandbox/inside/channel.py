"""The worker's ends of the two pipes."""

from __future__ import annotations

import os

from maxpo_bench.sandbox.frames import LONGEST_TEXT, SIZE, Header, Kind, pack, unpack


class Channel:
    """Blocking reads of requests, blocking writes of replies; the end of the requests ends the process."""

    def __init__(self, requests: int, replies: int) -> None:
        self._requests = requests
        self._replies = replies
        # Looked up once, so that a submission that replaces os.write for its own ends does not break its answers.
        self._readv, self._writev, self._leave = os.readv, os.writev, os._exit

    def read_into(self, view: memoryview) -> None:
        """Fill `view`."""
        while view:
            count = self._readv(self._requests, [view])
            if count == 0:
                self._leave(0)
            view = view[count:]

    def read(self, length: int) -> bytearray:
        """Return exactly `length` bytes."""
        data = bytearray(length)
        self.read_into(memoryview(data))
        return data

    def header(self) -> Header:
        """Wait for a request and return its header."""
        header = unpack(self.read(SIZE))
        if header is None:
            self._leave(70)
            raise SystemExit  # never reached: for those who read types
        return header

    def send(self, header: Header, payload: bytes | memoryview = b"") -> None:
        """Send one frame."""
        parts = [memoryview(pack(header)), memoryview(payload).cast("B")]
        while parts:
            count = self._writev(self._replies, parts)
            while parts and count >= len(parts[0]):
                count -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][count:]

    def send_text(self, kind: Kind, number: int, text: str, *, line: int = 0) -> None:
        """Send one frame of text, cut to what a frame carries."""
        data = text.encode(errors="replace")[:LONGEST_TEXT]
        self.send(Header(kind, number, len(data), extra=line), data)
