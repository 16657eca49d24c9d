"""Which sources of the package a module's numbers may depend on, found by reading imports."""

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from maxpo_bench.reproduce.cell_files import ROOT

ONLY_EXPORT = {ROOT / part / "__init__.py" for part in ("agents", "envs", "plots", "leaderboard", "reproduce")}
ONLY_WRITE = {ROOT / "leaderboard" / "store.py"}


def imports(tree):
    """Every `from ... import` that is run, lazy ones included: not those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "maxpo_bench":
            yield node
        yield from imports(node)


def imported_sources(path):
    """Files of the package that a file imports from, lazily or not; through a package, where the name is defined."""
    found = set()
    for node in imports(ast.parse(path.read_text())):
        found.add(node.module)
        if find_spec(node.module).submodule_search_locations is None:
            continue
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            is_module = find_spec(name) is not None
            found.add(name if is_module else getattr(getattr(import_module(node.module), alias.name), "__module__", ""))
    return {Path(find_spec(name).origin) for name in found if name.split(".")[0] == "maxpo_bench"}


def reached_from(path, leaving_out=frozenset()):
    """The file and all that it imports, directly or not, but for what only exports names or writes files."""
    reached, waiting = set(), {path}
    while waiting:
        path = waiting.pop()
        reached.add(path)
        waiting |= imported_sources(path) - reached - ONLY_EXPORT - ONLY_WRITE - leaving_out
    return reached
