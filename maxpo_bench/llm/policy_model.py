"""Which model a language-model policy starts from: a folder, a task's base model, or an empty one to be filled."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
from gymnasium.vector import VectorEnv

from maxpo_bench.envs.tasks import Task
from maxpo_bench.llm.tiny.architecture import TinyArchitecture
from maxpo_bench.llm.tiny.model import TinyLM
from maxpo_bench.llm.tiny.tokenizer import CharTokenizer
from maxpo_bench.registry import suggest

if TYPE_CHECKING:
    from maxpo_bench.llm.tiny.pretraining import PretrainingSettings

_OF_THE_BASE = ("pretraining", "pretraining_seed")


def base_of(env: VectorEnv, options: Mapping[str, Any]) -> str:
    """Return the folder of the model to start from: the one that is named, or the base model of an environment's task.

    Args:
        env: with a task, unless a folder is named.
        options: `model`, `pretraining` and `pretraining_seed`.

    Raises:
        ValueError: settings of a base model beside a folder, an unknown setting, or an environment without a task.
        ImportError: transformers is not installed.
    """
    if options.get("model") is not None:
        for name in _OF_THE_BASE:
            if options.get(name):
                raise ValueError(f"{name} is for the base model that is made here, and model= names a folder: drop one")
        return str(options["model"])
    require_transformers()
    from maxpo_bench.llm.tiny.base import base_model

    settings = _settings(options.get("pretraining") or {})
    # In a sweep's worker nobody watches, and the bars of several would overwrite each other.
    is_watched = multiprocessing.parent_process() is None
    seed = options.get("pretraining_seed", 0)
    return str(base_model(_task_of(env), seed=seed, settings=settings, progress=is_watched))


def load_base(folder: str) -> tuple[TinyLM, CharTokenizer]:
    """Return the model and the tokenizer of a folder.

    Raises:
        FileNotFoundError: it holds no model.
        ValueError: it holds another kind of model.
        ImportError: transformers is not installed.
    """
    require_transformers()
    from maxpo_bench.llm.tiny.files import load_model

    return load_model(folder)


def made_of(
    architecture: Mapping[str, Any] | None, tokenizer: Mapping[str, Any] | None
) -> tuple[TinyLM, CharTokenizer]:
    """Return a model of a shape, with weights that are to be replaced, and its tokenizer.

    Args:
        architecture: fields of `TinyArchitecture`.
        tokenizer: `alphabet` and `unknown` of `CharTokenizer`.

    Raises:
        ValueError: one is missing.
    """
    if architecture is None or tokenizer is None:
        raise ValueError("the lm policy needs a model: pass the folder of one as policy_kwargs={'model': ...}")
    made = CharTokenizer(tokenizer["alphabet"], unknown=tokenizer["unknown"])
    return TinyLM(TinyArchitecture(**architecture), generator=torch.Generator().manual_seed(0)), made


def require_transformers() -> None:
    """Raise an ImportError that says what to install, unless transformers can be imported."""
    try:
        import transformers  # noqa: F401 (only whether it is there)
    except ImportError as error:
        raise ImportError(
            f"the lm policy reads models with transformers ({error}): pip install 'maxpo-bench[llm]'"
        ) from error


def _task_of(env: VectorEnv) -> Task:
    base: Any = env.unwrapped
    copies = getattr(base, "envs", None)
    if copies:
        base = copies[0].unwrapped
    task = getattr(base, "task", None)
    if not isinstance(task, Task):
        raise ValueError(
            f"{env} has no task to pretrain a model on: name the folder of one as policy_kwargs={{'model': ...}}"
        )
    return task


def _settings(changes: Mapping[str, Any]) -> PretrainingSettings:
    from maxpo_bench.llm.tiny.pretraining import PretrainingSettings

    known = [entry.name for entry in fields(PretrainingSettings)]
    for name in changes:
        if name not in known:
            raise ValueError(f"pretraining has no setting {name!r}.{suggest(name, known)}")
    values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in changes.items()}
    return PretrainingSettings(**values)
