"""`maxpo-bench llm grade`: from completions to scored samples, interrupted and resumed."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.commands import llm_grade
from maxpo_bench.envs.tasks import Grader

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
    original = Grader.grade
    monkeypatch.setattr(Grader, "grade", lambda *args: (graded.extend(args[2]), original(*args))[1])
    done = grade(samples, "--out", torn, "--json")
    assert graded == [sample["completion"] for sample in SAMPLES[1:]]
    assert torn.read_bytes() == whole.read_bytes()
    told = json.loads(done.stdout)
    assert (told["samples"], told["graded_before"]) == (4, 1)


def test_an_interruption_by_hand_keeps_what_is_graded_and_ends_at_once(tmp_path):
    samples, out = tmp_path / "samples.jsonl", tmp_path / "scored.jsonl"
    easy = [{"problem_id": f"p/{i}", "completion": "\\boxed{1}", "gold": "1"} for i in range(40)]
    bombs = [
        {"problem_id": f"b/{i}", "completion": f"\\boxed{{9^{{9^{{9^{{9}}}}}}+{i}}}", "gold": "x^2"} for i in range(400)
    ]
    samples.write_text("".join(json.dumps(row) + "\n" for row in easy + bombs))
    command = [sys.executable, "-m", "maxpo_bench.cli", "llm", "grade", str(samples), "--out", str(out)]
    command += ["--time-limit", "1000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not (out.exists() and out.read_bytes().count(b"\n") >= llm_grade.FIRST_BATCH):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        message = process.communicate(timeout=120)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "to go on: python -m maxpo_bench.cli llm grade" in message
    assert [row["status"] for row in rows(out)] == ["correct"] * llm_grade.FIRST_BATCH


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows[0].update(completion="\\boxed{5}"), "completion_sha256"),
        (lambda rows: rows[0].update(gold="5"), "gold"),
        (lambda rows: rows[0].update(model="b"), "model"),
        (lambda rows: rows.pop(), "there are fewer now"),
    ],
)
def test_scores_of_other_samples_are_left_alone(samples, tmp_path, change, reason):
    out = tmp_path / "scored.jsonl"
    grade(samples, "--out", out)
    before = out.read_bytes()
    changed = [dict(row) for row in SAMPLES]
    change(changed)
    samples.write_text("".join(json.dumps(row) + "\n" for row in changed))
    done = grade(samples, "--out", out)
    assert "was not graded from these samples" in str(done.exception)
    assert reason in str(done.exception)
    assert out.read_bytes() == before


@pytest.mark.parametrize("text", ["my notes", "my notes\n", '{"problem_id": "sums/0", "sample": 1'])
def test_another_file_is_never_overwritten(samples, tmp_path, text):
    out = tmp_path / "notes.txt"
    out.write_text(text)
    assert grade(samples, "--out", out).exit_code != 0
    assert out.read_text() == text
    before = samples.read_bytes().rstrip(b"\n")
    samples.write_bytes(before)
    assert "is the file of the completions" in str(grade(samples, "--out", samples).exception)
    assert samples.read_bytes() == before


def test_two_calls_do_not_write_one_file(samples, tmp_path):
    out = tmp_path / "scored.jsonl"
    with llm_grade._locked(out):
        assert "written by another call" in str(grade(samples, "--out", out).exception)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "samples.jsonl:5: not JSON"),
        ("[]", "samples.jsonl:5: expected a JSON object"),
        ("[" * 100_000, "samples.jsonl:5: not JSON"),
        ('{"problem_id": "a", "gold": "1"}', "has no 'completion'; it has 'problem_id', 'gold'"),
        ('{"problem_id": "a", "completion": "1"}', "has no 'gold' or 'answer'"),
        ('{"problem_id": 3.5, "completion": "1", "gold": "1"}', "'problem_id' must be text, got 3.5"),
        ('{"problem_id": "a", "completion": "1", "gold": " "}', "samples.jsonl:5: the gold is empty"),
        ('{"problem_id": "a", "completion": "1", "gold": "so\\n#### 1"}', "the gold holds '####'"),
        ('{"problem_id": "a", "completion": "1", "gold": "\\\\boxed{1}"}', "samples.jsonl:5: the gold holds"),
        ('{"problem_id": "a", "completion": "1", "gold": "1", "sample": null}', "'sample' must be an integer"),
        ('{"problem_id": "a", "completion": "1", "gold": "1", "correct": "no"}', "'correct' must be true, false"),
        ('{"problem_id": "sums/1", "completion": "1", "gold": "2", "sample": 7}', "samples.jsonl:3 already"),
    ],
)
def test_a_line_that_cannot_be_graded_is_named_before_anything_is(samples, tmp_path, line, message):
    with samples.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    out = tmp_path / "scored.jsonl"
    done = grade(samples, "--out", out)
    assert message in str(done.exception)
    assert not out.exists()


def test_what_is_no_file_of_samples_is_refused(tmp_path):
    out = tmp_path / "scored.jsonl"
    assert "does not exist" in str(grade(tmp_path / "none.jsonl", "--out", out).exception)
    assert "is a folder" in str(grade(tmp_path, "--out", out).exception)
    (tmp_path / "empty.jsonl").write_text("\n")
    assert "holds no samples" in str(grade(tmp_path / "empty.jsonl", "--out", out).exception)
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "is no file" in str(grade(tmp_path / "pipe.jsonl", "--out", out).exception)
    assert "is read more than once" in str(grade(tmp_path / "pipe.jsonl", "--out", out).exception)
    assert not out.exists()


def test_a_compressed_file_is_read_and_none_is_written(samples, tmp_path):
    packed = tmp_path / "samples.jsonl.gz"
    packed.write_bytes(gzip.compress(samples.read_bytes()))
    assert grade(packed, "--out", tmp_path / "a.jsonl").exit_code == 0
    grade(samples, "--out", tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert "not compressed" in str(grade(samples, "--out", tmp_path / "c.jsonl.gz").exception)


def test_hints_where_answers_have_markers(tmp_path):
    samples = tmp_path / "samples.jsonl"
    samples.write_text('{"problem_id": 7, "completion": "#### 3", "gold": 3, "correct": 1}\n')
    done = grade(samples, "--out", tmp_path / "scored.jsonl")
    assert "--marker '####'" in done.stdout
    assert "samples.jsonl:1: 7 has label 1, graded no_box; gold '3', read None" in done.stdout


def test_golds_come_from_a_data_set(tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text('{"id": "own/0", "problem": "What is half of one?", "answer": "\\\\frac12"}\n')
    samples, out = tmp_path / "samples.jsonl", tmp_path / "scored.jsonl"
    samples.write_text('{"problem_id": "own/0", "completion": "\\\\boxed{0.5}", "gold": "3"}\n')
    done = grade(samples, "--out", out, "--dataset", data)
    assert done.exit_code == 0
    assert (rows(out)[0]["correct"], rows(out)[0]["gold"]) == (True, "\\frac12")
    assert "whose own gold is written otherwise than the data set's: 1" in done.stdout
    samples.write_text('{"problem_id": "own/1", "completion": "\\\\boxed{0.5}"}\n')
    done = grade(samples, "--out", tmp_path / "more.jsonl", "--dataset", data)
    assert "has no problem 'own/1'; its ids look like 'own/0'" in str(done.exception)
    assert "--dataset" in str(grade(samples, "--out", out, "--split", "test").exception)
