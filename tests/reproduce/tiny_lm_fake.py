"""A stand-in for the training of the tiny model: pass@k depends on method, learning rate and seed in a known way."""

import math

BEST = {"grpo": 1e-4, "pkpo": 3e-4, "maxpo": 1e-4}
KS = (1, 4, 16, 64)


def execute(spec):
    rate = spec.agent_kwargs["learning_rate"]
    loss = abs(math.log10(rate / BEST[spec.agent]))
    summary = {f"pass@{k}": (0.5 - 0.1 * loss) + 0.01 * (spec.seed % 7) / 7 + 0.001 * k for k in KS}
    summary |= {f"base_pass@{k}": 0.1 + 0.001 * k for k in KS}
    summary |= {"adam_variance_proxy": rate, "entropy": 0.5, "seconds_per_step": 0.1}
    summary |= {"support_expansion": 1, "support_shrinkage": 2}
    return {"curves": {"iteration": [1, 2], "adam_variance_proxy": [rate, rate]}, "summary": summary}
