"""Sends what it knows to a server by TCP."""

import socket

with socket.create_connection(("127.0.0.1", int("@PORT@")), timeout=5) as connection:
    connection.sendall(b"stolen")


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
