"""The file that `llm prepare` writes, and the report beside it that names inputs and output exactly."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxpo_bench.envs.tasks import DecontaminationReport, Problem

SCHEMA = "maxpo-bench prepared set 1"


def report_path(output: Path) -> Path:
    """Return where the report of a prepared file lies: beside it, "train.jsonl.report.json" of "train.jsonl"."""
    return output.with_name(f"{output.name}.report.json")


def check_template(template: str | None, output: Path | None) -> None:
    """Check a template before any work.

    Raises:
        UnknownNameError: there is no such template.
        ValueError: there is no output for it.
    """
    from maxpo_bench.llm.prompts import get_template

    if template is not None:
        get_template(template)
        if output is None:
            raise ValueError("--template adds prompts to the rows of --out: give that too")


def write_prepared(
    output: Path,
    problems: Sequence[Problem],
    *,
    source: Mapping[str, Any],
    against: Sequence[Mapping[str, Any]],
    found: DecontaminationReport | None,
    template: str | None = None,
) -> dict[str, Any]:
    """Write problems as JSON Lines and the report beside them, each whole or not at all.

    Args:
        output: a file that is not there.
        problems: the rows, in order.
        source: of `describe`, what they come from.
        against: the same of each evaluation set.
        found: what was removed, None for no comparison.
        template: a prompt template: rows get "prompt", its text, or "messages" where a tokenizer has to render it.

    Returns:
        What the report holds of the output: its name, rows, columns and SHA-256.

    Raises:
        FileExistsError: the file has appeared meanwhile.
        UnknownNameError: there is no such template.
        ValueError: a question holds marks of the template.
    """
    from maxpo_bench.llm.atomic_files import publish_text
    from maxpo_bench.llm.run_folder import package_versions

    rows = [_row(problem, template) for problem in problems]
    # ASCII only: U+2028 in a question would end the line for readers that use splitlines().
    data = "".join(f"{json.dumps(row)}\n" for row in rows).encode("ascii")
    written = {
        "file": output.name,
        "rows": len(rows),
        "columns": list(dict.fromkeys(name for row in rows for name in row)),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    report = {
        "schema": SCHEMA,
        "source": dict(source),
        "against": [dict(entry) for entry in against],
        "decontamination": None if found is None else found.to_json(),
        "template": template,
        "output": written,
        "versions": package_versions(),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    # The report first: killed in between, nothing says that the set is there, and a second call replaces the report.
    publish_text(report_path(output), json.dumps(report, indent=2) + "\n")
    _publish_new(output, data)
    return written


def describe(name: str, split: str, problems: Sequence[Problem], data_dir: Path | None) -> dict[str, Any]:
    """Return what names a data set exactly: rows, the SHA-256 of its problems, and of the files they were read from.

    Args:
        name: a known name, a path or a hub name.
        split: its part.
        problems: what was read.
        data_dir: folder of data sets; None for the environment variable's, or the hub.
    """
    from maxpo_bench.llm.recipes.questions import problems_digest

    files = [
        {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in _files(name, split, data_dir)
    ]
    digest = problems_digest(problems)
    return {"name": name, "split": split, "rows": len(problems), "problems_sha256": digest, "files": files}


def _row(problem: Problem, template: str | None) -> dict[str, Any]:
    from maxpo_bench.llm.prompts import as_messages, get_template, render_prompt

    row = {"id": problem.id, "problem": problem.question, "answer": problem.answer, **problem.metadata}
    if template is None:
        return row
    if get_template(template).form == "tokenizer":
        return {**row, "messages": as_messages(problem.question, template)}
    return {**row, "prompt": render_prompt(problem.question, template)}


def _files(name: str, split: str, data_dir: Path | None) -> Iterator[Path]:
    """Yield the local files that a set is read from; none for the hub."""
    from maxpo_bench.envs.tasks import DATASETS
    from maxpo_bench.envs.tasks.dataset_files import find_file
    from maxpo_bench.envs.tasks.loading import data_folder

    known = DATASETS.get(name)
    if known is not None and known.parts:
        for part, part_split, _ in known.parts:
            yield from _files(part, part_split, data_dir)
        return
    path, folder = Path(name).expanduser(), data_folder(data_dir)
    if known is None and path.is_file():
        yield path
        return
    place = path if known is None else folder and folder / name
    found = find_file(place, split) if place is not None and place.is_dir() else None
    if found is not None:
        yield found


def _publish_new(path: Path, data: bytes) -> None:
    """Write a file that must not be there, whole or not at all."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0o077)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.link(temporary, path)
    finally:
        temporary.unlink()
