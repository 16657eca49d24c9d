"""`maxpo-bench llm prepare`: what it prints and writes, and what it refuses before any work."""

import json

import pytest
from typer.testing import CliRunner

from maxpo_bench.cli import app
from maxpo_bench.commands import llm_data
from maxpo_bench.envs.tasks import DataError, MissingDataError, load_problems
from maxpo_bench.envs.tasks.dataset_table import DATASETS, Columns, Dataset, Hub
from maxpo_bench.registry import UnknownNameError

LONG = "Ten red cows eat grass in a green field while nine birds sing above them all day long"


def replaced(*changes):
    """Return the long question with some words replaced, by position."""
    return " ".join(f"other{number}" if number in changes else word for number, word in enumerate(LONG.split()))


@pytest.fixture
def files(tmp_path):
    """A training file of three questions, and an evaluation file with one of them."""
    texts = [LONG, replaced(4), "What\u2028else?"]
    rows = [{"id": f"own/{i}", "problem": text, "answer": "1", "level": 2} for i, text in enumerate(texts)]
    train = tmp_path / "own.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    held_out = tmp_path / "heldout.jsonl"
    held_out.write_text(json.dumps({"problem": LONG, "answer": "1"}) + "\n")
    return train, held_out


def test_the_command_prints_and_writes(files, tmp_path, capsys):
    train, held_out = files
    output = tmp_path / "kept.jsonl"
    assert llm_data.run(str(train), against=[str(held_out)], output=output) == 0
    text = capsys.readouterr().out
    assert f"{train} train: 3 rows\n  ids: own/0 to own/2\n" in text
    assert "  answers: integer 3; the longest has 1 characters\n  levels: 2 3\n" in text
    assert "3 training problems: 2 kept, 1 removed" in text
    assert f"own/0 ~ heldout/0 of {held_out} (same)" in text
    assert f"wrote {output}" in text
    assert len(output.read_text().splitlines()) == 2
    kept = load_problems(output, columns={"id": "id"})
    assert [row.question for row in kept] == [replaced(4), "What\u2028else?"]
    assert [row.metadata["level"] for row in kept] == [2, 2]
    with pytest.raises(FileExistsError, match="remove it or give another name"):
        llm_data.run(str(train), against=[str(held_out)], output=output)


def test_the_command_prints_json(files, tmp_path, capsys):
    train, held_out = files
    assert llm_data.run(str(train), "test", against=[str(held_out)], as_json=True) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["splits"]["test"]["rows"] == 3
    assert data["compared"] == "test"
    assert data["decontamination"]["train"]["removed"] == 1
    output = tmp_path / "all.jsonl"
    assert llm_data.run(str(train), against=[], as_json=True, output=output) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["decontamination"], data["compared"]) == (None, None)
    assert len(load_problems(output)) == 3


