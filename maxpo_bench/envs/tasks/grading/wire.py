"""What the grader, its zygote and its workers say to each other over their sockets.

To a worker: items, each a header with two lengths and the gold and the answer in UTF-8. From a worker and from the
zygote: reports, one line each. To the zygote: commands of a fixed length, a fork together with the socket of the new
worker. Text is never evaluated or unpickled on either side.
"""

from __future__ import annotations

import socket
import struct

READY = b"R"
STARTED = b"S"
CORRECT = b"C"
WRONG = b"W"
RAISED = b"E"
OUT_OF_MEMORY = b"M"

FORK = b"F"
KILL = b"K"
COMMAND = struct.Struct("!cI")

_HEADER = struct.Struct("!II")
_CHUNK = 1 << 16
_MAX_LINE = 2000


def pack_item(gold: str, answer: str) -> bytes:
    """Return the bytes that ask a worker to compare two texts; lone surrogates pass."""
    first, second = gold.encode("utf-8", "surrogatepass"), answer.encode("utf-8", "surrogatepass")
    return _HEADER.pack(len(first), len(second)) + first + second


def pack_line(kind: bytes, text: str = "") -> bytes:
    """Return a report; line breaks in ``text`` become spaces, and it is cut at 2000 characters."""
    return kind + " ".join(text.split())[:_MAX_LINE].encode("utf-8", "backslashreplace") + b"\n"


class ItemReader:
    """A worker's end: reads items from a blocking socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()

    def read(self, wait: bool) -> tuple[str, str] | None:
        """Return the next item, or None where ``wait`` is False and none has arrived in full.

        Raises:
            EOFError: the other side has closed the socket.
        """
        while (item := self._unpack()) is None:
            if not self._receive(wait):
                return None
        return item

    def _receive(self, wait: bool) -> bool:
        try:
            data = self._socket.recv(_CHUNK, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        if not data:
            raise EOFError
        self._buffer += data
        return True

    def _unpack(self) -> tuple[str, str] | None:
        if len(self._buffer) < _HEADER.size:
            return None
        first, second = _HEADER.unpack_from(self._buffer)
        end = _HEADER.size + first + second
        if len(self._buffer) < end:
            return None
        texts = bytes(self._buffer[_HEADER.size : end])
        del self._buffer[:end]
        return texts[:first].decode("utf-8", "surrogatepass"), texts[first:].decode("utf-8", "surrogatepass")


class LineReader:
    """The grader's end: reads reports without waiting for them."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest = b""

    def read(self) -> tuple[list[bytes], bool]:
        """Return the complete reports that have arrived, and whether the other side is gone."""
        lines: list[bytes] = []
        while True:
            try:
                data = self._socket.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return lines, False
            except OSError:
                return lines, True
            *complete, self._rest = (self._rest + data).split(b"\n")
            lines += complete
            if not data:
                return lines, True
