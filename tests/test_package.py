"""What `import maxpo_bench` loads, and what the package says of itself."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import maxpo_bench

ROOT = Path(__file__).resolve().parents[1]


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print('LOADED', *sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(printed.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("statement", ["import maxpo_bench", "import maxpo_bench.envs", "import maxpo_bench.cli"])
def test_importing_loads_no_heavy_package(statement):
    heavy = {
        "torch",
        "stable_baselines3",
        "matplotlib",
        "pandas",
        "seaborn",
        "scipy.stats",
        "transformers",
        "ray",
        "vllm",
    }
    assert not loaded_after(statement) & heavy


def test_help_loads_no_heavy_package():
    code = (
        "import sys; sys.argv = ['maxpo-bench', '--help']\n"
        "from maxpo_bench.cli import app\ntry: app()\nexcept SystemExit: pass"
    )
    assert not loaded_after(code) & {"torch", "gymnasium.envs.mujoco", "matplotlib", "pandas"}


def test_environments_are_registered_by_import_or_by_the_id_alone():
    statement = "import gymnasium; gymnasium.make('maxpo_bench:maxpo/Bandit-v0', num_arms=3)"
    assert "maxpo_bench.envs.bandit" in loaded_after(statement)


def test_version_agrees_with_the_metadata_and_the_citation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert maxpo_bench.__version__ == project["version"]
    assert f"version: {project['version']}" in (ROOT / "CITATION.cff").read_text()


def test_subpackages_load_on_first_use():
    for name in maxpo_bench.__all__:
        assert getattr(maxpo_bench, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = maxpo_bench.nothing


def test_constraints_pin_everything_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {line.split("==")[0] for line in lines}
    assert all("==" in line for line in lines)
    assert "torch==2.13.0" in lines
    for group in (
        project["dependencies"],
        project["optional-dependencies"]["dev"],
        project["optional-dependencies"]["llm"],
    ):
        for requirement in group:
            name = requirement.split(">")[0].split("=")[0].split("<")[0].split("[")[0]
            assert name in pinned, f"{name} is not in constraints.txt"
