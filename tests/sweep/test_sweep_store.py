"""The store: whole records or none, and each once."""

import errno
import json
import math
import multiprocessing
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from maxpo_bench.sweep import RunSpec, RunStore, StoreError
from maxpo_bench.sweep import store as store_module
from maxpo_bench.sweep.task import make_record


def spec(seed=0):
    return RunSpec("env", "agent", seed, iterations=2)


def record(seed=0, **changes):
    return {**make_record(spec(seed), "done"), "curves": {"iteration": [1, 2]}, "wall_s": 0.5, **changes}


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "deep" / "store")


def hidden(store):
    return [path.name for folder in (store.runs, store.failed) for path in folder.glob(".*.tmp")]


def test_publish_once(store):
    run_id = spec().run_id
    assert not store.has(run_id)
    assert store.publish(run_id, record(summary={"x": 1.0}))
    before = store.path(run_id).read_bytes()
    assert not store.publish(run_id, record(summary={"x": 2.0}))
    assert store.path(run_id).read_bytes() == before
    assert store.has(run_id)
    assert store.ids() == [run_id]
    assert store.load(run_id)["summary"] == {"x": 1.0}
    assert not hidden(store)


def test_files_are_sorted_strict_json(store):
    curves = {
        "z": [math.nan, math.inf, 1.5],
        "a": np.array([1.0, np.nan, 3.0]),
        "n": (np.int64(3), None, np.float32(2)),
    }
    store.publish(spec().run_id, record(curves=curves, summary={"x": np.float64("nan")}))
    text = store.path(spec().run_id).read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert text == json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False) + "\n"
    loaded = store.load(spec().run_id)
    assert loaded["curves"] == {"z": [None, None, 1.5], "a": [1.0, None, 3.0], "n": [3, None, 2.0]}
    assert loaded["summary"] == {"x": None}


def test_load_all_sees_published_runs_only(store):
    assert store.load_all() == []
    for seed in range(3):
        store.publish(spec(seed).run_id, record(seed))
    (store.runs / ".0123+host+1+ff.tmp").write_text("{")
    store.fail(spec(3).run_id, {**record(3), "status": "failed", "error": "x"})
    assert [entry["id"] for entry in store.load_all()] == sorted(spec(seed).run_id for seed in range(3))
    assert [entry["error"] for entry in store.load_failures()] == ["x"]


def test_a_failure_is_replaced_and_goes_with_success(store):
    run_id = spec().run_id
    assert store.load_failed(run_id) is None
    for error in ("first", "second"):
        store.fail(run_id, {**record(), "status": "failed", "error": error})
    assert store.load_failed(run_id)["error"] == "second"
    assert not store.has(run_id)
    store.publish(run_id, record())
    assert store.load_failed(run_id) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ('{"schema": 1', "not JSON"),
        ("[]", "must be a JSON object"),
        ('{"schema": 2}', "schema 2, this version reads schema 1"),
        ('{"schema": 1}', "field 'id' is missing"),
    ],
)
def test_a_damaged_file_is_named(store, text, message):
    store.publish(spec().run_id, record())
    path = store.path(spec().run_id)
    path.write_text(text)
    with pytest.raises(StoreError, match=f"{path}: .*{message}.*delete the file and run the sweep again"):
        store.load_all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "0" * 16}, "does not belong to its specification"),
        ({"spec": {}}, "missing 3 required"),
        ({"spec": {**spec().to_dict(), "x": 1}}, "unknown field 'x'"),
        ({"curves": {"iteration": [1], "return_mean": []}}, "lists of one length"),
        ({"curves": {"iteration": 1}}, "lists of one length"),
        ({"wall_s": "long"}, "field 'wall_s'"),
        ({"error": 3}, "field 'error'"),
    ],
)
def test_a_wrong_record_is_refused(store, changes, message):
    with pytest.raises(StoreError, match=message):
        store.publish(spec().run_id, record(**changes))
    assert store.ids() == []
    assert not hidden(store)


def test_a_renamed_file_is_found(store):
    store.publish(spec().run_id, record())
    store.path(spec().run_id).rename(store.path(spec(1).run_id))
    with pytest.raises(StoreError, match="does not belong"):
        store.load_all()


@pytest.mark.parametrize("run_id", ["", "../../etc", "0" * 15, "G" * 16])
def test_only_ids_become_paths(store, run_id):
    with pytest.raises(ValueError, match="16 hexadecimal digits"):
        store.path(run_id)


def test_without_hard_links(store, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert store.publish(spec().run_id, record(summary={"x": 1}))
    assert not store.publish(spec().run_id, record(summary={"x": 2}))
    assert not store_module._rename_exclusively(store.path(spec().run_id), store.path(spec().run_id))
    assert store.load(spec().run_id)["summary"] == {"x": 1}
    assert not hidden(store)


def test_other_errors_of_links_are_raised(store, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="disk full"):
        store.publish(spec().run_id, record())
    assert not store.has(spec().run_id)
    assert not hidden(store)


def test_clean_removes_files_of_dead_processes_only(store):
    store.publish(spec().run_id, record())
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = store_module._host()
    names = {
        "dead": f".{spec(1).run_id}+{host}+{dead.pid}+0a.tmp",
        "alive": f".{spec(1).run_id}+{host}+{os.getpid()}+0b.tmp",
        "elsewhere": f".{spec(1).run_id}+another-host+{dead.pid}+0c.tmp",
        "strange": ".notes.tmp",
    }
    for name in names.values():
        (store.runs / name).write_text("{")
    assert [path.name for path in store.clean()] == [names["dead"]]
    assert sorted(hidden(store)) == sorted(name for key, name in names.items() if key != "dead")
    assert store.ids() == [spec().run_id]


def test_host_names_cannot_break_file_names(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "a+b/c d")
    assert store_module._host() == "a-b-c-d"


def publish_many(directory, start, results, writer):
    store = RunStore(directory)
    start.wait()
    won = [seed for seed in range(30) if store.publish(spec(seed).run_id, record(seed, summary={"writer": writer}))]
    results.put((writer, won))


def test_racing_writers_publish_each_run_once(store):
    context = multiprocessing.get_context("fork" if sys.version_info < (3, 12) else "spawn")
    start, results = context.Barrier(3), context.Queue()
    arguments = (store.directory, start, results)
    writers = [context.Process(target=publish_many, args=(*arguments, number)) for number in range(3)]
    for process in writers:
        process.start()
    won = dict(results.get(timeout=30) for _ in writers)
    for process in writers:
        process.join()
    assert sorted(seed for seeds in won.values() for seed in seeds) == list(range(30))
    owners = {entry["spec"]["seed"]: entry["summary"]["writer"] for entry in store.load_all()}
    assert owners == {seed: writer for writer, seeds in won.items() for seed in seeds}
