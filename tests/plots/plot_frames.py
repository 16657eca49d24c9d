"""Small long frames with known values for the figures, and what tests read off a figure."""

import itertools

import pandas as pd
from matplotlib.collections import FillBetweenPolyCollection

from maxpo_bench.envs import MazeLayout
from maxpo_bench.plots.maze_data import maze_frame

ESTIMATORS = ("ei_l2o", "ei", "ei_l1o")


def bandit_frame(x, values, group_sizes=(16,), instances=3, estimators=ESTIMATORS):
    """Value = (1 + position of the estimator) * (1 + instance) * x / group size."""
    rows = [
        {"estimator": name, "group_size": n, "instance": i, x: v, "value": (1 + place) * (1 + i) * v / n}
        for (place, name), n, i, v in itertools.product(enumerate(estimators), group_sizes, range(instances), values)
    ]
    return pd.DataFrame(rows)


def curves_frame(envs=("maxpo/Maze-v0",), agents=("reinforce", "ei_l2o"), seeds=3, iterations=(10, 20, 30, 40)):
    """return_mean = iteration * (1 + position of the agent) + seed."""
    rows = [
        {
            "env": env,
            "agent": agent,
            "seed": seed,
            "iteration": at,
            "return_mean": at * (1.0 + place) + seed,
            "exact_max_at_k": at * 2.0,
            "p_action_1": 0.5 + at / 100 if env == "maxpo/Maze-v0" and agent != "ppo" else None,
        }
        for env, (place, agent), seed, at in itertools.product(envs, enumerate(agents), range(seeds), iterations)
    ]
    return pd.DataFrame(rows)


def ratio_frame(group_sizes=(8, 16), objectives=(2, 4), seeds=3):
    rows = [
        {"group_size": n, "k": k, "iteration": at, "seed": seed, "value": k / 4 + at / 1000 + seed / 10}
        for n, k, at, seed in itertools.product(group_sizes, objectives, (0, 100, 200), range(seeds))
    ]
    return pd.DataFrame(rows)


def profile_frame(agents=("reinforce", "ei_l2o"), tasks=("Maze", "Bandit"), seeds=3):
    """score = (1 + position of the agent) * (1 + seed) / 10 + position of the task / 100."""
    rows = [
        {"agent": agent, "task": task, "seed": seed, "score": (1 + place) * (1 + seed) / 10 + where / 100}
        for (place, agent), (where, task), seed in itertools.product(enumerate(agents), enumerate(tasks), range(seeds))
    ]
    return pd.DataFrame(rows)


def passk_frame(benchmarks=("aime", "math"), methods=("base", "trained"), ks=(1, 2, 4, 8), problems=3):
    """estimate = (1 + position of the method) * (1 + log2 k) / 20, band of 0.05 on either side."""
    rows = [
        {
            "benchmark": name,
            "method": method,
            "k": k,
            "estimate": (middle := (1 + place) * k.bit_length() / 20),
            "low": middle - 0.05,
            "high": middle + 0.05,
            "num_problems": problems,
            "fewest_samples": 8,
            "most_samples": 8,
        }
        for name, (place, method), k in itertools.product(benchmarks, enumerate(methods), ks)
    ]
    return pd.DataFrame(rows)


def difference_frame(**options):
    """The curves of `passk_frame`, 0.3 lower."""
    frame = passk_frame(**options).assign(against="first")
    return frame.assign(**{column: frame[column] - 0.3 for column in ("estimate", "low", "high")})


def support_frame(benchmarks=("aime", "math"), methods=("trained",), k=8):
    """Of 20 problems 10 are preserved, 5 gained, 1 lost, 4 unsolved; one less is preserved for each later method."""
    counts = {"expansion": 5.0, "shrinkage": 1.0, "out_of_support": 4.0}
    rows = [
        {"benchmark": name, "method": method, "against": "base", "k": k, "num_problems": 20 - place}
        | {"preservation": 10.0 - place, **counts}
        for name, (place, method) in itertools.product(benchmarks, enumerate(methods))
    ]
    return pd.DataFrame(rows)


