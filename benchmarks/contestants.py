"""Who is measured beside torch.sort: our op on each path, the paper's quadratic form, PKPO's loop, verl and TRL.

Everybody gets float32 rewards `[G, n]`, prepared beforehand in the form it takes (arrays, token level, identifiers);
what the timed call includes is said of each. Each is compared with the op of ours that it should equal.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import textwrap
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from pkpo_loop import Weights, transform_groups
from torch import Tensor

from maxpo_bench.estimators import ei_l2o, grpo, passk_top1, pkpo_sloo_minus_one, reinforce_l1o
from maxpo_bench.estimators.gap_form import use_path
from maxpo_bench.estimators.reference import ei_dense, l2o_dense
from maxpo_bench.seeding import derive_seed

Prepare = Callable[[Tensor, int], Callable[[], Any]]
LARGEST_MATRIX = 2**29
"""Bytes of one `[G, n, n]` float64 matrix up to which the quadratic form is tried."""


class NotInstalledError(Exception):
    """A peer's package is missing, or has not got what is measured; the message says which."""


@dataclass(frozen=True)
class Contestant:
    """One function to be timed.

    Args:
        name: in tables and figures.
        prepare: from rewards `[G, n]` and K to the call that is timed.
        includes: what the timed call includes, in words.
        uses_k: does it depend on K?
        equals: our op with the same result, or None.
        is_binary: are its rewards 0/1?
        needs_matrix: does it hold `[G, n, n]` matrices?
    """

    name: str
    prepare: Prepare
    includes: str
    uses_k: bool = True
    equals: Callable[[Tensor, int], Tensor] | None = None
    is_binary: bool = False
    needs_matrix: bool = False

    def obstacle(self, groups: int, n: int) -> str | None:
        """Say why it is not measured at this size, or None."""
        size = 8 * groups * n * n
        if self.needs_matrix and size > LARGEST_MATRIX:
            return f"skipped: one matrix [{groups}, {n}, {n}] has {size / 1e9:.1f} GB, and the form needs several"
        return None

    def difference(self, rewards: Tensor, k: int) -> float | None:
        """Largest difference from our op's result, relative to the largest value; None without such an op."""
        if self.equals is None:
            return None
        expected = self.equals(rewards.double(), k)
        found = as_groups(self.prepare(rewards, k)(), rewards.shape)
        return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-300))


def as_groups(result: Any, shape: torch.Size) -> Tensor:
    """Read a contestant's result as float64 advantages `[G, n]`: verl returns pairs, PKPO NumPy arrays."""
    first = result[0] if isinstance(result, tuple) else result
    return torch.as_tensor(first).double().reshape(shape)


