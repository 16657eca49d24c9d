"""Seconds per step of fine-tuning one model on one batch: TRL's trainer, ours on top of it, and our own loop."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import GRPOConfig, GRPOTrainer

from maxpo_bench.envs.tasks import make_task
from maxpo_bench.llm.methods import get_method
from maxpo_bench.llm.task_reward import task_reward
from maxpo_bench.llm.tiny.run import TinyRun
from maxpo_bench.llm.tiny.training import make_tiny_agent
from maxpo_bench.llm.training import EstimatorGRPOTrainer, GradientStatistics
from maxpo_bench.seeding import derive_seed

PLAIN, OURS, SHAPED, LOGGED, TINY = "TRL", "ours", "ours, Entropy-Adv", "ours, with statistics", "tiny default"
WORDS = {
    PLAIN: "trl.GRPOTrainer, loss_type grpo, scale_rewards none, reward and table of completions as they are",
    OURS: "EstimatorGRPOTrainer with maxpo, K = 4, else the same",
    SHAPED: "EstimatorGRPOTrainer with entropy_adv, else the same",
    LOGGED: "EstimatorGRPOTrainer with maxpo and GradientStatistics, which writes a run's log",
    TINY: "the group agent of `maxpo-bench llm train`, same model, questions per step, group size, tokens",
}
ALMOST_ZERO = 1e-12
"""Learning rate: the model stays what it is, and every contestant's completions as long as the others'."""


@dataclass
class Steps:
    """What was measured of one contestant.

    Args:
        rounds: seconds of each step, a list for every round.
        hook: seconds of each step that the replaced methods take beyond TRL's own; empty for others.
        lengths: mean tokens of a completion, in each round.
    """

    rounds: list[list[float]] = field(default_factory=list)
    hook: list[list[float]] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)


class StepClock(TrainerCallback):
    """Times from the end of one step to that of the next, whatever lies between."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.hooks: list[float] = []
        self.trainer: Any = None

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Keep the time, and what the trainer's own methods have taken so far."""
        self.ends.append(time.perf_counter())
        self.hooks.append(getattr(self.trainer, "hook", 0.0))


