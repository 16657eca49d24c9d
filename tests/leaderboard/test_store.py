"""The store keeps everything, says what is damaged, and reads back what was written."""

import json
import multiprocessing
import os
from dataclasses import replace

import pytest
from synthetic_scores import scored

from maxpo_bench.leaderboard import files, store
from maxpo_bench.leaderboard.statuses import VERIFICATIONS

SUITE = "quick-1"
FORK = multiprocessing.get_context("fork")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_score_is_read_back_as_it_was_written(tmp_path):
    item = scored("one")
    path = store.save(tmp_path, item)
    assert path == tmp_path / SUITE / "one" / ("one" + "0" * 13) / f"{SUITE}.json"
    assert store.load(path) == item
    assert store.load_all(tmp_path, SUITE) == [item]
    assert json.loads(path.read_text()) == item.to_dict()


def test_scoring_a_version_again_keeps_the_earlier_scores(tmp_path):
    items = [scored("one", seed=seed, date=f"2031-02-0{seed}") for seed in (1, 2, 3)]
    paths = [store.save(tmp_path, item) for item in items]
    assert len(set(paths)) == 1
    assert store.load_all(tmp_path, SUITE) == [items[2]]
    kept = store.history(paths[0])
    assert [path.name for path in kept] == [f"{SUITE}.1.json", f"{SUITE}.2.json"]
    assert [store.decode(path.read_text()) for path in kept] == items[:2]


def test_the_tenth_earlier_score_comes_after_the_ninth(tmp_path):
    items = [scored("one", seed=seed) for seed in range(12)]
    for item in items:
        path = store.save(tmp_path, item)
    found = [store.decode(kept.read_text()).entry.scorer["seed"] for kept in store.history(path)]
    assert found == list(range(11))


def test_versions_lie_apart_and_the_one_scored_last_counts(tmp_path):
    old = scored("one", digest="a" * 64, date="2031-05-01")
    new = scored("one", digest="b" * 64, date="2031-04-01")
    assert store.save(tmp_path, old) != store.save(tmp_path, new)
    assert store.load_all(tmp_path, SUITE) == [old]
    store.save(tmp_path, scored("one", digest="b" * 64, date="2031-06-01"))
    [found] = store.load_all(tmp_path, SUITE)
    assert found.entry.submission_hash == "b" * 64


def test_the_status_a_score_will_have_needs_readable_versions_of_its_name(tmp_path):
    torn(store.save(tmp_path, scored("one", digest="a" * 64)))
    torn(store.save(tmp_path, scored("two", digest="a" * 64)))
    with pytest.raises(store.DamagedScores) as raised:
        store.standing(tmp_path, scored("one", digest="b" * 64))
    assert [path.parts[-3] for path, _ in raised.value.damaged] == ["one"]


def test_a_damaged_score_is_kept_when_the_version_is_scored_again(tmp_path):
    path = store.save(tmp_path, scored("one"))
    path.write_bytes(b"\xff torn")
    store.save(tmp_path, scored("one"))
    assert [kept.read_bytes() for kept in store.history(path)] == [b"\xff torn"]
    assert store.load(path) == scored("one")


def torn(path):
    path.write_bytes(path.read_bytes()[:-30])


def emptied(path):
    path.write_bytes(b"")


def foreign(path):
    path.write_text('{"name": "ei", "b95": 1}')


def binary(path):
    path.write_bytes(b"\x80\x00\xff")


def a_list(path):
    path.write_text("[1, 2]")


def deep(path):
    path.write_text("[" * 100_000)


def infinite(path):
    path.write_text(path.read_text().replace('"learning_rate":0.3', '"learning_rate":1e999', 1))


def not_a_number(path):
    path.write_text(path.read_text().replace('"learning_rate":0.3', '"learning_rate":NaN', 1))


