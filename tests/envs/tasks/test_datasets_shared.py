"""The real data sets, where they lie beside the checkout: counts, ids, answers, and every overlap known before."""

import functools
import json
import re
import shutil

import pytest
from shared_data import DATA, needs_data

from maxpo_bench.envs.tasks import DATASETS, MAX_QUESTION_LENGTH, decontaminate, load_problems
from maxpo_bench.envs.tasks.dataset_checks import has_form
from maxpo_bench.envs.tasks.dataset_rows import order_digest
from maxpo_bench.envs.tasks.loading import EVALUATION_SETS, load_evaluation_sets

pytestmark = needs_data

SPLITS = [(name, split) for name, known in DATASETS.items() for split in known.rows]


@functools.cache
def loaded(name, split="test"):
    return tuple(load_problems(name, split, data_dir=DATA))


@functools.cache
def read(path):
    return [json.loads(line) for line in (DATA / path).read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize(("name", "split"), SPLITS)
def test_every_set_is_as_the_table_says(name, split):
    problems = loaded(name, split)
    assert len(problems) == DATASETS[name].rows[split]
    assert len({problem.id for problem in problems}) == len(problems)
    assert all(0 < len(problem.question) <= MAX_QUESTION_LENGTH for problem in problems)
    assert all(has_form(problem.answer, DATASETS[name].answers) for problem in problems)
    if not DATASETS[name].parts:
        rows = read(f"{name}/{split}.jsonl")
        assert [problem.id for problem in problems] == [row["id"] for row in rows]
        stored = [row.get("answer_tex", row["answer"]) for row in rows]
        assert [problem.answer for problem in problems] == [answer.removesuffix(".") for answer in stored]
        assert [problem.question for problem in problems] == [row["problem"].strip() for row in rows]


@pytest.mark.parametrize("name", ["gsm8k", "math"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_order_the_ids_stand_for(name, split):
    assert order_digest(loaded(name, split)) == DATASETS[name].orders[split]


def test_the_training_set_of_gsm8k_and_math_level_1():
    expected = [row["id"] for row in read("gsm8k_math1/train_ids_clean.jsonl")]
    assert len(expected) == 8037
    assert [problem.id for problem in loaded("gsm8k+math1", "train")] == expected


def test_levels_and_subjects_of_math():
    assert len(load_problems("math", "train", data_dir=DATA, levels=[1])) == 564
    assert len(load_problems("math", "train", data_dir=DATA, levels=range(1, 6))) == 7498
    geometry = load_problems("math", "test", data_dir=DATA, subjects=["geometry"])
    assert len(geometry) == 479
    assert {problem.metadata["subject"] for problem in geometry} == {"Geometry"}


@pytest.mark.parametrize(("name", "split"), [("math", "train"), ("gsm8k", "train")])
def test_answers_read_from_solutions_are_the_stored_ones(name, split, tmp_path):
    """The sets in their original form: questions and whole solutions, without ids."""
    solutions = {row["id"]: row["solution"] for row in read(f"{name}/{split}.solutions.jsonl")}
    question, column = ("problem", "solution") if name == "math" else ("question", "answer")
    path = tmp_path / name / f"{split}.jsonl"
    path.parent.mkdir()
    with path.open("w", encoding="utf-8") as file:
        for row in read(f"{name}/{split}.jsonl"):
            level = row.get("level")
            new = {question: row["problem"], column: solutions[row["id"]]}
            new |= {"level": f"Level {level or '?'}", "type": row.get("subject")} if name == "math" else {}
            file.write(json.dumps(new, ensure_ascii=False) + "\n")
    again = load_problems(name, split, data_dir=tmp_path)
    assert again == list(loaded(name, split))


@pytest.mark.parametrize("name", ["minerva", "aime25"])
def test_every_correction_of_the_table_finds_its_question(name, tmp_path):
    """The sets with the answers as they circulate."""
    before = {correction.before for correction in DATASETS[name].corrections}
    question = DATASETS[name].hubs[0].columns.problem
    rows = [
        {"id": number, question: row["problem"], "answer": row.get("answer_raw", row["answer"])}
        for number, row in enumerate(read(f"{name}/test.jsonl"))
    ]
    assert before <= {row["answer"] for row in rows}
    (tmp_path / name).mkdir()
    (tmp_path / name / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = load_problems(name, data_dir=tmp_path)
    assert [problem.id for problem in again] == [problem.id for problem in loaded(name)]
    assert not before & {problem.answer for problem in again}
    changed = {new.answer for new, row in zip(again, rows, strict=True) if new.answer != row["answer"].strip()}
    assert changed == {correction.after for correction in DATASETS[name].corrections}


def test_parquet_gives_the_same_problems(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "minerva").mkdir()
    rows = [{"answer_tex": None, **row} for row in read("minerva/test.jsonl")]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "minerva" / "test.parquet")
    assert load_problems("minerva", data_dir=tmp_path) == list(loaded("minerva"))


def test_reading_through_the_hubs_package(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    from maxpo_bench.envs.tasks.dataset_files import read_hub

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "hub").mkdir()
    shutil.copy(DATA / "gsm8k" / "train.jsonl", tmp_path / "hub" / "train.jsonl")
    rows = read_hub(str(tmp_path / "hub"), None, "train").rows
    assert len(rows) == 7473
    assert [row["problem"] for row in rows] == [row["problem"] for row in read("gsm8k/train.jsonl")]


def training_set(name):
    if name == "math_train":
        return loaded("math", "train")
    if name == "gsm8k_train":
        return loaded("gsm8k", "train")
    held_out = {" ".join(problem.question.split()) for problem in loaded("math500")}
    return [problem for problem in loaded("math") if " ".join(problem.question.split()) not in held_out]


@pytest.mark.parametrize("name", ["math_train", "gsm8k_train", "math_test_minus_m500 (in 12k split)"])
def test_every_overlap_known_before_is_found_and_no_other(name):
    known = json.loads((DATA / "overlaps.json").read_text())
    pairs = {key.split("|")[1]: value for key, value in known.items() if key.split("|")[0] == name}
    assert pairs
    evaluation = {key: loaded(key.removesuffix("_test")) for key in pairs}
    report = decontaminate(training_set(name), evaluation)
    similarities = {(pair.evaluation_id, pair.train_id): pair.similarity for pair in report.overlaps}
    for key, expected in pairs.items():
        nearest = report.nearest(key)
        # Of partners equally similar any may be stored.
        assert set(nearest) == {row[0] for row in expected["near"]}
        for evaluation_id, train_id, rounded in expected["near"]:
            assert similarities[evaluation_id, train_id] == nearest[evaluation_id].similarity
            assert round(nearest[evaluation_id].similarity, 2) == rounded
        exact = {}
        for pair in report.overlaps:
            if pair.evaluation == key and pair.exact:
                exact.setdefault(pair.evaluation_id, []).append(pair.train_id)
        assert exact == dict(expected["exact"])


def test_math_train_against_math500():
    report = decontaminate(loaded("math", "train"), {"math500": loaded("math500")})
    (row,) = report.rows()
    assert (row["exact"], row["near"], row["near"] + row["similar"]) == (0, 6, 46)


def test_math500_is_a_part_of_maths_test_split():
    report = decontaminate(loaded("math"), {"math500": loaded("math500")})
    assert report.rows()[0]["exact"] == 500
    assert all(re.fullmatch(r"math/test/\d+", removal.problem.id) for removal in report.removed)


def test_amc_of_83_rows_holds_the_40():
    report = decontaminate(loaded("amc83"), {"amc23": loaded("amc23")})
    assert (report.rows()[0]["exact"], len(report.kept)) == (40, 43)


def test_what_evaluation_sets_and_the_training_set_have_in_common():
    evaluation = load_evaluation_sets(data_dir=DATA)
    assert tuple(evaluation) == EVALUATION_SETS
    train = loaded("gsm8k+math1", "train")
    report = decontaminate(train, evaluation)
    assert (len(report.kept), len(report.removed)) == (8028, 9)
    assert {overlap.evaluation for overlap in report.overlaps if overlap.exact} == {"math"}
    assert {removal.reason.evaluation for removal in report.removed} <= {"math", "math500"}
    del evaluation["math"]
    without = decontaminate(train, evaluation)
    assert [removal.problem.id for removal in without.removed] == ["math/train/2638", "math/train/5548"]
    assert not any(overlap.exact for overlap in without.overlaps)
    rows = {row["evaluation"]: row for row in report.rows()}
    assert all(rows[row["evaluation"]]["train_removed"] == row["train_removed"] for row in without.rows())


@pytest.mark.parametrize(("name", "split"), SPLITS)
def test_ids_begin_as_the_table_says(name, split):
    prefixes = {form.partition("<")[0] for form in DATASETS[name].id_form(split).split(" and ")}
    found = {
        next((prefix for prefix in prefixes if problem.id.startswith(prefix)), None) for problem in loaded(name, split)
    }
    assert found == prefixes
