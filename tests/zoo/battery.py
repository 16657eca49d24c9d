"""Many hostile submissions in one locked process: each is imported and called there, and what it met is sent back.

A worker takes two seconds to import torch, and the zoo is large. What ends, blocks or confuses its process is alone in
one; the others share one, and their errors are worded as if each had been alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from zoo_table import Animal

from maxpo_bench.sandbox import Limits, Worker
from maxpo_bench.sandbox.frames import Header, Kind
from maxpo_bench.sandbox.outcome import from_reply

MOST_BYTES = 200_000
WENT_THROUGH = "went through"

_KEEPER = '''
import json
import traceback

import torch


def _meet(name, source):
    filename, stage = name + ".py", "import"
    space = {"__name__": "submission", "__file__": filename}
    try:
        exec(compile(source, filename, "exec", dont_inherit=True), space)
        stage = "call"
        space["advantages"](torch.tensor([[0.5, -1.0, 2.0, 0.0]], dtype=torch.float64), 2)
    except BaseException as error:
        try:
            text = str(error)
        except BaseException as inner:
            text = f"(its text raises {type(inner).__name__})"
        frames = traceback.walk_tb(error.__traceback__)
        lines = [line for frame, line in frames if frame.f_code.co_filename == filename]
        memory = isinstance(error, MemoryError)
        return [stage, memory, type(error).__name__, text[:2000], lines[-1] if lines else 0]
    return None


OUTCOMES = {name: _meet(name, source) for name, source in SOURCES.items()}


def advantages(rewards, k):
    """The outcomes as JSON, one byte to a reward."""
    data = json.dumps(OUTCOMES).encode()
    return torch.tensor([*data, *bytes(rewards.numel() - len(data))], dtype=torch.float64).reshape(rewards.shape)
'''


def meet(animals: Sequence[Animal], words: dict[str, str], limits: Limits | None = None) -> dict[str, tuple[str, str]]:
    """Run submissions one after the other in one strict worker.

    Args:
        animals: single files, none of which has to be alone.
        words: what the words between `@` signs in them stand for.
        limits: of the worker.

    Returns:
        For each name the class of the error that it met and the message; (`WENT_THROUGH`, "") where it met none.
    """
    limits = limits or Limits()
    sources = {animal.name: _filled(animal, words) for animal in animals}
    with Worker(f"SOURCES = {sources!r}\n{_KEEPER}".encode(), level="strict", limits=limits) as worker:
        answer = worker.call(np.zeros((1, MOST_BYTES)), 1)
    outcomes = json.loads(bytes(answer.values.astype(np.uint8).ravel()).rstrip(b"\0"))
    return {name: _worded(name, outcome, limits) for name, outcome in outcomes.items()}


def _filled(animal: Animal, words: dict[str, str]) -> str:
    text = animal.path.read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def _worded(name: str, outcome: list | None, limits: Limits) -> tuple[str, str]:
    if outcome is None:
        return WENT_THROUGH, ""
    stage, memory, kind, text, line = outcome
    reply = Kind.OUT_OF_MEMORY if memory else Kind.LOAD_ERROR if stage == "import" else Kind.CALL_ERROR
    data = bytearray(f"{kind}\0{text}".encode())
    error = from_reply(Header(reply, 0, len(data), extra=line), data, f"{name}.py", limits)
    return type(error).__name__, str(error)
