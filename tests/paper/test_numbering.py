"""Every numbered statement of the paper's method has a test that carries its number."""

from __future__ import annotations

import ast
import re
from pathlib import Path

NAMES = [
    node.name
    for path in sorted(Path(__file__).parent.glob("test_*.py"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]
STATEMENTS = ["prop_3_1", "prop_4_1", "prop_f_1", "theorem_3_2", "theorem_e_1", "theorem_e_2"]


def equations(name: str) -> set[int]:
    """Return the equation numbers that a test's name starts with: ``test_eq_28_29_...`` carries 28 and 29."""
    found = re.match(r"test_eq((?:_\d+)+)_", name)
    return {int(number) for number in found[1].split("_") if number} if found else set()


def test_every_equation_from_1_to_108_is_named():
    """Sections 2 to 5 and Appendices C to F number their displays 1 to 108; Appendix G starts at 109."""
    named = set().union(*map(equations, NAMES))
    assert named == set(range(1, 109))


def test_every_proposition_and_theorem_is_named():
    for statement in STATEMENTS:
        assert any(name.startswith(f"test_{statement}_") for name in NAMES), statement


def test_every_row_of_table_1_is_named():
    rows = {int(found[1]) for name in NAMES if (found := re.match(r"test_table_1_row_(\d)_", name))}
    assert rows == set(range(1, 8))


def test_no_name_is_used_twice():
    assert len(NAMES) == len(set(NAMES))
