"""Leaves a file in somebody's folder."""

with open("@FOLDER@/planted", "w", encoding="utf-8") as file:
    file.write("planted")


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
