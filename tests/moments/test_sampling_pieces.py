"""The alias table, and how a stream of groups is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxpo_bench.moments.sampling_kernel import alias_table, draw_groups
from maxpo_bench.moments.sampling_sums import cut_stream

LOGITS = st.lists(st.one_of(st.floats(-5, 5), st.sampled_from([0.0, -30.0, -800.0, 40.0])), min_size=1, max_size=60)


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def probabilities(policy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities that an alias table gives to the arms, and which arms it can give at all."""
    border, arms = alias_table(policy)
    cells = np.arange(policy.size)
    own = np.clip(border - cells, 0.0, 1.0)
    np.testing.assert_array_equal(arms[::2], cells)
    found = np.bincount(arms[::2], own, policy.size) + np.bincount(arms[1::2], 1.0 - own, policy.size)
    possible = np.zeros(policy.size, dtype=np.bool_)
    possible[arms[::2][own > 0]] = True
    possible[arms[1::2][own < 1]] = True
    return found / policy.size, possible


@given(LOGITS)
def test_an_alias_table_has_the_probabilities_of_the_policy(logits: list[float]):
    policy = softmax(np.array(logits))
    found, possible = probabilities(policy)
    np.testing.assert_allclose(found, policy, rtol=0, atol=2e-15)
    assert not possible[policy == 0].any()


@pytest.mark.parametrize("arms", [1000, 10_000])
@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0, 400.0])
def test_large_alias_tables_have_the_probabilities_of_the_policy(arms: int, spread: float):
    policy = softmax(spread * np.random.default_rng(arms).normal(size=arms))
    found, possible = probabilities(policy)
    np.testing.assert_allclose(found, policy, rtol=0, atol=1e-14)
    assert not possible[policy == 0].any()


def test_the_largest_uniform_number_stays_within_the_table():
    for arms in (1, 2, 3, 7, 1000, 1023, 10_000):
        values = np.array([0.0, np.nextafter(1.0, 0.0)])
        actions = np.empty(2, dtype=np.uint32)
        border, table = alias_table(np.full(arms, 1.0 / arms))
        draw_groups(values, border, table, np.arange(float(arms)), actions)
        assert actions.tolist() == values.tolist() == [0, arms - 1]


def test_a_number_on_a_border_belongs_to_the_alias():
    values, actions = np.array([0.0, 0.25, 0.5, 0.75]), np.empty(4, dtype=np.uint32)
    border, table = alias_table(np.array([0.0, 0.75, 0.0, 0.25]))
    draw_groups(values, border, table, np.arange(4.0), actions)
    assert set(actions.tolist()) == {1, 3}


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.integers(1, 40))
def test_a_stream_is_cut_without_loss(sizes: list[int], chunk: int):
    found, lengths = [], []
    for parts in cut_stream(sizes, chunk):
        position = 0
        for segment, rows in parts:
            assert rows.start == position < rows.stop
            found += [segment] * (rows.stop - rows.start)
            position = rows.stop
        lengths.append(position)
    assert found == np.repeat(np.arange(len(sizes)), sizes).tolist()
    assert set(lengths[:-1]) <= {chunk}
    assert lengths[-1] <= chunk
