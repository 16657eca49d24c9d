"""Which estimator an agent uses, in a form that survives saving: a name, or the import path of a user's function."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from maxpo_bench.estimators import ESTIMATORS, Estimator, as_estimator, get_estimator

EstimatorSource = str | Estimator | Callable[..., Tensor]


def choose_estimator(
    source: EstimatorSource, k: int, params: Mapping[str, Any] | None
) -> tuple[Estimator, dict[str, Any]]:
    """Return the estimator and its storable description, from which `restore_estimator` makes it again.

    Args:
        source: a registered name, an `Estimator`, or a function `f(rewards, k)`.
        k: objective size.
        params: parameters of a named estimator; for a function, the arguments of `as_estimator` (scale, domain, name).

    Raises:
        ValueError: an `Estimator` with another k or with params; whatever `get_estimator` and `as_estimator` raise.
    """
    params = dict(params or {})
    if isinstance(source, str):
        return get_estimator(source, k, **params), {"name": ESTIMATORS.canonical(source), "params": params}
    if not isinstance(source, Estimator):
        return as_estimator(source, k, **params), {"function": _import_path(source), "params": params}
    if source.k != k:
        raise ValueError(f"the estimator {source.name} has k={source.k}, the agent k={k}: pass k={source.k}")
    if params:
        raise ValueError("estimator_params go with a name or a function; this estimator has its parameters already")
    if source.name in ESTIMATORS and ESTIMATORS.get(source.name) is source.spec:
        return source, {"name": source.name, "params": dict(source.params)}
    declared = {"scale": source.scale, "domain": source.domain, "name": source.name}
    return source, {"function": _import_path(source.spec.function), "params": declared}


def restore_estimator(description: Mapping[str, Any], k: int) -> Estimator:
    """Make the estimator that `choose_estimator` described.

    Raises:
        ValueError: it is a function that can no longer be imported.
    """
    if "name" in description:
        return get_estimator(description["name"], k, **description["params"])
    return as_estimator(_imported(description["function"]), k, **description["params"])


def check_storable(description: Mapping[str, Any], estimator: Estimator) -> None:
    """Check that loading will find the estimator again.

    Raises:
        ValueError: it is a function that cannot be imported by its name (a lambda, a local one, one typed at the
            prompt).
    """
    if "name" in description:
        return
    path = description["function"]
    try:
        found = None if path.startswith("__main__:") else _imported(path)
    except ValueError:
        found = None
    if found is not estimator.spec.function:
        raise ValueError(
            f"the estimator {estimator.name!r} is a function that cannot be imported as {path!r}, and a saved agent "
            "would not find it again: define it at the top level of a module, or register it with register_estimator"
        )


def _import_path(function: Callable[..., Any]) -> str:
    owner = function if hasattr(function, "__qualname__") else type(function)
    return f"{owner.__module__}:{owner.__qualname__}"


def _imported(path: str) -> Any:
    module, _, qualname = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"the estimator's function {path!r} cannot be imported ({error}): make its module importable"
        ) from error
    return found
