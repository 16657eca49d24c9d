"""Comparisons that hang, eat memory, die or are killed: each costs its own verdict and nobody else's."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from service_processes import boxed, open_files, session, wait_until, workers_of, zygote_of

from maxpo_bench.envs.tasks import Grade, Grader, GraderError
from maxpo_bench.envs.tasks.grading import crew, dispatcher, launcher, link

MakeGrader = Callable[..., Grader]
FOREVER = 1000.0
"""Seconds that no test waits for."""


def statuses(grades: list[Grade]) -> list[str]:
    return [grade.status for grade in grades]


def begins(grader: Grader) -> Callable[[], bool]:
    """Return a condition: a worker is at work."""
    return lambda: any(link.begun_at is not None for link in list(grader._pool.crew.workers.values()))


def in_thread(function: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Start a thread, and return it with the list that will hold what the function returned or failed with."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(function())
        except GraderError as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


@pytest.fixture
def every_timeout_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little of the processor a busy machine, or its own sleep, left to a comparison."""
    monkeypatch.setattr(dispatcher, "BUSY_FRACTION", 0.0)


@pytest.mark.usefixtures("every_timeout_counts")
@pytest.mark.parametrize("bomb", ["sleep:1000", "compute"])
def test_a_comparison_that_hangs_is_killed(make_grader: MakeGrader, bomb: str):
    """Asleep or inside one long call into C, which holds the interpreter's lock."""
    grader = make_grader(1, time_limit=0.3)
    assert grader.grade(["a"], boxed(bomb)) == [Grade("timeout", bomb)]
    stats = grader.stats()
    assert (stats.workers_killed, stats.workers_died) == (1, {})
    assert statuses(grader.grade(["a"], boxed("a"))) == ["correct"]


@pytest.mark.usefixtures("every_timeout_counts")
def test_a_timeout_is_remembered(make_grader: MakeGrader):
    grader = make_grader(1, time_limit=0.1)
    for _ in range(3):
        assert statuses(grader.grade(["a"] * 5, boxed("sleep:1000") * 5)) == ["timeout"] * 5
    assert grader.stats().workers_killed == 1
    assert grader.counts["timeout"] == 15


def test_a_timeout_with_the_processor_in_use_is_remembered(make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dispatcher, "BUSY_FRACTION", 0.02)  # 0.03 s in 1.5 s, which any machine grants
    grader = make_grader(1, time_limit=1.5)
    for _ in range(2):
        assert statuses(grader.grade(["a"], boxed("compute"))) == ["timeout"]
    assert grader.stats().workers_killed == 1


def test_a_timeout_without_processor_time_is_tried_again_last_and_not_remembered(make_grader: MakeGrader):
    grader = make_grader(1, time_limit=0.3)
    for killed in (2, 4):
        assert statuses(grader.grade(["a", "a"], boxed("sleep:1000", "a"))) == ["timeout", "correct"]
        assert grader.stats().workers_killed == killed
    assert len(grader._cache) == 1
    assert "0.3 s with 0.0" in grader.stats().last_failure
    assert "overloaded or was suspended" in grader.stats().last_failure


def test_a_comparison_suspended_beyond_its_limit_gets_its_verdict_at_the_second_try(make_grader: MakeGrader):
    grader = make_grader(1, time_limit=1.5)
    thread, results = in_thread(lambda: grader.grade(["yes"], boxed("sleep:0.2")))
    wait_until(begins(grader))
    (worker,) = workers_of(grader)
    os.kill(worker, signal.SIGSTOP)
    thread.join()
    assert results == [[Grade("correct", "sleep:0.2")]]
    assert grader.stats().workers_killed == 1


def test_the_processor_time_of_a_process_is_read():
    before, begun = link.processor_time(os.getpid()), time.process_time()
    assert before is not None
    while time.process_time() < begun + 0.2:
        pass
    after = link.processor_time(os.getpid())
    assert after is not None
    assert after - before == pytest.approx(time.process_time() - begun, abs=0.05)
    assert link.processor_time(2**22 + 1) is None  # no process has such a number


@pytest.mark.parametrize(
    ("bomb", "failure"),
    [
        ("allocate", {"memory limit": 2}),
        ("exit", {"exit code 3": 2}),
        ("segfault", {"SIGSEGV": 2}),
    ],
)
def test_a_comparison_that_ends_its_worker_is_tried_twice(make_grader: MakeGrader, bomb: str, failure: dict[str, int]):
    grader = make_grader(1, time_limit=FOREVER, memory_limit=2**28)
    assert statuses(grader.grade(["a", "a"], boxed(bomb, "a"))) == ["crash", "correct"]
    assert grader.stats().workers_started == 2  # the second try comes last
    wait_until(lambda: grader.stats().workers_died == failure)
    assert grader.counts["crash"] == 1


