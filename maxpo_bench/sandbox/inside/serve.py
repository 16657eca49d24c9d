"""Questions answered by the submission, one after the other. Imports NumPy and torch: load it behind the lock."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from maxpo_bench.sandbox.frames import DTYPES, INPUT_CHANGED, ROW_INSTANCES, Header, Kind
from maxpo_bench.sandbox.inside.channel import Channel
from maxpo_bench.sandbox.inside.submission import Functions, describe, line_of, ran_out_of_memory

_TORCH_TYPES = {getattr(torch, name): code for code, name in enumerate(DTYPES)}


class NoAnswer(Exception):
    """What the submission returned is not an answer; the text says what it is."""


def _checked(result: Any, shape: tuple[int, ...]) -> torch.Tensor:
    if not isinstance(result, torch.Tensor):
        raise NoAnswer(f"returned {type(result).__name__}, expected a torch.Tensor")
    if tuple(result.shape) != shape:
        raise NoAnswer(
            f"returned shape {list(result.shape)} for rewards of shape {list(shape)}; "
            "one advantage per reward is expected"
        )
    if result.dtype not in _TORCH_TYPES:
        raise NoAnswer(f"returned {result.dtype}, expected the rewards' floating dtype")
    if result.layout != torch.strided or result.device.type != "cpu":
        raise NoAnswer(f"returned a {result.layout} tensor on {result.device}, expected a dense one on the CPU")
    return result.detach()


def _rows(functions: Functions, rewards: torch.Tensor, header: Header) -> torch.Tensor:
    """Ask each row as a group of its own, from an instance of its own."""
    answers = [
        _checked(functions.ask(header.extra + row, rewards[row : row + 1], header.k), (1, header.n))
        for row in range(header.groups)
    ]
    if not answers:
        return torch.empty_like(rewards)
    dtypes = {answer.dtype for answer in answers}
    if len(dtypes) > 1:
        raise NoAnswer(f"returned {' and '.join(sorted(map(str, dtypes)))} for rewards of one dtype")
    return torch.cat(answers)


def _answer(functions: Functions, header: Header, given: np.ndarray) -> tuple[Header, np.ndarray]:
    if DTYPES[header.dtype] == "float32":
        given = given.astype(np.float32)
    lent = given.copy()
    rewards = torch.from_numpy(lent)
    if header.flags & ROW_INSTANCES:
        result = _rows(functions, rewards, header)
    else:
        result = _checked(functions.ask(header.extra, rewards, header.k), (header.groups, header.n))
    code = _TORCH_TYPES[result.dtype]
    changed = INPUT_CHANGED if lent.tobytes() != given.tobytes() else 0
    values = np.ascontiguousarray(result.to(torch.float64).numpy())
    reply = Header(
        Kind.VALUES, header.number, values.nbytes, dtype=code, flags=changed, groups=header.groups, n=header.n
    )
    return reply, values


def _send_error(channel: Channel, number: int, error: BaseException, filename: str) -> None:
    if isinstance(error, NoAnswer):
        channel.send_text(Kind.BAD_ANSWER, number, str(error))
    elif ran_out_of_memory(error):
        channel.send_text(Kind.OUT_OF_MEMORY, number, describe(error), line=line_of(error, filename))
    else:
        channel.send_text(Kind.CALL_ERROR, number, describe(error), line=line_of(error, filename))


def serve(channel: Channel, functions: Functions, filename: str) -> None:
    """Answer calls until the requests end, which ends the process."""
    while True:
        header = channel.header()
        given = np.empty((header.groups, header.n))
        channel.read_into(given.data.cast("B") if given.size else memoryview(b""))
        try:
            reply, values = _answer(functions, header, given)
        except BaseException as error:
            _send_error(channel, header.number, error, filename)
        else:
            channel.send(reply, values.data.cast("B") if values.size else b"")
