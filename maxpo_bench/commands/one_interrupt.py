"""Ctrl-C ends a command once: pressed again while the command says goodbye, it does nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def one_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first Ctrl-C and be deaf from then on, beyond the block: the process is to end.

    Without effect outside the main thread, which gets no signals, and where Ctrl-C is ignored already.
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = False

    def first(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard = True
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        if not heard:
            signal.signal(signal.SIGINT, before)
