"""The final model of a run, taken from its last checkpoint, so that a kill in between changes nothing."""

from __future__ import annotations

import shutil
from fnmatch import fnmatch
from pathlib import Path

from maxpo_bench.llm.run_folder import RunFolder, RunFolderError

_ADAPTER = "adapter_config.json"
_OF_TRAINING = (
    "trainer_state.json",
    "training_args.bin",
    "optimizer*",
    "scheduler.pt",
    "scaler.pt",
    "rng_state*",
    "rollouts_*",
    "pytorch_model_fsdp*",
    "README.md",
)
"""What a checkpoint holds to go on from it."""


def publish_model(checkpoint: Path, base: Path, folder: RunFolder) -> None:
    """Publish an ordinary model folder with its tokenizer, unless it is there already.

    Args:
        checkpoint: a complete checkpoint of TRL's trainer, of all weights or of adapters.
        base: folder of the model that adapters are merged into.
        folder: of the run.

    Raises:
        RunFolderError: the checkpoint holds no weights.
    """
    folder.save_model(lambda target: _write(checkpoint, base, target))


def _write(checkpoint: Path, base: Path, target: Path) -> None:
    merges = (checkpoint / _ADAPTER).is_file()
    left_out = (*_OF_TRAINING, "adapter_*") if merges else _OF_TRAINING
    for path in checkpoint.iterdir():
        if path.is_file() and not any(fnmatch(path.name, pattern) for pattern in left_out):
            shutil.copyfile(path, target / path.name)
    if merges:
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(base, dtype="float32")
        PeftModel.from_pretrained(model, str(checkpoint)).merge_and_unload().save_pretrained(target)
    if not any(target.glob("*.safetensors")):
        raise RunFolderError(f"{checkpoint} holds no weights (*.safetensors): no model can be taken from it")
