"""Imported by the fork server only: what takes seconds to import or to compile, so that each run has it already.

torch imports its compiler, 900 modules, with the first step of any optimizer: 1.4 s of every run, unless it is here.
Numba loads its compiled functions, and hundreds of modules, with their first call.
A module that cannot be imported is left to the run, whose traceback then says why.
"""

import contextlib
import importlib

MODULES = (
    "torch",
    "torch._dynamo",
    "stable_baselines3",
    "scipy.special",
    "maxpo_bench.estimators.warm_up",
    "maxpo_bench.envs.bandit",
    "maxpo_bench.envs.maze",
    "maxpo_bench.agents.registry",
    "maxpo_bench.sweep.execute",
)

for _name in MODULES:
    with contextlib.suppress(Exception):
        importlib.import_module(_name)
