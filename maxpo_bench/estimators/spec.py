"""The registry of estimators: what each declares, and the object that binds one to an objective size K."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from maxpo_bench.estimators.checks import (
    SmallestGroup,
    check_group_size,
    check_k,
    check_rewards,
    k_samples_and_another,
    one,
)
from maxpo_bench.registry import Registry, UnknownNameError

AdvantageFunction = Callable[..., Tensor]
Scale = Literal["K/n", "1"]
Domain = Literal["real", "binary"]
UnbiasedAt = Literal["every K", "K=1", "K=n", "no K"]

SCALES: tuple[Scale, ...] = ("K/n", "1")
DOMAINS: tuple[Domain, ...] = ("real", "binary")
AGENTS_ONLY = {"reinforce_entropy": "reinforce_l1o", "entropy": "reinforce_l1o"}


@dataclass(frozen=True)
class EstimatorSpec:
    """What is declared of an advantage estimator.

    Attributes:
        name: its name in the registry.
        function: ``function(rewards, k, **params)``, rewards `[..., n]` to advantages `[..., n]`.
        scale: factor in front of sum_i A_i s_i under which the expectation is the gradient of J_K if the estimator is
            unbiased: "K/n", or "1" for a plain sum. s_i is the score of sample i.
        unbiased_at: for which objective sizes that expectation is the gradient of J_K, exactly.
        centered: is sum_i A_i = 0 for every group?
        domain: rewards it is defined for, "real" or "binary" (0 and 1).
        relation: to the canonical advantage A = R - V (Eq 8).
        smallest_group: smallest group size as a function of K.
        k_range: range of K in words.
        uses_k: does the formula depend on K?
        paper: where it was published.
        equation: where in that paper.
        summary: one line.
        aliases: other names.
    """

    name: str
    function: AdvantageFunction
    summary: str = ""
    relation: str = ""
    paper: str = ""
    equation: str = ""
    scale: Scale = "K/n"
    unbiased_at: UnbiasedAt = "no K"
    centered: bool = False
    domain: Domain = "real"
    smallest_group: SmallestGroup = k_samples_and_another
    k_range: str = ""
    uses_k: bool = True
    aliases: tuple[str, ...] = ()

    def min_group_size(self, k: int) -> int:
        """Return the smallest group size at objective size ``k``."""
        return self.smallest_group(k)

    @property
    def unbiased(self) -> bool:
        """Is it unbiased for the gradient of J_K at every K of its range?"""
        return self.unbiased_at == "every K"


ESTIMATORS: Registry[EstimatorSpec] = Registry("estimator")


def register_spec(spec: EstimatorSpec) -> EstimatorSpec:
    """Register what is declared of an estimator under its name and aliases.

    Raises:
        ValueError: a name is taken.
    """
    return ESTIMATORS.register(spec.name, spec, aliases=spec.aliases)


@dataclass(frozen=True)
class Estimator:
    """An estimator bound to an objective size: call it with rewards `[..., n]`, get advantages `[..., n]`.

    Attributes:
        spec: what is declared of it.
        k: objective size K.
        params: further arguments of the function (``eps`` of GRPO, say).
    """

    spec: EstimatorSpec
    k: int
    params: dict[str, Any] = field(default_factory=dict[str, Any])

    def __call__(self, rewards: Tensor) -> Tensor:
        """Return the advantages of groups of rewards.

        Args:
            rewards: `[..., n]`.

        Raises:
            ValueError: the group is too small for K, or the rewards are outside the domain.
            TypeError: rewards are no real tensor.
        """
        check_rewards(rewards)
        self.check_group_size(rewards.shape[-1])
        return self.spec.function(rewards, self.k, **self.params)

    @property
    def name(self) -> str:
        """Name in the registry, or the name given to a user's function."""
        return self.spec.name

    @property
    def scale(self) -> Scale:
        """Declared scale, "K/n" or "1"."""
        return self.spec.scale

    @property
    def domain(self) -> Domain:
        """Rewards it is defined for, "real" or "binary"."""
        return self.spec.domain

    @property
    def unbiased(self) -> bool:
        """Is it declared unbiased for the gradient of J_K at this K, for every group size?"""
        return self.spec.unbiased or (self.spec.unbiased_at == "K=1" and self.k == 1)

    @property
    def centered(self) -> bool:
        """Is it declared centred?"""
        return self.spec.centered

    @property
    def min_group_size(self) -> int:
        """Smallest group size at this K."""
        return self.spec.min_group_size(self.k)

    def check_group_size(self, n: int) -> None:
        """Raise unless groups of ``n`` samples are large enough.

        Raises:
            ValueError: with the remedy.
        """
        check_group_size(self.name, n, self.k, self.min_group_size)

    def scale_factor(self, n: int) -> float:
        """Return the factor before sum_i A_i s_i for groups of ``n``: K/n, or 1."""
        return self.k / n if self.scale == "K/n" else 1.0


