"""What a grader says, counts and refuses when nothing goes wrong in its workers."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from service_processes import boxed, session, wait_until, workers_of, zygote_of

from maxpo_bench.envs.tasks import STATUSES, Grade, Grader, GraderError, agrade_answers, grade_answers
from maxpo_bench.envs.tasks.grading import service
from maxpo_bench.envs.tasks.grading.api import shared_grader

MakeGrader = Callable[..., Grader]


def statuses(grades: list[Grade]) -> list[str]:
    return [grade.status for grade in grades]


def test_real_answers_are_graded_in_order():
    golds = ["72", "72", r"2\sqrt{3}", "x^2 - 1", r"\frac{3}{4}", "5", "5"]
    completions = [
        r"So $\boxed{72}$.",
        r"$\boxed{71}$",
        r"$\boxed{\sqrt{12}}$",
        r"$\boxed{(x - 1)(x + 2)}$",
        r"\boxed{0.75}",
        "It might be 5.",
        r"\boxed{" + "1 + " * 300 + "1}",
    ]
    grades = grade_answers(golds, completions)
    assert statuses(grades) == ["correct", "wrong", "correct", "wrong", "correct", "no_box", "too_long"]
    assert [grade.extracted for grade in grades[:6]] == ["72", "71", r"\sqrt{12}", "(x - 1)(x + 2)", "0.75", None]
    assert [grade.reward for grade in grades] == [1, 0, 1, 0, 1, 0, 0]
    assert asyncio.run(agrade_answers(golds, completions)) == grades


def test_the_shared_grader_is_one_object():
    assert shared_grader() is shared_grader()


def test_nothing_starts_before_a_comparison_needs_a_worker():
    with Grader() as grader:
        assert statuses(grader.grade(["5", "5"], [r"\boxed{5}", r"\boxed{6}"])) == ["correct", "wrong"]
        assert grader._pool.crew.launcher is None
        assert "grader" not in {thread.name for thread in threading.enumerate() if thread is grader._pool._thread}
        assert grader.stats().decided_fast == 2
        assert grader.stats().workers_started == 0


def test_an_empty_batch_has_no_grades():
    with Grader() as grader:
        assert grader.grade([], []) == []
        assert asyncio.run(grader.agrade([], [])) == []


def test_counts_and_stats_add_up(make_grader: MakeGrader):
    grader = make_grader(1)
    completions = [*boxed("a", "b", "a", "raise"), "no box", *boxed("x" * 1001)]
    assert statuses(grader.grade(["a"] * 6, completions)) == [
        "correct", "wrong", "correct", "crash", "no_box", "too_long"
    ]  # fmt: skip
    assert grader.counts == {
        "correct": 2, "wrong": 1, "no_box": 1, "malformed": 0, "too_long": 1, "timeout": 0, "crash": 1
    }  # fmt: skip
    assert tuple(grader.counts) == STATUSES
    grader.grade(["a"], boxed("a"))
    stats = grader.stats()
    assert (stats.decided_fast, stats.found_in_cache, stats.compared) == (0, 1, 4)
    assert (stats.workers_started, stats.workers_killed, stats.workers_died) == (1, 0, {})
    assert stats.last_failure == "a comparison raised ValueError: a comparison failed"
    assert "correct 3, wrong 1, no_box 1, too_long 1, crash 1" in repr(grader)
    assert "ValueError" in str(stats)


def test_a_pair_is_compared_once_per_batch_and_never_again_while_it_is_remembered(
    make_grader: MakeGrader, tmp_path: Path
):
    grader = make_grader()
    for _ in range(2):
        assert statuses(grader.grade(["yes"] * 50, boxed(f"mark:{tmp_path}/call") * 50)) == ["correct"] * 50
    assert len(list(tmp_path.iterdir())) == 1


def test_the_cache_forgets_the_least_recently_used_pair(make_grader: MakeGrader, tmp_path: Path):
    grader = make_grader(1, cache_size=2)
    for name in ("a", "b", "a", "c", "a", "b"):  # c displaces b, which was used before a
        grader.grade(["yes"], boxed(f"mark:{tmp_path}/{name}"))
    calls = [path.name.partition(".")[0] for path in tmp_path.iterdir()]
    assert sorted(calls) == ["a", "b", "b", "c"]


def test_without_a_cache_every_call_compares(make_grader: MakeGrader, tmp_path: Path):
    grader = make_grader(1, cache_size=0)
    for _ in range(3):
        grader.grade(["yes"], boxed(f"mark:{tmp_path}/call"))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("text", ["\ud800 lone surrogate", "\x00\x1b\x7f", "a\n\r\tb", "é€😀", "9" * 1000, "."])
def test_any_text_reaches_the_comparison_unchanged(make_grader: MakeGrader, text: str):
    grades = make_grader(1).grade([text, text + "!"], boxed(text, text))
    assert statuses(grades) == ["correct", "wrong"]
    assert grades[0].extracted == text


def test_texts_larger_than_the_buffer_of_a_socket_pass(make_grader: MakeGrader):
    """The rest is written when the worker has read the first part."""
    pool = make_grader(1)._pool
    assert pool.submit([("g" * 2_000_000, "x"), ("", ""), ("a", "a")]).result() == ["wrong", "correct", "correct"]


def test_a_thousand_answers_keep_their_places(make_grader: MakeGrader):
    grader = make_grader(3)
    answers = [f"n{number}" for number in range(1000)]
    golds = [answer if number % 3 else "other" for number, answer in enumerate(answers)]
    grades = grader.grade(golds, boxed(*answers))
    assert [grade.correct for grade in grades] == [number % 3 != 0 for number in range(1000)]
    assert [grade.extracted for grade in grades] == answers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "workers=0 must be at least 1"),
        ({"time_limit": 0.0}, "time_limit=0.0 s must be positive"),
        ({"time_limit": float("nan")}, "time_limit=nan s must be positive"),
        ({"memory_limit": 1000}, "memory_limit=1000 must be at least"),
        ({"cache_size": -1}, "cache_size=-1 must be at least 0"),
    ],
)
def test_limits_out_of_range_are_refused(arguments: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        Grader(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["workers", "memory_limit", "cache_size"])
def test_what_must_be_an_integer_is_one(name: str):
    with pytest.raises(TypeError, match=f"{name} must be an integer"):
        Grader(**{name: 4e9})  # type: ignore[arg-type]


def test_bad_texts_are_named():
    with Grader() as grader:
        with pytest.raises(TypeError, match=r"golds\[1\] must be a string, got 5 of type int"):
            grader.grade(["5", 5], ["a", "b"])  # type: ignore[list-item]
        with pytest.raises(TypeError, match=r"completions\[0\] must be a string, got None"):
            grader.grade(["5"], [None])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="golds is one string"):
            grader.grade("55", ["a", "b"])
        with pytest.raises(ValueError, match=r"golds\[1\] has 10001 characters"):
            grader.grade(["5", "x" * 10_001], ["a", "b"])
        for gold, found in (
            ("", "is empty"),
            (" \n", "is empty"),
            ("so\n#### 18", "holds '####': 'so"),
            (r"\boxed{5}", r"holds '\\boxed'"),
        ):
            with pytest.raises(ValueError, match=rf"golds\[1\] {found}.*load_problems reads it from the data set"):
                grader.grade(["5", gold], ["a", "b"])
        with pytest.raises(ValueError, match="2 golds and 1 completions"):
            grader.grade(["5", "5"], ["a"])
        with pytest.raises(ValueError, match="2 golds and 1 completions"):
            asyncio.run(grader.agrade(["5", "5"], ["a"]))
        assert sum(grader.counts.values()) == 0


def test_an_answer_that_cannot_be_read_costs_itself_only(monkeypatch: pytest.MonkeyPatch):
    def read(text: str) -> str:
        if "(((" in text:
            raise RecursionError("too deep")
        return text

    monkeypatch.setattr(service, "normalise", read)
    with Grader() as grader:
        assert statuses(grader.grade(["5"] * 3, boxed("5", "(((", "6"))) == ["correct", "crash", "wrong"]
        assert grader.stats().last_failure == "reading '(((' raised RecursionError: too deep"


def test_a_pickled_grader_has_the_same_settings():
    with Grader(3, time_limit=1.5, memory_limit=2**29, cache_size=7, judge="service_judges:obey") as grader:
        copy = pickle.loads(pickle.dumps(grader))
        assert copy._settings == grader._settings
        assert copy._cache_size == 7
        assert copy._pool is not grader._pool


def test_a_closed_grader_refuses_and_can_be_closed_again(make_grader: MakeGrader):
    grader = make_grader()
    grader.grade(["a"], boxed("a"))
    zygote = zygote_of(grader)
    grader.close()
    grader.close()
    assert session(zygote) == set()
    with pytest.raises(ValueError, match="closed"):
        grader.grade(["a"], boxed("b"))


def test_closing_gives_those_who_wait_an_error(make_grader: MakeGrader):
    grader = make_grader(1, time_limit=1000.0)
    failures: list[Exception] = []

    def wait() -> None:
        try:
            grader.grade(["a"], boxed("sleep:1000"))
        except GraderError as error:
            failures.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: grader.stats().workers_started == 1)
    grader.close()
    thread.join()
    assert [str(error) for error in failures] == ["the grader was closed meanwhile"]


def test_a_collected_grader_leaves_no_process_and_no_thread(make_grader: MakeGrader):
    del make_grader
    grader = Grader(2, judge="service_judges:obey")
    grader.grade(["x", "x^2+1"], boxed("x+y", "y"))
    zygote, thread = zygote_of(grader), grader._pool._thread
    assert thread is not None
    assert len(workers_of(grader)) >= 1
    del grader
    gc.collect()
    wait_until(lambda: session(zygote) == set())
    thread.join()
