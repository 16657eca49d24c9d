"""Scored samples of a tiny model: what pass@k is computed from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from maxpo_bench.envs.tasks import Problem, Task
from maxpo_bench.llm.tiny.model import TinyLM
from maxpo_bench.llm.tiny.sampling import sample_by
from maxpo_bench.llm.tiny.tokenizer import CharTokenizer
from maxpo_bench.seeding import derive_seed

ROWS_AT_ONCE = 2048
MOST_SAMPLES = 1024


def evaluate_pass_at_k(
    model: TinyLM,
    tokenizer: CharTokenizer,
    task: Task,
    *,
    problems: int | Sequence[Problem] = 256,
    n: int = 64,
    seed: int = 0,
    max_new_tokens: int | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    benchmark: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Answer problems n times each, and grade the answers.

    The randomness of a problem's samples is a hash of seed and problem id, so that it does not depend on which other
    problems are asked for, nor in which order. The same call gives the same rows; with other problems beside it a
    problem is computed in another batch, whose rounding may, very rarely, change a sample.

    Args:
        model: the model.
        tokenizer: its tokenizer.
        task: grades the answers.
        problems: problems of the task; or a number, of its first ones.
        n: samples per problem, 1 to 1024.
        seed: root of the random streams.
        max_new_tokens: the most tokens of an answer, the end of sequence included; None: what the context leaves
            behind the longest question.
        temperature: what logits are divided by.
        top_p: see `sample`.
        benchmark: what the rows call it; None: the task's name.
        progress: called with the problems done and all problems.

    Returns:
        One row per sample, as `maxpo_bench.evaluation.read_samples` reads them, in the order of the problems:
        ``problem_id``, ``sample`` (from 0), ``benchmark``, ``correct``, ``status``, ``extracted``, ``completion`` and
        ``seed`` (the problem's).

    Raises:
        ValueError: a number is out of range, or a question is longer than the context.
    """
    if not 1 <= n <= MOST_SAMPLES:
        raise ValueError(f"n must be 1 to {MOST_SAMPLES}, got {n}")
    asked = _asked(task, problems)
    prompts = [tokenizer.encode(problem.question) for problem in asked]
    if max_new_tokens is None:
        max_new_tokens = model.architecture.context - max(map(len, prompts))
    if max_new_tokens < 1:
        raise ValueError(
            f"a question has {max(map(len, prompts))} tokens, the model's context is {model.architecture.context}: "
            "leave such problems out"
        )
    seeds = [answer_seed(seed, problem.id) for problem in asked]
    size = max(1, ROWS_AT_ONCE // n)
    rows: list[dict[str, Any]] = []
    for start in range(0, len(asked), size):
        now = slice(start, start + size)
        uniforms = torch.cat([_uniforms(each, n, max_new_tokens) for each in seeds[now]])
        samples = sample_by(
            model, prompts[now], uniforms, eos_id=tokenizer.eos_id, temperature=temperature, top_p=top_p
        )
        texts = [tokenizer.decode(tokens) for tokens in samples.completions()]
        rows += _graded(task, asked[now], seeds[now], texts, benchmark or task.name)
        if progress is not None:
            progress(min(start + size, len(asked)), len(asked))
    return rows


def answer_seed(seed: int, problem_id: str) -> int:
    """Return the seed of all samples of a problem, as `evaluate_pass_at_k` takes it from its own."""
    return derive_seed(seed, "pass@k", problem_id)


def _asked(task: Task, problems: int | Sequence[Problem]) -> list[Problem]:
    if not isinstance(problems, int):
        found = list(problems)
    elif problems > len(task):
        raise ValueError(f"{task.name} has {len(task)} problems, {problems} are asked for: lower it")
    else:
        found = [task.problem(index) for index in range(problems)]
    if not found:
        raise ValueError("there are no problems to answer: give at least one")
    return found


def _uniforms(seed: int, n: int, length: int) -> torch.Tensor:
    return torch.rand(n, length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _graded(
    task: Task, problems: Sequence[Problem], seeds: Sequence[int], texts: Sequence[str], benchmark: str
) -> list[dict[str, Any]]:
    n = len(texts) // len(problems)
    of_each = [problem for problem in problems for _ in range(n)]
    grades = task.grade(of_each, texts)
    return [
        {
            "problem_id": problem.id,
            "sample": number % n,
            "benchmark": benchmark,
            "correct": grade.correct,
            "status": grade.status,
            "extracted": grade.extracted,
            "completion": text,
            "seed": seeds[number // n],
        }
        for number, (problem, grade, text) in enumerate(zip(of_each, grades, texts, strict=True))
    ]
