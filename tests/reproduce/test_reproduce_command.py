"""`maxpo-bench reproduce` and the check of what is committed, end to end at a size of seconds."""

import json
import os
import sys
import time

import pandas as pd
import pytest
from reproduce_samples import SQUARES, TINY, save_stub
from typer.testing import CliRunner

from maxpo_bench import cli, moments, plots
from maxpo_bench.commands import leaderboard as leaderboard_command
from maxpo_bench.moments import exact
from maxpo_bench.reproduce import report
from maxpo_bench.reproduce.bandit import measure as measuring
from maxpo_bench.reproduce.bandit.cells import compute
from maxpo_bench.reproduce.bandit.sizes import SIZES


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(SIZES._entries, "quick", TINY)
    monkeypatch.setattr(report, "save", save_stub)


def run(*arguments, code=0):
    result = CliRunner().invoke(cli.app, ["reproduce", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_figures_and_table_in_one_call_with_a_submission(tmp_path):
    own = tmp_path / "squares.py"
    own.write_text(SQUARES)
    out = tmp_path / "out"
    flags = ("--size", "quick", "--out", out, "--estimator", own, "--estimator", "grpo")
    result = run("table1", "fig5", "fig1", "fig4", "fig1", *flags)
    assert result.stdout.count("Figure 1: ") == 1
    for words in ("Table 1 of the paper", "Figure 1: ", "Figure 4: ", "Figure 5: ", "squares against number of arms"):
        assert words in result.stdout
    assert "runs the file's code with your rights" in result.stderr
    expected = {f"fig{n}.{end}" for n in (1, 4, 5) for end in ("csv", "json", "md", "pdf", "png", "svg")}
    found = {path.name for path in out.iterdir()}
    assert found == expected | {"cells", "README.md", "table1.json", "table1.md"}
    data = pd.read_csv(out / "fig4.csv")
    assert set(data.estimator) == {"ei", "ei_l2o", "ei_l1o", "grpo", "squares"}
    assert set(data[data.estimator == "squares"].kind) == {"sampled"}
    verdicts = [finding["verdict"] for finding in json.loads((out / "fig1.json").read_text())["findings"]]
    assert set(verdicts) <= {"holds", "holds in part", "does not hold", ""}
    for finding in json.loads((out / "fig1.json").read_text())["findings"]:
        assert " ".join(finding["statement"].split()[:4]) in " ".join(result.stdout.split())
    again = run("fig1", "fig4", *flags)
    assert "0 cells computed" in again.stderr


def test_json_of_one_and_of_several(tmp_path):
    flags = ("--size", "quick", "--out", tmp_path, "--json", "--quiet")
    one = json.loads(run("fig4", *flags).stdout)
    assert one["figure"] == "fig4"
    several = json.loads(run("fig4", "table1", *flags).stdout)
    assert several["fig4"] == one
    assert several["table1"]["rows"]


def test_without_a_folder_figures_go_into_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("fig5", "--size", "quick", "--quiet")
    assert (tmp_path / "figures" / "fig5.png").exists()
    run("table1")
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]


def test_pictures_are_written_in_three_formats(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "save", plots.save)
    run("fig5", "--size", "quick", "--out", tmp_path, "--quiet")
    heads = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for kind, head in heads.items():
        assert (tmp_path / f"fig5.{kind}").read_bytes().startswith(head)


def test_instances_and_seed_reach_the_data(tmp_path):
    run("fig5", "--size", "quick", "--instances", "3", "--out", tmp_path / "a", "--quiet")
    run("fig5", "--size", "quick", "--instances", "3", "--seed", "1", "--out", tmp_path / "b", "--quiet")
    one, other = (pd.read_csv(tmp_path / name / "fig5.csv") for name in "ab")
    assert set(one.instance) == {0, 1, 2}
    assert not (one.value == other.value).any()


def test_the_same_call_writes_the_same_bytes_whatever_was_stored_before(tmp_path):
    run("fig4", "--size", "quick", "--out", tmp_path / "b", "--quiet", "--estimator", "all_subsets")
    for path in list((tmp_path / "b" / "cells").iterdir())[::3]:
        path.unlink()
    for name in ("a", "b"):
        run("fig1", "--size", "quick", "--out", tmp_path / name, "--quiet")
    for path in (tmp_path / "b").glob("fig4.*"):
        path.unlink()
    (tmp_path / "b" / "README.md").unlink()
    run("fig1", "--size", "quick", "--out", tmp_path / "b", "--quiet")
    for path in (tmp_path / "a").iterdir():
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path, monkeypatch):
    done = []

    def stopping(missing):
        for result in compute(missing):
            done.append(result)
            yield result
            if len(done) == 7:
                raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "compute", stopping)
    monkeypatch.setattr(sys, "argv", ["maxpo-bench", "reproduce", "fig4", "--size", "quick", "--out", str(tmp_path)])
    stopped = run("fig4", "--size", "quick", "--out", tmp_path, code=130)
    assert f"to go on: maxpo-bench reproduce fig4 --size quick --out {tmp_path}" in stopped.stderr
    assert len(list((tmp_path / "cells").iterdir())) == 7
    assert not (tmp_path / "fig4.json").exists()
    monkeypatch.setattr(measuring, "compute", compute)
    resumed = run("fig4", "--size", "quick", "--out", tmp_path)
    assert "7 were stored already" in resumed.stderr
    assert (tmp_path / "fig4.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fig2"], "cannot reproduce 'fig2'. Did you mean"),
        (["table1", "figg4"], "Did you mean 'fig4'"),
        (["fig4", "--size", "papr"], "Did you mean 'paper'"),
        (["fig4", "--size", "quick", "--instances", "1"], "instances must be at least 2"),
        (["fig4", "--size", "quick", "--estimator", "ei_l20"], "Did you mean 'ei_l2o'"),
        (["fig4", "--size", "quick", "--estimator", "absent.py"], "no such Python file"),
        (["fig4", "--size", "quick", "--device", "gpu"], "unknown device 'gpu'"),
        (["table1", "--estimator", "grpo"], "table1 takes no --estimator: .* add a figure"),
        (["table1", "--instances", "5"], "table1 takes no --instances: "),
        (["table1", "--size", "paper"], "table1 takes no --size: "),
        (["table1", "--device", "cpu"], "table1 takes no --device: "),
        (["table1", "--size", "quick", "--device", "cuda"], "table1 takes no --device or --size: "),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_written(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        run(*arguments)
    assert not list(tmp_path.iterdir())


def test_a_missing_gpu_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="no CUDA device here"):
        run("fig4", "--device", "cuda", "--out", tmp_path)


