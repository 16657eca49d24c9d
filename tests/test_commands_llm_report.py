"""The report of scored samples from files to tables, pages and figures, on small files of made-up samples."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from maxpo_bench.commands.llm_report import parse_ks, run
from maxpo_bench.commands.passk_print import print_report
from maxpo_bench.commands.passk_tables import as_markdown
from maxpo_bench.commands.report_files import FIGURES
from maxpo_bench.evaluation import make_report, pass_at_k, read_samples
from maxpo_bench.plots import plot, save


def write(path, verdicts, **columns):
    """Write ``{problem: "0110"}`` as .jsonl and return the path."""
    rows = [
        {"problem_id": problem, "sample": sample, "correct": mark == "1", "completion": "...", **columns}
        for problem, marks in verdicts.items()
        for sample, mark in enumerate(marks)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def verdicts(seed, power, num_samples=8, sizes=(("aime", 12), ("math", 20))):
    rates = np.random.default_rng(0)
    draws = np.random.default_rng(seed)
    return {
        f"{name}/{at}": "".join("01"[int(draws.random() < rate)] for _ in range(num_samples))
        for name, size in sizes
        for at in range(size)
        for rate in [rates.random() ** power]
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    return {
        name: write(folder / f"{name}.jsonl", verdicts(seed, power))
        for name, seed, power in (("base", 1, 4), ("trained", 2, 2), ("other", 3, 1))
    }


def call(files, against=None, ks=None, out=None, as_json=False, **options):
    against = None if against is None else str(against)
    return run(files, against, ks, out, as_json, **{"resamples": 200, **options})


def test_json_holds_what_the_files_say(files, capsys):
    assert call([files["trained"]], files["base"], "1,8", as_json=True, seed=3, confidence=0.9) == 0
    table = json.loads(capsys.readouterr().out)
    assert (table["seed"], table["confidence"], table["resamples"]) == (3, 0.9, 200)
    assert [method["label"] for method in table["methods"]] == ["trained", "base"]
    (samples,) = read_samples(files["trained"])
    part = samples.of("math")
    for point in table["methods"][0]["pass_at_k"]["benchmarks"]["math"]:
        wanted = pass_at_k(part.num_samples, part.num_correct, point["k"]).mean()
        assert point["estimate"] == pytest.approx(wanted, abs=1e-12)
        assert point["low"] <= wanted <= point["high"]
    assert sorted(table["support"]["trained"]) == ["aime", "math"]
    listed = table["support"]["trained"]["aime"]["problems"]
    assert sorted(id for ids in listed.values() for id in ids) == sorted(samples.of("aime").problems)


def numbers_of(report):
    """Every estimate and limit of pass@k and of the differences as the tables show it."""
    curves = [method.pass_at_k for method in report.methods]
    points = [p for c in curves for part in (*c.benchmarks.values(), c.task_average) for p in part]
    shown = {f"{100 * value:.1f}" for point in points for value in (point.estimate, point.low, point.high)}
    differences = [p for c in report.differences.values() for part in c.benchmarks.values() for p in part]
    return shown | {f"{100 * value:+.1f}" for p in differences for value in (p.estimate, p.low, p.high)}


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_terminals_of_any_width_show_every_number_whole(files, width):
    methods = [read_samples(files[name])[0] for name in ("trained", "other", "base")]
    report = make_report(methods[:2], methods[2], resamples=100)
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=width, highlight=False, markup=False))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert numbers_of(report) <= set(re.findall(r"[+-]?\d+\.\d", text))
    for k in (1, 2, 4, 8):
        assert f"k={k}" in text


def test_the_bound_on_unseen_problems_is_shown_where_it_says_something(files, capsys):
    call([files["trained"]], files["base"], confidence=0.9)
    printed = " ".join(capsys.readouterr().out.split())
    assert "none of k samples solve, the success rate is below 28.8 % (k=8), 90 % confidence." in printed
    call([files["trained"]], files["base"], support_at=1)
    assert "none of k samples" not in capsys.readouterr().out


def test_names_with_brackets_are_shown_as_they_are(tmp_path, capsys):
    path = write(tmp_path / "run.jsonl", {"[red]a/1": "01", "[red]a/2": "11"})
    call([path], labels=["[bold]x"])
    printed = capsys.readouterr().out
    assert "[bold]x" in printed
    assert "[red]a" in printed


def test_tables_show_statuses_and_max_at_k_only_where_it_differs(tmp_path, capsys):
    path = write(tmp_path / "run.jsonl", {"a/1": "0000", "a/2": "0000"}, status="no_box", score=0.0)
    call([path])
    printed = " ".join(capsys.readouterr().out.split())
    assert "Statuses of run: no_box 8." in printed
    assert "max@k of the scores" not in printed
    write(path, {"a/1": "0000", "a/2": "0000"}, score=0.25)
    call([path])
    assert "max@k of the scores" in capsys.readouterr().out


def test_a_folder_gets_report_data_and_figures(files, tmp_path, capsys):
    out = tmp_path / "new" / "report"
    call([files["trained"], files["other"]], files["base"], out=out, formats="png,svg")
    tables = {"pass_at_k.csv", "difference.csv", "support.csv", "support_problems.csv"}
    names = {"report.json", "report.md", *tables}
    pictures = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    assert {path.name for path in out.iterdir()} == names | pictures
    printed = capsys.readouterr().out
    assert all(str(out / name) in printed for name in names | pictures)
    table = json.loads((out / "report.json").read_text())
    with (out / "pass_at_k.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    first = table["methods"][0]["pass_at_k"]["benchmarks"]["aime"][0]
    assert float(rows[0]["estimate"]) == first["estimate"]
    assert len(rows) == 3 * 4 * 4
    page = (out / "report.md").read_text()
    assert "| benchmark | method | k=1 | k=2 | k=4 | k=8 |" in page
    assert f"{100 * first['estimate']:.1f} [{100 * first['low']:.1f}, {100 * first['high']:.1f}]" in page


def test_figures_are_drawn_again_from_their_data(files, tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    call([files["trained"]], files["base"], out=tmp_path, formats="svg")
    for name, table in FIGURES.items():
        (again,) = save(plot(name, pandas.read_csv(tmp_path / table)), tmp_path / "again", name, ("svg",))
        assert again.read_bytes() == (tmp_path / f"{name}.svg").read_bytes()


def test_one_file_needs_no_support_figure(files, tmp_path):
    call([files["base"]], out=tmp_path, formats="png")
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.md", "pass_at_k.csv", "pass_at_k.png"}


def test_an_earlier_reports_files_are_replaced_and_nothing_else(files, tmp_path, capsys):
    call([files["trained"]], files["base"], out=tmp_path, formats="png,svg")
    (tmp_path / "notes.md").write_text("mine")
    capsys.readouterr()
    call([files["base"]], out=tmp_path, formats="png", as_json=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("report.json", "report.md", "pass_at_k.csv", "pass_at_k.png", "notes.md")
    }
    captured = capsys.readouterr()
    assert json.loads(captured.out)["against"] is None
    removed = {
        Path(name).name for name in captured.err.strip().removeprefix("Removed, of an earlier report: ").split(", ")
    }
    assert {"difference.csv", "support.svg", "pass_at_k.svg"} <= removed
    call([files["base"]], out=tmp_path, formats="png")
    assert "Removed" not in capsys.readouterr().out


@pytest.mark.parametrize("data", [None, "{}", "[1]", '{"schema": "other 1"}', "{"])
def test_files_that_belong_to_no_report_are_kept(files, tmp_path, capsys, data):
    (tmp_path / "support.csv").write_text("mine")
    if data is not None:
        (tmp_path / "report.json").write_text(data)
    call([files["base"]], out=tmp_path, formats="png")
    assert (tmp_path / "support.csv").read_text() == "mine"
    assert "Removed" not in capsys.readouterr().out


def test_a_place_that_cannot_hold_a_report_is_refused_first(files, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=r"file is a file, a report needs a folder \(--out\): name another"):
            call([files["base"]], out=out)
    (tmp_path / "out" / "support.png").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"support\.png is a folder, and the report's file is called so"):
        call([files["base"]], out=tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["support.png"]


def test_expansion_and_shrinkage_are_named(tmp_path, capsys):
    base = write(tmp_path / "base.jsonl", {f"a/{at}": "01" if at == 9 else "00" for at in range(10)})
    mine = write(tmp_path / "mine.jsonl", {f"a/{at}": "01" if at < 7 else "00" for at in range(10)})
    call([mine], base, out=tmp_path / "out", formats="png")
    line = "a, mine: expansion a/0, a/1, a/2, a/3, a/4 and 2 more; shrinkage a/9"
    assert line in " ".join(capsys.readouterr().out.split())
    page = (tmp_path / "out" / "report.md").read_text()
    assert f"\n- {line}\n" in page
    assert "support retention rate SRR = P/(P+S)" in page
    assert "arXiv 2507.14843" in page
    with (tmp_path / "out" / "support_problems.csv").open(newline="") as stream:
        rows = [(row["class"], row["problem_id"]) for row in csv.DictReader(stream)]
    expansion = [("expansion", f"a/{at}") for at in range(7)]
    assert rows == [*expansion, ("shrinkage", "a/9"), ("out_of_support", "a/7"), ("out_of_support", "a/8")]


def test_one_set_of_words_for_supports(files, tmp_path, capsys):
    call([files["trained"]], files["base"], out=tmp_path, formats="png")
    shown = capsys.readouterr().out + (tmp_path / "report.md").read_text()
    for word in ("preservation", "expansion", "shrinkage", "out of support"):
        assert word in shown
    assert not re.search(r"\b(gained|lost|neither\s+SRR)\b", shown)


def test_differences_are_written_as_a_table(files, tmp_path, capsys):
    call([files["trained"], files["other"]], files["base"], out=tmp_path, formats="png")
    table = json.loads((tmp_path / "report.json").read_text())["differences"]
    with (tmp_path / "difference.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4 * 2 * 4
    found = {(row["benchmark"], row["method"], int(row["k"])): row for row in rows}
    for label, curves in table.items():
        parts = {**curves["benchmarks"], "task average": curves["task_average"]}
        for name, points in {**parts, "problem average": curves["problem_average"]}.items():
            for point in points:
                row = found[name, label, point["k"]]
                assert [float(row[key]) for key in ("estimate", "low", "high")] == [
                    point[key] for key in ("estimate", "low", "high")
                ]
                assert row["against"] == "base"


def test_seven_k_fit_80_columns_in_two_parts(tmp_path):
    methods = [
        read_samples(write(tmp_path / f"{name}.jsonl", verdicts(seed, power, 64)))[0]
        for name, seed, power in (("trained-model", 1, 2), ("base", 2, 4))
    ]
    stream = io.StringIO()
    report = make_report(methods[:1], methods[1], resamples=50)
    print_report(report, Console(file=stream, width=80, highlight=False, markup=False))
    headers = [line.split() for line in stream.getvalue().splitlines() if "k=" in line and "benchmark" in line]
    assert [sum(part.startswith("k=") for part in header) for header in headers] == [4, 3, 4, 3]
    assert all(header[:2] == ["benchmark", "method"] for header in headers)


def test_one_sample_of_one_problem_is_reported_without_intervals(tmp_path, capsys):
    path = write(tmp_path / "run.jsonl", {"a/1": "1"})
    assert call([path], out=tmp_path / "out", formats="png") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "a run 100.0" in printed
    assert "note: One problem cannot be resampled: no intervals for a of run" in printed
    table = json.loads((tmp_path / "out" / "report.json").read_text())
    assert table["methods"][0]["pass_at_k"]["benchmarks"]["a"] == [{"k": 1, "estimate": 1.0, "low": None, "high": None}]


def test_files_are_the_same_bytes_in_other_processes(files, tmp_path):
    code = (
        "import sys; from pathlib import Path; from maxpo_bench.commands.llm_report import run\n"
        "sys.exit(run([Path(sys.argv[1])], sys.argv[2], None, Path(sys.argv[3]), False))"
    )
    folders = [tmp_path / "one", tmp_path / "two"]
    started = []
    for hash_seed, folder in enumerate(folders):
        command = [sys.executable, "-c", code, str(files["trained"]), str(files["base"]), str(folder)]
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "OMP_NUM_THREADS": "1", "COLUMNS": "80"}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    outputs = [process.communicate()[0].split("Written")[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert outputs[0] == outputs[1] != ""
    paths = sorted(folders[0].iterdir())
    assert len(paths) == 6 + 3 * 3
    for path in paths:
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name


def test_the_one_to_compare_with_is_a_file_one_of_the_files_or_a_label(files, capsys):
    tables = []
    for arguments in (
        ([files["trained"]], files["base"]),
        ([files["base"], files["trained"]], files["base"]),
        ([files["base"], files["trained"]], "base"),
    ):
        call(*arguments, as_json=True)
        tables.append(json.loads(capsys.readouterr().out))
    assert tables[0] == tables[1] == tables[2]
    assert tables[0]["against"] == "base"


def test_sources_of_one_file_can_be_compared(tmp_path, capsys):
    lines = "".join(
        write(tmp_path / "part.jsonl", marks, source=name).read_text()
        for name, marks in (("small", {"a/1": "01", "a/2": "00"}), ("large", {"a/1": "11", "a/2": "01"}))
    )
    path = tmp_path / "both.jsonl"
    path.write_text(lines)
    call([path], "small", as_json=True)
    table = json.loads(capsys.readouterr().out)
    assert [method["label"] for method in table["methods"]] == ["large", "small"]
    with pytest.raises(ValueError, match=r"both\.jsonl holds several methods to compare with: .* one of small, large"):
        call([tmp_path / "part.jsonl"], path)
    with pytest.raises(ValueError, match=r"smal is neither a file nor the label of a method\. Did you mean 'small'"):
        call([path], "smal")


def test_labels_name_the_files_in_their_order(files, capsys):
    call([files["trained"], files["other"]], files["base"], as_json=True, labels=["A", "B", "C"])
    assert [method["label"] for method in json.loads(capsys.readouterr().out)["methods"]] == ["A", "B", "C"]
    call([files["trained"], files["other"]], files["base"], as_json=True, labels=["A", "B"])
    assert [method["label"] for method in json.loads(capsys.readouterr().out)["methods"]] == ["A", "B", "base"]
    with pytest.raises(ValueError, match="1 label for 2 files: give each file one, in their order"):
        call([files["trained"], files["other"]], labels=["A"])


def test_names_of_files_do_not_keep_problems_apart(tmp_path, capsys):
    first, second = (write(tmp_path / f"{name}.jsonl", {"1": "01", "2": "11"}) for name in ("one", "two"))
    call([first], second, as_json=True)
    assert list(json.loads(capsys.readouterr().out)["support"]["one"]) == ["problems"]
    call([first], as_json=True)
    assert list(json.loads(capsys.readouterr().out)["methods"][0]["benchmarks"]) == ["one"]


def test_folders_are_methods_whose_files_are_benchmarks(tmp_path, capsys):
    for method, marks in (("base", "0101"), ("mine", "0111")):
        (tmp_path / method).mkdir()
        for benchmark in ("aime", "math"):
            write(tmp_path / method / f"{benchmark}.jsonl", {"1": marks, "2": "0000"})
    call([tmp_path / "mine"], tmp_path / "base", as_json=True)
    table = json.loads(capsys.readouterr().out)
    assert [method["label"] for method in table["methods"]] == ["mine", "base"]
    assert list(table["support"]["mine"]) == ["aime", "math"]


def test_what_is_left_out_is_said(tmp_path, capsys):
    first = write(tmp_path / "first.jsonl", {"a/1": "0110", "a/2": "01", "a/3": "1000"})
    second = write(tmp_path / "second.jsonl", {"a/1": "0110", "a/3": "0000", "a/4": "1111"})
    call([first], second, "1,4", skip_short=True, common=True)
    printed = " ".join(capsys.readouterr().out.split())
    assert "note: first: 1 problem left out for too few samples." in printed
    assert "note: second: 1 problem left out that not all methods have." in printed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ks": "1,two"}, "k must be whole numbers with commas, such as 1,2,4, got '1,two'"),
        ({"ks": "16"}, r"k=16 needs at least 16 samples of every problem, base has 8 of aime/0: .*--skip-short"),
        ({"formats": "png,jpg"}, "figure format 'jpg' is not one of png, svg, pdf"),
        ({"against": "nowhere.jsonl"}, "nowhere.jsonl is neither a file nor the label of a method"),
        ({"against": "base"}, "nothing to compare with base: give a second file"),
        ({"support_at": 4}, r"support at k=4 needs a method to compare with \(against, --against\)"),
        ({"benchmark_column": "level"}, "base.jsonl:1: column 'level', which names the benchmark, is missing"),
    ],
)
def test_wrong_requests_say_what_to_do_and_write_nothing(files, tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        call([files["base"]], out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_no_files_and_missing_files_are_named():
    with pytest.raises(ValueError, match="no files: name at least one file or folder of scored samples"):
        call([])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jsonl does not exist"):
        call([Path("nowhere.jsonl")])


def test_the_same_file_twice_needs_labels(files, capsys):
    with pytest.raises(ValueError, match="2 methods are called 'base': give each a label of its own"):
        call([files["base"], files["base"]])
    assert call([files["base"], files["base"]], labels=["a", "b"]) == 0
    assert "a" in capsys.readouterr().out


def test_markdown_keeps_bars_in_names_apart_from_its_own(tmp_path):
    (samples,) = read_samples(write(tmp_path / "run.jsonl", {"a|b/1": "01", "a|b/2": "11"}))
    lines = as_markdown(make_report([samples], resamples=10)).splitlines()
    rows = [line for line in lines if "a\\|b" in line and line.startswith("|")]
    assert len(rows) == 2
    assert all(len(re.findall(r"(?<!\\)\|", row)) in (5, 7) for row in rows)


@pytest.mark.parametrize(("text", "ks"), [("1", [1]), ("1,2,4", [1, 2, 4]), (" 8, 1", [8, 1])])
def test_numbers_of_draws_are_parsed(text, ks):
    assert parse_ks(text) == ks
