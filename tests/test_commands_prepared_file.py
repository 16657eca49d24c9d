"""The file of `llm prepare` with prompts, and the report that names it: recomputed by hand, whole or not at all."""

import hashlib
import json
import os

import pytest

from maxpo_bench.commands import llm_data
from maxpo_bench.commands.prepared_file import describe, report_path, write_prepared
from maxpo_bench.envs.tasks import load_problems
from maxpo_bench.envs.tasks.dataset_table import DATASETS, Columns, Dataset, Hub
from maxpo_bench.llm.prompts import BOX_REQUEST
from maxpo_bench.registry import UnknownNameError

QUESTION = "Ten red cows eat grass in a green field while nine birds sing above them all day long"


@pytest.fixture
def files(tmp_path):
    """A training file of three questions, and an evaluation file that holds the first."""
    rows = [
        {"id": f"own/{i}", "problem": text, "answer": str(i)} for i, text in enumerate([QUESTION, "2+2?", "1\u2028"])
    ]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "heldout.jsonl").write_text(json.dumps({"problem": QUESTION, "answer": "0"}) + "\n")
    return tmp_path / "own.jsonl", tmp_path / "heldout.jsonl"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_report_names_inputs_and_output(files, tmp_path, capsys):
    train, held_out = files
    output = tmp_path / "kept.jsonl"
    llm_data.run(str(train), against=[str(held_out)], output=output, as_json=True)
    report = json.loads(report_path(output).read_text())
    assert report_path(output) == tmp_path / "kept.jsonl.report.json"
    assert report["output"] == {
        "file": "kept.jsonl",
        "rows": 2,
        "columns": ["id", "problem", "answer"],
        "sha256": sha256(output),
    }
    assert json.loads(capsys.readouterr().out)["output"] == report["output"]
    assert report["source"]["files"] == [{"path": str(train), "sha256": sha256(train)}]
    assert (report["source"]["rows"], report["source"]["split"]) == (3, "train")
    (evaluation,) = report["against"]
    assert evaluation["name"] == str(held_out)
    assert evaluation["files"] == [{"path": str(held_out), "sha256": sha256(held_out)}]
    assert [row["id"] for row in report["decontamination"]["removed"]] == ["own/0"]
    assert report["template"] is None
    assert report["versions"]["maxpo-bench"]
    rows = [[problem.id, problem.question, problem.answer] for problem in load_problems(train)]
    expected = hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()
    assert report["source"]["problems_sha256"] == expected


def test_equal_inputs_give_equal_bytes(files, tmp_path, capsys):
    for name in ("one.jsonl", "two.jsonl"):
        llm_data.run(str(files[0]), against=[], output=tmp_path / name, template="boxed")
    assert sha256(tmp_path / "one.jsonl") == sha256(tmp_path / "two.jsonl")
    report = json.loads(report_path(tmp_path / "one.jsonl").read_text())
    assert (report["against"], report["decontamination"]) == ([], None)
    assert f"SHA-256 {report['output']['sha256']}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("template", "column", "first"),
    [
        ("plain", "prompt", QUESTION),
        ("boxed", "prompt", f"{QUESTION}\n{BOX_REQUEST}"),
        (
            "qwen2.5-math",
            "prompt",
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            f"<|im_start|>user\n{QUESTION}\n{BOX_REQUEST}<|im_end|>\n<|im_start|>assistant\n",
        ),
        ("chat", "messages", [{"role": "user", "content": f"{QUESTION}\n{BOX_REQUEST}"}]),
    ],
)
def test_a_template_adds_prompts(files, tmp_path, capsys, template, column, first):
    output = tmp_path / "kept.jsonl"
    llm_data.run(str(files[0]), against=[], output=output, template=template)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [set(row) for row in rows] == [{"id", "problem", "answer", column}] * 3
    assert rows[0][column] == first
    assert [row["problem"] for row in rows] == [QUESTION, "2+2?", "1"]
    assert json.loads(report_path(output).read_text())["template"] == template


def test_what_makes_no_sense_is_refused_before_any_work(files, tmp_path, monkeypatch):
    monkeypatch.setattr("maxpo_bench.envs.tasks.loading.load_problems", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(UnknownNameError, match=r"unknown prompt template 'boxd'\. Did you mean 'boxed'"):
        llm_data.run(str(files[0]), against=[], output=tmp_path / "x.jsonl", template="boxd")
    with pytest.raises(ValueError, match="--template adds prompts to the rows of --out"):
        llm_data.run(str(files[0]), against=[], template="boxed")


def test_a_file_that_appears_meanwhile_is_not_replaced(files, tmp_path):
    problems = load_problems(files[0])
    output = tmp_path / "late.jsonl"
    output.write_text("mine")
    with pytest.raises(FileExistsError):
        write_prepared(output, problems, source={}, against=[], found=None)
    assert output.read_text() == "mine"
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_a_kill_between_the_two_files_leaves_no_set(files, tmp_path, monkeypatch):
    def die(*arguments):
        raise KeyboardInterrupt

    output = tmp_path / "kept.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", die)
        with pytest.raises(KeyboardInterrupt):
            llm_data.run(str(files[0]), against=[], output=output)
    assert not output.exists()
    llm_data.run(str(files[0]), against=[], output=output)
    assert json.loads(report_path(output).read_text())["output"]["sha256"] == sha256(output)


def test_files_of_composed_sets_and_none_for_the_hub(tmp_path, monkeypatch):
    hubs = (Hub("someone/x", Columns()),)
    for name in ("one", "two"):
        monkeypatch.setitem(DATASETS, name, Dataset(name, "A question.", {"train": 1}, "number", hubs))
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text(json.dumps({"problem": name, "answer": "1"}) + "\n")
    parts = (("one", "train", None), ("two", "train", None))
    monkeypatch.setitem(DATASETS, "both", Dataset("both", "Two.", {"train": 2}, "number", parts=parts))
    problems = load_problems("both", "train", data_dir=tmp_path)
    named = describe("both", "train", problems, tmp_path)
    assert [entry["path"] for entry in named["files"]] == [
        str(tmp_path / "one" / "train.jsonl"),
        str(tmp_path / "two" / "train.jsonl"),
    ]
    monkeypatch.delenv("MAXPO_BENCH_DATA", raising=False)
    assert describe("one", "train", problems, None)["files"] == []
    assert describe(str(tmp_path / "one"), "train", problems, None)["files"][0]["path"].endswith("one/train.jsonl")
