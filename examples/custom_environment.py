"""Train on an environment of your own: any Gymnasium environment works, here one that pays for a rare lucky sequence.

python examples/custom_environment.py
"""

import argparse

import gymnasium as gym
import numpy as np

from maxpo_bench.agents import GroupPolicyGradient


class Lock(gym.Env):
    """A combination lock: three digits, reward 1 if all are right, 0.3 if only the first is."""

    observation_space = gym.spaces.Discrete(4)
    action_space = gym.spaces.Discrete(3)
    code = (2, 0, 1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.right = []
        return 0, {}

    def step(self, action):
        self.right.append(int(action) == self.code[len(self.right)])
        done = len(self.right) == 3
        reward = (1.0 if all(self.right) else 0.3 * self.right[0]) if done else 0.0
        return len(self.right), reward, done, False, {}


gym.register("examples/Lock-v0", entry_point=Lock)


def main(iterations: int) -> list[float]:
    agent = GroupPolicyGradient(
        "examples/Lock-v0", estimator="ei_l2o", k=4, group_size=16, learning_rate=1.0, policy="tabular", seed=0
    )
    agent.learn(iterations=iterations)
    returns = [record["return_mean"] for record in agent.iteration_log]
    print(f"mean return, first ten iterations: {np.mean(returns[:10]):.3f}, last ten: {np.mean(returns[-10:]):.3f}")
    return returns


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=200)
    main(parser.parse_args().iterations)