def draw_rewards(groups: int, n: int, seed: int, *, is_binary: bool = False, batch: int = 0) -> Tensor:
    """Draw a batch of float32 rewards `[G, n]`: normal ones, or 0/1 with a quarter of ones."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "benchmark", groups, n, int(is_binary), batch))
    if is_binary:
        return (torch.rand(groups, n, generator=generator) < 0.25).float()
    return torch.randn(groups, n, generator=generator)


def all_contestants() -> tuple[list[Contestant], dict[str, str]]:
    """Return who can be measured here, and of the others why not."""
    present, absent = ours(), {}
    for name, build in PEERS.items():
        try:
            present.append(build(name))
        except NotInstalledError as missing:
            absent[name] = str(missing)
    return present, absent


def ours() -> list[Contestant]:
    """The unit, our op on each path, the paper's form and PKPO's loop: always there."""
    return [
        Contestant(SORT, lambda rewards, k: lambda: torch.sort(rewards, dim=-1), "values and indices", uses_k=False),
        Contestant(TORCH_PATH, _torch_path, "checks, sort, sums, scatter; weights cached", equals=_quadratic),
        Contestant(AUTOMATIC, _automatic, "checks, choice of the path, kernel; weights cached", equals=_quadratic),
        Contestant(BINARY, _automatic, "the same call on 0/1 rewards", equals=_quadratic, is_binary=True),
        Contestant(
            QUADRATIC,
            lambda rewards, k: lambda: _quadratic(rewards, k),
            "two sorts, weights, matrices [G, n, n] in float64",
            equals=ei_l2o,
            needs_matrix=True,
        ),
        Contestant(
            f"{QUADRATIC}, weights cached",
            _quadratic_cached,
            "sort, matrices [G, n, n] in float64, scatter",
            equals=ei_l2o,
            needs_matrix=True,
        ),
        Contestant(PKPO, _pkpo, "per group: sort, weights, sums; rewards come as NumPy arrays", equals=_pkpo_ours),
        Contestant(
            f"{PKPO}, weights cached",
            _pkpo_cached,
            "per group: sort, sums; weights computed before",
            equals=_pkpo_ours,
        ),
    ]


def _torch_path(rewards: Tensor, k: int) -> Callable[[], Tensor]:
    def call() -> Tensor:
        with use_path("torch"):
            return ei_l2o(rewards, k)

    return call


def _automatic(rewards: Tensor, k: int) -> Callable[[], Tensor]:
    return lambda: ei_l2o(rewards, k)


def _quadratic(rewards: Tensor, k: int) -> Tensor:
    return ei_dense(rewards, k) - l2o_dense(rewards, k)


def _quadratic_cached(rewards: Tensor, k: int) -> Callable[[], Tensor]:
    n = rewards.shape[-1]
    own, others = dense_weights(n, k)

    def call() -> Tensor:
        values, order = torch.sort(rewards, dim=-1)
        values = values.double()
        improvements = (values.unsqueeze(-1) - values.unsqueeze(-2)).clamp_(min=0)
        left_out = improvements.sum(-2, keepdim=True).sub(improvements).mul_(others).sum(-1)
        by_rank = improvements @ own - left_out / (n - 1)
        return torch.empty_like(by_rank).scatter_(-1, order, by_rank).to(rewards.dtype)

    return call


def dense_weights(n: int, k: int) -> tuple[Tensor, Tensor]:
    """Return w `[n]` and W `[n, n]` of Theorems E.1 and E.2 of arXiv 2606.06080, float64; 2 <= K <= n-1."""
    counts = [math.comb(x, k - 2) for x in range(n)]
    own = torch.tensor([count / math.comb(n - 1, k - 1) for count in counts], dtype=torch.float64)
    share = torch.tensor([count / math.comb(n - 2, k - 1) for count in counts], dtype=torch.float64)
    shifted = torch.cat((torch.zeros(1, dtype=torch.float64), share[:-1]))
    others = share.expand(n, n).tril(-1) + shifted.expand(n, n).triu(1)
    return own, others


def _pkpo(rewards: Tensor, k: int) -> Callable[[], Any]:
    groups = rewards.double().numpy()
    return lambda: transform_groups(groups, k)


def _pkpo_cached(rewards: Tensor, k: int) -> Callable[[], Any]:
    groups, weights = rewards.double().numpy(), Weights.of(rewards.shape[-1], k)
    return lambda: transform_groups(groups, k, weights)


def _pkpo_ours(rewards: Tensor, k: int) -> Tensor:
    return pkpo_sloo_minus_one(rewards, k)


def _verl(function: str, equals: Callable[[Tensor, int], Tensor], **arguments: Any) -> Callable[[str], Contestant]:
    """Return the builder of one of verl's functions; its inputs are those of a response of one token."""

    def build(name: str) -> Contestant:
        called = getattr(_verl_algorithms(), function, None)
        if called is None:
            raise NotInstalledError(f"verl has no {function}")

        def prepare(rewards: Tensor, k: int) -> Callable[[], Any]:
            token_rewards, mask = rewards.reshape(-1, 1), torch.ones(rewards.numel(), 1)
            index = identifiers(*rewards.shape)
            return lambda: called(token_rewards, mask, index=index, **arguments)

        included = "sum over tokens (one), grouping by uid, advantages, mask; not: making the uid array"
        return Contestant(name, prepare, included, uses_k=False, equals=equals)

    return build


