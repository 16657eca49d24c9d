"""What was asked once is asked again, and what answers otherwise then is found."""

import numpy as np
import pytest

from maxpo_bench.leaderboard.kept_rows import MOST_ROWS, KeptRows


def centred(rows, k, dtype):
    return k * (rows - rows.mean(axis=1, keepdims=True))


def kept(answer=centred, calls=20, rows=64, dtype="float64"):
    rng = np.random.default_rng(0)
    sample = KeptRows(np.random.default_rng(1))
    for _ in range(calls):
        for n, k in ((4, 2), (16, 4)):
            asked = rng.standard_normal((rows, n))
            sample.add(asked, answer(asked, k, dtype), k, dtype)
    return sample


def test_honest_answers_differ_nowhere():
    assert kept().differing(centred) == ""


def test_rounding_of_another_batch_is_no_difference():
    assert kept().differing(lambda rows, k, dtype: centred(rows, k, dtype) * (1 + 1e-12)) == ""


@pytest.mark.parametrize(
    "changed",
    [
        lambda rows, k, dtype: centred(rows, k, dtype) * (1.0 + 1e-6),
        lambda rows, k, dtype: k * (rows - rows.mean()),
        lambda rows, k, dtype: np.where(rows > 2.0, np.nan, centred(rows, k, dtype)),
        lambda rows, k, dtype: centred(rows, k, dtype) if rows.shape[1] == 4 else 0.0 * rows,
    ],
    ids=["slightly", "pooled", "nan", "at one n"],
)
def test_another_answer_is_found_and_shown(changed):
    found = kept().differing(changed)
    assert "rewards=[" in found
    assert "asked again in a fresh process" in found


def test_the_sample_stays_bounded_and_spreads_over_all_calls():
    sample = KeptRows(np.random.default_rng(1))
    for call in range(1000):
        sample.add(np.full((100, 4), float(call)), np.zeros((100, 4)), 2, "float64")
    assert len(sample) <= MOST_ROWS
    seen = []
    sample.differing(lambda rows, k, dtype: seen.extend(rows[:, 0]) or np.zeros_like(rows))
    # 2000 or so of 16000 rows: each quarter of the calls holds between a tenth and a half of them.
    shares = np.histogram(seen, bins=4, range=(0, 1000))[0] / len(seen)
    assert shares.min() > 0.1
    assert shares.max() < 0.5


def test_float32_may_differ_more():
    assert kept(dtype="float32").differing(lambda rows, k, dtype: centred(rows, k, dtype) * (1 + 1e-5)) == ""
