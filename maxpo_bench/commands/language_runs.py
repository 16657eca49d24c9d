"""The training runs of the language-model track: what is missing is trained, one run after the other.

Runs are kept in the cache by track, entry, version of its code and sandbox level, one file each; one under way keeps
its checkpoints beside them. So the same call goes on where an earlier one was stopped, at any moment. They are named by
what is asked for, not by the code of the training loop: empty ``leaderboard`` in the cache after a change of that.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.leaderboard.language import LanguageRecord, LanguageRun
from maxpo_bench.leaderboard.language_track import LanguageTrack
from maxpo_bench.reproduce.llm.measure import configuration
from maxpo_bench.reproduce.llm.rows import cells_of, choose
from maxpo_bench.reproduce.llm.sizes import TinyLMSize
from maxpo_bench.sweep.spec import RunSpec
from maxpo_bench.sweep.store import RunStore
from maxpo_bench.sweep.task import make_record

if TYPE_CHECKING:
    from maxpo_bench.estimators import Estimator

Record = dict[str, Any]
Steps = Callable[[int, int], None]
"""Called with the optimisation steps done and those of all runs."""


@dataclass(frozen=True)
class Subject:
    """Whose runs they are.

    Attributes:
        name: of the entry.
        digest: SHA-256 of its source.
        level: sandbox level of a submission; None for a built-in estimator, which is trained as in `reproduce tiny-lm`.
        estimator: opens a submission's estimator for one K and one run; None for a built-in one.
        has_state: does it remember earlier groups? Then an interrupted run begins anew.
    """

    name: str
    digest: str
    level: str | None = None
    estimator: Callable[[int], AbstractContextManager[Estimator]] | None = None
    has_state: bool = False

    def open(self, k: int) -> AbstractContextManager[Estimator | None]:
        """Return the estimator of a submission, for the time of one run; None for what is found by name."""
        return nullcontext(None) if self.estimator is None else self.estimator(k)


class Incomplete(Exception):
    """Fewer seeds were asked for than the record needs; the runs are kept."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__(f"{done} of {total} runs")
        self.done, self.total = done, total


def runs_folder(track: LanguageTrack, name: str, digest: str, level: str | None) -> Path:
    """Return where the runs of one version of an entry are kept."""
    from maxpo_bench.llm.tiny.base import cache_folder

    ending = "" if level is None else f"-{level}"
    return cache_folder() / "leaderboard" / track.name / f"{name}-{digest[:16]}{ending}"


def num_finished(track: LanguageTrack, name: str, digest: str, level: str | None) -> int:
    """Return how many runs of an entry are finished."""
    return len(RunStore(runs_folder(track, name, digest, level)).ids())


def specifications(
    track: LanguageTrack, subject: Subject, rates: Sequence[float], seeds: Sequence[int]
) -> list[RunSpec]:
    """Return the runs of some learning rates on some seeds; a submission's carry the hash of its source."""
    specs = configuration(_size(track), {subject.name: list(rates)}, seeds).expand()
    if subject.estimator is None:
        return specs
    return [replace(spec, agent_kwargs={**spec.agent_kwargs, "submission": subject.digest}) for spec in specs]


def measure(
    track: LanguageTrack,
    subject: Subject,
    provenance: Mapping[str, Any],
    *,
    seeds: int | None = None,
    progress: Steps | None = None,
) -> LanguageRecord:
    """Tune on the tuning seeds, train on the evaluation seeds, and return the record.

    Args:
        track: the rules.
        subject: whose runs.
        provenance: what the record says of its making.
        seeds: evaluation seeds to stop after; None: all of them.
        progress: told the steps done.

    Raises:
        Incomplete: fewer seeds than the track has were asked for.
        RunFolderError: another process trains the same run.
        ValueError: the estimator does not take this K and group size, or its code fails.
    """
    wanted = track.seeds if seeds is None else seeds
    runner = _Runner(track, subject, progress)
    tuned = runner.all(specifications(track, subject, track.learning_rates, track.tuning_seeds()))
    cells = cells_of(tuned)
    rate = choose(cells, subject.name, track.k)
    scored = runner.all(specifications(track, subject, [rate], track.evaluation_seeds()[:wanted]))
    if wanted < track.seeds:
        raise Incomplete(runner.done, track.num_runs)
    return LanguageRecord(
        name=subject.name,
        digest=subject.digest,
        track=track,
        learning_rate=rate,
        tuning={cell.learning_rate: [float(value) for value in cell.at(track.k)] for cell in cells},
        runs=[language_run(record, track) for record in scored],
        provenance=provenance,
        sandbox=subject.level or "none",
    )


