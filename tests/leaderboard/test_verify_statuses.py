"""What the files beside a score make of it."""

import json
import multiprocessing
from dataclasses import replace

import pytest
from synthetic_scores import scored

from maxpo_bench.leaderboard import statuses, store
from maxpo_bench.leaderboard.statuses import Verification, Withdrawal, measured_digest, status_of

FORK = multiprocessing.get_context("fork")
ITEM = scored("one")


def made(agrees=True, beacon="b", item=ITEM, **changes):
    values = {"date": "2031-03-04T05:06:07Z", "salt": "5a", "comparisons": [{"metric": "NSR", "agrees": agrees}]}
    return Verification(**(values | changes), beacon=beacon, agrees=agrees, measured=measured_digest(item))


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ("", "self-run"),
        ("a+", "verified"),
        ("a+ b+", "verified"),
        ("a-", "disputed"),
        ("a+ b-", "disputed"),
        ("a- b+", "disputed"),
        ("a- b+ c+", "verified"),
        ("a- b+ b+", "disputed"),
        ("a- a+ b+", "disputed"),
        ("a- b+ c+ d-", "disputed"),
        ("a- b+ c- d+", "disputed"),
        ("a- b+ c- d+ e+", "verified"),
    ],
)
def test_a_dispute_ends_with_two_that_agree_each_with_a_beacon_of_its_own(outcomes, status):
    assert status_of([made(each[1] == "+", each[0]) for each in outcomes.split()]) == status


def test_a_verification_is_shown_with_the_entry(tmp_path):
    path = store.save(tmp_path, ITEM)
    statuses.add_verification(path.parent, made(by="the other group"))
    entry = store.load(path).entry
    assert entry.status == "verified"
    assert entry.verification == {
        "date": "2031-03-04T05:06:07Z",
        "beacon": "b",
        "agrees": True,
        "by": "the other group",
        "comparisons": [{"metric": "NSR", "agrees": True}],
    }
    assert statuses.verifications(path.parent) == [made(by="the other group")]


def test_a_verification_of_other_numbers_does_not_count(tmp_path):
    path = store.save(tmp_path, ITEM)
    statuses.add_verification(path.parent, made())
    store.save(tmp_path, scored("one", date="2031-07-08T00:00:00Z"))
    assert store.load(path).entry.status == "verified"
    store.save(tmp_path, scored("one", seed=9))
    entry = store.load(path).entry
    assert (entry.status, entry.verification) == ("self-run", {})
    assert len(statuses.verifications(path.parent)) == 1
    store.save(tmp_path, ITEM)
    assert store.load(path).entry.status == "verified"


def test_a_dispute_counts_as_such(tmp_path):
    path = store.save(tmp_path, ITEM)
    statuses.add_verification(path.parent, made(agrees=False))
    entry = store.load(path).entry
    assert entry.status == "disputed"
    assert entry.verification["agrees"] is False


def test_a_withdrawn_entry_keeps_its_row_its_score_and_its_verifications(tmp_path):
    path = store.save(tmp_path, ITEM)
    statuses.add_verification(path.parent, made())
    before = path.read_bytes()
    statuses.withdraw(path.parent, Withdrawal(date="2031-04-05", reason="a mistake", by="the author"))
    [found] = store.load_all(tmp_path, "quick-1")
    assert found.entry.status == "withdrawn"
    assert found.entry.extra["withdrawn"] == {"date": "2031-04-05", "reason": "a mistake", "by": "the author"}
    assert found.entry.verification["agrees"] is True
    assert found.noise == ITEM.noise
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="withdrawn since 2031-04-05: a mistake"):
        statuses.withdraw(path.parent, Withdrawal(date="2031-04-06", reason="again"))
    store.save(tmp_path, found)
    assert store.load(path).entry.status == "withdrawn"


def test_a_new_version_starts_without_the_withdrawal_of_the_old_one(tmp_path):
    path = store.save(tmp_path, ITEM)
    statuses.withdraw(path.parent, Withdrawal(date="2031-04-05", reason="a mistake"))
    store.save(tmp_path, scored("one", digest="c" * 64, date="2031-09-09"))
    [found] = store.load_all(tmp_path, "quick-1")
    assert found.entry.status == "self-run"


def test_what_changes_the_numbers_changes_their_digest():
    sums = ITEM.noise[0]
    others = [
        replace(ITEM, entry=replace(ITEM.entry, kind="biased")),
        replace(ITEM, entry=replace(ITEM.entry, submission_hash="d" * 64)),
        replace(ITEM, noise=[replace(sums, dot=[*sums.dot[:-1], sums.dot[-1] + 1]), *ITEM.noise[1:]]),
        replace(ITEM, learning={**ITEM.learning, "learning_rate": 1.0}),
        replace(ITEM, learning={**ITEM.learning, "returns": [0.0, *ITEM.learning["returns"][1:]]}),
    ]
    same = replace(ITEM, entry=replace(ITEM.entry, cost=9.0, scorer={"date": "2032"}))
    assert measured_digest(same) == measured_digest(ITEM)
    assert len({measured_digest(item) for item in [ITEM, *others]}) == 1 + len(others)


@pytest.mark.parametrize("name", [statuses.VERIFICATIONS, statuses.WITHDRAWAL])
@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1}', '{"schema": 7, "verifications": [], "withdrawal": {}}'])
def test_a_damaged_file_is_named_and_never_written_over(tmp_path, name, content):
    path = store.save(tmp_path, ITEM)
    damaged = path.parent / name
    damaged.write_text(content)
    with pytest.raises(store.DamagedScores) as raised:
        store.load_all(tmp_path, "quick-1")
    assert [file for file, _ in raised.value.damaged] == [damaged]
    write = {
        statuses.VERIFICATIONS: lambda: statuses.add_verification(path.parent, made()),
        statuses.WITHDRAWAL: lambda: statuses.withdraw(path.parent, Withdrawal(date="2031", reason="r")),
    }
    with pytest.raises(ValueError, match=name):
        write[name]()
    assert damaged.read_text() == content


@pytest.mark.parametrize("change", [{"beacon": "two\nlines"}, {"by": "a\x1b[31mred"}, {"salt": ""}])
def test_a_verification_with_words_that_could_forge_a_page_is_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        made(**change)


def test_an_unknown_key_in_a_verification_is_refused(tmp_path):
    path = store.save(tmp_path, ITEM)
    stored = statuses.add_verification(path.parent, made())
    data = json.loads(stored.read_text())
    data["verifications"][0]["agreed"] = True
    stored.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="agreed"):
        statuses.verifications(path.parent)


def add_many(folder, letter, barrier):
    barrier.wait()
    for number in range(10):
        statuses.add_verification(folder, made(beacon=f"{letter}{number}"))


def test_two_processes_that_verify_at_once_lose_nothing(tmp_path):
    folder = store.save(tmp_path, ITEM).parent
    barrier = FORK.Barrier(2)
    writers = [FORK.Process(target=add_many, args=(folder, letter, barrier)) for letter in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    beacons = [item.beacon for item in statuses.verifications(folder)]
    assert sorted(beacons) == sorted(f"{letter}{number}" for letter in "ab" for number in range(10))
    assert [each for each in beacons if each[0] == "a"] == [f"a{number}" for number in range(10)]
