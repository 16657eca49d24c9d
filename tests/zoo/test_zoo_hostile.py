"""What attacks is refused with the message that its author sees, and has no effect that can be seen from outside."""

import os

import arena
import pytest
import zoo_table
from battery import WENT_THROUGH, meet
from zoo_table import Animal

from maxpo_bench.leaderboard.admission import check
from maxpo_bench.leaderboard.limits import CHECK_LIMITS
from maxpo_bench.sandbox import Limits

HOSTILE = zoo_table.of("hostile")
pytestmark = pytest.mark.filterwarnings(
    "ignore:invalid value encountered:RuntimeWarning"  # inf - inf, in the audit of rows that hold inf
)
TOGETHER = [animal for animal in HOSTILE if not animal.alone]
ALONE = [animal for animal in HOSTILE if animal.alone]
LIKE_OTHERS = ("aborts", "patches_struct", "prints_without_end", "sleeps_forever", "spends_processor_time")
"""Those of which another one has the same verdict on the same way: behind the marker `paper`."""


def limits_for(animal: Animal) -> Limits:
    """Small ones where the verdict is a limit, so that nobody waits; what never answers is not late by chance."""
    if animal.error == "TimeLimit":
        return Limits(call_seconds=1.0)
    return Limits(cpu_seconds=4.0) if animal.error == "CpuLimit" else CHECK_LIMITS


@pytest.fixture
def bait(strict):
    with arena.arena() as made:
        yield made


def assert_verdict(animal: Animal, error: str, message: str) -> None:
    assert error == animal.error or (animal.fails and error in ("EstimatorError", "BadAnswer")), message
    words = [word for word in animal.words if not word.startswith("for k=")]  # added by the contract test that called
    assert [word for word in words if word not in message] == [], message
    assert message.isprintable()
    assert len(message) < 600


def test_a_read_would_leave_a_trace_here(tmp_path):
    if not arena.reads_leave_a_trace(tmp_path):
        pytest.skip("this file system keeps no times of access: a read alone would leave no trace")


def test_the_arena_notices_every_kind_of_effect(bait):
    assert bait.effects() == []
    bait.canary.read_text()
    (bait.folder / "planted").touch()
    with arena.socket.create_connection(("127.0.0.1", int(bait.words["PORT"]))) as connection:
        connection.sendall(b"x")
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            arena.time.sleep(600)
        os._exit(0)
    os.waitpid(child, 0)
    found = "\n".join(bait.effects(patience=0.1))
    assert "the names in the folder" in found
    assert "a connection or message" in found
    assert "processes left running" in found
    bait.remove_children()
    (bait.folder / "planted").unlink()
    assert not any("processes" in effect for effect in bait.effects())


def test_what_attacks_by_system_calls_is_refused_and_has_no_effect(bait):
    outcomes = meet(TOGETHER, bait.words)
    assert bait.effects() == []
    assert set(outcomes) == {animal.name for animal in TOGETHER}
    assert [name for name, (error, _) in outcomes.items() if error == WENT_THROUGH] == []
    for animal in TOGETHER:
        assert_verdict(animal, *outcomes[animal.name])


@pytest.mark.parametrize("animal", [animal for animal in ALONE if animal.name not in LIKE_OTHERS], ids=str)
def test_what_ends_blocks_or_confuses_its_process_is_refused_and_has_no_effect(animal, bait, tmp_path):
    report = check(animal.put(tmp_path, bait.words), limits=limits_for(animal))
    assert_report(animal, report)
    assert bait.effects() == []


@pytest.mark.paper
@pytest.mark.parametrize(
    "animal", [animal for animal in HOSTILE if animal not in ALONE or animal.name in LIKE_OTHERS], ids=str
)
def test_each_by_itself_gets_the_same_verdict(animal, bait, tmp_path):
    report = check(animal.put(tmp_path, bait.words), limits=limits_for(animal))
    assert_report(animal, report)
    assert bait.effects() == []


def assert_report(animal: Animal, report) -> None:
    """Compare what the user sees with the verdict."""
    assert report.level == "strict"
    assert report.protections or report.error
    if animal.certificate:
        assert (report.passed, report.kind) == (True, animal.certificate), report.error
        return
    failed = {result.name: result.message for result in report.results if result.status == "fail"}
    assert not report.passed
    assert report.error_kind == animal.error, report.error
    assert bool(failed) == bool(animal.fails), failed
    message = failed[animal.fails] if animal.fails else report.error
    assert [word for word in animal.words if word not in message] == [], message
    assert message.isprintable()
    assert len(message) < 2000
