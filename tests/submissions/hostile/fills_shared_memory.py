"""Makes a file in shared memory, which limits of disk space do not count."""

with open("/dev/shm/maxpo-zoo-@TOKEN@", "wb") as file:
    file.write(bytes(1 << 20))


def advantages(rewards, k):
    """Answer at all, so that only the attack decides."""
    return rewards - rewards.mean(-1, keepdim=True)
