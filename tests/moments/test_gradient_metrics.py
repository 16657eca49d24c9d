"""Metrics that follow from the first two moments, and what they are where a quotient is 0/0."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from maxpo_bench.moments import GradientMoments, b95, eta


def moments(mean, truth, total_variance=1.0, advantage_rms=2.0, group_mean_rms=1.0) -> GradientMoments:
    return GradientMoments(np.array(mean, float), total_variance, np.array(truth, float), advantage_rms, group_mean_rms)


def test_metrics_of_a_biased_estimate_by_hand():
    found = moments([3.0, 4.0], [3.0, 0.0], total_variance=50.0)
    assert found.cosine == pytest.approx(0.6)
    assert found.nsr == pytest.approx(2.0)
    assert found.bias == pytest.approx(4.0)
    assert found.eta(1) == pytest.approx(0.36 / 3.0)
    assert found.eta(math.inf) == pytest.approx(0.36)
    assert found.bias_after(2) == pytest.approx(math.sqrt(16 + 25))
    assert found.centring == pytest.approx(0.5)
    assert found.b95 == math.inf


@pytest.mark.parametrize(("cosine", "nsr"), [(1.0, 3.0), (0.99, 0.2), (0.976, 40.0)])
def test_b95_is_where_eta_reaches_95_percent(cosine: float, nsr: float):
    assert eta(cosine, nsr, max(1.0, b95(cosine, nsr))) == pytest.approx(0.95)
    assert b95(cosine, nsr) == pytest.approx(0.95 * nsr / (cosine**2 - 0.95))


def test_b95_of_an_unbiased_estimate_is_19_times_its_noise():
    found = moments([1.0, 2.0], [1.0, 2.0], total_variance=35.0)
    assert found.nsr == pytest.approx(7.0)
    assert found.b95 == pytest.approx(19 * 7.0)


@pytest.mark.parametrize("cosine", [-1.0, 0.0, 0.5, math.sqrt(0.95)])
def test_b95_is_infinite_where_no_number_of_groups_is_enough(cosine: float):
    assert b95(cosine, 0.01) == math.inf


def test_negative_alignment_keeps_nothing():
    found = moments([-1.0, -2.0], [1.0, 2.0])
    assert found.cosine == pytest.approx(-1.0)
    assert found.eta(math.inf) == 0.0
    assert found.b95 == math.inf


@pytest.mark.parametrize("total_variance", [0.0, 1.0])
@pytest.mark.parametrize("mean", [[0.0, 0.0], [1e-16, -1e-16]])
def test_no_signal_is_worth_nothing_and_rounding_noise_is_no_signal(mean: list, total_variance: float):
    found = moments(mean, [1.0, -1.0], total_variance, advantage_rms=0.0, group_mean_rms=0.0)
    if total_variance == 0.0 and any(mean):
        assert not found.is_null
        return
    assert found.is_null
    assert (found.cosine, found.nsr, found.b95) == (0.0, math.inf, math.inf)
    assert [found.eta(batches) for batches in (1, 256, math.inf)] == [0.0, 0.0, 0.0]
    assert found.centring == 0.0


def test_metrics_do_not_depend_on_the_estimators_scale():
    plain, tiny = moments([3.0, 1.0], [2.0, 1.0], 7.0), moments([3e-9, 1e-9], [2.0, 1.0], 7e-18)
    assert not tiny.is_null
    for metric in ("cosine", "nsr", "b95"):
        assert getattr(tiny, metric) == pytest.approx(getattr(plain, metric))


def test_a_flat_objective_has_no_direction():
    assert moments([1.0, 2.0], [0.0, 0.0]).cosine == 0.0


def test_metrics_as_json_have_none_for_infinity():
    text = json.dumps(moments([0.0, 0.0], [1.0, 0.0]).to_dict(), allow_nan=False)
    assert json.loads(text)["b95"] is None


def test_eta_needs_a_batch():
    with pytest.raises(ValueError, match="at least 1 batch"):
        eta(1.0, 1.0, 0.5)
