"""Certificates of the built-in estimators, of tampered ones, and of ones that are no estimators at all."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from maxpo_bench.estimators import ei, ei_l2o, get_estimator, list_estimators, register_estimator
from maxpo_bench.estimators.spec import ESTIMATORS
from maxpo_bench.moments import CertificateError, certify
from maxpo_bench.moments.hidden import MIN_ARMS, MIN_SIGNAL, hidden_draws, hidden_instances
from maxpo_bench.moments.judge import kind_of, kind_of_all

GRID = [(4, 2), (5, 3), (6, 4), (4, 3)]
EXACT = ["ei", "ei_l2o", "pkpo_sloo", "pkpo_sloo_minus_one", "all_subsets"]
PROPORTIONAL = ["passk_analytic", "all_subsets_centered"]
BIASED = [
    "reinforce_l1o",
    "ei_l1o",
    "ei_mean_centered",
    "grpo",
    "dr_grpo",
    "passk_analytic_std",
    "bon_mean",
    "passk_top1",
]


def test_every_built_in_estimator_has_its_expected_kind_here():
    built_in = {spec.name for spec in list_estimators()}
    assert set(EXACT) | set(PROPORTIONAL) | set(BIASED) == built_in


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str):
    certificate = certify(name)
    assert certificate.kind == "exact"
    assert certificate.pairs == GRID
    assert certificate.worst_error < 1e-12
    assert certificate.cosine_min == pytest.approx(1.0, abs=1e-12)
    assert certificate.b95 == pytest.approx(19 * certificate.nsr, rel=1e-9)
    for result in certificate.results:
        assert result.moments.b95 == pytest.approx(19 * result.moments.nsr, rel=1e-9)


@pytest.mark.parametrize("name", PROPORTIONAL)
def test_proportional(name: str):
    """(n-K)/n of the canonical advantage under K/n, or K(n-K)/n^2 of it as a plain sum: the same constant."""
    certificate = certify(name)
    assert certificate.kind == "proportional"
    for n, k in GRID:
        assert certificate.constants[n, k] == pytest.approx((n - k) / n, rel=1e-12)
    other_scale = {"K/n": "1", "1": "K/n"}[certificate.scale]
    rescaled = certify(name, k=3, n=5, scale=other_scale)
    factor = 3 / 5 if other_scale == "K/n" else 5 / 3
    assert (rescaled.kind, rescaled.scale) == ("proportional", other_scale)
    assert rescaled.constants[5, 3] == pytest.approx(factor * 2 / 5, rel=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", BIASED)
def test_biased(name: str, seed: int):
    certificate = certify(name, seed=seed)
    assert certificate.kind == "biased"
    assert certificate.cosine_min < 0.999
    assert certificate.worst_residual > 0.01


@pytest.mark.parametrize("name", [spec.name for spec in list_estimators()])
def test_declared_properties_are_true(name: str):
    certificate = certify(name)
    assert certificate.is_equivariant
    for n, k in GRID:
        estimator = get_estimator(name, k=k)
        assert estimator.is_unbiased_at(n) == (certificate.kinds[n, k] == "exact")
        assert estimator.centered == (certificate.centring < 1e-12)


def test_reinforce_is_exact_for_the_mean_reward_and_says_so_elsewhere():
    assert certify("reinforce_l1o", k=1).kind == "exact"
    certificate = certify("reinforce_l1o", k=3, n=5)
    assert certificate.other_objectives == {(5, 3): 1}
    assert "follows grad J_1" in certificate.explain()


def test_grpo_without_its_deviation_is_proportional_for_the_mean_reward():
    certificate = certify("dr_grpo", k=1)
    assert certificate.kind == "proportional"
    assert all(constant == pytest.approx((n - 1) / n) for (n, _), constant in certificate.constants.items())
    assert certify("grpo", k=1).kind == "biased"


@pytest.mark.parametrize("n", [3, 4, 6])
def test_top_one_and_all_subsets_are_exact_where_k_is_n(n: int):
    for name in ("passk_top1", "all_subsets", "ei"):
        assert certify(name, k=n, n=n).kind == "exact"
        assert get_estimator(name, k=n).is_unbiased_at(n)


def test_vanishing_at_k_equal_to_n_is_null_not_proportional():
    assert certify("all_subsets_centered", k=4, n=4).kind == "null"


def test_dividing_by_the_deviation_is_proportional_only_where_one_group_pays():
    """With n = K + 1 the advantage of binary rewards is 0 unless one sample is right: one deviation, one constant."""
    certificate = certify("passk_analytic_std")
    assert certificate.kinds == {(4, 2): "biased", (5, 3): "biased", (6, 4): "biased", (4, 3): "proportional"}
    assert certificate.constants[4, 3] == pytest.approx(1 / math.sqrt(3))


def test_another_objective_is_biased():
    certificate = certify(lambda rewards, k: ei_l2o(rewards, k - 1))
    assert certificate.kind == "biased"
    assert certificate.other_objectives == {(n, k): k - 1 for n, k in GRID}


@pytest.mark.parametrize("factor", [1e-9, 1e9, 0.5])
def test_a_multiple_of_an_honest_estimator_is_proportional(factor: float):
    certificate = certify(lambda rewards, k: factor * ei_l2o(rewards, k))
    assert certificate.kind == "proportional"
    assert list(certificate.constants.values()) == [pytest.approx(factor, rel=1e-12)] * len(GRID)


def test_the_negative_of_an_honest_estimator_is_biased():
    certificate = certify(lambda rewards, k: -ei(rewards, k))
    assert certificate.kind == "biased"
    assert certificate.cosine_max == pytest.approx(-1.0)


@pytest.mark.parametrize("function", [lambda r, k: torch.zeros_like(r), lambda r, k: torch.full_like(r, 3.7)])
def test_zeros_and_constants_are_null(function):
    certificate = certify(function)
    assert certificate.kind == "null"
    assert (certificate.b95, certificate.eta(math.inf), certificate.cosine_max) == (math.inf, 0.0, 0.0)


def doubled_for_whole_rewards(rewards: Tensor, k: int) -> Tensor:
    whole = (rewards == rewards.round()).all(dim=-1, keepdim=True)
    return torch.where(whole, 2.0, 1.0) * ei_l2o(rewards, k)


def test_a_length_that_differs_by_bandit_is_a_direction():
    certificate = certify(doubled_for_whole_rewards)
    assert certificate.kind == "direction"
    assert certificate.cosine_min == pytest.approx(1.0)
    assert set(certificate.constants.values()) == {None}
    assert "c from 1 to 2" in certificate.explain()


def test_lengths_that_differ_by_a_millionth_are_a_direction():
    def stretched(rewards: Tensor, k: int) -> Tensor:
        whole = (rewards == rewards.round()).all(dim=-1, keepdim=True)
        return torch.where(whole, 1.0 + 1e-6, 1.0) * ei_l2o(rewards, k)

    assert certify(stretched).kind == "direction"


def test_a_mean_lost_in_noise_is_no_mean():
    """Aligned but 10^9 times smaller than the estimate's root mean square: null alone, biased beside honest bandits."""
    honest = certify("ei", k=2, n=4).results[0]
    mean = honest.moments.mean
    lost = replace(honest, moments=replace(honest.moments, total_variance=1e18 * float(mean @ mean)))
    assert kind_of([lost, lost]) == "null"
    assert kind_of([honest, lost]) == "biased"
    assert kind_of([honest, honest]) == "exact"


