"""The fused CPU path against exact integers and the torch formula, on every kind of reward and every way through."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from integers import ExactGroup
from torch import Tensor

from maxpo_bench.estimators import cpu_kernel
from maxpo_bench.estimators.gaps import canonical_weights

SIZES = [1, 2, 3, 7, 8, 16, 17, 33, 64, 100, 256, 1024, 4096, 16384]
DTYPES = [torch.float32, torch.float64]
LIMIT = {torch.float32: 2.5e-7, torch.float64: 1e-14}
INTEGERS = {torch.float32: torch.int32, torch.float64: torch.int64}
# Each way through the kernel: sizes, and groups that fill the lanes, leave some idle, or are taken one at a time.
SHAPES = [(8, 1), (3, 2), (11, 7), (8, 16), (9, 17), (13, 64), (17, 64), (3, 100), (9, 300), (2, 1024), (1, 5000)]


def rewards_of(kind: str, groups: int, n: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(1000 * n + seed)
    normal = torch.randn(groups, n, generator=generator, dtype=torch.float64)
    least = torch.finfo(dtype).smallest_normal
    kinds = {
        "normal": normal,
        "tied": (2 * normal).round(),
        "offset": normal + 1e4,
        "binary": (normal > 1).double(),
        "cauchy": torch.empty_like(normal).cauchy_(generator=generator),
        "subnormal": normal * least / 1024,
        "huge": normal * 10.0 ** (30 * torch.randn(groups, n, generator=generator, dtype=torch.float64).clamp(-1, 1)),
        "zeros": torch.where(normal > 1, normal.round() - 1, torch.copysign(torch.zeros(()), normal)),
        "constant": torch.full_like(normal, 0.1),
    }
    return kinds[kind].to(dtype)


KINDS = ["normal", "tied", "offset", "binary", "cauchy", "subnormal", "huge", "zeros", "constant"]


def weights_of(n: int) -> Tensor:
    return 2 * torch.rand(max(n - 1, 0), dtype=torch.float64, generator=torch.Generator().manual_seed(n)) / n


def exact_sums(rewards: Tensor, weights: Tensor, centred: bool) -> Tensor:
    """One group in integers over a common denominator, rounded once."""
    values = [Fraction(value) for value in rewards.tolist()]
    factors = [Fraction(weight) for weight in weights.tolist()]
    unit = math.lcm(*(value.denominator for value in values))
    part = math.lcm(*(factor.denominator for factor in factors)) if factors else 1
    whole = [int(value * unit) for value in values]
    order = sorted(range(len(whole)), key=whole.__getitem__)
    sums = [0]
    for m, factor in enumerate(factors):
        sums.append(sums[-1] + (whole[order[m + 1]] - whole[order[m]]) * int(factor * part))
    n, total = len(whole), sum(sums) if centred else 0
    result = [0.0] * n
    for i, value in zip(order, sums, strict=True):
        result[i] = (n * value - total) / (n * unit * part)
    return torch.tensor(result, dtype=torch.float64)


def torch_sums(rewards: Tensor, weights: Tensor, centred: bool) -> Tensor:
    values, order = rewards.double().sort(-1)
    sums = torch.cat((torch.zeros_like(values[:, :1]), (values.diff() * weights).cumsum(-1)), -1)
    sums = sums - sums.mean(-1, keepdim=True) if centred else sums
    return torch.empty_like(sums).scatter_(-1, order, sums)


def assert_close(result: Tensor, expected: Tensor) -> None:
    """Within the limit, and what rounding to subnormal numbers costs: in float64 each of the sums' terms is rounded."""
    scale, info = float(expected.abs().max()), torch.finfo(result.dtype)
    roundings = len(result) if result.dtype == torch.float64 else 1
    subnormal = info.smallest_normal * info.eps * roundings
    assert float((result.double() - expected).abs().max()) <= LIMIT[result.dtype] * scale + subnormal


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_is_within_rounding_of_exact_integers(n: int, dtype: torch.dtype) -> None:
    weights = weights_of(n)
    for kind in KINDS if n < 4096 else ["normal", "tied", "offset", "binary", "cauchy"]:
        rewards = rewards_of(kind, 9 if n < 4096 else 1, n, dtype)
        centred = kind != "cauchy"
        result, fits = cpu_kernel.gap_sums(rewards, weights, centred=centred)
        assert fits
        assert result.dtype == dtype
        for group in {0, len(rewards) - 1}:
            assert_close(result[group], exact_sums(rewards[group], weights, centred))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [64, 1024, 4096, 16384])
