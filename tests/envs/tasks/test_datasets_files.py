"""Reading rows from files and from the hub's format, and what each says when it cannot."""

import json
import sys

import pytest

from maxpo_bench.envs.tasks import DataError, MissingDataError, load_problems

ROWS = [
    {"problem": "What is 1 + 1?", "answer": "2"},
    {"problem": "What\u2028is\x85half\x0bof\x1c5?", "answer": "2.5"},
    {"problem": "Was ist \u00bd von 3\uff1f", "answer": "3/2"},
]


def write_jsonl(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n")
    return path


def write_parquet(path, rows):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def contents(problems):
    return [(problem.question, problem.answer) for problem in problems]


@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path, suffix):
    path = tmp_path / f"own.{suffix}"
    if suffix == "jsonl":
        write_jsonl(path, ROWS)
    elif suffix == "json":
        path.write_text(json.dumps(ROWS), encoding="utf-8")
    else:
        write_parquet(path, ROWS)
    problems = load_problems(path)
    assert contents(problems) == [(row["problem"].strip(), row["answer"]) for row in ROWS]
    assert [problem.id for problem in problems] == ["own/0", "own/1", "own/2"]


def test_jsonl_ends_lines_at_line_feeds_only(tmp_path):
    text = "\ufeff" + "\r\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\r\n\n"
    path = tmp_path / "own.jsonl"
    path.write_bytes(text.encode())
    assert len(load_problems(path)) == 3


def test_a_folder_is_read_by_split(tmp_path):
    write_jsonl(tmp_path / "own" / "train.jsonl", ROWS)
    write_jsonl(tmp_path / "own" / "test.jsonl", ROWS[:1])
    assert [problem.id for problem in load_problems(tmp_path / "own", "train")] == [f"own/train/{i}" for i in range(3)]
    assert len(load_problems(str(tmp_path / "own"), "test")) == 1
    assert load_problems(tmp_path / "own" / "train.jsonl", "train") == load_problems(tmp_path / "own", "train")
    with pytest.raises(MissingDataError, match=r"has no dev.jsonl: it has test.jsonl, train.jsonl"):
        load_problems(tmp_path / "own", "dev")


def test_two_files_of_one_split_are_refused(tmp_path):
    write_jsonl(tmp_path / "test.jsonl", ROWS)
    (tmp_path / "test.json").write_text(json.dumps(ROWS))
    with pytest.raises(DataError, match=r"both test.jsonl and test.json: give the path"):
        load_problems(tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b'{"problem": "a", "answer": "1"}\n{"problem": \n',
            r"own\.jsonl:2: no JSON at column \d+ .*'\{\"problem\": '",
        ),
        (b'\n\n["a", "1"]\n', r"own\.jsonl:3: a row must be an object with names and values, this one is a list"),
        (b'{"problem": "a"}\n{"problem": "\xff"}\n', r"own\.jsonl:2: not UTF-8 \(invalid start byte at byte \d+\)"),
        (b"", r"own\.jsonl holds no rows"),
        (b"\n \n", r"own\.jsonl holds no rows"),
        (b"{}", r"own\.jsonl has no known problem column; it has no columns"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, data, message):
    path = tmp_path / "own.jsonl"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        load_problems(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"problem": "a"}\n{"problem": "b"}', r"own\.json:2: no JSON.*rename it to \.jsonl"),
        ('{"data": []}', r"own\.json: a \.json file must hold a list of objects, this one holds an object"),
        ('[{"problem": "a", "answer": "1"}, 7]', r"own\.json, row 1: a row must be an object.*a number"),
        ("[", r"own\.json:1: no JSON"),
    ],
)
def test_a_malformed_json_file_is_named(tmp_path, text, message):
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_problems(path)


def test_files_that_are_not_there_or_not_readable(tmp_path):
    with pytest.raises(MissingDataError, match=r"gone\.jsonl is not a file: check the path"):
        load_problems(tmp_path / "gone.jsonl")
    (tmp_path / "own.csv").write_text("problem,answer\n")
    with pytest.raises(DataError, match=r"read from \.jsonl, \.json, \.parquet, not from '\.csv'"):
        load_problems(tmp_path / "own.csv")
    pytest.importorskip("pyarrow")
    (tmp_path / "own.parquet").write_bytes(b"PAR1 this is none PAR1")
    with pytest.raises(DataError, match=r"own\.parquet is no readable parquet file"):
        load_problems(tmp_path / "own.parquet")


def test_without_the_packages_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "own.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingDataError, match=r"pip install 'maxpo-bench\[text\]'"):
        load_problems(tmp_path / "own.parquet")
    monkeypatch.delenv("MAXPO_BENCH_DATA", raising=False)
    with pytest.raises(MissingDataError) as caught:
        load_problems("gsm8k", "test")
    assert "the path of a jsonl or parquet file" in str(caught.value)
    assert "gsm8k/test.jsonl, by data_dir or the environment variable MAXPO_BENCH_DATA" in str(caught.value)
    assert "openai/gsm8k" in str(caught.value)
    with pytest.raises(MissingDataError, match=r"reading someone/something \(test\) from the hub needs"):
        load_problems("someone/something")
