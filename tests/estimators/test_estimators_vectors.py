"""The shared table of exact values, where it is present; nothing else depends on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from estimator_cases import double, function, relative_error

from maxpo_bench.estimators import pass_at_k

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "estimators.json"
NAMES = {
    "R": "conditional_max",
    "V": "leave_one_out_max",
    "sloo": "pkpo_sloo",
    "sloo_minus_one": "pkpo_sloo_minus_one",
    "chen_raw": "passk_analytic",
    "chen_std": "passk_analytic_std",
    "bagirov_raw": "all_subsets",
    "bagirov_centered": "all_subsets_centered",
    "bagirov_zscore": "bon_mean",
}
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text()) if VECTORS.exists() else []
needs_file = pytest.mark.skipif(not CASES, reason="the shared table of exact values lies outside the project")


@needs_file
def test_table_is_complete() -> None:
    assert len(CASES) >= 76


@needs_file
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_estimators_give_the_exact_values(case: dict[str, Any]) -> None:
    name, rewards, k = case["estimator"], case["rewards"], case["k"]
    if name == "pass_at_k":
        n, c = map(int, rewards)
        expected = case["expected"] if isinstance(case["expected"], float) else case["expected"][0]
        assert pass_at_k(n, c, k) == pytest.approx(expected, rel=1e-12)
        return
    result = function(NAMES.get(name, name))(torch.tensor(rewards, dtype=torch.float64), k)
    assert relative_error(result, double(case["expected"])) <= 1e-12
