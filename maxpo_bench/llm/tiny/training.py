"""From a task to a fine-tuned and evaluated tiny model, in a run folder, through the same loop as every agent.

Each stage looks at what is there and goes on from it: the base model (cached for all runs), its evaluation (shared by
the runs that lie beside each other), the fine-tuning (checkpoints), the evaluation (block by block), the summary. So a
run that was killed anywhere is finished by the same call, with the same log, model and samples, byte for byte, as one
that was not.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.llm.run_folder import BASE, LOG_FIELDS, RunFolder, RunFolderError
from maxpo_bench.llm.tiny.checkpoint import load_agent, read_state, save_agent
from maxpo_bench.llm.tiny.evaluating import Progress, evaluate
from maxpo_bench.llm.tiny.run import TinyRun
from maxpo_bench.llm.tiny.summary import compare, pass_at_k_figures, summarise
from maxpo_bench.registry import suggest
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    from maxpo_bench.agents import GroupPolicyGradient
    from maxpo_bench.envs.tasks import Task
    from maxpo_bench.estimators import Estimator
    from maxpo_bench.llm.tiny.pretraining import PretrainingSettings

CHECKPOINT_EVERY = 20
"""Steps between checkpoints."""
ENVIRONMENT = "maxpo/TextReasoning-v0"
_RENAMED = {"iteration": "step", "return_mean": "reward_mean", "return_max_at_k": "reward_max_at_k"}


class MissingTransformersError(OSError):
    """Transformers is not installed; the message says how to install it."""


def train(
    run: TinyRun,
    out: str | Path,
    *,
    base: str | Path | None = None,
    estimator: Estimator | None = None,
    progress: Progress | None = None,
    checkpoint_every: int = CHECKPOINT_EVERY,
) -> dict[str, Any]:
    """Carry out a run, or what is missing of it, and return its final figures.

    Args:
        run: what to do.
        out: the run's folder.
        base: folder of the base model's evaluation; by default "base" beside the run's.
        estimator: of a submission, for `run.k`; None for methods that are found by name.
        progress: told how far each stage is.
        checkpoint_every: steps between checkpoints, at least 1; the result does not depend on it.

    Returns:
        What RUN/summary.json holds: see `maxpo_bench.llm.tiny.summary.summarise`, and ``seconds`` and
        ``seconds_per_step`` of the fine-tuning.

    Raises:
        RunFolderError: the folder, or the base's, holds a run with other options, or another process writes to it.
        MissingTransformersError: as `check_run` raises it.
        UnknownNameError: as well.
        TypeError: as well.
        ValueError: as well.
    """
    check_run(run, estimator)
    folder = RunFolder(out)
    beside = RunFolder(folder.path.parent / BASE if base is None else base)
    check_folders(run, folder, beside)
    with folder.locked():
        folder.begin(run.info())
        if folder.summary() is None:
            with torch_threads(run.threads):
                evaluate_base(run, beside, progress)
                seconds = fine_tune(run, folder, beside.model_path, estimator, progress, checkpoint_every)
                samples = _evaluate(run, folder, derive_seed(run.seed, "trained"), "evaluation", progress)
            figures = summarise(folder.log(), compare(samples, beside.samples_path(run.task), run.method))
            times = {"seconds": seconds, "seconds_per_step": seconds / run.steps}
            folder.write_summary({**figures, **times})
    summary = folder.summary()
    assert summary is not None
    return summary


def check_run(run: TinyRun, estimator: Estimator | None = None) -> None:
    """Check what can be checked before anything is made.

    Args:
        run: what is to be done.
        estimator: of a submission; None for methods that are found by name.

    Raises:
        MissingTransformersError: transformers is not installed.
        UnknownNameError: no such method or task.
        TypeError: a parameter that the method or the task does not have.
        ValueError: the method does not take this k and group size, the task has too few held-out problems, or a setting
            of the pretraining does not fit.
    """
    from maxpo_bench.llm.methods import get_method

    if importlib.util.find_spec("transformers") is None:
        raise MissingTransformersError("the tiny model is kept in transformers' format: pip install 'maxpo-bench[llm]'")
    chosen = get_method(run.method, run.k, **run.method_params) if estimator is None else estimator
    chosen.check_group_size(run.group_size)
    pretraining_settings(run)
    held_out(run)


def check_folders(run: TinyRun, folder: RunFolder, base: RunFolder) -> None:
    """Check that a run and its base can be put into their folders, before either is made.

    Raises:
        RunFolderError: one of them holds something else; the message says what differs.
    """
    folder.check(run.info())
    try:
        base.check(run.base_info())
    except RunFolderError as error:
        raise RunFolderError(f"{error}. All runs beside each other share the evaluation of their base") from error


def evaluate_base(run: TinyRun, folder: RunFolder, progress: Progress | None = None) -> None:
    """Put the base model, its scored samples and its pass@k into a folder, unless they are there.

    Of several processes that want it at once one does it, and the others wait.

    Args:
        run: what starts from the base.
        folder: of the base.
        progress: told how far each stage is.
    """
    with folder.locked(wait=True):
        folder.begin(run.base_info())
        if folder.summary() is not None:
            return
        source = pretrained(run, progress)
        folder.save_model(lambda target: _copy_files(source, target))
        samples = _evaluate(run, folder, derive_seed(run.pretraining_seed, "base"), "base evaluation", progress)
        report = compare(samples, None, BASE)
        (points,) = report.methods[0].pass_at_k.benchmarks.values()
        counts = {"problems": run.eval_problems, "samples": run.eval_samples}
        folder.write_summary({**counts, **pass_at_k_figures(points)})


def fine_tune(
    run: TinyRun,
    folder: RunFolder,
    base: Path,
    estimator: Estimator | None = None,
    progress: Progress | None = None,
    checkpoint_every: int = CHECKPOINT_EVERY,
) -> float:
    """Train from the last checkpoint to the end and publish the model.

    Args:
        run: what to do.
        folder: of the run, locked.
        base: folder of the model to start from.
        estimator: of a submission; None for methods that are found by name.
        progress: told the number of steps.
        checkpoint_every: steps between checkpoints.

    Returns:
        Seconds that all steps took, those of earlier calls included as far as their work was kept.
    """
    saved = folder.checkpoints()
    start = max(saved, default=0)
    if start == run.steps and folder.model_path.exists():
        return float(read_state(saved[start])["seconds"])
    folder.cut_log(start)
    agent = make_tiny_agent(run, base, estimator)
    seconds = load_agent(agent, saved[start]) if saved else 0.0
    for step in range(start + 1, run.steps + 1):
        begun = time.perf_counter()
        agent.learn(iterations=1, reset_num_timesteps=False, log_interval=0)
        folder.append(_record(agent.iteration_log[-1]))
        seconds += time.perf_counter() - begun
        if step % checkpoint_every == 0 or step == run.steps:
            folder.save_checkpoint(step, lambda target, now=seconds: save_agent(agent, target, now))
        if progress is not None:
            progress("fine-tuning", step, run.steps)
    _publish_model(agent, folder)
    return seconds


def make_tiny_agent(run: TinyRun, base: Path, estimator: Estimator | None = None) -> GroupPolicyGradient:
    """Return the agent of a run, before its first step.

    Args:
        run: what it is to do.
        base: folder of the model to start from.
        estimator: of a submission; None for methods that are found by name.
    """
    from maxpo_bench.agents import GroupPolicyGradient, make_agent

    options: dict[str, Any] = {
        "k": run.k,
        "group_size": run.group_size,
        "groups_per_step": run.groups_per_step,
        "policy": "lm",
        "policy_kwargs": {**run.policy, "model": str(base)},
        "optimizer": "adam",
        "learning_rate": run.learning_rate,
        "seed": run.seed,
        "env_kwargs": {"task": run.task, "split": "train", **run.task_options},
        "log_variance": False,
    }
    if estimator is not None:
        return GroupPolicyGradient(ENVIRONMENT, estimator=estimator, **options)
    agent = make_agent(run.method, ENVIRONMENT, **options, **_method_options(run))
    if not isinstance(agent, GroupPolicyGradient):
        raise ValueError(f"{run.method} is no method of groups: name one of maxpo_bench.llm.methods.METHODS")
    return agent


def held_out(run: TinyRun) -> Task:
    """Return the task of the held-out problems, of which the first `eval_problems` are asked.

    Raises:
        ValueError: it has fewer.
    """
    from maxpo_bench.envs.tasks import make_task

    task = make_task(run.task, "test", **run.task_options)
    if len(task) < run.eval_problems:
        raise ValueError(
            f"{run.task} has {len(task)} held-out problems, eval_problems={run.eval_problems}: ask for fewer, or for "
            "more problems (task_options.size) where the task can make them"
        )
    return task


@contextlib.contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch use so many threads meanwhile."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _evaluate(run: TinyRun, folder: RunFolder, seed: int, stage: str, progress: Progress | None) -> Path:
    path = folder.samples_path(run.task)
    size = {"problems": run.eval_problems, "samples": run.eval_samples}
    return evaluate(folder.model_path, held_out(run), path, **size, seed=seed, stage=stage, progress=progress)


def pretrained(run: TinyRun, progress: Progress | None = None) -> Path:
    """Return the folder of a run's base model in the cache, made if it is missing."""
    from maxpo_bench.llm.tiny.base import base_model

    count = False if progress is None else partial(progress, "pretraining")
    return base_model(
        run.task,
        seed=run.pretraining_seed,
        progress=count,
        settings=pretraining_settings(run),
        task_options=run.task_options,
    )


