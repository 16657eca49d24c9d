r"""Audit reasoning-gym's data sets: may their problems and scorers be used as they are?

    python benchmarks/audit_reasoning_gym.py [NAME ...] [--jobs 2] [--json FILE]

Every data set is probed in processes of its own, with a time and a memory limit, under several PYTHONHASHSEEDs. The
table says what was found; the exit status is 1 if an admitted data set shows a fault that its entry in
`maxpo_bench.envs.tasks.reasoning_gym_admission` does not name, or an installed data set is in neither table. An
excluded data set may show none: some reasons are found by reading only.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import decimal
import hashlib
import inspect
import io
import json
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from maxpo_bench.envs.tasks.reasoning_gym_admission import ADMITTED, EXCLUDED
from maxpo_bench.seeding import derive_seed

SIZE = 2**62
PROBLEMS = 60
HASH_SEEDS = ("0", "1", "2")
CPU_SECONDS = 60
WALL_SECONDS = 600
HOSTILE_SECONDS = 10
DRAW_SECONDS = 5.0
DISTINCT_DRAWS = 2000
DISTINCT_SECONDS = 10
FEWEST_QUESTIONS = 500
SLOW_SCORE_MS = 500
MEMORY = 4 * 2**30

GARBAGE = (
    "zzz",
    "I do not know.",
    "The answer is a cab, backed up.",
    "None",
    "null",
    "[]",
    "{}",
    "()",
    "nan",
    "inf",
    "[NaN, NaN]",
    "\u200b",
    "\N{INFINITY}",
)
APPENDED = (" zzz", "zzz", ", zzz", "\nzzz", "7", " 7", "\n7 7 7")
EVALUATORS = {"eval", "exec", "compile", "parse_expr", "sympify", "literal_eval", "Fraction", "__import__", "system"}
STATES: dict[str, Callable[[], Any]] = {
    "random": random.getstate,
    "NumPy": lambda: pickle.dumps(np.random.get_state(legacy=False)),  # noqa: NPY002 - it is looked at, not used
    "decimal": lambda: (decimal.getcontext().prec, decimal.getcontext().rounding),
}


def hostile(marker: str) -> list[str]:
    """Return answers of at most 1000 characters that hang, overflow or create the file ``marker``."""
    return [
        f"open({marker!r}, 'w')",
        f"[open({marker!r}, 'w')]",
        f"__import__('os').system('touch {marker}')",
        "9" * 1000,
        "1e999999999",
        "1e-999999999",
        "sNaN",
        "0x" + "f" * 900,
        "R999999999",
        "A+999999999",
        "(" * 500 + ")" * 500,
        "[" * 1000,
        "[" * 500 + "]" * 500,
        '{"a":' * 150 + "1" + "}" * 150,
        "\N{NOT SIGN}" * 1000,
        "A\N{LOGICAL AND}" * 400 + "A",
        "a," * 500,
        "A=1," * 250,
        "1 " * 500,
        "\n" * 500 + "x",
        " and is a knight" * 60,
        "U" * 1000,
        "9**9**9**9",
        "factorial(10**9)",
    ]


def canonical(value: Any) -> Any:
    """Return what can be compared between processes: sets sorted, everything else by its text."""
    if isinstance(value, dict):
        return ["dict", sorted(([canonical(key), canonical(item)] for key, item in value.items()), key=repr)]
    if isinstance(value, set | frozenset):
        return ["set", sorted((canonical(item) for item in value), key=repr)]
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    return canonical(value.tolist()) if isinstance(value, np.ndarray) else repr(value)


def digest(value: Any) -> str:
    """Return a hash of `canonical`."""
    return hashlib.sha256(json.dumps(canonical(value)).encode()).hexdigest()[:16]


def evaluators(dataset: Any) -> set[str]:
    """Return which of `EVALUATORS` the scorer calls, itself or through functions and methods of its package."""
    found: set[str] = set()
    seen: set[Any] = set()
    pending = [type(dataset).score_answer]
    while pending:
        function = pending.pop()
        if function in seen or not (getattr(function, "__module__", "") or "").startswith("reasoning_gym"):
            continue
        seen.add(function)
        owner = sys.modules[function.__module__]
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                found |= {name} & EVALUATORS
                targets = [getattr(type(dataset), name, None), getattr(owner, name, None)]
                pending += [target for target in targets if inspect.isfunction(target) or inspect.isclass(target)]
    return found


def say(kind: str, value: Any) -> None:
    """Write one finding at once, so that it survives the process."""
    print(json.dumps([kind, value]), file=sys.__stdout__, flush=True)


def draw(dataset: Any, source: int) -> Any:
    """Return a problem, or None where the generator raises or takes too long; both are said."""
    signal.setitimer(signal.ITIMER_VIRTUAL, DRAW_SECONDS)
    try:
        return dataset[source]
    except TimeoutError:
        say("fault", f"a draw takes longer than {DRAW_SECONDS:g} s")
    except Exception as error:
        say("raised", type(error).__name__)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


def probe(name: str, attack: bool) -> None:
    """Examine one data set in this process and say what is found."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    from reasoning_gym.factory import create_dataset

    def expire(*_: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGVTALRM, expire)
    before = {state: read() for state, read in STATES.items()}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            dataset = create_dataset(name, seed=0, size=SIZE)
        except Exception as error:
            say("fault", f"not made with seed 0 and any size: {type(error).__name__}")
            return
        entries = probe_problems(name, dataset, lambda seed: create_dataset(name, seed=seed, size=SIZE))
        if not entries:
            say("fault", "no draw succeeds")
        elif attack:
            probe_distinct(dataset)
            probe_scorer(dataset, entries)
    for state, read in STATES.items():
        if read() != before[state]:
            say("fault", f"changes the state of {state}")
    if printed.getvalue():
        say("fault", "prints")
    for category in {warning.category.__name__ for warning in caught}:
        say("fault", f"warns ({category})")


