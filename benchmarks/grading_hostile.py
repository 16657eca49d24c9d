"""The hostile answers of the tests through the grader, and bombs among normal answers."""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from grading_data import MATH, QWEN, Item, Row, described, grade, outputs, solutions
from measuring import Bar

from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.grading.service import Grader
from maxpo_bench.seeding import derive_seed

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "envs" / "tasks"
FEWEST, NORMAL, BOMBS = 150, 1024, 16
SLACK = 1.25
LIMIT = 3.0
STOPPED = ("timeout", "crash")


def corpus(marker: Path) -> list[Item]:
    """Return the hostile answers of the tests; code among them would make the marker file."""
    sys.path.insert(0, str(CORPUS))
    try:
        module: Any = importlib.import_module("hostile_answers")
    finally:
        sys.path.remove(str(CORPUS))
    return [Item(hostile.category, hostile.gold, hostile.completion) for hostile in module.hostile_answers(str(marker))]


def measure_hostile(
    data: Path, folder: Path, *, seed: int, workers: int, limit: float, rounds: int
) -> tuple[Row, list[Bar]]:
    """Grade the corpus one by one and at once, then a batch of normal answers with some of its bombs among them."""
    with tempfile.TemporaryDirectory() as scratch:
        marker = Path(scratch) / "marker"
        items = corpus(marker)
        alone, seconds = _one_by_one(items, workers, limit)
        with Grader(workers=workers, time_limit=limit) as grader:
            together = grade(grader, items)
        left_behind = [path.name for path in Path(scratch).iterdir()]
    report: Row = {"answers": len(items), "limit_s": limit, "workers": workers, **_statuses(items, alone)}
    report["slowest"] = sorted(
        ({**_short(item, found), "seconds": spent} for item, found, spent in zip(items, alone, seconds, strict=True)),
        key=lambda line: -line["seconds"],
    )[:10]
    paid = {
        where: sum(found.correct for found in verdicts)
        for where, verdicts in (("alone", alone), ("together", together))
    }
    report["paid"] = [_short(item, found) for item, found in zip(items, alone, strict=True) if found.correct]
    report["statuses together"] = dict(Counter(found.status for found in together))
    bars = [
        Bar("hostile answers", FEWEST, len(items), False),
        Bar("hostile answers that earn a reward", 0, max(paid.values())),
        Bar("files made by code in answers", 0, len(left_behind)),
        Bar(
            f"seconds of the slowest hostile answer at a limit of {limit:g} s, over the limit",
            SLACK,
            max(seconds) / limit,
        ),
    ]
    bombs = [item for item, found in zip(items, alone, strict=True) if found.status in STOPPED]
    report["mixed"], mixed = _measure_mixed(
        _normal(data, folder), bombs, seed=seed, workers=workers, limit=limit, rounds=rounds
    )
    return report, bars + mixed


def _one_by_one(items: Sequence[Item], workers: int, limit: float) -> tuple[list[Grade], list[float]]:
    verdicts, seconds = [], []
    with Grader(workers=workers, time_limit=limit) as grader:
        warm_up(grader)
        for item in items:
            started = time.perf_counter()
            verdicts += grade(grader, [item])
            seconds.append(time.perf_counter() - started)
    return verdicts, seconds


def warm_up(grader: Grader) -> None:
    """Make a grader start its workers, by pairs that need one."""
    pairs = [(rf"\sin({number} x)", rf"\boxed{{\sin({number} x) \cdot y^2}}") for number in range(2, 10)]
    grader.grade(*zip(*pairs, strict=True))


def _statuses(items: Sequence[Item], verdicts: Sequence[Grade]) -> Row:
    by_category: dict[str, Counter[str]] = {}
    for item, found in zip(items, verdicts, strict=True):
        by_category.setdefault(item.id, Counter())[found.status] += 1
    total = sum(by_category.values(), Counter[str]())
    return {"statuses": dict(total), "categories": {name: dict(counts) for name, counts in by_category.items()}}


def _short(item: Item, found: Grade) -> Row:
    """Describe a hostile answer in ASCII, without its length."""
    line = described(item, found)
    return {
        "category": item.id,
        "gold": ascii(item.gold)[1:-1],
        "extracted": ascii((line["extracted"] or "")[:60])[1:-1],
        "status": found.status,
    }


def _normal(data: Path, folder: Path) -> list[Item]:
    """Return real completions, each answer once: outputs of a model, then human solutions."""
    found = {}
    for item in (*outputs(folder, QWEN), *solutions(data, MATH[0])):
        found.setdefault((item.gold, item.completion), item)
    return list(found.values())[:NORMAL]


def _measure_mixed(
    normal: Sequence[Item], bombs: Sequence[Item], *, seed: int, workers: int, limit: float, rounds: int
) -> tuple[Row, list[Bar]]:
    """Time normal answers without and with bombs among them, each time with a new grader."""
    rng = np.random.default_rng(derive_seed(seed, "bombs"))
    lost, plain_seconds, mixed_seconds = 0, [], []
    for _ in range(rounds):
        chosen = [bombs[place] for place in rng.permutation(len(bombs))[:BOMBS]]
        items, is_normal = _mix(normal, chosen, rng)
        expected, plain = timed(normal, workers, limit)
        verdicts, spent = timed(items, workers, limit)
        kept = [found for found, keep in zip(verdicts, is_normal, strict=True) if keep]
        lost += sum(found != wanted for found, wanted in zip(kept, expected, strict=True))
        plain_seconds.append(plain)
        mixed_seconds.append(spent)
    share = BOMBS * limit / workers
    plain, spent = float(np.median(plain_seconds)), float(np.median(mixed_seconds))
    report = {
        "normal": len(normal),
        "bombs": BOMBS,
        "normal_s": plain_seconds,
        "mixed_s": mixed_seconds,
        "share_s": share,
    }
    allowed = SLACK * share + plain
    what = f"{len(normal)} normal answers and {BOMBS} bombs"
    return report, [
        Bar(f"{what}: normal verdicts lost or changed", 0, lost),
        Bar(
            f"{what}: seconds, at most {SLACK:g} x bombs x limit / workers + the normal time",
            round(allowed, 2),
            spent,
            unit=" s",
        ),
    ]


def _mix(normal: Sequence[Item], bombs: Sequence[Item], rng: np.random.Generator) -> tuple[list[Item], list[bool]]:
    """Put the bombs at places drawn, the normal answers in order around them."""
    total = len(normal) + len(bombs)
    places = set(rng.permutation(total)[: len(bombs)].tolist())
    sources = iter(normal), iter(bombs)
    return [next(sources[place in places]) for place in range(total)], [place not in places for place in range(total)]


def timed(items: Sequence[Item], workers: int, limit: float = LIMIT) -> tuple[list[Grade], float]:
    """Grade with a new grader whose workers have started; return the verdicts and the seconds."""
    with Grader(workers=workers, time_limit=limit) as grader:
        warm_up(grader)
        started = time.perf_counter()
        verdicts = grade(grader, items)
        return verdicts, time.perf_counter() - started
