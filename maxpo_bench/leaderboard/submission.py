"""What is scored: a built-in estimator or a user's file, with the properties it declares."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from maxpo_bench.estimators import ESTIMATORS, Estimator, as_estimator, get_estimator
from maxpo_bench.estimators.spec import DOMAINS, SCALES, Domain, Scale
from maxpo_bench.moments.subject import DEFAULT_GRID
from maxpo_bench.registry import suggest

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")


class SubmissionError(ValueError):
    """A submission that cannot be read; the message says what to change in it."""


@dataclass(frozen=True)
class Metadata:
    """What a submission declares about itself.

    Attributes:
        name: lower-case letters, digits, ``_ . -``; at most 40 characters.
        scale: factor in front of sum_i A_i s_i, "K/n" or "1".
        domain: rewards it is defined for, "real" or "binary".
        min_group_size: smallest group for objective size K: "k", "k+1" or a number.
        min_k: smallest K it is defined for.
    """

    name: str
    summary: str = ""
    scale: str = "K/n"
    domain: str = "real"
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
        for key, allowed in (("scale", SCALES), ("domain", DOMAINS)):
            if getattr(self, key) not in allowed:
                raise SubmissionError(f"{key} must be one of {', '.join(allowed)}, got {getattr(self, key)!r}")
        if self.min_group_size not in ("k", "k+1") and not self.min_group_size.isdecimal():
            raise SubmissionError(f"min_group_size must be 'k', 'k+1' or a number, got {self.min_group_size!r}")
        if self.min_k < 1:
            raise SubmissionError(f"min_k must be at least 1, got {self.min_k}")

    def smallest_group(self, k: int) -> int:
        """Smallest supported group size for objective size ``k``."""
        if self.min_group_size == "k":
            return k
        return k + 1 if self.min_group_size == "k+1" else max(int(self.min_group_size), 1)


KEYS = tuple(Metadata.__dataclass_fields__)


@dataclass(frozen=True)
class Candidate:
    """An estimator to be scored.

    Attributes:
        build: makes the estimator for one objective size K.
        raw: the same without our checks in front of it, for the contract tests: ``raw(rewards, k)``.
        smallest_group: smallest group size for an objective size K.
        digest: SHA-256 of the source.
        origin: "built-in" or "submission".
    """

    metadata: Metadata
    build: Callable[[int], Estimator]
    raw: Callable[..., Any]
    smallest_group: Callable[[int], int]
    digest: str
    origin: str
    path: Path | None = field(default=None)

    @property
    def name(self) -> str:
        """The declared name."""
        return self.metadata.name

    def supports(self, n: int, k: int) -> bool:
        """Is it declared for groups of ``n`` and objective size ``k``?"""
        return self.metadata.min_k <= k <= n and self.smallest_group(k) <= n

    def certificate_pairs(self, scored: Sequence[tuple[int, int]] = ()) -> list[tuple[int, int]]:
        """The (n, K) to certify at: the default grid and those it is scored at, as far as it supports them.

        Raises:
            SubmissionError: it supports none of those it is to be scored at.
        """
        wanted = [pair for pair in scored if self.supports(*pair)]
        if scored and not wanted:
            sizes = ", ".join(f"({n}, {k})" for n, k in scored)
            raise SubmissionError(
                f"{self.name} is declared for min_k={self.metadata.min_k} and groups of at least "
                f"{self.metadata.min_group_size} samples, which excludes every (n, K) of the suite: {sizes}"
            )
        grid = [pair for pair in DEFAULT_GRID if self.supports(*pair)]
        smallest = max(self.smallest_group(self.metadata.min_k), self.metadata.min_k + 1, 3)
        return list(dict.fromkeys([*grid, *wanted])) or [(smallest, self.metadata.min_k)]


def built_in(name: str) -> Candidate:
    """Return a registered estimator (name or alias) as a candidate."""
    name = ESTIMATORS.canonical(name)
    spec = ESTIMATORS.get(name)
    metadata = Metadata(
        name=name,
        summary=spec.summary,
        scale=spec.scale,
        domain=spec.domain,
        paper=spec.paper,
        equation=spec.equation,
    )
    digest = hashlib.sha256(inspect.getsource(spec.function).encode()).hexdigest()
    return Candidate(metadata, lambda k: get_estimator(name, k), spec.function, spec.min_group_size, digest, "built-in")


def _parse_docstring(text: str) -> dict[str, str]:
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


def _import(path: Path, digest: str) -> ModuleType:
    name = f"maxpo_submission_{digest[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SubmissionError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise SubmissionError(f"{path.name} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _callable(module: ModuleType, attribute: str) -> Callable[..., Any] | None:
    value = getattr(module, attribute, None)
    return value if callable(value) else None


def _functions(module: ModuleType, name: str) -> tuple[Callable[..., Any], Callable[[int], Callable[..., Any]]]:
    """Return ``raw(rewards, k)`` and ``factory(k) -> f(rewards, k)`` from a submission's module."""
    plain, make = (_callable(module, attribute) for attribute in ("advantages", "make_advantages"))
    if plain is not None:
        return plain, lambda k: plain
    if make is not None:

        def raw(rewards: Any, k: int) -> Any:
            return make(k)(rewards)

        def factory(k: int) -> Callable[..., Any]:
            made = make(k)
            return lambda rewards, k: made(rewards)

        return raw, factory
    raise SubmissionError(
        f"{name}: define `def advantages(rewards: torch.Tensor, k: int) -> torch.Tensor` "
        "(rewards [groups, n]), or `def make_advantages(k: int)` that returns a function of the rewards"
    )


