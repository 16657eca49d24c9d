"""What a sweep prints, and its exit codes."""

import io
import json

import pytest
from rich.console import Console

from maxpo_bench import sweep
from maxpo_bench.sweep.command import sweep_command
from maxpo_bench.sweep.engines import Event
from maxpo_bench.sweep.progress import SweepProgress
from maxpo_bench.sweep.report import SweepReport, duration, estimate_seconds

FLAGS = {"iterations": 1, "execute": "sweep_fakes:moody", "resume_command": "go on", "workers": 2}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "runs"


def test_done(out, capsys):
    assert sweep_command(env=["e"], agent=["a"], seeds="2", out=out, **FLAGS) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"2 of 2 runs finished in {out} (2 now in ")
    hints = f"plot: maxpo-bench plot learning_curves --from {out}\ncompare: maxpo-bench compare {out}\n"
    assert printed.out.endswith(hints)
    assert printed.err == ""


def test_failure_shows_one_traceback_per_cause(out, capsys):
    assert sweep_command(env=["e", "f"], agent=["raises", "a"], out=out, **FLAGS) == 3
    printed = capsys.readouterr()
    assert printed.err.count("Traceback") == 1
    assert printed.err.count("RuntimeError: seed 0 is unlucky") == 2
    assert printed.err.count("(as above)") == 1
    lines = printed.out.splitlines()
    assert lines[0].startswith("2 of 4 runs finished")
    assert lines[1:] == [f"2 failed; tracebacks in {out / 'failed'}", "to go on: go on"]


def test_quiet_prints_nothing(out, capsys):
    assert sweep_command(env=["e"], agent=["raises"], out=out, quiet=True, **FLAGS) == 3
    assert capsys.readouterr() == ("", "")


def test_dry_run_lists_and_starts_nothing(out, capsys):
    arguments = {"env": ["e"], "agent": ["a", "b"], "out": out, **FLAGS}
    assert sweep_command(dry_run=True, **arguments) == 0
    printed = capsys.readouterr().out
    assert printed.count("missing  ") == 2
    assert printed.endswith("2 runs, 2 missing; time: unknown until a run is finished\n")
    assert not out.exists()
    sweep_command(**{**arguments, "agent": ["b"]})
    (run_id,) = sweep.RunStore(out).ids()
    capsys.readouterr()
    assert sweep_command(dry_run=True, **arguments) == 0
    printed = capsys.readouterr().out
    assert f"{run_id}  there    b on e, seed 0, 1 iterations" in printed
    assert "2 runs, 1 missing; time: about 0.0 s" in printed


def test_json(out, capsys):
    assert sweep_command(env=["e"], agent=["raises", "a"], out=out, as_json=True, **FLAGS) == 3
    table = json.loads(capsys.readouterr().out)
    assert (table["done"], table["failed"], table["missing"], table["exit_code"]) == (1, 1, 1, 3)
    failed, fine = table["runs"]
    assert (failed["is_finished"], fine["is_finished"], fine["error"]) == (False, True, None)
    assert "unlucky" in failed["error"]
    assert fine["spec"]["agent"] == "a"
    assert fine["id"] == sweep.RunStore(out).ids()[0]


def test_file_with_flags_and_overrides(out, tmp_path, capsys):
    path = tmp_path / "s.toml"
    path.write_text('environments = ["e"]\nagents = ["a", "b"]\nseeds = 7\niterations = 3\n')
    options = {"out": out, "dry_run": True, "as_json": True}
    assert sweep_command(path, seeds="3,5", overrides=["agents.0.kwargs.k=2"], **options, **FLAGS) == 0
    specs = [run["spec"] for run in json.loads(capsys.readouterr().out)["runs"]]
    assert [(spec["agent"], spec["seed"], spec["iterations"]) for spec in specs] == [
        *(("a", 3, 1), ("b", 3, 1), ("a", 5, 1), ("b", 5, 1))
    ]
    assert [spec["agent_kwargs"] for spec in specs] == [{"k": 2}, {}] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give a TOML file, or at least one --env and one --agent"),
        ({"config": "none.toml"}, "cannot read none.toml: No such file"),
        ({"config": "none.toml", "env": ["e"]}, "give either a TOML file or --env and --agent, not both"),
        ({"env": ["e"], "agent": ["a"], "seeds": "x"}, "seeds must be a number"),
        ({"env": ["e"], "agent": ["a"], "engine": "rya"}, "unknown engine 'rya'"),
    ],
)
def test_usage_errors(arguments, message, out, capsys):
    assert sweep_command(**{"out": out, **FLAGS, **arguments}) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.out == ""