@pytest.mark.parametrize("bomb", ["raise", "recurse"])
def test_a_comparison_that_raises_is_a_crash_and_its_worker_goes_on(make_grader: MakeGrader, bomb: str):
    grader = make_grader(1)
    assert statuses(grader.grade(["a", "a"], boxed(bomb, "a"))) == ["crash", "correct"]
    assert grader.stats().workers_started == 1
    assert grader.stats().last_failure


def test_a_worker_that_dies_once_costs_nothing(make_grader: MakeGrader, tmp_path: Path):
    grader = make_grader(1)
    assert statuses(grader.grade(["yes"], boxed(f"die-once:{tmp_path}/died"))) == ["correct"]
    assert grader.stats().workers_started == 2
    wait_until(lambda: grader.stats().workers_died == {"SIGKILL": 1})


def test_only_crashes_that_would_come_again_are_remembered(make_grader: MakeGrader):
    grader = make_grader(1, memory_limit=2**28)
    for bomb, known in (("exit", 0), ("allocate", 1), ("raise", 2)):
        grader.grade(["a"], boxed(bomb))
        assert len(grader._cache) == known


def test_bombs_lose_none_of_their_neighbours(make_grader: MakeGrader):
    """Bombs of each kind among 300 answers; the limit is long enough for any pause of a busy machine."""
    grader = make_grader(2, time_limit=1.5, memory_limit=2**28)
    answers = [f"n{number}" for number in range(300)]
    bombs = {20: "sleep:1000", 21: "allocate", 22: "exit", 23: "segfault", 100: "raise", 250: "sleep:1001"}
    for place, bomb in bombs.items():
        answers[place] = bomb
    grades = grader.grade([f"n{number}" for number in range(300)], boxed(*answers))
    for place, grade in enumerate(grades):
        bomb = bombs.get(place)
        assert grade.status == ("correct" if bomb is None else "timeout" if "sleep" in bomb else "crash")
    assert Counter(statuses(grades)) == {"correct": 294, "timeout": 2, "crash": 4}


def test_nothing_waits_behind_a_slow_comparison_while_another_worker_is_idle(make_grader: MakeGrader):
    grader = make_grader(2, time_limit=FOREVER)
    slow, grades = in_thread(lambda: grader.grade(["yes", "yes"], boxed("sleep:1000", "quick")))
    golds = [f"n{number}" for number in range(50)]
    assert statuses(grader.grade(golds, boxed(*golds))) == ["correct"] * 50
    assert not grades
    grader.close()
    slow.join()
    assert isinstance(grades[0], GraderError)


def test_a_worker_is_replaced_after_its_share(make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dispatcher, "JOBS_PER_WORKER", 10)
    grader = make_grader(1)
    golds = [f"n{number}" for number in range(100)]
    assert statuses(grader.grade(golds, boxed(*golds))) == ["correct"] * 100
    assert grader.stats().workers_started in (10, 11)


@pytest.mark.usefixtures("every_timeout_counts")
def test_two_hundred_kills_leave_nothing_behind(make_grader: MakeGrader):
    grader = make_grader(4, time_limit=0.02)
    grader.grade(["a"], boxed("sleep:1000"))
    before, zygote = open_files(), zygote_of(grader)
    bombs = [f"sleep:{1000 + number}" for number in range(1, 251)]
    assert statuses(grader.grade(["a"] * 250, boxed(*bombs))) == ["timeout"] * 250
    assert grader.stats().workers_killed == 251
    wait_until(lambda: len(session(zygote)) <= 5)  # the zygote and at most four workers, no zombies
    assert open_files() <= before + 4
    assert zygote_of(grader) == zygote
    grader.close()
    assert session(zygote) == set()


def test_workers_killed_from_outside_are_replaced(make_grader: MakeGrader, tmp_path: Path):
    grader = make_grader(1, time_limit=FOREVER)
    thread, results = in_thread(lambda: grader.grade(["yes"], boxed("sleep:0.5")))
    wait_until(begins(grader))
    (worker,) = workers_of(grader)
    os.kill(worker, signal.SIGKILL)
    thread.join()
    assert results == [[Grade("correct", "sleep:0.5")]]
    (worker,) = workers_of(grader)
    os.kill(worker, signal.SIGKILL)  # now while it is idle
    wait_until(lambda: not grader._pool.crew.workers)
    assert statuses(grader.grade(["a"], boxed("a"))) == ["correct"]