def load_submission(path: str | Path, **overrides: str | int | None) -> Candidate:
    """Load a submission. This runs the file's code with the caller's rights.

    Args:
        path: a ``.py`` file, or a folder with ``submission.py`` and ``submission.toml``. A single file declares what it
            wants to in its docstring: the first line is the summary, and lines like ``scale: 1`` or ``domain: binary``
            set the keys of `Metadata`. The name defaults to the file's (the folder's) name.
        overrides: keys of `Metadata` that take precedence; None is ignored.

    Raises:
        SubmissionError: the file is missing, malformed, fails to import or takes a built-in estimator's name.
    """
    path = Path(path)
    source = path / "submission.py" if path.is_dir() else path
    if not source.is_file() or source.suffix != ".py":
        raise SubmissionError(f"{source}: no such Python file; give a .py file or a folder with a submission.py")
    text = source.read_bytes()
    try:
        docstring = ast.get_docstring(ast.parse(text, filename=source.name)) or ""
    except (SyntaxError, ValueError) as error:
        raise SubmissionError(f"{source.name} is not valid Python: {error}") from error
    values: dict[str, Any] = {"name": path.resolve().stem.lower().replace(" ", "_"), **_parse_docstring(docstring)}
    declared_in = source.name
    toml = source.parent / "submission.toml"
    if path.is_dir() and toml.is_file():
        text += toml.read_bytes()
        values.update(_read_toml(toml))
        declared_in = f"{source.name} or {toml.name}"
    metadata = _metadata(values, declared_in)
    metadata = replace(metadata, **{key: value for key, value in overrides.items() if value is not None})
    if metadata.name in ESTIMATORS:
        raise SubmissionError(f"{metadata.name!r} is a built-in estimator's name: choose another (--name)")
    digest = hashlib.sha256(text).hexdigest()
    raw, factory = _functions(_import(source, digest), source.name)
    return from_function(raw, metadata, digest=digest, factory=factory, path=path)


def from_function(
    function: Callable[..., Any],
    metadata: Metadata,
    *,
    digest: str | None = None,
    factory: Callable[[int], Callable[..., Any]] | None = None,
    path: Path | None = None,
) -> Candidate:
    """Return a candidate for a function ``f(rewards, k)`` in memory."""
    if digest is None:
        try:
            digest = hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
        except (OSError, TypeError) as error:
            raise SubmissionError(
                f"the source of {metadata.name!r} cannot be read, so it has no hash: put it into a file"
            ) from error
    make = factory or (lambda k: function)

    def build(k: int) -> Estimator:
        scale, domain = cast(Scale, metadata.scale), cast(Domain, metadata.domain)
        return as_estimator(make(k), k, scale=scale, domain=domain, name=metadata.name)

    return Candidate(metadata, build, function, metadata.smallest_group, digest, "submission", path)
