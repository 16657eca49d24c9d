"""Sample a file in one go, and another in processes that are killed at random moments; libraries are loaded once.

Called as ``python llm_sampling_killer.py MODEL FOLDER SEED``; prints how often it killed, and at how many lengths of
the file.
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


def sample(model, path):
    settings = SamplingSettings(n=64, temperature=1.0, top_p=0.95)
    setup = prepare_model(model, engine="transformers", device="cpu", batch_size=128)
    run_jobs([plan_job(task_benchmark("countdown", limit=16), settings, setup, path, logprobs="tokens")])


def begin(model, path):
    child = os.fork()
    if child == 0:
        sample(model, path)
        os._exit(0)
    return child


def main():
    model, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    generator, killed, lengths = random.Random(seed), 0, set()
    sample(model, folder / "whole.jsonl")
    path = folder / "killed.jsonl"
    while True:
        child, before = begin(model, path), path.stat().st_size if path.exists() else 0
        while (path.stat().st_size if path.exists() else 0) <= before and not os.waitpid(child, os.WNOHANG)[0]:
            time.sleep(0.001)
            if generator.random() < 0.001:
                break
        time.sleep(generator.uniform(0.0, 0.02))
        try:
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
        except (ChildProcessError, ProcessLookupError):
            break
        if os.WIFEXITED(status):
            break
        killed += 1
        lengths.add(path.stat().st_size if path.exists() else 0)
    sample(model, path)
    print(json.dumps({"killed": killed, "moments": len(lengths)}))


if __name__ == "__main__":
    main()