def get_estimator(name: str, k: int, **params: Any) -> Estimator:
    """Return a registered estimator bound to an objective size.

    Args:
        name: name or alias; `list_estimators` lists them.
        k: objective size, an integer >= 1.
        params: further arguments of the function, e.g. ``eps`` and ``ddof`` of ``grpo``.

    Raises:
        UnknownNameError: no such estimator; the message suggests the nearest.
        TypeError: ``k`` is no integer, or the function has no such argument.
        ValueError: ``k < 1``.
    """
    if name in AGENTS_ONLY and name not in ESTIMATORS:
        raise UnknownNameError(
            f"{name!r} is an agent, not a function of rewards: its advantage is {AGENTS_ONLY[name]!r}, "
            "its entropy bonus is in the loss; use maxpo_bench.agents.make_agent"
        )
    spec = ESTIMATORS.get(name)
    _check_params(spec, params)
    return Estimator(spec, check_k(k), dict(params))


def _check_params(spec: EstimatorSpec, params: dict[str, Any]) -> None:
    import inspect

    known = list(inspect.signature(spec.function).parameters)[2:]
    for key in params:
        if key not in known:
            allowed = f"it takes {', '.join(known)}" if known else "it takes none beside rewards and k"
            raise TypeError(f"estimator {spec.name!r} has no parameter {key!r}: {allowed}")


def list_estimators() -> list[EstimatorSpec]:
    """Return what is declared of every registered estimator, in the order of registration."""
    return [ESTIMATORS.get(name) for name in ESTIMATORS]


def register_estimator(
    name: str,
    *,
    scale: Scale = "K/n",
    unbiased: bool | UnbiasedAt = False,
    centered: bool = False,
    domain: Domain = "real",
    relation: str = "",
    min_group_size: SmallestGroup = k_samples_and_another,
    aliases: Sequence[str] = (),
    paper: str = "",
    equation: str = "",
    summary: str = "",
) -> Callable[[AdvantageFunction], AdvantageFunction]:
    """Register ``function(rewards, k)`` under a name; use as a decorator.

    Args:
        name: unique name.
        scale: see `EstimatorSpec`.
        unbiased: declared, not checked here: `maxpo_bench.moments.certify` checks it. True means for every K.
        centered: see `EstimatorSpec`.
        domain: see `EstimatorSpec`.
        relation: see `EstimatorSpec`.
        min_group_size: smallest n as a function of K; K + 1 by default.
        aliases: other names.
        paper: where it was published.
        equation: where in that paper.
        summary: one line; the first line of the docstring by default.

    Raises:
        ValueError: a name is taken, or scale or domain is none of the known ones.
    """
    _check_choice("scale", scale, SCALES)
    _check_choice("domain", domain, DOMAINS)
    unbiased_at: UnbiasedAt = ("every K" if unbiased else "no K") if isinstance(unbiased, bool) else unbiased

    def register(function: AdvantageFunction) -> AdvantageFunction:
        first_line = (function.__doc__ or "").strip().split("\n")[0]
        spec = EstimatorSpec(
            name=name,
            function=function,
            scale=scale,
            unbiased_at=unbiased_at,
            centered=centered,
            domain=domain,
            relation=relation,
            smallest_group=min_group_size,
            paper=paper,
            equation=equation,
            summary=summary or first_line,
            aliases=tuple(aliases),
        )
        register_spec(spec)
        return function

    return register


def as_estimator(
    function: AdvantageFunction | Estimator | str,
    k: int,
    *,
    scale: Scale = "K/n",
    domain: Domain = "real",
    name: str | None = None,
) -> Estimator:
    """Return an `Estimator` for a name, an estimator (rebound to ``k``) or a plain function ``f(rewards, k)``.

    Args:
        function: what to wrap.
        k: objective size.
        scale: declared scale of a plain function.
        domain: rewards a plain function is defined for.
        name: name of a plain function; its ``__name__`` by default.

    Raises:
        TypeError: ``function`` is none of these, or ``k`` no integer.
        ValueError: ``k < 1``, or scale or domain is none of the known ones.
    """
    if isinstance(function, str):
        return get_estimator(function, k)
    if isinstance(function, Estimator):
        return Estimator(function.spec, check_k(k), function.params)
    if not callable(function):
        raise TypeError(f"expected an estimator's name or a function f(rewards, k), got {function!r}")
    _check_choice("scale", scale, SCALES)
    _check_choice("domain", domain, DOMAINS)
    spec = EstimatorSpec(
        name=name or getattr(function, "__name__", type(function).__name__),
        function=function,
        scale=scale,
        unbiased_at="no K",
        centered=False,
        domain=domain,
        relation="",
        smallest_group=one,
        paper="",
        equation="",
        summary="",
    )
    return Estimator(spec, check_k(k))


def _check_choice(what: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{what} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