def probe_problems(name: str, dataset: Any, make: Callable[[int], Any]) -> list[dict[str, Any]]:
    """Draw problems; compare them with those of another order and of a data set that begins elsewhere."""
    sources = [derive_seed(0, "audit", name, number) // 2 for number in range(PROBLEMS)]
    start = time.perf_counter()
    drawn = {source: draw(dataset, source) for source in sources}
    say("problem ms", (time.perf_counter() - start) / PROBLEMS * 1e3)
    entries = {source: entry for source, entry in drawn.items() if entry is not None}
    say("digest", digest(list(entries.values())))
    other = make(0)
    if any(digest(draw(other, source)) != digest(entries[source]) for source in list(entries)[::-7]):
        say("fault", "depends on the order of access")
    for source in list(entries)[:3]:
        first = draw(make(source), 0)
        if first is None or (first["question"], first["answer"]) != (
            entries[source]["question"],
            entries[source]["answer"],
        ):
            say("fault", "depends on more than seed + index")
            break
    return list(entries.values())


def probe_distinct(dataset: Any) -> None:
    """Count distinct questions and the longest texts."""
    questions: Counter[str] = Counter()
    answer = 0
    start = time.perf_counter()
    for source in range(DISTINCT_DRAWS):
        if time.perf_counter() - start > DISTINCT_SECONDS:
            break
        entry = draw(dataset, derive_seed(1, "audit", source) // 2)
        if entry is not None:
            questions[entry["question"]] += 1
            answer = max(answer, len(str(entry["answer"])))
    say("distinct", [len(questions), questions.total()])
    say("longest", [max(map(len, questions), default=0), answer])
    # Pairs of equal questions estimate how many there are (the birthday problem).
    pairs = sum(count * (count - 1) // 2 for count in questions.values())
    total = questions.total()
    estimate = total * (total - 1) // 2 // pairs if pairs else FEWEST_QUESTIONS
    if max(estimate, len(questions)) < FEWEST_QUESTIONS:
        say("fault", f"about {estimate} questions only")


def probe_scorer(dataset: Any, entries: list[dict[str, Any]]) -> None:
    """Offer right, wrong and hostile answers."""
    if found := evaluators(dataset):
        say("calls", sorted(found))
    references = [entry["answer"] for entry in entries]
    if any(reference is None for reference in references):
        say("fault", "no reference answer")
        return
    before = digest(entries)
    start = time.perf_counter()
    unpaid = sum(not paid(dataset, str(entry["answer"]).strip(), entry) for entry in entries)
    say("score ms", (time.perf_counter() - start) / len(entries) * 1e3)
    if unpaid:
        say("fault", f"{unpaid} of {len(entries)} references not paid")
    for label, answers in attacks():
        count = sum(any(paid(dataset, text, entry) for text in answers(entry)) for entry in entries)
        if count * 20 > len(entries):
            say("fault", f"{label} paid for {count} of {len(entries)}")
    if digest(entries) != before:
        say("fault", "the scorer alters the problem")
    probe_hostile(dataset, entries[:5])


def attacks() -> Iterator[tuple[str, Callable[[dict[str, Any]], list[str]]]]:
    """Yield ways to be wrong, each with the answers that it gives to a problem."""
    for text in GARBAGE:
        yield repr(text), lambda entry, text=text: [text] if text != entry["answer"].strip() else []
    for text in APPENDED:
        yield f"reference + {text!r}", lambda entry, text=text: [entry["answer"].strip() + text]
    yield (
        "its first character",
        lambda entry: [entry["answer"].strip()[0]] if len(entry["answer"].strip()) > 1 else [],
    )


def probe_hostile(dataset: Any, entries: list[dict[str, Any]]) -> None:
    """Offer hostile answers, each named before, since it may be the last thing this process does."""
    worst = 0.0
    limit = int(time.process_time()) + HOSTILE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    with tempfile.TemporaryDirectory() as folder:
        marker = Path(folder, "marker")
        for text in hostile(str(marker)):
            say("trying", text[:40])
            for entry in entries:
                start = time.process_time()
                is_paid = paid(dataset, text, entry)
                worst = max(worst, (time.process_time() - start) * 1e3)
                if is_paid and text != entry["answer"]:
                    say("fault", f"{text[:20]!r} paid")
                if marker.exists():
                    marker.unlink()
                    say("fault", f"executes {text[:10]!r}...")
    say("trying", None)
    say("hostile ms", worst)
    if worst > SLOW_SCORE_MS:
        say("fault", f"a hostile answer takes {worst:.0f} ms")


def paid(dataset: Any, text: str, entry: dict[str, Any]) -> bool:
    """Whether the scorer gives the full reward; raising is not paying."""
    try:
        return float(dataset.score_answer(text, entry)) >= 1.0
    except Exception:
        return False


def examine(name: str) -> dict[str, Any]:
    """Probe one data set in child processes and gather what they say."""
    row: dict[str, Any] = {"name": name, "fault": []}
    digests = set()
    for hash_seed in HASH_SEEDS:
        attack = ["--attack"] if hash_seed == HASH_SEEDS[0] else []
        command = [sys.executable, str(Path(__file__).resolve()), "--probe", name, *attack]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        # in a folder of its own, since some data sets' programs write files
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, timeout=WALL_SECONDS, check=False, text=True
            )
        found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        row["fault"] = list(dict.fromkeys([*row["fault"], *(value for kind, value in found if kind == "fault")]))
        digests |= {value for kind, value in found if kind == "digest"}
        if attack:
            row |= {kind: value for kind, value in found if kind not in ("fault", "digest")}
        if done.returncode:
            trying = f" at {row['trying']!r}" if row.get("trying") else ""
            row["fault"].append(f"dies by {death(done.returncode)}{trying}")
            if "problem ms" not in row:
                break
    if len(digests) > 1:
        row["fault"].append("differs between processes")
    return row


def death(status: int) -> str:
    """Return the name of the signal that ended a process, or its exit status."""
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def verdict(row: dict[str, Any]) -> str:
    """Return "admitted", "excluded", "UNKNOWN", or "FAULT" for an admitted data set with a fault nobody tolerates."""
    name = row["name"]
    if name not in ADMITTED:
        return "excluded" if name in EXCLUDED else "UNKNOWN"
    # A note says that the scorer skips or rounds something: then more text may be paid.
    faults = [fault for fault in row["fault"] if not (ADMITTED[name] and fault.startswith("reference + "))]
    return "FAULT" if faults else "admitted"


def write_row(row: dict[str, Any]) -> str:
    """Return one line of the table."""
    numbers = [f"{row.get(kind, float('nan')):8.2f}" for kind in ("problem ms", "score ms", "hostile ms")]
    distinct = "/".join(map(str, row.get("distinct", ["-"])))
    longest = "/".join(map(str, row.get("longest", ["-"])))
    notes = "; ".join(row["fault"] + ([f"calls {', '.join(row['calls'])}"] if "calls" in row else []))
    return f"{row['name']:26}{verdict(row):10}{''.join(numbers)}  {distinct:>10} {longest:>12}  {notes}"


def main() -> int:
    """Run the audit and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="data sets; all by default")
    parser.add_argument("--jobs", type=int, default=2, help="data sets at a time")
    parser.add_argument("--json", type=Path, help="file for the findings")
    parser.add_argument("--probe", help=argparse.SUPPRESS)
    parser.add_argument("--attack", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.probe:
        probe(arguments.probe, arguments.attack)
        return 0
    from reasoning_gym.factory import DATASETS

    heads = "   prob.ms score.ms host.ms    distinct  q/a length  faults"
    print(f"{'data set':26}{'verdict':10}{heads}")
    rows = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for row in pool.map(examine, arguments.names or sorted(DATASETS)):
            rows.append(row)
            print(write_row(row), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    counts = Counter(map(verdict, rows))
    print(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    return int(counts["FAULT"] + counts["UNKNOWN"] > 0)


if __name__ == "__main__":
    sys.exit(main())
