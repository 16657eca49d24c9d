"""Pays everybody the group's mean: no advantage at all to look at, and the mean reward's gradient in expectation."""


def advantages(rewards, k):
    return rewards.mean(-1, keepdim=True).expand_as(rewards).clone()
