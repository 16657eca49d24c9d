"""Errors against exact rationals: the families of rewards, and that a wrong value shows."""

from __future__ import annotations

import pytest
import torch
from exact_errors import FAMILIES, NORMALISED, draw, error_of, measure, summarise, worst


@pytest.mark.parametrize("family", FAMILIES)
def test_families_are_what_they_are_called(family: str) -> None:
    rewards = draw(family, 64, torch.float32, 0)
    assert rewards.dtype == torch.float32
    assert torch.equal(rewards, draw(family, 64, torch.float32, 0))
    distinct = len(rewards.unique())
    if family.startswith("binary"):
        assert set(rewards.tolist()) == {0.0, 1.0}
        assert int(rewards.sum()) == (3 if "3 ones" in family else 16)
    else:
        assert distinct < 40 if family == "tied" else distinct > 60
    assert (float(rewards.mean()) > 9e3) == (family == "offset 1e4")


def test_errors_are_small_and_a_wrong_value_shows() -> None:
    names = ("ei_l2o", "ei", "passk_analytic_std")
    errors = list(measure(names, (8, 16), 0))
    assert {error.path for error in errors} == {"auto", "torch"}
    assert {error.family for error in errors if error.estimator in NORMALISED} == {"binary", "binary, 3 ones"}
    for dtype, limit in (("float32", 2.5e-7), ("float64", 1e-14)):
        most = worst(errors, dtype=dtype)
        assert most is not None
        assert 0 < (most.error or 0.0) <= limit
    summary = summarise(errors)
    assert summary["compared"] == len(errors)
    assert set(summary["by estimator"]["float64"]) == set(names)
    rewards = draw("normal", 8, torch.float64, 0)
    truth = torch.zeros(8, dtype=torch.float64)
    assert (error_of("ei", 4, rewards, truth + 1.0, "torch", "float64") or 0.0) > 0.1
    assert error_of("ei", 4, torch.ones(8), truth, "torch", "float32") is None
