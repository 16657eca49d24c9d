"""Workers and limits of the grader: by argument, environment and container; and the command where it cannot start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maxpo_bench import cli
from maxpo_bench.envs.tasks import Grader, GraderError, configure_grader, grade_answers
from maxpo_bench.envs.tasks.grading import api, processors, service
from maxpo_bench.envs.tasks.grading.api import shared_grader

NEEDS_WORKER = ([r"2\sqrt{3}"], [r"\boxed{\sqrt{12}}"])


@pytest.fixture(autouse=True)
def _shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has not used its shared grader yet, in an environment that says nothing."""
    monkeypatch.setattr(api, "_SHARED", {})
    monkeypatch.delenv(api.WORKERS_VARIABLE, raising=False)
    monkeypatch.delenv(api.TIME_LIMIT_VARIABLE, raising=False)
    yield
    for grader in api._SHARED.values():
        grader.close()


def test_the_shared_grader_is_replaced_before_and_after_its_first_use():
    configure_grader(workers=3, time_limit=20.0, memory_limit=2**29, cache_size=7)
    first = shared_grader()
    assert repr(first).startswith("<Grader workers=3 time_limit=20 memory_limit=536870912 cache_size=7:")
    assert grade_answers(*NEEDS_WORKER)[0].correct
    assert first.counts["correct"] == 1
    configure_grader(workers=1, time_limit=20.0)
    assert shared_grader() is not first
    assert "workers=1 time_limit=20 memory_limit=1073741824 cache_size=100000" in repr(shared_grader())
    assert grade_answers(*NEEDS_WORKER)[0].correct
    assert first.grade(["x"], [r"\boxed{x}"])[0].correct  # who still has it may go on with it


def test_a_grader_that_is_replaced_ends_its_processes():
    configure_grader(workers=1, time_limit=20.0)
    grade_answers(*NEEDS_WORKER)
    pool = shared_grader()._pool
    thread = pool._thread
    assert thread is not None
    configure_grader()
    thread.join()
    assert pool.crew.launcher is None


def test_a_bad_setting_is_refused_and_the_former_grader_stays():
    former = shared_grader()
    with pytest.raises(ValueError, match="workers=0 must be at least 1"):
        configure_grader(workers=0)
    with pytest.raises(ValueError, match="time_limit=0 s must be positive"):
        configure_grader(time_limit=0)
    with pytest.raises(ValueError, match="memory_limit=1 must be at least"):
        configure_grader(memory_limit=1)
    with pytest.raises(TypeError, match="cache_size must be an integer"):
        configure_grader(cache_size=1.5)  # type: ignore[arg-type]
    assert shared_grader() is former


def test_the_environment_configures_the_shared_grader_and_arguments_come_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(api.WORKERS_VARIABLE, "3")
    monkeypatch.setenv(api.TIME_LIMIT_VARIABLE, "7.5")
    assert "workers=3 time_limit=7.5" in repr(shared_grader())
    configure_grader(workers=2)
    assert "workers=2 time_limit=7.5" in repr(shared_grader())
    configure_grader(time_limit=1.5)
    assert "workers=3 time_limit=1.5" in repr(shared_grader())


@pytest.mark.parametrize("text", ["many", "0", "-1", "2.5", "²"])
def test_a_number_of_workers_that_is_none_is_refused_at_the_first_use(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv(api.WORKERS_VARIABLE, text)
    with pytest.raises(ValueError, match=r"^MAXPO_BENCH_GRADER_WORKERS='.*' must be a whole number of at least 1"):
        grade_answers(["5"], [r"\boxed{5}"])


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_time_limit_that_is_none_is_refused_at_the_first_use(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv(api.TIME_LIMIT_VARIABLE, text)
    with pytest.raises(ValueError, match=r"^MAXPO_BENCH_GRADER_TIME_LIMIT='.*' must be a positive number of seconds"):
        grade_answers(["5"], [r"\boxed{5}"])


def test_a_process_that_is_started_inherits_the_environment():
    code = "from maxpo_bench.envs.tasks.grading.api import shared_grader; print(shared_grader())"
    environment = os.environ | {api.WORKERS_VARIABLE: "5", api.TIME_LIMIT_VARIABLE: "9"}
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert output.stdout.startswith("<Grader workers=5 time_limit=9 ")


def test_the_default_has_a_worker_per_processor_up_to_sixteen(monkeypatch: pytest.MonkeyPatch):
    for usable, workers in ((1, 1), (7, 7), (16, 16), (192, 16)):
        monkeypatch.setattr(service, "usable_processors", lambda usable=usable: usable)
        assert repr(Grader()).startswith(f"<Grader workers={workers} ")
    assert repr(Grader(40)).startswith("<Grader workers=40 ")


@pytest.mark.parametrize(("quota", "usable"), [(None, 8), (0.5, 1), (1.0, 1), (3.9, 3), (8.0, 8), (64.0, 8)])
def test_a_quota_counts_by_its_whole_processors(monkeypatch: pytest.MonkeyPatch, quota: float | None, usable: int):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(processors, "cgroup_quota", lambda: quota)
    assert processors.usable_processors() == usable


@pytest.mark.parametrize(
    ("membership", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/pod/job\n", {"pod/cpu.max": "400000 100000", "pod/job/cpu.max": "max 100000"}, 4.0),
        ("0::/pod/job\n", {"pod/cpu.max": "200000 100000", "pod/job/cpu.max": "300000 100000"}, 2.0),
        ("0::/seen/from/outside\n", {"cpu.max": "200000 100000"}, 2.0),
        ("0::/\n", {}, None),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
        ("4:memory:/\n3:cpu,cpuacct:/job\n0::/\n",
         {"cpu,cpuacct/job/cpu.cfs_quota_us": "50000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n"}, 0.5),
        ("3:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("3:cpuset:/\n", {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
    ],
)  # fmt: skip
def test_the_quota_of_a_container_is_read(tmp_path: Path, membership: str, files: dict[str, str], quota: float | None):
    (tmp_path / "membership").write_text(membership)
    for name, text in files.items():
        file = tmp_path / "mount" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert processors.cgroup_quota(tmp_path / "membership", tmp_path / "mount") == quota


def test_without_control_groups_there_is_no_quota(tmp_path: Path):
    assert processors.cgroup_quota(tmp_path / "none", tmp_path) is None
    assert processors.usable_processors() >= 1


def test_the_command_ends_with_one_line_where_answers_cannot_be_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A math-verify that does not load, as the installation of another version may leave it."""
    (tmp_path / "math_verify.py").write_text("raise ImportError('no such version')\n")
    (tmp_path / "in.jsonl").write_text(
        json.dumps({"problem_id": "a", "gold": NEEDS_WORKER[0][0], "completion": NEEDS_WORKER[1][0]}) + "\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(
        sys, "argv", ["maxpo-bench", "llm", "grade", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl")]
    )
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "maxpo-bench: the grader's process cannot load " in error
    assert "no such version" in error
    assert "Traceback" not in error
    assert issubclass(GraderError, OSError)
