"""The methods of the language-model track by name: an estimator with its K, and what Entropy-Adv adds per token.

The paper's names are `grpo`, `dr_grpo`, `reinforce_l1o`, `pkpo` (= `ei`), `maxpo` (= `ei_l2o`) and `entropy_adv`
(arXiv 2606.06080, Sec. 5.2); any other registered estimator is a method under its own name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maxpo_bench.registry import UnknownNameError, suggest

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from maxpo_bench.estimators import Estimator

METHODS = ("grpo", "dr_grpo", "reinforce_l1o", "pkpo", "maxpo", "entropy_adv")
"""Names of the paper's methods and their relatives, in the order of its tables."""
LABELS = {
    "grpo": "GRPO",
    "dr_grpo": "Dr. GRPO",
    "reinforce_l1o": "REINFORCE+L1O",
    "pkpo": "PKPO",
    "maxpo": "MaxPO",
    "entropy_adv": "Entropy-Adv",
}
CALLED = {"ei": "pkpo", "ei_l2o": "maxpo"}
"""The names that methods of the paper have here, by those of their estimators."""
_SHAPING_PARAMETERS = ("alpha", "kappa")


@dataclass(frozen=True)
class EntropyShaping:
    """The entropy term of Entropy-Adv: A_it = A_i + min(alpha H_it, |A_i| / kappa) (arXiv 2506.14758).

    Attributes:
        alpha: weight of the token's entropy in nats, >= 0.
        kappa: bound of the term relative to the advantage, > 1.
    """

    alpha: float = 0.4
    kappa: float = 2.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.alpha) and self.alpha >= 0):
            raise ValueError(f"alpha must be finite and >= 0, got {self.alpha}: 0 switches the entropy term off")
        if not self.kappa > 1:
            raise ValueError(f"kappa must be > 1, got {self.kappa}: else the term can turn the sign of an advantage")

    def __call__(self, advantages: Tensor, token_entropy: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the advantages per token, `[..., T]`; no gradient flows.

        Args:
            advantages: `[...]`, one per completion.
            token_entropy: `[..., T]`, in nats, >= 0.
            mask: `[..., T]`, true at the tokens of the completion; the result is 0 elsewhere.

        Raises:
            ValueError: shapes that do not fit, entropies that are not finite or negative.
        """
        from maxpo_bench.estimators import entropy_shaped

        return entropy_shaped(advantages, token_entropy, mask, alpha=self.alpha, kappa=self.kappa)


@dataclass(frozen=True)
class Method:
    """What decides the advantages of a training run.

    Attributes:
        name: in files and on the command line, e.g. "maxpo".
        label: in figures and tables, e.g. "MaxPO".
        estimator: the advantage per completion, with its K.
        shaping: what is added per token, or None.
    """

    name: str
    label: str
    estimator: Estimator
    shaping: EntropyShaping | None = None

    @property
    def k(self) -> int:
        """Objective size K of the estimator."""
        return self.estimator.k

    def check_group_size(self, n: int) -> None:
        """Raise unless groups of ``n`` completions are large enough.

        Raises:
            ValueError: with the remedy.
        """
        self.estimator.check_group_size(n)


def get_method(name: str, k: int, **params: Any) -> Method:
    """Return the method ``name`` for max@k.

    `ei` and `ei_l2o` are called `pkpo` and `maxpo` here, as in the paper's tables, under whichever name they were asked
    for.

    Args:
        name: one of `METHODS`, or a registered estimator or alias.
        k: objective size K >= 1; estimators that do not use it carry it as the objective that is reported.
        **params: parameters of the estimator, e.g. ``eps`` and ``ddof`` of ``grpo``; of ``entropy_adv`` also ``alpha``
            and ``kappa``.

    Raises:
        UnknownNameError: no such name; the message suggests the nearest.
        TypeError: ``k`` is no integer, or a parameter is unknown.
        ValueError: ``k < 1``, or ``alpha`` or ``kappa`` outside its range.
    """
    from maxpo_bench.estimators import ESTIMATORS, get_estimator

    if name == "entropy_adv":
        chosen = {key: params.pop(key) for key in _SHAPING_PARAMETERS if key in params}
        return Method(name, LABELS[name], _grpo(k, params), EntropyShaping(**chosen))
    if name in ("reinforce_entropy", "entropy") or (name not in ESTIMATORS and name not in METHODS):
        raise UnknownNameError(f"unknown method {name!r}.{suggest(name, [*METHODS, *ESTIMATORS])}")
    return method_of(get_estimator(name, k, **params))


def method_of(source: Method | Estimator | Callable[..., Tensor], k: int | None = None) -> Method:
    """Return the method that uses one estimator, or the method itself.

    Args:
        source: a method, an estimator, or a function `f(rewards [..., n], k) -> advantages [..., n]`.
        k: objective size of a function; may be left out otherwise.

    Raises:
        TypeError: none of the three, or a function without ``k``.
        ValueError: an estimator or a method made for another ``k``.
    """
    from maxpo_bench.estimators import as_estimator

    if isinstance(source, str):
        raise TypeError(f"expected a method, an estimator or a function, got {source!r}: use get_method({source!r}, k)")
    if isinstance(source, Method):
        as_estimator(source.estimator, k)
        return source
    estimator = as_estimator(source, k)
    name = CALLED.get(estimator.name, estimator.name)
    return Method(name, LABELS.get(name, name), estimator)


def _grpo(k: int, params: dict[str, Any]) -> Estimator:
    """Return the advantage below Entropy-Adv's term."""
    from maxpo_bench.estimators import get_estimator

    known = get_estimator("grpo", k).spec.parameters
    for parameter in params:
        if parameter not in known:
            hint = suggest(parameter, (*_SHAPING_PARAMETERS, *known))
            raise TypeError(f"method 'entropy_adv' has no parameter {parameter!r}.{hint}")
    return get_estimator("grpo", k, **params)
