"""Threads that compute: torch's own threads, errors, and being stopped."""

import threading

import pytest
import torch

from maxpo_bench.reproduce.maze.pool import in_threads


def test_every_thread_has_one_torch_thread_and_the_caller_keeps_its_own():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen = dict(in_threads(range(4), lambda job, check: {"threads": torch.get_num_threads()}, 2))
        assert [values["threads"] for values in seen.values()] == [1] * 4
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_first_weights_of_networks_do_not_depend_on_torchs_threads():
    from maxpo_bench.agents.mlp_runs import _initial_policy

    def weights(job, check):
        return {"weights": torch.cat([p.detach().flatten() for p in _initial_policy(1002, (64, 64), 5).parameters()])}

    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            found += [values["weights"] for _, values in in_threads(range(2), weights, 2)]
        finally:
            torch.set_num_threads(before)
    assert all(torch.equal(each, found[0]) for each in found)


def test_an_error_stops_the_others_and_comes_after_what_was_done():
    stopped, is_waiting = threading.Event(), threading.Event()

    def compute(job, check):
        if job == 0:
            return {"job": 0}
        if job == 1:
            assert is_waiting.wait(30)
            raise ValueError("no")
        is_waiting.set()
        try:
            while True:
                check(0, 1)
        finally:
            stopped.set()

    jobs = in_threads(range(3), compute, 3)
    assert next(jobs) == (0, {"job": 0})
    with pytest.raises(ValueError, match="no"):
        list(jobs)
    assert stopped.is_set()
