"""Under torch.compile an estimator is one operation of the graph: no breaks, few compilations, the eager result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from estimator_cases import function, sample
from torch import Tensor
from torch.fx import GraphModule

from maxpo_bench import estimators
from maxpo_bench.estimators import ei_l2o, get_estimator, list_estimators, use_path
from maxpo_bench.estimators.compiling import STATISTICS, per_sample

TRACED = [spec.name for spec in list_estimators() if spec.domain == "real"]
FEW = 4
"""Compilations of varying shapes: the first, any number of groups, one group, any n."""


class Counter:
    """A backend that runs graphs as they are and counts them.

    Attributes:
        graphs: number of graphs compiled.
    """

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, graph: GraphModule, _: list[Tensor]) -> Callable[..., object]:
        self.graphs += 1
        return graph.forward


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("name", TRACED)
def test_no_breaks_and_few_compilations(name: str) -> None:
    counter = Counter()
    compiled = torch.compile(lambda rewards: 2 * function(name)(rewards, 4), fullgraph=True, backend=counter)
    for groups, n in ((3, 8), (5, 8), (7, 8), (1, 8), (64, 8), (33, 8), (3, 9), (4, 16), (2, 20), (6, 5)):
        rewards = sample("ei", n, seed=n, batch=(groups,)).float()
        assert torch.equal(compiled(rewards), 2 * function(name)(rewards, 4))
        assert torch.equal(compiled(rewards.round()), 2 * function(name)(rewards.round(), 4))
    assert counter.graphs <= FEW


@pytest.mark.parametrize("name", sorted(set(STATISTICS) & set(estimators.__all__)))
def test_another_k_is_another_argument(name: str) -> None:
    statistic = getattr(estimators, name)
    compiled = torch.compile(statistic, fullgraph=True, backend="aot_eager")
    for groups, n, k in ((4, 8, 2), (4, 8, 3), (5, 9, 4), (7, 8, 5)):
        rewards = sample("ei", n, seed=n, batch=(groups,)).gt(0).float()
        assert torch.equal(compiled(rewards, k), statistic(rewards, k))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.int64, torch.bool])
def test_shapes_dtypes_and_layouts_are_those_of_the_eager_call(dtype: torch.dtype) -> None:
    for shape in ((6,), (3, 6), (2, 3, 6), (0, 6)):
        rewards = torch.arange(torch.Size(shape).numel()).reshape(shape).remainder(5).to(dtype)
        for arranged in (rewards, rewards.transpose(0, -1).contiguous().transpose(0, -1)):
            arguments = (arranged, "ei_l2o", 2)
            torch.library.opcheck(per_sample, arguments, test_utils=("test_schema", "test_faketensor"))
            assert per_sample(*arguments).stride() == per_sample(*arguments).contiguous().stride()


@pytest.mark.parametrize("estimator", [get_estimator("maxpo", 3), partial(ei_l2o, k=3)])
def test_estimators_compile_into_a_training_step(estimator: Callable[[Tensor], Tensor]) -> None:
    def loss(rewards: Tensor, scores: Tensor) -> Tensor:
        return (estimator(rewards) * scores).sum()

    rewards = sample("ei", 6, batch=(4,)).float().requires_grad_()
    scores = torch.zeros(4, 6, requires_grad=True)
    torch.compile(loss, fullgraph=True, backend="aot_eager")(rewards, scores).backward()
    assert torch.equal(scores.grad, ei_l2o(rewards, 3))
    assert rewards.grad is None


def test_checks_and_the_choice_of_path_are_made_when_the_graph_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = torch.compile(lambda rewards: ei_l2o(rewards, 3), fullgraph=True, backend="eager")
    rewards = sample("ei", 6, batch=(4,)).float()
    expected = compiled(rewards)
    with use_path("torch"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("maxpo_bench.estimators.paths.cpu_kernel", None)
        torch.testing.assert_close(compiled(rewards), expected)
    rewards[2, 5] = float("nan")
    with pytest.raises(ValueError, match=r"must be finite, got nan at index \(2, 5\)"):
        compiled(rewards)
    with pytest.raises(ValueError, match="k=3 needs at least 4 samples per group for ei_l2o, got 3"):
        compiled(rewards[:, :3])
