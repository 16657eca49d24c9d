"""The MLP trainer against MLPPolicy's autograd, torch's optimizers, the environment stepped through, and itself.

False alarms: the distribution test is a two-sample Kolmogorov-Smirnov test at 1e-7 (ties only lower it). Everything
else is exact up to rounding.
"""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete

from maxpo_bench.agents import make_agent
from maxpo_bench.agents.collect import Rollout, collect
from maxpo_bench.agents.maze_episodes import Episodes, correct_signs, entropy_sum, lengths_of, score_sum
from maxpo_bench.agents.maze_population import PopulationResult, train_population
from maxpo_bench.agents.mlp import MLPPolicy
from maxpo_bench.agents.mlp_ascent import Adam, make_ascent
from maxpo_bench.agents.mlp_network import PathNetwork, named
from maxpo_bench.agents.mlp_population import train_mlp_population
from maxpo_bench.agents.mlp_runs import MLPRuns
from maxpo_bench.envs.maze import MazeLayout
from maxpo_bench.estimators import get_estimator, max_at_k
from maxpo_bench.seeding import derive_seed

LENGTH = 40
MAZE = "maxpo_bench:maxpo/Maze-v0"
CURVES = ("return_mean", "max_at_k", "env_steps", "p_action_1")


@pytest.fixture
def layout():
    return MazeLayout.generate(LENGTH, 0.8, 1, instance=3)


def train(layout, estimator="ei_l2o", **options):
    defaults = dict(k=4, n=8, learning_rates=[0.03, 0.01, 0.03], seeds=[0, 1, 2], iterations=20, record_every=10)
    return train_mlp_population(layout, estimator, **{**defaults, **options})


def new_policy(layout, seed=0, hidden_sizes=(64, 64), gain=1.0):
    policy = MLPPolicy(Discrete(layout.num_states), Discrete(2), hidden_sizes=hidden_sizes, seed=seed)
    with torch.no_grad():
        policy.network[-1].weight.mul_(gain)
    return policy


def in_float64(policy):
    """The same policy with every number of its computations in double precision."""
    policy.double()
    policy._tensor = lambda values: torch.as_tensor(values, dtype=torch.float64)
    policy._features = lambda rows: torch.nn.functional.one_hot(torch.as_tensor(rows), policy.observation_space.n).to(
        torch.float64
    )
    return policy


def success_of(policy, layout):
    """`[L]` probability of the correct action."""
    with torch.no_grad():
        logits = policy.network(policy._features(np.arange(layout.length))).double()
    return logits.softmax(-1).numpy()[np.arange(layout.length), layout.correct_actions]


def rollout_of(layout, lengths):
    """The episodes of these lengths, one step after the other."""
    states = [np.arange(min(length + 1, layout.length)) for length in lengths]
    observations = np.concatenate(states)
    episode = np.repeat(np.arange(len(lengths)), [len(one) for one in states])
    is_right = observations < np.asarray(lengths)[episode]
    correct = layout.correct_actions[observations]
    steps = np.array([len(one) for one in states])
    return Rollout(observations, np.where(is_right, correct, 1 - correct), episode, np.array(lengths, float), steps)


def gradients_of(policy, layout, lengths, weights, entropy_coef):
    """Ours and MLPPolicy's gradient by name."""
    network = PathNetwork(policy)
    network.forward(0, layout.length)
    episodes = Episodes(np.array([lengths]), success_of(policy, layout)[None])
    signs = correct_signs(layout)
    derivative = score_sum(episodes, weights[None], signs)
    derivative += entropy_coef / len(lengths) * entropy_sum(episodes, signs)
    visited = min(max(lengths) + 1, layout.length)
    network.backward(torch.from_numpy(derivative[0, :visited]).to(network.parameters.dtype))
    policy.set_gradient(rollout_of(layout, lengths), weights, entropy_coef)
    return named(network.gradients), {name: p.grad for name, p in policy.named_parameters()}