def test_zero_on_some_bandits_only_is_biased():
    def honest_for_whole_rewards(rewards: Tensor, k: int) -> Tensor:
        return (rewards == rewards.round()).all(dim=-1, keepdim=True) * ei_l2o(rewards, k)

    assert certify(honest_for_whole_rewards).kind == "biased"


def test_cheating_on_groups_without_ties_is_found():
    """Right on every group with a tie, that is on all bandits with fewer arms than n."""

    def cheat(rewards: Tensor, k: int) -> Tensor:
        distinct = (rewards.sort(dim=-1).values.diff(dim=-1) > 0).all(dim=-1, keepdim=True)
        return torch.where(distinct, (rewards - rewards.mean(dim=-1, keepdim=True)), ei_l2o(rewards, k))

    certificate = certify(cheat, k=2, n=5)
    assert certificate.kind == "biased"
    honest_with_ties = [result for result in certificate.results if result.instance.num_arms < 5]
    assert max(result.residual for result in honest_with_ties) < 1e-12


@pytest.mark.parametrize("size", [1e-3, 1e-6])
def test_a_tiny_perturbation_that_depends_on_position_is_found(size: float):
    def perturbed(rewards: Tensor, k: int) -> Tensor:
        advantages = ei_l2o(rewards, k)
        advantages[..., 0] += size * rewards[..., 0] ** 2
        return advantages

    certificate = certify(perturbed)
    assert certificate.kind == "biased"
    assert not certificate.is_equivariant
    assert 0.001 * size < certificate.worst_residual < 1000 * size
    assert "ordered action tuples" in certificate.explain()


