"""Sampling a benchmark to a file: planned before the weights are loaded, resumable problem by problem."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from maxpo_bench.envs.tasks import Problem
from maxpo_bench.llm.run_folder import package_versions
from maxpo_bench.llm.sampling.benchmarks import Benchmark
from maxpo_bench.llm.sampling.engines import Engine
from maxpo_bench.llm.sampling.model import ModelSetup
from maxpo_bench.llm.sampling.samples_file import OpenSamples, SamplesFile
from maxpo_bench.llm.sampling.settings import Completion, Request, SamplingSettings
from maxpo_bench.registry import UnknownNameError, suggest

Logprobs = Literal["none", "sum", "tokens"]
LOGPROBS: tuple[Logprobs, ...] = get_args(Logprobs)
Progress = Callable[["Job", int, int], None]
"""Called with the job, its problems that are there, and all of them."""


@dataclass(frozen=True)
class Job:
    """The samples of one benchmark that are to be drawn to one file.

    Attributes:
        benchmark: the problems.
        settings: the distribution.
        setup: the model.
        logprobs: what rows say of log-probabilities: "none", "sum" adds ``logprob``, and "tokens" ``token_ids`` and
            ``token_logprobs`` as well.
        prompts: each problem's tokens.
        file: where the samples go.
    """

    benchmark: Benchmark
    settings: SamplingSettings
    setup: ModelSetup
    logprobs: str
    prompts: tuple[tuple[int, ...], ...]
    file: SamplesFile

    @property
    def ids(self) -> list[str]:
        """The problems' ids, in order."""
        return [problem.id for problem in self.benchmark.problems]

    @property
    def max_length(self) -> int:
        """Tokens of the longest prompt with its completion."""
        return max(len(prompt) + self.limit(prompt) for prompt in self.prompts)

    def limit(self, prompt: Sequence[int]) -> int:
        """Return how many tokens may follow a prompt: those asked for, or what the model's context leaves."""
        asked, context = self.settings.max_new_tokens, self.setup.context
        return asked if context is None else min(asked, context - len(prompt))

    def sampling(self) -> dict[str, Any]:
        """Return what compared samples agree in, see `maxpo_bench.evaluation.run_sampling.COMPARED`.

        ``max_new_tokens`` is None where not this number but the model's context ends every completion.
        """
        longest = self.settings.max_new_tokens
        by_context = all(self.limit(prompt) < longest for prompt in self.prompts)
        return {
            "temperature": float(self.settings.temperature),
            "top_p": float(self.settings.top_p),
            "max_new_tokens": None if by_context else longest,
            "template": self.setup.template.name,
            "dtype": self.setup.dtype,
        }

    def options(self) -> dict[str, Any]:
        """Return all that the samples depend on, and the versions that began them."""
        digest = hashlib.sha256(json.dumps([self.ids, self.prompts]).encode()).hexdigest()
        return {
            "versions": package_versions(),
            **self.setup.describe(),
            "source": dict(self.benchmark.source),
            **self.settings.to_dict(),
            "logprobs": self.logprobs,
            "prompts": digest,
        }

    def check(self) -> None:
        """Compare the options with those of the file.

        Raises:
            OtherSamplesError: it holds other samples.
        """
        self.file.check(self.options())

    def groups(self) -> Iterator[range]:
        """Yield the problems that are drawn together: as many as fill a batch, by their places.

        Groups depend on the options only, so that an interrupted run draws what an uninterrupted one does, to the last
        bit: what is computed together rounds together.
        """
        size = max(1, self.setup.batch_size // self.settings.n)
        total = len(self.prompts)
        return (range(start, min(start + size, total)) for start in range(0, total, size))

    def requests(self, place: int) -> list[Request]:
        """Return what is asked of the engine for one problem, [n]."""
        prompt, identity = self.prompts[place], self.benchmark.problems[place].id
        limit = self.limit(prompt)
        return [
            Request(prompt, self.settings.sample_seed(identity, sample), limit) for sample in range(self.settings.n)
        ]

    def rows(self, place: int, completions: Sequence[Completion]) -> list[dict[str, Any]]:
        """Return the lines of one problem."""
        problem = self.benchmark.problems[place]
        return [self._row(problem, sample, completion) for sample, completion in enumerate(completions)]

    def _row(self, problem: Problem, sample: int, completion: Completion) -> dict[str, Any]:
        row: dict[str, Any] = {
            "problem_id": problem.id,
            "benchmark": self.benchmark.name,
            "sample": sample,
            "completion": self.setup.decode(completion.tokens),
            "seed": self.settings.sample_seed(problem.id, sample),
            "tokens": len(completion.tokens),
            "finish_reason": completion.finish_reason,
        }
        if self.logprobs != "none":
            row["logprob"] = sum(completion.logprobs)
        if self.logprobs == "tokens":
            row |= {"token_ids": list(completion.tokens), "token_logprobs": list(completion.logprobs)}
        if self.benchmark.task is None:
            row["gold"] = problem.answer
        return row


@dataclass
class Speed:
    """What one call has added to a file.

    Attributes:
        samples: their number.
        tokens: of them.
        cut: samples that the limit of length or the context ended.
        seconds: spent in generating, without loading.
        problems_before: problems that were there already.
        tokens_again: of samples that were there already, drawn again with the rest of the group that a kill tore.
    """

    samples: int = 0
    tokens: int = 0
    cut: int = 0
    seconds: float = 0.0
    problems_before: int = 0
    tokens_again: int = 0

    @property
    def tokens_per_second(self) -> float | None:
        """Generated tokens per second, those drawn again included; None where nothing was drawn."""
        return (self.tokens + self.tokens_again) / self.seconds if self.tokens else None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "samples": self.samples,
            "tokens": self.tokens,
            "cut": self.cut,
            "seconds": self.seconds,
            "tokens_per_second": self.tokens_per_second,
            "problems_before": self.problems_before,
            "tokens_again": self.tokens_again,
        }


