"""What a run with the tiny model comes to on this machine: what is done already, how long the rest takes, memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maxpo_bench.llm.run_folder import BASE, RunFolder
from maxpo_bench.llm.tiny.run import TinyRun
from maxpo_bench.llm.tiny.training import check_folders, pretraining_settings, torch_threads

if TYPE_CHECKING:
    from maxpo_bench.llm.tiny.model import TinyLM

_PROMPTS, _ROWS = 16, 16
"""Questions of a trial, and answers to each."""
_TRIALS = 3
"""The fastest of so many counts."""
_LIBRARIES_GB = 0.6
"""Resident memory of a process that has imported torch and transformers, in 10^9 bytes."""
_WIDTHS_PER_TOKEN = 30
"""Numbers that the backward pass needs of each token and layer, in widths of the residual stream; measured."""


@dataclass(frozen=True)
class Stage:
    """One part of a run.

    Attributes:
        name: "pretraining", "base evaluation", "fine-tuning" or "evaluation".
        amount: what it consists of.
        left: the share that is to be done, from 0 to 1.
        seconds: what the rest takes here, estimated.
    """

    name: str
    amount: str
    left: float
    seconds: float


@dataclass(frozen=True)
class TinyPlan:
    """What a run comes to.

    Attributes:
        run: the run.
        out: its folder.
        stages: in their order.
        parameters: of the model.
        memory_gb: resident memory at the peak, estimated, in 10^9 bytes.
    """

    run: TinyRun
    out: Path
    stages: tuple[Stage, ...]
    parameters: int
    memory_gb: float

    @property
    def seconds(self) -> float:
        """What is left to do, in seconds."""
        return sum(stage.seconds for stage in self.stages)


def plan(run: TinyRun, out: Path) -> TinyPlan:
    """Return what a run comes to, by trials of a few tenths of a second; nothing is written.

    Args:
        run: the run.
        out: its folder.

    Raises:
        RunFolderError: the folder, or the base's beside it, holds a run with other options.
        ValueError: an option does not fit.
    """
    import torch

    from maxpo_bench.llm.tiny.model import TinyLM
    from maxpo_bench.llm.tiny.pairs import PairSource, train_task

    folder, base = RunFolder(out), RunFolder(out.parent / BASE)
    check_folders(run, folder, base)
    settings = pretraining_settings(run)
    source = PairSource(train_task(run.task, dict(run.task_options)), settings.most_problems)
    model = TinyLM(settings.architecture(source), generator=torch.Generator().manual_seed(0))
    with torch_threads(run.threads):
        sampling, gradient = seconds_per_row(model)
    completions, scored = run.group_size * run.groups_per_step, run.eval_problems * run.eval_samples
    steps_left = 1 - max(folder.checkpoints(), default=0) / run.steps
    questions = f"{run.eval_problems} held-out problems x {run.eval_samples} answers"
    stages = [
        _stage(
            "pretraining",
            f"{settings.steps} steps of {settings.batch_size} pairs, unless the cache has the model",
            0.0 if base.model_path.exists() else 1.0,
            settings.steps * settings.batch_size * gradient,
        ),
        _stage("base evaluation", questions, _left_to_score(base, run), scored * sampling),
        _stage(
            "fine-tuning",
            f"{run.steps} steps of {run.groups_per_step} questions x {run.group_size} answers",
            steps_left,
            run.steps * completions * (sampling + gradient),
        ),
        _stage("evaluation", questions, _left_to_score(folder, run), scored * sampling),
    ]
    parameters = sum(each.numel() for each in model.parameters())
    return TinyPlan(run, out, tuple(stages), parameters, _memory_gb(model, parameters, completions))


def seconds_per_row(model: TinyLM) -> tuple[float, float]:
    """Return how long one answer takes to sample, and how long to go forward and back through it.

    Half of the context is the question, half the answer.

    Args:
        model: of the shape in question; its weights do not matter, its gradients are changed.
    """
    import torch

    from maxpo_bench.llm.tiny.sampling import sample
    from maxpo_bench.llm.tiny.scoring import token_logprobs

    context, vocabulary = model.architecture.context, model.architecture.vocab_size
    length = max(1, context // 2)
    generator = torch.Generator().manual_seed(0)
    prompts = torch.randint(vocabulary, (_PROMPTS, context - length), generator=generator).tolist()
    completions = torch.randint(vocabulary, (_PROMPTS * _ROWS, length), generator=generator)

    def draw() -> None:
        sample(model, prompts, _ROWS, max_new_tokens=length, generator=generator, eos_id=vocabulary - 1)

    def differentiate() -> None:
        token_logprobs(model, prompts, completions).logprobs.sum().backward()

    return _fastest(draw) / (_PROMPTS * _ROWS), _fastest(differentiate) / (_PROMPTS * _ROWS)


def _fastest(action: Callable[[], None]) -> float:
    times: list[float] = []
    for _ in range(_TRIALS):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return min(times)


def _stage(name: str, amount: str, left: float, seconds: float) -> Stage:
    return Stage(name, amount, left, left * seconds)


def _left_to_score(folder: RunFolder, run: TinyRun) -> float:
    path = folder.samples_path(run.task)
    lines = path.read_bytes().count(b"\n") if path.exists() else 0
    return 1 - lines / (run.eval_problems * run.eval_samples)


def _memory_gb(model: TinyLM, parameters: int, completions: int) -> float:
    """Return libraries, weights, gradients and Adam's moments, and the activations of a step's completions."""
    shape = model.architecture
    tokens = completions * shape.context
    activations = tokens * (shape.layers * _WIDTHS_PER_TOKEN * shape.width + 4 * shape.vocab_size)
    return _LIBRARIES_GB + 4e-9 * (4 * parameters + activations)
