"""The questions of a recipe: data sets without evaluation problems, prepared files, procedural tasks."""

from __future__ import annotations

import hashlib
import json

import pytest

from maxpo_bench.commands import llm_data
from maxpo_bench.envs.tasks import MissingDataError, load_problems, make_task
from maxpo_bench.llm.recipes.questions import compared_before, is_task, load_questions, problems_digest
from maxpo_bench.llm.recipes.schema import Data

SHARED = "Ten red cows eat grass in a green field while nine birds sing above them all day long"


def write(path, questions):
    rows = [{"id": f"{path.stem}/{i}", "problem": text, "answer": str(i)} for i, text in enumerate(questions)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def sets(tmp_path):
    train = write(tmp_path / "train.jsonl", [SHARED, "What is 2 + 2?", "What is 2 + 3?"])
    held_out = write(tmp_path / "heldout.jsonl", [SHARED])
    return train, held_out


def test_problems_of_evaluation_sets_are_removed(sets):
    train, held_out = sets
    everything = load_questions(Data(set=train))
    cleaned = load_questions(Data(set=train, against=(held_out,)))
    assert (len(everything.problems), everything.removed, everything.task) == (3, 0, None)
    assert [problem.id for problem in cleaned.problems] == ["train/1", "train/2"]
    rows = [["train/1", "What is 2 + 2?", "1"], ["train/2", "What is 2 + 3?", "2"]]
    digest = hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()
    assert cleaned.record() == {"rows": 2, "removed": 1, "sha256": digest}
    with pytest.raises(ValueError, match="is left: all are in"):
        load_questions(Data(set=held_out, against=(held_out,)))


def test_a_set_that_is_not_here_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MAXPO_BENCH_DATA", str(tmp_path))
    with pytest.raises(MissingDataError, match=r"has no math/train\.jsonl"):
        load_questions(Data(set="math"))


@pytest.mark.parametrize("template", [None, "boxed", "chat"])
def test_prepared_files_are_read_whatever_their_template(sets, tmp_path, template, monkeypatch):
    train, held_out = sets
    output = tmp_path / "prepared.jsonl"
    llm_data.run(train, against=[held_out], output=output, template=template)
    data = Data(set=str(output), against=(held_out,))
    monkeypatch.setattr("maxpo_bench.llm.recipes.questions.decontaminate", lambda *_: pytest.fail("compared again"))
    found = load_questions(data)
    assert [(problem.id, problem.question, problem.answer) for problem in found.problems] == [
        ("train/1", "What is 2 + 2?", "1"),
        ("train/2", "What is 2 + 3?", "2"),
    ]
    assert found.removed == 0


def test_a_report_counts_only_for_the_file_that_it_names(sets, tmp_path):
    train, held_out = sets
    output = tmp_path / "prepared.jsonl"
    llm_data.run(train, against=[held_out], output=output)
    assert compared_before(str(output)) == [held_out]
    output.write_text(output.read_text() + json.dumps({"id": "x/9", "problem": SHARED, "answer": "1"}) + "\n")
    assert compared_before(str(output)) == []
    assert load_questions(Data(set=str(output), against=(held_out,))).removed == 1
    assert compared_before(train) == []


def test_procedural_tasks_are_their_own_graders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "countdown").mkdir()  # a name is no path
    found = load_questions(Data(set="countdown", options={"size": 5, "difficulty": 3}))
    task = make_task("countdown", "train", size=5, difficulty=3)
    assert found.problems == tuple(task.problem(index) for index in range(5))
    assert found.task is not None
    assert found.task.grade(found.problems[:1], [found.problems[0].answer])[0].correct
    assert is_task(Data(set="countdown"))
    assert not is_task(Data(set="gsm8k"))
    with pytest.raises(ValueError, match=r"data\.against is for data sets: the splits of countdown share no problem"):
        load_questions(Data(set="countdown", against=("math500",)))
    with pytest.raises(TypeError, match="no option 'sise'"):
        load_questions(Data(set="countdown", options={"sise": 5}))


def test_data_sets_have_no_options(sets):
    with pytest.raises(ValueError, match=r"data\.options are a procedural task's"):
        load_questions(Data(set=sets[0], options={"size": 2}))


def test_the_digest_is_that_of_ids_questions_and_answers_in_order(sets):
    problems = load_problems(sets[0])
    assert problems_digest(problems) != problems_digest(problems[::-1])
    assert problems_digest(problems) == problems_digest(tuple(problems))
