"""What a worker with the real torch answers: one worker for all tests, asked for one thing or another by k."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from sandbox_workers import ECHO, skip_unless_offered

from maxpo_bench.estimators import ei_l2o, use_path
from maxpo_bench.sandbox import BadAnswer, EstimatorError, LoadError, MemoryLimit, Worker

SOURCE = b'''"""Answers by k."""
import sys
import torch
from maxpo_bench.estimators import ei_l2o, grpo

STATE = {}

def fail(rewards):
    raise ZeroDivisionError("too\\x1b[2J bad\\n\\u202e" + "x" * 1000)

def hostile(rewards):
    class Unprintable(RuntimeError):
        def __str__(self):
            raise SystemExit(3)
    raise Unprintable

def change(rewards):
    rewards[0, 0] = 7.0
    return rewards

def grow(rewards):
    return torch.zeros(int(1.25e9), dtype=torch.float64)

ANSWERS = {
    4: lambda r: ei_l2o(r, 4),
    100: lambda r: r,
    101: change,
    102: lambda r: r.to(torch.float16),
    103: lambda r: r.to(torch.bfloat16),
    104: lambda r: r.clone().requires_grad_(True) * 2,
    105: lambda r: r.T.contiguous().T,
    106: lambda r: (torch.tensor(float("nan")) * r),
    200: lambda r: r.tolist(),
    201: lambda r: r[:, :1],
    202: lambda r: r.long(),
    203: lambda r: r.to(torch.complex128),
    204: lambda r: r > 0,
    205: lambda r: r.to_sparse(),
    206: lambda r: None,
    207: lambda r: r.to("meta"),
    300: fail,
    301: hostile,
    302: lambda r: sys.exit("leaving"),
    303: grow,
    304: lambda r: (_ for _ in ()).throw(KeyboardInterrupt),
    400: lambda r: r * 0 + ("numba" in sys.modules),
    401: lambda r: r * 0 + torch.get_num_threads(),
    402: lambda r: grpo(r),
}

def advantages(rewards, k):
    return ANSWERS[k](rewards)
'''


@pytest.fixture(scope="module")
def real():
    skip_unless_offered("strict")
    with Worker(SOURCE, filename="/somewhere/mine.py") as worker:
        yield worker


def line_of(fragment):
    return SOURCE[: SOURCE.index(fragment)].count(b"\n") + 1


def rewards(groups=3, n=5):
    return np.random.default_rng(groups * 100 + n).standard_normal((groups, n))


def test_answers_are_those_of_the_function(real):
    given = rewards(48, 16)
    answer = real.call(given, 4)
    with use_path("torch"):
        expected = ei_l2o(torch.from_numpy(given), 4).numpy()
    np.testing.assert_array_equal(answer.values, expected)
    assert (answer.dtype, answer.input_changed) == ("float64", False)
    assert not real.has_factory
    assert real.level == "strict"


def test_estimators_compile_nothing_in_the_worker(real):
    real.call(rewards(), 4)
    real.call(rewards(), 402)
    assert (real.call(rewards(), 400).values == 0).all()
    assert (real.call(rewards(), 401).values == 1).all()


@pytest.mark.parametrize(
    ("k", "dtype", "answered"),
    [
        (100, "float64", "float64"),
        (100, "float32", "float32"),
        (102, "float64", "float16"),
        (103, "float32", "bfloat16"),
        (104, "float64", "float64"),
        (105, "float64", "float64"),
    ],
)
def test_dtypes(real, k, dtype, answered):
    given = rewards()
    answer = real.call(given, k, dtype=dtype)
    assert answer.dtype == answered
    assert answer.values.dtype == np.float64
    lent = torch.from_numpy(given).to(getattr(torch, dtype))
    expected = lent.to(getattr(torch, answered)).double().numpy() * (2 if k == 104 else 1)
    np.testing.assert_array_equal(answer.values, expected)
    assert not answer.input_changed


def test_a_changed_input_is_told_and_the_callers_array_is_not_it(real):
    given = rewards()
    kept = given.copy()
    answer = real.call(given, 101)
    assert answer.input_changed
    np.testing.assert_array_equal(given, kept)
    assert answer.values[0, 0] == 7.0


def test_nan_is_handed_on(real):
    assert np.isnan(real.call(rewards(), 106).values).all()
    given = np.array([[np.nan, np.inf, -0.0]])
    np.testing.assert_array_equal(real.call(given, 100).values.view(np.int64), given.view(np.int64))


@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (20_000, 64)])
def test_sizes(real, shape):
    given = rewards(*shape)
    np.testing.assert_array_equal(real.call(given, 100).values, given)


def test_arrays_of_other_types_and_orders_are_sent_as_float64(real):
    for given in (
        np.arange(6).reshape(2, 3),
        np.array([[True, False]]),
        np.asfortranarray(rewards()),
        rewards()[:, ::2],
    ):
        np.testing.assert_array_equal(real.call(given, 100).values, given)


@pytest.mark.parametrize(
    ("k", "text"),
    [
        (200, "returned list, expected a torch.Tensor"),
        (201, "returned shape [3, 1] for rewards of shape [3, 5]; one advantage per reward is expected"),
        (202, "returned torch.int64, expected the rewards' floating dtype"),
        (203, "returned torch.complex128, expected the rewards' floating dtype"),
        (204, "returned torch.bool, expected the rewards' floating dtype"),
        (205, "returned a torch.sparse_coo tensor on cpu, expected a dense one on the CPU"),
        (206, "returned NoneType, expected a torch.Tensor"),
        (207, "returned a torch.strided tensor on meta, expected a dense one on the CPU"),
    ],
)
def test_answers_that_are_none(real, k, text):
    with pytest.raises(BadAnswer) as caught:
        real.call(rewards(), k)
    assert str(caught.value) == text
    assert not real.closed


def test_an_exception_names_its_line_and_is_printable(real):
    with pytest.raises(EstimatorError) as caught:
        real.call(rewards(), 300)
    error = caught.value
    assert (error.line, error.type_name, error.filename) == (line_of(b"raise Zero"), "ZeroDivisionError", "mine.py")
    assert error.detail.startswith("too [2J bad x")
    assert len(error.detail) == 300
    assert str(error) == f"raised ZeroDivisionError: {error.detail} (mine.py, line {error.line})"
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("k", "text", "where"),
    [
        (301, "Unprintable: (its text raises SystemExit)", b"raise Unprintable"),
        (302, "SystemExit: leaving", b"sys.exit("),
        (304, "KeyboardInterrupt", b"throw(KeyboardInterrupt)"),
        (999, "KeyError: 999", b"ANSWERS[k]"),
    ],
)
def test_any_exception_is_told(real, k, text, where):
    with pytest.raises(EstimatorError) as caught:
        real.call(rewards(), k)
    assert str(caught.value) == f"raised {text} (mine.py, line {line_of(where)})"


def test_memory_of_tensors(real):
    with pytest.raises(
        MemoryLimit, match=f"mine.py, line {line_of(b'torch.zeros(')} asked for more memory than the 4 GiB"
    ):
        real.call(rewards(), 303)
    assert (real.call(rewards(), 100).values == rewards()).all()


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (([[1.0]], 2), {}, TypeError),
        ((np.zeros(3), 2), {}, TypeError),
        ((np.zeros((2, 0)), 2), {}, ValueError),
        ((np.zeros((2, 2), dtype=complex), 2), {}, ValueError),
        ((np.array([["a"]]), 2), {}, ValueError),
        ((np.zeros((2, 2)), 2.0), {}, TypeError),
        ((np.zeros((2, 2)), True), {}, TypeError),
        ((np.zeros((2, 2)), 2**31), {}, ValueError),
        ((np.zeros((2, 2)), 2), {"dtype": "int64"}, ValueError),
        ((np.zeros((2, 2)), 2), {"instance": -1}, ValueError),
        ((np.zeros((2, 2)), 2), {"timeout": 0.0}, ValueError),
    ],
)
def test_impossible_arguments_raise_at_the_door(real, arguments, options, error):
    with pytest.raises(error):
        real.call(*arguments, **options)
    assert not real.closed


def test_the_parent_needs_no_torch():
    code = (
        "import sys, numpy as np; from maxpo_bench.sandbox import Worker, offered\n"
        "level = offered().strongest\n"
        f"with Worker({ECHO.encode()!r}, level=level) as worker: worker.call(np.zeros((2, 2)), 2)\n"
        "assert 'torch' not in sys.modules, 'imported torch'"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


COUNTER = """
    import torch
    def make_advantages(k):
        seen = []
        def ask(rewards):
            seen.append(k)
            return torch.from_numpy(rewards.numpy() * 0 + 10 * k + len(seen))
        return ask
