"""A submission in its worker: the same figures as in this process, and nothing of the exam to be recognised."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from maxpo_bench.estimators import ei_l2o
from maxpo_bench.leaderboard.admission import check
from maxpo_bench.leaderboard.contract import check_contract
from maxpo_bench.leaderboard.cost import measure_cost
from maxpo_bench.leaderboard.examination import VALUES_PER_CALL, noise_rows, open_submission
from maxpo_bench.leaderboard.source import Metadata, Submission, SubmissionError
from maxpo_bench.leaderboard.submission import load_submission
from maxpo_bench.sandbox import EstimatorError, Limits, TimeLimit, offered

LEVEL = offered().strongest or "none"
L2O = "from maxpo_bench.estimators import ei_l2o\ndef advantages(rewards, k):\n    return ei_l2o(rewards, k)\n"
COUNTS = "calls = [0]\ndef advantages(rewards, k):\n    calls[0] += 1\n    return rewards * calls[0]\n"
RUNNING_MEAN = '''"""Reward minus a running mean of all groups before.

track: stateful
min_group_size: 2
"""
def make_advantages(k):
    state = {"mean": 0.0, "count": 0}
    def advantages(rewards):
        answer = rewards - state["mean"]
        total = state["mean"] * state["count"] + rewards.sum().item()
        state["count"] += rewards.numel()
        state["mean"] = total / max(state["count"], 1)
        return answer
    return advantages
'''


def submission(text, **metadata):
    source = text.encode()
    digest = hashlib.sha256(source).hexdigest()
    return Submission(Metadata(name="one", **metadata), source, "one.py", digest, Path("one.py"))


def opened(text, **metadata):
    return open_submission(submission(text, **metadata), level=LEVEL)


def test_answers_are_those_of_this_process():
    rewards = torch.randn(VALUES_PER_CALL // 8 + 3, 16, generator=torch.Generator().manual_seed(0)).double()
    with opened(L2O) as candidate:
        expected = ei_l2o(rewards, 4)
        for build in (candidate.build, candidate.build_hidden, candidate.build_rows):
            assert torch.allclose(build(4)(rewards), expected, rtol=0, atol=1e-13)
        assert candidate.raw(rewards.float()[:3], 4).dtype == torch.float32
        assert candidate.raw(rewards[:0], 4).shape == (0, 16)
        assert candidate.sandbox == LEVEL
        assert candidate.audit() == ""


def test_batches_of_any_shape_are_taken_and_other_dtypes_refused():
    with opened(L2O) as candidate:
        rewards = torch.rand(2, 3, 8, dtype=torch.float64)
        assert torch.allclose(candidate.build(2)(rewards), ei_l2o(rewards, 2))
        with pytest.raises(TypeError, match="float64 or float32"):
            candidate.build(2)(torch.ones(2, 8, dtype=torch.float16))


def test_a_counter_of_calls_is_found_by_asking_again():
    with opened(COUNTS) as candidate:
        estimator = candidate.build(2)
        for _ in range(5):
            estimator(torch.rand(4, 4, dtype=torch.float64))
        assert "asked again in a fresh process" in candidate.audit()


def test_rows_of_an_exam_come_among_noise_in_any_order():
    text = "import torch\ndef advantages(rewards, k):\n    return rewards * 0 + len(rewards)\n"
    with opened(text) as candidate:
        rows = torch.rand(100, 4, dtype=torch.float64)
        assert float(candidate.build_hidden(2)(rows)[0, 0]) > 150
        assert float(candidate.build(2)(rows)[0, 0]) == 100
    positions = (
        "import torch\ndef advantages(rewards, k):\n    return torch.arange(len(rewards))[:, None] + 0 * rewards\n"
    )
    with opened(positions) as candidate:
        found = candidate.build_hidden(2)(rows)[:, 0]
        assert not torch.equal(found, found.sort().values)


def test_noise_rows_are_of_the_domain():
    rng = np.random.default_rng(0)
    assert set(np.unique(noise_rows(rng, "binary", 50, 8))) <= {0.0, 1.0}
    real = noise_rows(rng, "real", 51, 8)
    assert real.shape == (51, 8)
    assert len(np.unique(real)) > 100


def test_an_error_of_the_worker_is_the_one_that_is_raised():
    text = "import time\ndef advantages(rewards, k):\n    time.sleep(60)\n"
    with (
        pytest.raises(TimeLimit),
        open_submission(submission(text), level=LEVEL, limits=Limits(call_seconds=0.5)) as candidate,
    ):
        check_contract(candidate)


def test_sleeping_a_little_in_every_call_is_no_way_round_the_limits():
    text = "import time\ndef advantages(rewards, k):\n    time.sleep(0.05)\n    return rewards\n"
    limits = Limits(call_seconds=10.0, total_seconds=0.5)
    with (
        pytest.raises(TimeLimit, match="for all its answers together"),
        open_submission(submission(text), level=LEVEL, limits=limits) as candidate,
    ):
        check_contract(candidate)


def test_an_exception_leaves_the_worker_usable():
    text = "def advantages(rewards, k):\n    if k == 3:\n        raise RuntimeError('no three')\n    return rewards\n"
    with opened(text) as candidate:
        rewards = torch.rand(2, 8, dtype=torch.float64)
        with pytest.raises(EstimatorError, match=r"no three \(one.py, line 3\)"):
            candidate.raw(rewards, 3)
        assert torch.equal(candidate.raw(rewards, 2), rewards)


def test_states_start_fresh_and_rows_have_their_own():
    rewards = torch.tensor([[1.0, 3.0], [5.0, 7.0]], dtype=torch.float64)
    with opened(RUNNING_MEAN, track="stateful", min_group_size="2") as candidate:
        first, second = candidate.build(1), candidate.build(1)
        assert torch.equal(first(rewards), rewards)
        assert torch.equal(first(rewards), rewards - 4.0)
        assert torch.equal(second(rewards), rewards)
        rows = candidate.build_rows(1)
        rows(rewards)
        assert torch.equal(rows(rewards), rewards - torch.tensor([[2.0], [6.0]]))
        assert torch.equal(candidate.raw(rewards, 1), rewards)


def test_states_are_kept_apart_in_this_process_too(tmp_path):
    path = tmp_path / "running_mean.py"
    path.write_text(RUNNING_MEAN)
    rewards = torch.tensor([[1.0, 3.0], [5.0, 7.0]], dtype=torch.float64)
    rows = load_submission(path).build_rows(1)
    rows(rewards)
    assert torch.equal(rows(rewards), rewards - torch.tensor([[2.0], [6.0]]))


def test_a_stateful_submission_needs_a_factory():
    with pytest.raises(SubmissionError, match="make_advantages"), opened(L2O, track="stateful"):
        pass


def test_a_stateful_submission_is_admitted_uncertified(tmp_path):
    path = tmp_path / "running_mean.py"
    path.write_text(RUNNING_MEAN)
    report = check(path, level=LEVEL)
    assert (report.passed, report.kind, report.certificate) == (True, "uncertified", None)
    assert "groups independent" not in {result.name for result in report.results}


def test_cost_is_measured_between_workers():
    with opened(L2O) as candidate:
        cost = measure_cost(candidate, "ei_l2o")
    assert cost is not None
    assert cost >= 0.0


def test_unreadable_submissions_are_reported_not_raised(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("def advantages(:\n")
    report = check(path, level=LEVEL)
    assert (report.passed, report.error_kind, report.kind) == (False, "SubmissionError", None)
    assert "not valid Python" in report.error
