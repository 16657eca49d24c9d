"""The base model of a task: pretrained once, kept in a cache, and the same for everybody who asks for it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from maxpo_bench.envs.tasks import Task
from maxpo_bench.llm.atomic_files import publish_text, publishing_folder, remove_unfinished, sync
from maxpo_bench.llm.tiny.pairs import PairSource, train_task
from maxpo_bench.llm.tiny.pretraining import Pretraining, PretrainingSettings

FORMAT = 1
"""Raised when the same task, seed and settings give another model."""
CACHE_VARIABLE = "MAXPO_BENCH_CACHE"
CARD = "base.json"
SECONDS_BETWEEN_CHECKPOINTS = 5.0

Counter = Callable[[int, int], None]
"""Called with the steps done and all steps."""


def cache_folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that base models are kept in.

    Args:
        cache: the folder; None: what the environment variable MAXPO_BENCH_CACHE names, else ``~/.cache/maxpo_bench``.
    """
    given = cache if cache is not None else os.environ.get(CACHE_VARIABLE) or "~/.cache/maxpo_bench"
    return Path(given).expanduser()


def base_model(
    task: Task | str,
    *,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    progress: bool | Counter = True,
    settings: PretrainingSettings | None = None,
    task_options: Mapping[str, Any] | None = None,
) -> Path:
    """Return the folder of a tiny model pretrained on a task, making it where it is not in the cache.

    It is made on solutions of the train split (`PairSource`), never on a test problem. An interrupted making, also by
    kill -9, goes on where it was; two processes that want the same model make it once. The folder is an ordinary one
    (`load_model`, ``AutoModelForCausalLM``) and holds ``base.json`` beside: what determined the model, and its losses.

    Args:
        task: its name; or a task, whose train split is taken.
        seed: of the initial weights and the pairs.
        cache: see `cache_folder`.
        progress: whether to show a bar on a terminal, or what to call after each step.
        settings: how it is made; None: the defaults.
        task_options: of the task, if it is given by name.

    Raises:
        UnknownNameError: no task has that name.
        ValueError: the task has no train split, or no problems.
    """
    settings = settings or PretrainingSettings()
    source = PairSource(train_task(task, dict(task_options or {})), settings.most_problems)
    card = _card(source, seed, settings)
    target = cache_folder(cache) / "tiny" / f"{source.task.name.replace('/', '-')}-{_key(card)}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(f"{target.name}.lock")):
        if not target.is_dir():
            with _counting(progress, f"pretraining on {source.task.name}") as count:
                _make(source, seed, settings, card, target, count)
    return target


def _card(source: PairSource, seed: int, settings: PretrainingSettings) -> dict[str, Any]:
    """Return everything that determines the model."""
    return {
        "format": FORMAT,
        "task": source.identity(),
        "seed": seed,
        "settings": settings.to_dict(),
        "architecture": settings.architecture(source).to_dict(),
        "tokens": list(source.tokenizer.tokens),
    }


def _key(card: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:16]


def _make(
    source: PairSource,
    seed: int,
    settings: PretrainingSettings,
    card: Mapping[str, Any],
    target: Path,
    count: Counter | None,
) -> None:
    """Pretrain and publish; only the holder of the lock is here."""
    # Here: a model that is there needs no transformers, and where they are missing that is said before the work.
    from maxpo_bench.llm.tiny.files import save_model

    unfinished = target.with_name(f"{target.name}.unfinished")
    unfinished.mkdir(exist_ok=True)
    remove_unfinished(unfinished)
    checkpoint = unfinished / "checkpoint.pt"
    pretraining = Pretraining(source, seed, settings)
    if checkpoint.exists():
        pretraining.restore(torch.load(checkpoint, weights_only=True))
    saved = time.monotonic()
    while not pretraining.is_done:
        pretraining.advance()
        if count is not None:
            count(pretraining.step, settings.steps)
        if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
            _save_checkpoint(pretraining, checkpoint)
            saved = time.monotonic()
    with publishing_folder(target) as folder:
        save_model(pretraining.model, source.tokenizer, folder)
        publish_text(folder / CARD, json.dumps({**card, "losses": pretraining.losses}, indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)
    unfinished.rmdir()


def _save_checkpoint(pretraining: Pretraining, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    torch.save(pretraining.state(), temporary)
    sync(temporary)
    os.replace(temporary, path)
    sync(path.parent)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock, which dies with its holder; the file stays."""
    with open(path, "a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def _counting(progress: bool | Counter, title: str) -> Iterator[Counter | None]:
    """A bar on a terminal's standard error, what was given to be called, or nothing."""
    if not isinstance(progress, bool):
        yield progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not (progress and console.is_terminal):
        yield None
        return
    with Progress(TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console) as bar:
        shown = bar.add_task("", total=None)
        yield lambda done, total: bar.update(shown, completed=done, total=total)
