"""`maxpo-bench llm grade`: from completions to scored samples, interrupted and resumed."""

import json

import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.commands import llm_grade

SAMPLES = [
    {"problem_id": "sums/0", "completion": "So it is \\boxed{4}.", "gold": "4", "correct": True, "model": "a"},
    {"problem_id": "sums/0", "completion": "It is 4.", "gold": "4", "correct": True, "model": "a"},
    {"id": "sums/1", "completion": "\\boxed{\\frac{2}{4}}", "answer": "\\frac{1}{2}", "sample": 7},
    {"problem_id": "sums/1", "completion": "line\u2028separator #### 3", "gold": "2"},
]


@pytest.fixture
def samples(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in SAMPLES), encoding="utf-8")
    return path


def grade(*arguments):
    return CliRunner().invoke(cli.app, ["llm", "grade", *map(str, arguments)])


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_every_line_gets_its_verdict(samples, tmp_path):
    out = tmp_path / "new" / "scored.jsonl"
    done = grade(samples, "--out", out)
    assert done.exit_code == 0
    assert "correct 2" in done.stdout
    assert "no_box 2" in done.stdout
    assert "1 agree, 1 differ" in done.stdout
    found = rows(out)
    assert [(row["problem_id"], row["sample"], row["correct"], row["status"]) for row in found] == [
        ("sums/0", 0, True, "correct"),
        ("sums/0", 1, False, "no_box"),
        ("sums/1", 7, True, "correct"),
        ("sums/1", 1, False, "no_box"),
    ]
    assert found[0]["label"] is True
    assert found[0]["model"] == "a"
    assert not any("completion" in row for row in found)


def test_a_marker_boxes_what_it_marks_and_nothing_else(samples, tmp_path):
    out = tmp_path / "scored.jsonl"
    assert grade(samples, "--out", out, "--marker", "####", "--json").exit_code == 0
    assert [row["status"] for row in rows(out)] == ["correct", "no_box", "correct", "wrong"]
    assert rows(out)[3]["extracted"] == "3"


def test_an_interrupted_run_goes_on_where_it_stopped(samples, tmp_path, monkeypatch):
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    grade(samples, "--out", whole)
    lines = whole.read_bytes().split(b"\n")
    torn.write_bytes(lines[0] + b"\n" + lines[1][:9])
    graded = []
    original = llm_grade._grade_batch
    monkeypatch.setattr(llm_grade, "_grade_batch", lambda *args: (graded.extend(args[1]), original(*args)))
    done = grade(samples, "--out", torn, "--json")
    assert len(graded) == 3
    assert torn.read_bytes() == whole.read_bytes()
    assert json.loads(done.stdout)["samples"] == 4


def test_scores_of_other_samples_are_left_alone(samples, tmp_path):
    out = tmp_path / "scored.jsonl"
    out.write_text('{"problem_id": "other", "sample": 0, "gold": "1", "correct": true, "status": "correct"}\n')
    before = out.read_bytes()
    done = grade(samples, "--out", out)
    assert "not of the same samples" in str(done.exception)
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "samples.jsonl:5: not a line of JSON"),
        ("[]", "samples.jsonl:5: must be an object"),
        ('{"problem_id": "a", "gold": "1"}', "has no 'completion'; it has 'problem_id', 'gold'"),
        ('{"problem_id": "a", "completion": "1"}', "has no 'gold' or 'answer'"),
        ('{"problem_id": 3, "completion": "1", "gold": "1"}', "'problem_id' must be text, got 3"),
    ],
)
def test_a_line_that_cannot_be_graded_is_named_before_anything_is(samples, tmp_path, line, message):
    with samples.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    out = tmp_path / "scored.jsonl"
    done = grade(samples, "--out", out)
    assert message in str(done.exception)
    assert not out.exists()


def test_golds_come_from_a_data_set(tmp_path):
    (tmp_path / "data.jsonl").write_text('{"id": "own/0", "problem": "What is half of one?", "answer": "\\\\frac12"}\n')
    samples, out = tmp_path / "samples.jsonl", tmp_path / "scored.jsonl"
    samples.write_text('{"problem_id": "own/0", "completion": "\\\\boxed{0.5}"}\n')
    assert grade(samples, "--out", out, "--dataset", tmp_path / "data.jsonl").exit_code == 0
    assert rows(out)[0]["correct"]
    samples.write_text('{"problem_id": "own/1", "completion": "\\\\boxed{0.5}"}\n')
    assert "no problem 'own/1'" in str(
        grade(samples, "--out", tmp_path / "more.jsonl", "--dataset", tmp_path / "data.jsonl").exception
    )
