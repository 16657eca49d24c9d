"""From questions to TRL's data set: the columns prompt, answer and problem_id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maxpo_bench.envs.tasks import Problem
from maxpo_bench.llm.prompts import CHAT_ARGUMENTS, as_messages, get_template, render_prompt

if TYPE_CHECKING:
    from datasets import Dataset


def build_dataset(
    problems: Sequence[Problem], template: str, tokenizer: Any, prompt_tokens: int
) -> tuple[Dataset, list[str]]:
    """Return the data set that TRL's trainers take.

    The column "prompt" holds messages for templates of the form "tokenizer", which TRL renders with the tokenizer's
    chat template, and texts for all others.

    Args:
        problems: the questions.
        template: name of a prompt template.
        tokenizer: the model's, of transformers.
        prompt_tokens: longer prompts are left out.

    Returns:
        The data set, and the ids of the problems whose prompts are too long.

    Raises:
        UnknownNameError: no template has that name.
        ValueError: the tokenizer has no chat template, or adds tokens to a text that has the marks of turns already;
            or every prompt is too long.
    """
    from datasets import Dataset

    rows: list[dict[str, Any]] = []
    too_long: list[str] = []
    for problem in problems:
        prompt = _prompt(problem.question, template, tokenizer)
        if len(_encoded(prompt, tokenizer)) > prompt_tokens:
            too_long.append(problem.id)
        else:
            rows.append({"prompt": prompt, "answer": problem.answer, "problem_id": problem.id})
    if not rows:
        raise ValueError(f"every prompt has more than {prompt_tokens} tokens: raise sampling.prompt_tokens")
    _check_marks(rows[0]["prompt"], template, tokenizer)
    return Dataset.from_list(rows), too_long


def prompts_digest(dataset: Dataset, tokenizer: Any) -> str:
    """Return the SHA-256 of ids and prompts in order, as the model reads them, as hexadecimal digits.

    Args:
        dataset: of `build_dataset`.
        tokenizer: the model's.
    """
    ids, prompts = dataset["problem_id"], dataset["prompt"]
    rows = [[key, _rendered(prompt, tokenizer)] for key, prompt in zip(ids, prompts, strict=True)]
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()


def _rendered(prompt: str | list[dict[str, str]], tokenizer: Any) -> str:
    if isinstance(prompt, str):
        return prompt
    return tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False, **CHAT_ARGUMENTS)


def _prompt(question: str, template: str, tokenizer: Any) -> str | list[dict[str, str]]:
    if get_template(template).form != "tokenizer":
        return render_prompt(question, template)
    if not tokenizer.chat_template:
        raise ValueError(f"the model's tokenizer has no chat template, which the template {template!r} is: use another")
    return as_messages(question, template)


def _encoded(prompt: str | list[dict[str, str]], tokenizer: Any) -> list[int]:
    """Return a prompt's tokens as TRL makes them."""
    if isinstance(prompt, str):
        return tokenizer(text=prompt)["input_ids"]
    encoded = tokenizer.apply_chat_template(
        prompt, add_generation_prompt=True, tokenize=True, return_dict=True, **CHAT_ARGUMENTS
    )
    return encoded["input_ids"]


def _check_marks(prompt: str | list[dict[str, str]], template: str, tokenizer: Any) -> None:
    """Refuse a tokenizer that would put a second beginning before a text with turns."""
    if isinstance(prompt, str) and get_template(template).form == "chatml":
        bare = tokenizer(text=prompt, add_special_tokens=False)["input_ids"]
        if _encoded(prompt, tokenizer) != bare:
            raise ValueError(
                f"the tokenizer adds tokens to a prompt of the template {template!r}, which is whole: use the template "
                "'chat', or a tokenizer that adds none"
            )
