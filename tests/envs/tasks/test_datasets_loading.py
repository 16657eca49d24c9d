"""Loading by name, path and hub name: columns, ids, answers, selection."""

import dataclasses

import pytest
from toy_sets import NUMBERS, known_folder, write

from maxpo_bench.envs.tasks import DATASETS, DataError, MissingDataError, Problem, load_problems
from maxpo_bench.envs.tasks.dataset_files import read_hub
from maxpo_bench.envs.tasks.dataset_table import Columns, Dataset, Hub, dataset_named
from maxpo_bench.envs.tasks.loading import default_split, load_evaluation_sets, split_names
from maxpo_bench.registry import UnknownNameError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return known_folder(tmp_path, monkeypatch)


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
    assert ids(levels=5) == ids(levels=iter([5])) == ["1"]
    assert ids(subjects="number theory") == ["1"]
    assert ids(levels=1, subjects="Algebra") == ["0"]
    for levels in ("1", 1.0, True):
        with pytest.raises(TypeError, match=rf"levels must be such as 1 or \[1, 2\], got {levels!r}"):
            ids(levels=levels)
    with pytest.raises(TypeError, match=r"subjects must be such as 'Algebra' or \['Algebra', 'Geometry'\], got 3"):
        ids(subjects=3)
    with pytest.raises(ValueError, match="it has no levels"):
        load_problems("numbers", data_dir=folder, levels=[1])


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


def test_a_prompt_beside_the_problem_is_not_read(folder):
    row = {"problem": "p", "prompt": "p, step by step", "answer": "1"}
    assert load_problems(write(folder / "own.jsonl", [row]))[0].question == "p"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"problem": "p", "question": "q", "answer": "1"},
            r"may be the problem \('problem', 'question'\).*--column problem=problem on .*columns=\{'pro",
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
    with pytest.raises(ValueError, match=r"columns and answer_from .* are for sets that are not in the table: toy is"):
        load_problems("toy", columns=mapping)


def test_markers_in_some_answers_only_are_refused(folder):
    path = write(folder / "own.jsonl", [{"problem": "p", "answer": "#### 1"}, {"problem": "q", "answer": "1"}])
    with pytest.raises(DataError, match=r"1 of 2 rows have #### .*--answer-from hash .*answer_from='hash'"):
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


def test_the_split_that_is_taken_where_none_is_asked_for(folder):
    for name in ("toy", "gsm8k", "gsm8k+math1", "openai/gsm8k", "someone/something", folder / "toy", "own.jsonl"):
        assert default_split(name) == "train"
    for name in ("numbers", "aime24", "someone/numbers", str(folder / "numbers")):
        assert default_split(name) == "test"
    assert split_names("toy") == ("train", "test")
    assert split_names(folder / "toy") == ("test", "train")
    (folder / "numbers" / "test.jsonl").rename(folder / "numbers" / "dev.jsonl")
    assert default_split(folder / "numbers") == "dev"
    write(folder / "numbers" / "test.jsonl", [])
    with pytest.raises(ValueError, match=r"numbers has the splits dev, test and no train: say which"):
        default_split(folder / "numbers")


def test_forms_of_ids_are_those_of_the_ids():
    assert DATASETS["gsm8k"].id_form("test") == "gsm8k/test/<row number from 0>"
    assert DATASETS["math500"].id_form("test") == "math500/<unique_id>"
    assert DATASETS["minerva"].id_form("test") == "minerva/<row number from 0>"
    for name, known in DATASETS.items():
        assert all(known.id_form(split) for split in known.rows), name
    with pytest.raises(KeyError, match=r"aime24 has the split\(s\) test, got 'train'"):
        DATASETS["aime24"].id_form("train")


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


def test_configurations_are_read_one_after_the_other(hub, monkeypatch):
    rows = [{"problem": "p", "answer": "1"}, {"problem": "q", "answer": "2"}]
    for config, row in zip(("a", "b"), rows, strict=True):
        write(hub / config / "test.jsonl", [row])
    parts = "".join(f"- config_name: {config}\n  data_files: {config}/test.jsonl\n" for config in ("b", "a"))
    (hub / "README.md").write_text(f"---\nconfigs:\n{parts}---\n")
    copy = Hub(str(hub), Columns(), ("a", "b"), splits={"test": "train"})
    monkeypatch.setitem(DATASETS, "numbers", dataclasses.replace(NUMBERS, hubs=(copy,)))
    monkeypatch.delenv("MAXPO_BENCH_DATA", raising=False)
    assert load_problems("numbers") == [Problem("numbers/0", "p", "1"), Problem("numbers/1", "q", "2")]
    monkeypatch.setitem(DATASETS, "numbers", dataclasses.replace(NUMBERS, hubs=(copy,), rows={"test": 3}))
    with pytest.raises(DataError, match=r"\(a, train\) \+ .*\(b, train\) has 2"):
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
    assert both.id_form("train") == "numbers/<row number from 0> and toy/train/<row number from 0>"
    assert list(load_evaluation_sets(["toy", "numbers"], data_dir=folder)) == ["toy", "numbers"]