def pretraining_settings(run: TinyRun) -> PretrainingSettings:
    """Return how the base model of a run is made.

    Raises:
        ValueError: a setting is unknown or out of range.
    """
    from maxpo_bench.llm.tiny.pretraining import PretrainingSettings

    known = [entry.name for entry in fields(PretrainingSettings)]
    for name in run.pretraining:
        if name not in known:
            raise ValueError(f"pretraining has no setting {name!r}.{suggest(name, known)}")
    return PretrainingSettings(**run.pretraining)


def _copy_files(source: Path, target: Path) -> None:
    for path in source.iterdir():
        if path.is_file():
            shutil.copyfile(path, target / path.name)


def _record(logged: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of the log from what the agent says of an iteration."""
    named = {_RENAMED.get(name, name): value for name, value in logged.items()}
    return {name: named.get(name) for name in LOG_FIELDS}


def _method_options(run: TinyRun) -> dict[str, Any]:
    """Return a method's parameters as the agent's options: Entropy-Adv's own, and those of the estimator."""
    own = {name: value for name, value in run.method_params.items() if name in ("alpha", "kappa")}
    others = {name: value for name, value in run.method_params.items() if name not in own}
    return {**own, **({"estimator_params": others} if others else {})}


def _publish_model(agent: GroupPolicyGradient, folder: RunFolder) -> None:
    from maxpo_bench.llm.policy import LMPolicy
    from maxpo_bench.llm.tiny.files import save_model

    policy = agent.policy
    assert isinstance(policy, LMPolicy)

    def write(target: Path) -> None:
        save_model(policy.model, policy.tokenizer, target)

    folder.save_model(write)