def changed(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def missing_key(path):
    changed(path, lambda data: data.pop("noise"))


def fewer_bandits(path):
    changed(path, lambda data: data["noise"].pop())


def other_bandits(path):
    changed(path, lambda data: data["noise"].reverse())


def lost_block(path):
    changed(path, lambda data: data["noise"][0]["dot"].pop())


def words_for_numbers(path):
    changed(path, lambda data: data["noise"][0]["dot"].__setitem__(0, "1.0"))


def renamed_entry(path):
    changed(path, lambda data: data["entry"].update(name="another"))


def other_hash(path):
    changed(path, lambda data: data["entry"].update(submission_hash="f" * 64))


def other_suite(path):
    changed(path, lambda data: data["entry"].update(suite="full-1"))


def forged_status(path):
    changed(path, lambda data: data["entry"].update(status="verified"))


def folder_instead(path):
    path.unlink()
    path.mkdir()


DAMAGES = {
    torn: "not JSON",
    emptied: "the file is empty",
    foreign: "schema None is not 2: score the entry again",
    binary: "can't decode",
    a_list: "schema",
    deep: "nested too deeply",
    infinite: "1e999, which is not finite",
    not_a_number: "NaN, which is not finite",
    missing_key: "not a stored score: 'noise'",
    fewer_bandits: "holds 7 bandits, the suite has 8",
    other_bandits: "in the place of 'gaussian-n16-k4-0'",
    lost_block: "block sums of 'gaussian-n16-k4-0' are incomplete",
    words_for_numbers: "block sums of 'gaussian-n16-k4-0' are not numbers",
    renamed_entry: "belongs into quick-1/another/",
    other_hash: "belongs into quick-1/one/ffffffffffffffff/",
    other_suite: "belongs into full-1/one/",
    forged_status: "claims to be verified, which a score cannot say of itself",
    folder_instead: "Is a directory",
}


@pytest.mark.parametrize("damage", list(DAMAGES), ids=lambda damage: damage.__name__)
def test_a_damaged_score_is_named_with_the_reason_and_the_way_on(tmp_path, damage):
    store.save(tmp_path, scored("fine"))
    path = store.save(tmp_path, scored("one"))
    damage(path)
    with pytest.raises(store.DamagedScores) as raised:
        store.load_all(tmp_path, SUITE)
    [(named, reason)] = raised.value.damaged
    message = str(raised.value)
    assert named == path
    assert DAMAGES[damage] in reason
    assert str(path) in message
    assert f"maxpo-bench leaderboard --score --suite {SUITE} --results {tmp_path}" in message
    assert "mv FILE FILE.damaged" in message
    path.rename(f"{path}.damaged")
    assert store.load_all(tmp_path, SUITE) == [scored("fine")]


def test_all_damaged_files_are_listed_at_once(tmp_path):
    paths = [store.save(tmp_path, scored(name)) for name in ("one", "two", "three")]
    torn(paths[0])
    emptied(paths[1])
    (paths[2].parent / VERIFICATIONS).write_text("nonsense")
    with pytest.raises(store.DamagedScores, match="3 stored files of suite quick-1") as raised:
        store.load_all(tmp_path, SUITE)
    assert {path for path, _ in raised.value.damaged} == {*paths[:2], paths[2].parent / VERIFICATIONS}
    assert store.scan(tmp_path, SUITE).scored == []


def test_other_files_beside_a_score_are_no_scores(tmp_path):
    path = store.save(tmp_path, scored("one"))
    for name in ("tiny-lm.json", f"{SUITE}.1.json", f"{SUITE}.json.damaged", f"{files.UNFINISHED}x.json", "notes.txt"):
        (path.parent / name).write_text("anything")
    (tmp_path / SUITE / "README.md").write_text("anything")
    assert store.load_all(tmp_path, SUITE) == [scored("one")]
    assert store.load_all(tmp_path, "full-1") == []


@pytest.mark.parametrize("name", ["../one", "a/b", ".hidden", "..", "a b"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be a folder's name"):
        store.save(tmp_path, scored(name, digest="a" * 64))
    assert names(tmp_path) == []


def test_a_short_hash_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 16"):
        store.save(tmp_path, scored("one", digest="abc"))


def test_what_is_said_beside_a_score_is_not_written_into_it(tmp_path):
    item = scored("one")
    shown = replace(
        item,
        entry=replace(
            item.entry,
            status="withdrawn",
            verification={"agrees": True},
            extra={"withdrawn": {}, "earlier": "a", "a": 1},
        ),
    )
    stored = json.loads(store.save(tmp_path, shown).read_text())["entry"]
    assert (stored["status"], stored["verification"], stored["extra"]) == ("self-run", {}, {"a": 1})


def test_remains_of_killed_writers_are_cleared_after_an_hour(tmp_path):
    path = store.save(tmp_path, scored("one"))
    old, fresh = (path.parent / f"{files.UNFINISHED}{name}.json" for name in ("old", "fresh"))
    for each in (old, fresh):
        each.write_text("half")
    os.utime(old, (0, 0))
    store.save(tmp_path, scored("one", seed=1))
    assert not old.exists()
    assert fresh.exists()


def save_many(folder, name, digest, seeds, barrier):
    barrier.wait()
    for seed in seeds:
        store.save(folder, scored(name, digest=digest, seed=seed, date=f"2031-{seed:04d}"))


@pytest.mark.parametrize(
    "two", [(("one", "a"), ("one", "a")), (("one", "a"), ("one", "b")), (("one", "a"), ("two", "b"))]
)
def test_two_processes_that_save_at_once_lose_nothing(tmp_path, two):
    barrier = FORK.Barrier(2)
    writers = [
        FORK.Process(target=save_many, args=(tmp_path, name, letter * 64, range(place, 30, 2), barrier))
        for place, (name, letter) in enumerate(two)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    everything = [
        store.decode(path.read_text()).entry.scorer["seed"] for path in tmp_path.glob(f"{SUITE}/*/*/{SUITE}*.json")
    ]
    assert sorted(everything) == list(range(30))
    shown = {item.entry.scorer["seed"] for item in store.load_all(tmp_path, SUITE)}
    assert shown
    assert shown <= {28, 29}  # the last of each writer
    assert not list(tmp_path.rglob(f"{files.UNFINISHED}*"))


def hold(folder, ready, release):
    with files.locked(folder):
        ready.set()
        release.wait(60)


def test_whoever_waits_for_a_lock_says_so_and_goes_on(tmp_path):
    ready, release = FORK.Event(), FORK.Event()
    holder = FORK.Process(target=hold, args=(tmp_path, ready, release))
    holder.start()
    ready.wait(60)
    said = []

    def waiting(folder):
        said.append(folder)
        release.set()

    with files.locked(tmp_path, waiting):
        assert said == [tmp_path]
    holder.join()
    with files.locked(tmp_path, said.append):
        pass
    assert said == [tmp_path]


def test_waiting_is_announced_on_standard_error(tmp_path, capsys):
    files.announce_wait(tmp_path)
    assert str(tmp_path) in capsys.readouterr().err


def test_without_hard_links_the_earlier_score_is_copied(tmp_path, monkeypatch):
    def unsupported(*arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(files.os, "link", unsupported)
    store.save(tmp_path, scored("one", seed=1))
    path = store.save(tmp_path, scored("one", seed=2))
    [kept] = store.history(path)
    assert store.decode(kept.read_text()) == scored("one", seed=1)
    with pytest.raises(FileExistsError):
        files.keep_as(path, kept)