def run_curves_frame(models=("tiny",), benchmarks=("aime", "math"), methods=("base", "grpo", "maxpo"), ks=(1, 2, 4, 8)):
    """estimate = (1 + position of the method) * (1 + log2 k) / 20; bands of 0.02 over seeds, of 0.05 over problems.

    The base model is a single run, which has no interval over seeds; the others have three seeds.
    """
    rows = [
        {
            "model": model,
            "method": method,
            "label": method.upper(),
            "suffix": "",
            "objective_k": 4,
            "benchmark": name,
            "k": k,
            "estimate": (middle := (1 + place) * k.bit_length() / 20),
            "seeds_low": None if method == "base" else middle - 0.02,
            "seeds_high": None if method == "base" else middle + 0.02,
            "problems_low": middle - 0.05,
            "problems_high": middle + 0.05,
            "runs": 1 if method == "base" else 3,
            "num_problems": 30,
            "fewest_samples": 8,
            "most_samples": 8,
            "confidence": 0.95,
            "resamples": 2000,
            "seed": 0,
        }
        for model, name, (place, method), k in itertools.product(models, benchmarks, enumerate(methods), ks)
    ]
    return pd.DataFrame(rows)


def objective_frame(sizes=(2, 4, 7), **options):
    """The curves of one method for several K of training, 0.01 higher for each."""
    curves = run_curves_frame(methods=("maxpo",), benchmarks=("aime",), **options)
    parts = [
        curves.assign(objective_k=size, label=f"MaxPO, K={size}", suffix=f", K={size}", estimate=curves.estimate + at)
        for size, at in zip(sizes, (0.0, 0.01, 0.02), strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def proxy_frame(models=("tiny",), methods=("pkpo", "maxpo"), seeds=3, steps=range(1, 41)):
    """value = (step - 1) / 100 * (2 - position of the method) * (1 + seed / 10): 0 at the first step."""
    rows = [
        {
            "model": model,
            "method": method,
            "label": method.upper(),
            "suffix": "",
            "run": f"{method}-seed{seed}",
            "step": step,
            "value": (step - 1) / 100 * (2 - place) * (1 + seed / 10),
        }
        for model, (place, method), seed, step in itertools.product(models, enumerate(methods), range(seeds), steps)
    ]
    return pd.DataFrame(rows)


def run_support_frame(models=("tiny", "large"), benchmarks=("aime", "math"), methods=("grpo", "maxpo")):
    """The counts of `support_frame`, by model."""
    parts = [
        support_frame(benchmarks, methods).assign(model=model, runs=3, suffix="", against="base model")
        for model in models
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(label=frame["method"].str.upper())


EXAMPLES = {
    "bias_vs_batches": bandit_frame("num_groups", (10, 100, 1000)),
    "variance_vs_arms": bandit_frame("num_arms", (2, 10, 100)),
    "variance_vs_k": bandit_frame("k", (1, 2, 3)),
    "learning_curves": curves_frame(),
    "p_action_1": curves_frame(),
    "variance_ratio": ratio_frame(),
    "maze": maze_frame(MazeLayout.generate(60, 0.8, "mixed"), instances=3, points=11),
    "performance_profile": profile_frame(),
    "pass_at_k": passk_frame(),
    "pass_at_k_difference": difference_frame(),
    "support": support_frame(),
    "llm_pass_at_k": run_curves_frame(),
    "llm_variance_proxy": proxy_frame(),
    "llm_support": run_support_frame(),
    "llm_objective_k": objective_frame(),
}


def line_of(axes, label):
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return line


def legend_labels(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def caption_of(figure):
    return " ".join(figure.get_supxlabel().split("\n")).replace("\u00a0", " ")


def bands(axes):
    return [each for each in axes.collections if isinstance(each, FillBetweenPolyCollection)]
