"""The local engine: processes, limits, failures, resuming."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from maxpo_bench import sweep
from maxpo_bench.sweep.engines.local import run_local
from maxpo_bench.sweep.task import Task


def by_agent(report, values):
    agents = {spec.run_id: spec.agent for spec in report.specs}
    return {agents[run_id]: value for run_id, value in values.items()}


def test_runs_are_published_then_skipped(run_fake, tmp_path):
    report = run_fake(["a", "b"], seeds=3)
    store = sweep.RunStore(tmp_path / "out")
    assert (len(report.done), report.skipped, report.failed, report.exit_code) == (6, [], {}, 0)
    assert store.ids() == sorted(spec.run_id for spec in report.specs)
    assert all(store.load(spec.run_id)["spec"] == spec.to_dict() for spec in report.specs)
    before = {path: path.stat().st_mtime_ns for path in store.runs.iterdir()}
    again = run_fake(["a", "b", "c"], seeds=3)
    assert (len(again.done), len(again.skipped), again.exit_code) == (3, 6, 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_record_says_what_ran_where(run_fake, tmp_path):
    report = run_fake(["a"])
    (record,) = sweep.RunStore(tmp_path / "out").load_all()
    assert record["status"] == "done"
    assert record["error"] is None
    assert set(record["versions"]) == {"maxpo_bench", "python", "numpy", "torch", "gymnasium", "sb3"}
    assert all(record["versions"].values())
    assert 0 <= record["cpu_s"] <= record["wall_s"] + 0.1 <= report.wall_s + 0.1
    assert not list((tmp_path / "out" / "logs").iterdir())


def test_every_run_has_its_own_single_threaded_process(run_fake, tmp_path):
    run_fake(["a", "b", "c"], execute="sweep_fakes:surroundings")
    summaries = [record["summary"] for record in sweep.RunStore(tmp_path / "out").load_all()]
    assert len({summary["pid"] for summary in summaries}) == 3
    assert {summary["threads"] for summary in summaries} == {1}
    assert os.getpid() not in {summary["pid"] for summary in summaries}
    assert len({summary["parent"] for summary in summaries}) == 1


def test_a_failing_run_is_reported_and_the_others_go_on(run_fake, tmp_path):
    report = run_fake(["raises", "aborts", "ragged", "fine"])
    errors = by_agent(report, report.failed)
    assert set(errors) == {"raises", "aborts", "ragged"}
    assert "Traceback" in errors["raises"]
    assert "RuntimeError: seed 0 is unlucky" in errors["raises"]
    assert "sweep_fakes.py" in errors["raises"]
    assert "exit code 7" in errors["aborts"]
    assert errors["aborts"].endswith("last words")
    assert "curves must be lists of one length" in errors["ragged"]
    assert (len(report.done), report.missing, report.exit_code) == (1, 3, 3)
    store = sweep.RunStore(tmp_path / "out")
    assert {entry["spec"]["agent"]: entry["error"] for entry in store.load_failures()} == errors
    assert {entry["status"] for entry in store.load_failures()} == {"failed"}
    assert [entry["spec"]["agent"] for entry in store.load_all()] == ["fine"]


def test_a_failed_run_is_tried_again_by_the_next_call(run_fake, tmp_path):
    first = run_fake(["raises", "fine"])
    assert first.exit_code == 3
    second = run_fake(["raises", "fine"], execute="sweep_fakes:tiny")
    assert (len(second.done), len(second.skipped), second.exit_code) == (1, 1, 0)
    assert not sweep.RunStore(tmp_path / "out").load_failures()


def test_time_limit(run_fake):
    started = time.monotonic()
    report = run_fake(["hangs", "fine"], time_limit_s=0.5)
    assert time.monotonic() - started < 20
    (error,) = report.failed.values()
    assert error.startswith("time limit of 0.5 s reached (engine.time_limit_s): killed")
    assert error.endswith("about to hang")
    assert len(report.done) == 1
    assert not report.retried


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's data against its limit")
def test_memory_limit(run_fake):
    report = run_fake(["hungry", "fine"], memory_limit_mb=2048)
    (error,) = report.failed.values()
    assert error.startswith("memory limit of 2048 MiB reached (engine.memory_limit_mb)")
    assert "MemoryError" in error
    assert len(report.done) == 1


def test_a_killed_run_is_started_once_more(run_fake, tmp_path):
    report = run_fake(["dies_once", "fine"], env_kwargs={"marker": str(tmp_path / "marker")})
    assert (len(report.done), len(report.retried), report.failed, report.exit_code) == (2, 1, {}, 0)


def test_a_run_killed_twice_has_failed(run_fake):
    report = run_fake(["dies", "fine"], memory_limit_mb=4096)
    errors = by_agent(report, report.failed)
    assert errors["dies"].startswith("killed by signal 9 (SIGKILL), perhaps at its memory limit of 4096 MiB")
    assert (len(report.done), len(report.retried), report.exit_code) == (1, 1, 3)


def test_an_unknown_function_fails_every_run_with_the_reason(run_fake):
    report = run_fake(["a"], execute="sweep_fakes:nothing")
    assert "module 'sweep_fakes' has no function 'nothing'" in next(iter(report.failed.values()))
    report = run_fake(["a"], execute="sweep_fakes")
    assert "execute must be 'module:function', got 'sweep_fakes'" in next(iter(report.failed.values()))


def test_imports_are_imported_in_the_run(run_fake, tmp_path):
    table = {"environments": ["e"], "agents": ["a"], "iterations": 1, "imports": ["no_such_module_of_mine"]}
    report = sweep.run(table, tmp_path / "x", progress=False, execute="sweep_fakes:tiny")
    assert "cannot import 'no_such_module_of_mine'" in next(iter(report.failed.values()))


def test_a_lost_fork_server_is_replaced(run_fake):
    plan = run_fake([{"names": ["slow"], "kwargs": {"sleep": 0.3}}], seeds=4, dry_run=True)
    kinds = []
    for event in run_local(plan.specs, Task(plan.directory, "sweep_fakes:tiny"), sweep.EngineConfig(workers=2)):
        kinds.append(event.kind)
        if kinds == ["started", "started"]:
            os.kill(server_of_this_process(), signal.SIGKILL)
    assert sorted(kinds) == ["done"] * 4 + ["retried"] * 2 + ["started"] * 6
    assert sweep.RunStore(plan.directory).ids() == sorted(spec.run_id for spec in plan.specs)


def server_of_this_process():
    """Return the pid of the fork server: the child of this process that was started to be one."""
    listing = subprocess.run(["ps", "-eww", "-o", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
    (pid,) = (int(pid) for pid, parent, text in rows if int(parent) == os.getpid() and "forkserver" in text)
    return pid


def test_closing_the_engine_ends_what_runs(run_fake):
    report = run_fake(["hangs"], seeds=2, dry_run=True)
    events = run_local(report.specs, Task(report.directory, "sweep_fakes:moody"), sweep.EngineConfig(workers=2))
    assert [next(events).kind, next(events).kind] == ["started", "started"]
    started = time.monotonic()
    events.close()
    assert time.monotonic() - started < 10
    assert sweep.RunStore(report.directory).load_all() == []


def test_sigterm_interrupts(run_fake, capsys):
    before = signal.getsignal(signal.SIGTERM)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    with pytest.raises(sweep.SweepInterrupted) as caught:
        run_fake(["fine", "hangs"], resume_command="the same")
    timer.join()
    report = caught.value.report
    assert (len(report.done), report.missing, report.exit_code) == (1, 1, 130)
    assert report.summary().splitlines()[1:] == ["interrupted", "to go on: the same"]
    assert isinstance(caught.value, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_sweep_may_run_in_a_thread(run_fake):
    reports = []
    thread = threading.Thread(target=lambda: reports.append(run_fake(["a"])))
    thread.start()
    thread.join()
    assert reports[0].exit_code == 0


def test_two_sweeps_on_one_store(run_fake, tmp_path):
    reports = []
    table = {"names": ["a", "b"], "kwargs": {"sleep": 0.03}}
    threads = [
        threading.Thread(target=lambda: reports.append(run_fake([table], seeds=6, out=tmp_path / "shared", workers=1)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.exit_code for report in reports] == [0, 0]
    assert len(sweep.RunStore(tmp_path / "shared").load_all()) == 12


def test_unknown_engine(run_fake):
    with pytest.raises(sweep.ConfigError, match=r"engine\.name: unknown engine 'locl'.*Did you mean 'local'"):
        run_fake(["a"], engine="locl")


def test_a_program_read_from_standard_input_can_sweep(tmp_path):
    program = (
        "from maxpo_bench import sweep\n"
        "table = {'environments': ['e'], 'agents': ['a'], 'iterations': 1}\n"
        "report = sweep.run(table, 'out', workers=1, execute='sweep_fakes:tiny')\n"
        "print(report.exit_code, __file__)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    found = subprocess.run(
        [sys.executable, "-"], input=program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (found.stdout, found.stderr) == ("0 <stdin>\n", "")
