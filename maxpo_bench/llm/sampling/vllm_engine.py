"""Sampling with vLLM, on CUDA or by its build for the CPU, each sample by a generator of its own.

The engine runs in this process: then requests are scheduled in the same way each time, and on the CPU a call gives the
same completions bit by bit. On CUDA the kernels' results depend on what is batched together, unless vLLM's own
VLLM_BATCH_INVARIANT=1 is set. vLLM seeds the global generators of Python, NumPy and torch when it starts.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any

from maxpo_bench.llm.sampling.settings import Completion, Request

_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
}
"""What is set where the user has set nothing else; the last is in GiB."""
_MOST_ON_CPU = 512
_TOKENS_PER_STEP = 8192


class VllmEngine:
    """A model in vLLM.

    Args:
        model: folder or hub name.
        dtype: "float32", "bfloat16" or "float16".
        max_length: tokens of the longest prompt with its completion.
        batch_size: requests that one call brings at most, more or less.
        stop_ids: the model's end-of-sequence tokens.
    """

    def __init__(self, model: str, *, dtype: str, max_length: int, batch_size: int, stop_ids: Sequence[int]) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        self._vllm: Any = importlib.import_module("vllm")
        is_cpu = importlib.import_module("vllm.platforms").current_platform.is_cpu()
        options: dict[str, Any] = {}
        if is_cpu:
            # a prompt read in parts sets its seeded generator back by an offset, which the CPU's generators lack
            options = {"enable_chunked_prefill": False, "max_num_batched_tokens": max(max_length, _TOKENS_PER_STEP)}
            options["max_num_seqs"] = min(batch_size, _MOST_ON_CPU)
        self._llm = self._vllm.LLM(
            model,
            dtype=dtype,
            max_model_len=max_length,
            enforce_eager=is_cpu,
            generation_config="vllm",  # nothing of the model's own, such as a repetition penalty
            disable_log_stats=True,
            **options,
        )
        self._stop_ids = list(stop_ids)

    def generate(self, requests: Sequence[Request], *, temperature: float, top_p: float) -> list[Completion]:
        """Draw one completion per request, in their order.

        Raises:
            RuntimeError: vLLM ended a completion for another reason than its end or its length.
        """
        # what earlier calls left in the cache would change what is computed together, and with it the rounding
        self._llm.reset_prefix_cache()
        prompts = [self._vllm.TokensPrompt(prompt_token_ids=list(request.prompt)) for request in requests]
        parameters = [
            self._vllm.SamplingParams(
                temperature=temperature,
                top_p=top_p,
                max_tokens=request.max_new_tokens,
                seed=request.seed,
                stop_token_ids=self._stop_ids,
                logprobs=0,
                detokenize=False,
            )
            for request in requests
        ]
        found = self._llm.generate(prompts, parameters, use_tqdm=False)
        return [_completion(each.outputs[0]) for each in found]


def _completion(output: Any) -> Completion:
    if output.finish_reason not in ("stop", "length"):
        raise RuntimeError(f"vLLM ended a completion with {output.finish_reason!r}: the samples are not usable")
    tokens = tuple(output.token_ids)
    logprobs = tuple(place[token].logprob for token, place in zip(tokens, output.logprobs, strict=True))
    return Completion(tokens, logprobs, output.finish_reason)
