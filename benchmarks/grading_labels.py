"""Agreement of the grader with the labels of real outputs, of labelled pairs, and exact pass@k of a labelled set."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

from grading_data import OPENAI, QWEN, Item, Row, boxed, described, grade, outputs, read_rows
from grading_values import are_equal
from measuring import Bar

from maxpo_bench.envs.tasks.grading.service import Grader
from maxpo_bench.evaluation import exact_pass_at_k, pass_at_k

AGREEMENTS = {QWEN: 799, OPENAI: 5276}
TRUE_ACCEPTED, FALSE_ACCEPTED, PASSK_ERROR = 0.985, 0.01, 1e-12


def measure_labels(folder: Path) -> tuple[Row, list[Bar]]:
    """Grade all labelled outputs: those of GSM8K as they are, which earns nothing, and with their answers in a box."""
    report: Row = {}
    bars = []
    with Grader() as grader:
        for name, limit in AGREEMENTS.items():
            items = outputs(folder, name, is_boxed=name == OPENAI)
            verdicts = grade(grader, items)
            pairs = list(zip(items, verdicts, strict=True))
            differences = [described(item, found) for item, found in pairs if found.correct != item.label]
            statuses = Counter(found.status for found in verdicts)
            report[name] = {"items": len(items), "statuses": dict(statuses), "differences": differences}
            agreed = len(items) - len(differences)
            bars.append(Bar(f"labels of {name} agreed with, of {len(items)}", limit, agreed, False))
        unwrapped = Counter(found.status for found in grade(grader, outputs(folder, OPENAI)))
    report["without a box"] = dict(unwrapped)
    paid = unwrapped.total() - unwrapped["no_box"]
    bars.append(Bar(f"outputs of {OPENAI} without a box that are not no_box", 0, paid))
    return report, bars


def measure_pairs(folder: Path) -> tuple[Row, list[Bar]]:
    """Grade labelled pairs of gold answer and answer; a random pair counts as false unless its values are equal."""
    rows = read_rows(folder / "verifier_pairs.jsonl")
    items = [Item(row.get("id", row["kind"]), row["gold"], boxed(row["pred"]), label=row["expect"]) for row in rows]
    with Grader() as grader:
        verdicts = grade(grader, items)
    report: Row = {"missed": [], "accepted": [], "undecided": [], "random_accepted": []}
    counts: Counter[str] = Counter()
    for row, item, found in zip(rows, items, verdicts, strict=True):
        is_random = row["kind"] == "rand_neg"
        kind = "random" if is_random else {True: "true", False: "false", None: "undecided"}[row["expect"]]
        counts[kind] += 1
        line = {**described(item, found), "kind": row["kind"], "answer": row["pred"]}
        if kind == "true" and not found.correct:
            report["missed"].append(line)
        if kind == "false" and found.correct:
            report["accepted"].append(line)
        if kind == "undecided":
            report["undecided"].append(line)
        if is_random and found.correct:
            report["random_accepted"].append(line | {"equal": are_equal(row["gold"], row["pred"])})
    unequal = [line for line in report["random_accepted"] if line["equal"] is not True]
    report["counts"] = dict(counts)
    by_hand = len(report["accepted"]) / counts["false"]
    true_share = 1 - len(report["missed"]) / counts["true"]
    false_share = (len(report["accepted"]) + len(unequal)) / (counts["false"] + counts["random"])
    return report, [
        Bar(f"share of {counts['true']} true variants accepted", TRUE_ACCEPTED, true_share, False),
        Bar(f"share of {counts['false'] + counts['random']} false pairs accepted", FALSE_ACCEPTED, false_share),
        Bar(f"share of the {counts['false']} false pairs made by hand accepted", FALSE_ACCEPTED, by_hand),
    ]


def measure_passk(folder: Path) -> tuple[Row, list[Bar]]:
    """Hold pass@k of the labelled outputs, as the grader scores them and as they are labelled, to exact fractions."""
    stored = json.loads((folder / "score_matrices.json").read_text(encoding="utf-8"))
    report: Row = {}
    bars = []
    for name, problems in stored["scores"].items():
        exact = {int(k): Fraction(value) for k, (value, _) in stored["exact_passk"][name]["pass@k"].items()}
        graded = _graded_counts(folder, name)
        samples = [len(scores) for scores in problems.values()]
        correct = [sum(scores) for scores in problems.values()]
        worst = Fraction(0)
        for k, value in exact.items():
            fractions = [exact_pass_at_k(n, c, k) for n, c in zip(samples, correct, strict=True)]
            floats = pass_at_k(samples, correct, k)
            mean = sum(fractions, Fraction(0)) / len(fractions)
            worst = max(worst, abs(mean - value), abs(Fraction(float(floats.mean())) - value))
        report[name] = {
            "problems": len(problems),
            "largest_error": float(worst),
            "problems_scored_otherwise_by_the_grader": sorted(
                problem for problem, scores in problems.items() if graded[problem] != sum(scores)
            ),
        }
        bars.append(Bar(f"largest error of pass@k of {name}", PASSK_ERROR, float(worst)))
    return report, bars


def _graded_counts(folder: Path, name: str) -> Counter[str]:
    items = outputs(folder, name)
    with Grader() as grader:
        verdicts = grade(grader, items)
    return Counter(item.id.rsplit("/", 2)[0] for item, found in zip(items, verdicts, strict=True) if found.correct)
