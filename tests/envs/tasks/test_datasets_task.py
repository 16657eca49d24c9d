"""Data sets as tasks: by their problems, by name, path and registry."""

import pytest
from toy_sets import known_folder, write

from maxpo_bench.envs.tasks import (
    DATASETS,
    DataError,
    MathTask,
    Problem,
    list_tasks,
    make_math_task,
    make_task,
)

PROBLEMS = [Problem("own/0", "p", "1"), Problem("own/1", "q", r"\frac{1}{2}")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return known_folder(tmp_path, monkeypatch)


def test_math_task_holds_its_problems():
    task = MathTask(PROBLEMS, name="own", split="test")
    assert (len(task), task.name, task.split, repr(task)) == (2, "own", "test", "<own test, 2 problems>")
    assert [task.problem(0), task.problem(1)] == PROBLEMS
    for index in (-1, 2):
        with pytest.raises(IndexError, match="has the problems 0 to 1"):
            task.problem(index)
    with pytest.raises(ValueError, match="got 1 completions for 2 problems"):
        task.grade(PROBLEMS, ["x"])
    for wrong in ([], [PROBLEMS[0]] * 2, [Problem("own/0", "p", "")]):
        with pytest.raises(DataError):
            MathTask(wrong, name="own", split="test")


def test_math_task_grades_boxes():
    task = MathTask(PROBLEMS, name="own", split="test")
    completions = [r"So \boxed{1}.", "It is 1/2."]
    assert [grade.status for grade in task.grade(PROBLEMS, completions)] == ["correct", "no_box"]
    assert task.grade(PROBLEMS[1:], [r"\boxed{0.5}"])[0].correct
    assert task.grade([], []) == []


def test_tasks_are_made_by_name_path_and_hub(folder):
    task = make_math_task("toy", "train", data_dir=folder, levels=[5])
    assert (task.name, len(task)) == ("toy", 1)
    path = write(folder / "own.jsonl", [{"q": "p", "answer": "#### 1"}])
    assert make_math_task(path, columns={"problem": "q"}).name == "own"


def test_registered_tasks(tmp_path):
    rows = {row["name"]: row for row in list_tasks() if row["kind"] == "dataset"}
    assert set(rows) == set(DATASETS)
    assert rows["gsm8k"]["splits"] == ("train", "test")
    write(tmp_path / "amc23" / "test.jsonl", [{"problem": "p", "answer": "1"}])
    task = make_task("amc23", "test", data_dir=tmp_path, check=False)
    assert isinstance(task, MathTask)
    assert task.problem(0) == Problem("amc23/0", "p", "1")
    with pytest.raises(ValueError, match="no split 'train'"):
        make_task("amc23", "train")