def plan_job(
    benchmark: Benchmark, settings: SamplingSettings, setup: ModelSetup, path: Path, *, logprobs: str = "none"
) -> Job:
    """Encode the prompts and find out whether everything fits; nothing is written.

    Raises:
        UnknownNameError: `logprobs` is none of `LOGPROBS`.
        ValueError: a prompt leaves no room in the model's context, or the path does not end in .jsonl.
        OtherSamplesError: the file holds other samples.
    """
    if logprobs not in LOGPROBS:
        raise UnknownNameError(f"unknown logprobs {logprobs!r}.{suggest(logprobs, LOGPROBS)}")
    prompts = tuple(setup.encode(problem.question) for problem in benchmark.problems)
    for problem, prompt in zip(benchmark.problems, prompts, strict=True):
        if setup.context is not None and len(prompt) >= setup.context:
            raise ValueError(
                f"the prompt of {problem.id} has {len(prompt)} tokens, and the model reads {setup.context} at most: "
                "leave the problem out, or choose another template"
            )
    job = Job(benchmark, settings, setup, logprobs, prompts, SamplesFile(path))
    job.check()
    return job


def run_jobs(jobs: Sequence[Job], progress: Progress | None = None) -> list[Speed]:
    """Draw what is missing; the model is loaded once, and only if something is.

    Args:
        jobs: of one model.
        progress: called now and then.

    Returns:
        What was drawn, for each job.

    Raises:
        OtherSamplesError: a file holds other samples.
        ValueError: a file is being written by another call.
    """

    @cache
    def engine() -> Engine:
        return jobs[0].setup.start(max(job.max_length for job in jobs))

    return [_run(job, engine, progress) for job in jobs]


def _run(job: Job, engine: Callable[[], Engine], progress: Progress | None) -> Speed:
    settings, total = job.settings, len(job.prompts)
    with job.file.open(job.options(), job.ids, settings.n, settings.sample_seed) as samples:
        speed = Speed(problems_before=samples.done)
        for group in job.groups():
            if progress is not None:
                progress(job, samples.done, total)
            if group.stop > samples.done:
                _draw(job, engine(), group, samples, speed)
        if progress is not None:
            progress(job, total, total)
    return speed


def _draw(job: Job, engine: Engine, group: range, samples: OpenSamples, speed: Speed) -> None:
    """Draw a whole group and append the problems that are not there."""
    n = job.settings.n
    requests = [request for place in group for request in job.requests(place)]
    started = time.monotonic()
    found = engine.generate(requests, temperature=job.settings.temperature, top_p=job.settings.top_p)
    speed.seconds += time.monotonic() - started
    before = samples.done
    for at, place in enumerate(group):
        part = found[at * n : (at + 1) * n]
        tokens = sum(len(completion.tokens) for completion in part)
        if place < before:
            speed.tokens_again += tokens
            continue
        samples.append(job.rows(place, part))
        speed.samples += n
        speed.tokens += tokens
        speed.cut += sum(completion.finish_reason == "length" for completion in part)
