"""The paths of gap sums: which is taken when, that all agree with exact integers, keep ties equal and raise alike."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from estimator_cases import BINARY, NAMES, SMALLEST, double, function, groups, relative_error, sample, sizes
from hypothesis import given, settings
from hypothesis import strategies as st
from integers import ExactGroup
from torch import Tensor

from maxpo_bench.estimators import ei, ei_l2o, get_estimator, paths, set_path, use_path
from maxpo_bench.estimators.binary import are_binary, starts_binary
from maxpo_bench.estimators.gap_form import EI_L2O, FORMS, gap_sum

LIMIT = {torch.float32: 2.5e-7, torch.float64: 1e-14}
FAMILIES = ["normal", "ties", "offset", "binary", "three ones", "Cauchy"]
CPU = torch.device("cpu")


@contextmanager
def without_numba() -> Iterator[None]:
    """Compute as on a machine where numba cannot be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "cpu_kernel", lambda: None)
        yield


PATHS = {"auto": lambda: use_path("auto"), "torch": lambda: use_path("torch"), "without numba": without_numba}


def rewards_of(family: str, n: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(1000 * n + seed)
    normal = torch.randn(n, generator=generator, dtype=torch.float64)
    uniform = torch.rand(n, generator=generator, dtype=torch.float64)
    values = {
        "normal": normal,
        "ties": (3 * normal).round(),
        "offset": normal + 1e4,
        "binary": (uniform < 0.3).double(),
        "three ones": (torch.arange(n) % (n // 3) == 1).double(),
        "Cauchy": torch.tan(torch.pi * (uniform - 0.5)),
    }[family]
    return values.to(dtype)


@pytest.mark.parametrize("dtype", list(LIMIT))
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("n", "k"), [(8, 4), (15, 7), (16, 4), (16, 8), (64, 32), (257, 4), (1024, 512)])
def test_every_path_is_exact_to_rounding(n: int, k: int, family: str, dtype: torch.dtype) -> None:
    rewards = rewards_of(family, n, dtype)
    group = ExactGroup(rewards.tolist(), k)
    for name in NAMES:
        if name in BINARY and family not in ("binary", "three ones"):
            continue
        exact = double(group.values(name))
        for path, used in PATHS.items():
            with used():
                result = function(name)(rewards, k)
            if float(exact.abs().max()) < torch.finfo(dtype).tiny:
                assert float(result.abs().max()) <= torch.finfo(dtype).tiny, (name, path)
            else:
                assert relative_error(result, exact) <= LIMIT[dtype], (name, path)


@pytest.mark.parametrize(("family", "k"), [("normal", 4), ("ties", 8192), ("offset", 4), ("binary", 4), ("Cauchy", 4)])
def test_every_path_is_exact_to_rounding_in_the_largest_groups(family: str, k: int) -> None:
    for dtype, limit in LIMIT.items():
        rewards = rewards_of(family, 16384, dtype)
        exact = double(ExactGroup(rewards.tolist(), k).values("ei_l2o"))
        for path, used in PATHS.items():
            with used():
                assert relative_error(ei_l2o(rewards, k), exact) <= limit, path


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(values=groups, dtype=st.sampled_from(list(LIMIT)))
def test_paths_agree_on_any_group(values: list[float], dtype: torch.dtype) -> None:
    rewards = torch.tensor(values, dtype=dtype)
    batch = torch.stack((rewards, rewards.flip(0), -rewards))
    for name in FORMS:
        for k in sizes(name, len(values)):
            with use_path("torch"):
                expected = function(name)(batch, k)
            size = max(float(expected.abs().max()), 1e-30)
            for path, used in PATHS.items():
                with used():
                    result = function(name)(batch, k)
                assert result.dtype == dtype
                assert float((result - expected).abs().max()) <= 2 * LIMIT[dtype] * size, (name, path, k)


@pytest.mark.parametrize("path", list(PATHS))
@pytest.mark.parametrize("name", list(FORMS))
@pytest.mark.parametrize("dtype", list(LIMIT))
def test_ties_and_order_are_kept_bitwise(name: str, path: str, dtype: torch.dtype) -> None:
    for n in (7, 15, 16, 40):
        for kind in ("ei", BINARY[0]):
            rewards = sample(kind, n, seed=n, batch=(9,)).to(dtype)
            signed = torch.where((rewards == 0) & (torch.arange(n) % 2 == 0), -0.0, rewards)
            turned = torch.randperm(n, generator=torch.Generator().manual_seed(n))
            for k in sizes(name, n)[::5]:
                with PATHS[path]():
                    result = function(name)(signed, k)
                    permuted = function(name)(signed[:, turned], k)
                same = signed.unsqueeze(-1) == signed.unsqueeze(-2)
                assert bool(((result.unsqueeze(-1) == result.unsqueeze(-2)) | ~same).all()), k
                assert torch.equal(permuted, result[:, turned]), k


def test_the_table_has_the_forms_that_it_should() -> None:
    assert set(FORMS) == {
        "ei",
        "ei_l1o",
        "ei_l2o",
        "ei_mean_centered",
        "passk_analytic",
        "all_subsets_centered",
        "pkpo_sloo_minus_one",
    }
    for name, form in FORMS.items():
        assert [form.smallest(k) for k in (1, 2, 5)] == [SMALLEST[name](k) for k in (1, 2, 5)]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the kernels in the order in which they are called."""
    calls: list[str] = []

    def spy(name: str, kernel: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            result = kernel(*arguments, **options)
            calls.append(f"{name} in torch" if options.get("compiled") is False else name)
            return result

        return call

    fused = spy("fused", paths.cpu_kernel())
    monkeypatch.setattr(paths, "cpu_kernel", lambda: fused)
    monkeypatch.setattr(paths, "binary_sums", spy("closed form", paths.binary_sums))
    monkeypatch.setattr(paths.torch_kernel, "gap_sums", spy("torch", paths.torch_kernel.gap_sums))
    monkeypatch.setattr(paths.triton_kernel, "gap_sums", spy("triton", lambda rewards, *_, **__: rewards))
    return calls


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.bool, torch.uint8]
)
def test_path_taken_on_the_cpu(taken: list[str], monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    zeros_and_ones = torch.tensor([[0, 1, 1, 0, 0], [1, 0, 0, 0, 0]], dtype=dtype)
    real = zeros_and_ones * 3
    ei_l2o(zeros_and_ones, 2)
    assert taken == ["closed form"]
    if dtype != torch.bool:
        ei_l2o(real + 2, 2)
        assert taken[1:] == ["fused"]
        ei_l2o(real, 2)  # starts with a 0, and is found out
        assert taken[2:] == ["closed form", "fused"]
    del taken[:]
    with use_path("torch"):
        ei_l2o(zeros_and_ones, 2)
        ei_l2o(real, 2)
    assert taken == ["torch", "torch"]
    monkeypatch.setattr(paths, "cpu_kernel", lambda: None)
    ei_l2o(zeros_and_ones, 2)
    ei_l2o(real + 2, 2)
    assert taken[2:] == ["closed form in torch", "torch"]


def on_cuda(n: int) -> SimpleNamespace:
    """What the choice of the path sees of rewards on a GPU."""
    return SimpleNamespace(is_cuda=True, is_cpu=False, shape=(4, n), dtype=torch.float32)


@pytest.mark.parametrize(("is_captured", "looks"), [(False, 1), (True, 0)])
def test_path_taken_on_cuda(taken: list[str], monkeypatch: pytest.MonkeyPatch, is_captured: bool, looks: int) -> None:
    seen: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: is_captured)
    monkeypatch.setattr(paths, "are_tame", lambda rewards: bool(seen.append(rewards)) or True)
    monkeypatch.setattr(paths, "starts_binary", lambda rewards: bool(seen.append(rewards)))
    monkeypatch.setattr(paths.torch_kernel, "gap_sums", lambda *_: taken.append("torch"))
    of_triton, too_large = on_cuda(paths.triton_kernel.LARGEST_GROUP), on_cuda(paths.triton_kernel.LARGEST_GROUP + 1)
    form = gap_sum(EI_L2O, 8, 2, CPU)
    monkeypatch.setattr(paths.triton_kernel, "is_available", lambda: True)
    assert paths._sums(of_triton, form) == (of_triton, True)
    assert (taken, len(seen)) == (["triton"], looks)
    assert paths._sums(too_large, form)[1]
    assert (taken[1:], len(seen)) == (["torch"], 3 * looks)
    monkeypatch.setattr(paths.triton_kernel, "is_available", lambda: False)
    assert paths._sums(of_triton, form)[1]
    with use_path("torch"):
        assert paths._sums(of_triton, form)[1]
    assert (taken[2:], len(seen)) == (["torch", "torch"], 6 * looks)


def test_use_path_restores_the_former_path(taken: list[str]) -> None:
    rewards = torch.tensor([0.5, 1.0, 2.0])
    try:
        set_path("torch")
        with use_path("auto"), pytest.raises(ValueError, match="needs at least"), use_path("torch"):
            ei_l2o(rewards, 3)
        ei_l2o(rewards, 2)
        with use_path("auto"):
            ei_l2o(rewards, 2)
        assert taken == ["torch", "fused"]
    finally:
        set_path("auto")
    with use_path("torch"):
        other = threading.Thread(target=ei_l2o, args=(rewards, 2))
        other.start()
        other.join()
    assert taken[2:] == ["fused"]


@pytest.mark.parametrize("choose", [set_path, use_path])
def test_unknown_paths_raise(choose: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="path must be 'auto' or 'torch', got 'cuda'"):
        choose("cuda")


@pytest.mark.parametrize("path", list(PATHS))
@pytest.mark.parametrize("name", list(FORMS))
@pytest.mark.parametrize("n", [6, 20])
def test_bad_rewards_raise_alike_on_every_path(name: str, path: str, n: int) -> None:
    with PATHS[path]():
        for start in (0.0, 0.5):  # looks binary, or does not
            for value in (float("nan"), float("inf"), -float("inf")):
                for dtype in (torch.float16, torch.float32, torch.float64):
                    rewards = torch.zeros(2, n, dtype=dtype)
                    rewards[0, 0], rewards[1, 4] = start, value
                    with pytest.raises(ValueError, match=rf"must be finite, got {value} at index \(1, 4\): mask"):
                        function(name)(rewards, 2)
            rewards = torch.full((n,), float("inf"))
            rewards[0] = start
            with pytest.raises(ValueError, match="must be finite, got inf at index 1:"):
                function(name)(rewards, 2)
            for dtype in (torch.float16, torch.float32, torch.float64):
                largest = torch.finfo(dtype).max
                wide = torch.tensor([start, largest, *[0.0] * (n - 3), -largest / 2], dtype=dtype)
                with pytest.raises(ValueError, match=f"differ by more than the largest {dtype}"):
                    function(name)(wide, 2)


@pytest.mark.parametrize("path", list(PATHS))
@pytest.mark.parametrize(("dtype", "factor"), [(torch.float32, 1e37), (torch.float64, 3e307), (torch.float64, 1e160)])
def test_huge_rewards_are_harmless(path: str, dtype: torch.dtype, factor: float) -> None:
    """Their squares, and differences from another group's, overflow."""
    batch = torch.stack((sample("ei", 24, seed=1), sample("ei", 24, seed=2))).clamp(-2.5, 2.5).to(dtype) * factor
    with PATHS[path]():
        for name in FORMS:
            result = function(name)(batch, 3)
            for row, rewards in zip(result, batch, strict=True):
                exact = double(ExactGroup(rewards.tolist(), 3).values(name))
                assert relative_error(row, exact) <= LIMIT[dtype], name


@pytest.mark.parametrize("path", list(PATHS))
def test_no_result_shares_memory_with_the_rewards_or_another(path: str) -> None:
    for rewards in (sample("ei", 20, batch=(3,)), sample(BINARY[0], 20, batch=(3,))):
        with PATHS[path]():
            for name in FORMS:
                for k in (1, 3):
                    first = function(name)(rewards, k)
                    second = function(name)(rewards, k)
                    kept = second.clone()
                    first.fill_(7.0)
                    assert torch.equal(second, kept)
                    assert torch.equal(function(name)(rewards, k), kept)
                    assert first.is_contiguous()


@pytest.mark.parametrize("path", list(PATHS))
def test_any_layout_and_mode_gives_the_same(path: str) -> None:
    batch = sample("ei", 20, batch=(2, 3))
    with PATHS[path]():
        expected = ei_l2o(batch, 4)
        assert torch.equal(ei_l2o(batch.transpose(0, 1), 4), expected.transpose(0, 1))
        assert torch.equal(ei_l2o(batch.transpose(1, 2).contiguous().transpose(1, 2), 4), expected)
        assert torch.equal(ei_l2o(batch[1, 2], 4), expected[1, 2])
        with torch.inference_mode():
            inside = ei_l2o(batch, 4)
        assert torch.equal(inside, expected)
        with torch.no_grad():
            assert torch.equal(ei_l2o(batch.clone().requires_grad_(), 4), expected)
        assert ei_l2o(torch.zeros(0, 20), 4).shape == (0, 20)


def test_what_is_binary() -> None:
    for rewards in ([0.0, 1.0, -0.0], [1.0, 1.0], [0.0]):
        assert are_binary(torch.tensor(rewards))
        assert starts_binary(torch.tensor(rewards))
    for first in (0.0, 1.0):
        for other in (0.5, 2.0, -1.0, 1e-30, float("inf"), float("nan"), -float("inf"), 1.0000001):
            assert not are_binary(torch.tensor([first, other])), other
            result = ei(torch.tensor([first, other if abs(other) < 1e30 else 3.0, 0.0]), 2)
            assert bool(torch.isfinite(result).all())
    assert not starts_binary(torch.tensor([[0.5, 1.0]]))


def test_light_import() -> None:
    """Numba and Triton take a second to import, and are not wanted by everybody."""
    code = "import sys, maxpo_bench.estimators; print({'numba', 'triton'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


@pytest.mark.parametrize("name", ["reinforce_l1o", "dr_grpo", "grpo"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e3])
def test_mean_reward_estimators_are_bitwise_the_same_on_both_paths(name, dtype, scale):
    estimator, generator = get_estimator(name, 1), torch.Generator().manual_seed(0)
    for n in (2, 3, 16, 333):
        rewards = (torch.randn(40, n, generator=generator, dtype=torch.float64) * scale + 3).to(dtype)
        rewards[0] = rewards[0, 0]
        with use_path("torch"):
            expected = estimator(rewards)
        assert torch.equal(estimator(rewards), expected)
        assert torch.equal(estimator(rewards.T.contiguous().T), expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_compiled_mean_reward_refuses_what_is_not_finite(bad):
    rewards = torch.tensor([[0.0, 1.0], [bad, 1.0]])
    with pytest.raises(ValueError, match=r"finite, got .* at index \(1, 0\)"):
        get_estimator("reinforce_l1o", 1)(rewards)
    with pytest.raises(ValueError, match="differ by more"):
        get_estimator("reinforce_l1o", 1)(torch.tensor([[-3e38, 3e38]]))
