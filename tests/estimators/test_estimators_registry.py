"""The registry: complete declarations, true ones, lookup by name, function and object, and users' own estimators."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Iterator

import pytest
import torch
from estimator_cases import BINARY, NAMES, PIECES, SMALLEST, function, sample, sizes
from torch import Tensor

from maxpo_bench import estimators
from maxpo_bench.estimators import (
    ESTIMATORS,
    Estimator,
    EstimatorSpec,
    UnknownNameError,
    as_estimator,
    get_estimator,
    list_estimators,
    register_estimator,
)
from maxpo_bench.estimators.reference import ei_dense, l2o_dense

TABLE = [
    "reinforce_l1o",
    "ei",
    "ei_l1o",
    "ei_l2o",
    "pkpo_sloo",
    "pkpo_sloo_minus_one",
    "passk_analytic",
    "passk_analytic_std",
    "all_subsets",
    "all_subsets_centered",
    "bon_mean",
    "ei_mean_centered",
    "grpo",
    "dr_grpo",
    "passk_top1",
]


def own(rewards: Tensor, k: int, power: float = 1.0) -> Tensor:
    """Pay the reward itself.

    More text.
    """
    return rewards**power


@pytest.fixture
def registered() -> Iterator[str]:
    register_estimator("mine", aliases=("my_alias",))(own)
    yield "mine"
    ESTIMATORS.unregister("mine")


def test_names_are_those_of_the_table_in_its_order() -> None:
    assert [spec.name for spec in list_estimators()] == TABLE == NAMES
    assert all(getattr(estimators, name) is ESTIMATORS.get(name).function for name in TABLE)


@pytest.mark.parametrize("name", NAMES)
def test_declarations_are_complete(name: str) -> None:
    spec = ESTIMATORS.get(name)
    for field in ("summary", "relation", "paper", "equation", "k_range"):
        assert getattr(spec, field), field
    assert re.search(r"\d{4}", spec.paper)
    assert "Eq" in spec.equation or "Sec" in spec.equation or "K = n" in spec.equation
    assert list(inspect.signature(spec.function).parameters)[:2] == ["rewards", "k"]
    assert spec.min_group_size(3) == SMALLEST[name](3)
    assert spec.uses_k == (name not in {"reinforce_l1o", "grpo", "dr_grpo", "passk_top1"})


@pytest.mark.parametrize(
    "call", [*(function(name) for name in [*NAMES, *PIECES]), ei_dense, l2o_dense], ids=lambda f: f.__name__
)
def test_docstrings_say_what_a_user_needs(call: object) -> None:
    text = inspect.getdoc(call)
    assert text is not None
    for part in ("Return", "[...", "Args:", "Raises:", "Smallest n: ", "ValueError:", "TypeError:", "rewards:", "K"):
        assert part in text, part
    assert re.search(r"arXiv \d{4}\.\d{5}", text.replace("\n", " ")), "no paper"
    assert re.search(r"Eq\. \d|Sec\. \d|appendix|K = n", text), "no equation"


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_state_the_scale_and_bias_that_are_declared(name: str) -> None:
    spec, text = ESTIMATORS.get(name), " ".join((inspect.getdoc(function(name)) or "").split())
    stated = re.search(r"Scale (K/n|1/n|1)\b", text)
    assert stated is not None
    assert (stated[1] == "1") == (spec.scale == "1")
    assert ("unbiased for every K" in text) == spec.unbiased
    claims = {
        "K=1": "unbiased at K = 1 only",
        "K=n": "unbiased at K = n only",
        "no K": "for no K|not unbiased for any K",
    }
    if not spec.unbiased:
        assert re.search(claims[spec.unbiased_at], text)
    if spec.centered:
        assert "xactly centred" in text or "z-score" in text


def test_everything_public_is_documented_and_listed() -> None:
    assert estimators.__all__ == sorted(estimators.__all__, key=lambda s: (s.upper() != s, not s[0].isupper(), s))
    for name in estimators.__all__:
        value = getattr(estimators, name)
        assert inspect.getdoc(value), name


@pytest.mark.parametrize("name", NAMES)
def test_declared_centring_is_true(name: str) -> None:
    values = sample(name, 9, seed=3, batch=(50,))
    sums = torch.stack([function(name)(values, k).sum(-1).abs().max() for k in sizes(name, 9)[1:]])
    assert bool((sums < 1e-12).all()) == ESTIMATORS.get(name).centered


@pytest.mark.parametrize(
    ("name", "k", "n", "expected"), [("ei_l2o", 4, 16, 0.25), ("pkpo_sloo", 4, 16, 1.0), ("ei", 3, 3, 1.0)]
)
def test_scale_factor(name: str, k: int, n: int, expected: float) -> None:
    assert get_estimator(name, k).scale_factor(n) == expected


def test_scale_factor_needs_a_group_that_is_large_enough() -> None:
    with pytest.raises(ValueError, match="k=4 needs at least 5 samples"):
        get_estimator("ei_l2o", 4).scale_factor(4)


def test_bias_is_declared_by_objective_size() -> None:
    unbiased = {"ei", "ei_l2o", "pkpo_sloo", "pkpo_sloo_minus_one", "all_subsets"}
    for spec in list_estimators():
        assert spec.unbiased == (spec.name in unbiased)
        assert get_estimator(spec.name, 3).unbiased == (spec.name in unbiased)
        assert get_estimator(spec.name, 1).unbiased == (spec.name in unbiased | {"reinforce_l1o", "ei_l1o"})
    top = get_estimator("passk_top1", 4)
    assert [top.is_unbiased_at(n) for n in (3, 4, 5)] == [False, True, False]
    assert [get_estimator("ei_l2o", 4).is_unbiased_at(n) for n in (4, 5, 16)] == [False, True, True]


@pytest.mark.parametrize("name", NAMES)
def test_estimator_is_its_function_with_k_fixed(name: str) -> None:
    estimator, values = get_estimator(name, 2), sample(name, 7, batch=(3,))
    spec = ESTIMATORS.get(name)
    assert torch.equal(estimator(values), function(name)(values, 2))
    assert (estimator.name, estimator.k, estimator.scale) == (name, 2, spec.scale)
    assert (estimator.centered, estimator.domain) == (spec.centered, spec.domain)
    assert estimator.min_group_size == SMALLEST[name](2)
    assert (estimator.domain == "binary") == (name in BINARY)


@pytest.mark.parametrize("name", NAMES)
def test_estimators_pickle_copy_compare_and_hash(name: str) -> None:
    params = {"eps": 0.5} if name == "grpo" else {}
    estimator = get_estimator(name, 3, **params)
    for other in (pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):
        assert other == estimator
        assert hash(other) == hash(estimator)
    assert get_estimator(name, 4, **params) != estimator


def test_aliases() -> None:
    assert get_estimator("maxpo", 4) == get_estimator("ei_l2o", 4)
    assert get_estimator("pkpo", 4) == get_estimator("ei", 4)
    assert ESTIMATORS.get("ei_l2o").aliases == ("maxpo",)
    assert ESTIMATORS.aliases("ei") == ["pkpo"]


@pytest.mark.parametrize("name", ["entropy", "reinforce_entropy"])
def test_the_entropy_agent_is_pointed_to(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"is an agent.*make_agent.*reinforce_l1o"):
        get_estimator(name, 4)
    with pytest.raises(ValueError, match="reserved"):
        register_estimator(name)(own)
    with pytest.raises(ValueError, match="reserved"):
        register_estimator("mine", aliases=(name,))(own)


def test_the_per_token_method_is_pointed_to() -> None:
    with pytest.raises(UnknownNameError, match=r"per token.*entropy_adv\(rewards, token_entropy, mask\)"):
        get_estimator("entropy_adv", 4)


def test_unknown_names_and_parameters_suggest_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'ei_l2o'"):
        get_estimator("ei_l20", 4)
    with pytest.raises(TypeError, match=r"'grpo' has no parameter 'epss'.*Did you mean 'eps'"):
        get_estimator("grpo", 4, epss=1.0)
    with pytest.raises(TypeError, match=r"has no parameter 'eps'\. It has none"):
        get_estimator("ei", 4, eps=1.0)


@pytest.mark.parametrize("k", [0, -3])
def test_wrong_sizes_raise_when_the_estimator_is_made(k: int) -> None:
    with pytest.raises(ValueError, match="k must be an integer"):
        get_estimator("ei", k)
    with pytest.raises(TypeError, match="k must be an integer"):
        get_estimator("ei", 2.0)


def test_parameters_reach_the_function_and_are_copied() -> None:
    params = {"eps": 0.25, "ddof": 0}
    estimator = get_estimator("grpo", 4, **params)
    values = sample("grpo", 6)
    assert torch.equal(estimator(values), estimators.grpo(values, eps=0.25, ddof=0))
    assert estimator.params == params
    assert estimator.spec.parameters == ("eps", "ddof")


def test_users_own_estimator(registered: str) -> None:
    spec = ESTIMATORS.get("my_alias")
    assert spec.summary == "Pay the reward itself."
    assert (spec.scale, spec.unbiased, spec.centered, spec.domain) == ("K/n", False, False, "real")
    assert spec.min_group_size(3) == 4
    assert list_estimators()[-1] is spec
    estimator = get_estimator(registered, 2, power=2.0)
    assert estimator(torch.tensor([1.0, 2.0, 3.0])).tolist() == [1.0, 4.0, 9.0]
    with pytest.raises(ValueError, match="k=2 needs at least 3 samples per group for mine, got 2"):
        estimator(torch.zeros(2))
    assert as_estimator(own, 2).spec is spec


def test_declarations_of_users_own_estimator() -> None:
    decorate = register_estimator(
        "declared",
        scale="1",
        unbiased=True,
        centered=True,
        domain="binary",
        min_group_size=3,
        paper="a paper",
        equation="Eq. 1",
        summary="short",
        relation="none",
    )
    try:
        assert decorate(own) is own
        spec = ESTIMATORS.get("declared")
        assert (spec.scale, spec.unbiased, spec.centered, spec.domain) == ("1", True, True, "binary")
        assert (spec.paper, spec.equation, spec.summary, spec.relation) == ("a paper", "Eq. 1", "short", "none")
        assert spec.min_group_size(7) == 3
        assert pickle.loads(pickle.dumps(spec)) == spec
    finally:
        ESTIMATORS.unregister("declared")


def test_names_that_are_taken_raise(registered: str) -> None:
    for name, aliases in (("ei", ()), ("maxpo", ()), (registered, ()), ("new", ("pkpo",)), ("new", ("new",))):
        with pytest.raises(ValueError, match="registered already"):
            register_estimator(name, aliases=aliases)(own)
    assert "new" not in ESTIMATORS


def test_wrong_declarations_raise() -> None:
    with pytest.raises(ValueError, match="scale of estimator 'bad' must be one of 'K/n', '1', got 'n'"):
        register_estimator("bad", scale="n")(own)
    with pytest.raises(ValueError, match="domain of estimator 'bad' must be one of 'real', 'binary', got 'int'"):
        register_estimator("bad", domain="int")(own)
    with pytest.raises(ValueError, match="unbiased_at"):
        EstimatorSpec("bad", own, unbiased_at="K=2")
    assert "bad" not in ESTIMATORS


def test_plain_functions_are_wrapped() -> None:
    estimator = as_estimator(own, 3, scale="1", domain="binary", name="shown")
    assert (estimator.name, estimator.scale, estimator.domain, estimator.k) == ("shown", "1", "binary", 3)
    assert estimator.min_group_size == 1
    assert not estimator.unbiased
    plain = as_estimator(own, 3)
    assert (plain.name, plain.scale, plain.domain) == ("own", "K/n", "real")
    assert plain(torch.tensor([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert as_estimator(lambda rewards, k: rewards * k, 3)(torch.ones(2)).tolist() == [3.0, 3.0]


def test_wrapped_results_are_detached_and_checked() -> None:
    values = torch.ones(4, requires_grad=True)
    assert not as_estimator(own, 1)(values).requires_grad
    with pytest.raises(ValueError, match=r"one advantage per reward: got shape \(\) for rewards of shape \(4,\)"):
        as_estimator(lambda rewards, k: rewards.sum(), 1, name="sum")(values)
    with pytest.raises(TypeError, match=r"must return a torch\.Tensor, got list"):
        as_estimator(lambda rewards, k: rewards.tolist(), 1)(values)


def test_names_functions_and_estimators_are_all_taken() -> None:
    estimator = get_estimator("ei_l2o", 4)
    assert as_estimator("maxpo", 4) == estimator
    assert as_estimator(estimators.ei_l2o, 4) == estimator
    assert as_estimator(estimator) is estimator
    assert as_estimator(estimator, 4) is estimator
    assert as_estimator(estimators.pkpo_sloo, 2).scale == "1"
    assert as_estimator("pkpo_sloo", 2, scale="K/n").scale == "K/n"
    assert as_estimator(estimator, name="other").name == "other"
    grpo = get_estimator("grpo", 2, eps=0.5)
    assert as_estimator(grpo, scale="1").params == {"eps": 0.5}


def test_what_cannot_be_wrapped_raises() -> None:
    with pytest.raises(ValueError, match="'ei_l2o' has k=4, got k=3"):
        as_estimator(get_estimator("ei_l2o", 4), 3)
    with pytest.raises(TypeError, match="k is missing"):
        as_estimator("ei")
    with pytest.raises(TypeError, match="expected an estimator's name"):
        as_estimator(3, 4)
    with pytest.raises(ValueError, match="scale of estimator"):
        as_estimator(own, 3, scale="n")
    with pytest.raises(UnknownNameError, match="Did you mean"):
        as_estimator("maxp", 3)


def test_estimator_checks_its_input() -> None:
    with pytest.raises(TypeError, match=r"torch\.as_tensor"):
        as_estimator(own, 1)([1.0])
    with pytest.raises(ValueError, match="last axis"):
        Estimator(ESTIMATORS.get("ei"), 1)(torch.tensor(1.0))
