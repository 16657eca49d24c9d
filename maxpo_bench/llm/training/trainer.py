"""TRL's GRPOTrainer with the advantages of any estimator, the smallest way there is: TRL has no hook for them.

TRL computes advantages inside `_generate_and_score_completions`, from rewards that `_calculate_rewards` gathers over
all processes in the order of the groups. Here the second keeps the rewards, and the first has its result's advantages
replaced. For Entropy-Adv, `_compute_loss` reads `inputs["advantages"]` after it has called
`_get_per_token_logps_and_entropies`, and takes one per token too. Nothing else of TRL's loss is touched: ratio, clip,
KL, aggregation, gradient accumulation, LoRA, several processes, vLLM as a server (which needs CUDA, and is no part of
the tests) and in colocate mode on CUDA are its own; on the CPU, colocate mode hands over weights as `colocate` does.

TRL alone does not go on exactly from a checkpoint in the middle of a batch of rollouts, which it draws anew, nor in a
later epoch, whose questions it takes in the first one's order; both are restored here.
"""

from __future__ import annotations

import inspect
import logging
from collections import deque
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from maxpo_bench.estimators import Estimator
from maxpo_bench.llm.methods import Method, method_of
from maxpo_bench.llm.training.checkpoints import forget_state, last_complete_checkpoint, load_rollouts, save_rollouts
from maxpo_bench.llm.training.colocate import weights_for_cpu
from maxpo_bench.llm.training.group_advantages import group_statistics, masked_advantages, total_rewards
from maxpo_bench.llm.training.settings import check_settings
from maxpo_bench.llm.training.statistics_callback import GradientStatistics
from maxpo_bench.llm.training.supported_trl import GRPOConfig, GRPOTrainer

_logger = logging.getLogger(__name__)


