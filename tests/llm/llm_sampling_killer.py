"""Sample a file in one go, and another in processes that are killed at random moments; libraries are loaded once.

Called as ``python llm_sampling_killer.py MODEL FOLDER SEED``; prints how often it killed, and at how many lengths of
the file. A file that is finished after fewer than three kills, on a slow machine, is begun anew.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from maxpo_bench.llm.sampling import SamplingSettings, plan_job, prepare_model, run_jobs, task_benchmark
from maxpo_bench.llm.sampling import transformers_engine as _loaded  # noqa: F401  before the forks

SETTINGS = SamplingSettings(n=64, temperature=1.0, top_p=0.95)
LEAST_KILLS, MOST_FILES = 3, 20


def sample(setup, path):
    run_jobs([plan_job(task_benchmark("countdown", limit=12), SETTINGS, setup, path, logprobs="tokens")])


def size(path):
    return path.stat().st_size if path.exists() else 0


def has_ended(child):
    return os.waitpid(child, os.WNOHANG)[0] == child


def killed(setup, path, generator):
    """Sample in a process that is killed soon after the file has grown, or before; return whether it was killed."""
    before = size(path)
    child = os.fork()
    if child == 0:
        sample(setup, path)
        os._exit(0)
    while size(path) <= before and generator.random() > 0.0003:
        if has_ended(child):
            return False
        time.sleep(0.001)
    time.sleep(generator.uniform(0.0, 0.02))
    if has_ended(child):
        return False
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main():
    folder, generator, kills, lengths = Path(sys.argv[2]), random.Random(int(sys.argv[3])), 0, set()
    setup = prepare_model(sys.argv[1], engine="transformers", device="cpu", batch_size=128)
    path = folder / "killed.jsonl"
    for _ in range(MOST_FILES):
        while killed(setup, path, generator):
            kills += 1
            lengths.add(size(path))
        if kills >= LEAST_KILLS and len(lengths) >= LEAST_KILLS:
            break
        path.unlink(missing_ok=True)
    sample(setup, path)
    sample(setup, folder / "whole.jsonl")
    print(json.dumps({"killed": kills, "moments": len(lengths)}))


if __name__ == "__main__":
    main()
