"""Check the submissions that a branch adds or changes: `python scripts/check_submissions.py BASE [--head HEAD]`.

For continuous integration on pull requests by strangers. What a branch holds is read from git's objects, never from a
checked-out file, so that links, filters and odd file names have no effect; a submission's code runs in the strict
sandbox of `maxpo-bench check` only. Exit code 0: everything passes or nothing is submitted; 1: something is refused or
fails; 2: the call is wrong or git fails.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = "submissions"
FILES = ("submission.py", "submission.toml", "README.md")
REQUIRED = ("submission.py", "submission.toml")
ALLOWED = re.compile(rf"{FOLDER}/([a-z0-9][a-z0-9_.-]{{0,39}})/({'|'.join(map(re.escape, FILES))})")
REGULAR = ("100644", "100755")
MAX_BYTES = 1_000_000
MAX_FOLDERS = 5
CHECK_SECONDS = 300.0
SHOWN = 4000


class CallError(ValueError):
    """The call is wrong or git fails; the message says how to mend it."""


@dataclass(frozen=True)
class File:
    """One file of a branch as git stores it: mode, object, size in bytes (None for what is no file) and path."""

    mode: str
    blob: str
    size: int | None
    path: str


def git(root: Path, *arguments: str) -> bytes:
    """Return what git prints.

    Raises:
        CallError: git fails.
    """
    command = ["git", "-C", str(root), "--no-pager", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise CallError(f"git {arguments[0]} failed: {readable(done.stderr.decode(errors='replace')).strip()}")
    return done.stdout


def readable(text: str) -> str:
    """Return text with every character that could forge a log (control, invisible, not ASCII) written as an escape."""
    return "".join(c if " " <= c <= "~" or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def commit_of(root: Path, name: str) -> str:
    """Return the hash of a commit."""
    return git(root, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}").decode().strip()


def changed_paths(root: Path, base: str, head: str) -> list[tuple[str, str]]:
    """Return (status, path) of what ``head`` changes since it left ``base``; status A, M, D or T."""
    options = ("--no-ext-diff", "--no-textconv", "--no-renames", "--name-status", "-z")
    fields = git(root, "diff", *options, f"{base}...{head}", "--").decode(errors="surrogateescape").split("\0")[:-1]
    return list(zip(fields[::2], fields[1::2], strict=True))


def sort_paths(changes: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return the names of the changed entries, and a refusal for each path that is no entry's."""
    names: dict[str, None] = {}
    refused = []
    for _, path in changes:
        match = ALLOWED.fullmatch(path)
        if match:
            names[match[1]] = None
        elif not path.startswith(f"{FOLDER}/"):
            refused.append(f"{path!a} is outside {FOLDER}/: a pull request with a submission touches nothing else")
        else:
            refused.append(f"{path!a} is none of {FOLDER}/NAME/{{{','.join(FILES)}}}, NAME in lower case: remove it")
    return sorted(names), refused


def files_of(root: Path, head: str, name: str) -> list[File]:
    """Return every file of an entry's folder at ``head``; none where the folder is gone."""
    listed = git(root, "ls-tree", "-r", "-l", "-z", head, "--", f"{FOLDER}/{name}/").decode(errors="surrogateescape")
    found = []
    for line in listed.split("\0")[:-1]:
        described, path = line.split("\t", 1)
        mode, _, blob, size = described.split()
        found.append(File(mode, blob, int(size) if size.isdecimal() else None, path))
    return found


def refusals(files: list[File]) -> list[str]:
    """Say what is wrong with the files of one entry before any of them is read."""
    found = []
    for file in files:
        if not ALLOWED.fullmatch(file.path):
            found.append(f"{file.path!a} does not belong into a submission, which is {', '.join(FILES)}")
        elif file.mode not in REGULAR:
            found.append(f"{file.path} is a link or a submodule: put the file itself there")
        elif file.size is None or file.size > MAX_BYTES:
            found.append(f"{file.path} has {file.size} bytes; at most {MAX_BYTES} are taken")
    present = {file.path.rsplit("/", 1)[-1] for file in files}
    return found + [f"{name} is missing" for name in REQUIRED if name not in present]


def extract(root: Path, files: list[File], folder: Path) -> None:
    """Write the files of one entry, as git stores them, into a new folder."""
    folder.mkdir()
    for file in files:
        (folder / file.path.rsplit("/", 1)[-1]).write_bytes(git(root, "cat-file", "blob", file.blob))


