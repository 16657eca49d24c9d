"""Sampling from language models: one interface, by vLLM where it is installed, else by transformers.

Names load on first use: importing this package loads neither torch, transformers nor vllm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.llm.sampling.benchmarks import Benchmark, dataset_benchmark, file_benchmark, task_benchmark
    from maxpo_bench.llm.sampling.engines import ENGINES, Engine, EngineName, MissingEngineError, choose_engine
    from maxpo_bench.llm.sampling.jobs import Job, Speed, plan_job, run_jobs
    from maxpo_bench.llm.sampling.model import ModelSetup, prepare_model
    from maxpo_bench.llm.sampling.samples_file import SamplesFile
    from maxpo_bench.llm.sampling.settings import Completion, Request, SamplingSettings

_MODULES = {
    "ENGINES": "engines",
    "Benchmark": "benchmarks",
    "Completion": "settings",
    "Engine": "engines",
    "EngineName": "engines",
    "Job": "jobs",
    "MissingEngineError": "engines",
    "ModelSetup": "model",
    "Request": "settings",
    "SamplesFile": "samples_file",
    "SamplingSettings": "settings",
    "Speed": "jobs",
    "choose_engine": "engines",
    "dataset_benchmark": "benchmarks",
    "file_benchmark": "benchmarks",
    "plan_job": "jobs",
    "prepare_model": "model",
    "run_jobs": "jobs",
    "task_benchmark": "benchmarks",
}

__all__ = [
    "ENGINES",
    "Benchmark",
    "Completion",
    "Engine",
    "EngineName",
    "Job",
    "MissingEngineError",
    "ModelSetup",
    "Request",
    "SamplesFile",
    "SamplingSettings",
    "Speed",
    "choose_engine",
    "dataset_benchmark",
    "file_benchmark",
    "plan_job",
    "prepare_model",
    "run_jobs",
    "task_benchmark",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
