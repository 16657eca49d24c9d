"""The zoo's table: every submission with its verdict, as `tests/submissions/verdicts.toml` says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ZOO = Path(__file__).resolve().parents[1] / "submissions"
TABLE = ZOO / "verdicts.toml"
GROUPS = ("honest", "hostile", "faulty", "misleading")
ERRORS = (
    *("SubmissionError", "LoadError", "EstimatorError", "BadAnswer", "TimeLimit", "CpuLimit", "MemoryLimit"),
    *("WorkerDied", "ProtocolViolation"),
)
CERTIFICATES = ("exact", "proportional", "direction", "biased", "null")
AUDIT = "same answer when asked again"
"""Name of the last contract test."""

SCORED = ("main", "direction", "biased", "copy", "null", "refused")


@dataclass(frozen=True)
class Animal:
    """One submission of the zoo.

    Attributes:
        group: its folder.
        name: of its file or folder, without suffix.
        certificate: the kind that `check` finds; "" where it is refused.
        error: class of the error that refuses it; "" if it is not an error that does.
        fails: the contract test that refuses it; "" if none does.
        words: what the message must contain.
        scored: table that full scoring puts it into, "refused", or "" where that is not looked at.
        linked_to: whose copy it is.
        alone: must it run in a process of its own, because it ends, blocks or confuses it?
    """

    group: str
    name: str
    certificate: str = ""
    error: str = ""
    fails: str = ""
    words: tuple[str, ...] = ()
    scored: str = ""
    linked_to: str = ""
    alone: bool = False

    @property
    def path(self) -> Path:
        """Its file or folder."""
        folder = ZOO / self.group
        found = [folder / self.name, folder / f"{self.name}.py", folder / f"{self.name}.broken"]
        return next(path for path in found if path.exists())

    def put(self, folder: Path, words: dict[str, str]) -> Path:
        """Copy it into a folder, words between `@` signs replaced, and return what is to be submitted."""
        sources = sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]
        target = folder / self.name if self.path.is_dir() else folder
        target.mkdir(exist_ok=True)
        for source in sources:
            content = source.read_bytes()
            for word, value in words.items():
                content = content.replace(f"@{word}@".encode(), value.encode())
            (target / source.with_suffix(".py" if source.suffix == ".broken" else source.suffix).name).write_bytes(
                content
            )
        return target if self.path.is_dir() else folder / f"{self.name}.py"

    def __str__(self) -> str:
        return f"{self.group}/{self.name}"


def read() -> list[Animal]:
    """Return every submission of the table."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return [
        Animal(group, name, **{**verdict, "words": tuple(verdict.get("words", ()))})
        for group, verdicts in table.items()
        for name, verdict in verdicts.items()
    ]


def of(group: str) -> list[Animal]:
    """Return those of one folder."""
    return [animal for animal in read() if animal.group == group]
