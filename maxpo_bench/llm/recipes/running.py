"""Carrying a recipe out: TRL trains, a run folder holds the result, and the same call goes on after a kill."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.llm.methods import get_method
from maxpo_bench.llm.recipes.missing import Missing, missing_machine
from maxpo_bench.llm.recipes.models import model_label, require_model
from maxpo_bench.llm.recipes.planning import Plan, as_json, as_recipe, plan
from maxpo_bench.llm.recipes.prompts_data import build_dataset, prompts_digest
from maxpo_bench.llm.recipes.publishing import publish_model
from maxpo_bench.llm.recipes.questions import Questions, load_questions
from maxpo_bench.llm.recipes.schema import TINY, Recipe
from maxpo_bench.llm.recipes.settings import make_config
from maxpo_bench.llm.run_folder import RunFolder, RunFolderError, RunInfo

if TYPE_CHECKING:
    from maxpo_bench.llm.training import EstimatorGRPOTrainer

RUNS = Path("runs/llm")
Progress = Callable[[int, int], None]


class MissingError(OSError):
    """What a recipe needs is not there; the message lists it with the ways to get it.

    Attributes:
        missing: what it is.
    """

    def __init__(self, recipe: str, missing: Sequence[Missing]) -> None:
        lines = "\n".join(f"  {entry}" for entry in missing)
        super().__init__(f"{recipe} cannot run here:\n{lines}")
        self.missing = tuple(missing)


def run_path(recipe: Recipe) -> Path:
    """Return the folder that a recipe's run has by default: runs/llm/MODEL/METHOD-kK-seedS.

    K is left out for methods that do not use it. The tiny model's ends in "-trl", beside the runs of the own loop.
    """
    from maxpo_bench.estimators import ESTIMATORS

    method = recipe.method
    k = f"-k{method.k}" if method.name in ESTIMATORS and ESTIMATORS.get(method.name).uses_k else ""
    engine = "-trl" if recipe.model.name == TINY else ""
    return RUNS / model_label(recipe) / f"{method.name}{k}-seed{recipe.training.seed}{engine}"


def run(
    recipe: Recipe | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    settings: Sequence[str] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Carry a recipe out, or what is left of it.

    Started by ``accelerate launch`` it runs in each of the processes, and the first one writes.

    Args:
        recipe: a recipe, or its name or file.
        out: the run's folder; None for `run_path`.
        settings: changes of the recipe, as for `load_recipe`.
        progress: told (steps done, steps in all).

    Returns:
        The final figures, as RUN/summary.json holds them; in processes but the first an empty dictionary.

    Raises:
        MissingError: packages or devices are missing.
        MissingModelError: the model is not there.
        MissingDataError: the data set is not there.
        RunFolderError: the folder holds another run, another process writes to it, or training ended without the
            checkpoint of its last step, which the model is taken from: then there is no summary.
        ValueError: the recipe does not fit together, or another number of devices was started than it is written for.
    """
    chosen = as_recipe(recipe, settings)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    _check_processes(chosen, processes)
    planned = plan(chosen, processes=processes, look=False)
    if lacking := list(missing_machine(chosen, planned.memory)):
        raise MissingError(chosen.full_name, lacking)
    folder = RunFolder(out if out is not None else run_path(chosen))
    is_main = os.environ.get("RANK", "0") == "0"
    with folder.locked() if is_main else nullcontext(), _quiet_libraries():
        if (known := folder.summary()) is not None:
            folder.begin(_info(planned, folder.info().config.get("data")))
            return known if is_main else {}
        _train(planned, folder, is_main, progress)
        if not is_main:
            return {}
        folder.write_summary(_summary(folder))
        return folder.summary() or {}


def _check_processes(recipe: Recipe, processes: int) -> None:
    wanted = recipe.hardware.gpus
    if wanted and wanted != processes:
        raise ValueError(
            f"{recipe.full_name} is for {wanted} devices, {processes} process{'es are' if processes > 1 else ' is'} "
            f"running: accelerate launch --num_processes {wanted} -m maxpo_bench.cli llm train ..., or --set "
            f"hardware.gpus={processes}, which changes nothing but the accumulation"
        )


