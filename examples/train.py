"""Train the paper's five agents on one small bandit and compare the exact max@4 they reach.

python examples/train.py
"""

import argparse

import gymnasium as gym

import maxpo_bench  # noqa: F401  registers the environments
from maxpo_bench.agents import make_agent

AGENTS = ("reinforce", "entropy", "ei", "ei_l1o", "ei_l2o")


def main(iterations: int) -> dict[str, float]:
    optimum = gym.make("maxpo/Bandit-v0", num_arms=20).unwrapped.optimal_value
    reached = {}
    for name in AGENTS:
        agent = make_agent(name, "maxpo/Bandit-v0", num_arms=20, k=4, group_size=16, learning_rate=1.0, seed=0)
        agent.learn(iterations=iterations)
        reached[name] = agent.iteration_log[-1]["exact_max_at_k"]
        print(f"{name:10} exact max@4 {reached[name]:.3f} of at most {optimum:.3f}")
    return reached


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=200)
    main(parser.parse_args().iterations)
