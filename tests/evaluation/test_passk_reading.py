"""Files of scored samples are read as they are documented, and refused by line where they contradict themselves."""

import gzip
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from passk_samples import rows_of, write_lines

from maxpo_bench.evaluation import read_samples

VERDICTS = {"aime/2": "0110", "aime/10": "00", "gsm8k/test/0": "1"}


def counts(samples):
    rows = zip(samples.keys, samples.num_samples.tolist(), samples.num_correct.tolist(), strict=True)
    return {key: (n, c) for key, n, c in rows}


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_samples_are_counted_by_problem(tmp_path, name):
    (samples,) = read_samples(write_lines(tmp_path / name, rows_of(VERDICTS)))
    assert samples.label == "run"
    assert samples.files == (str(tmp_path / name),)
    assert samples.benchmarks == ("aime", "gsm8k")
    assert counts(samples) == {
        ("aime", "aime/10"): (2, 0),
        ("aime", "aime/2"): (4, 2),
        ("gsm8k", "gsm8k/test/0"): (1, 1),
    }
    assert samples.scores is None
    assert samples.unscored == 7
    assert samples.statuses == {}


def test_the_order_of_rows_does_not_matter(tmp_path):
    rows = rows_of(VERDICTS, status="judged", score=0.5)
    (first,) = read_samples(write_lines(tmp_path / "a.jsonl", rows), label="x")
    (second,) = read_samples(write_lines(tmp_path / "b.jsonl", rows[::-1]), label="x")
    assert counts(first) == counts(second)
    assert first.keys == second.keys


def test_integers_texts_and_numbers_for_booleans_are_taken(tmp_path):
    rows = [{"id": 7, "sample": 0, "correct": 1}, {"id": "7", "sample": 3, "correct": 0.0, "pred": "x"}]
    (samples,) = read_samples(write_lines(tmp_path / "run.jsonl", rows))
    assert counts(samples) == {("run", "7"): (2, 1)}


def test_line_separators_inside_texts_do_not_end_a_line(tmp_path):
    rows = rows_of({"a/1": "10"}, completion="one\u2028two\u2029three\x85four\x0c")
    (samples,) = read_samples(write_lines(tmp_path / "run.jsonl", rows))
    assert counts(samples) == {("a", "a/1"): (2, 1)}


