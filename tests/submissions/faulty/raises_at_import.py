"""Needs a package that is not there."""

import package_that_nobody_has


def advantages(rewards, k):
    return package_that_nobody_has.advantages(rewards, k)
