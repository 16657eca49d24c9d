"""Statistics of every optimiser step in the logs of any Hugging Face trainer, and in the log of a run folder."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Any, cast

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
except ModuleNotFoundError as error:
    raise ImportError(
        "training with transformers needs the language-model libraries: pip install 'maxpo-bench[llm]'"
    ) from error

from maxpo_bench.agents.adam_proxy import adam_variance_proxy
from maxpo_bench.llm.run_folder import RunFolder

if TYPE_CHECKING:
    from torch import nn
    from torch.distributed import ProcessGroup
    from torch.optim import Optimizer

_logger = logging.getLogger(__name__)

NAMES = {
    "reward_mean": "reward",
    "reward_max_at_k": "reward_max_at_k",
    "grad_norm": "grad_norm",
    "adam_variance_proxy": "adam_variance_proxy",
    "entropy": "entropy",
    "dead_groups": "dead_groups",
    "centring": "centring",
    "completion_length": "completions/mean_length",
    "loss": "loss",
    "reward_std": "reward_std",
    "advantage_rms": "advantage_rms",
    "skipped_groups": "skipped_groups",
    "unscorable": "unscorable",
    "kl": "kl",
    "clip_ratio": "clip_ratio/region_mean",
    "learning_rate": "learning_rate",
    "num_tokens": "num_tokens",
    "step_time": "step_time",
}
"""Names in a run folder's log, and the trainer's for the same."""
OF_ROLLOUTS = (
    "reward_mean",
    "reward_max_at_k",
    "dead_groups",
    "centring",
    "completion_length",
    "reward_std",
    "advantage_rms",
    "skipped_groups",
    "unscorable",
    "num_tokens",
)
"""Of these a trainer tells only when it draws rollouts; they hold for every step that uses them."""


class GradientStatistics(TrainerCallback):
    """Adds the Adam variance proxy to a trainer's logs, and keeps a run folder's log.

    The proxy (`maxpo_bench.agents.adam_proxy`) is taken of the optimizer's state after the step that is logged, over
    all processes where the state is sharded: DTensors (FSDP 2), flat shards (FSDP 1) or ZeRO's. What else a line of the
    run's log holds comes from the trainer's logs, see `NAMES`: `EstimatorGRPOTrainer` and TRL's GRPOTrainer give all
    of it, the second without what depends on an estimator; of another trainer the rest is null.

    With an optimizer that does not keep Adam's averages, or keeps them quantised, there is no proxy: training goes on,
    the logs have None, and one warning says so, when training begins wherever that can be told (`why_no_proxy`).

    Args:
        run: folder of the run. With it every step is logged, whatever `logging_steps` says, and `log.jsonl` gets one
            line for each, exactly once: training that goes on from a checkpoint first cuts off what came after it.
            Without it only the trainer's logs get the proxy.

    Raises:
        RunFolderError: when training begins, if the log lacks steps that the checkpoint has behind it.
    """

    def __init__(self, run: str | os.PathLike[str] | None = None) -> None:
        self.run = None if run is None else RunFolder(run)
        self._rollouts: dict[str, Any] = {}
        self._no_proxy = False

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        optimizer: Optimizer | None = None,
        **kwargs: Any,
    ) -> None:
        """Say where there will be no proxy, and cut the run's log off after the step that training goes on from."""
        self._no_proxy = False
        if optimizer is not None and (reason := why_no_proxy(optimizer)) is not None:
            self._go_without(reason, state)
        if self.run is not None and state.is_world_process_zero:
            self.run.path.mkdir(parents=True, exist_ok=True)
            self.run.cut_log(state.global_step)
            last = self.run.log()[-1:]
            self._rollouts = {name: value for line in last for name, value in line.items() if name in OF_ROLLOUTS}

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Have every step logged where there is a run."""
        control.should_log = control.should_log or self.run is not None

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        model: nn.Module | None = None,
        optimizer: Optimizer | None = None,
        **kwargs: Any,
    ) -> None:
        """Add the proxy to the logs of training, and a line to the run's log."""
        if logs is None or optimizer is None or "loss" not in logs:
            return
        proxy = None if self._no_proxy else self._proxy(model, optimizer, state)
        for place in (logs, cast(dict[str, Any], state.log_history[-1])):
            place["adam_variance_proxy"] = proxy
        if self.run is not None and state.is_world_process_zero:
            figures = {name: logs[theirs] for name, theirs in NAMES.items() if theirs in logs}
            if NAMES["reward_mean"] in logs:
                self._rollouts = {name: value for name, value in figures.items() if name in OF_ROLLOUTS}
            self.run.append({"step": state.global_step, **self._rollouts, **figures})

    def _proxy(self, model: nn.Module | None, optimizer: Optimizer, state: TrainerState) -> float | None:
        """Return the proxy; None, which is said once, where the optimizer's state turns out not to be Adam's."""
        inner, group = innermost(optimizer), shard_group(model, optimizer)
        try:
            proxy = adam_variance_proxy(inner, shard_group=group)
        except ValueError as error:
            if group is not None:  # another process may hold no state, and would wait for this one
                raise
            self._go_without(str(error), state)
            return None
        if proxy is None and any(inner.state.values()):
            self._go_without("it does not keep Adam's moving averages of every parameter", state)
        return proxy

    def _go_without(self, reason: str, state: TrainerState) -> None:
        self._no_proxy = True
        if state.is_world_process_zero:
            _logger.warning("there will be no adam_variance_proxy of this optimizer: %s", reason)


def why_no_proxy(optimizer: Optimizer) -> str | None:
    """Return why an optimizer that has not stepped yet will have no Adam variance proxy, None where it may have one.

    Args:
        optimizer: with its wrappers.
    """
    inner: Any = innermost(optimizer)
    kind, groups = type(inner), getattr(inner, "param_groups", [])
    library = kind.__module__.partition(".")[0]
    if library == "bitsandbytes" or (library == "torchao" and re.search("[48]bit|fp8", kind.__name__, re.IGNORECASE)):
        return f"the states of {library}'s {kind.__name__} are quantised or of a layout of their own"
    if any(group.get("amsgrad") for group in groups):
        return "the proxy is not defined for AMSGrad, whose steps use a maximum"
    if any("betas" not in group for group in groups):
        return f"{kind.__name__} does not keep Adam's moving averages"
    return None


def innermost(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer inside accelerate's and DeepSpeed's wrappers."""
    inner: Any = optimizer
    while hasattr(inner, "optimizer"):
        inner = inner.optimizer
    return inner


def shard_group(model: nn.Module | None, optimizer: Optimizer) -> ProcessGroup | None:
    """Return the processes that hold plain tensors as shards of the optimizer's state, None where each holds it whole.

    DTensors know themselves how they are sharded and need no group.

    Args:
        model: as the trainer has it, wrapped or not.
        optimizer: with its wrappers.
    """
    import torch

    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return None
    from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy

    if isinstance(model, FullyShardedDataParallel):
        return None if model.sharding_strategy == ShardingStrategy.NO_SHARD else model.process_group
    wrapper: Any = optimizer
    while hasattr(wrapper, "optimizer"):
        # each of DeepSpeed's ZeRO optimizers names the processes that it divides the state among
        if type(wrapper).__module__.startswith("deepspeed.") and hasattr(wrapper, "dp_process_group"):
            return wrapper.dp_process_group
        wrapper = wrapper.optimizer
    return None