@pytest.mark.parametrize("lengths", [[0, 0, 3, 7], [1, 5, LENGTH, LENGTH], [0, 0, 0, 0]])
@pytest.mark.parametrize("hidden_sizes", [(64, 64), (), (5,), (7, 3, 4)])
@pytest.mark.parametrize("entropy_coef", [0.0, 0.3])
def test_gradient_equals_that_of_the_policy(layout, lengths, hidden_sizes, entropy_coef):
    weights = np.random.default_rng(1).normal(size=len(lengths))
    single = new_policy(layout, hidden_sizes=hidden_sizes, gain=50.0)
    double = in_float64(new_policy(layout, hidden_sizes=hidden_sizes, gain=50.0))
    for policy, tolerance in ((single, 3e-5), (double, 1e-12)):
        ours, theirs = gradients_of(policy, layout, lengths, weights, entropy_coef)
        assert ours.keys() == theirs.keys()
        for name, gradient in theirs.items():
            np.testing.assert_allclose(ours[name].numpy(), gradient.numpy(), rtol=0, atol=tolerance, err_msg=name)
    assert max(float(gradient.abs().max()) for gradient in ours.values()) > 0.05


def test_gradient_of_states_that_are_no_longer_visited_is_zero(layout):
    policy = new_policy(layout)
    network = PathNetwork(policy)
    for visited in (20, 3):
        network.forward(0, LENGTH)
        network.backward(torch.ones(visited))
    assert network.reach == 20
    assert (named(network.gradients)["network.0.weight"][:, 3:] == 0).all()
    assert network.gradient[: network.size(3)].any()
    assert not network.gradient[network.size(3) :].any()


