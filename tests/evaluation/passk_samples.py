"""Small files of scored samples, written for the tests."""

import gzip
import json

import numpy as np

from maxpo_bench.evaluation import ScoredSamples


def rows_of(verdicts, **columns):
    """Rows of ``{problem: "0110"}``, one character per sample."""
    return [
        {"problem_id": problem, "sample": sample, "correct": mark == "1", **columns}
        for problem, marks in verdicts.items()
        for sample, mark in enumerate(marks)
    ]


def write_lines(path, rows):
    """Write rows as .jsonl, compressed if the name ends so, and return the path."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def samples_of(label, verdicts):
    """Counts of ``{(benchmark, problem): "0110"}``."""
    keys = sorted(verdicts)
    totals = np.array([len(verdicts[key]) for key in keys])
    correct = np.array([verdicts[key].count("1") for key in keys])
    return ScoredSamples(label, (f"{label}.jsonl",), tuple(keys), totals, correct, None, int(totals.sum()), {})


def random_samples(label, sizes, num_samples, seed, power=1.0):
    """Samples of the same problems for every seed, of success rates U^power; `sizes`: problems by benchmark."""
    keys = [(name, f"{name}/{at:04}") for name, size in sorted(sizes.items()) for at in range(size)]
    rates = np.random.default_rng(0).random(len(keys)) ** power
    correct = np.random.default_rng(seed).binomial(num_samples, rates)
    totals = np.full(len(keys), num_samples)
    return ScoredSamples(label, (f"{label}.jsonl",), tuple(keys), totals, correct, None, int(totals.sum()), {})
