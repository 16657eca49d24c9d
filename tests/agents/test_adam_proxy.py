"""The variance proxy of Adam's moments: against other computations, its exact expectation, and over processes."""

import math
import multiprocessing
import socket

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

from maxpo_bench.agents import GroupPolicyGradient, make_agent
from maxpo_bench.agents.adam_proxy import BLOCK, adam_variance_proxy
from maxpo_bench.agents.statistics import advantage_statistics

BETAS = [(0.9, 0.999), (0.8, 0.95), (0.5, 0.6)]


def stepped(optimizer, gradients):
    """Step on the parameters' gradients, one list per step; None for a parameter that takes no part."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for step in gradients:
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = gradient
        optimizer.step()
    return optimizer


def by_hand(gradients, betas):
    """Sum of v_hat - m_hat^2 from the gradients alone, each moment as the weighted mean that it is; float64."""
    weights = [np.array([beta ** (len(gradients) - 1 - j) for j in range(len(gradients))]) for beta in betas]
    first, second = (w / w.sum() for w in weights)
    stacked = np.stack([gradient.double().numpy() for gradient in gradients])
    return float((np.tensordot(second, stacked**2, 1) - np.tensordot(first, stacked, 1) ** 2).sum())


@pytest.mark.parametrize("cls", [torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam])
@pytest.mark.parametrize("options", [{}, {"foreach": True}, {"foreach": False}])
def test_it_is_the_sum_of_the_weighted_moments_of_the_gradients(cls, options):
    """Two groups with betas of their own, and a parameter that joins late and so has taken fewer steps."""
    rng = torch.Generator().manual_seed(1)
    shapes = [(3, 4), (5,), (2, 2)]
    gradients = [[torch.randn(shape, generator=rng) for shape in shapes] for _ in range(9)]
    for step in gradients[:4]:
        step[2] = None
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    groups = [{"params": parameters[:1], "betas": BETAS[1]}, {"params": parameters[1:]}]
    optimizer = stepped(cls(groups, lr=0.1, betas=BETAS[2], **options), gradients)
    expected = sum(
        by_hand([step[place] for step in gradients if step[place] is not None], betas)
        for place, betas in enumerate([BETAS[1], BETAS[2], BETAS[2]])
    )
    assert adam_variance_proxy(optimizer) == pytest.approx(expected, rel=1e-6)
    assert adam_variance_proxy(optimizer) == pytest.approx(expected, rel=1e-6)


def test_it_equals_a_computation_from_the_state():
    optimizer = torch.optim.AdamW([nn.Parameter(torch.randn(7, 3)), nn.Parameter(torch.randn(2))], betas=(0.9, 0.99))
    parameters = optimizer.param_groups[0]["params"]
    stepped(optimizer, [[torch.randn_like(p) for p in parameters] for _ in range(5)])
    expected = 0.0
    for state in optimizer.state_dict()["state"].values():
        steps = state["step"].item()
        for m, v in zip(state["exp_avg"].flatten().tolist(), state["exp_avg_sq"].flatten().tolist(), strict=True):
            expected += v / (1 - 0.99**steps) - (m / (1 - 0.9**steps)) ** 2
    assert adam_variance_proxy(optimizer) == pytest.approx(expected, rel=1e-12)


def weights_of(beta, steps):
    """Weights of the gradients 1 .. steps in a bias-corrected moving average."""
    weights = beta ** np.arange(steps - 1, -1, -1.0)
    return weights / weights.sum()


def moments_of_the_proxy(betas, steps, mean, std):
    """Expectation and variance of v_hat - m_hat^2 of one element for independent Gaussian gradients, exactly.

    With a and c the weights in m_hat and v_hat and g = mean + std z it is the quadratic form
    std^2 z'Qz + 2 mean std (c - a)'z, Q = diag(c) - aa' (the constant is 0, both weights sum to 1), so that the
    expectation is std^2 tr Q = std^2 (1 - sum a^2), and the variance 2 std^4 tr Q^2 + 4 mean^2 std^2 |c - a|^2.
    """
    a, c = (weights_of(beta, steps) for beta in betas)
    form = np.diag(c) - np.outer(a, a)
    return std**2 * np.trace(form), 2 * std**4 * (form**2).sum() + 4 * mean**2 * std**2 * ((c - a) ** 2).sum()


def test_the_expectation_has_the_known_ends():
    assert moments_of_the_proxy(BETAS[0], 1, 0.5, 2.0)[0] == pytest.approx(0.0, abs=1e-15)
    at_the_end = moments_of_the_proxy(BETAS[0], 3000, 0.0, 1.0)[0]
    assert at_the_end == pytest.approx(2 * 0.9 / 1.9, rel=1e-12)
    assert round(at_the_end, 3) == 0.947


@pytest.mark.parametrize("betas", BETAS)
def test_it_follows_the_transient_of_independent_gradients(betas):
    """Mean over 20,000 elements within 6.5 exact standard errors at eight times; false alarms below 1e-9 by the normal
    law (24 comparisons in all), the skewness of a mean of so many being negligible."""
    mean, std, size = 0.3, 1.5, 20_000
    rng = torch.Generator().manual_seed(5)
    parameter = nn.Parameter(torch.zeros(size))
    optimizer = torch.optim.Adam([parameter], lr=1e-3, betas=betas)
    seen = {}
    for step in range(1, 201):
        stepped(optimizer, [[mean + std * torch.randn(size, generator=rng)]])
        if step in (1, 2, 3, 5, 10, 30, 100, 200):
            seen[step] = adam_variance_proxy(optimizer) / size
    assert abs(seen.pop(1)) < 1e-6
    for step, value in seen.items():
        expected, variance = moments_of_the_proxy(betas, step, mean, std)
        assert abs(value - expected) < 6.5 * math.sqrt(variance / size)
    assert seen[200] == pytest.approx(std**2 * 2 * betas[0] / (1 + betas[0]), rel=0.02)


def test_blocks_and_memory_layouts_do_not_matter():
    rng = torch.Generator().manual_seed(2)
    gradients = [torch.randn(2 * BLOCK + 3, generator=rng) for _ in range(3)]
    whole = stepped(torch.optim.Adam([nn.Parameter(torch.zeros(2 * BLOCK + 3))]), [[g] for g in gradients])
    assert adam_variance_proxy(whole) == pytest.approx(by_hand(gradients, (0.9, 0.999)), rel=1e-6)
    turned = [torch.randn(6, 5, generator=rng) for _ in range(3)]
    straight = stepped(torch.optim.Adam([nn.Parameter(torch.zeros(6, 5))]), [[g] for g in turned])
    transposed = stepped(torch.optim.Adam([nn.Parameter(torch.zeros(5, 6).T)]), [[g] for g in turned])
    assert adam_variance_proxy(transposed) == pytest.approx(adam_variance_proxy(straight), rel=1e-12)


def test_half_precision_states_are_summed_in_float64():
    gradients = [torch.full((300,), 1.0 + step, dtype=torch.bfloat16) for step in range(4)]
    parameter = nn.Parameter(torch.zeros(300, dtype=torch.bfloat16))
    optimizer = stepped(torch.optim.Adam([parameter]), [[g] for g in gradients])
    state = optimizer.state[parameter]
    m, v = (state[name].double().numpy() for name in ("exp_avg", "exp_avg_sq"))
    expected = (v / (1 - 0.999**4) - (m / (1 - 0.9**4)) ** 2).sum()
    assert adam_variance_proxy(optimizer) == pytest.approx(expected, rel=1e-12)


def test_there_is_none_without_adams_state():
    parameter = nn.Parameter(torch.zeros(3))
    assert adam_variance_proxy(torch.optim.Adam([parameter])) is None
    for cls in (torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adamax, torch.optim.Adafactor):
        assert adam_variance_proxy(stepped(cls([parameter], lr=0.1), [[torch.ones(3)]])) is None
    momentum = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    assert adam_variance_proxy(stepped(momentum, [[torch.ones(3)]])) is None


def test_states_that_it_cannot_read_are_refused():
    parameter = nn.Parameter(torch.zeros(3))
    amsgrad = stepped(torch.optim.Adam([parameter], amsgrad=True), [[torch.ones(3)]])
    with pytest.raises(ValueError, match="not defined for AMSGrad: make the optimizer with amsgrad=False"):
        adam_variance_proxy(amsgrad)
    own_layout = torch.optim.Adam([parameter])
    own_layout.state[parameter] = {"step": 1, "state1": torch.zeros(3, dtype=torch.uint8)}
    with pytest.raises(ValueError, match="state1, state2"):
        adam_variance_proxy(own_layout)
    quantised = stepped(torch.optim.Adam([parameter]), [[torch.ones(3)]])
    quantised.state[parameter]["exp_avg"] = torch.zeros(3, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"quantised \(Tensor of torch.uint8\)"):
        adam_variance_proxy(quantised)


def _sharded(rank, world, port, answer):
    """Each process holds half of a parameter's rows, once as a DTensor, once as a plain tensor; one is replicated."""
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    try:
        mesh = init_device_mesh("cpu", (world,))
        rng = torch.Generator().manual_seed(4)
        gradients = [[torch.randn(5, 2, generator=rng), torch.randn(3, generator=rng)] for _ in range(6)]
        placed = [[Shard(0)], [Replicate()]]
        parameters = [
            nn.Parameter(distribute_tensor(torch.zeros_like(gradient), mesh, placement))
            for gradient, placement in zip(gradients[0], placed, strict=True)
        ]
        spread = [[distribute_tensor(g, mesh, p) for g, p in zip(step, placed, strict=True)] for step in gradients]
        whole = stepped(torch.optim.Adam([nn.Parameter(torch.zeros_like(g)) for g in gradients[0]]), gradients)
        found = adam_variance_proxy(stepped(torch.optim.Adam(parameters), spread))
        rows = slice(0, 2) if rank == 0 else slice(2, 5)
        part = [nn.Parameter(torch.zeros_like(gradients[0][0][rows]))]
        own = stepped(torch.optim.Adam(part), [[step[0][rows]] for step in gradients])
        one = stepped(torch.optim.Adam([nn.Parameter(torch.zeros(5, 2))]), [[step[0]] for step in gradients])
        summed = adam_variance_proxy(own, shard_group=dist.group.WORLD)
        answer.send((found, adam_variance_proxy(whole), summed, adam_variance_proxy(one)))
    finally:
        dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_shards_are_summed_over_processes():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(2)]
    workers = [context.Process(target=_sharded, args=(rank, 2, port, pipes[rank][1])) for rank in range(2)]
    for worker in workers:
        worker.start()
    found = [receiver.recv() for receiver, _ in pipes if receiver.poll(60)]
    for worker in workers:
        worker.join()
    assert len(found) == 2
    for sharded, whole, summed, one in found:
        assert sharded == pytest.approx(whole, rel=1e-12)
        assert summed == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize("policy", ["tabular", "mlp"])