def test_a_perturbation_by_position_that_no_reward_enters_is_found_and_harmless():
    def perturbed(rewards: Tensor, k: int) -> Tensor:
        return ei_l2o(rewards, k) + 1e-6 * torch.arange(rewards.shape[-1], dtype=rewards.dtype)

    certificate = certify(perturbed)
    assert certificate.kind == "exact"
    assert not certificate.is_equivariant


def test_float32_inside_is_recognised():
    certificate = certify(lambda rewards, k: ei_l2o(rewards.float(), k).double())
    assert certificate.kind == "biased"
    assert "float32" in certificate.explain()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda r, k: r / (r - r.mean(dim=-1, keepdim=True)).abs().sum(dim=-1, keepdim=True), "not finite"),
        (lambda r, k: r.mean(dim=-1), "shape .*1.* 4"),
        (lambda r, k: r.float(), "torch.float32 for torch.float64"),
        (lambda r, k: r.numpy(), "ndarray"),
        (lambda r, k: r.no_such_method(), "raises AttributeError"),
        (lambda r, k: r.sub_(1.0), "changes its input"),
        (lambda r, k: r - r.mean(), "in a batch of"),
        (lambda r, k: r + torch.rand(r.shape, generator=RANDOM, dtype=r.dtype), "random numbers"),
    ],
)
def test_what_is_no_estimator_is_refused_with_an_example(function, message: str):
    with pytest.raises(CertificateError, match=message) as caught:
        certify(function, k=2, n=4)
    assert "rewards=[" in str(caught.value)


RANDOM = torch.Generator().manual_seed(5)


def test_the_failing_example_is_the_smallest():
    def picky(rewards: Tensor, k: int) -> Tensor:
        if ((rewards == 1).sum(dim=-1) >= 2).any():
            raise RuntimeError("two ones")
        return rewards

    with pytest.raises(CertificateError, match=r"raises RuntimeError: two ones for rewards=\[1, 1, 1, 1\]") as caught:
        certify(picky, k=2, n=4, domain="binary")
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert isinstance(caught.value, ValueError)


def test_a_failure_of_the_whole_batch_alone_is_refused_too():
    def single_rows(rewards: Tensor, k: int) -> Tensor:
        if len(rewards) > 1:
            raise RuntimeError("one row only")
        return rewards

    with pytest.raises(CertificateError, match="a batch of shape"):
        certify(single_rows, k=2, n=4)


def test_all_forms_of_an_estimator_give_the_same_certificate():
    forms = ["ei_l2o", "maxpo", get_estimator("ei_l2o", k=3), ei_l2o, lambda k: get_estimator("ei_l2o", k)]
    certificates = [certify(form, k=3, n=5) for form in forms]
    assert {each.kind for each in certificates} == {"exact"}
    assert len({each.worst_error for each in certificates}) == 1
    assert certify(get_estimator("ei_l2o", k=3)).pairs == [(4, 3), (5, 3), (6, 3)]


def test_a_users_registered_estimator_is_certified_by_name():
    @register_estimator("certificate_test", scale="1", min_group_size=lambda k: k)
    def plain_sum(rewards: Tensor, k: int) -> Tensor:
        """EI as a plain sum."""
        return k / rewards.shape[-1] * ei(rewards, k)

    try:
        certificate = certify("certificate_test")
    finally:
        ESTIMATORS.unregister("certificate_test")
    assert (certificate.kind, certificate.scale, certificate.name) == ("exact", "1", "certificate_test")


