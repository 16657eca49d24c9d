"""Gold answers against themselves, other ways to write them, each other, and whole human solutions."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from grading_data import GSM8K, MATH, SMALL, Item, Row, boxed, described, golds, grade, solutions
from grading_forms import forms_of
from grading_values import are_equal
from measuring import Bar

from maxpo_bench.envs.tasks.grading.extract import extract_boxes
from maxpo_bench.envs.tasks.grading.service import Grader
from maxpo_bench.seeding import derive_seed

FORMS_ACCEPTED, SOLUTIONS_REFUSED = 0.99, 0.002
FEWEST_FORMS = 4
PAIRS = {GSM8K: 20_000, MATH: 5_000}
NEIGHBOURS = 5_000
LISTED = 200


def measure_same(data: Path) -> tuple[Row, list[Bar]]:
    """Grade every gold answer against itself."""
    report: Row = {}
    bars = []
    with Grader() as grader:
        for name in (*GSM8K, *MATH, *SMALL):
            items = [Item(item.id, item.gold, boxed(item.gold)) for item in golds(data, name)]
            refused = _refused(items, grader)
            report[name] = {"items": len(items), "refused": refused}
            bars.append(Bar(f"{len(items)} golds of {name}, refused against themselves", 0, len(refused)))
    return report, bars


def measure_forms(data: Path, seed: int) -> tuple[Row, list[Bar]]:
    """Grade every gold answer against other ways to write it."""
    report: Row = {}
    bars = []
    total: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    with Grader() as grader:
        for name in (*GSM8K, *MATH, *SMALL):
            items, forms = make_forms(golds(data, name), derive_seed(seed, "forms", name))
            verdicts = grade(grader, items)
            refused = [
                (form, described(item, found))
                for form, item, found in zip(forms, items, verdicts, strict=True)
                if not found.correct
            ]
            total.update(forms)
            wrong.update(form for form, _ in refused)
            report[name] = {
                "pairs": len(items),
                "refused": len(refused),
                "examples": [{**line, "form": form} for form, line in refused[:LISTED]],
            }
            share = 1 - len(refused) / len(items)
            bars.append(
                Bar(f"share of {len(items)} reformatted golds of {name} accepted", FORMS_ACCEPTED, share, False)
            )
    report["forms"] = {form: {"pairs": count, "refused": wrong[form]} for form, count in total.items()}
    return report, bars


def make_forms(problems: Sequence[Item], seed: int) -> tuple[list[Item], list[str]]:
    """Return every problem with every form of its gold answer as completion, and the forms' names.

    Raises:
        ValueError: a gold answer has fewer than four forms.
    """
    rng = np.random.default_rng(seed)
    items, names = [], []
    for problem in problems:
        forms = forms_of(problem.gold, problem.question, rng)
        if len(forms) < FEWEST_FORMS:
            raise ValueError(f"{problem.id} has only {len(forms)} forms: add some to grading_forms.py")
        items += [Item(problem.id, problem.gold, boxed(form)) for form in forms.values()]
        names += list(forms)
    return items, names


def measure_others(data: Path, seed: int) -> tuple[Row, list[Bar]]:
    """Grade gold answers against those of other problems, random ones and look-alikes, and with one digit changed."""
    report: Row = {}
    bars = []
    with Grader() as grader:
        for names, count in PAIRS.items():
            pool = [item for name in names for item in golds(data, name)]
            rng = np.random.default_rng(derive_seed(seed, "others", *names))
            kinds = {
                "random": _random_pairs(pool, count, rng),
                "neighbours": neighbours(pool, rng),
                "a digit changed": _changed(pool, rng),
            }
            for kind, pairs in kinds.items():
                found = _accepted(pairs, grader)
                label = f"{names[0].split('/')[0]}, {kind}"
                report[label] = {"pairs": len(pairs), "accepted": found}
                unequal = sum(line["equal"] is not True for line in found)
                bars.append(Bar(f"{label}: of {len(pairs)} answers, accepted without equal value", 0, unequal))
    return report, bars


def _random_pairs(pool: Sequence[Item], count: int, rng: np.random.Generator) -> list[Item]:
    places = rng.integers(len(pool), size=(count, 2))
    return [Item(f"{pool[a].id} {pool[b].id}", pool[a].gold, boxed(pool[b].gold)) for a, b in places if a != b]


def neighbours(pool: Sequence[Item], rng: np.random.Generator) -> list[Item]:
    """Pair each distinct answer with the next in alphabetical order, where look-alikes are, in an order drawn."""
    ordered = sorted({item.gold: item for item in pool}.values(), key=lambda item: item.gold)
    pairs = [Item(f"{one.id} {other.id}", one.gold, boxed(other.gold)) for one, other in itertools.pairwise(ordered)]
    return [pairs[place] for place in rng.permutation(len(pairs))[:NEIGHBOURS]]


def _changed(pool: Sequence[Item], rng: np.random.Generator) -> list[Item]:
    """Return golds with one digit replaced by another as answers, where the second opinion holds them unequal."""
    pairs = []
    for place in rng.permutation(len(pool))[:NEIGHBOURS]:
        gold = pool[place].gold
        digits = [position for position, character in enumerate(gold) if character in "0123456789"]
        if not digits:
            continue
        position = rng.choice(digits)
        other = str((int(gold[position]) + rng.integers(1, 10)) % 10)
        changed = gold[:position] + other + gold[position + 1 :]
        if are_equal(gold, changed) is False:
            pairs.append(Item(pool[place].id, gold, boxed(changed)))
    return pairs


def _accepted(pairs: Sequence[Item], grader: Grader) -> list[Row]:
    """Return the accepted pairs of different texts, each with an independent opinion whether the values are equal."""
    lines = []
    for item, found in zip(pairs, grade(grader, pairs), strict=True):
        answer = extract_boxes(item.completion)[-1]
        if found.correct and answer != item.gold.strip():
            lines.append(described(item, found) | {"equal": are_equal(item.gold, answer)})
    return lines


def measure_solutions(data: Path) -> tuple[Row, list[Bar]]:
    """Grade whole human solutions."""
    report: Row = {}
    bars = []
    with Grader() as grader:
        for name in (GSM8K[0], MATH[0]):
            items = solutions(data, name)
            refused = _refused(items, grader)
            several = sum(len(extract_boxes(item.completion)) > 1 for item in items)
            report[name] = {"solutions": len(items), "with several boxes": several, "refused": refused}
            share = len(refused) / len(items)
            bars.append(Bar(f"share of {len(items)} human solutions of {name} refused", SOLUTIONS_REFUSED, share))
    return report, bars


def _refused(items: Sequence[Item], grader: Grader) -> list[Row]:
    verdicts = grade(grader, items)
    return [described(item, found) for item, found in zip(items, verdicts, strict=True) if not found.correct]