def test_forward_in_pieces_is_the_policy_network(layout):
    policy = new_policy(layout, seed=4, gain=50.0)
    network = PathNetwork(policy)
    for start, stop in ((0, 3), (3, 17), (17, layout.num_states)):
        network.forward(start, stop)
    with torch.no_grad():
        expected = policy.network(policy._features(np.arange(layout.num_states)))
    np.testing.assert_allclose(network.logits.numpy(), expected.numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("hidden_sizes", [(64, 64), (10,)])
def test_training_starts_from_the_agents_parameters(layout, hidden_sizes):
    """A learning rate that rounds to no step at all shows them."""
    result = train(layout, learning_rates=[1e-300] * 2, seeds=[5, 6], hidden_sizes=hidden_sizes)
    for run, seed in enumerate((5, 6)):
        agent = stepwise_agent("ei_l2o", seed, policy_kwargs={"hidden_sizes": hidden_sizes})
        for name, value in agent.policy.state_dict().items():
            np.testing.assert_array_equal(result.parameters[name][run], value.numpy())


def stepwise_agent(name, seed, **options):
    return make_agent(name, MAZE, k=4, group_size=8, policy="mlp", seed=seed, length=LENGTH, instance=3, **options)


@pytest.mark.parametrize("name", ["reinforce", "reinforce_entropy", "ei_l2o"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_makes_the_agents_steps_on_the_same_episodes(layout, name, optimizer):
    """The step-by-step agent's weights, gradient and optimizer, on the episodes that our uniform numbers give it.

    Both compute in float32 and round differently, in the last digits even after the last of these steps.
    """
    rate, iterations = {"sgd": 0.02, "adam": 0.003}[optimizer], 60
    agent = stepwise_agent(name, 7, optimizer=optimizer, learning_rate=rate)
    result = train(
        layout,
        agent.estimator,
        learning_rates=[rate],
        seeds=[7],
        iterations=iterations,
        record_every=1,
        optimizer=optimizer,
        entropy_coef=agent.entropy_coef,
    )
    uniforms = np.random.default_rng(derive_seed(7, "maze_population", "episodes")).random((iterations, 8))
    for step, row in enumerate(uniforms):
        rollout = rollout_of(layout, lengths_of(success_of(agent.policy, layout)[None], row[None])[0])
        assert result.return_mean[step, 0] == rollout.returns.mean()
        assert result.env_steps[step, 0] == rollout.num_steps
        assert result.max_at_k[step, 0] == pytest.approx(float(max_at_k(torch.from_numpy(rollout.returns), 4)))
        agent.policy.set_gradient(rollout, agent._weights(rollout.returns[None]), agent.entropy_coef)
        agent.policy.optimizer.step()
    assert result.return_mean.max() > 3
    start = stepwise_agent(name, 7).policy.state_dict()
    for key, value in agent.policy.state_dict().items():
        np.testing.assert_allclose(result.parameters[key][0], value.numpy(), rtol=0, atol=1e-5, err_msg=key)
        assert np.abs(value.numpy() - start[key].numpy()).max() > 0.01


@pytest.mark.parametrize("window", ["from the policy before", "too short"])
def test_returns_have_the_distribution_of_the_environment(layout, window):
    count, runs, policy = 20_000, trained_runs(layout), new_policy(layout)
    policy.load_state_dict({name: torch.from_numpy(value[0]) for name, value in runs.parameters().items()})
    if window == "too short":
        runs.success = np.zeros((1, 1))
    ours = runs.sample(np.random.default_rng(6).random((1, count))).lengths[0]
    envs = gym.make_vec(MAZE, num_envs=count, length=LENGTH, majority_share=0.8, instance=3)
    rollout = collect(envs, policy, list(range(count)), np.random.default_rng(7))
    envs.close()
    assert rollout is not None
    counts = np.stack([np.bincount(x.astype(int), minlength=LENGTH + 1) for x in (ours, rollout.returns)])
    distance = np.abs(np.diff(np.cumsum(counts, axis=1), axis=0)).max() / count
    assert distance < np.sqrt(np.log(2 / 1e-7) / 2) * np.sqrt(2 / count)
    assert counts[:, LENGTH].min() > 100
    assert (counts[0] > 0.005 * count).sum() > 15


def trained_runs(layout):
    """A run whose episodes have many lengths, the goal's among them."""
    runs = MLPRuns([layout], np.array([0.003]), [0], "adam", (64, 64))
    rng = np.random.default_rng(2)
    for _ in range(110):
        runs.iterate(get_estimator("ei_l2o", 4), rng.random((1, 16)), 1 / 4, 0.0)
    runs.networks[0].layers[-1].weight.mul_(0.6)  # by now nearly all of them reach the goal
    return runs


@pytest.mark.parametrize("window", [1, 7, 64])
def test_lengths_invert_the_survival_function(layout, window):
    runs = trained_runs(layout)
    runs.success = np.full((1, window), 0.5)
    uniforms = np.random.default_rng(4).random((1, 200))
    uniforms[0, :2] = 0.0, 1 - 2**-53
    episodes = runs.sample(uniforms)
    runs.networks[0].forward(0, LENGTH)
    logits = runs.networks[0].logits[:LENGTH].double()
    success = logits.softmax(-1).numpy()[np.arange(LENGTH), layout.correct_actions]
    np.testing.assert_array_equal(episodes.lengths[0], (np.cumprod(success) > uniforms[0][:, None]).sum(axis=1))
    assert episodes.window >= min(LENGTH, episodes.lengths.max() + 1)
    np.testing.assert_allclose(episodes.success[0], success[: episodes.window], rtol=1e-5)


def test_adam_is_that_of_torch_on_the_same_gradients():
    """Also where elements appear late, whose gradients were 0 until then."""
    rng = np.random.default_rng(8)
    start = torch.from_numpy(rng.normal(size=60))
    theirs, ours = torch.nn.Parameter(start.clone()), start.clone()
    reference, adam = torch.optim.Adam([theirs], lr=0.03, maximize=True), Adam(0.03)
    for size in (7, 7, 20, 20, 41, 60, 60):
        gradient = torch.zeros(60, dtype=torch.float64)
        gradient[:size] = torch.from_numpy(rng.normal(size=size) * 10.0 ** rng.integers(-9, 3, size=size))
        theirs.grad = gradient
        reference.step()
        adam.step(ours[:size], gradient[:size])
        np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-14)
    assert (ours != start).all()


def test_sgd_adds_the_gradient_times_the_learning_rate():
    parameters = torch.arange(4.0)
    make_ascent("sgd", 0.5).step(parameters[:2], torch.tensor([2.0, -4.0]))
    assert parameters.tolist() == [1.0, -1.0, 2.0, 3.0]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_run_depends_on_its_own_rate_seed_and_maze_alone(optimizer):
    mazes = [MazeLayout.generate(300, 0.9, 1, instance) for instance in range(3)]
    options = dict(n=16, iterations=60, record_every=20, entropy_coef=0.01, optimizer=optimizer)
    together = train(mazes, learning_rates=[0.01, 0.0003, 0.003], seeds=[7, 8, 9], **options)
    alone = train(mazes[1], learning_rates=[0.0003], seeds=[8], **options)
    for name in CURVES:
        np.testing.assert_array_equal(getattr(together, name)[:, 1], getattr(alone, name)[:, 0])
    for name in ("theta", "bias", "exact_return", "exact_max_at_k", "mean_p_action_1"):
        np.testing.assert_array_equal(getattr(together, name)[1], getattr(alone, name)[0])
    for name, value in together.parameters.items():
        np.testing.assert_array_equal(value[1], alone.parameters[name][0])
    assert together.return_mean[-1].max() > 1.2 * together.return_mean[-1].min()


def test_same_seeds_same_result_and_other_seeds_another(layout):
    first, second, other = train(layout), train(layout), train(layout, seeds=[3, 4, 5])
    for name in (*CURVES, "theta", "bias"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert (first.theta != other.theta).any(axis=(1, 2)).all()


def test_training_does_not_depend_on_the_number_of_threads(layout, monkeypatch):
    """From equal initial weights, which torch's threads do change."""
    policies = [new_policy(layout, seed) for seed in range(3)]
    monkeypatch.setattr("maxpo_bench.agents.mlp_runs._initial_policy", lambda states, sizes, seed: policies[seed])
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(train(MazeLayout.generate(LENGTH, 1.0), optimizer="adam", iterations=100))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for name in (*CURVES, "theta", "bias"):
        np.testing.assert_array_equal(getattr(results[0], name), getattr(results[1], name))


def test_episodes_come_from_the_numbers_of_the_tabular_trainer(layout):
    """Where every policy is nearly uniform, so are the lengths that equal uniform numbers give."""
    options = dict(k=4, n=8, learning_rates=[1e-300] * 2, seeds=[3, 4], iterations=200, record_every=100)
    tabular = train_population(layout, "ei_l2o", **options)
    ours = train_mlp_population(layout, "ei_l2o", **options)
    np.testing.assert_allclose(ours.return_mean, tabular.return_mean, atol=0.05)
    assert ours.return_mean.std() > 0


def test_result_describes_the_final_policy(layout):
    result = train(layout, optimizer="adam", learning_rates=[0.003] * 3, iterations=100)
    assert isinstance(result, PopulationResult)
    assert result.snapshots == {}
    assert (result.estimator, result.k, result.group_size, result.optimizer) == ("ei_l2o", 4, 8, "adam")
    policy = new_policy(layout)
    policy.load_state_dict({name: torch.from_numpy(value[1]) for name, value in result.parameters.items()})
    with torch.no_grad():
        logits = policy.network(policy._features(np.arange(layout.num_states))).double()
    np.testing.assert_allclose(result.theta[1] + result.bias[1], logits.numpy(), atol=1e-5)
    table = logits.softmax(-1).numpy()
    assert result.exact_return[1] == pytest.approx(layout.expected_return(table), rel=1e-4)
    assert result.exact_max_at_k[1] == pytest.approx(layout.max_at_k(table, 4), rel=1e-4)
    assert result.mean_p_action_1[1] == pytest.approx(table[:LENGTH, 1].mean(), rel=1e-4)
    assert result.exact_return.min() > 2
    np.testing.assert_array_equal(result.bias, result.parameters["network.4.bias"].astype(np.float64))


def test_records_and_progress(layout):
    calls = []
    result = train(layout, iterations=40, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(10, 40), (20, 40), (30, 40), (40, 40)]
    assert result.iteration.tolist() == [10, 20, 30, 40]
    assert all(getattr(result, name).shape == (4, 3) for name in CURVES)
    fine = train(layout, iterations=40, record_every=1)
    for name in ("return_mean", "max_at_k"):
        blocks = getattr(fine, name).reshape(4, 10, 3)
        np.testing.assert_allclose(getattr(result, name), blocks.mean(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(result.env_steps, fine.env_steps.reshape(4, 10, 3).sum(axis=1))
    np.testing.assert_array_equal(result.p_action_1, fine.p_action_1[9::10])
    np.testing.assert_allclose(result.final_return(20), result.return_mean[-2:].mean(axis=0))
    before = train(layout, iterations=39, record_every=1)
    np.testing.assert_allclose(result.p_action_1[-1], 1 / (1 + np.exp(before.bias[:, 0] - before.bias[:, 1])))
    assert (fine.p_action_1[0] == 0.5).all()


def test_steps_to_the_goal_are_counted_without_a_step_into_the_wall():
    layout = MazeLayout.generate(2, 1.0, 1)
    result = train(layout, iterations=400, record_every=20, optimizer="adam", learning_rates=[0.01] * 3)
    assert (result.return_mean[-1] > 1.9).all()
    assert (result.env_steps[-1] <= 20 * 8 * 2).all()
    assert (result.env_steps[-1] > 20 * 8 * 1.9).all()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("estimator", ["reinforce_l1o", "ei_l2o"])
def test_learning_raises_the_return(layout, estimator, optimizer):
    rate = {"sgd": 0.02, "adam": 0.001}[optimizer]
    result = train(layout, estimator, iterations=300, learning_rates=[rate] * 3, optimizer=optimizer)
    assert (result.return_mean[0] < 3).all()
    assert (result.exact_return > 5).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": None}, "pass k="),
        ({"estimator": get_estimator("ei", 3)}, "differs from the estimator's own k=3"),
        ({"k": 8}, "at least 9"),
        ({"learning_rates": [0.1]}, "one entry per run"),
        ({"learning_rates": [0.1, -0.1, 0.1]}, "positive"),
        ({"iterations": 45}, "multiple of record_every"),
        ({"entropy_coef": -1.0}, "entropy_coef"),
        ({"learning_rates": [1e31] * 3}, "at most 1e\\+30"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"hidden_sizes": (64, 0)}, "hidden_sizes must be positive"),
    ],
)
def test_bad_arguments_raise_at_the_door(layout, options, message):
    with pytest.raises(ValueError, match=message):
        train(layout, **options)


def test_an_unknown_optimizer_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="Did you mean 'sgd'"):
        make_ascent("sdg", 0.1)


@pytest.mark.parametrize("dead_end_length", [2, "mixed"])
def test_longer_dead_ends_are_refused_with_the_way_out(dead_end_length):
    with pytest.raises(ValueError, match="dead_end_length=1"):
        train(MazeLayout.generate(20, 0.8, dead_end_length))


def test_mazes_must_match_the_runs():
    with pytest.raises(ValueError, match="each of the 3 runs"):
        train([MazeLayout.generate(30), MazeLayout.generate(30)])


def test_an_overflow_names_the_run(layout):
    runs = MLPRuns([layout] * 2, np.array([0.01, 0.1]), [3, 4], "sgd", (8,))
    runs.networks[1].layers[-1].bias.fill_(np.inf)
    with pytest.raises(FloatingPointError, match=r"run 1's network \(learning rate 0.1, seed 4\) overflowed: lower"):
        runs.sample(np.full((2, 4), 0.5))


def test_result_is_frozen(layout):
    with pytest.raises(dataclasses.FrozenInstanceError):
        train(layout, iterations=10).k = 5