def test_a_zygote_killed_from_outside_is_replaced_and_no_answer_is_charged(make_grader: MakeGrader):
    grader = make_grader(2, time_limit=FOREVER)
    golds = ["yes", "n1", "n2", "n3"]
    for round_ in range(3):  # more often than a comparison may end its worker
        answers = ["sleep:0.4" + "0" * round_, "n1", "n2", "n3"]
        thread, results = in_thread(lambda answers=answers: grader.grade(golds, boxed(*answers)))
        wait_until(begins(grader))
        zygote = zygote_of(grader)
        os.kill(zygote, signal.SIGKILL)
        thread.join()
        assert isinstance(results[0], list)
        assert statuses(results[0]) == ["correct"] * 4
        wait_until(lambda zygote=zygote: session(zygote) == set())
    assert grader.counts["crash"] == 0


def test_a_worker_that_stops_reporting_is_replaced(make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dispatcher, "START_LIMIT_S", 0.5)
    grader = make_grader(1, time_limit=FOREVER)
    grader.grade(["a"], boxed("a"))
    (worker,) = workers_of(grader)
    os.kill(worker, signal.SIGSTOP)
    assert statuses(grader.grade(["a"], boxed("b"))) == ["wrong"]
    wait_until(lambda: worker not in session(zygote_of(grader)))


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        ("no_such_module:judge", "cannot load no_such_module:judge: ModuleNotFoundError"),
        ("service_judges:no_such_function", "cannot load service_judges:no_such_function: AttributeError"),
        ("service_bad_judge:judge", "cannot load service_bad_judge:judge: RuntimeError: not today"),
    ],
)
def test_a_comparison_that_cannot_be_loaded_is_an_error_and_no_grade(make_grader: MakeGrader, judge: str, message: str):
    grader = make_grader(2, judge=judge)
    for _ in range(2):  # the grader stays usable: the reason may have gone
        with pytest.raises(GraderError, match=message):
            grader.grade(["a", "b"], boxed("x", "y"))
    assert sum(grader.counts.values()) == 0
    assert grader._pool.crew.launcher is None


def test_a_zygote_that_ends_at_once_is_an_error_with_what_it_wrote(make_grader: MakeGrader):
    grader = make_grader(1, judge="service_bad_judge_exits:judge")
    with pytest.raises(GraderError, match=r"tried 3 times: .* has ended; its last output: no thanks"):
        grader.grade(["a"], boxed("x"))


def test_an_interpreter_that_cannot_be_started_is_an_error(make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch):
    grader = make_grader(1)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nonexistent/python")
        with pytest.raises(GraderError, match=r"cannot be started: .*/nonexistent/python"):
            grader.grade(["a"], boxed("x"))
        patch.setattr(sys, "executable", "")
        with pytest.raises(GraderError, match=r"sys\.executable is empty"):
            grader.grade(["a"], boxed("x"))
    assert statuses(grader.grade(["a"], boxed("a"))) == ["correct"]


def test_workers_that_cannot_be_forked_are_an_error(make_grader: MakeGrader):
    grader = make_grader(1, judge="service_bad_judge_cannot_fork:judge")
    with pytest.raises(GraderError, match="do not start, tried 3 times"):
        grader.grade(["a"], boxed("x"))
    assert "no worker could be forked" in grader.stats().last_failure


def test_workers_that_fail_together_are_one_try(make_grader: MakeGrader):
    grader = make_grader(3, judge="service_bad_judge_cannot_fork:judge")
    with pytest.raises(GraderError, match="do not start, tried 3 times"):
        grader.grade(["a"] * 3, boxed("x", "y", "z"))
    assert grader._pool.crew.started["worker"] > 6


def test_a_process_that_hangs_while_it_loads_is_started_three_times(
    make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dispatcher, "START_LIMIT_S", 0.2)
    monkeypatch.setattr(launcher, "_END_S", 0.05)
    grader = make_grader(3, judge="service_bad_judge_hangs:judge")
    with pytest.raises(GraderError, match=r"tried 3 times: one has not reported for 0\.2 s"):
        grader.grade(["a"] * 3, boxed("x", "y", "z"))
    assert grader._pool.crew.started["zygote"] == 3


def test_a_fault_of_the_dispatcher_reaches_the_callers(make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch):
    grader = make_grader(1)
    with monkeypatch.context() as patch:
        patch.setattr(crew.Crew, "start_worker", lambda self: 1 / 0)
        with pytest.raises(GraderError, match="ZeroDivisionError"):
            grader.grade(["a"], boxed("x"))
    assert statuses(grader.grade(["a"], boxed("a"))) == ["correct"]


def test_the_clock_does_not_run_while_a_comparison_waits(make_grader: MakeGrader):
    """Twelve comparisons of 0.2 s through one worker, the limit being 1.5 s."""
    grader = make_grader(1, time_limit=1.5)
    answers = [f"sleep:0.2{'0' * number}" for number in range(12)]
    started = time.monotonic()
    assert statuses(grader.grade(["yes"] * 12, boxed(*answers))) == ["correct"] * 12
    assert time.monotonic() - started > 2.4  # so the last did wait for longer than the limit
