"""Sweeps: environments x agents x seeds, each run in its own process, each result stored once and for good.

::

    from maxpo_bench import sweep

    report = sweep.run("examples/sweep.toml", out="runs/")
    records = sweep.RunStore("runs/").load_all()
    print(sweep.summary_table(records, ["return_mean"]))
    curves = sweep.to_frame(records)

    from maxpo_bench.sweep.comparison import compare

    for variant in compare(records, against="reinforce").variants:
        print(variant.name, variant.iqm, variant.improvement)

Importing this loads no torch; the parent process of a sweep needs it only to look agents' names up.
"""

from __future__ import annotations

from maxpo_bench.sweep.aggregate import final_frame, summary_table, to_frame
from maxpo_bench.sweep.config import (
    AgentEntry,
    ConfigError,
    EngineConfig,
    EnvironmentEntry,
    SweepConfig,
    load_config,
)
from maxpo_bench.sweep.report import SweepReport
from maxpo_bench.sweep.runner import SweepInterrupted, run
from maxpo_bench.sweep.spec import SCHEMA_VERSION, RunSpec
from maxpo_bench.sweep.store import RunStore, StoreError

__all__ = [
    "SCHEMA_VERSION",
    "AgentEntry",
    "ConfigError",
    "EngineConfig",
    "EnvironmentEntry",
    "RunSpec",
    "RunStore",
    "StoreError",
    "SweepConfig",
    "SweepInterrupted",
    "SweepReport",
    "final_frame",
    "load_config",
    "run",
    "summary_table",
    "to_frame",
]
