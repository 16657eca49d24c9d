"""The paper's own tables as a reference: every printed number, marked as not measured here, and never stale."""

import csv
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maxpo_bench.cli import app
from maxpo_bench.commands import leaderboard
from maxpo_bench.commands import paper_reference_tables as reported
from maxpo_bench.evaluation.paper_reference import BENCHMARKS, KS, METHODS, MODELS, TABLE_2, TABLE_3


def test_every_table_says_whose_figures_it_holds():
    for table in reported.reference_tables():
        assert "None of them was measured here" in table["note"]
        assert "not comparable with any column" in table["note"]
        assert all(len(row) == len(table["header"]) for row in table["rows"])
        assert [row[0] for row in table["rows"]] == [model for model in MODELS for _ in METHODS]


def test_the_tables_hold_every_printed_number():
    second, third = reported.reference_tables()
    keys = [(model, method) for model in MODELS for method in METHODS]
    assert [tuple(float(cell) for cell in row[2:]) for row in second["rows"]] == [TABLE_2[key] for key in keys]
    for row, key in zip(third["rows"], keys, strict=True):
        pairs = [tuple(float(part) for part in cell.split(" / ")) for cell in row[2:]]
        printed = TABLE_3[key]
        assert [first for first, _ in pairs] == [*printed.first, printed.average[0]]
        assert [last for _, last in pairs] == [*printed.last, printed.average[1]]


def test_the_csv_holds_the_same_numbers():
    lines = list(csv.DictReader(io.StringIO(reported.csv_text())))
    assert len(lines) == len(TABLE_2) * len(KS) + len(TABLE_3) * 2 * (len(BENCHMARKS) + 1)
    assert {line["source"] for line in lines} == {"arXiv 2606.06080"}
    at = {(line["table"], line["model"], line["method"], line["benchmark"], line["k"]): line for line in lines}
    assert len(at) == len(lines)
    assert at["2", "Llama-3.2-3B-Instruct", "MaxPO", "average", "256"]["percent"] == "65.0"
    assert at["3", "Qwen2.5-Math-7B", "MaxPO", "AIME25", "256"]["percent"] == "54.7"


def test_an_average_that_is_not_its_row_s_mean_is_told():
    note = reported.reference_tables()[1]["note"]
    assert "Qwen2.5-Math-7B, MaxPO, pass@1: printed 39.9, mean of its row 39.96." in note


def test_files_that_differ_are_stale_and_written_again(tmp_path):
    assert reported.stale(tmp_path) == []
    page, table = reported.write(tmp_path)
    assert (page.name, table.name) == ("paper-reported.md", "paper-reported.csv")
    assert reported.stale(tmp_path) == []
    page.write_text(page.read_text().replace("74.3", "74.4"))
    (remedy,) = reported.stale(tmp_path)
    assert str(page) in remedy
    assert f"{reported.COMMAND} --results {tmp_path}" in remedy
    table.unlink()
    assert len(reported.stale(tmp_path)) == 2
    done = CliRunner().invoke(app, ["leaderboard", "--paper-reported", "--results", str(tmp_path)])
    assert done.stdout.split() == [str(page), str(table)]
    assert reported.stale(tmp_path) == []


def test_the_check_of_the_table_checks_them(tmp_path, capsys):
    reported.write(tmp_path)
    (tmp_path / leaderboard.TABLE).write_text("the table")
    assert leaderboard._check(tmp_path, "the table", "") == 0
    (tmp_path / "paper-reported.md").write_text("other figures")
    assert leaderboard._check(tmp_path, "the table", "") == 1
    assert "paper-reported.md is not what the paper's tables give" in capsys.readouterr().err


def test_the_committed_files_are_current():
    results = Path(__file__).resolve().parents[1] / "results"
    if not (results / "paper-reported.md").is_file():
        pytest.skip(f"{results} is not part of this copy")
    assert reported.stale(results) == []


@pytest.mark.parametrize("title", ["Table 2 of the paper", "Table 3 of the paper"])
def test_each_table_has_a_heading_and_its_statement_below(title):
    section = reported.markdown().split(f"## {title}")[1].split("\n## ")[0]
    assert section.index(reported.STATEMENT) < section.index("| Model | Method |")
