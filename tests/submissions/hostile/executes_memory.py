"""Puts a program into a file in memory and executes that."""

import os

DESCRIPTOR = os.memfd_create("program")
os.write(DESCRIPTOR, b"#!/bin/sh\nsleep 600\n")
os.execve(DESCRIPTOR, ["program"], {})


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
