"""The paper's printed numbers: consistent with each other, and found under the names that files and models have."""

from fractions import Fraction
from pathlib import Path

import pytest

from maxpo_bench.evaluation.paper_reference import (
    BENCHMARKS,
    KS,
    METHODS,
    MODELS,
    TABLE_2,
    TABLE_3,
    average_checks,
    printed_benchmark,
    printed_model,
)
from maxpo_bench.evaluation.paper_tables import one_decimal

PAPER = Path(__file__).resolve().parents[2] / ".." / "shared" / "reference" / "paper-2606.06080.txt"
DIFFERING = {("Qwen2.5-Math-7B", "maxpo", 1): "39.96"}
"""The only printed average that its row does not round to, with what the row gives."""


def test_tables_are_complete():
    rows = {(model, method) for model in MODELS for method in METHODS}
    assert set(TABLE_2) == set(TABLE_3) == rows
    assert all(len(row) == len(KS) for row in TABLE_2.values())
    assert all(len(row.first) == len(row.last) == len(BENCHMARKS) for row in TABLE_3.values())


def test_table_2_ends_are_table_3s_averages():
    for key, row in TABLE_3.items():
        assert row.average == (TABLE_2[key][0], TABLE_2[key][-1]), key


def test_pass_at_k_rises_with_k_in_every_row():
    assert all(list(row) == sorted(row) for row in TABLE_2.values())
    assert all(b > a for row in TABLE_3.values() for a, b in zip(row.first, row.last, strict=True))


def test_all_printed_averages_are_their_rows_but_for_rounding_and_the_exceptions_are_named():
    checks = average_checks()
    assert len(checks) == 16
    for check in checks:
        row = TABLE_3[check.model, check.method]
        values = row.first if check.k == 1 else row.last
        exact = sum(Fraction(str(value)) for value in values) / 5
        assert Fraction(str(check.recomputed)) == exact
        rounded = Fraction(int(exact * 10 + Fraction(1, 2)), 10)
        assert check.is_equal == (rounded == Fraction(str(check.printed)))
        assert check.is_rounding
    assert {(c.model, c.method, c.k): str(c.recomputed) for c in checks if not c.is_equal} == DIFFERING


@pytest.mark.parametrize("table", [2, 3])
def test_numbers_are_those_of_the_papers_text(table):
    if not PAPER.exists():
        pytest.skip(f"{PAPER.name}, the paper's text, is not part of the project")
    labels = {"grpo": "GRPO", "entropy_adv": "Entropy-Adv", "pkpo": "PKPO", "maxpo": "MaxPO (Ours)"}
    lines = PAPER.read_text(encoding="utf-8").splitlines()
    start = next(
        at for at, line in enumerate(lines) if line.startswith("| Method |" + (" 1 |", " AIME24 |")[table - 2])
    )
    body = lines[start : start + 14]
    for place, model in enumerate(MODELS):
        first = next(at for at, line in enumerate(body) if line.startswith(f"| {model} |"))
        for offset, method in enumerate(METHODS, start=1):
            row = TABLE_3[model, method]
            pairs = [f"{a}/{b}" for a, b in zip((*row.first, row.average[0]), (*row.last, row.average[1]), strict=True)]
            cells = [str(value) for value in TABLE_2[model, method]] if table == 2 else pairs
            assert body[first + offset] == f"| {labels[method]} | {' | '.join(cells)} |", (place, method)


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-Math-7B", "qwen2.5-math-7b", "Qwen2.5-Math-7B"])
def test_models_are_found_by_their_hub_names(name):
    assert printed_model(name) == "Qwen2.5-Math-7B"


@pytest.mark.parametrize("name", ["Qwen2.5-Math-1.5B", "tiny-countdown", "Llama-3.2-3B"])
def test_other_models_have_no_printed_numbers(name):
    assert printed_model(name) is None


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("aime24", "AIME24"),
        ("AIME2025", "AIME25"),
        ("MATH-500", "MATH500"),
        ("minerva_math", "Minerva"),
        ("amc23", "AMC23"),
    ],
)
def test_benchmarks_are_found_by_their_usual_names(name, printed):
    assert printed_benchmark(name) == printed


@pytest.mark.parametrize("name", ["aime83", "math", "amc", "countdown"])
def test_other_benchmarks_are_not_the_papers(name):
    assert printed_benchmark(name) is None


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.1225, "12.3"),
        (0.12249999999999998, "12.3"),
        (0.1224999, "12.2"),
        (0.0, "0.0"),
        (1.0, "100.0"),
        (0.9996, "100.0"),
    ],
)
def test_halves_are_rounded_up_whatever_the_last_bits(share, text):
    assert one_decimal(share) == text