def test_carriage_returns_and_empty_lines_are_no_rows(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_bytes(b'{"id": "a", "sample": 0, "correct": true}\r\n\n{"id": "a", "sample": 1, "correct": false}')
    assert counts(read_samples(path)[0]) == {("run", "a"): (2, 1)}


@pytest.mark.parametrize(
    ("columns", "options", "benchmark"),
    [
        ({"benchmark": "column", "level": "five"}, {"benchmark_column": "level"}, "five"),
        ({"benchmark": "column", "level": "five"}, {}, "column"),
        ({"benchmark": None}, {}, "prefix"),
        ({}, {"benchmark": "given"}, "prefix"),
        ({"problem_id": "17"}, {"benchmark": "given"}, "given"),
        ({"problem_id": "17"}, {}, "run"),
        ({"problem_id": "/17"}, {}, "run"),
        ({"source": "set"}, {"benchmark_column": "source"}, "set"),
    ],
)
def test_where_a_benchmarks_name_comes_from(tmp_path, columns, options, benchmark):
    rows = [{**row, **columns} for row in rows_of({"prefix/17": "01"})]
    (samples,) = read_samples(write_lines(tmp_path / "run.jsonl.gz", rows), **options)
    assert samples.benchmarks == (benchmark,)
    assert samples.label == "run"


def test_several_sources_are_several_methods(tmp_path):
    rows = [*rows_of({"a/1": "10"}, source="small"), *rows_of({"a/1": "11"}, source="large"), *rows_of({"a/1": "00"})]
    path = write_lines(tmp_path / "run.jsonl", rows)
    assert {each.label: each.num_correct.tolist() for each in read_samples(path)} == {
        "small": [1],
        "large": [2],
        "run": [0],
    }
    assert [each.label for each in read_samples(path, label="x")] == ["x:small", "x:large", "x:run"]
    (alone,) = read_samples(write_lines(tmp_path / "one.jsonl", rows_of({"a/1": "1"}, source="small")))
    assert alone.label == "one"


def test_a_folder_is_one_method_in_parts(tmp_path):
    write_lines(tmp_path / "mine" / "aime.jsonl", rows_of({"1": "10"}))
    write_lines(tmp_path / "mine" / "math.jsonl.gz", rows_of({"1": "111"}))
    (tmp_path / "mine" / "notes.txt").write_text("no samples")
    (samples,) = read_samples(tmp_path / "mine")
    assert samples.label == "mine"
    assert counts(samples) == {("aime", "1"): (2, 1), ("math", "1"): (3, 3)}
    assert len(samples.files) == 2


@pytest.mark.parametrize("name", ["scores.json", "scores.json.gz"])
def test_matrices_of_one_or_several_systems(tmp_path, name):
    path = tmp_path / name

    def read(table):
        text = json.dumps(table).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
        return {each.label: counts(each) for each in read_samples(path)}

    one = {"a/1": [1, 0, 1], "a/2": [False]}
    wanted = {("a", "a/1"): (3, 2), ("a", "a/2"): (1, 0)}
    assert read(one) == read({"scores": one, "more": 3}) == read({"x": one}) == {"scores": wanted}
    assert read({"scores": {"x": one, "y": one}}) == {"x": wanted, "y": wanted}


def test_scores_and_statuses_are_kept(tmp_path):
    rows = [
        {"id": "a", "sample": 0, "correct": True, "score": 2, "status": "correct"},
        {"id": "a", "sample": 1, "correct": False, "score": -1.5, "status": "timeout"},
        {"id": "b", "sample": 0, "correct": False, "score": 0.5, "status": "wrong"},
        {"id": "b", "sample": 1, "correct": True, "score": 0.25, "status": "finished"},
    ]
    (samples,) = read_samples(write_lines(tmp_path / "run.jsonl", rows))
    assert [scores.tolist() for scores in samples.scores] == [[-1.5, 2.0], [0.25, 0.5]]
    assert samples.statuses == {"correct": 1, "finished": 1, "timeout": 1, "wrong": 1}
    (partly,) = read_samples(write_lines(tmp_path / "run.jsonl", [*rows, {"id": "b", "sample": 2, "correct": 0}]))
    assert partly.scores is None
    assert partly.unscored == 1


def test_parts_of_samples_keep_what_belongs_to_them(tmp_path):
    rows = rows_of({"a/1": "10", "b/1": "1", "b/2": "0"}, score=0.5)
    (samples,) = read_samples(write_lines(tmp_path / "run.jsonl", rows))
    part = samples.of("b")
    assert counts(part) == {("b", "b/1"): (1, 1), ("b", "b/2"): (1, 0)}
    assert len(part.scores) == 2
    assert samples.restricted_to([("b", "b/2"), ("c", "x")]).problems == ("b/2",)
    with pytest.raises(ValueError, match="run has no problems"):
        samples.of("nothing")


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"sample": 0}, r"sample 0 of problem 'a/1' is there twice, first in .*run\.jsonl:1: every sample counts once"),
        ({"correct": None}, "'correct' is missing: a sample without a verdict cannot be counted"),
        ({"correct": "true"}, "'correct' must be true, false, 1 or 0, got 'true'"),
        ({"correct": 0.5}, "'correct' must be true, false, 1 or 0, got 0.5"),
        ({"correct": [1]}, r"'correct' must be true, false, 1 or 0, got \[1\]"),
        ({"correct": float("nan")}, "'correct' must be true, false, 1 or 0, got nan"),
        ({"sample": None}, "'sample' is missing: number each problem's samples 0, 1, 2"),
        ({"sample": -1}, "'sample' is -1"),
        ({"sample": True}, "'sample' is True"),
        ({"sample": "1"}, "'sample' is '1'"),
        ({"problem_id": None}, r"'problem_id' \(or 'id'\) is missing"),
        ({"problem_id": ""}, r"'problem_id' \(or 'id'\) is ''"),
        ({"problem_id": 1.5}, "it must be text or an integer"),
        ({"benchmark": 3}, "'benchmark' must be a text that is not empty, got 3"),
        ({"source": ""}, "'source' must be a text that is not empty, got ''"),
        (
            {"status": "correct", "correct": False},
            "'status' is 'correct' but 'correct' is False: grade the sample again",
        ),
        ({"status": "crash", "correct": True}, "'status' is 'crash' but 'correct' is True"),
        ({"score": "high"}, "'score' must be a finite number, got 'high'"),
        ({"score": float("inf")}, "'score' must be a finite number, got inf"),
        ({"score": 10**400}, "'score' must be a finite number, got 1000"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path, second, words):
    path = write_lines(tmp_path / "run.jsonl", [*rows_of({"a/1": "1"}), {**rows_of({"a/1": "01"})[1], **second}])
    with pytest.raises(ValueError, match=rf"^{path}:2: .*{words}"):
        read_samples(path)


def test_a_missing_verdict_is_not_a_wrong_answer(tmp_path):
    path = write_lines(tmp_path / "run.jsonl", [{"id": "a", "sample": 0}])
    with pytest.raises(ValueError, match=r"run\.jsonl:1: 'correct' is missing"):
        read_samples(path)


