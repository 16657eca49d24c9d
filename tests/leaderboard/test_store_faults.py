"""Kills at every point of writing, a full disk, a read-only folder: what was stored stays readable, and is named."""

import ctypes
import errno
import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from synthetic_scores import scored

from maxpo_bench.leaderboard import files, statuses, store

SUITE = "quick-1"
FORK = multiprocessing.get_context("fork")
POINTS = ["kept", "created", "written", "synced", "renamed"]
OLD, NEW, NEWEST = (scored("one", seed=seed) for seed in (1, 2, 3))


def run(target, *arguments):
    child = FORK.Process(target=target, args=arguments)
    child.start()
    child.join()
    return child.exitcode


def killed_at(point, act, *arguments):
    def stop(reached):
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    files.reached = stop
    act(*arguments)


def every_score(results):
    return [store.decode(path.read_text()) for path in sorted(results.glob(f"{SUITE}/*/*/{SUITE}*.json"))]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_while_a_score_is_replaced_loses_nothing(tmp_path, point):
    path = store.save(tmp_path, OLD)
    assert run(killed_at, point, store.save, tmp_path, NEW) == -signal.SIGKILL
    now = store.load(path)
    assert now == (NEW if point == "renamed" else OLD)
    assert OLD in every_score(tmp_path)
    assert store.load_all(tmp_path, SUITE) == [now]
    store.save(tmp_path, NEWEST)
    assert store.load(path) == NEWEST
    kept = [store.decode(each.read_text()) for each in store.history(path)]
    assert kept == ([OLD, NEW] if point == "renamed" else [OLD])


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_while_a_first_score_is_written_leaves_it_or_nothing(tmp_path, point):
    assert run(killed_at, point, store.save, tmp_path, OLD) == -signal.SIGKILL
    assert store.load_all(tmp_path, SUITE) == ([OLD] if point == "renamed" else [])
    store.save(tmp_path, NEW)
    assert store.load_all(tmp_path, SUITE) == [NEW]


def verification(beacon):
    return statuses.Verification(
        date="2031-03-04", beacon=beacon, salt="5a", measured=statuses.measured_digest(OLD), agrees=True, comparisons=[]
    )


@pytest.mark.parametrize("point", POINTS[1:])
def test_a_kill_while_a_verification_is_added_keeps_the_others(tmp_path, point):
    folder = store.save(tmp_path, OLD).parent
    statuses.add_verification(folder, verification("first"))
    assert run(killed_at, point, statuses.add_verification, folder, verification("second")) == -signal.SIGKILL
    expected = ["first", "second"] if point == "renamed" else ["first"]
    assert [item.beacon for item in statuses.verifications(folder)] == expected
    statuses.add_verification(folder, verification("third"))
    assert [item.beacon for item in statuses.verifications(folder)] == [*expected, "third"]


@pytest.mark.parametrize("point", POINTS)
def test_an_interruption_leaves_no_temporary_file(tmp_path, monkeypatch, point):
    path = store.save(tmp_path, OLD)

    def interrupt(reached):
        if reached == point:
            raise KeyboardInterrupt

    monkeypatch.setattr(files, "reached", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.save(tmp_path, NEW)
    assert not list(path.parent.glob(f"{files.UNFINISHED}*"))
    assert store.load(path) == (NEW if point == "renamed" else OLD)
    assert OLD in every_score(tmp_path)


def save_again_and_again(results, place):
    for seed in range(place, 10_000, 2):
        store.save(results, scored("one", seed=seed))


def test_kills_at_any_moment_lose_nothing(tmp_path):
    """Two writers of one version, both killed at a moment of chance, time and again; every file stays readable."""
    path = store.save(tmp_path, scored("one", seed=20_000))
    before: set[int] = {20_000}
    for round_ in range(6):
        writers = [FORK.Process(target=save_again_and_again, args=(tmp_path, place)) for place in (0, 1)]
        for writer in writers:
            writer.start()
        while len(store.history(path)) < 8 * (round_ + 1) and all(writer.is_alive() for writer in writers):
            pass
        for writer in writers:
            writer.kill()
            writer.join()
            assert writer.exitcode == -signal.SIGKILL
        found = {item.entry.scorer["seed"] for item in every_score(tmp_path)}
        assert found >= before
        before = found
    assert len(store.load_all(tmp_path, SUITE)) == 1


def with_small_files(act, *arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    try:
        act(*arguments)
    except OSError as error:
        os._exit(7 if error.errno == errno.EFBIG and "ulimit -f" in str(error) and "nothing" in str(error) else 8)
    os._exit(9)


def test_a_file_that_cannot_grow_leaves_the_old_score(tmp_path):
    path = store.save(tmp_path, OLD)
    assert run(with_small_files, store.save, tmp_path, NEW) == 7
    assert store.load(path) == OLD
    assert not list(path.parent.glob(f"{files.UNFINISHED}*"))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 192 kB, mounted in this process's eyes only where that can be had."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, b"size=192k") != 0:
        pytest.skip(f"mounting a small file system: {os.strerror(ctypes.get_errno())}")
    yield folder
    libc.umount2(os.fsencode(folder), 2)


def fill(results, saved):
    for seed in range(1000):
        store.save(results, scored("one", seed=seed))
        saved.append(seed)


def test_a_full_disk_leaves_what_is_stored_and_says_so(small_disk):
    saved = []
    with pytest.raises(OSError, match="the disk is full: free some space, then run the same command again") as raised:
        fill(small_disk, saved)
    assert raised.value.errno == errno.ENOSPC
    assert len(saved) > 1
    assert {item.entry.scorer["seed"] for item in every_score(small_disk)} == set(saved)
    assert not list(small_disk.rglob(f"{files.UNFINISHED}*"))
    [found] = store.load_all(small_disk, SUITE)
    assert found.entry.scorer["seed"] == saved[-1]


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_failing_disk_leaves_the_old_score(tmp_path, monkeypatch, call):
    path = store.save(tmp_path, OLD)

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if call == "write":
            patch.setattr(files.os, "fdopen", full)
        else:
            patch.setattr(files.os, call, full)
        with pytest.raises(OSError, match="the disk is full") as raised:
            store.save(tmp_path, NEW)
    assert str(path) in str(raised.value) or f"{SUITE}.1.json" in str(raised.value)
    assert store.load(path) == OLD
    assert not list(path.parent.glob(f"{files.UNFINISHED}*"))


def save_as_nobody(results):
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        store.save(results, NEW)
    except OSError as error:
        os._exit(7 if error.errno == errno.EACCES and "change its permissions" in str(error) else 8)
    os._exit(9)


@pytest.fixture
def open_folder():
    """A folder that everybody may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="maxpo-store-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("whose", ["version", "results"])
def test_a_read_only_folder_is_refused_with_the_reason(open_folder, whose):
    if whose == "version":
        path = store.save(open_folder, OLD)
        path.parent.chmod(0o555)
    else:
        open_folder.chmod(0o555)
    assert run(save_as_nobody, open_folder) == 7
    assert store.load_all(open_folder, SUITE) == ([OLD] if whose == "version" else [])


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / SUITE).write_text("a file")
    with pytest.raises(OSError, match="move it away or give another folder"):
        store.save(tmp_path, OLD)
    assert (tmp_path / SUITE).read_text() == "a file"
