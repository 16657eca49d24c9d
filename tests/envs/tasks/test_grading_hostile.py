"""The hostile answers through a grader with a short limit: none is paid, nothing is executed, nobody else is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hostile_answers import Hostile, hostile_answers

from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.grading.service import Grader

LIMIT = 0.5
"""Seconds: short, so that bombs cost little, and a hundred times what a normal answer below takes."""
WORKERS = 6
"""More than processors: what a bomb costs is mostly the wait for its limit."""
MEMORY = 2**29
NORMAL = [
    ("72", r"So she sold $\boxed{72}$ clips.", "correct"),
    ("72", r"So she sold $\boxed{71}$ clips.", "wrong"),
    (r"\frac{3}{4}", r"\boxed{0.75}", "correct"),
    (r"2\sqrt{3}", r"\boxed{\sqrt{12}}", "correct"),
    ("x + 1", r"\boxed{1 + x}", "correct"),
    ("x + 1", r"\boxed{x + 2}", "wrong"),
    (r"\{1, 2\}", r"\boxed{2, 1}", "correct"),
    ("(1, 2)", r"\boxed{(1, 3)}", "wrong"),
    ("5", "It might be 5.", "no_box"),
]


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("executed") / "marker"


@pytest.fixture(scope="module")
def corpus(marker: Path) -> list[Hostile]:
    return hostile_answers(str(marker))


@pytest.fixture(scope="module")
def verdicts(corpus: list[Hostile]) -> list[Grade]:
    """Grade the corpus at once, in several workers: while one bomb goes off, others are graded."""
    with Grader(workers=WORKERS, time_limit=LIMIT, memory_limit=MEMORY) as grader:
        found = grade(grader, corpus)
        assert sum(grader.counts.values()) == len(corpus)
        assert statuses(grader.grade(*normal(3))) == expected(3)
    return found


def grade(grader: Grader, answers: Sequence[Hostile]) -> list[Grade]:
    return grader.grade([each.gold for each in answers], [each.completion for each in answers])


def normal(copies: int) -> tuple[list[str], list[str]]:
    golds, completions, _ = zip(*NORMAL * copies, strict=True)
    return list(golds), list(completions)


def expected(copies: int) -> list[str]:
    return [status for _, _, status in NORMAL * copies]


def statuses(found: Sequence[Grade]) -> list[str]:
    return [each.status for each in found]


def test_the_corpus_is_large_and_each_attack_has_several_answers(corpus: list[Hostile]) -> None:
    counts = Counter(each.category for each in corpus)
    assert len({(each.gold, each.completion) for each in corpus}) == len(corpus) >= 400
    assert min(counts.values()) >= 8


def test_no_hostile_answer_is_paid(corpus: list[Hostile], verdicts: list[Grade]) -> None:
    assert len(verdicts) == len(corpus)
    paid = [
        (each.category, each.gold, each.completion[:200])
        for each, found in zip(corpus, verdicts, strict=True)
        if found.correct or found.reward
    ]
    assert not paid


def test_nothing_is_executed(verdicts: list[Grade], marker: Path) -> None:
    assert verdicts
    assert not list(marker.parent.iterdir())


def test_boxes_that_do_not_count_are_not_read(corpus: list[Hostile], verdicts: list[Grade]) -> None:
    unread = {each.completion: found for each, found in zip(corpus, verdicts, strict=True) if found.status == "no_box"}
    assert r"<think>\boxed{5}</think> The answer is 5." in unread
    assert r"<think>\boxed{5}" in unread
    assert r"\boxed{5" in unread
    assert "" in unread
    assert all(found.extracted is None for found in unread.values())


def test_long_answers_are_refused_unread(corpus: list[Hostile], verdicts: list[Grade]) -> None:
    refused = [found for found in verdicts if found.status == "too_long"]
    assert len(refused) >= 3
    assert all(found.extracted is not None and len(found.extracted) > 1000 for found in refused)


def test_normal_answers_among_bombs_come_back_right(corpus: list[Hostile], verdicts: list[Grade]) -> None:
    """Bombs and normal answers in one batch, the normal ones between; the clock of each is its own."""
    stopped = [each for each, found in zip(corpus, verdicts, strict=True) if found.status in ("timeout", "crash")]
    bombs = stopped[:: max(1, len(stopped) // 4)][:4]
    assert len(bombs) == 4
    golds, completions = normal(len(bombs))
    for place, each in enumerate(bombs):
        golds.insert(place * (len(NORMAL) + 1), each.gold)
        completions.insert(place * (len(NORMAL) + 1), each.completion)
    with Grader(workers=2, time_limit=4 * LIMIT, memory_limit=MEMORY) as grader:
        found = statuses(grader.grade(golds, completions))
    among = [status for place, status in enumerate(found) if place % (len(NORMAL) + 1)]
    assert among == expected(len(bombs))
    assert not {*found[:: len(NORMAL) + 1]} & {"correct"}