def language_run(record: Mapping[str, Any], track: LanguageTrack) -> LanguageRun:
    """Return what is stored of a run on an evaluation seed."""
    summary = record["summary"]
    return LanguageRun(
        seed=record["spec"]["seed"],
        passed={k: float(summary[f"pass@{k}"]) for k in track.ks},
        base={k: float(summary[f"base_pass@{k}"]) for k in track.ks},
        correct=summary.get("correct"),
    )


def _size(track: LanguageTrack) -> TinyLMSize:
    """Return the track's settings as the experiment's, whose runs they are."""
    settings = {name: value for name, value in vars(track).items() if name != "name"}
    return TinyLMSize(name=track.name, **settings)


class _Runner:
    """Carries out what a folder lacks of some runs.

    Args:
        track: the rules.
        subject: whose runs.
        progress: told the steps done.
    """

    def __init__(self, track: LanguageTrack, subject: Subject, progress: Steps | None) -> None:
        self.track, self.subject, self.progress = track, subject, progress
        self.folder = runs_folder(track, subject.name, subject.digest, subject.level)
        self.store = RunStore(self.folder)
        self.done = 0

    def all(self, specs: Sequence[RunSpec]) -> list[Record]:
        """Return the records of some runs, trained now as far as they are missing."""
        found = []
        for spec in specs:
            if not self.store.has(spec.run_id):
                self._train(spec)
            self.done += 1
            self._tell(0)
            found.append(self.store.load(spec.run_id))
        return found

    def _tell(self, step: int) -> None:
        if self.progress is not None:
            self.progress(self.done * self.track.steps + step, self.track.num_runs * self.track.steps)

    def _train(self, spec: RunSpec) -> None:
        folder = self.folder / "unfinished" / spec.run_id
        started = time.perf_counter()
        if self.subject.has_state:
            shutil.rmtree(folder, ignore_errors=True)  # a checkpoint does not hold what the estimator remembers
        with self.subject.open(self.track.k) as estimator:
            result = carry_out(spec, folder, estimator, self._tell)
        record = {**make_record(spec, "done"), **result, "wall_s": time.perf_counter() - started}
        self.store.publish(spec.run_id, record)
        shutil.rmtree(folder)


def carry_out(spec: RunSpec, folder: Path, estimator: Estimator | None, progress: Callable[[int], None]) -> Record:
    """Carry out one run in a folder, going on from its last checkpoint.

    Args:
        spec: the run.
        folder: of the run while it is unfinished.
        estimator: of a submission; None for what is found by name.
        progress: told the optimisation steps done.

    Returns:
        ``curves`` and ``summary`` as `maxpo_bench.llm.tiny.experiment.execute` returns them, and in the summary
        ``correct``: the correct samples of each held-out problem, in ascending order of their ids.
    """
    from maxpo_bench.evaluation import read_samples
    from maxpo_bench.llm.run_folder import RunFolder
    from maxpo_bench.llm.tiny.experiment import curves, run_of, shared_base
    from maxpo_bench.llm.tiny.training import train

    run = run_of(spec)

    def tell(stage: str, done: int, total: int) -> None:
        if stage == "fine-tuning":
            progress(done)

    summary = train(run, folder, base=shared_base(run), estimator=estimator, progress=tell)
    (samples,) = read_samples(RunFolder(folder).samples_path(run.task))
    correct = [int(count) for count in samples.num_correct]
    return {"curves": curves(RunFolder(folder).log(), spec.log_every), "summary": {**summary, "correct": correct}}
