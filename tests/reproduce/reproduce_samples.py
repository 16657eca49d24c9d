"""A size of seconds, and frames whose verdicts are known by construction."""

import itertools

import numpy as np
import pandas as pd

from maxpo_bench.reproduce.bandit.sizes import Size

TINY = Size(
    instances=6,
    k=3,
    group_size=6,
    group_sizes=(5, 6),
    num_arms=4,
    many_arms=5,
    arms=(2, 5, 9),
    objectives=(1, 2, 3),
    batches=(10, 100, 1000),
    sampled_batches=(10, 100),
    num_groups=40,
    block=4,
)

SUBMISSION = '''"""Half of everything.

scale: K/n
"""

from maxpo_bench.estimators import ei


def advantages(rewards, k):
    return 0.5 * ei(rewards, k)
'''

SQUARES = '''"""Squared rewards: no sum over reward gaps.

name: squares
"""


def advantages(rewards, k):
    return rewards.square() - rewards.square().mean(-1, keepdim=True)
'''


READS_A_FILE = '''"""A share of everything, written in a file beside it."""

from pathlib import Path

from maxpo_bench.estimators import ei

FACTOR = float((Path(__file__).parent / "data" / "factor.txt").read_text())


def advantages(rewards, k):
    return FACTOR * ei(rewards, k)
'''


def save_stub(figure, directory, name, formats=("png", "svg", "pdf")):
    """In place of `plots.style.save` where a test is not about pictures: drawing one takes most of a second."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{name}.{kind}" for kind in formats]
    for path in paths:
        path.write_text(figure.get_supxlabel())
    return paths


def spread(instance):
    """A factor that differs between bandits, the same for all estimators."""
    return 1.0 + 0.1 * (instance % 3)


def error_frame(curves, instances=6, noise=0.0):
    """Frame of errors: curves maps estimator to a function of M; sampled rows are exact ones times exp(noise)."""
    rows = []
    rng = np.random.default_rng(0)
    for (name, curve), instance, kind in itertools.product(curves.items(), range(instances), ("exact", "sampled")):
        for count in (10, 100, 1000, 10_000):
            factor = np.exp(noise * rng.standard_normal()) if kind == "sampled" else 1.0
            value = curve(count) * spread(instance) * factor
            rows.append({"estimator": name, "kind": kind, "num_groups": count, "instance": instance, "value": value})
    return pd.DataFrame(rows)


def variance_frame(x, ratios, base=None, group_sizes=(16,), instances=6, score_square=None):
    """Frame of variances: EI's is base(x) / n, EI+L2O's that times ratios[x], EI+L1O's the same.

    Ratios differ a little between bandits, so that intervals have a width.
    """
    rows = []
    for n, instance, (at, share) in itertools.product(group_sizes, range(instances), ratios.items()):
        own = (base or (lambda value: 1.0))(at) / n * spread(instance)
        wobble = 1.0 + 0.001 * (instance - (instances - 1) / 2)
        for name, value in (("ei", own), ("ei_l2o", own * share * wobble), ("ei_l1o", own * share * wobble)):
            square = score_square(at) if score_square else 1.0 - 1.0 / at
            cell = {"estimator": name, "kind": "exact", "group_size": n, "k": 4, "num_arms": 1000, "instance": instance}
            rows.append({**cell, x: at, "value": value, "score_square": square * (1 + 1e-6 * instance)})
    return pd.DataFrame(rows)
