"""A small bandit with ties and an agent on it: shared by the tests of the group policy gradient."""

import numpy as np

from maxpo_bench.agents import GroupPolicyGradient

ARMS = np.array([0.3, -1.2, 2.0, 0.3, 0.9])
LOGITS = np.array([0.5, 0.1, -1.5, 0.0, 0.2])
BANDIT = {"arm_rewards": ARMS}


def bandit_agent(estimator, k=3, group_size=6, **options):
    options = {"env_kwargs": BANDIT, "policy_kwargs": {"initial_logits": LOGITS}, "learning_rate": 1.0, **options}
    return GroupPolicyGradient("maxpo/Bandit-v0", estimator=estimator, k=k, group_size=group_size, **options)


def step(agent):
    """Make one iteration of step size 1 and return the change of the logits, which is the gradient estimate."""
    before = agent.policy.logits.detach().clone()
    agent.learn(iterations=1)
    return (agent.policy.logits.detach() - before)[0]
