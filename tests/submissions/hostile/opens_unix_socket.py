"""Talks to a daemon by a Unix socket, as one talks to Docker's."""

import socket

with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
    channel.connect("@SOCKET@")
    channel.sendall(b"stolen")


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
