"""From a name or a function to an estimator with its K."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from maxpo_bench.estimators.checks import check_k, one
from maxpo_bench.estimators.spec import (
    ESTIMATORS,
    NOT_FUNCTIONS_OF_REWARDS,
    AdvantageFunction,
    Domain,
    Estimator,
    EstimatorSpec,
    Scale,
    first_line,
)
from maxpo_bench.registry import UnknownNameError, suggest


def get_estimator(name: str, k: int, **params: Any) -> Estimator:
    """Return the registered estimator ``name`` (or alias: ``maxpo``, ``pkpo``) for max@k.

    Args:
        name: see ``list_estimators``.
        k: objective size K >= 1.
        **params: the function's own parameters, e.g. ``eps`` and ``ddof`` of ``grpo``.

    Raises:
        UnknownNameError: no such name (it is a ValueError); the message suggests the nearest. Also for
            ``reinforce_entropy`` (alias ``entropy``) and ``entropy_adv``, which are no functions of the rewards
            alone: the message says where they are.
        TypeError: ``k`` is no integer, or a parameter is unknown.
        ValueError: ``k < 1``.
    """
    if name in NOT_FUNCTIONS_OF_REWARDS:
        raise UnknownNameError(f"{name!r} is not a function of the rewards alone: {NOT_FUNCTIONS_OF_REWARDS[name]}")
    spec = ESTIMATORS.get(name)
    for parameter in params:
        if parameter not in spec.parameters:
            hint = suggest(parameter, spec.parameters) or " It has none beside rewards and k."
            raise TypeError(f"estimator {spec.name!r} has no parameter {parameter!r}.{hint}")
    return Estimator(spec, k, params)


def list_estimators() -> list[EstimatorSpec]:
    """Return the specifications of all registered estimators: the built-in ones in the paper's order, then users'."""
    return [ESTIMATORS.get(name) for name in ESTIMATORS]


def as_estimator(
    estimator: str | Estimator | AdvantageFunction,
    k: int | None = None,
    *,
    scale: Scale | None = None,
    domain: Domain | None = None,
    name: str | None = None,
) -> Estimator:
    """Return an ``Estimator`` for a name, a plain function `f(rewards, k)` or an ``Estimator``.

    Args:
        estimator: what to wrap. A registered function keeps its specification.
        k: objective size; may be left out for an ``Estimator``.
        scale: declared scale, "K/n" or "1", in place of the specification's; "K/n" for a plain function if left out.
        domain: declared domain, "real" or "binary", likewise; "real" if left out.
        name: name in messages and tables, likewise; the function's own if left out.

    Raises:
        TypeError: none of the three forms, or no ``k``.
        ValueError: an ``Estimator`` made for another ``k``, an unknown name, scale or domain.
    """
    if isinstance(estimator, Estimator):
        if k is not None and check_k(k) != estimator.k:
            raise ValueError(f"{estimator.name!r} has k={estimator.k}, got k={k}: make it anew with get_estimator")
        return _redeclared(estimator, scale, domain, name)
    if not (isinstance(estimator, str) or callable(estimator)):
        raise TypeError(f"expected an estimator's name, an Estimator or a function f(rewards, k), got {estimator!r}")
    if k is None:
        raise TypeError("k is missing: give the objective size, e.g. as_estimator('ei_l2o', 4)")
    if isinstance(estimator, str):
        return _redeclared(get_estimator(estimator, k), scale, domain, name)
    return _redeclared(Estimator(_specification(estimator), k), scale, domain, name)


def _specification(function: AdvantageFunction) -> EstimatorSpec:
    for spec in list_estimators():
        if spec.function is function:
            return spec
    name = cast(str, getattr(function, "__name__", type(function).__name__))
    return EstimatorSpec(name, function, first_line(function), smallest_group=one)


def _redeclared(estimator: Estimator, scale: Scale | None, domain: Domain | None, name: str | None) -> Estimator:
    spec = estimator.spec
    new = replace(spec, scale=scale or spec.scale, domain=domain or spec.domain, name=name or spec.name)
    return estimator if new == spec else Estimator(new, estimator.k, estimator.params)