def test_help_names_every_figure_and_flag():
    text = " ".join(run("--help").stdout.split())
    for words in ("table1, fig1, fig4, fig5", "--estimator", "--device", "--instances", "--seed", "--size", "--quiet"):
        assert words in text


def test_a_readme_of_somebody_elses_is_left_and_named(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    result = run("fig5", "--size", "quick", "--out", tmp_path, "--quiet")
    assert "not one of ours: left as it is" in result.stderr
    assert (tmp_path / "README.md").read_text() == "mine"


def never(*arguments, **options):
    raise AssertionError("computed before the folder was looked at")


@pytest.mark.parametrize("text", ["{", '{"schema": 1, "findings": 3}', '{"schema": 7}', "damaged page"])
def test_a_damaged_figure_is_named_before_anything_is_computed(tmp_path, monkeypatch, text):
    if text == "damaged page":
        finding = {"source": "", "statement": "", "rule": "", "verdict": "", "numbers": {}, "measured": []}
        rest = {"figure": "fig5", "title": "", "caption": "", "setting": {}, "series": []}
        text = json.dumps({"schema": 1, "findings": [finding], **rest})
    (tmp_path / "fig5.json").write_text(text)
    monkeypatch.setattr(measuring, "compute", never)
    with pytest.raises(ValueError, match=r"fig5\.json is no stored figure .*reproduce it again"):
        run("fig4", "--size", "quick", "--out", tmp_path, "--quiet")
    monkeypatch.setattr(measuring, "compute", compute)
    run("fig5", "--size", "quick", "--out", tmp_path, "--quiet")
    assert json.loads((tmp_path / "fig5.json").read_text())["schema"] == 1


@pytest.mark.parametrize(("file", "out"), [("out", "out"), ("out", "out/deep/er"), ("out/cells", "out")])
def test_a_file_in_place_of_a_folder_is_named_before_anything_is_computed(tmp_path, monkeypatch, file, out):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("mine")
    monkeypatch.setattr(measuring, "compute", never)
    for what in ("fig4", "table1"):
        with pytest.raises(ValueError, match=r"is a file where a folder is needed: .* another --out"):
            run(what, "--out", tmp_path / out, "--quiet")
    assert (tmp_path / file).read_text() == "mine"


def test_what_killed_processes_left_is_removed_after_an_hour(tmp_path):
    for folder in (tmp_path, tmp_path / "cells"):
        folder.mkdir(exist_ok=True)
        for name, age in ((".writing-old.json", 3700), (".writing-new.json", 3000), ("old.json", 3700)):
            (folder / name).write_text("{")
            os.utime(folder / name, (time.time() - age,) * 2)
    run("table1", "--out", tmp_path)
    for folder in (tmp_path, tmp_path / "cells"):
        assert {".writing-old.json", ".writing-new.json", "old.json"} & {path.name for path in folder.iterdir()} == {
            ".writing-new.json",
            "old.json",
        }


def test_a_readme_of_other_bytes_or_a_folder_of_that_name_is_left(tmp_path):
    (tmp_path / "README.md").write_bytes(b"\xff\xfe\x00mine")
    assert "left as it is" in run("fig5", "--size", "quick", "--out", tmp_path, "--quiet").stderr
    assert (tmp_path / "README.md").read_bytes() == b"\xff\xfe\x00mine"
    (tmp_path / "README.md").unlink()
    (tmp_path / "README.md").mkdir()
    assert "left as it is" in run("fig5", "--size", "quick", "--out", tmp_path, "--quiet").stderr


def test_the_check_compares_table_and_page(tmp_path, capsys):
    def check(table="table"):
        code = leaderboard_command._check(tmp_path, table, f"--results {tmp_path}")
        return code, capsys.readouterr()

    (tmp_path / "leaderboard.md").write_text("table")
    assert check()[0] == 0
    run("fig5", "--size", "quick", "--out", tmp_path, "--quiet")
    assert check()[0] == 0
    assert check("another")[0] == 1
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text().replace("holds", "is proven"))
    code, printed = check()
    assert code == 1
    assert f"run `maxpo-bench reproduce fig5 --out {tmp_path}`" in printed.err
    readme.unlink()
    assert check()[0] == 1


def test_the_device_reaches_every_computation(tmp_path, monkeypatch):
    asked = {}

    def on_the_cpu(name, genuine):
        def call(*arguments, device, **options):
            asked.setdefault(name, set()).add(device)
            return genuine(*arguments, device="cpu", **options)

        return call

    for where, name in ((moments, "bias_curve"), (moments, "paired_moments"), (exact, "exact_moments")):
        monkeypatch.setattr(where, name, on_the_cpu(name, getattr(where, name)))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    run("fig1", "--size", "quick", "--out", tmp_path, "--quiet", "--device", "cuda", "--estimator", "grpo")
    assert asked == {name: {"cuda"} for name in ("exact_moments", "bias_curve", "paired_moments")}
