"""Never answers and never rests."""


def advantages(rewards, k):
    """Attack, then answer at all."""
    while True:
        k += 1
