"""Cheap stand-ins for training, found by dotted name in the processes of a sweep's runs."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from maxpo_bench.seeding import derive_seed


def tiny(spec):
    """Sleep, then return numbers that depend on nothing but the specification."""
    time.sleep(spec.agent_kwargs.get("sleep", 0.0))
    values = [derive_seed(spec.seed, spec.agent, index) / 2**63 for index in range(50)]
    curves = {"iteration": list(range(1, 51)), "timesteps": list(range(16, 801, 16)), "return_mean": values}
    return {"curves": curves, "summary": {"return_mean": sum(values) / 50}}


def moody(spec):
    """Do what the agent is called: fail, hang, allocate, die, and otherwise be `tiny`."""
    if spec.agent == "raises":
        raise RuntimeError(f"seed {spec.seed} is unlucky")
    if spec.agent == "hangs":
        print("about to hang", flush=True)
        time.sleep(60)
    if spec.agent == "hungry":
        hoard = [np.zeros(2**25) for _ in range(1000)]  # 256 MiB each, never touched
        return {"curves": {}, "summary": {"size": len(hoard)}}
    if spec.agent == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if spec.agent == "dies_once":
        marker = Path(spec.env_kwargs["marker"])
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if spec.agent == "aborts":
        print("last words", file=sys.stderr, flush=True)
        os._exit(7)
    if spec.agent == "ragged":
        return {"curves": {"iteration": [1, 2], "return_mean": [0.0]}, "summary": {}}
    return tiny(spec)


def surroundings(spec):
    """Report the process that a run finds itself in."""
    summary = {"pid": os.getpid(), "parent": os.getppid(), "threads": int(os.environ["OMP_NUM_THREADS"])}
    return {"curves": {}, "summary": {**summary, "has_torch": "torch" in sys.modules}}