def _train(planned: Plan, folder: RunFolder, is_main: bool, progress: Progress | None) -> None:
    from maxpo_bench.llm.training import last_complete_checkpoint

    questions = load_questions(planned.recipe.data)
    source = _model_folder(planned.recipe, questions, progress)
    trainer, data = make_trainer(planned, questions, source, folder.path, progress=progress)
    if is_main:
        folder.begin(_info(planned, data))
    checkpoint, last = last_complete_checkpoint(folder.path), f"checkpoint-{planned.steps}"
    # At the last step already, transformers' trainer would take one more.
    if checkpoint is None or checkpoint.name != last:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        checkpoint = last_complete_checkpoint(folder.path)
    if is_main:
        if checkpoint is None or checkpoint.name != last:
            raise RunFolderError(
                f"training ended, and {folder.path} holds no complete {last}, which the model is taken from: there is "
                "neither a model nor a summary; the same command goes on from the last complete checkpoint"
            )
        publish_model(checkpoint, source, folder)


def make_trainer(
    planned: Plan, questions: Questions, source: Path, folder: Path, *, progress: Progress | None = None
) -> tuple[EstimatorGRPOTrainer, dict[str, Any]]:
    """Return the trainer of a plan, and the record of what it trains on.

    Args:
        planned: of `plan`.
        questions: of `load_questions`.
        source: folder of the model.
        folder: of the run; checkpoints and the log go there.
        progress: told (steps done, steps in all).

    Raises:
        ValueError: prompts do not fit the tokenizer, or there are fewer questions than a batch takes.
    """
    from transformers import AutoTokenizer, PrinterCallback

    from maxpo_bench.llm.recipes.progress_callback import ProgressCallback
    from maxpo_bench.llm.rewards import math_reward
    from maxpo_bench.llm.task_reward import task_reward
    from maxpo_bench.llm.training import EstimatorGRPOTrainer, GradientStatistics

    recipe = planned.recipe
    tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left", truncation_side="left")
    dataset, too_long = build_dataset(
        questions.problems, recipe.model.template, tokenizer, recipe.sampling.prompt_tokens
    )
    if len(dataset) < recipe.batch.prompts:
        raise ValueError(
            f"{recipe.data.set} has {len(dataset)} questions, a batch takes {recipe.batch.prompts}: lower batch.prompts"
        )
    task = questions.task
    trainer = EstimatorGRPOTrainer(
        model=str(source),
        reward_funcs=math_reward if task is None else task_reward(task, questions.problems),
        args=make_config(planned.settings, folder),
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=_adapters(recipe),
        method=get_method(recipe.method.name, recipe.method.k, **recipe.method.parameters),
        callbacks=[GradientStatistics(folder), *([ProgressCallback(progress)] if progress else [])],
    )
    trainer.remove_callback(PrinterCallback)
    record = {"too_long": len(too_long), "prompts_sha256": prompts_digest(dataset, tokenizer)}
    return trainer, {**questions.record(), **record}


def _model_folder(recipe: Recipe, questions: Questions, progress: Progress | None) -> Path:
    if recipe.model.name != TINY:
        return require_model(recipe.model.name)
    if questions.task is None:
        raise ValueError(f"the model {TINY!r} is made for a procedural task, {recipe.data.set} is a data set")
    from maxpo_bench.llm.tiny.base import base_model

    made = {"seed": recipe.model.pretraining_seed, "task_options": recipe.data.options}
    return base_model(recipe.data.set, progress=progress or False, **made)


def _adapters(recipe: Recipe) -> Any:
    if recipe.lora is None:
        return None
    from peft import LoraConfig

    lora = recipe.lora
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # pyright: ignore[reportArgumentType]  (a scale, declared as int)
        lora_dropout=lora.dropout,
        target_modules=list(lora.modules),
        task_type="CAUSAL_LM",
    )


def _info(planned: Plan, data: Any) -> RunInfo:
    recipe = planned.recipe
    return RunInfo(
        model=model_label(recipe),
        method=recipe.method.name,
        engine="trl",
        seed=recipe.training.seed,
        k=recipe.method.k,
        group_size=recipe.batch.rollouts,
        recipe=recipe.full_name,
        config={"recipe": as_json(recipe), "trl": planned.settings, "data": data},
    )


def _summary(folder: RunFolder) -> dict[str, Any]:
    """Return the means over the end of the log; pass@k is `llm eval`'s to measure."""
    from maxpo_bench.llm.tiny.summary import final_means

    log = folder.log()
    return {**final_means(log), "steps": len(log), "seconds": sum(line["step_time"] for line in log)}


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep transformers' own bars off the terminal, and its warning of a name that TRL 1.16 reads at every step."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*gradient_checkpointing.* is deprecated", FutureWarning)
            yield
    finally:
        if shown:
            logging.enable_progress_bar()
