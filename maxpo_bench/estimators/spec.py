"""What is declared of an estimator, the object that fixes its K, and the registry of all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast, get_args

from torch import Tensor

from maxpo_bench.estimators.checks import (
    SmallestGroup,
    check_group_size,
    check_k,
    check_rewards,
    k_samples_and_another,
)
from maxpo_bench.registry import Registry

Scale = Literal["K/n", "1"]
Domain = Literal["real", "binary"]
UnbiasedAt = Literal["every K", "K=1", "K=n", "no K"]
SCALES: tuple[Scale, ...] = get_args(Scale)
DOMAINS: tuple[Domain, ...] = get_args(Domain)
AdvantageFunction = Callable[..., Tensor]
F = TypeVar("F", bound=AdvantageFunction)

NOT_FUNCTIONS_OF_REWARDS = {
    "reinforce_entropy": "it is an agent, with the advantage of reinforce_l1o and an entropy bonus in the loss: use "
    "maxpo_bench.agents.make_agent('reinforce_entropy', env), or get_estimator('reinforce_l1o', k) for the advantage",
    "entropy_adv": "it works per token and needs entropies: call maxpo_bench.estimators.entropy_adv(rewards, "
    "token_entropy, mask), or use get_estimator('grpo', k), its advantage without the entropy term",
}
NOT_FUNCTIONS_OF_REWARDS["entropy"] = NOT_FUNCTIONS_OF_REWARDS["reinforce_entropy"]


@dataclass(frozen=True)
class EstimatorSpec:
    """Declared properties of one estimator. "Unbiased" always means as a policy gradient of J_K, not as an advantage.

    Attributes:
        name: registered name.
        function: `f(rewards [..., n], k, **params) -> advantages [..., n]`.
        summary: one line: what the advantage is.
        relation: how it relates to the canonical advantage A_i = R_i - V_i.
        paper: where it was published.
        equation: equation or proposition, there or in arXiv 2606.06080.
        scale: factor in front of sum_i A_i s_i (s_i the score of sample i) under which the expectation is grad J_K if
            the estimator is unbiased: "K/n", or "1" for a plain sum.
        unbiased_at: for which K that expectation is grad J_K exactly.
        centered: is sum_i A_i = 0 in every realised group?
        domain: "real", or "binary" where rewards other than 0 and 1 raise.
        smallest_group: smallest group size as a function of K.
        k_range: range of K in words, e.g. "1 <= K <= n-1".
        uses_k: does the formula depend on K? If not, K only says which objective is meant.
        aliases: other names it is found under.
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

    def __post_init__(self) -> None:
        for what, value, allowed in (
            ("scale", self.scale, SCALES),
            ("domain", self.domain, DOMAINS),
            ("unbiased_at", self.unbiased_at, get_args(UnbiasedAt)),
        ):
            if value not in allowed:
                choices = ", ".join(map(repr, allowed))
                raise ValueError(f"{what} of estimator {self.name!r} must be one of {choices}, got {value!r}")

    @property
    def unbiased(self) -> bool:
        """Is it unbiased for grad J_K, under its scale, at every K of its range?"""
        return self.unbiased_at == "every K"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the function's parameters beside rewards and k, e.g. ``("eps", "ddof")``."""
        return tuple(inspect.signature(self.function).parameters)[2:]

    def min_group_size(self, k: int) -> int:
        """Return the smallest group size n at objective size ``k``."""
        return self.smallest_group(check_k(k))


