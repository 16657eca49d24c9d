"""A file of samples that a kill at any moment leaves usable, and that the same options go on with.

Problems are appended whole, in order. What a kill tore off is cut away when the file is opened again. Beside
``samples.jsonl`` lies ``samples.jsonl.options`` with all that the samples depend on; other options are refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from maxpo_bench.json_lines import parse_object
from maxpo_bench.llm.atomic_files import publish_text

SCHEMA = "maxpo-bench samples 1"
INFORMATION = ("schema", "versions")
"""What the options record beside what samples are required to agree in."""


class OtherSamplesError(ValueError):
    """A file that holds other samples than those asked for; the message says what differs."""


@dataclass(frozen=True)
class SamplesFile:
    """Where the samples of one benchmark are.

    Attributes:
        path: ``.jsonl``, one sample a line.
    """

    path: Path

    def __post_init__(self) -> None:
        """Check the ending."""
        if self.path.suffix != ".jsonl":
            raise ValueError(f"{self.path} must end in .jsonl")

    @property
    def options_path(self) -> Path:
        """Where the options are; its ending is none that folders of scored samples are read by."""
        return self.path.with_name(f"{self.path.name}.options")

    def check(self, options: Mapping[str, Any]) -> None:
        """Compare the options with those that the file was begun with, if it was.

        Raises:
            OtherSamplesError: there are samples with other options, or without any.
        """
        if not self.options_path.exists():
            if self.path.exists() and self.path.stat().st_size:
                raise OtherSamplesError(
                    f"{self.path} was not begun by this command ({self.options_path.name} is missing): give another "
                    "file, or remove it"
                )
            return
        found = parse_object(self.options_path.read_bytes(), str(self.options_path))
        names = [name for name in {**found, **options} if name not in INFORMATION]
        differing = [name for name in names if found.get(name) != options.get(name)]
        if differing:
            told = "; ".join(
                f"{name} is {_short(found.get(name))}, not {_short(options.get(name))}" for name in differing
            )
            raise OtherSamplesError(
                f"{self.path} was begun with other options ({told}): give the same ones to go on, or another file"
            )

    def other_versions(self, options: Mapping[str, Any]) -> dict[str, tuple[str | None, str | None]]:
        """Return the packages whose versions have changed since the file was begun: then and now.

        Samples of other versions are samples of the same distribution, but not the same to the last bit.
        """
        if not self.options_path.exists():
            return {}
        then = parse_object(self.options_path.read_bytes(), str(self.options_path)).get("versions", {})
        now = options["versions"]
        return {name: (then.get(name), now.get(name)) for name in {**then, **now} if then.get(name) != now.get(name)}

    @contextmanager
    def open(
        self, options: Mapping[str, Any], problems: Sequence[str], n: int, seed_of: Callable[[str, int], int]
    ) -> Iterator[OpenSamples]:
        """Open the file for appending; while it is open, no other call may.

        Args:
            options: all that the samples depend on, as JSON, and the "versions" of packages.
            problems: ids in the order in which they are appended.
            n: samples of each.
            seed_of: each sample's seed.

        Raises:
            OtherSamplesError: what is there are other samples.
            ValueError: another call writes to the file.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path) as stream:
            self.check(options)
            if not self.options_path.exists():
                publish_text(self.options_path, json.dumps({"schema": SCHEMA, **options}, indent=2) + "\n")
            done, end = self._read(problems, n, seed_of)
            os.truncate(self.path, end)
            yield OpenSamples(stream, done)

    def _read(self, problems: Sequence[str], n: int, seed_of: Callable[[str, int], int]) -> tuple[int, int]:
        """Return how many problems are whole, and where the last of them ends, in bytes."""
        place = end = done = 0
        with self.path.open("rb") as stream:
            for number, line in enumerate(stream):
                where = f"{self.path}:{number + 1}"
                if number >= n * len(problems):
                    raise OtherSamplesError(f"{where} is more than was asked for: give another file, or remove it")
                problem, sample = problems[number // n], number % n
                if not line.endswith(b"\n"):
                    _check_torn(line, problem, where)
                    break
                _check_row(line, problem, sample, seed_of(problem, sample), where)
                place += len(line)
                if sample == n - 1:
                    done, end = done + 1, place
        return done, end


@dataclass
class OpenSamples:
    """An open file of samples.

    Attributes:
        done: number of problems that it holds.
    """

    _stream: IO[bytes]
    done: int

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add all samples of the next problem; they are on the disk when this returns."""
        self._stream.write("".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode())
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.done += 1


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    import fcntl

    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{path} is being written by another call: wait for it, or give another file") from None
        yield stream


def _check_row(line: bytes, problem: str, sample: int, seed: int, where: str) -> None:
    row = parse_object(line, where)
    expected = {"problem_id": problem, "sample": sample, "seed": seed}
    for name, value in expected.items():
        if row.get(name) != value:
            raise OtherSamplesError(
                f"{where}: {name} is {row.get(name)!r}, expected {value!r}: the file holds other samples; give "
                "another, or remove it"
            )


def _check_torn(line: bytes, problem: str, where: str) -> None:
    expected = json.dumps({"problem_id": problem})[:-1].encode()
    if line[: len(expected)] != expected[: len(line)]:
        raise OtherSamplesError(
            f"{where} does not end, and no interruption of these samples made it: give another file, or remove it"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
