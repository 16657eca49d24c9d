"""Train in forked processes that are killed, go on until the end, and print the resulting weights' digests as JSON.

    python trl_killed.py FOLDER

One import of TRL serves all processes. Each round ends by SIGKILL: at a file of a checkpoint that is being written,
or at a step; the same call then goes on from the last complete checkpoint, if there is one.
"""

import hashlib
import json
import os
import random
import signal
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

import torch  # noqa: E402
from transformers import Trainer, TrainerCallback, TrainerState  # noqa: E402
from trl_tiny import GROUP, questions, save_tiny_model, trainer  # noqa: E402

from maxpo_bench.llm.training import GradientStatistics, last_complete_checkpoint  # noqa: E402

STEPS = 11
PLACES = ("model", "optimizer", "rollouts", "state", "rotation", "step")
"""What a process is killed before: writing a part of a checkpoint, removing the older ones, or the end of a step."""


class KillAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def kill_before(place, step):
    """Have the process killed when it reaches a place of the checkpoint of a step."""
    owner, name = {
        "model": (Trainer, "save_model"),
        "optimizer": (Trainer, "_save_optimizer_and_scheduler"),
        "rollouts": (Trainer, "_save_rng_state"),
        "state": (TrainerState, "save_to_json"),
        "rotation": (sys.modules["transformers.trainer"], "rotate_checkpoints"),
    }[place]
    original = getattr(owner, name)

    def fatal(*args, **kwargs):
        target = kwargs.get("output_dir") or next(value for value in reversed(args) if isinstance(value, str))
        newest = max(Path(target).glob("checkpoint-*"), default=Path(target), key=lambda path: path.stat().st_mtime)
        if place == "state":
            Path(target).write_text('{"global_step": ')
        if f"checkpoint-{step}" in (newest.name, Path(target).name, Path(target).parent.name):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, fatal)


def train(model, folder, place=None, step=None):
    """Train to the end, or until killed."""
    callbacks = [GradientStatistics(folder / "run"), *([KillAt(step)] if place == "step" else [])]
    options = {"steps_per_generation": 2, "num_iterations": 2, "save_strategy": "steps", "save_steps": 1}
    run = trainer(
        model,
        folder / "run",
        method="entropy_adv",
        per_device_train_batch_size=GROUP,
        dataset=questions(4),
        max_steps=STEPS,
        save_total_limit=1,
        callbacks=callbacks,
        **options,
    )
    if place not in (None, "step"):
        kill_before(place, step)
    run.train(resume_from_checkpoint=last_complete_checkpoint(folder / "run") is not None)
    digest = hashlib.sha256()
    for name, value in sorted(run.model.state_dict().items()):
        digest.update(name.encode() + value.numpy().tobytes())
    for key in ("exp_avg", "exp_avg_sq"):
        digest.update(b"".join(state[key].numpy().tobytes() for state in run.optimizer.state.values()))
    (folder / "digest").write_text(digest.hexdigest())


def in_child(*arguments):
    """Run `train` in a forked process, and return by which signal it ended, 0 for none."""
    child = os.fork()
    if not child:
        code = 1
        try:
            torch.set_num_threads(1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            train(*arguments)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"a process failed with exit code {os.WEXITSTATUS(status)}")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(folder):
    model = save_tiny_model(folder / "model")
    for name in ("whole", "killed"):
        (folder / name / "run").mkdir(parents=True)
    assert in_child(model, folder / "whole") == 0
    signals = [in_child(model, folder / "killed", place, step) for step, place in enumerate(PLACES, start=1)]
    signals.append(in_child(model, folder / "killed", random.Random(0).choice(PLACES), STEPS - 1))
    assert in_child(model, folder / "killed") == 0
    logs = [(folder / name / "run" / "log.jsonl").read_text().splitlines() for name in ("whole", "killed")]
    digests = [(folder / name / "digest").read_text() for name in ("whole", "killed")]
    print(json.dumps({"signals": signals, "digests": digests, "logs": [list(map(json.loads, log)) for log in logs]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