def _verl_algorithms() -> Any:
    return peer_module("verl", "verl.trainer.ppo.core_algos")


def identifiers(groups: int, n: int) -> Any:
    """Return an object array `[G * n]` of each sample's question identifier, as trainers give it: a UUID's text."""
    names = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(group))) for group in range(groups)]
    return np.repeat(np.array(names, dtype=object), n)


def _trl(name: str) -> Contestant:
    advantages = trl_advantages()
    trainer = SimpleNamespace(
        multi_objective_aggregation="sum_then_normalize", scale_rewards="group", reward_weights=torch.ones(1)
    )

    def prepare(rewards: Tensor, k: int) -> Callable[[], Any]:
        column, n = rewards.reshape(-1, 1), rewards.shape[-1]
        unscorable = torch.isnan(column).all(dim=1)
        return lambda: advantages(trainer, column, n, torch.device("cpu"), unscorable)

    included = "the trainer's statements from weighted rewards to advantages, and its test for zero deviation"
    return Contestant(name, prepare, included, uses_k=False, equals=lambda rewards, k: grpo(rewards, k, eps=1e-4))


def trl_advantages() -> Callable[..., Tensor]:
    """Return a function of the statements that compute the advantages inside TRL's GRPOTrainer, which has none.

    Raises:
        NotInstalledError: there is no TRL, or its trainer is written differently.
    """
    grpo_trainer = peer_module("trl", "trl.trainer.grpo_trainer")
    source = inspect.getsource(grpo_trainer.GRPOTrainer._generate_and_score_completions)
    body = statements_under(source, "self.multi_objective_aggregation == 'sum_then_normalize'")
    if body is None:
        raise NotInstalledError("trl's trainer is written differently: its advantages were not found")
    lines = ["def advantages(self, rewards_per_func, num_generations, device, unscorable_mask):"]
    lines += [textwrap.indent(body, "    "), "    return torch.nan_to_num(advantages, nan=0.0)"]
    scope: dict[str, Any] = dict(vars(grpo_trainer))
    exec(compile("\n".join(lines), "trl", "exec"), scope)
    return scope["advantages"]


def statements_under(source: str, condition: str) -> str | None:
    """Return the body of the first `if` with this condition in a function's source, or None."""
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == condition:
            return "\n".join(ast.unparse(statement) for statement in node.body)
    return None


def peer_module(package: str, module: str) -> Any:
    """Import a peer's module, whatever it warns of.

    Raises:
        NotInstalledError: it is not there, or cannot be imported here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == package
        raise NotInstalledError("not installed" if is_missing else f"cannot be imported: {error}") from error


SORT = "torch.sort"
TORCH_PATH = "EI+L2O, torch path"
AUTOMATIC = "EI+L2O"
BINARY = "EI+L2O, 0/1 rewards"
QUADRATIC = "quadratic form"
PKPO = "PKPO loop"
VERL_PASSK = "verl grpo_passk"
PEERS: dict[str, Callable[[str], Contestant]] = {
    VERL_PASSK: _verl("compute_grpo_passk_outcome_advantage", passk_top1, config={"norm_adv_by_std_in_grpo": False}),
    "verl grpo": _verl("compute_grpo_outcome_advantage", lambda rewards, k: grpo(rewards, k, eps=1e-6)),
    "verl grpo_vectorized": _verl(
        "compute_grpo_vectorized_outcome_advantage", lambda rewards, k: grpo(rewards, k, eps=1e-6)
    ),
    "verl rloo_vectorized": _verl("compute_rloo_vectorized_outcome_advantage", reinforce_l1o),
    "TRL GRPO": _trl,
}
