"""The set-up script, with the making of environments and the installing replaced: nothing is downloaded."""

import ast
import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "set_up.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="scripts/ is part of a checkout, not of a distribution")


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script, at work in a folder of its own, on a Python without torch."""
    spec = importlib.util.spec_from_file_location("set_up_under_test", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "set_up.py").write_text("script")
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\n")
    (tmp_path / "pyproject.toml").write_text('dependencies = [\n    "torch>=2.11",\n]\n')
    venv = tmp_path / ".venv"
    paths = {"ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "bin" / "python", "LOCK": tmp_path / ".venv.lock"}
    for name, path in {**paths, "MARKER": venv / "made-by-set-up", "STAMP": venv / "made-from"}.items():
        monkeypatch.setattr(module, name, path)
    modules(monkeypatch, module, "ensurepip", "pip")
    return module


def modules(monkeypatch, script, *names):
    """Let only these modules be found by the script."""
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: name if name in names else None)


@pytest.fixture
def calls(script, monkeypatch):
    """The commands that the script runs; making an environment only makes its Python."""
    made = []

    def run(command, **options):
        made.append([str(part) for part in command])
        if str(script.VENV) in made[-1]:
            assert script.MARKER.exists(), "the marker comes before the environment"
            script.PYTHON.parent.mkdir()
            script.PYTHON.touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(script.subprocess, "run", run)
    return made


def installs(calls):
    return [call for call in calls if "install" in call and "--editable" in call]


def test_the_first_call_sets_up_and_the_second_is_quick(script, calls, capsys):
    assert script.main() == 0
    assert [call[1:3] for call in calls] == [["-m", "venv"], ["-m", "pip"]]
    assert installs(calls)[0][0] == str(script.PYTHON)
    assert installs(calls)[0][-1] == f"{script.ROOT}[dev]"
    assert str(script.ROOT / "constraints.txt") in installs(calls)[0]
    capsys.readouterr()
    started = time.monotonic()
    assert script.main() == 0
    assert time.monotonic() - started < 1
    assert len(calls) == 2
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "scripts/set_up.py"])
def test_what_it_is_made_from_makes_it_stale(script, calls, name):
    script.main()
    (script.VENV / "bin" / "leftover").touch()
    with open(script.ROOT / name, "a") as file:
        file.write("\n# changed\n")
    assert script.main() == 0
    assert len(installs(calls)) == 2
    assert not (script.VENV / "bin" / "leftover").exists()


def test_an_environment_without_its_python_is_remade(script, calls):
    script.main()
    script.PYTHON.unlink()
    assert script.main() == 0
    assert len(installs(calls)) == 2


class TestForeignEnvironments:
    def test_are_left_alone_with_a_way_to_go_on(self, script, calls):
        (script.VENV / "bin").mkdir(parents=True)
        (script.VENV / "bin" / "precious").write_text("mine")
        with pytest.raises(SystemExit, match=r"was not made by this script.*\n.*mv \.venv .*call make again") as stop:
            script.main()
        assert stop.value.code not in (0, None)
        assert calls == []
        assert [path.name for path in script.VENV.rglob("*")] == ["bin", "precious"]

    def test_a_link_or_a_file_is_foreign_too(self, script, calls, tmp_path):
        script.VENV.symlink_to(tmp_path / "nowhere")
        with pytest.raises(SystemExit, match="left alone"):
            script.main()
        script.VENV.unlink()
        script.VENV.write_text("a file")
        with pytest.raises(SystemExit, match="left alone"):
            script.main()
        assert calls == []

    def test_an_empty_folder_is_nobodys(self, script, calls):
        script.VENV.mkdir()
        assert script.main() == 0
        assert len(installs(calls)) == 1

    def test_links_in_our_own_are_not_followed(self, script, calls, tmp_path):
        precious = tmp_path / "elsewhere"
        precious.mkdir()
        (precious / "file").touch()
        script.main()
        (script.VENV / "link").symlink_to(precious)
        script.STAMP.unlink()
        assert script.main() == 0
        assert (precious / "file").exists()
        assert not (script.VENV / "link").exists()


@pytest.mark.parametrize("moment", ["making", "installing", "deleting"])
def test_an_interrupted_set_up_is_remade(script, calls, monkeypatch, capsys, moment):
    if moment == "deleting":
        script.main()
        (script.ROOT / "constraints.txt").write_text("changed")
    plain_run, plain_rmtree = script.subprocess.run, script.shutil.rmtree

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    def run(command, **options):
        return interrupt() if moment == "making" or "--editable" in command else plain_run(command, **options)

    monkeypatch.setattr(script.shutil, "rmtree", interrupt if moment == "deleting" else plain_rmtree)
    monkeypatch.setattr(script.subprocess, "run", run)
    assert script.main() == 130
    assert "interrupted; the next call begins anew" in capsys.readouterr().err
    assert script.MARKER.exists()
    assert not script.STAMP.exists()
    monkeypatch.setattr(script.subprocess, "run", plain_run)
    monkeypatch.setattr(script.shutil, "rmtree", plain_rmtree)
    calls.clear()
    assert script.main() == 0
    assert len(installs(calls)) == 1
    assert script.is_current()


def test_a_failed_command_is_named_and_leaves_no_stamp(script, monkeypatch, capsys):
    def run(command, **options):
        raise subprocess.CalledProcessError(7, [str(part) for part in command])

    monkeypatch.setattr(script.subprocess, "run", run)
    assert script.main() == 1
    assert "failed with status 7" in capsys.readouterr().err
    assert not script.STAMP.exists()


def test_two_calls_at_once_make_one_environment(script, calls, monkeypatch, capsys):
    is_installing, may_go_on = threading.Event(), threading.Event()
    plain, results = script.install, []

    def slow():
        is_installing.set()
        assert may_go_on.wait(10)
        plain()

    monkeypatch.setattr(script, "install", slow)
    first, second = (threading.Thread(target=lambda: results.append(script.main())) for _ in range(2))
    first.start()
    assert is_installing.wait(10)
    second.start()
    output = ""
    deadline = time.monotonic() + 10
    while "waiting for another" not in output and time.monotonic() < deadline:
        output += capsys.readouterr().out
        time.sleep(0.01)
    assert "waiting for another set-up of this checkout" in output
    may_go_on.set()
    first.join(10)
    second.join(10)
    assert results == [0, 0]
    assert len(installs(calls)) == 1


class TestCudaTorch:
    @pytest.fixture
    def torch_of(self, script, calls, monkeypatch):
        """Set which CUDA torch this Python and the environment's can import."""

        def choose(ours, shared):
            modules(monkeypatch, script, "ensurepip", "torch")
            monkeypatch.setattr(script, "cuda_torch", {sys.executable: ours, str(script.PYTHON): shared}.__getitem__)

        return choose

    def test_one_that_the_environment_can_import_is_used(self, script, calls, torch_of, capsys):
        torch_of("2.12.0+cu130", "2.12.0+cu130")
        assert script.main() == 0
        assert [call for call in calls if "venv" in call] == [
            [sys.executable, "-m", "venv", "--system-site-packages", str(script.VENV)]
        ]
        assert "--constraint" not in installs(calls)[0]
        assert "using the installed torch 2.12.0+cu130" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("shared", "words"),
        [
            (None, "torch 2.12.0+cu130 is not used, since an environment cannot import it"),
            ("2.9.1+cu126", "torch 2.9.1+cu126 is not used, since it is too old; torch>=2.11 is installed anew"),
            ("2.11.0a0+nv", "torch 2.11.0a0+nv is not used, since it is too old"),
        ],
    )
    def test_otherwise_torch_is_installed_anew(self, script, calls, torch_of, capsys, shared, words):
        torch_of("2.12.0+cu130", shared)
        assert script.main() == 0
        assert [call for call in calls if "venv" in call][-1] == [sys.executable, "-m", "venv", str(script.VENV)]
        assert "--constraint" in installs(calls)[0]
        assert words in capsys.readouterr().out
        assert script.is_current()

    def test_the_probe_asks_the_python_that_it_is_given(self, script, tmp_path, monkeypatch):
        (tmp_path / "torch.py").write_text(
            "from types import SimpleNamespace\n__version__ = '2.12.0'\nversion = SimpleNamespace(cuda='13.0')\n"
        )
        blind = tmp_path / "python"
        blind.write_text(f'#!/bin/sh\nexec env -u PYTHONPATH {sys.executable} -S "$@"\n')
        blind.chmod(0o755)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        assert script.cuda_torch(sys.executable) == "2.12.0"
        assert script.cuda_torch(str(blind)) is None
        (tmp_path / "torch.py").write_text(
            "from types import SimpleNamespace\n__version__ = '2.12.0'\nversion = SimpleNamespace(cuda=None)\n"
        )
        assert script.cuda_torch(sys.executable) is None