def test_equal_terms_do_not_add_up_their_rounding(n: int, dtype: torch.dtype) -> None:
    """Equal gaps and long runs of ties round the same way again and again."""
    weights = torch.full((n - 1,), 0.1, dtype=torch.float64)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(n))
    for rewards in (order.to(dtype), (order > n // 7).to(dtype) * 0.3, (order % 3).to(dtype) / 7):
        result, _ = cpu_kernel.gap_sums(rewards[None], weights, centred=True)
        assert_close(result[0], exact_sums(rewards, weights, True))
        beside, _ = cpu_kernel.gap_sums(rewards.expand(8, n).contiguous(), weights, centred=True)
        assert_close(beside[7], exact_sums(rewards, weights, True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("groups", "n"), [*SHAPES, (1024, 8), (1027, 16), (70, 256), (4, 8192)])
def test_equals_the_torch_formula_in_every_group(groups: int, n: int, dtype: torch.dtype) -> None:
    weights = weights_of(n)
    for kind in KINDS:
        rewards = rewards_of(kind, groups, n, dtype)
        result, fits = cpu_kernel.gap_sums(rewards, weights, centred=True)
        assert fits
        expected = torch_sums(rewards, weights, True)
        scale = expected.abs().amax(-1, keepdim=True)
        tiny = n * torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
        limit = 2.5e-7 if dtype == torch.float32 else 5e-14  # the reference rounds too
        assert bool(((result.double() - expected).abs() <= limit * scale + tiny).all()), kind


@pytest.mark.parametrize(("n", "k"), [(8, 7), (16, 4), (100, 50), (1024, 3)])
def test_gives_the_canonical_advantage(n: int, k: int) -> None:
    rewards = rewards_of("tied", 2, n, torch.float32)
    result, _ = cpu_kernel.gap_sums(rewards, canonical_weights(n, k, torch.device("cpu")), centred=True)
    for group, advantages in zip(rewards.tolist(), result, strict=True):
        assert_close(advantages, torch.tensor(ExactGroup(group, k).values("ei_l2o"), dtype=torch.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["tied", "binary", "zeros", "constant"])
@pytest.mark.parametrize(("groups", "n"), SHAPES)
def test_tied_rewards_get_the_same_bits(groups: int, n: int, kind: str, dtype: torch.dtype) -> None:
    rewards = rewards_of(kind, groups, n, dtype)
    bits = cpu_kernel.gap_sums(rewards, weights_of(n), centred=True)[0].view(INTEGERS[dtype])
    for group, given in zip(rewards, bits, strict=True):
        _, places = group.unique(return_inverse=True)  # 0.0 and -0.0 are one value
        first = torch.full((n,), n).scatter_reduce_(0, places, torch.arange(n), "amin")[places]
        assert torch.equal(given, given[first])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["normal", "tied", "zeros"])
@pytest.mark.parametrize(("groups", "n"), SHAPES)
def test_permuting_the_samples_permutes_the_result(groups: int, n: int, kind: str, dtype: torch.dtype) -> None:
    rewards, weights = rewards_of(kind, groups, n, dtype), weights_of(n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(7))
    result, _ = cpu_kernel.gap_sums(rewards, weights, centred=True)
    permuted, _ = cpu_kernel.gap_sums(rewards[:, order].contiguous(), weights, centred=True)
    assert torch.equal(permuted, result[:, order])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("groups", "n"), SHAPES)
def test_a_group_does_not_depend_on_its_neighbours(groups: int, n: int, dtype: torch.dtype) -> None:
    """Up to rounding: a group taken alone is summed in another order."""
    rewards, weights = rewards_of("normal", groups, n, dtype), weights_of(n)
    result, _ = cpu_kernel.gap_sums(rewards, weights, centred=True)
    for group in range(groups):
        alone, _ = cpu_kernel.gap_sums(rewards[group : group + 1], weights, centred=True)
        assert_close(result[group], alone[0].double())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("groups", "n"), SHAPES)
def test_non_finite_rewards_are_reported_wherever_they_are(groups: int, n: int, dtype: torch.dtype) -> None:
    rewards, weights = rewards_of("normal", groups, n, dtype), weights_of(n)
    full = torch.tensor(-1, dtype=INTEGERS[dtype]).view(dtype)  # a NaN with every bit set
    places = [(0, 0), (groups - 1, n - 1), (groups // 2, n // 2)]
    for bad in (math.nan, -math.nan, math.inf, -math.inf, float("nan") * torch.ones(()), full):
        for place in places:
            wrong = rewards.clone()
            wrong[place] = bad
            assert not cpu_kernel.gap_sums(wrong, weights, centred=True)[1]
    assert not cpu_kernel.gap_sums(full.expand(groups, n).contiguous(), weights, centred=True)[1]
    assert cpu_kernel.gap_sums(rewards, weights, centred=True)[1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("groups", "n"), [shape for shape in SHAPES if shape[1] > 1])
def test_a_spread_beyond_the_largest_number_is_reported(groups: int, n: int, dtype: torch.dtype) -> None:
    largest, weights = torch.finfo(dtype).max, weights_of(n)
    rewards = torch.zeros(groups, n, dtype=dtype)
    rewards[-1, 0], rewards[-1, -1] = largest / 2, -largest / 2
    result, fits = cpu_kernel.gap_sums(rewards, weights, centred=True)
    assert fits
    assert bool(result.isfinite().all())
    rewards[-1, 0] = largest
    assert not cpu_kernel.gap_sums(rewards, weights, centred=True)[1]


@pytest.mark.parametrize(("groups", "n"), [(8, 16), (13, 64), (1, 300)])
def test_sums_beyond_float64_are_reported(groups: int, n: int) -> None:
    rewards = torch.zeros(groups, n, dtype=torch.float64)
    rewards[-1] = torch.linspace(0, 1e308, n, dtype=torch.float64)
    weights = torch.ones(n - 1, dtype=torch.float64)
    assert not cpu_kernel.gap_sums(rewards, weights, centred=True)[1]
    assert cpu_kernel.gap_sums(rewards / n, weights, centred=True)[1]


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_groups_give_no_groups(dtype: torch.dtype) -> None:
    result, fits = cpu_kernel.gap_sums(torch.empty(0, 5, dtype=dtype), weights_of(5), centred=True)
    assert fits
    assert result.shape == (0, 5)
    assert result.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("groups", "n"), SHAPES)
def test_the_input_is_left_alone(groups: int, n: int, dtype: torch.dtype) -> None:
    rewards, weights = rewards_of("normal", groups, n, dtype).requires_grad_(), weights_of(n)
    before = rewards.detach().clone(), weights.clone()
    result, _ = cpu_kernel.gap_sums(rewards, weights, centred=True)
    assert torch.equal(rewards.detach(), before[0])
    assert torch.equal(weights, before[1])
    assert not result.requires_grad
    assert result.data_ptr() != rewards.data_ptr()


def test_rewards_may_lie_anywhere_in_memory() -> None:
    base = torch.randn(8 * 16 + 1, generator=torch.Generator().manual_seed(3))
    shifted, weights = base[1:].view(8, 16), weights_of(16)
    expected, _ = cpu_kernel.gap_sums(shifted.clone(), weights, centred=True)
    assert torch.equal(cpu_kernel.gap_sums(shifted, weights, centred=True)[0], expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_do_not_disturb_each_other(dtype: torch.dtype) -> None:
    jobs = [(rewards_of("normal", groups, n, dtype, seed), weights_of(n)) for seed in range(8) for groups, n in SHAPES]
    expected = [cpu_kernel.gap_sums(*job, centred=True) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            given = list(pool.map(lambda job: cpu_kernel.gap_sums(*job, centred=True), jobs))
            assert all(a[1] and torch.equal(a[0], b[0]) for a, b in zip(given, expected, strict=True))


@pytest.mark.parametrize("weights", [torch.ones(4).double(), torch.ones(2), torch.ones(1, 2).double()])
def test_wrong_weights_raise(weights: Tensor) -> None:
    with pytest.raises(ValueError, match="weights must be 2 float64 numbers"):
        cpu_kernel.gap_sums(torch.zeros(4, 3), weights, centred=True)


def test_a_missing_numba_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cpu_kernel.is_available()
    monkeypatch.setattr(cpu_kernel, "compiled", None)
    assert not cpu_kernel.is_available()
    with pytest.raises(RuntimeError, match="install numba"):
        cpu_kernel.gap_sums(torch.zeros(1, 2), weights_of(2), centred=True)


WITHOUT_CACHE = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, cpu_compiled
rewards, weights, result = np.array([3.0, 1.0]), np.ones(1), np.empty(2)
addresses = [array.ctypes.data for array in (rewards, weights, result)]
assert cpu_compiled.fill_side_by_side(*addresses, 2, 8, 0, 1, True, 1e308)
assert result.tolist() == [1.0, -1.0], result
"""


def test_works_where_no_cache_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    source = tmp_path / "package"
    source.mkdir()
    shutil.copy(Path(cpu_kernel.__file__).with_name("cpu_compiled.py"), source)
    (source / "__pycache__").touch()  # a file where the folder would be: not writable for root either
    places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"), str(file / "below"))
    command = [sys.executable, "-B", "-W", "error", "-c", WITHOUT_CACHE, str(source)]
    done = subprocess.run(command, env={**os.environ, **places}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
