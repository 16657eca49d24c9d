"""scripts/set_up_vllm_cpu.py, with the making of environments and the installing replaced: nothing is downloaded."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "set_up_vllm_cpu.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="scripts/ is part of a checkout, not of a distribution")


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("set_up_vllm_cpu_under_test", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(module.sys, "platform", "linux")
    return module


@pytest.fixture
def calls(script, monkeypatch):
    """The commands that the script runs; making an environment only makes its Python."""
    made = []

    def run(command, **options):
        made.append(command)
        if command[1:3] == ["-m", "venv"]:
            folder = Path(command[3])
            assert (folder / script.MARKER).exists(), "the marker comes before the environment"
            (folder / "bin").mkdir()
            (folder / "bin" / "python").touch()
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(script.subprocess, "run", run)
    return made


def test_one_call_makes_it_and_imports_vllm_and_a_second_does_nothing(script, calls, tmp_path, capsys):
    folder = tmp_path / "venv"
    assert script.main([str(folder)]) == 0
    venv, install, uninstall, probe = calls
    assert venv[1:] == ["-m", "venv", str(folder)]
    assert {"vllm-cpu", "pytest", f"{ROOT}[llm]", str(script.CONSTRAINTS)} <= set(install)
    assert {"torchvision", "torchaudio", "torchcodec"} <= set(uninstall)
    assert "vllm" in probe[-1]
    assert all(command[0] == str(folder / "bin" / "python") for command in (install, uninstall, probe))
    assert "done in" in capsys.readouterr().out
    assert script.main([str(folder)]) == 0
    assert len(calls) == 4
    assert "is current" in capsys.readouterr().out


def test_the_default_folder_is_in_the_checkout(script):
    assert script.DEFAULT == ROOT / ".venv-vllm-cpu"


def test_what_it_is_made_from_makes_it_stale(script, calls, tmp_path, monkeypatch):
    folder = tmp_path / "venv"
    script.main([str(folder)])
    (folder / "leftover").touch()
    changed = tmp_path / "constraints.txt"
    changed.write_text("torch==0\n")
    monkeypatch.setattr(script, "SOURCES", (changed,))
    assert script.main([str(folder)]) == 0
    assert len(calls) == 8
    assert not (folder / "leftover").exists()


def test_what_somebody_else_made_is_left_alone(script, calls, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "precious").touch()
    link = tmp_path / "link"
    link.symlink_to(mine)
    for folder in (mine, link, mine / "precious"):
        with pytest.raises(SystemExit, match="left alone"):
            script.main([str(folder)])
    assert calls == []
    assert (mine / "precious").exists()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (subprocess.CalledProcessError(7, ["pip"]), 1, "failed with status 7"),
        (KeyboardInterrupt(), 130, "the next call begins anew"),
    ],
)
def test_a_failed_set_up_is_made_anew(script, calls, tmp_path, monkeypatch, capsys, error, status, words):
    folder, plain = tmp_path / "venv", script.subprocess.run

    def fail(command, **options):
        if "install" in command:
            raise error
        return plain(command, **options)

    monkeypatch.setattr(script.subprocess, "run", fail)
    assert script.main([str(folder)]) == status
    assert words in capsys.readouterr().err
    monkeypatch.setattr(script.subprocess, "run", plain)
    calls.clear()
    assert script.main([str(folder)]) == 0
    assert len(calls) == 4


def test_other_machines_and_flags_are_answered_in_words(script, calls, tmp_path, monkeypatch, capsys):
    assert script.main(["--help"]) == 0
    assert script.main(["a", "b"]) == 2
    assert "FOLDER" in capsys.readouterr().out
    monkeypatch.setattr(script.platform, "machine", lambda: "arm64")
    assert script.main([str(tmp_path / "venv")]) == 1
    assert "x86-64" in capsys.readouterr().err
    assert calls == []


def test_the_constraints_fit_what_the_package_asks_for(script):
    lines = [line for line in script.CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    assert lines == sorted(lines)
    assert not {"torchvision", "torchaudio", "torchcodec", "maxpo-bench"} & set(pins)
    assert (pins["vllm-cpu"], pins["trl"], pins["torch"]) == ("0.31.0", "1.16.0", "2.13.0")
    assert re.fullmatch(r"5\.1\d\.\d", pins["transformers"])