def test_a_damaged_store_is_named(out, capsys):
    arguments = {"env": ["e"], "agent": ["a"], "out": out, **FLAGS}
    sweep_command(**arguments)
    (path,) = (out / "runs").iterdir()
    path.write_text("{")
    capsys.readouterr()
    assert sweep_command(**arguments) == 2
    assert f"error: {path}: not JSON" in capsys.readouterr().err


def test_interruption_prints_the_resume_command(out, capsys, monkeypatch):
    def interrupted(*arguments, **options):
        spec = sweep.RunSpec("e", "a", 0, iterations=1)
        raise sweep.SweepInterrupted(SweepReport("runs", [spec], is_interrupted=True, resume_command="go on"))

    monkeypatch.setattr("maxpo_bench.sweep.command.run", interrupted)
    assert sweep_command(env=["e"], agent=["a"], out=out, **FLAGS) == 130
    assert capsys.readouterr().out.splitlines()[1:] == ["interrupted", "to go on: go on"]


def test_the_resume_command_is_the_command_of_the_process(out, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/maxpo-bench", "sweep", "my file.toml"])
    options = {**FLAGS, "resume_command": None}
    assert sweep_command(env=["e"], agent=["raises"], out=out, **options) == 3
    assert capsys.readouterr().out.endswith("to go on: maxpo-bench sweep 'my file.toml'\n")


def test_a_terminal_gets_a_bar():
    spec = sweep.RunSpec("e", "a", 0, iterations=1)
    written = {}
    for is_terminal in (True, False):
        console = Console(file=io.StringIO(), force_terminal=is_terminal, width=100)
        with SweepProgress(4, 1, console) as shown:
            shown.show(Event("started", spec))
            shown.show(Event("done", spec))
            shown.show(Event("retried", spec, "killed"))
        written[is_terminal] = console.file.getvalue()
    assert "2/4" in written[True]
    assert written[False] == f"started again: {spec.run_id}  killed\n"


def test_estimate_uses_runs_of_the_same_kind():
    specs = [sweep.RunSpec("e", agent, 0, iterations=1) for agent in ("a", "b", "c")]
    finished = [
        {"wall_s": seconds, "spec": {"env": "e", "agent": agent}}
        for agent, seconds in [("a", 1.0), ("a", 3.0), ("b", 8.0)]
    ]
    assert estimate_seconds(specs, finished, workers=2) == pytest.approx((2 + 8 + 4) / 2)
    assert estimate_seconds(specs, [], workers=2) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (12.4, "12 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_finished_sweep_shows_its_results_and_how_to_plot_them(out, capsys):
    flags = {"env": ["maxpo/Bandit-v0"], "agent": ["ei", "ei_l2o"], "seeds": "2", "iterations": 3, "out": out}
    assert sweep_command(**flags, overrides=["environments.*.kwargs.num_arms=4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (head,) = [line for line in lines if "exact_max_at_k" in line]
    assert head.split() == ["env", "agent", "runs", "exact_max_at_k", "se", "IQM", "[95", "%]"]
    rows = [line for line in lines if line.split()[:1] == ["maxpo/Bandit-v0"]]
    assert len(rows) == 2
    for row in rows:
        mean, _, middle, low, high = (float(text.strip("[],")) for text in row.split()[3:])
        assert low <= middle == mean <= high
    assert lines[-2:] == [
        f"plot: maxpo-bench plot learning_curves --from {out}",
        f"compare: maxpo-bench compare {out}",
    ]


def test_single_runs_have_no_interval_and_are_not_compared(out, capsys):
    flags = {"env": ["maxpo/Bandit-v0"], "agent": ["ei"], "seeds": "1", "iterations": 2, "out": out}
    assert sweep_command(**flags) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(next(line for line in lines if line.split()[:1] == ["maxpo/Bandit-v0"]).split()) == 4
    assert lines[-1] == f"plot: maxpo-bench plot learning_curves --from {out}"
