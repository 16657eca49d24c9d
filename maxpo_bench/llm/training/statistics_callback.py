"""Statistics of every optimiser step in the logs of any Hugging Face trainer, and in the log of a run folder."""

from __future__ import annotations

import os
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

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Cut the run's log off after the step that training goes on from."""
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
        proxy = adam_variance_proxy(innermost(optimizer), shard_group=shard_group(model, optimizer))
        for place in (logs, cast(dict[str, Any], state.log_history[-1])):
            place["adam_variance_proxy"] = proxy
        if self.run is not None and state.is_world_process_zero:
            figures = {name: logs[theirs] for name, theirs in NAMES.items() if theirs in logs}
            if NAMES["reward_mean"] in logs:
                self._rollouts = {name: value for name, value in figures.items() if name in OF_ROLLOUTS}
            self.run.append({"step": state.global_step, **self._rollouts, **figures})


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
