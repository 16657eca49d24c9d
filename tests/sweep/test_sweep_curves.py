"""From an agent's log to curves and summary."""

import math

import pytest

from maxpo_bench.sweep.curves import final_summary, window_curves

LOG = [{"iteration": i, "timesteps": 16 * i, "return_mean": float(i), "grad_norm": None} for i in range(1, 26)]


def test_windows_are_means_at_their_last_iteration():
    curves = window_curves(LOG, 10)
    assert curves == {
        "iteration": [10, 20, 25],
        "timesteps": [160, 320, 400],
        "return_mean": [5.5, 15.5, 23.0],
    }


def test_window_of_one_is_the_log():
    assert window_curves(LOG, 1)["return_mean"] == [entry["return_mean"] for entry in LOG]


def test_gaps_are_left_out_of_means():
    log = [
        {**entry, "exact_return": value} for entry, value in zip(LOG, [1.0, None, math.nan, 3.0, None], strict=False)
    ]
    assert window_curves(log, 2)["exact_return"] == [1.0, 3.0, None]
    assert window_curves(log, 4)["exact_return"] == [2.0, None]


@pytest.mark.parametrize(("length", "mean"), [(25, 24.5), (20, 19.5), (3, 3.0), (1, 1.0)])
def test_summary_is_the_mean_of_the_last_tenth(length, mean):
    assert final_summary(LOG[:length]) == {"return_mean": mean, "iterations": length, "timesteps": 16 * length}


def test_an_agent_that_logged_nothing():
    assert window_curves([], 3) == {"iteration": [], "timesteps": []}
    assert final_summary([]) == {}


def test_what_is_no_number_is_no_metric():
    log = [{"iteration": 1, "timesteps": 1, "note": "text", "is_good": True, "return_mean": 1}]
    assert set(window_curves(log, 1)) == {"iteration", "timesteps", "return_mean"}
