"""The README's examples run as they stand, its commands exist, and its table is that of the registry."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from maxpo_bench import cli
from maxpo_bench.estimators import list_estimators

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"^maxpo-bench (\S+)", TEXT, re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.strip().splitlines()[-1][:40])
def test_examples_run(block, tmp_path):
    path = tmp_path / "example.py"
    path.write_text(block)
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_there_are_five_examples_of_at_most_a_dozen_lines():
    assert len(BLOCKS) == 5
    assert all(len([line for line in block.splitlines() if line.strip()]) <= 12 for block in BLOCKS)


def test_commands_exist():
    known = {command.callback.__name__ for command in cli.app.registered_commands if command.callback}
    known |= {group.typer_instance.info.name for group in cli.app.registered_groups if group.typer_instance}
    assert COMMANDS
    assert set(COMMANDS) <= known


def test_every_estimator_has_its_row():
    for spec in list_estimators():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{spec.name}`"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[2] == ("no" if spec.unbiased_at == "no K" else spec.unbiased_at)
        assert cells[3] == ("yes" if spec.centered else "no")
        assert cells[4] == spec.scale


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