@pytest.mark.parametrize(
    ("version", "is_enough"),
    [
        ("2.11", True),
        ("2.11.0+cu128", True),
        ("2.11.1", True),
        ("2.13.0a0+abc", True),
        ("2.11.0.post1", True),
        ("3.0", True),
        ("2.11.0a0+abc", False),
        ("2.11.0.dev20260101", False),
        ("2.11.0rc1", False),
        ("2.9.1", False),
        ("1.13", False),
        ("unknown", False),
    ],
)
def test_versions_are_compared_as_numbers(script, version, is_enough):
    assert script.is_new_enough(version, "2.11") is is_enough


def test_the_oldest_torch_is_that_of_pyproject(script, monkeypatch):
    assert script.oldest_torch() == "2.11"
    monkeypatch.setattr(script, "ROOT", SCRIPT.parents[1])
    assert script.oldest_torch().startswith("2.")


class TestPythons:
    def test_too_old_a_python_is_refused_in_words(self, script, monkeypatch, capsys):
        monkeypatch.setattr(script.sys, "version_info", (3, 8, 18, "final", 0))
        assert script.main() == 1
        message = capsys.readouterr().err
        assert "Python 3.11 or newer is needed, this is 3.8.18" in message
        assert "PYTHON=python3.12" in message

    def test_the_script_parses_on_python_3_8(self):
        tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
        names = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
        assert names, "annotations such as str | None are not evaluated"

    def test_virtualenv_stands_in_for_ensurepip(self, script, calls, monkeypatch):
        modules(monkeypatch, script, "virtualenv")
        assert script.main() == 0
        assert [call[1:3] for call in calls] == [["-m", "virtualenv"], ["-m", "pip"]]
        assert calls[0][-1] == str(script.VENV)

    def test_pip_fetches_virtualenv_where_it_is_missing_too(self, script, calls, monkeypatch):
        modules(monkeypatch, script, "pip")
        assert script.main() == 0
        assert [call[1:3] for call in calls] == [["-m", "pip"], ["-m", "virtualenv"], ["-m", "pip"]]
        assert calls[0][-1] == "virtualenv"

    def test_without_any_of_them_it_says_what_to_install(self, script, calls, monkeypatch):
        modules(monkeypatch, script)
        with pytest.raises(SystemExit, match=r"neither ensurepip, virtualenv nor pip.*\n.*apt install python3-venv"):
            script.main()
        assert calls == []


def test_an_environment_can_be_made_around_the_marker(script, monkeypatch):
    """The real venv module, without pip for speed: the marker neither disturbs it nor is lost."""
    plain = subprocess.run
    monkeypatch.setattr(
        script, "subprocess", SimpleNamespace(run=lambda command, **o: plain([*command, "--without-pip"], **o))
    )
    script.make_venv(system_packages=False)
    assert script.MARKER.exists()
    found = plain([script.PYTHON, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
    assert os.path.samefile(found.stdout.strip(), script.VENV)
