"""Sweeps of fake runs."""

from pathlib import Path

import pytest

from maxpo_bench import sweep


@pytest.fixture(autouse=True)
def _fakes_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def run_fake(tmp_path):
    """Run a sweep of fake agents: `run_fake(["raises", "fine"], seeds=2, ...)`."""

    def run(agents, execute="sweep_fakes:moody", out=None, **options):
        table = {"environments": ["any"], "agents": agents, "iterations": 1, "seeds": options.pop("seeds", 1)}
        table["environments"] = [{"id": "any", "kwargs": options.pop("env_kwargs", {})}]
        options = {"workers": 2, "progress": False, **options}
        return sweep.run(table, out or tmp_path / "out", execute=execute, **options)

    return run