def test_the_command_without_a_train_split(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(DATASETS, "tiny", Dataset("tiny", "One question.", {"test": 1}, "number"))
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "test.jsonl").write_text('{"problem": "p", "answer": "1"}\n')
    assert llm_data.run("tiny", data_dir=tmp_path) == 0
    assert "compared with no evaluation set: there is no train split; --split test" in capsys.readouterr().out
    with pytest.raises(ValueError, match="tiny has no train split to compare or write"):
        llm_data.run("tiny", data_dir=tmp_path, output=tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def prepare(*arguments):
    """Return the error of `maxpo-bench llm prepare`, or what it printed, on both streams."""
    result = CliRunner().invoke(app, ["llm", "prepare", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout, result.stderr


def refuse_to_load(*arguments, **options):
    raise AssertionError("something was loaded")


def test_the_folder_of_the_output_is_made(files, tmp_path):
    train, held_out = files
    output = tmp_path / "new" / "folder" / "kept.jsonl"
    assert f"wrote {output}" in prepare(train, "--against", held_out, "--out", output)[0]
    assert len(load_problems(output)) == 2


def test_an_output_that_cannot_be_written_is_refused_before_any_work(files, tmp_path, monkeypatch):
    train, _ = files
    monkeypatch.setattr("maxpo_bench.envs.tasks.loading.load_problems", refuse_to_load)
    with pytest.raises(NotADirectoryError, match=r"own\.jsonl is no folder"):
        prepare(train, "--alone", "--out", train / "x" / "kept.jsonl")
    with pytest.raises(FileExistsError, match="remove it or give another name"):
        prepare(train, "--alone", "--out", train)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="lets you write nothing"):
        prepare(train, "--alone", "--out", tmp_path / "new" / "kept.jsonl")
    assert not (tmp_path / "new").exists()
    with pytest.raises(
        ValueError, match=r"aime24 has no train split to compare or write, it has test: .* --split test"
    ):
        prepare("aime24", "--out", tmp_path / "out.jsonl")


def test_columns_are_given_on_the_command_line(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"q": LONG, "label": "so 5 #### 6", "answer": "x", "key": 9, "hard": 2}) + "\n")
    with pytest.raises(DataError, match=r"no known problem column; .* as in --column problem=NAME"):
        prepare(path, "--alone")
    columns = ["--column", "problem=q", "--column", "answer=label", "--column", "id=key", "--column", "level=hard"]
    output = tmp_path / "out.jsonl"
    assert "  ids: own/9 to own/9\n" in prepare(path, "--alone", *columns, "--out", output)[0]
    expected = {"id": "own/9", "problem": LONG, "answer": "6", "level": 2}
    assert json.loads(output.read_text()) == expected
    output.unlink()
    prepare(path, "--alone", *columns, "--answer-from", "plain", "--out", output)
    assert json.loads(output.read_text()) == expected | {"answer": "so 5 #### 6"}
    with pytest.raises(DataError, match=r"an evaluation set: .* --column and --answer-from are for NAME alone"):
        prepare(path, *columns, "--against", path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--column", "problem"), ValueError, r"--column 'problem': write ROLE=NAME"),
        (("--column", "=q"), ValueError, r"write ROLE=NAME"),
        (("--column", "problems=q"), UnknownNameError, r"no role 'problems'\. Did you mean 'problem'"),
        (("--column", "id=a", "--column", "id=b"), ValueError, r"gives id twice, 'a' and 'b'"),
        (("--answer-from", "box"), ValueError, r"--answer-from must be one of plain, hash, boxed, got 'box'"),
        (("--alone", "--against", "math"), ValueError, r"leave out --against"),
    ],
)
def test_arguments_that_make_no_sense(files, monkeypatch, arguments, error, message):
    monkeypatch.setattr("maxpo_bench.envs.tasks.loading.load_problems", refuse_to_load)
    with pytest.raises(error, match=message):
        prepare(files[0], *arguments)


def test_it_is_said_first_that_evaluation_sets_come_from_the_hub(files, tmp_path, monkeypatch):
    train, _ = files
    note = "the evaluation sets are read from the hub: --data-dir gives a folder of them, --alone compares with none"
    monkeypatch.delenv("MAXPO_BENCH_DATA", raising=False)
    monkeypatch.setattr("maxpo_bench.envs.tasks.loading.EVALUATION_SETS", ("tiny",))
    tiny = Dataset("tiny", "One question.", {"test": 1}, "number", (Hub("someone/tiny", Columns()),))
    monkeypatch.setitem(DATASETS, "tiny", tiny)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "test.jsonl").write_text(json.dumps({"problem": LONG, "answer": "1"}) + "\n")
    output, errors = prepare(train, "--data-dir", tmp_path)
    assert "own/0 ~ tiny/0 of tiny (same)" in output
    assert note not in errors
    assert note not in prepare(train, "--alone")[1]

    def unreachable(*arguments):
        raise MissingDataError("no hub")

    monkeypatch.setattr("maxpo_bench.envs.tasks.loading.read_hub", unreachable)
    result = CliRunner().invoke(app, ["llm", "prepare", str(train)])
    assert result.stderr == f"{note}\n"
    assert isinstance(result.exception, MissingDataError)
    assert "an evaluation set: no hub" in str(result.exception)
    assert "--against names others, --alone compares with none" in str(result.exception)


def test_a_set_is_not_compared_with_itself_but_with_all_others_by_default(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("maxpo_bench.envs.tasks.loading.EVALUATION_SETS", ("one", "two"))
    for name in ("one", "two"):
        known = Dataset(name, "A question.", {"train": 1, "test": 1}, "number", (Hub(f"someone/{name}", Columns()),))
        monkeypatch.setitem(DATASETS, name, known)
        for split in ("train", "test"):
            (tmp_path / name).mkdir(exist_ok=True)
            text = json.dumps({"problem": f"{name} {split}", "answer": "1"})
            (tmp_path / name / f"{split}.jsonl").write_text(text + "\n")

    def compared(*arguments):
        llm_data.run(*arguments, data_dir=tmp_path, as_json=True)
        return [row["evaluation"] for row in json.loads(capsys.readouterr().out)["decontamination"]["evaluations"]]

    assert compared("one") == compared("one", "train") == ["one", "two"]
    assert compared("one", "test") == ["two"]
    llm_data.run("one", "test", data_dir=tmp_path)
    text = capsys.readouterr().out
    assert "1 test problems: 1 kept, 0 removed" in text
    assert "training" not in text
