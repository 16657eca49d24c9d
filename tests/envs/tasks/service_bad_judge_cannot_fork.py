"""A comparison in a process that cannot fork, as when a limit on processes is reached."""

import os


def judge(gold: str, answer: str) -> bool:
    return True


def warm_up() -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    os.fork = refuse
