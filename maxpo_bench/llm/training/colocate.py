"""vLLM in TRL's colocate mode on the CPU: TRL hands weights over one by one, which vLLM's CPU build does not take.

There vLLM packs the weights of linear layers anew when a model is loaded, so that they must be given all at once, to
`reload_weights`, which packs them again. Tied weights must be among them under every name: without `lm_head.weight`,
log-probabilities are silently wrong. They are therefore compared with the model's own after the first hand-overs.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from trl.trainer.grpo_config import GRPOConfig

_logger = logging.getLogger(__name__)
PROBE_TOKENS = 16
COMPARISONS = 2
"""The first hand-over gives vLLM what it has read from the disk itself; only the second shows what is left out."""
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 0.2, torch.float16: 0.05}
"""Largest difference of a token's log-probability, in nats, by the model's precision."""


@contextmanager
def weights_for_cpu(args: GRPOConfig) -> Iterator[None]:
    """Give a trainer that is made in this block the CPU's way of handing weights to vLLM, if it needs it.

    It does in colocate mode where vLLM runs on the CPU. Server mode and vLLM on other devices are left alone.

    Args:
        args: the trainer's configuration.

    Raises:
        ImportError: vLLM is asked for and not installed.
    """
    if args.use_vllm and importlib.util.find_spec("vllm") is None:
        raise ImportError("use_vllm=True needs vLLM: pip install 'maxpo-bench[vllm]', or set use_vllm=False")
    if not (args.use_vllm and args.vllm_mode == "colocate" and _vllm_runs_on_cpu()):
        yield
        return
    module: Any = importlib.import_module("trl.trainer.grpo_trainer")
    original = module.VLLMGeneration
    module.VLLMGeneration = _cpu_generation(original)
    try:
        yield
    finally:
        module.VLLMGeneration = original


def payload(generation: Any) -> dict[str, Tensor]:
    """Return all weights under the names that vLLM reads them by, tied ones under each of their names.

    Args:
        generation: TRL's VLLMGeneration, which knows how to gather parameters and merge adapters.
    """
    model = generation.model
    # adapters are merged in place while the parameters are walked, and taken out again after the last one
    merges = hasattr(model, "merge_adapter")
    weights = {
        name: value.detach().clone() if merges else value.detach() for name, value in generation._iter_named_params()
    }
    first: dict[int, str] = {}
    for raw, parameter in model.named_parameters(remove_duplicate=False):
        name = generation._fix_param_name_to_vllm(
            raw.removeprefix("base_model.model.").replace(".base_layer", ""), ["modules_to_save.default."]
        )
        original = first.setdefault(id(parameter), name)
        if original in weights and name not in weights:
            weights[name] = weights[original]
    return weights


def largest_difference(llm: Any, model: torch.nn.Module, tokens: list[int]) -> float:
    """Return the largest difference of the two models' log-probabilities of a text's tokens, in nats.

    Args:
        llm: vLLM's `LLM`.
        model: the model that is trained.
        tokens: ids; the first has no log-probability.
    """
    from vllm import SamplingParams  # pyright: ignore[reportMissingImports]

    sampling = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0)
    [output] = llm.generate([{"prompt_token_ids": tokens}], sampling_params=sampling, use_tqdm=False)
    found = [place[token].logprob for token, place in zip(tokens[1:], output.prompt_logprobs[1:], strict=True)]
    device = next(model.parameters()).device
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([tokens], device=device)).logits[0, :-1].double().cpu()
    expected = logits.log_softmax(-1).gather(1, torch.tensor(tokens[1:]).unsqueeze(1)).squeeze(1)
    return float((torch.tensor(found, dtype=torch.float64) - expected).abs().max())


def _vllm_runs_on_cpu() -> bool:
    from vllm.platforms import current_platform  # pyright: ignore[reportMissingImports]

    return bool(current_platform.is_cpu())


def _cpu_generation(original: type) -> type:
    """Return TRL's class with another `sync_weights`, and with vLLM in the model's own precision."""

    class CPUGeneration(original):
        comparisons = 0

        def _init_vllm(self) -> None:
            module: Any = importlib.import_module("trl.generation.vllm_generation")
            llm = module.LLM
            # left to itself, vLLM takes bfloat16 for a model in float32
            module.LLM = partial(llm, dtype=str(self.model.dtype).removeprefix("torch."), enforce_eager=True)
            try:
                super()._init_vllm()
            finally:
                module.LLM = llm

        def sync_weights(self) -> None:
            worker = self.llm.llm_engine.model_executor.driver_worker
            worker.model_runner.reload_weights(weights_iterator=iter(payload(self).items()))
            self.llm.reset_prefix_cache()
            if self.comparisons < COMPARISONS:
                self.comparisons += 1
                self._compare()

        def _compare(self) -> None:
            vocabulary = int(self.model.config.get_text_config().vocab_size)
            longest = int(self.llm.llm_engine.model_config.max_model_len)
            draw = torch.Generator().manual_seed(0)
            count = min(PROBE_TOKENS, longest - 1)
            tokens = torch.randint(vocabulary, (count,), generator=draw).tolist()
            was_training = self.model.training
            self.model.eval()
            try:
                difference = largest_difference(self.llm, self.model, tokens)
            finally:
                self.model.train(was_training)
            allowed = TOLERANCES.get(self.model.dtype, max(TOLERANCES.values()))
            if not difference <= allowed:
                raise RuntimeError(
                    f"after the weights were handed over, log-probabilities of vLLM and of the model differ by "
                    f"{difference:.3g} nats, {allowed:g} is allowed: vLLM does not have this model's weights; train "
                    "without use_vllm"
                )
            _logger.info("log-probabilities of vLLM and of the model differ by at most %.2g nats", difference)

    return CPUGeneration
