"""Who may import whom: read from the source, so that a lazy import inside a function counts too."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "maxpo_bench"
BASE = {"registry", "seeding", "compiled", "lazy", "json_lines"}
ALLOWED = {
    "registry": set(),
    "seeding": set(),
    "compiled": set(),
    "lazy": set(),
    "json_lines": set(),
    "sandbox": BASE,
    "estimators": BASE,
    "objectives": BASE | {"estimators"},
    "stats": BASE,
    "comparison": BASE | {"stats"},
    "moments": BASE | {"estimators", "objectives", "stats"},
    "envs": BASE,
    "evaluation": BASE | {"stats"},
    "agents": BASE | {"estimators", "objectives", "envs"},
    "llm": BASE | {"estimators", "stats", "evaluation", "agents", "envs"},
    "sweep": BASE | {"stats", "comparison", "agents", "envs", "llm"},
    "leaderboard": BASE | {"sandbox", "estimators", "objectives", "stats", "moments", "agents", "envs", "sweep"},
    "plots": BASE | {"estimators", "stats", "comparison", "evaluation", "moments", "agents", "envs", "sweep"},
    "reproduce": BASE
    | {"estimators", "objectives", "stats", "moments", "evaluation", "agents", "envs", "llm", "sweep"}
    | {"plots", "leaderboard"},
}
ABOVE_ALL = {"cli", "commands", "__init__"}
NEVER = {
    "envs": {"torch", "stable_baselines3"},
    "registry": {"torch"},
    "seeding": {"torch"},
    "compiled": {"torch"},
    "lazy": {"torch"},
}


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path: Path) -> set[str]:
    """Dotted names of everything a file imports, except under TYPE_CHECKING."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_layers(path):
    part = part_of(path)
    if part in ABOVE_ALL:
        return
    assert part in ALLOWED, f"{part} is new: add it to the layers here and in ARCHITECTURE.md"
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("maxpo_bench.")}
    assert ours - {part} <= ALLOWED[part]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_light_parts_never_import_heavy_packages(path):
    tops = {name.split(".")[0] for name in imports(path)}
    assert not tops & NEVER.get(part_of(path), set())


def test_only_the_package_is_imported_never_the_links():
    for path in [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]:
        assert not {name.split(".")[0] for name in imports(path)} & {"envs", "agents", "llm"}, path


@pytest.mark.parametrize("name", ["envs", "agents", "llm"])
def test_top_level_folders_are_links_to_the_subpackages(name):
    assert (ROOT / name).resolve() == PACKAGE / name
