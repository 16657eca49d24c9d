"""What is timed on a GPU: a copy, torch.sort, our op, the bare kernel, and the peers; eager, captured and compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING

import torch
from gpu_clock import Call
from gpu_report import COPY, GRAPH, KERNEL, OP, SORT, TORCH_PATH
from torch import Tensor

from maxpo_bench.estimators import ei_l2o
from maxpo_bench.estimators.gap_form import use_path
from maxpo_bench.estimators.triton_kernel import LARGEST_GROUP, gap_sums, is_available

if TYPE_CHECKING:
    from contestants import Contestant

COMPILED = ", torch.compile"
TRL = "TRL GRPO"
MEANINGS = {
    COPY: "out.copy_(rewards): the floor, every byte read and written once",
    SORT: "values and indices",
    TORCH_PATH: "the public function on torch operations: checks, sort, sums, scatter",
    OP: "the public function: checks, choice of the path, kernel where there is one",
    KERNEL: "gap_sums alone, weights on the device: no checks of the values, no wait for the device",
}
# these are measured captured in a graph, or compiled, too
CAPTURED, COMPILABLE = (COPY, SORT, KERNEL, OP, TORCH_PATH), (KERNEL, OP)


def canonical_weights(n: int, k: int) -> Tensor:
    """Return the weights of EI+L2O, n C(m-2, K-1) / (C(n-1, K-1) (n-K)) for the gaps m = 2..n, `[n-1]` float64."""
    whole = math.comb(n - 1, k - 1) * (n - k)
    return torch.tensor([n * math.comb(m - 2, k - 1) / whole for m in range(2, n + 1)], dtype=torch.float64)


def eager_calls(rewards: Tensor, k: int) -> dict[str, Call]:
    """Return what is always there, and the kernel where it takes these groups, on `[G, n]` rewards."""
    out = torch.empty_like(rewards)

    def on_torch_path() -> Tensor:
        with use_path("torch"):
            return ei_l2o(rewards, k)

    calls: dict[str, Call] = {
        COPY: lambda: out.copy_(rewards),
        SORT: lambda: torch.sort(rewards, dim=-1),
        TORCH_PATH: on_torch_path,
        OP: lambda: ei_l2o(rewards, k),
    }
    n = rewards.shape[-1]
    if n <= LARGEST_GROUP and is_available():
        weights = canonical_weights(n, k).to(rewards.device)
        calls[KERNEL] = lambda: gap_sums(rewards, weights, centred=True)
    return calls


def other_modes(calls: dict[str, Call]) -> tuple[dict[str, Call], dict[str, str]]:
    """Return the calls captured in CUDA graphs and under torch.compile, and of those that cannot be so, why not."""
    # closures of another size share their code, and torch.compile gives up on code that it has compiled too often
    torch.compiler.reset()
    prepared = {name + GRAPH: lambda name=name: captured(calls[name]) for name in CAPTURED if name in calls}
    prepared |= {name + COMPILED: lambda name=name: compiled(calls[name]) for name in COMPILABLE if name in calls}
    return attempt(prepared)


def attempt(prepared: Mapping[str, Callable[[], Call]]) -> tuple[dict[str, Call], dict[str, str]]:
    """Prepare every call and try it once; return those that work, and of the others why not."""
    ready: dict[str, Call] = {}
    refused: dict[str, str] = {}
    for name, prepare in prepared.items():
        try:
            call = prepare()
            call()
        except Exception as error:  # that one is not installed, or cannot be captured or compiled, is a finding
            refused[name] = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
        else:
            ready[name] = call
    return ready, refused


def captured(call: Call) -> Call:
    """Capture a call in a CUDA graph, warmed up on a stream of its own, and return its replay."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def compiled(call: Call) -> Call:
    """Compile a call by torch.compile's defaults."""
    return torch.compile(call)


def peer_calls(rewards: Tensor) -> tuple[dict[str, Call], dict[str, str]]:
    """Return verl's and TRL's advantage functions on these rewards where they are installed, and why not the others."""
    from contestants import PEERS

    prepared: dict[str, Callable[[], Call]] = {
        name: lambda name=name, build=build: verl_call(build(name), rewards) for name, build in PEERS.items()
    }
    return attempt(prepared | {TRL: lambda: trl_call(rewards)})


def verl_call(contestant: Contestant, rewards: Tensor) -> Call:
    """Prepare one of verl's functions; its mask is made where the rewards are."""
    with torch.device(rewards.device):
        return contestant.prepare(rewards, 4)


def trl_call(rewards: Tensor) -> Call:
    """Prepare the statements of TRL's trainer on the rewards' device."""
    from contestants import trl_advantages

    advantages, device = trl_advantages(), rewards.device
    trainer = SimpleNamespace(
        multi_objective_aggregation="sum_then_normalize",
        scale_rewards="group",
        reward_weights=torch.ones(1, device=device),
    )
    column, n = rewards.reshape(-1, 1), rewards.shape[-1]
    unscorable = torch.isnan(column).all(dim=1)
    return lambda: advantages(trainer, column, n, device, unscorable)
