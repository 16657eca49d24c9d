"""The choice between enumeration and sampling."""

import pytest
import torch

from maxpo_bench.estimators import as_estimator, get_estimator
from maxpo_bench.moments import ExactMoments, MonteCarloMoments, enumerate_moments, gradient_moments


def by_position(rewards, k):
    return rewards * torch.arange(1, rewards.shape[-1] + 1, dtype=rewards.dtype)


def test_few_outcomes_are_enumerated():
    estimator = get_estimator("grpo", 2)
    found = gradient_moments(estimator, [0.0, 1.0, 3.0], [0.0, 0.5, -1.0], 4)
    assert isinstance(found, ExactMoments)
    assert found.total_variance == enumerate_moments(estimator, [0.0, 1.0, 3.0], [0.0, 0.5, -1.0], 4).total_variance


def test_many_outcomes_are_sampled():
    found = gradient_moments(get_estimator("grpo", 2), torch.linspace(0, 1, 60), torch.zeros(60), 8, 500, seed=1)
    assert isinstance(found, MonteCarloMoments)
    assert found.num_groups == 500


def test_positions_matter_then_all_tuples_are_needed():
    """4 arms, groups of 10: 286 multisets, but 4^10 ordered tuples."""
    own = as_estimator(by_position, 2, name="own")
    assert isinstance(gradient_moments(own, [0.0, 1.0], [0.0, 0.5], 4), ExactMoments)
    found = gradient_moments(own, [0.0, 1.0, 2.0, 3.0], [0.0] * 4, 10, 1000)
    assert isinstance(found, MonteCarloMoments)


def test_other_errors_pass():
    with pytest.raises(ValueError, match="at least 3 samples"):
        gradient_moments(get_estimator("ei_l2o", 2), [0.0, 1.0], [0.0, 0.0], 2)
