"""Loading by name, path and hub name: columns, ids, answers, checks, selection."""

import dataclasses
import json

import pytest

from maxpo_bench.envs.tasks import (
    DATASETS,
    MAX_QUESTION_LENGTH,
    DataError,
    MathTask,
    MissingDataError,
    Problem,
    list_tasks,
    load_problems,
    make_math_task,
    make_task,
)
from maxpo_bench.envs.tasks.dataset_checks import OrderWarning, has_form, is_balanced
from maxpo_bench.envs.tasks.dataset_files import read_hub
from maxpo_bench.envs.tasks.dataset_rows import order_digest, question_digest
from maxpo_bench.envs.tasks.dataset_table import Columns, Correction, Dataset, Hub, dataset_named, hub_named
from maxpo_bench.envs.tasks.loading import EVALUATION_SETS, load_evaluation_sets
from maxpo_bench.registry import UnknownNameError

LEVELLED = [
    {"problem": "Find $a$.", "answer": r"\frac{1}{2}", "level": 1, "subject": "Algebra"},
    {"problem": "Find $b$.", "answer": r"\left(1, 2\right]", "level": 5, "subject": "Number Theory"},
    {"problem": "Find $c$.", "answer": r"\{1\}", "level": None, "subject": "Counting & Probability"},
]
TOY = Dataset(
    "toy",
    "Three questions.",
    {"train": 3, "test": 1},
    "latex",
    levels=(1, 2, 3, 4, 5),
    subjects=("Algebra", "Counting & Probability", "Number Theory"),
    unlevelled={"train": 1},
)
NUMBERS = Dataset("numbers", "Two numbers.", {"test": 2}, "number", (Hub("someone/numbers", Columns()),))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder with the sets toy and numbers, known by name."""
    for known in (TOY, NUMBERS):
        monkeypatch.setitem(DATASETS, known.name, known)
    write(tmp_path / "toy" / "train.jsonl", LEVELLED)
    write(tmp_path / "toy" / "test.jsonl", LEVELLED[:1])
    write(tmp_path / "numbers" / "test.jsonl", [{"problem": "p", "answer": 3}, {"problem": "q", "answer": "-3.50"}])
    return tmp_path


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def changed(rows, index, **values):
    return [{**row, **values} if number == index else row for number, row in enumerate(rows)]


def test_a_known_set_from_a_data_folder(folder, monkeypatch):
    problems = load_problems("toy", "train", data_dir=folder)
    assert [problem.id for problem in problems] == ["toy/train/0", "toy/train/1", "toy/train/2"]
    assert problems[1] == Problem(
        "toy/train/1", "Find $b$.", r"\left(1, 2\right]", {"level": 5, "subject": "Number Theory"}
    )
    assert problems[2].metadata == {"level": None, "subject": "Counting & Probability"}
    monkeypatch.setenv("MAXPO_BENCH_DATA", str(folder))
    assert load_problems("toy", "train") == problems
    assert [problem.id for problem in load_problems("numbers")] == ["numbers/0", "numbers/1"]
    assert [problem.answer for problem in load_problems("numbers")] == ["3", "-3.50"]


def test_the_argument_comes_before_the_variable_and_neither_gives_way_to_the_hub(folder, tmp_path_factory, monkeypatch):
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.setenv("MAXPO_BENCH_DATA", str(empty))
    assert len(load_problems("toy", "test", data_dir=folder)) == 1
    with pytest.raises(MissingDataError, match=r"has no toy/test\.jsonl\. Three ways"):
        load_problems("toy", "test")


def test_levels_and_subjects_select(folder):
    def ids(**selection):
        return [problem.id[-1] for problem in load_problems("toy", "train", data_dir=folder, **selection)]

    assert ids(levels=[5, 1]) == ["0", "1"]
    assert ids(subjects=["counting_and_probability"]) == ["2"]
    assert ids(subjects=["algebra", "Number theory"], levels={5}) == ["1"]
    with pytest.raises(ValueError, match="no problem of these levels and subjects at once"):
        ids(levels=[1], subjects=["Number Theory"])
    with pytest.raises(ValueError, match=r"toy has no level 2, 3: it has 1, 5"):
        ids(levels=[1, 2, 3])
    with pytest.raises(ValueError, match=r"has no subject 'Topology': it has Algebra, Counting & Probability, Number"):
        ids(subjects=["Topology"])
    with pytest.raises(ValueError, match="none asked for"):
        ids(levels=[])
    with pytest.raises(TypeError, match=r"subjects must be a collection such as \['Algebra'\]"):
        ids(subjects="Algebra")
    with pytest.raises(ValueError, match="it has no levels"):
        load_problems("numbers", data_dir=folder, levels=[1])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (LEVELLED[:2], r"toy train has 3 rows, .*train\.jsonl has 2: .* with check=False"),
        (changed(LEVELLED, 1, answer="{1"), r"has an answer that is not balanced: line 2 \(toy/train/1: '\{1'\)"),
        (changed(LEVELLED, 0, answer=r"\left(1"), r"not balanced: line 1 "),
        (changed(LEVELLED, 0, level=6), r"level out of 1 to 5: line 1 "),
        (changed(LEVELLED, 0, level="Level x"), r"level out of 1 to 5: line 1 "),
        (changed(LEVELLED, 1, level="Level ?"), r"has no level \(1 such rows are known\): line 2 .*line 3 "),
        (changed(LEVELLED, 0, subject="Topology"), r"has a subject that is none of .*: line 1 "),
    ],
)
def test_what_the_table_says_is_checked(folder, rows, message):
    write(folder / "toy" / "train.jsonl", rows)
    with pytest.raises(DataError, match=message):
        load_problems("toy", "train", data_dir=folder)
    assert len(load_problems("toy", "train", data_dir=folder, check=False)) == len(rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(LEVELLED, 1, problem=" \n"), r"1 row\(s\): has no question: line 2 "),
        (changed(LEVELLED, 2, answer=None), r"has no answer: line 3 \(toy/train/2: ''\)"),
        (changed(LEVELLED, 2, answer=float("nan")), r"has no answer: line 3 "),
        (
            [{**row, "id": number // 2} for number, row in enumerate(LEVELLED)],
            r"an id that another row has too: line 1 ",
        ),
        ([{**row, "id": number or ""} for number, row in enumerate(LEVELLED)], r"has no id: line 1 \(no id"),
        (
            changed(LEVELLED, 0, problem="x" * (MAX_QUESTION_LENGTH + 1)),
            r"question longer than 16384 characters: line 1 ",
        ),
        (
            changed(LEVELLED, 0, answer="1" * 1001),
            r"answer longer than 1000 characters, which no grader reads: line 1 ",
        ),
        (changed(LEVELLED, 1, answer=["1"]), r"train\.jsonl, line 2: a text or number is needed, got a list"),
    ],
)
def test_what_no_set_may_have_is_refused_even_unchecked(folder, rows, message):
    write(folder / "toy" / "train.jsonl", rows)
    for check in (True, False):
        with pytest.raises(DataError, match=message):
            load_problems("toy", "train", data_dir=folder, check=check)


def test_only_the_first_rows_are_listed(folder):
    write(folder / "numbers" / "test.jsonl", [{"problem": f"p{i}", "answer": "one"} for i in range(9)])
    with pytest.raises(DataError) as caught:
        load_problems("numbers", data_dir=folder)
    assert "numbers test has 2 rows" in str(caught.value)
    write(folder / "own.jsonl", [{"problem": f"p{i}", "answer": ""} for i in range(9)])
    with pytest.raises(DataError, match=r"9 row\(s\): has no answer: line 1 .*, line 5 \(own/4: ''\) and 4 more$"):
        load_problems(folder / "own.jsonl")


def test_a_number_set_refuses_expressions(folder):
    write(folder / "numbers" / "test.jsonl", [{"problem": "p", "answer": "3"}, {"problem": "q", "answer": "3,000"}])
    with pytest.raises(
        DataError, match=r"an answer that is no integer, decimal or fraction: line 2 \(numbers/1: '3,000'"
    ):
        load_problems("numbers", data_dir=folder)


@pytest.mark.parametrize(
    ("answer", "is_number"),
    [
        ("0", True),
        ("-17", True),
        ("142.0", True),
        ("3/4", True),
        ("025", True),
        ("3/0", False),
        ("1e5", False),
        ("\u0663", False),
        ("+1", False),
        (".5", False),
        ("1 ", False),
        ("", False),
    ],
)
def test_form_of_numbers(answer, is_number):
    assert has_form(answer, "number") is is_number


@pytest.mark.parametrize(
    ("text", "balanced"),
    [("", True), ("{}{{}}", True), (r"\{1", True), (r"\\{1}", True), ("}{", False), (r"\\{1", False), ("{", False)],
)
def test_balance_of_braces(text, balanced):
    assert is_balanced(text) is balanced
    assert has_form(text, "latex") is balanced


def test_left_is_not_leftarrow():
    assert has_form(r"a \leftarrow b", "latex")
    assert not has_form(r"\left( a", "latex")


def test_corrections_replace_the_known_wrong_answer_only(folder, monkeypatch):
    correction = Correction(question_digest("Find   $a$."), "x", "1", "a slip")
    monkeypatch.setitem(DATASETS, "toy", dataclasses.replace(TOY, corrections=(correction,)))
    for before, after in (("x", "1"), ("y", "y")):
        write(folder / "toy" / "test.jsonl", [{**LEVELLED[0], "answer": before}])
        assert load_problems("toy", "test", data_dir=folder)[0].answer == after


def test_row_numbers_of_another_order_are_warned_of(folder, monkeypatch):
    problems = load_problems("toy", "train", data_dir=folder)
    monkeypatch.setitem(DATASETS, "toy", dataclasses.replace(TOY, orders={"train": order_digest(problems)}))
    assert load_problems("toy", "train", data_dir=folder) == problems
    write(folder / "toy" / "train.jsonl", LEVELLED[::-1])
    with pytest.warns(OrderWarning, match="the ids are row numbers of this copy"):
        load_problems("toy", "train", data_dir=folder)
    write(folder / "toy" / "train.jsonl", [{**row, "id": 2 - i} for i, row in enumerate(LEVELLED[::-1])])
    assert load_problems("toy", "train", data_dir=folder)[2] == problems[0]


def test_graded_answers_come_before_answers(folder):
    write(
        folder / "own.jsonl", [{"problem": "p", "answer": "4e3", "answer_tex": r"4 \times 10^{3}", "answer_raw": "?"}]
    )
    (problem,) = load_problems(folder / "own.jsonl")
    assert problem.answer == r"4 \times 10^{3}"
    assert "4e3" not in repr(problem.metadata)


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"question": "p", "answer": "1 + 1 = <<1+1=2>>2\n#### 2,000"}, "2000"),
        ({"prompt": "p", "ground_truth": 7.0}, "7.0"),
        ({"problem": "p", "solution": r"First \boxed{1}, so \boxed{\frac{1}{2}}."}, r"\frac{1}{2}"),
        ({"problem": "p", "solution": r"\boxed{-\frac{5}{3}.}"}, r"-\frac{5}{3}"),
        ({"problem": "p", "solution": r"\boxed{0.333...}"}, "0.333..."),
        ({"problem": "p", "solution": r"\boxed{3}", "answer": "4"}, "4"),
        ({"problem": "p", "answer": r" 7\text{ hours}. "}, r"7\text{ hours}"),
    ],
)
def test_common_columns_are_guessed(folder, row, answer):
    assert load_problems(write(folder / "own.jsonl", [row]))[0].answer == answer


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"problem": "p", "question": "q", "answer": "1"},
            r"may be the problem \('problem', 'question'\).*columns=\{'pro",
        ),
        ({"problem": "p", "answer": "1", "ground_truth": "2"}, r"may be the answer .*columns=\{'answer': 'answer'\}"),
        ({"text": "p", "label": "1"}, r"has no known problem column; it has 'text', 'label': say which"),
        ({"problem": "p", "label": "1"}, r"no known answer column"),
    ],
)
def test_what_cannot_be_guessed_is_refused(folder, row, message):
    with pytest.raises(DataError, match=message):
        load_problems(write(folder / "own.jsonl", [row]))


def test_columns_can_be_mapped(folder):
    row = {"text": "p", "question": "q", "label": "so 5 #### 6", "key": 9, "hard": "Level 2", "field": "Algebra"}
    path = write(folder / "own.jsonl", [row])
    mapping = {"problem": "text", "answer": "label", "id": "key", "level": "hard", "subject": "field"}
    (problem,) = load_problems(path, columns=mapping)
    assert problem == Problem("own/9", "p", "6", {"level": 2, "subject": "Algebra"})
    assert load_problems(path, columns=mapping, answer_from="plain")[0].answer == "so 5 #### 6"
    with pytest.raises(DataError, match=r"has no column 'txt' for problem: it has 'text', 'question'"):
        load_problems(path, columns={"problem": "txt"})
    with pytest.raises(DataError, match=r"columns maps 'problems', which is none of .*Did you mean 'problem'"):
        load_problems(path, columns={"problems": "text"})
    with pytest.raises(ValueError, match="answer_from must be one of plain, hash, boxed, got 'box'"):
        load_problems(path, columns=mapping, answer_from="box")
    with pytest.raises(ValueError, match="columns and answer_from are for sets that are not in the table"):
        load_problems("toy", columns=mapping)


def test_markers_in_some_answers_only_are_refused(folder):
    path = write(folder / "own.jsonl", [{"problem": "p", "answer": "#### 1"}, {"problem": "q", "answer": "1"}])
    with pytest.raises(DataError, match=r"1 of 2 rows have #### .*answer_from='hash'"):
        load_problems(path)
    with pytest.raises(DataError, match=r"has no answer: line 2 "):
        load_problems(path, answer_from="hash")


def test_ids_of_known_sets_are_kept_in_other_files(folder):
    rows = [{"id": "math/train/7", "problem": "p", "answer": "1"}, {"id": "own-key", "problem": "q", "answer": "1"}]
    problems = load_problems(write(folder / "mixed.jsonl", rows))
    assert [problem.id for problem in problems] == ["math/train/7", "mixed/own-key"]


def test_names_that_are_nothing():
    with pytest.raises(
        UnknownNameError, match=r"'gsm8kk' is no known data set, no path and no hub name\. Did you mean"
    ):
        load_problems("gsm8kk")
    with pytest.raises(UnknownNameError, match="Did you mean 'math500'"):
        dataset_named("math-500")
    with pytest.raises(ValueError, match=r"aime24 has the split\(s\) test, got 'train'"):
        load_problems("aime24", "train")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder which the hub's package reads like a repository, without a network."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_rows_of_the_hubs_format(hub, monkeypatch):
    rows = [
        {"question": "p", "reply": "4 - 1 = 3\n#### 3", "key": "test/a.json", "year": "2023"},
        {"question": "q", "reply": "#### 1,000", "key": "test/b.json", "year": "2024"},
        {"question": "r", "reply": "#### 5", "key": "test/c.json", "year": "2024"},
    ]
    write(hub / "train.jsonl", rows)
    columns = Columns("question", "reply", "hash", id="key")
    copy = Hub(str(hub), columns, splits={"test": "train"}, keep=("year", "2024"))
    monkeypatch.setitem(DATASETS, "numbers", dataclasses.replace(NUMBERS, hubs=(copy,)))
    monkeypatch.delenv("MAXPO_BENCH_DATA", raising=False)
    problems = load_problems("numbers")
    assert [(problem.id, problem.answer) for problem in problems] == [
        ("numbers/test/b.json", "1000"),
        ("numbers/test/c.json", "5"),
    ]
    with pytest.raises(MissingDataError, match=r"\(dev\) could not be read from the hub: ValueError"):
        read_hub(str(hub), None, "dev")


def test_a_hub_copy_that_fails_names_the_three_ways(hub, monkeypatch):
    copy = Hub(str(hub / "gone"), Columns())
    monkeypatch.setitem(DATASETS, "numbers", dataclasses.replace(NUMBERS, hubs=(copy,)))
    monkeypatch.delenv("MAXPO_BENCH_DATA", raising=False)
    with pytest.raises(MissingDataError, match=r"could not be read from the hub: .*Three ways to give numbers test"):
        load_problems("numbers")


def test_hub_rows_under_a_folder_are_read_by_the_copy_s_columns(tmp_path):
    """A downloaded MATH-500 file keeps its own columns; the ids are ours all the same."""
    row = {
        "problem": "p",
        "solution": r"\boxed{9}",
        "answer": "1",
        "subject": "Algebra",
        "level": 1,
        "unique_id": "a/1",
    }
    write(tmp_path / "math500" / "test.jsonl", [row])
    (problem,) = load_problems("math500", data_dir=tmp_path, check=False)
    assert problem == Problem("math500/a/1", "p", "1", {"level": 1, "subject": "Algebra"})
    write(tmp_path / "gsm8k" / "train.jsonl", [{"question": "p", "answer": "so\n#### 1,200"}])
    assert load_problems("gsm8k", "train", data_dir=tmp_path, check=False) == [Problem("gsm8k/train/0", "p", "1200")]
    row = {"problem": "p", "solution": r"\boxed{1} or \boxed{2}", "level": "Level 3", "type": "Geometry"}
    write(tmp_path / "math" / "test.jsonl", [row])
    (problem,) = load_problems("math", data_dir=tmp_path, check=False)
    assert problem == Problem("math/test/0", "p", "2", {"level": 3, "subject": "Geometry"})
    write(tmp_path / "aime24" / "test.jsonl", [{"id": 60, "problem": "p", "solution": r"\boxed{204}", "url": "u"}])
    assert load_problems("aime24", data_dir=tmp_path, check=False) == [Problem("aime24/60", "p", "204")]
    write(tmp_path / "minerva" / "test.jsonl", [{"text": "p", "answer": "1"}])
    with pytest.raises(DataError, match=r"has the columns text, answer, which no known copy of minerva has"):
        load_problems("minerva", data_dir=tmp_path)


def test_composed_sets_and_evaluation_sets(folder, monkeypatch):
    both = Dataset(
        "both", "Composed.", {"train": 3}, "latex", parts=(("numbers", "test", None), ("toy", "train", (5,)))
    )
    monkeypatch.setitem(DATASETS, "both", both)
    ids = [problem.id for problem in load_problems("both", "train", data_dir=folder)]
    assert ids == ["numbers/0", "numbers/1", "toy/train/1"]
    monkeypatch.setitem(DATASETS, "both", dataclasses.replace(both, rows={"train": 4}))
    with pytest.raises(DataError, match="both train has 4 rows, its parts give 3"):
        load_problems("both", "train", data_dir=folder)
    assert list(load_evaluation_sets(["toy", "numbers"], data_dir=folder)) == ["toy", "numbers"]


def test_the_table_is_consistent():
    for name, known in DATASETS.items():
        assert known.name == name
        assert known.summary.endswith(".")
        assert set(known.orders) | set(known.unlevelled) <= set(known.rows)
        assert bool(known.hubs) != bool(known.parts)
        for part, split, _ in known.parts:
            assert split in DATASETS[part].rows
        for hub in known.hubs:
            assert hub_named(hub.path) == (known, hub)
    assert all("test" in DATASETS[name].rows for name in EVALUATION_SETS)
    assert hub_named("someone/something") is None


PROBLEMS = [Problem("own/0", "p", "1"), Problem("own/1", "q", r"\frac{1}{2}")]


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