"""


def test_each_instance_has_a_state_of_its_own(light):
    worker = light(COUNTER)
    assert worker.has_factory

    def ask(k, instance):
        return worker.call(np.zeros((1, 2)), k, instance=instance).values[0, 0]

    assert [ask(2, 0), ask(2, 0), ask(3, 0), ask(2, 1), ask(2, 0)] == [21, 22, 31, 21, 23]
    assert list(worker.call(np.zeros((3, 2)), 2, row_instances=True).values[:, 0]) == [24, 22, 21]
    assert list(worker.call(np.zeros((2, 2)), 2, instance=1, row_instances=True).values[:, 0]) == [23, 22]
    assert worker.call(np.zeros((0, 2)), 2, row_instances=True).values.shape == (0, 2)
    worker.restart()
    assert ask(2, 0) == 21


def test_rows_of_a_plain_function_come_one_by_one(light):
    worker = light("""
        import torch
        def advantages(rewards, k):
            return torch.from_numpy(rewards.numpy() - rewards.numpy().mean())
    """)
    given = rewards()
    np.testing.assert_allclose(
        worker.call(given, 2, row_instances=True).values, given - given.mean(-1, keepdims=True), atol=1e-15
    )
    np.testing.assert_allclose(worker.call(given, 2).values, given - given.mean(), atol=1e-15)


def test_rows_of_different_dtypes(light):
    worker = light("""
        import torch
        calls = []
        def advantages(rewards, k):
            calls.append(k)
            return rewards.to(torch.float32 if len(calls) == 2 else torch.float64)
    """)
    with pytest.raises(BadAnswer, match="returned float32 and float64 for rewards of one dtype"):
        worker.call(rewards(), 2, row_instances=True)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("x = 1", "submission.py cannot be imported: AttributeError: define `def advantages(rewards: torch.Tensor"),
        ("advantages = 3", "submission.py cannot be imported: AttributeError: define"),
        ("def advantages(rewards, k)\n", "submission.py, line 1 cannot be imported: SyntaxError: expected ':'"),
        ("\n\nimport nowhere", "submission.py, line 3 cannot be imported: ModuleNotFoundError: No module named "),
        ("\nraise SystemExit(4)", "submission.py, line 2 cannot be imported: SystemExit: 4"),
        ("def f():\n    1/0\nf()", "submission.py, line 2 cannot be imported: ZeroDivisionError: division by zero"),
        ("x = '\0'", "submission.py cannot be imported: "),
        (
            "open('/etc/passwd')",
            "line 1 cannot be imported: PermissionError: [Errno 13] Permission denied: '/etc/passwd'",
        ),
        ("open('/etc/passwd')", "; the sandbox gives a submission no files, no network and no processes"),
    ],
)
def test_what_cannot_be_loaded(light, source, text):
    with pytest.raises(LoadError) as caught:
        light(source)
    assert text in str(caught.value)


def test_a_module_that_looks_at_itself(light):
    worker = light("""
        import inspect, sys
        def advantages(rewards, k):
            raise ValueError(inspect.getsource(advantages).splitlines()[0] + __name__ + __file__
                             + str(sys.modules[__name__].advantages is advantages))
    """)
    with pytest.raises(EstimatorError, match=r"def advantages\(rewards, k\):submissionsubmission.pyTrue"):
        worker.call(rewards(), 2)


def test_several_workers_at_once(light):
    workers = [
        light(f"def advantages(rewards, k):\n    rewards.array += {number}\n    return rewards") for number in (1, 2, 3)
    ]
    answers = {}

    def ask(number, worker):
        answers[number] = [worker.call(np.zeros((50, 8)), 2).values for _ in range(50)]

    threads = [threading.Thread(target=ask, args=each) for each in enumerate(workers, start=1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [1, 2, 3]
    for number, found in answers.items():
        assert len(found) == 50
        assert all((values == number).all() for values in found)
