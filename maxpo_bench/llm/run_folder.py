"""A run of the language-model track on disk: what it is, its log, checkpoints, model, evaluation and summary.

::

    RUN/run.json                      what was trained, how, and with which versions (`RunInfo`)
    RUN/log.jsonl                     one line per optimiser step, `LOG_FIELDS` and what an engine adds
    RUN/checkpoint-<step>/            what going on needs
    RUN/model/                        the final model, as `save_pretrained` writes it
    RUN/evaluation/<benchmark>.jsonl  scored samples, as `maxpo_bench.evaluation.read_samples` takes them
    RUN/summary.json                  the final figures; there exactly if the run is finished

Runs of one model lie side by side, the model itself among them as the run "base", which is evaluated only. Every file
is published whole but the two kinds of .jsonl, whose last line a kill may tear; whoever goes on cuts it off.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from maxpo_bench.json_lines import parse_object
from maxpo_bench.llm.atomic_files import publish_text, publishing_folder, remove_unfinished, sync

SCHEMA = "maxpo-bench llm run 1"
BASE = "base"
"""Method of the run that holds the model before training."""
LOG_FIELDS = (
    "step",
    "reward_mean",
    "reward_max_at_k",
    "grad_norm",
    "adam_variance_proxy",
    "entropy",
    "dead_groups",
    "centring",
    "completion_length",
    "loss",
)
"""What every line of a log has: step 1, 2, ...; the mean reward and its unbiased max@K over the step's groups; norm of
the gradient; the proxy of the gradient's variance (Sec. 5.2.3); entropy in nats per token; share of groups whose
advantages are all 0; root mean square of the groups' mean advantage over that of the advantages; tokens per completion;
the loss. None where there is none."""

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_PACKAGES = ("maxpo-bench", "torch", "transformers", "trl", "accelerate", "peft", "vllm", "numpy")


class RunFolderError(ValueError):
    """A run folder that does not hold what is asked of it; the message names the folder and the remedy."""


@dataclass(frozen=True)
class RunInfo:
    """What a run is; the content of run.json.

    Attributes:
        model: the base model, such as "tiny-countdown" or "Qwen2.5-Math-7B".
        method: "maxpo", "grpo", ...; `BASE` for the model before training.
        engine: what trains, "tiny" or "trl".
        seed: root of the run's random streams.
        k: objective size; None where there is none.
        group_size: samples per question, n; None where there is none.
        recipe: name of the recipe; None where there was none.
        config: everything that determines the result, as JSON; equal configurations are one run.
        versions: of the packages that began the run, see `package_versions`.
    """

    model: str
    method: str
    engine: str
    seed: int
    k: int | None = None
    group_size: int | None = None
    recipe: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=lambda: package_versions())

    def to_dict(self) -> dict[str, Any]:
        """Return the content of run.json; `from_dict` is the inverse."""
        return {"schema": SCHEMA, **{entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunInfo:
        """Return what `to_dict` wrote; names that it does not know are left out.

        Raises:
            RunFolderError: another schema, or something is missing.
        """
        if data.get("schema") != SCHEMA:
            raise RunFolderError(f"schema {data.get('schema')!r}, this version reads {SCHEMA!r}")
        try:
            return cls(**{entry.name: data[entry.name] for entry in fields(cls)})
        except KeyError as error:
            raise RunFolderError(f"{error} is missing") from error


class RunFolder:
    """The folder of one run.

    Args:
        path: the folder; it need not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.info_path = self.path / "run.json"
        self.log_path = self.path / "log.jsonl"
        self.summary_path = self.path / "summary.json"
        self.model_path = self.path / "model"
        self.evaluation_path = self.path / "evaluation"

    def begin(self, info: RunInfo) -> RunInfo:
        """Write run.json, or find that the folder holds this very run already.

        Returns:
            What the folder holds: the versions are those of the first call.

        Raises:
            RunFolderError: the folder holds another run; the message says what differs.
        """
        if not self.info_path.exists():
            if self.log_path.exists() or self.checkpoints():
                raise RunFolderError(f"{self.path} holds a run without run.json: name another folder")
            publish_text(self.info_path, _json(info.to_dict()))
            return info
        self.check(info)
        return self.info()

    def check(self, info: RunInfo) -> None:
        """Check that a run can be put into the folder, and leave everything as it is.

        Args:
            info: the run.

        Raises:
            RunFolderError: the folder holds another run, and what differs; or it can be no folder.
        """
        if file := next((path for path in (self.path, *self.path.parents) if path.is_file()), None):
            raise RunFolderError(f"{file} is a file where a folder is needed: name another folder")
        if self.info_path.exists() and (differences := _differences(self.info(), info)):
            raise RunFolderError(
                f"{self.path} holds a run with other options: {'; '.join(differences)}. Give the same ones to go on, "
                "or another folder"
            )

    def info(self) -> RunInfo:
        """Return what the run is.

        Raises:
            FileNotFoundError: the folder holds no run.
            RunFolderError: run.json is damaged or of another version.
        """
        try:
            return RunInfo.from_dict(parse_object(self.info_path.read_bytes(), str(self.info_path)))
        except RunFolderError as error:
            raise RunFolderError(f"{self.info_path}: {error}") from error

    @contextlib.contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[None]:
        """Keep other processes out, and remove what killed ones left half written.

        Args:
            wait: for another process to end; without it that is an error.

        Raises:
            RunFolderError: another process writes to the folder.
        """
        import fcntl

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = open(self.path / ".lock", "a")
        except OSError as error:
            raise RunFolderError(f"{self.path} cannot be written to ({error.strerror}): name another folder") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise RunFolderError(
                    f"{self.path} is being written by another process: wait for it, or give another folder"
                ) from None
            remove_unfinished(self.path)
            yield

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one optimiser step's line to the log.

        Args:
            record: with `step` and any of `LOG_FIELDS`, the others become None; what is infinite or no number, too.
        """
        line = {name: record.get(name) for name in LOG_FIELDS} | dict(record)
        with open(self.log_path, "ab") as stream:
            stream.write((json.dumps(_plain(line), allow_nan=False) + "\n").encode())

    def log(self) -> list[dict[str, Any]]:
        """Return the whole lines of the log, in the order of their steps; a torn last one is left out.

        Raises:
            ValueError: a line is malformed.
        """
        return [record for record, _ in self._whole_lines()]

    def cut_log(self, step: int) -> None:
        """Remove from the log what comes after a step, to go on from there.

        Raises:
            RunFolderError: the log does not hold the steps up to there, each once.
        """
        lines = self._whole_lines()
        steps = [record["step"] for record, _ in lines[:step]]
        if steps != list(range(1, step + 1)):
            raise RunFolderError(
                f"{self.log_path} does not hold the steps 1 to {step}: remove {self.path}, begin again"
            )
        if self.log_path.exists():
            os.truncate(self.log_path, lines[step - 1][1] if step else 0)

    def checkpoints(self) -> dict[int, Path]:
        """Return the folder of each checkpoint by its step, in ascending order."""
        found = {int(match[1]): path for path in self.path.glob("checkpoint-*") if (match := _matches(path))}
        return dict(sorted(found.items()))

    def save_checkpoint(self, step: int, write: Callable[[Path], None]) -> Path:
        """Publish a checkpoint and remove the older ones; the log is on the disk before.

        Args:
            step: number of the last step that it holds.
            write: writes files into the folder that it is given.
        """
        target = self.path / f"checkpoint-{step}"
        if self.log_path.exists():
            sync(self.log_path)
        with publishing_folder(target) as folder:
            write(folder)
        for older in [path for at, path in self.checkpoints().items() if at < step]:
            shutil.rmtree(older)
        return target

    def save_model(self, write: Callable[[Path], None]) -> Path:
        """Publish the final model, unless it is there already.

        Args:
            write: writes files into the folder that it is given.
        """
        if not self.model_path.exists():
            with publishing_folder(self.model_path) as folder:
                write(folder)
        return self.model_path

    def samples_path(self, benchmark: str) -> Path:
        """Return the file of a benchmark's scored samples; a slash in its name becomes a hyphen."""
        return self.evaluation_path / f"{benchmark.replace('/', '-')}.jsonl"

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Publish the final figures; what is infinite or no number becomes None."""
        publish_text(self.summary_path, _json(_plain(summary)))

    def summary(self) -> dict[str, Any] | None:
        """Return the final figures, None where the run is not finished."""
        if not self.summary_path.exists():
            return None
        return parse_object(self.summary_path.read_bytes(), str(self.summary_path))

    def _whole_lines(self) -> list[tuple[dict[str, Any], int]]:
        """Return each whole line's record and the place where it ends, in bytes."""
        data = self.log_path.read_bytes() if self.log_path.exists() else b""
        found: list[tuple[dict[str, Any], int]] = []
        end = 0
        for number, line in enumerate(data.split(b"\n")[:-1], start=1):
            end += len(line) + 1
            found.append((parse_object(line, f"{self.log_path}:{number}"), end))
        return found


def find_runs(folder: str | os.PathLike[str]) -> list[RunFolder]:
    """Return every run beneath a folder, itself included, in the order of their paths.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{folder} is no folder: name one that holds runs")
    return [RunFolder(path.parent) for path in sorted(Path(folder).rglob("run.json"))]


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that runs depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _matches(path: Path) -> re.Match[str] | None:
    return _CHECKPOINT.fullmatch(path.name)


def _differences(found: RunInfo, asked: RunInfo) -> list[str]:
    """Say which options of two runs differ: fields first, then the configuration's by their paths."""
    pairs = {}
    for side, info in enumerate((found, asked)):
        values = {name: value for name, value in info.to_dict().items() if name not in ("schema", "versions", "config")}
        for name, value in {**values, **_flat(_plain(info.config))}.items():
            pairs.setdefault(name, [None, None])[side] = value
    return [f"{name} is {mine!r} there, {theirs!r} here" for name, (mine, theirs) in pairs.items() if mine != theirs]


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _plain(value: Any) -> Any:
    """Return a value as JSON types; what is infinite or no number as None."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
