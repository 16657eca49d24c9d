"""What happens at the edges: K = 1, K = n, n = 1, empty batches, dtypes, bad rewards, bad k."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from estimator_cases import BINARY, NAMES, PIECES, SMALLEST, function, sample, sizes

import maxpo_bench.estimators
from maxpo_bench.estimators import get_estimator

ALL = [*NAMES, *PIECES]
UNUSED_K = {"reinforce_l1o", "grpo", "dr_grpo", "passk_top1"}


@pytest.mark.parametrize("name", ALL)
def test_smallest_group_works_and_a_smaller_one_raises_with_the_remedy(name: str) -> None:
    for k in (1, 2, 4):
        n = SMALLEST[name](k)
        assert bool(torch.isfinite(function(name)(sample(name, n), k)).all())
        remedy = "lower k or raise group_size" if k > 1 and n > 2 else "raise group_size"
        samples = "sample" if n == 1 else "samples"
        message = f"k={k} needs at least {n} {samples} per group for {name}, got {n - 1}: {remedy}"
        with pytest.raises(ValueError, match=message):
            function(name)(torch.zeros(3, n - 1), k)


def test_message_of_a_group_that_is_too_small() -> None:
    message = "^k=8 needs at least 9 samples per group for ei_l2o, got 8: lower k or raise group_size$"
    with pytest.raises(ValueError, match=message):
        function("ei_l2o")(torch.zeros(8), 8)
    with pytest.raises(ValueError, match=message):
        get_estimator("maxpo", 8)(torch.zeros(8))


@pytest.mark.parametrize(
    "name", ["ei_l2o", "pkpo_sloo", "bon_mean", "passk_analytic_std", "leave_one_out_max", "l2o_baseline"]
)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_k_equal_to_n_raises_where_another_sample_is_needed(name: str, n: int) -> None:
    with pytest.raises(ValueError, match=f"k={n} needs at least {n + 1} samples"):
        function(name)(torch.zeros(n), n)


@pytest.mark.parametrize("name", ["passk_analytic", "all_subsets_centered"])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_k_equal_to_n_is_identically_zero_for_one_subset(name: str, n: int) -> None:
    assert not function(name)(torch.randn(4, n, generator=torch.Generator().manual_seed(n)), n).any()


@pytest.mark.parametrize("n", [2, 3, 6])
def test_k_equal_to_n_is_fine_for_the_others(n: int) -> None:
    rewards = torch.arange(float(n)).double()
    top = torch.zeros(n, dtype=torch.float64)
    top[-1] = 1
    torch.testing.assert_close(function("ei")(rewards, n), top)
    torch.testing.assert_close(function("pkpo_sloo_minus_one")(rewards, n), top)
    torch.testing.assert_close(function("all_subsets")(rewards, n), torch.full_like(top, n - 1))
    torch.testing.assert_close(function("ei_l1o")(rewards, n), n / (n - 1) * (top - 1 / n))
    torch.testing.assert_close(function("ei_mean_centered")(rewards, n), top - 1 / n)


def test_k_equal_to_one() -> None:
    rewards = torch.tensor([[5.0, 1.0, 3.0]], dtype=torch.float64)
    others = torch.tensor([[2.0, 4.0, 3.0]], dtype=torch.float64)
    advantage = rewards - others
    for name in ("ei_l2o", "ei_l1o", "reinforce_l1o"):
        torch.testing.assert_close(function(name)(rewards, 1), advantage)
    for name, expected in (
        ("ei", rewards),
        ("conditional_max", rewards),
        ("comparator_max", torch.zeros_like(rewards)),
        ("l1o_baseline", others),
        ("l2o_baseline", others),
        ("leave_one_out_max", others),
        ("pkpo_sloo_minus_one", rewards / 3),
        ("all_subsets", rewards / 3),
        ("pkpo_sloo", advantage / 3 - others / 6),
        ("passk_analytic", rewards - 3),
        ("ei_mean_centered", rewards - 3),
        ("dr_grpo", rewards - 3),
        ("all_subsets_centered", (rewards - 3) / 3),
        ("max_at_k", torch.tensor([3.0], dtype=torch.float64)),
    ):
        torch.testing.assert_close(function(name)(rewards, 1), expected, msg=name)


@pytest.mark.parametrize(
    "name", ["ei", "conditional_max", "max_at_k", "comparator_max", "all_subsets", "dr_grpo", "passk_analytic"]
)
def test_a_single_sample(name: str) -> None:
    value = 0.0 if name in ("comparator_max", "dr_grpo", "passk_analytic") else 2.5
    assert function(name)(torch.tensor([2.5]), 1).reshape(-1).tolist() == [value]


@pytest.mark.parametrize("name", ALL)
def test_empty_batches_give_empty_results(name: str) -> None:
    for shape in ((0, 5), (3, 0, 5)):
        result = function(name)(torch.zeros(shape), 2)
        assert result.shape == (shape[:-1] if name == "max_at_k" else shape)
        assert result.dtype == torch.float32


@pytest.mark.parametrize("name", ALL)
def test_groups_without_samples_raise(name: str) -> None:
    with pytest.raises(ValueError, match="per group"):
        function(name)(torch.zeros(3, 0), 1)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_rewards_that_are_not_finite_raise_and_say_where(name: str, value: float) -> None:
    rewards = torch.zeros(2, 6)
    rewards[1, 4] = value
    expected = r"nan|inf"
    with pytest.raises(ValueError, match=rf"got -?({expected}) at index \(1, 4\)"):
        function(name)(rewards, 2)
    with pytest.raises(ValueError, match=rf"got -?({expected}) at index 4"):
        function(name)(rewards[1], 2)


@pytest.mark.parametrize("name", [name for name in ALL if name not in BINARY])
def test_rewards_of_both_infinities_or_nan_everywhere_raise(name: str) -> None:
    with pytest.raises(ValueError, match="index 0"):
        function(name)(torch.tensor([float("inf"), 0.0, -float("inf"), 1.0]), 2)
    with pytest.raises(ValueError, match="index 0"):
        function(name)(torch.full((4,), float("nan")), 2)
    with pytest.raises(ValueError, match="index 0"):
        function(name)(torch.full((4,), float("inf")), 2)


@pytest.mark.parametrize(("dtype", "value"), [(torch.float64, 1.5e308), (torch.float16, 6e4)])
def test_rewards_whose_differences_overflow_raise(dtype: torch.dtype, value: float) -> None:
    with pytest.raises(ValueError, match="differ by more than the largest"):
        function("ei_l2o")(torch.tensor([value, -value, 0.0], dtype=dtype), 2)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("k", [0, -1, np.int64(0)])
def test_k_below_one_raises(name: str, k: int) -> None:
    with pytest.raises(ValueError, match="k must be an integer >= 1"):
        function(name)(torch.zeros(4), k)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("k", [2.0, True, "2", torch.tensor(2), np.float64(2)])
def test_k_that_is_no_integer_raises(name: str, k: object) -> None:
    with pytest.raises(TypeError, match="k must be an integer >= 1"):
        function(name)(torch.zeros(4), k)


@pytest.mark.parametrize("name", [name for name in ALL if name not in UNUSED_K])
def test_k_above_n_raises(name: str) -> None:
    with pytest.raises(ValueError, match="lower k or raise group_size"):
        function(name)(torch.zeros(4), 5)


@pytest.mark.parametrize("name", sorted(UNUSED_K))
def test_k_is_accepted_and_ignored_where_the_formula_has_none(name: str) -> None:
    rewards = sample(name, 4)
    for k in (1, 4, 9):
        assert torch.equal(function(name)(rewards, k), function(name)(rewards))


@pytest.mark.parametrize("name", ALL)
def test_numpy_integers_are_integers(name: str) -> None:
    rewards = sample(name, 5)
    assert torch.equal(function(name)(rewards, np.int32(2)), function(name)(rewards, 2))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int32, torch.int64])
def test_integer_and_bool_rewards_give_the_default_float_dtype(name: str, dtype: torch.dtype) -> None:
    rewards = torch.tensor([[0, 1, 1, 0, 0], [1, 0, 0, 0, 0]], dtype=dtype)
    result = function(name)(rewards, 2)
    assert result.dtype == torch.get_default_dtype()
    assert torch.equal(result, function(name)(rewards.double(), 2).to(torch.get_default_dtype()))
    assert result.frac().any() or name in ("passk_top1", "comparator_max", "conditional_max", "max_at_k")


def test_large_integers_keep_their_differences() -> None:
    rewards = torch.tensor([2**40, 2**40 + 1, 2**40 + 3])
    assert torch.equal(function("reinforce_l1o")(rewards), torch.tensor([-2.0, -0.5, 2.5]))


def test_default_float_dtype_is_asked_for_each_time() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert function("ei")(torch.tensor([0, 1, 3]), 2).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", ALL)
def test_no_gradient_flows_and_the_input_is_neither_changed_nor_aliased(name: str) -> None:
    for k in sizes(name, 6):
        rewards = sample(name, 6, seed=k).requires_grad_()
        before = rewards.detach().clone()
        result = function(name)(rewards, k)
        assert not result.requires_grad
        assert result.grad_fn is None
        result += 1
        assert torch.equal(rewards.detach(), before)


def test_results_made_in_inference_mode_do_not_spoil_later_ones() -> None:
    with torch.inference_mode():
        inside = function("ei_l2o")(torch.arange(19.0), 5)
    policy = torch.zeros(19, requires_grad=True)
    loss = (function("ei_l2o")(torch.arange(19.0), 5) * policy).sum()
    loss.backward()
    assert torch.equal(policy.grad, inside)


@pytest.mark.parametrize("name", ALL)
def test_wrong_kinds_of_rewards_raise(name: str) -> None:
    with pytest.raises(TypeError, match=r"torch\.as_tensor"):
        function(name)([0.0, 1.0, 0.0], 2)
    with pytest.raises(TypeError, match="real"):
        function(name)(torch.zeros(4, dtype=torch.complex64), 2)
    with pytest.raises(TypeError, match="dtype"):
        function(name)(torch.zeros(4).to(torch.float8_e4m3fn), 2)
    with pytest.raises(ValueError, match="last axis"):
        function(name)(torch.tensor(1.0), 1)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("value", [0.5, 2.0, -1.0])
def test_binary_estimators_raise_on_other_rewards(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"rewards 0 and 1 only, got {value} at index \(0, 2\)"):
        function(name)(torch.tensor([[0.0, 1.0, value, 0.0]]), 2)


def test_parameters_of_grpo_are_checked() -> None:
    rewards = torch.tensor([0.0, 1.0, 5.0], dtype=torch.float64)
    expected = (rewards - 2) / (rewards.std(correction=0) + 0.5)
    torch.testing.assert_close(function("grpo")(rewards, eps=0.5, ddof=0), expected)
    for eps in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="eps must be finite"):
            function("grpo")(rewards, eps=eps)
    with pytest.raises(ValueError, match="ddof must be 0"):
        function("grpo")(rewards, ddof=2)


def test_zero_deviation_gives_zero_also_without_epsilon() -> None:
    assert not function("grpo")(torch.full((2, 4), 0.1), eps=0.0).any()
    assert not function("bon_mean")(torch.tensor([1.0, 4.0, 4.0]), 2).any()
    assert not function("passk_analytic_std")(torch.tensor([1.0, 1.0, 0.0]), 2).any()


@pytest.mark.parametrize(
    "name", ["pkpo_sloo", "all_subsets", "bon_mean", "conditional_max", "l2o_baseline", "leave_one_out_max"]
)
def test_rewards_whose_sums_overflow_raise(name):
    rewards = torch.tensor([[8e307, -8e307, 0.0, 1.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"differ by more than 1.1e\+307, so that sums overflow: rescale"):
        getattr(maxpo_bench.estimators, name)(rewards, 1)