def test_agents_log_it_after_each_update(policy):
    agent = make_agent("ei_l2o", "maxpo/Maze-v0", length=9, policy=policy, optimizer="adam")
    agent.learn(iterations=3)
    values = [record["adam_variance_proxy"] for record in agent.iteration_log]
    assert abs(values[0]) < 1e-6 * agent.iteration_log[0]["grad_norm"] ** 2
    assert values[-1] == adam_variance_proxy(agent.policy.optimizer)
    assert values[2] != values[1] > 0
    sgd = make_agent("ei_l2o", "maxpo/Maze-v0", length=9, policy=policy).learn(iterations=1)
    assert sgd.iteration_log[0]["adam_variance_proxy"] is None


def test_optimizer_options_reach_it():
    agent = GroupPolicyGradient("maxpo/Bandit-v0", optimizer="adam", optimizer_kwargs={"betas": [0.5, 0.9]})
    assert agent.policy.optimizer.param_groups[0]["betas"] == (0.5, 0.9)
    for name, options in (("adam", {"beta": 1}), ("sgd", {"betas": (0.9, 0.9)}), ("adam", {"amsgrad": True})):
        with pytest.raises(TypeError, match=f"the optimizer '{name}' has no option"):
            GroupPolicyGradient("maxpo/Bandit-v0", optimizer=name, optimizer_kwargs=options)


def test_dead_groups_and_centring_describe_the_advantages():
    """Of four groups two are dead; EI pays 1 to the only success among three others' failures, K = 2."""
    agent = GroupPolicyGradient("maxpo/Bandit-v0", estimator="ei", k=2, group_size=4, groups_per_step=4)
    returns = np.zeros((4, 4))
    returns[0, 1] = 1.0
    returns[2] = [1.0, 1.0, 0.0, 0.0]
    advantages = agent.estimator(torch.from_numpy(returns)).numpy()
    means = advantages.mean(axis=1)
    found = advantage_statistics(agent._weights(returns).reshape(4, 4))
    assert found["dead_groups"] == 0.5
    assert found["centring"] == pytest.approx(math.sqrt((means**2).mean() / (advantages**2).mean()), rel=1e-12)
    assert found["centring"] > 0.3
    assert advantage_statistics(np.zeros((3, 2))) == {"dead_groups": 1.0, "centring": None}
    centred = make_agent("ei_l2o", "maxpo/Bandit-v0", groups_per_step=3).learn(iterations=1).iteration_log[0]
    assert centred["centring"] < 1e-12
    assert centred["dead_groups"] == 0.0
