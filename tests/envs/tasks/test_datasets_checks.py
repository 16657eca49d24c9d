"""What is checked of a data set at loading, and how the message names the rows."""

import dataclasses

import pytest
from toy_sets import LEVELLED, TOY, changed, known_folder, write

from maxpo_bench.envs.tasks import DATASETS, MAX_QUESTION_LENGTH, DataError, load_problems
from maxpo_bench.envs.tasks.dataset_checks import OrderWarning, has_form, is_balanced
from maxpo_bench.envs.tasks.dataset_rows import order_digest, question_digest
from maxpo_bench.envs.tasks.dataset_table import Correction, hub_named
from maxpo_bench.envs.tasks.loading import EVALUATION_SETS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return known_folder(tmp_path, monkeypatch)


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
    assert list(EVALUATION_SETS) == [name for name, known in DATASETS.items() if "test" in known.rows]
    assert hub_named("someone/something") is None
