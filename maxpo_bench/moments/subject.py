"""What is to be certified, however the caller gave it: a name, an estimator, a function or a factory."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor

from maxpo_bench.estimators import Estimator, as_estimator, get_estimator
from maxpo_bench.estimators.spec import DOMAINS, SCALES, Domain, Scale
from maxpo_bench.moments.blackbox import CertificateError

AdvantageFunction = Callable[[Tensor, int], Tensor]
Factory = Callable[[int], Estimator]
Certifiable = str | Estimator | AdvantageFunction | Factory

DEFAULT_GRID = ((4, 2), (5, 3), (6, 4), (4, 3))


@dataclass(frozen=True)
class Subject:
    """An estimator for every objective size.

    Args:
        build: makes the estimator for one k.
        min_group_size: smallest n for one k.
        fixed_k: the only k there is, if the caller gave an estimator that has one.
    """

    build: Factory
    min_group_size: Callable[[int], int]
    fixed_k: int | None = None

    @classmethod
    def of(
        cls,
        estimator: Certifiable,
        *,
        scale: str | None = None,
        domain: str | None = None,
        min_group_size: Callable[[int], int] | None = None,
    ) -> Subject:
        """Read what the caller gave; see :func:`maxpo_bench.moments.certify` for the forms.

        Raises:
            ValueError: an unknown name, scale or domain.
            TypeError: none of the forms.
        """
        declared_scale = cast(Scale | None, _choice("scale", scale, SCALES))
        declared_domain = cast(Domain | None, _choice("domain", domain, DOMAINS))
        source = _factory(estimator, declared_scale, declared_domain)

        def build(k: int) -> Estimator:
            return _declared(source(k), declared_scale, declared_domain)

        smallest = min_group_size or (lambda k: source(k).min_group_size)
        return cls(build, smallest, estimator.k if isinstance(estimator, Estimator) else None)

    def grid(self, k: int | None, n: int | None) -> list[tuple[int, int]]:
        """Return the pairs (n, k) on which to certify.

        Raises:
            ValueError: ``k`` is not the estimator's own, or no group size fits.
        """
        if self.fixed_k is not None and k not in (None, self.fixed_k):
            raise ValueError(
                f"the estimator was made for k={self.fixed_k}, not k={k}: pass its name to choose another k"
            )
        k = self.fixed_k if k is None else k
        if k is not None and n is not None:
            return [(n, k)]
        if k is not None:
            smallest = max(self.min_group_size(k), k + 1, 3)
            return [(smallest + more, k) for more in range(3)]
        pairs = (
            DEFAULT_GRID if n is None else [(n, each) for each in sorted({2, (n + 1) // 2, n - 1}) if 1 <= each <= n]
        )
        fitting = [(size, each) for size, each in pairs if self.min_group_size(each) <= size]
        if not fitting:
            raise ValueError(
                f"no (n, k) of {list(pairs)} has groups as large as the estimator needs: give both k and n"
            )
        return fitting


def _factory(estimator: Certifiable, scale: Scale | None, domain: Domain | None) -> Factory:
    if isinstance(estimator, str):
        return lambda k: get_estimator(estimator, k)
    if isinstance(estimator, Estimator):
        return lambda _: estimator
    if not callable(estimator):
        raise TypeError(f"certify takes a name, an Estimator, or a function of (rewards, k), got {estimator!r}")
    function: Any = estimator
    if _number_of_parameters(function) == 1:
        return lambda k: _made(function, k)
    name = getattr(function, "__name__", type(function).__name__)
    return lambda k: as_estimator(function, k, scale=scale, domain=domain, name=name)


def _made(factory: Callable[[int], Any], k: int) -> Estimator:
    made = factory(k)
    if not isinstance(made, Estimator):
        raise CertificateError(
            f"a function of one parameter is taken for a factory k -> Estimator, but for k={k} it returned "
            f"{type(made).__name__}: write an estimator as a function of (rewards, k)"
        )
    return made


def _declared(estimator: Estimator, scale: Scale | None, domain: Domain | None) -> Estimator:
    """Return the estimator under another declared scale or domain, if one is given that differs."""
    scale, domain = scale or estimator.scale, domain or estimator.domain
    if (scale, domain) == (estimator.scale, estimator.domain):
        return estimator

    def advantages(rewards: Tensor, k: int) -> Tensor:
        return estimator(rewards)

    return as_estimator(advantages, estimator.k, scale=scale, domain=domain, name=estimator.name)


def _number_of_parameters(function: Callable[..., Any]) -> int | None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return len([each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)])


def _choice(what: str, value: str | None, choices: tuple[str, ...]) -> str | None:
    value = "K/n" if value == "k/n" else value
    if value is not None and value not in choices:
        known = " or ".join(repr(choice) for choice in choices)
        raise ValueError(f"the declared {what} must be {known}, got {value!r}")
    return value
