"""Imported by the fork server only: the modules that take seconds, so that each run has them already.

A module that cannot be imported is left to the run, whose traceback then says why.
"""

import contextlib
import importlib

for _name in ("torch", "stable_baselines3", "maxpo_bench.envs", "maxpo_bench.agents", "maxpo_bench.sweep.execute"):
    with contextlib.suppress(Exception):
        importlib.import_module(_name)