@dataclass(frozen=True)
class Estimator:
    """An estimator with its K and parameters fixed: `estimator(rewards [..., n]) -> advantages [..., n]`.

    Attributes:
        spec: declared properties.
        k: objective size K of max@K.
        params: the function's parameters beside rewards and k; not to be changed.
    """

    spec: EstimatorSpec
    k: int
    params: dict[str, Any] = field(default_factory=dict[str, Any], hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", check_k(self.k))
        object.__setattr__(self, "params", dict(self.params))

    def __call__(self, rewards: Tensor) -> Tensor:
        """Return the advantages of the groups on the last axis of ``rewards``, `[..., n]`; no gradient flows.

        Raises:
            TypeError: ``rewards`` is no real tensor, or the function returned none.
            ValueError: groups too small, rewards outside the domain, or a result of another shape.
        """
        check_rewards(rewards)
        self.check_group_size(rewards.shape[-1])
        result = cast(object, self.spec.function(rewards, self.k, **self.params))
        if not isinstance(result, Tensor):
            raise TypeError(f"estimator {self.name!r} must return a torch.Tensor, got {type(result).__name__}")
        if result.shape != rewards.shape:
            raise ValueError(
                f"estimator {self.name!r} must return one advantage per reward: got shape {tuple(result.shape)} "
                f"for rewards of shape {tuple(rewards.shape)}"
            )
        return result.detach()

    @property
    def name(self) -> str:
        """Registered name, or the name given to a plain function."""
        return self.spec.name

    @property
    def scale(self) -> Scale:
        """Declared scale, "K/n" or "1"."""
        return self.spec.scale

    @property
    def centered(self) -> bool:
        """Do the advantages of every group add up to 0?"""
        return self.spec.centered

    @property
    def domain(self) -> Domain:
        """Reward domain, "real" or "binary"."""
        return self.spec.domain

    @property
    def unbiased(self) -> bool:
        """Is it unbiased for grad J_K at this K, for every group size it accepts?"""
        return self.spec.unbiased or (self.spec.unbiased_at == "K=1" and self.k == 1)

    def is_unbiased_at(self, n: int) -> bool:
        """Return whether it is unbiased for grad J_K at this K for groups of ``n`` (passk_top1 is at n = K only)."""
        at_n = self.spec.unbiased_at == "K=n" and self.k == n
        return n >= self.min_group_size and (self.unbiased or at_n)

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
        """Return the factor before sum_i A_i s_i under which the expectation is grad J_K if unbiased: k/n or 1.

        Raises:
            ValueError: groups of ``n`` are too small.
        """
        self.check_group_size(n)
        return self.k / n if self.scale == "K/n" else 1.0


ESTIMATORS: Registry[EstimatorSpec] = Registry("estimator")


def register_spec(spec: EstimatorSpec) -> EstimatorSpec:
    """Add a specification to the registry under its name and aliases.

    Raises:
        ValueError: a name is taken, or reserved for what is not a function of rewards alone.
    """
    for name in (spec.name, *spec.aliases):
        if name in NOT_FUNCTIONS_OF_REWARDS:
            raise ValueError(f"estimator name {name!r} is reserved: choose another name")
    return ESTIMATORS.register(spec.name, spec, aliases=spec.aliases)


def register_estimator(
    name: str,
    *,
    scale: Scale = "K/n",
    unbiased: bool = False,
    centered: bool = False,
    domain: Domain = "real",
    min_group_size: SmallestGroup | int = k_samples_and_another,
    aliases: Iterable[str] = (),
    paper: str = "",
    equation: str = "",
    summary: str = "",
    relation: str = "",
) -> Callable[[F], F]:
    """Register one's own `f(rewards [..., n], k) -> advantages [..., n]` under a name; a decorator.

    Nothing that is declared here is believed: ``maxpo_bench.moments.certify`` checks it.

    Args:
        name: name for ``get_estimator``, sweeps and the leaderboard.
        scale: declared factor before sum_i A_i s_i: "K/n", or "1" for a plain sum.
        unbiased: is that sum claimed to be unbiased for grad J_K, at every K?
        centered: do the advantages of every group add up to 0?
        domain: "real", or "binary" for rewards 0 and 1 only.
        min_group_size: smallest n, as a function of k or a number; k + 1 if left out.
        aliases: further names.
        paper: reference.
        equation: equation there.
        summary: one line; the first line of the function's docstring if empty.
        relation: how it relates to A_i = R_i - V_i.

    Raises:
        ValueError: a name is taken, or scale or domain is unknown.

    Example:
        >>> @register_estimator("best_only")
        ... def best_only(rewards, k):
        ...     return (rewards == rewards.amax(-1, keepdim=True)).to(rewards.dtype)
    """

    def add(function: F) -> F:
        spec = EstimatorSpec(
            name=name,
            function=function,
            summary=summary or first_line(function),
            relation=relation,
            paper=paper,
            equation=equation,
            scale=scale,
            unbiased_at="every K" if unbiased else "no K",
            centered=centered,
            domain=domain,
            smallest_group=min_group_size if callable(min_group_size) else _Constant(min_group_size),
            aliases=tuple(aliases),
        )
        register_spec(spec)
        return function

    return add


def first_line(function: AdvantageFunction) -> str:
    """Return the first line of a function's docstring, or nothing."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


@dataclass(frozen=True)
class _Constant:
    """Smallest group size that does not depend on K; an object, so that it pickles."""

    size: int

    def __call__(self, k: int) -> int:
        return self.size
