import json
import threading

import pytest

from maxpo_bench.llm.atomic_files import publish_text, publishing_folder, remove_unfinished
from maxpo_bench.llm.run_folder import LOG_FIELDS, RunFolder, RunFolderError, RunInfo, find_runs, package_versions


def info(**changes):
    given = {"model": "tiny-countdown", "method": "maxpo", "engine": "tiny", "seed": 0, "k": 4, "group_size": 16}
    given |= {"config": {"steps": 3, "task": {"name": "countdown", "difficulty": 4}}}
    return RunInfo(**(given | changes))


def begun(path, **changes):
    folder = RunFolder(path)
    folder.begin(info(**changes))
    return folder


def logged(folder, steps):
    for step in range(1, steps + 1):
        folder.append({"step": step, "loss": step / 7})
    return folder


def test_run_json_is_the_contract(tmp_path):
    folder = begun(tmp_path / "run", versions={"torch": "2.13.0"})
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == {
        "schema": "maxpo-bench llm run 1",
        "model": "tiny-countdown",
        "method": "maxpo",
        "engine": "tiny",
        "seed": 0,
        "k": 4,
        "group_size": 16,
        "recipe": None,
        "config": {"steps": 3, "task": {"name": "countdown", "difficulty": 4}},
        "versions": {"torch": "2.13.0"},
    }
    assert folder.info() == info(versions={"torch": "2.13.0"})


