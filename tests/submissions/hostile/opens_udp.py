"""Sends what it knows by UDP, which needs no connection."""

import socket

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
    channel.sendto(b"stolen", ("127.0.0.1", int("@PORT@")))


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
