"""What is submitted: a file's bytes and what it declares. Reading a submission runs none of its code."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.estimators.spec import DOMAINS, SCALES
from maxpo_bench.leaderboard.checks import check_line, check_text
from maxpo_bench.registry import suggest

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
MAX_BYTES = 1_000_000
TRACKS = ("stateless", "stateful")
FACTORY = "make_advantages"
FUNCTION = "advantages"


class SubmissionError(ValueError):
    """A submission that cannot be read; the message says what to change in it."""


@dataclass(frozen=True)
class Metadata:
    """What a submission declares about itself.

    Attributes:
        name: lower-case letters, digits, ``_ . -``; at most 40 characters.
        summary: one line: what the advantage is.
        scale: factor in front of sum_i A_i s_i, "K/n" or "1".
        domain: rewards it is defined for, "real" or "binary".
        track: "stateless", or "stateful" where an answer depends on earlier groups too.
        min_group_size: smallest group for objective size K: "k", "k+1" or a number.
        min_k: smallest K it is defined for.
        authors: whom to credit.
        licence: of the code.
        paper: where it was published.
        equation: where in that paper.
    """

    name: str
    summary: str = ""
    scale: str = "K/n"
    domain: str = "real"
    track: str = "stateless"
    min_group_size: str = "k+1"
    min_k: int = 1
    authors: str = ""
    licence: str = ""
    paper: str = ""
    equation: str = ""

    def __post_init__(self) -> None:
        if self.scale == "k/n":
            object.__setattr__(self, "scale", "K/n")
        if not NAME_PATTERN.fullmatch(self.name):
            raise SubmissionError(
                f"name {self.name!r} must be lower-case letters, digits, '_', '.' or '-', at most 40 of them"
            )
        for key, allowed in (("scale", SCALES), ("domain", DOMAINS), ("track", TRACKS)):
            if getattr(self, key) not in allowed:
                raise SubmissionError(f"{key} must be one of {', '.join(allowed)}, got {getattr(self, key)!r}")
        if self.min_group_size not in ("k", "k+1") and not self.min_group_size.isdecimal():
            raise SubmissionError(f"min_group_size must be 'k', 'k+1' or a number, got {self.min_group_size!r}")
        if self.min_k < 1:
            raise SubmissionError(f"min_k must be at least 1, got {self.min_k}")
        for key in ("summary", "authors", "licence", "paper", "equation"):
            try:
                (check_line if getattr(self, key) else check_text)(getattr(self, key), key)
            except (TypeError, ValueError) as error:
                raise SubmissionError(str(error)) from error

    def smallest_group(self, k: int) -> int:
        """Smallest supported group size for objective size ``k``."""
        if self.min_group_size == "k":
            return k
        return k + 1 if self.min_group_size == "k+1" else max(int(self.min_group_size), 1)


KEYS = tuple(Metadata.__dataclass_fields__)


@dataclass(frozen=True)
class Submission:
    """A submission as it was read, not run.

    Attributes:
        metadata: what it declares.
        source: the Python file.
        filename: how errors name that file.
        digest: SHA-256 of the Python file and, in a folder, of its TOML.
        path: where it was read.
    """

    metadata: Metadata
    source: bytes
    filename: str
    digest: str
    path: Path

    @property
    def name(self) -> str:
        """The declared name."""
        return self.metadata.name


def read_submission(path: str | Path, **overrides: str | int | None) -> Submission:
    """Read a submission without running any of it.

    Args:
        path: a ``.py`` file, or a folder with ``submission.py`` and ``submission.toml``. A single file declares what it
            wants to in its docstring: the first line is the summary, and lines like ``scale: 1`` or ``domain: binary``
            set the keys of `Metadata`. The name defaults to the file's (the folder's) name.
        overrides: keys of `Metadata` that take precedence; None is ignored.

    Raises:
        SubmissionError: the file is missing, too large, malformed, defines no estimator or takes a built-in one's name.
    """
    path = Path(path)
    source = path / "submission.py" if path.is_dir() else path
    if not source.is_file() or source.suffix != ".py":
        raise SubmissionError(f"{source}: no such Python file; give a .py file or a folder with a submission.py")
    text = _read(source)
    docstring = _docstring(text, source.name)
    values: dict[str, Any] = {"name": path.resolve().stem.lower().replace(" ", "_"), **_declared(docstring)}
    declared_in, hashed = source.name, text
    toml = source.parent / "submission.toml"
    if path.is_dir() and toml.is_file():
        hashed = text + _read(toml)
        values.update(_read_toml(toml))
        declared_in = f"{source.name} or {toml.name}"
    metadata = _metadata(values, declared_in)
    metadata = replace(metadata, **{key: value for key, value in overrides.items() if value is not None})
    if metadata.name in ESTIMATORS:
        raise SubmissionError(f"{metadata.name!r} is a built-in estimator's name: choose another (--name)")
    return Submission(metadata, text, source.name, hashlib.sha256(hashed).hexdigest(), path)


def _read(path: Path) -> bytes:
    """Read a file without ever waiting for it: a link may lead to a pipe or to a file of the system without an end."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SubmissionError(f"{path} cannot be read: {error.strerror}") from error
    if text is None or len(text) > MAX_BYTES:
        raise SubmissionError(f"{path.name} has more than {MAX_BYTES} bytes: compute tables instead of writing them")
    return text


def _docstring(text: bytes, name: str) -> str:
    """Return the module's docstring; refuse what is not Python or binds no estimator's name at the top level."""
    try:
        tree = ast.parse(text, filename=name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = str(error) or "nested too deeply"
        raise SubmissionError(f"{name} is not valid Python: {reason}") from error
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name)
    if not bound & {FUNCTION, FACTORY, "*"}:
        raise SubmissionError(
            f"{name}: define `def {FUNCTION}(rewards: torch.Tensor, k: int) -> torch.Tensor` "
            f"(rewards [groups, n]), or `def {FACTORY}(k: int)` that returns a function of the rewards"
        )
    return ast.get_docstring(tree) or ""


def _declared(text: str) -> dict[str, str]:
    """Return what a docstring declares: its first line as summary, and lines ``key: value``."""
    lines = [line.strip() for line in text.strip().splitlines()]
    found = {"summary": lines[0]} if lines and lines[0] else {}
    for line in lines[1:]:
        match = re.fullmatch(r"([a-z_]+):\s+(\S.*)", line)
        if match and match[1] in KEYS:
            found[match[1]] = match[2]
    return found


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SubmissionError(f"{path.name}: not valid TOML: {error}") from error
    version = values.pop("schema_version", None)
    if version != 1:
        raise SubmissionError(f"{path.name}: schema_version must be 1, got {version!r}")
    return values


def _metadata(values: dict[str, Any], source: str) -> Metadata:
    for key, value in values.items():
        if key not in KEYS:
            raise SubmissionError(f"{source}: unknown key {key!r}.{suggest(key, KEYS)}")
        if key == "min_k" and not (isinstance(value, int) or str(value).isdecimal()):
            raise SubmissionError(f"{source}: min_k must be a whole number, got {value!r}")
        if key != "min_k" and not isinstance(value, str | int):
            raise SubmissionError(f"{source}: {key} must be a string, got {value!r}")
    typed: dict[str, Any] = {key: int(value) if key == "min_k" else str(value) for key, value in values.items()}
    return Metadata(**typed)