def check(folder: Path) -> dict[str, Any]:
    """Call `maxpo-bench check` on a folder; return its verdict.

    The submission must declare the folder's name, and whose it is: authors, licence, a summary of its own.
    """
    command = [sys.executable, "-P", "-m", "maxpo_bench.cli", "check", str(folder), "--json"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=CHECK_SECONDS, cwd=folder.parent)
    except subprocess.TimeoutExpired:
        return {"passed": False, "message": f"not checked within {CHECK_SECONDS:g} s", "report": None}
    output, message = (readable(part.decode(errors="replace")) for part in (done.stdout, done.stderr))
    try:
        report = json.loads(output)
    except ValueError:
        return {"passed": False, "message": (output + message)[-SHOWN:].strip(), "report": None}
    wrong = [f"fill in: {line}" for line in report["unfinished"]]
    if report["name"] != folder.name:
        wrong.append(f"it declares the name {readable(report['name'])}: name its folder so")
    message = "\n".join([*wrong, message[-SHOWN:].strip()]).strip()
    return {"passed": done.returncode == 0 and not wrong, "message": message, "report": report}


def examine(root: Path, base: str, head: str) -> dict[str, Any]:
    """Find and check every entry that ``head`` changes.

    Returns:
        ``passed``, ``base``, ``head``, ``refused`` (paths that are no entry's) and ``entries``, each with ``name``,
        ``state`` (added, changed, removed), ``refused``, ``passed``, ``message`` and ``report``.
    """
    base, head = commit_of(root, base), commit_of(root, head)
    names, refused = sort_paths(changed_paths(root, base, head))
    if len(names) > MAX_FOLDERS:
        refused.append(f"{len(names)} entries at once; at most {MAX_FOLDERS} are taken: open several pull requests")
    ancestor = git(root, "merge-base", base, head).decode().strip()
    entries = [] if refused else [examine_entry(root, ancestor, head, name) for name in names]
    passed = not refused and all(entry["passed"] for entry in entries)
    return {"passed": passed, "base": base, "head": head, "refused": refused, "entries": entries}


def examine_entry(root: Path, ancestor: str, head: str, name: str) -> dict[str, Any]:
    """Check one entry; one that was removed passes, with its state for whoever reviews it."""
    files, before = files_of(root, head, name), files_of(root, ancestor, name)
    entry = {"name": name, "state": "changed" if before else "added", "refused": [], "message": "", "report": None}
    if not files:
        return {**entry, "state": "removed", "passed": True}
    refused = refusals(files)
    if refused:
        return {**entry, "refused": refused, "passed": False}
    with tempfile.TemporaryDirectory(prefix="submission-") as scratch:
        folder = Path(scratch) / name
        extract(root, files, folder)
        return {**entry, **check(folder)}


def describe(result: dict[str, Any]) -> str:
    """Return the result in words, every line beginning with our own."""
    lines = [f"refused: {reason}" for reason in result["refused"]]
    for entry in result["entries"]:
        verdict = "passes" if entry["passed"] else "does not pass"
        lines.append(f"{entry['name']} ({entry['state']}): {verdict}")
        lines += [f"  refused: {reason}" for reason in entry["refused"]]
        lines += [f"  | {line}" for line in entry["message"].splitlines()]
        lines += [f"  | {line}" for line in failures(entry["report"])]
    if not result["refused"] and not result["entries"]:
        lines.append("no submission is added or changed")
    return "\n".join(lines)


def failures(report: Any) -> list[str]:
    """Return the lines of a report of `maxpo-bench check` that say what failed."""
    if not isinstance(report, dict):
        return []
    failed = [item for item in report.get("contract", []) if item.get("status") == "fail"]
    found = [f"{item.get('name')}: {item.get('message')}" for item in failed]
    if report.get("error"):
        found.append(f"{report.get('error_kind')}: {report['error']}")
    return [readable(line).replace("\n", " ") for line in found]


def main() -> int:
    """Read the command line, examine, print; return the exit code."""
    parser = argparse.ArgumentParser(description="Check the submissions that a branch adds or changes.")
    parser.add_argument("base", help="commit or branch that it will be merged into")
    parser.add_argument("--head", default="HEAD", help="the branch's last commit (default: HEAD)")
    parser.add_argument("--root", type=Path, default=Path("."), help="its git repository (default: this folder)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    try:
        result = examine(given.root, given.base, given.head)
    except CallError as error:
        print(f"check_submissions: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, indent=2, sort_keys=True) if given.json else describe(result))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