def test_twice_in_different_files_of_a_folder_is_twice(tmp_path):
    for name in ("one", "two"):
        write_lines(tmp_path / "mine" / f"{name}.jsonl", rows_of({"a/1": "1"}))
    words = (
        r"two\.jsonl:1: sample 0 of problem 'a/1' is there twice, first in .*one\.jsonl:1: a folder is read as one "
        "method; give the files one by one if each is a method of its own"
    )
    with pytest.raises(ValueError, match=words):
        read_samples(tmp_path / "mine")
    rows = rows_of({"a/1": "1"}, source="small") * 2
    with pytest.raises(ValueError, match="sample 0 of problem 'a/1' by 'small' is there twice"):
        read_samples(write_lines(tmp_path / "run.jsonl", rows))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"id": "a", "sample": 0, "correct": true', "run.jsonl:1: not JSON in UTF-8"),
        (b'{"id": "\xff", "sample": 0, "correct": true}', "run.jsonl:1: not JSON in UTF-8"),
        (b"[1, 2]", "run.jsonl:1: expected a JSON object, got list"),
        (b'{"id": "a", "sample": 0, "correct": 0, "correct": 1}', "'correct' is named twice"),
        (b"[" * 100_000, "run.jsonl:1: not JSON in UTF-8"),
        (b"\n \n", "holds no samples: write one row per sample"),
        (b"", "holds no samples"),
    ],
)
def test_what_is_no_row_is_refused(tmp_path, content, words):
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_samples(path)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"a": 3}, "'a': expected a list of 0 and 1, one for each sample, got 3"),
        ({"a": []}, r"'a': expected a list of 0 and 1, one for each sample, got \[\]"),
        ({"a": [1, 2]}, "'a', sample 1: 'correct' must be true, false, 1 or 0, got 2"),
        ({"x": {"a": [1]}, "y": [1]}, "'x': expected a list"),
        ({}, "holds no samples"),
        ([1], "expected a JSON object, got list"),
    ],
)
def test_what_is_no_matrix_is_refused(tmp_path, table, words):
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(table))
    with pytest.raises(ValueError, match=words):
        read_samples(path)


def test_a_problem_named_twice_in_a_matrix_is_refused(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text('{"a": [1], "a": [0]}')
    with pytest.raises(ValueError, match="'a' is named twice"):
        read_samples(path)


@pytest.mark.parametrize("name", ["run.jsonl.gz", "run.json.gz"])
@pytest.mark.parametrize("damage", [lambda content: content[:-12], lambda content: b"plain" + content])
def test_damaged_archives_are_named(tmp_path, name, damage):
    path = tmp_path / name
    rows = rows_of({f"p{at}": "01" for at in range(500)})
    path.write_bytes(damage(gzip.compress("\n".join(map(json.dumps, rows)).encode())))
    with pytest.raises(ValueError, match=rf"{name}.*the compressed file is damaged or ends early"):
        read_samples(path)


def test_missing_and_foreign_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jsonl does not exist: name a file or folder"):
        read_samples(tmp_path / "nowhere.jsonl")
    (tmp_path / "run.csv").write_text("id")
    with pytest.raises(ValueError, match=r"run\.csv ends in none of \.jsonl, \.jsonl\.gz, \.json, \.json\.gz"):
        read_samples(tmp_path / "run.csv")
    with pytest.raises(ValueError, match="holds no file that ends in"):
        read_samples(tmp_path)


def test_a_benchmark_column_must_be_everywhere(tmp_path):
    path = write_lines(tmp_path / "run.jsonl", [*rows_of({"a/1": "1"}, set="x"), *rows_of({"a/2": "1"})])
    with pytest.raises(ValueError, match=r"run\.jsonl:2: column 'set', which names the benchmark, is missing"):
        read_samples(path, benchmark_column="set")


def test_texts_are_not_kept_in_memory(tmp_path):
    rows = rows_of({f"a/{at}": "01" for at in range(500)}, completion="long " * 4000)
    path = write_lines(tmp_path / "run.jsonl", rows)
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    (samples,) = read_samples(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert samples.num_samples.sum() == 1000
    assert peak < 3_000_000


def test_labelled_model_outputs():
    outputs = Path(__file__).resolve().parents[2] / ".." / "shared" / "outputs"
    if not outputs.is_dir():
        pytest.skip(f"no labelled model outputs at {outputs}")
    (matrix,) = read_samples(outputs / "score_matrices.json")
    (rows,) = read_samples(outputs / "qwen25math_math100x8.jsonl")
    assert matrix.keys == rows.keys
    np.testing.assert_array_equal(matrix.num_correct, rows.num_correct)
    systems = read_samples(outputs / "openai_gsm8k_4systems.jsonl")
    assert [each.num_samples.sum() for each in systems] == [1319] * 4
    assert {each.benchmarks for each in systems} == {("gsm8k",)}


def test_every_data_set_of_reasoning_gym_is_a_benchmark_of_its_own(tmp_path):
    path = tmp_path / "scored.jsonl"
    ids = ["reasoning_gym/ab/test/0", "reasoning_gym/maze/test/0", "countdown[difficulty=3]/test/0"]
    path.write_text("".join(json.dumps({"problem_id": i, "sample": 0, "correct": True}) + "\n" for i in ids))
    (samples,) = read_samples(path)
    assert sorted(key[0] for key in samples.keys) == [
        "countdown[difficulty=3]",
        "reasoning_gym/ab",
        "reasoning_gym/maze",
    ]
