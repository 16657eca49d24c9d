"""Small folders of training runs, and the same runs without files, for the tests of their report."""

import json

import numpy as np

from maxpo_bench.evaluation import ScoredSamples
from maxpo_bench.evaluation.run import EvaluatedRun
from maxpo_bench.llm.run_folder import RunFolder, RunInfo

BENCHMARKS = ("AIME24", "AIME25", "AMC23", "MATH500", "Minerva")


def counts_of(benchmark, counts, n):
    """Samples of problems "benchmark/0", ... of which `counts` of `n` are correct."""
    keys = tuple((benchmark, f"{benchmark}/{at:03}") for at in range(len(counts)))
    return keys, np.full(len(counts), n), np.array(counts)


def samples_of(parts, n):
    """Counts of ``{benchmark: [c, ...]}``, each of n samples (or of ``n[benchmark]``)."""
    found = [counts_of(name, parts[name], n[name] if isinstance(n, dict) else n) for name in sorted(parts)]
    keys = tuple(key for part in found for key in part[0])
    totals, correct = (np.concatenate([part[at] for part in found]) for at in (1, 2))
    return ScoredSamples("run", ("run.jsonl",), keys, totals, correct, None, int(totals.sum()), {})


def run_of(method, seed=0, parts=None, *, n=8, k=4, model="tiny", family=None, proxy=(), name=None, **options):
    """A run without files; `proxy` are its values at steps 1, 2, ..."""
    return EvaluatedRun(
        name or f"{method}-k{k}-seed{seed}",
        model,
        family or model,
        method,
        k,
        seed,
        options,
        None if parts is None else samples_of(parts, n),
        np.arange(1, len(proxy) + 1),
        np.array(proxy, dtype=np.float64),
    )


def write_run(folder, method, seed=0, parts=None, *, n=8, k=4, model="tiny", proxy=(), config=None, engine="tiny"):
    """Write a run folder; `parts` are ``{benchmark: [c, ...]}``, the c correct samples of a problem are its first."""
    run = RunFolder(folder)
    run.path.mkdir(parents=True)
    k = None if method == "base" else k
    run.begin(RunInfo(model, method, engine, seed, k, None if k is None else 16, "test", config or {}, {"python": "3"}))
    for step, value in enumerate(proxy, start=1):
        run.append({"step": step, "adam_variance_proxy": value})
    run.evaluation_path.mkdir()
    for benchmark, counts in (parts or {}).items():
        total = n[benchmark] if isinstance(n, dict) else n
        rows = [
            {"problem_id": f"{benchmark}/{at:03}", "sample": sample, "benchmark": benchmark, "correct": sample < count}
            for at, count in enumerate(counts)
            for sample in range(total)
        ]
        run.samples_path(benchmark).write_text("".join(json.dumps(row) + "\n" for row in rows))
    if method != "base":
        run.write_summary({})
    return run.path
