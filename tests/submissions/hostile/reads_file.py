"""Reads a file outside the installation and would publish what it holds."""

with open("@CANARY@", encoding="utf-8") as file:
    STOLEN = file.read()


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