class HookClock(EstimatorGRPOTrainer):
    """Adds up what its methods take beyond those of TRL that they call, see `their_times`."""

    hook = 0.0
    theirs = 0.0

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        self.hook, result = self._beyond(super()._generate_and_score_completions, inputs)
        return result

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        self.hook, result = self._beyond(super()._compute_loss, model, inputs)
        return result

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        # called by the two methods of TRL, whose time it is a part of
        before, outer = self.hook, self.theirs
        after, result = self._beyond(super()._get_per_token_logps_and_entropies, *args, **kwargs)
        self.theirs = outer - (after - before)
        return result

    def _beyond(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[float, Any]:
        started, before = time.perf_counter(), self.theirs
        result = call(*args, **kwargs)
        return self.hook + time.perf_counter() - started - (self.theirs - before), result


@contextlib.contextmanager
def their_times() -> Iterator[None]:
    """Have TRL's own methods add up in `theirs` how long they take, in every trainer alike."""
    names = ("_generate_and_score_completions", "_compute_loss", "_get_per_token_logps_and_entropies")
    originals = {name: getattr(GRPOTrainer, name) for name in names}

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            result = original(self, *args, **kwargs)
            self.theirs = getattr(self, "theirs", 0.0) + time.perf_counter() - started
            return result

        return timed

    for name, original in originals.items():
        setattr(GRPOTrainer, name, wrap(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(GRPOTrainer, name, original)


class Measurement:
    """All contestants on one base model.

    Args:
        base: folder of the model.
        groups: questions per step.
        group_size: completions of each.
        seed: root of the random streams.
        folder: for what trainers write.
    """

    def __init__(self, base: Path, groups: int, group_size: int, seed: int, folder: Path) -> None:
        self.base, self.groups, self.group_size, self.seed, self.folder = base, groups, group_size, seed, folder
        task = make_task("countdown", "train")
        problems = [task.problem(index) for index in range(4 * groups)]
        self.reward = task_reward(task, problems)
        rows = [{"prompt": problem.question, "problem_id": problem.id} for problem in problems]
        self.questions = Dataset.from_list(rows)
        self.agent = make_tiny_agent(self._tiny(), base)
        self.found = {name: Steps() for name in WORDS}

    def run(self, rounds: int, steps: int) -> dict[str, Steps]:
        """Measure every contestant once in each round, in an order drawn anew; the first step of each is left out."""
        rng = np.random.default_rng(derive_seed(self.seed, "order"))
        gc.freeze()  # accelerate collects garbage before every training, and what is imported is none
        with their_times():
            for round_ in range(-1, rounds):  # before the first round one that is not counted, to load and compile
                for name in (list(WORDS)[place] for place in rng.permutation(len(WORDS))):
                    gc.collect()
                    seconds, hook, length = self._measure(name, steps, round_)
                    if round_ >= 0:
                        self.found[name].rounds.append(seconds)
                        self.found[name].hook.append(hook)
                        self.found[name].lengths.append(length)
        gc.unfreeze()
        return self.found

    def _measure(self, name: str, steps: int, round_: int) -> tuple[list[float], list[float], float]:
        if name == TINY:
            return self._tiny_steps(steps)
        clock = StepClock()
        trainer = self._trainer(name, steps, clock, round_)
        clock.trainer = trainer
        set_seed(derive_seed(self.seed, "round", round_) % 2**32)  # the same completions for all trainers
        trainer.train()
        lengths = [entry["completions/mean_length"] for entry in trainer.state.log_history if "loss" in entry]
        hook = np.diff(clock.hooks).tolist() if isinstance(trainer, HookClock) else []
        return np.diff(clock.ends).tolist(), hook, float(np.mean(lengths[1:]))

    def _tiny_steps(self, steps: int) -> tuple[list[float], list[float], float]:
        ends = []
        for _ in range(steps + 1):
            self.agent.learn(iterations=1, reset_num_timesteps=False, log_interval=0)
            ends.append(time.perf_counter())
        return np.diff(ends).tolist(), [], float(self.agent.iteration_log[-1]["completion_length"])

    def _trainer(self, name: str, steps: int, clock: StepClock, round_: int) -> GRPOTrainer:
        method = get_method("entropy_adv" if name == SHAPED else "maxpo", 4)
        out = self.folder / name.replace(", ", "-").replace(" ", "-")
        callbacks: list[Any] = [clock]
        if name == LOGGED:
            callbacks.append(GradientStatistics(out / f"run-{round_}"))
        given = {"model": str(self.base), "reward_funcs": self.reward, "args": self._config(out, steps)}
        given |= {"train_dataset": self.questions, "callbacks": callbacks}
        trainer = GRPOTrainer(**given) if name == PLAIN else HookClock(**given, method=method)
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _config(self, out: Path, steps: int) -> GRPOConfig:
        return GRPOConfig(
            str(out),
            per_device_train_batch_size=self.groups * self.group_size,
            num_generations=self.group_size,
            max_completion_length=8,
            learning_rate=ALMOST_ZERO,
            lr_scheduler_type="constant",
            max_steps=steps + 1,
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            logging_steps=1,
            report_to="none",
            loss_type="grpo",
            scale_rewards="none",
            save_strategy="no",
            disable_tqdm=True,
        )

    def _tiny(self) -> TinyRun:
        return TinyRun(
            groups_per_step=self.groups,
            group_size=self.group_size,
            learning_rate=ALMOST_ZERO,
            seed=derive_seed(self.seed, "tiny"),
        )


def share_of_hook(steps: Steps) -> list[float]:
    """Return the hook's share of the step in each round: median over median."""
    return [
        float(np.median(hook) / np.median(seconds))
        for hook, seconds in zip(steps.hook, steps.rounds, strict=True)
        if hook
    ]


def ratios(one: Steps, other: Steps) -> list[float]:
    """Return the ratio of the seconds of a step in each round: the median over steps, which are of one batch each."""
    return [float(np.median(np.divide(a, b))) for a, b in zip(one.rounds, other.rounds, strict=True)]
