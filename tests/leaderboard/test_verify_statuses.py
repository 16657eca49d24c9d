"""What the files beside a score make of it."""

import json
import multiprocessing
from dataclasses import fields, replace

import pytest
from synthetic_scores import scored

from maxpo_bench.leaderboard import statuses, store
from maxpo_bench.leaderboard.entry import Entry, Interval
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


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ("1- 2", "disputed"),
        ("1- 2 2", "disputed"),
        ("1- 2a+", "disputed"),
        ("1- 2a+ 2b+", "verified"),
        ("1- 2a+ 2b+ 3", "self-run"),
        ("1- 2 3a+ 3a+", "disputed"),
        ("1a- 2a+ 2b+", "disputed"),
        ("1+ 2", "self-run"),
        ("1+ 2-", "disputed"),
        ("1a- 1b+ 1c+ 2", "self-run"),
        ("1- 2- 3a+", "disputed"),
    ],
)
def test_a_dispute_outlives_a_new_score_of_the_same_version(tmp_path, outcomes, status):
    for each in outcomes.split():
        item = scored("one", seed=int(each[0]))
        path = store.save(tmp_path, item)
        if len(each) > 1:
            statuses.add_verification(path.parent, made(each[-1] == "+", each[1:-1] or "first", item))
    assert store.load(path).entry.status == status


def version(letter, **changes):
    return scored("one", digest=letter * 64, date=f"2031-09-{ord(letter)}", **changes)


def put(folder, letter, happened):
    """Store one version and what becomes of it: + agrees, - does not, w withdrawn."""
    item = version(letter)
    parent = store.save(folder, item).parent
    for number, outcome in enumerate(happened):
        if outcome == "w":
            statuses.withdraw(parent, Withdrawal(date="2031-04-05", reason=f"a mistake in {letter}"))
        else:
            statuses.add_verification(parent, made(outcome == "+", f"{letter}{number}", item))


@pytest.mark.parametrize(
    ("versions", "status"),
    [
        (["-", ""], "disputed"),
        (["w", ""], "withdrawn"),
        (["-", "+"], "verified"),
        (["w", "+"], "verified"),
        (["-", "", ""], "disputed"),
        (["-", "w", ""], "withdrawn"),
        (["w", "-", ""], "disputed"),
        (["-", "+", ""], "self-run"),
        (["+", "-", ""], "disputed"),
        (["-++", ""], "self-run"),
        (["+", ""], "self-run"),
        (["", ""], "self-run"),
        (["w", "-"], "disputed"),
        (["-", "w"], "withdrawn"),
    ],
)
def test_a_dispute_or_a_withdrawal_outlives_a_new_version_until_that_is_verified(tmp_path, versions, status):
    for letter, happened in zip("abc", versions, strict=False):
        put(tmp_path, letter, happened)
    newest = "abc"[len(versions) - 1]
    [found] = store.load_all(tmp_path, "quick-1")
    assert (found.entry.submission_hash[0], found.entry.status) == (newest, status)
    if status == "withdrawn":
        assert "a mistake in" in found.entry.extra["withdrawn"]["reason"]
    if status == "disputed":
        assert found.entry.verification["agrees"] is False
    assert store.standing(tmp_path, version(newest)).entry == found.entry
    path = store.save(tmp_path, found)
    assert json.loads(path.read_text()) == version(newest).to_dict()


def test_what_changes_the_numbers_changes_their_digest():
    sums = ITEM.noise[0]
    others = [
        replace(ITEM, entry=replace(ITEM.entry, kind="biased")),
        replace(ITEM, entry=replace(ITEM.entry, submission_hash="d" * 64)),
        replace(ITEM, noise=[replace(sums, dot=[*sums.dot[:-1], sums.dot[-1] + 1]), *ITEM.noise[1:]]),
        replace(ITEM, learning={**ITEM.learning, "learning_rate": 1.0}),
        replace(ITEM, learning={**ITEM.learning, "returns": [0.0, *ITEM.learning["returns"][1:]]}),
        replace(ITEM, learning={**ITEM.learning, "curve": {}}),
        replace(ITEM, fingerprint={}),
        replace(ITEM, certificate={**ITEM.certificate, "cosine_min": 1.0}),
    ]
    said = {"status": "verified", "verification": {"agrees": True}, "extra": {"withdrawn": {}, "earlier": "a"}}
    assert measured_digest(replace(ITEM, entry=replace(ITEM.entry, **said))) == measured_digest(ITEM)
    assert len({measured_digest(item) for item in [ITEM, *others]}) == 1 + len(others)


COLUMNS = {
    "title": "Another",
    "summary": "Better than all.",
    "origin": "submission",
    "kind": "proportional",
    "track": "stateful",
    "b95_ratio": Interval(0.5, 0.4, 0.6),
    "solved": 0.5,
    "nsr": Interval(1.0, 0.9, 1.1),
    "cosine_min": 0.99,
    "cosine_median": 0.99,
    "bias": 0.0,
    "variance_ratio": Interval(0.5, 0.4, 0.6),
    "eta": {"1": 0.9, "16": 0.9, "256": 0.9, "inf": 1.0},
    "centring": 0.5,
    "cost": 0.01,
    "learning": Interval(999.0, 998.0, 1000.0),
    "learning_rate": 1.0,
    "pass_at_k": dict.fromkeys(("1", "4", "16", "64"), 0.9),
    "lm_gain": Interval(0.9, 0.8, 1.0),
    "scale": "1",
    "domain": "binary",
    "paper": "a better one",
    "equation": "Eq 1",
    "authors": "somebody else",
    "licence": "none",
    "sandbox": "strict",
    "scorer": {**ITEM.entry.scorer, "first": "2001-01-01"},
    "linked_to": "another",
}
UNTOUCHED = {"name", "suite", "submission_hash", "status", "verification", "extra"}
"""Columns that the file's place fixes, or that its neighbours give."""


def test_every_column_is_tried_below():
    assert {field.name for field in fields(Entry)} - UNTOUCHED == set(COLUMNS)


@pytest.mark.parametrize("column", list(COLUMNS))
def test_no_column_can_be_edited_under_a_verification(tmp_path, column):
    path = store.save(tmp_path, ITEM)
    statuses.add_verification(path.parent, made())
    edited = replace(ITEM, entry=replace(ITEM.entry, **{column: COLUMNS[column]}))
    assert edited != ITEM
    path.write_text(edited.encoded())
    assert store.load(path).entry.status == "self-run"


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
