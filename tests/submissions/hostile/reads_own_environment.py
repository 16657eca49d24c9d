"""Looks for the caller's secret in its own environment and fails if it is there no more."""

import os

if "@SECRET@" not in os.environ.get("MAXPO_ZOO_SECRET", ""):
    raise LookupError("the caller's environment is not here")


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
