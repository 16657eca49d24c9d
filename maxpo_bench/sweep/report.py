"""What became of a sweep: counts, failures with their tracebacks, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from maxpo_bench.sweep.engines import Event
from maxpo_bench.sweep.spec import RunSpec
from maxpo_bench.sweep.store import RunStore

EXIT_DONE, EXIT_USAGE, EXIT_PARTLY, EXIT_INTERRUPTED = 0, 2, 3, 130


@dataclass
class SweepReport:
    """What became of a sweep.

    Attributes:
        directory: the store.
        specs: every run of the sweep.
        skipped: ids that were finished before.
        done: ids finished by this call, or meanwhile by another sweep on the same store.
        failed: id to traceback, or to what ended the run.
        retried: ids that were killed from outside and started again.
        is_interrupted: whether Ctrl-C or SIGTERM ended the sweep.
        is_dry: whether nothing was to be started.
        estimate_s: seconds that the missing runs need, by the finished ones like them; None if none is finished.
        wall_s: seconds that this call took.
        resume_command: what continues the sweep.
    """

    directory: str
    specs: Sequence[RunSpec]
    skipped: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    retried: list[str] = field(default_factory=list)
    is_interrupted: bool = False
    is_dry: bool = False
    estimate_s: float | None = None
    wall_s: float = 0.0
    resume_command: str = "the same call"

    @property
    def missing(self) -> int:
        """Number of runs that are not finished."""
        return len(self.specs) - len(self.skipped) - len(self.done)

    @property
    def exit_code(self) -> int:
        """0: every run is finished (or it was a dry run); 3: some are not, the same call goes on; 130: interrupted."""
        if self.is_interrupted:
            return EXIT_INTERRUPTED
        return EXIT_PARTLY if self.missing and not self.is_dry else EXIT_DONE

    def take(self, event: Event) -> None:
        """Count one event of the engine."""
        run_id = event.spec.run_id
        if event.kind in ("done", "there"):
            self.done.append(run_id)
        elif event.kind == "failed":
            self.failed[run_id] = event.error or ""
        elif event.kind == "retried":
            self.retried.append(run_id)

    def recount(self, store: RunStore) -> None:
        """Count what was published although its event did not come through any more."""
        counted = {*self.skipped, *self.done}
        self.done += [spec.run_id for spec in self.specs if spec.run_id not in counted and store.has(spec.run_id)]

    def summary(self) -> str:
        """Return the last lines of a sweep: what is finished, where it is, what failed and how to go on."""
        lines = [
            f"{len(self.specs) - self.missing} of {len(self.specs)} runs finished in {self.directory} "
            f"({len(self.done)} now in {duration(self.wall_s)}, {len(self.skipped)} before)"
        ]
        if self.retried:
            lines.append(f"{len(self.retried)} started again after they had been killed")
        if self.failed:
            lines.append(f"{len(self.failed)} failed; tracebacks in {RunStore(self.directory).failed}")
        if self.is_interrupted:
            lines.append("interrupted")
        if self.missing:
            lines.append(f"to go on: {self.resume_command}")
        return "\n".join(lines)

    def plan(self) -> str:
        """Return the list of runs with their ids, which of them are there already, and the estimate."""
        there = set(self.skipped)
        lines = [
            f"{spec.run_id}  {'there  ' if spec.run_id in there else 'missing'}  {spec.label}" for spec in self.specs
        ]
        time = "unknown until a run is finished" if self.estimate_s is None else f"about {duration(self.estimate_s)}"
        return "\n".join([*lines, f"{len(self.specs)} runs, {self.missing} missing; time: {time}"])


def describe_failure(spec: RunSpec, error: str) -> str:
    """Return a failure with its traceback, headed by the run."""
    return f"failed: {spec.run_id}  {spec.label}\n{error.rstrip()}"


def estimate_seconds(specs: Iterable[RunSpec], finished: Sequence[dict], workers: int) -> float | None:
    """Return the seconds that ``specs`` take, by the finished runs of the same environment and agent, or else of any.

    Args:
        specs: the missing runs.
        finished: records of the store.
        workers: runs at a time.
    """
    times: dict[tuple[str, str] | None, list[float]] = {}
    for record in finished:
        if record["wall_s"] is not None:
            for key in ((record["spec"]["env"], record["spec"]["agent"]), None):
                times.setdefault(key, []).append(record["wall_s"])
    if not times:
        return None
    means = {key: sum(values) / len(values) for key, values in times.items()}
    return sum(means.get((spec.env, spec.agent), means[None]) for spec in specs) / workers


def duration(seconds: float) -> str:
    """Return ``seconds`` for people: 0.4 s, 12 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
