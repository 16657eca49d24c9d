"""Raises an error whose text cannot be had: asking for it raises again."""


class Mute(Exception):
    """Raises when it is printed."""

    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__


def advantages(rewards, k):
    """Fail in a way that cannot be told."""
    raise Mute
