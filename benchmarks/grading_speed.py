"""Speed of the grader: answers per second with a cold cache, the time to a first verdict, and a thousand kills."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from grading_data import GSM8K, MATH, OPENAI, QWEN, Item, Row, boxed, golds, grade, outputs, solutions
from grading_gold import make_forms, neighbours
from grading_hostile import timed
from measuring import Bar

from maxpo_bench.envs.tasks.grading.extract import extract_boxed
from maxpo_bench.envs.tasks.grading.fast import fast_verdict
from maxpo_bench.envs.tasks.grading.normalise import normalise
from maxpo_bench.envs.tasks.grading.service import Grader
from maxpo_bench.seeding import derive_seed

GSM8K_SPEED, MATH_SPEED, START_UP = 20_000.0, 500.0, 2.0
KILLS, BEFORE = 1000, 100
ALIKE = 1500
KILL_LIMIT = 0.1
GROWTH = 16.0
FIRST = r"""
import sys, time
from maxpo_bench.envs.tasks import grade_answers
[grade] = grade_answers([r"\frac{\sin 2x}{2}"], [r"So $\boxed{\sin x \cos x}$."])
assert grade.correct, grade
print("verdict", flush=True)
sys.stdin.read()
"""


def measure_speed(data: Path, folder: Path, *, seed: int, workers: int, rounds: int) -> tuple[Row, list[Bar]]:
    """Grade real completions with a new grader each time, every pair of gold answer and answer once.

    Nearly all of them are decided without a worker, human solutions because they repeat the gold answer. What wrong
    answers cost, which workers have to tell from the gold answer, look-alikes among other problems' answers show.
    """
    pool = [item for name in MATH for item in golds(data, name)]
    alike = neighbours(pool, np.random.default_rng(derive_seed(seed, "speed", "alike")))[:ALIKE]
    human = {name: solutions(data, name) for name in (GSM8K[0], MATH[0])}
    forms, _ = make_forms(golds(data, MATH[1]), derive_seed(seed, "speed"))
    cases: dict[str, tuple[list[Item], float | None]] = {
        "GSM8K": ([*outputs(folder, OPENAI, is_boxed=True), *human[GSM8K[0]]], GSM8K_SPEED),
        "MATH": ([*outputs(folder, QWEN), *human[MATH[0]]], MATH_SPEED),
        "MATH, outputs only": (outputs(folder, QWEN), MATH_SPEED),
        "MATH, look-alikes of the gold answer": (alike, MATH_SPEED),
        "MATH, look-alikes that need a worker": (_undecided(alike), None),
        "MATH, other forms that need a worker": (_undecided(forms), None),
    }
    report: Row = {}
    bars = []
    for name, (items, limit) in cases.items():
        kept = distinct(items)
        seconds = [timed(kept, workers)[1] for _ in range(rounds)]
        speed = len(kept) / float(np.median(seconds))
        slow = len(_undecided(kept))
        report[name] = {
            "answers": len(kept),
            "by_workers": slow,
            "seconds": seconds,
            "per_second": speed,
        }
        if limit is not None:
            bars.append(
                Bar(f"{name}: {len(kept)} distinct answers, {slow} by workers, per second", limit, speed, False)
            )
    return report, bars


def distinct(items: Sequence[Item]) -> list[Item]:
    """Keep the first completion of every pair of gold answer and answer."""
    found: dict[tuple[str, str | None], Item] = {}
    for item in items:
        found.setdefault((item.gold, extract_boxed(item.completion)), item)
    return list(found.values())


def _undecided(items: Sequence[Item]) -> list[Item]:
    """Return the items that the fast path leaves to the workers."""
    kept = []
    for item in items:
        answer = extract_boxed(item.completion)
        if answer is not None and fast_verdict(normalise(item.gold), normalise(answer)) is None:
            kept.append(item)
    return kept


def measure_start(rounds: int) -> tuple[Row, list[Bar]]:
    """Time a new process from its start to a verdict that needs a worker, interpreter and imports included."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        with subprocess.Popen([sys.executable, "-c", FIRST], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            line = child.stdout.readline()
            seconds.append(time.perf_counter() - started)
            child.communicate()
        if line.strip() != b"verdict" or child.returncode:
            raise RuntimeError(f"the new process gave no verdict: it ended with {child.returncode}")
    return {"seconds": seconds}, [
        Bar("new process to its first verdict by a worker", START_UP, float(np.median(seconds)), unit=" s")
    ]


def measure_kills(workers: int, kills: int) -> tuple[Row, list[Bar]]:
    """Kill workers by answers that never end; count processes, open files and memory early, late and after closing."""
    before = {"processes": len(descendants()), "files": open_files()}
    with Grader(workers=workers, time_limit=KILL_LIMIT) as grader:
        statuses: Counter[str] = Counter()
        early, spent = {}, time.perf_counter()
        for step in range(0, kills, BEFORE):
            statuses.update(found.status for found in grade(grader, [bomb(step + number) for number in range(BEFORE)]))
            if not early:
                early = _state()
        spent = time.perf_counter() - spent
        late = _state()
        [after] = grade(grader, [Item("normal", r"2\sqrt{3} + x", r"\boxed{x + \sqrt{12}}")])
    leaked = wait_until_gone(before["processes"])
    killed = statuses["timeout"] + statuses["crash"]
    report = {"statuses": dict(statuses), "seconds": spent, "early": early, "late": late, "next verdict": after.status}
    return report, [
        Bar("answers whose worker was killed", kills, killed, False),
        Bar("a normal answer right after the kills is judged (1: yes)", 1, float(after.correct), False),
        Bar("processes more after all kills than after the first hundred", 0, late["processes"] - early["processes"]),
        Bar("open files more after all kills than after the first hundred", 0, late["files"] - early["files"]),
        Bar(
            "memory grown from the first hundred kills to the last",
            GROWTH,
            late["megabytes"] - early["megabytes"],
            unit=" MB",
        ),
        Bar("processes left after closing", 0, leaked),
        Bar("open files left after closing", 0, open_files() - before["files"]),
    ]


def bomb(number: int) -> Item:
    """Return an answer, another one for each number, that takes far longer than any limit."""
    return Item("bomb", "1", boxed(rf"\int \sqrt{{\tan x}} \cdot e^{{x^2+{number}}} \cdot \ln(\sin x) \, dx"))


def _state() -> Row:
    """Count all descendants; of this process and its children, which last as the grader does, open files and memory."""
    lasting = (os.getpid(), *descendants(depth=1))
    return {
        "processes": len(descendants()),
        "files": sum(map(open_files, lasting)),
        "megabytes": sum(map(resident, lasting)) / 1e6,
    }


def descendants(depth: int | None = None) -> list[int]:
    """Return the ids of all processes below this one, or of so many generations."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found, generation = [], [os.getpid()]
    while generation and depth != 0:
        generation = [child for pid in generation for child in children.get(pid, [])]
        found += generation
        depth = None if depth is None else depth - 1
    return found


def open_files(pid: int | None = None) -> int:
    """Count the open files of a process, by default of this one; 0 where it is gone."""
    try:
        return len(list(Path(f"/proc/{pid or os.getpid()}/fd").iterdir()))
    except OSError:
        return 0


def resident(pid: int) -> int:
    """Bytes of a process in memory, 0 where it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def wait_until_gone(wanted: int, patience: float = 5.0, count: Callable[[], list[int]] = descendants) -> int:
    """Return how many processes more than wanted are there after a while."""
    end = time.monotonic() + patience
    while (extra := len(count()) - wanted) > 0 and time.monotonic() < end:
        time.sleep(0.05)
    return max(extra, 0)