def test_the_declared_scale_counts():
    assert certify(ei, scale="1", k=2, n=4).constants == {(4, 2): pytest.approx(2.0)}
    assert certify("ei", scale="1", k=2, n=4).kind == "proportional"
    assert certify("ei", domain="binary", k=2, n=4).domain == "binary"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"estimator": ei, "scale": "1/n"}, "scale must be 'K/n' or '1'"),
        ({"estimator": ei, "domain": "complex"}, "domain must be"),
        ({"estimator": "ei_l20"}, "ei_l2o"),
        ({"estimator": get_estimator("ei", k=3), "k": 2}, "made for k=3"),
        ({"estimator": "ei_l2o", "k": 4, "n": 4}, "ei_l2o"),
        ({"estimator": "ei_l2o", "n": 1}, "give both"),
        ({"estimator": lambda k: 3.0, "k": 2}, "factory"),
        ({"estimator": ei, "k": 2, "n": 900}, "multisets"),
    ],
)
def test_bad_arguments_say_what_to_do(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        certify(**arguments)


def test_what_is_not_callable_is_a_type_error():
    with pytest.raises(TypeError, match="certify takes"):
        certify(3)  # type: ignore[arg-type]


def test_group_sizes_by_default():
    assert certify("ei", n=6).pairs == [(6, 2), (6, 3), (6, 5)]
    assert certify(ei, k=7).pairs == [(8, 7), (9, 7), (10, 7)]
    assert certify("ei", min_group_size=lambda k: k + 2).pairs == [(4, 2), (5, 3), (6, 4)]


def honest_where(condition):
    """EI + L2O where a condition on the groups holds, the mean's advantages elsewhere."""

    def advantages(rewards: Tensor, k: int) -> Tensor:
        return torch.where(condition(rewards), ei_l2o(rewards, k), rewards - rewards.mean(dim=-1, keepdim=True))

    return advantages


def has_a_tie(rewards: Tensor) -> Tensor:
    return (rewards.sort(dim=-1).values.diff(dim=-1) == 0).any(dim=-1, keepdim=True)


def has_few_values(rewards: Tensor) -> Tensor:
    return (rewards.sort(dim=-1).values.diff(dim=-1) > 0).sum(dim=-1, keepdim=True) < 5


def is_whole(rewards: Tensor) -> Tensor:
    return (rewards == rewards.round()).all(dim=-1, keepdim=True)


@pytest.mark.parametrize(
    ("condition", "is_seen_by_enumeration"), [(has_a_tie, False), (has_few_values, False), (is_whole, True)]
)
def test_honest_on_some_groups_of_32_only_is_found(condition, is_seen_by_enumeration: bool):
    certificate = certify(honest_where(condition), k=8, n=32)
    assert certificate.kind == "biased"
    assert certificate.constants == {(32, 8): None}
    assert (certificate.enumerated_kinds[32, 8] == "biased") is is_seen_by_enumeration
    if is_seen_by_enumeration:
        return
    text = certificate.explain()
    assert "exact in expectation on the small bandits, which hides it" in text
    [pair] = json.loads(json.dumps(certificate.to_dict(), allow_nan=False))["pairs"]
    assert (pair["kind"], pair["constant"]) == ("biased", None)
    assert 0 < pair["identity"]["violations"] < pair["identity"]["draws"]
    smallest = torch.tensor(pair["identity"]["smallest"])
    assert smallest.shape == (33,)
    failing = [torch.tensor(each.rewards) for each in certificate.violations[32, 8]]
    assert len(smallest.unique()) == min(len(rewards.unique()) for rewards in failing)


def test_honest_for_small_groups_only_is_found_at_the_large_ones():
    def advantages(rewards: Tensor, k: int) -> Tensor:
        return ei_l2o(rewards, k) if rewards.shape[-1] <= 6 else rewards - rewards.mean(dim=-1, keepdim=True)

    assert certify(advantages).kind == "exact"
    assert certify(advantages, pairs=[*GRID, (8, 2)]).kind == "biased"
    assert certify(advantages, pairs=[*GRID, (32, 8)]).kind == "biased"


def test_a_signal_without_ties_only_is_no_null():
    certificate = certify(lambda rewards, k: ~has_a_tie(rewards) * ei(rewards, k), k=8, n=32)
    assert certificate.enumerated_kinds == {(32, 8): "null"}
    assert certificate.kind == "biased"


@pytest.mark.parametrize("name", ["ei", "all_subsets", "passk_analytic"])
@pytest.mark.parametrize(("n", "k"), [(24, 20), (32, 1), (32, 8)])
def test_large_groups_are_certified_with_and_without_ties(name: str, n: int, k: int):
    certificate = certify(name, k=k, n=n)
    assert certificate.kind == ("proportional" if name == "passk_analytic" else "exact")
    assert certificate.violations == {(n, k): []}
    identity = certificate.to_dict()["pairs"][0]["identity"]
    assert identity["draws"] == len(hidden_draws(n, "real", np.random.default_rng(0)))
    assert identity["largest_error"] < 1e-10


@pytest.mark.parametrize(("n", "domain"), [(4, "real"), (32, "real"), (32, "binary")])
def test_hidden_draws(n: int, domain: str):
    draws = hidden_draws(n, domain, np.random.default_rng(n))
    binary = draws[((draws == 0) | (draws == 1)).all(axis=1)]
    assert set(binary.sum(axis=1)) == set(range(n + 2))
    different = np.array([len(np.unique(row)) for row in draws])
    if domain == "binary":
        assert len(binary) == len(draws) == n + 2
    else:
        assert (different == n + 1).sum() >= 24
        assert len(set(different)) > 3
        assert (draws > 3).all(axis=1).any()
        assert (draws < 0).all(axis=1).any()


def test_certificates_are_reproducible_and_differ_by_seed():
    first, again, other = (certify("ei_l1o", seed=seed).to_dict() for seed in (3, 3, 4))
    assert first == again
    assert first["cosine_min"] != other["cosine_min"]


@pytest.mark.parametrize("name", ["ei_l2o", "grpo", "passk_analytic_std"])
def test_certificate_as_json(name: str):
    data = json.loads(json.dumps(certify(name).to_dict(), allow_nan=False))
    assert len(data["instances"]) == (16 if name == "passk_analytic_std" else 28)
    assert [(pair["n"], pair["k"]) for pair in data["pairs"]] == GRID
    has_constant = {"ei_l2o": 4, "grpo": 0, "passk_analytic_std": 1}[name]
    identities = [pair["identity"] for pair in data["pairs"] if pair["identity"] is not None]
    assert [identity["violations"] for identity in identities] == [0] * has_constant


def test_null_certificate_as_json_has_none_for_infinity():
    data = json.loads(json.dumps(certify(lambda r, k: 0 * r).to_dict(), allow_nan=False))
    assert data["kind"] == "null"
    assert data["b95"] is None
    assert data["pairs"][0]["constant"] is None


@pytest.mark.parametrize("domain", ["real", "binary"])
@pytest.mark.parametrize(("n", "k"), GRID)
def test_hidden_bandits(n: int, k: int, domain: str):
    instances = hidden_instances(n, k, domain, np.random.default_rng(n))
    assert all(instance.num_arms >= MIN_ARMS for instance in instances)
    contextual = [instance for instance in instances if instance.num_questions > 1]
    assert min(float(np.linalg.norm(instance.gradient(k))) for instance in contextual) >= MIN_SIGNAL
    for instance in contextual:
        assert set(np.unique(instance.arm_rewards)) == {0.0, 1.0}
        assert len(np.unique(instance.arm_rewards @ instance.policy)) > 1
    if domain == "binary":
        assert len(contextual) == len(instances) == 4
        return
    ordinary = [instance for instance in instances if instance.num_questions == 1]
    distinct = [instance for instance in ordinary if len(np.unique(instance.arm_rewards)) >= n]
    assert len(distinct) >= 2
    assert any(len(np.unique(instance.arm_rewards)) < instance.num_arms for instance in ordinary)
    assert any(instance.arm_rewards.max() < 0 for instance in ordinary)
    for instance in instances:
        signal = np.linalg.norm(instance.gradients(k), axis=1) / np.ptp(instance.arm_rewards, axis=1)
        assert signal.min() >= MIN_SIGNAL


def test_the_weakest_kind_counts():
    assert kind_of_all(["exact", "exact"]) == "exact"
    assert kind_of_all(["exact", "proportional"]) == "proportional"
    assert kind_of_all(["direction", "proportional"]) == "direction"
    assert kind_of_all(["exact", "biased", "direction"]) == "biased"
    assert kind_of_all(["null", "null"]) == "null"
    assert kind_of_all(["null", "exact"]) == "biased"


def test_scale_may_be_written_in_lower_case_and_pairs_replace_k_and_n() -> None:
    found = certify(lambda rewards, k: ei_l2o(rewards, k), scale="k/n", pairs=[(4, 3), (5, 2)])
    assert (found.kind, found.scale, found.pairs) == ("exact", "K/n", [(4, 3), (5, 2)])
    with pytest.raises(ValueError, match="either pairs"):
        certify("ei", k=2, pairs=[(4, 2)])
    with pytest.raises(ValueError, match="either pairs"):
        certify("ei", pairs=[])