class EstimatorGRPOTrainer(GRPOTrainer):
    """GRPOTrainer of TRL 1.16 whose advantages are an estimator's, for max@K or any other objective.

    The loss is the paper's Eq 13 with `loss_type="grpo"` (mean over tokens, then over completions), or with Dr. GRPO's
    aggregation with "dr_grpo". Advantages enter it as the estimator gives them, without the factor K/n.

    Rewards are summed with `reward_weights` and gathered over processes. A completion that every reward function
    returned None for is unscorable: the estimator sees the others of its group as a smaller group, and its own
    advantage is 0, see `group_advantages`. As in TRL, its tokens stay in the KL and entropy terms, which need no
    reward, and in the loss's mean, so that each scorable completion weighs as much as in a full group.

    In evaluation, groups have `num_generations_eval` completions; where these are too few for K, advantages are 0.

    Beside TRL's metrics it logs those of `group_statistics`. The table of completions shows these advantages, per
    completion also where Entropy-Adv shapes them per token.

    Checkpoints hold the rollouts in use and the place in them, so that training goes on from any step as if it had
    never stopped; on one machine bitwise, without vLLM. `train(resume_from_checkpoint=True)` takes the last complete
    one in `output_dir`, whenever the processes were killed.

    Args:
        *args: GRPOTrainer's.
        method: estimator and what is added per token, see `maxpo_bench.llm.methods.get_method`.
        estimator: in place of a method.
        **kwargs: GRPOTrainer's; `args` is required, with `scale_rewards="none"`.

    Raises:
        TypeError: not exactly one of ``method`` and ``estimator``, or no `args`.
        ValueError: `num_generations` too small for K, or a setting that `check_settings` refuses.
        ImportError: when the module is imported, if TRL is not 1.16.

    Example:
        >>> trainer = EstimatorGRPOTrainer(
        ...     model="Qwen/Qwen2.5-0.5B",
        ...     reward_funcs=math_reward,
        ...     args=GRPOConfig(num_generations=8, loss_type="grpo", scale_rewards="none"),
        ...     train_dataset=dataset,
        ...     method=get_method("maxpo", k=4),
        ...     callbacks=[GradientStatistics("runs/maxpo")],
        ... )
    """

    def __init__(
        self, *args: Any, method: Method | None = None, estimator: Estimator | None = None, **kwargs: Any
    ) -> None:
        self.method = _one_method(method, estimator)
        config = inspect.signature(GRPOTrainer.__init__).bind(self, *args, **kwargs).arguments.get("args")
        if not isinstance(config, GRPOConfig):
            raise TypeError("args is missing: pass GRPOConfig(scale_rewards='none', ...), TRL's default divides")
        check_settings(self.method, config)
        self._gathered_rewards: Tensor | None = None
        self._unshaped_inputs: dict[str, Any] | None = None
        self._train_sampler: Any = None
        with weights_for_cpu(config):
            super().__init__(*args, **kwargs)
        # logs are passed from callback to callback: the proxy is to be in them before anything reports them
        self.callback_handler.callbacks.sort(key=lambda callback: not isinstance(callback, GradientStatistics))

    def group_advantages(self, rewards: Tensor) -> Tensor:
        """Return the advantages of all processes' groups, `[G, n]`.

        Args:
            rewards: `[G, n]`, weighted sums, NaN where a completion is unscorable; the same in every process.
        """
        return masked_advantages(self.method.estimator, rewards)

    @property
    def _mode(self) -> str:
        return "train" if cast(torch.nn.Module, self.model).training else "eval"

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Tensor:
        """Keep the rewards, `[B, F]` of all processes in the order of the groups."""
        rewards = super()._calculate_rewards(*args, **kwargs)
        self._gathered_rewards = rewards
        return rewards

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Replace TRL's advantages; the completions are shuffled after this, and groups are no longer together."""
        output = super()._generate_and_score_completions(inputs)
        gathered, self._gathered_rewards = self._gathered_rewards, None
        theirs = output["advantages"]
        if gathered is None or theirs.shape != (len(inputs),):
            raise RuntimeError("this GRPOTrainer computes advantages in another way than TRL 1.16: install that")
        size = self.num_generations if self._mode == "train" else self.num_generations_eval
        rewards = total_rewards(gathered, self.reward_weights).view(-1, int(size or 1))
        advantages = self.group_advantages(rewards)
        first = self.accelerator.process_index * len(inputs)
        output["advantages"] = advantages.flatten()[first : first + len(inputs)].to(theirs.dtype)
        self._report(rewards, advantages)
        return output

    def _report(self, rewards: Tensor, advantages: Tensor) -> None:
        """Log the groups' statistics, and put the advantages into the table of completions.

        TRL logs the mean over the batches since the last log, and leaves out those of which a figure is NaN.
        """
        metrics = self._metrics[self._mode]
        for name, value in group_statistics(self.method.estimator, rewards, advantages).items():
            metrics[name].append(value)
        table: deque[float] = self._logs["advantages"]
        for _ in range(min(len(table), advantages.numel())):
            table.pop()
        table.extend(advantages.flatten().tolist())

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """Let the loss have a copy of its inputs, in which advantages per token may replace those per completion."""
        if self.method.shaping is None:
            return super()._compute_loss(model, inputs)
        self._unshaped_inputs = dict(inputs)
        try:
            return super()._compute_loss(model, self._unshaped_inputs)
        finally:
            self._unshaped_inputs = None

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        """Shape the advantages of the loss that is being computed by the entropies of its tokens."""
        logps, entropies, aux_loss = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        inputs = self._unshaped_inputs
        if inputs is not None and self.method.shaping is not None:
            mask = inputs["completion_mask"] * inputs.get("tool_mask", 1)
            # rounding can bring the entropy of a certain token below 0
            entropy = entropies.detach().clamp(min=0)
            inputs["advantages"] = self.method.shaping(inputs["advantages"], entropy, mask)
        return logps, entropies, aux_loss

    def train(self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any) -> Any:
        """Train as `transformers.Trainer.train` does.

        Args:
            resume_from_checkpoint: folder of a checkpoint, or True for the last complete one in `output_dir`.
            *args: as there.
            **kwargs: as there.

        Raises:
            ValueError: there is no complete checkpoint, or it was written by another number of processes.
        """
        if resume_from_checkpoint is True:
            found = last_complete_checkpoint(str(self.args.output_dir))
            if found is None:
                raise ValueError(f"{self.args.output_dir} has no complete checkpoint: train without resuming")
            resume_from_checkpoint = str(found)
        return super().train(resume_from_checkpoint, *args, **kwargs)

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        self._train_sampler = super()._get_train_sampler(*args, **kwargs)
        return self._train_sampler

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Leave the checkpoint incomplete until all of it is written."""
        if self.args.should_save:
            forget_state(Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}")
        self.accelerator.wait_for_everyone()
        super()._save_checkpoint(model, trial)

    def _save_rng_state(self, output_dir: str) -> None:
        """Write this process's rollouts, too, and wait for the others': the state of the trainer comes next."""
        super()._save_rng_state(output_dir)
        save_rollouts(output_dir, self.accelerator.process_index, self._rollouts_in_use())
        self.accelerator.wait_for_everyone()

    def _rollouts_in_use(self) -> dict[str, Any]:
        state: dict[str, Any] = {"processes": self.accelerator.num_processes, "step": self._step, "buffer": None}
        if self._step % (int(cast(GRPOConfig, self.args).steps_per_generation or 1) * self.num_iterations):
            table = {name: list(self._logs[name]) for name in ("prompt", "completion", "advantages")}
            columns = {part: {name: list(self._logs[part][name]) for name in self._logs[part]} for part in _COLUMNS}
            state |= {"buffer": self._buffered_inputs, "table": table, "columns": columns}
        return state

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Restore the rollouts in use, and the order of the epoch's questions."""
        from accelerate.utils import send_to_device

        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        state = load_rollouts(checkpoint, self.accelerator.process_index, self.accelerator.num_processes)
        self._skip_epochs(int(self.state.epoch or 0))
        if state is None:
            _logger.warning("%s is another trainer's: rollouts are drawn anew, at once", checkpoint)
            return
        self._step = state["step"]
        self._buffered_inputs = send_to_device(state["buffer"], self.accelerator.device)
        for name, values in state.get("table", {}).items():
            self._logs[name].extend(values)
        for part, columns in state.get("columns", {}).items():
            for name, values in columns.items():
                self._logs[part][name].extend(values)

    def _skip_epochs(self, epochs: int) -> None:
        """Draw the permutations of the epochs that are over, which a new sampler would otherwise draw again."""
        generator = getattr(self._train_sampler, "generator", None)
        for _ in range(epochs if generator is not None else 0):
            torch.randperm(self._train_sampler.num_samples, generator=generator)


_COLUMNS = ("rewards", "extra")


def _one_method(method: Method | None, estimator: Estimator | None) -> Method:
    if method is not None and estimator is None:
        if not isinstance(method, Method):
            raise TypeError(f"method must be a Method, got {method!r}: use get_method(name, k)")
        return method
    if estimator is not None and method is None:
        if not isinstance(estimator, Estimator):
            raise TypeError(f"estimator must be an Estimator, got {estimator!r}: use get_estimator(name, k)")
        return method_of(estimator)
    raise TypeError("pass method=get_method(name, k) or estimator=get_estimator(name, k), and not both")