def test_the_same_run_goes_on_with_the_versions_that_began_it(tmp_path):
    begun(tmp_path, versions={"torch": "2.13.0"})
    assert RunFolder(tmp_path).begin(info(versions={"torch": "9"})).versions == {"torch": "2.13.0"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 8}, "k is 4 there, 8 here"),
        ({"method": "grpo"}, "method is 'maxpo' there, 'grpo' here"),
        ({"config": {"steps": 5, "task": {"name": "countdown", "difficulty": 4}}}, "steps is 3 there, 5 here"),
        ({"config": {"steps": 3, "task": {"name": "countdown"}}}, "task.difficulty is 4 there, None here"),
    ],
)
def test_other_options_are_refused_and_named(tmp_path, changes, message):
    begun(tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(RunFolderError, match=message):
        RunFolder(tmp_path).begin(info(**changes))
    assert (tmp_path / "run.json").read_bytes() == before


def test_a_log_without_run_json_is_not_taken_over(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n')
    with pytest.raises(RunFolderError, match=r"without run\.json"):
        RunFolder(tmp_path).begin(info())


def test_a_line_has_every_field_and_no_number_that_is_none(tmp_path):
    folder = begun(tmp_path)
    folder.append({"step": 1, "loss": float("nan"), "reward_mean": 0.5, "learning_rate": 1e-4})
    (record,) = folder.log()
    assert record == dict.fromkeys(LOG_FIELDS) | {"step": 1, "reward_mean": 0.5, "learning_rate": 1e-4}


@pytest.mark.parametrize("torn", [b"", b'{"step": 4, "lo', b"\xff"])
@pytest.mark.parametrize("step", [0, 1, 3])
def test_a_log_is_cut_to_a_step_and_goes_on(tmp_path, torn, step):
    folder = logged(begun(tmp_path), 3)
    whole = folder.log_path.read_bytes().splitlines(keepends=True)
    folder.log_path.write_bytes(b"".join(whole) + torn)
    assert [record["step"] for record in folder.log()] == [1, 2, 3]
    folder.cut_log(step)
    assert folder.log_path.read_bytes() == b"".join(whole[:step])
    folder.append({"step": step + 1})
    assert [record["step"] for record in folder.log()] == list(range(1, step + 2))


def test_steps_that_are_lost_or_doubled_are_an_error(tmp_path):
    folder = logged(begun(tmp_path), 2)
    with pytest.raises(RunFolderError, match="steps 1 to 3"):
        folder.cut_log(3)
    folder.append({"step": 2})
    with pytest.raises(RunFolderError, match="steps 1 to 3"):
        folder.cut_log(3)


def test_only_the_last_checkpoint_stays(tmp_path):
    folder = logged(begun(tmp_path), 2)
    for step in (1, 2):
        folder.save_checkpoint(step, lambda path, step=step: publish_text(path / "state", str(step)))
    assert folder.checkpoints() == {2: tmp_path / "checkpoint-2"}
    assert (tmp_path / "checkpoint-2" / "state").read_text() == "2"


def test_a_checkpoint_that_fails_leaves_the_older_one(tmp_path):
    folder = begun(tmp_path)
    folder.save_checkpoint(1, lambda path: publish_text(path / "state", "1"))

    def fail(path):
        publish_text(path / "state", "2")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.save_checkpoint(2, fail)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-1", "run.json"]


def test_checkpoints_are_in_the_order_of_their_numbers(tmp_path):
    for step in (20, 100, 3):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-best").mkdir()
    assert list(RunFolder(tmp_path).checkpoints()) == [3, 20, 100]


def test_a_model_is_published_once(tmp_path):
    folder = begun(tmp_path)
    for text in ("first", "second"):
        folder.save_model(lambda path, text=text: publish_text(path / "config.json", text))
    assert (tmp_path / "model" / "config.json").read_text() == "first"


def test_a_summary_is_there_when_it_is_written(tmp_path):
    folder = begun(tmp_path)
    assert folder.summary() is None
    folder.write_summary({"pass@1": 0.5, "entropy": float("inf"), "curve": [1, float("nan")]})
    assert folder.summary() == {"pass@1": 0.5, "entropy": None, "curve": [1, None]}


def test_runs_are_found_beneath_a_folder(tmp_path):
    for name in ("grpo-seed0", "base", "more/maxpo-k4-seed1"):
        begun(tmp_path / name)
    assert [run.path.name for run in find_runs(tmp_path)] == ["base", "grpo-seed0", "maxpo-k4-seed1"]
    assert [run.path for run in find_runs(tmp_path / "base")] == [tmp_path / "base"]
    with pytest.raises(FileNotFoundError):
        find_runs(tmp_path / "nothing")


@pytest.mark.parametrize("text", ['{"schema": "another"}', '{"schema": "maxpo-bench llm run 1"}'])
def test_a_damaged_run_json_is_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunFolderError, match=r"run\.json"):
        RunFolder(tmp_path).info()


def test_versions_name_what_is_installed():
    found = package_versions()
    assert {"python", "maxpo-bench", "torch", "numpy"} <= set(found)
    assert all(found.values())


def test_one_writer_at_a_time(tmp_path):
    order = []

    def wait():
        with RunFolder(tmp_path).locked(wait=True):
            order.append("second")

    with RunFolder(tmp_path).locked():
        with pytest.raises(RunFolderError, match="another process"), RunFolder(tmp_path).locked():
            pass
        second = threading.Thread(target=wait)
        second.start()
        order.append("first")
    second.join()
    assert order == ["first", "second"]


def test_locking_removes_what_a_killed_writer_left(tmp_path):
    (tmp_path / ".run.json-abc.tmp").write_text("{")
    (tmp_path / ".checkpoint-3-abc.tmp").mkdir()
    (tmp_path / ".checkpoint-3-abc.tmp" / "state").write_text("")
    (tmp_path / "mine.tmp").write_text("")
    with RunFolder(tmp_path).locked():
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "mine.tmp"]


def test_a_published_folder_never_replaces_one(tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(FileExistsError), publishing_folder(tmp_path / "model") as folder:
        (folder / "new").write_text("")
    assert list((tmp_path / "model").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_published_files_have_the_usual_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    published = publish_text(tmp_path / "published", "é")
    assert published.stat().st_mode == plain.stat().st_mode
    assert published.read_bytes() == "é".encode()
    with publishing_folder(tmp_path / "folder"):
        pass
    plain = tmp_path / "plain-folder"
    plain.mkdir()
    assert (tmp_path / "folder").stat().st_mode == plain.stat().st_mode
    remove_unfinished(tmp_path)
