"""The softmax table with a global bias as a policy of Stable-Baselines3, against closed forms in double precision."""

import io

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from maxpo_bench.agents import make_agent
from maxpo_bench.agents.peer_policies import TabularActorCriticPolicy
from maxpo_bench.agents.tabular import TabularPolicy
from maxpo_bench.envs.maze import MazeLayout

STATES, ACTIONS = 6, 3
ON_POLICY = pytest.mark.parametrize("name", ["ppo", "a2c", "trpo"])
SMALL = {"ppo": {"batch_size": 64, "n_epochs": 2}, "a2c": {}, "trpo": {"batch_size": 64, "n_critic_updates": 2}}

LEARNING = {
    "ppo": {"batch_size": 512, "n_epochs": 4},
    "a2c": {},
    "trpo": {"batch_size": 512, "target_kl": 0.1},
}


@pytest.fixture
def policy():
    """A policy with random parameters on states 4 .. 9."""
    made = TabularActorCriticPolicy(spaces.Discrete(STATES, start=4), spaces.Discrete(ACTIONS), lambda _: 0.1)
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(size=tuple(parameter.shape))))
    return made


def numbers(policy):
    return {name: value.detach().double().numpy() for name, value in policy.named_parameters()}


def softmax(logits):
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def test_parameters_start_at_zero_and_only_the_critics_are_called_value():
    fresh = TabularActorCriticPolicy(spaces.Discrete(STATES), spaces.Discrete(ACTIONS), lambda _: 0.1)
    assert {name: tuple(value.shape) for name, value in fresh.named_parameters()} == {
        "action_table": (6, 3), "action_bias": (3,), "value_table": (6, 1), "value_bias": (1,),
    }  # fmt: skip
    assert all(not value.any() for value in fresh.parameters())
    assert isinstance(fresh, ActorCriticPolicy)


def test_it_is_the_softmax_of_a_table_and_a_bias(policy):
    found, states = numbers(policy), torch.tensor([4, 9, 4, 7])
    expected = softmax(found["action_table"] + found["action_bias"])[[0, 5, 0, 3]]
    distribution = policy.get_distribution(states).distribution
    np.testing.assert_allclose(distribution.probs.detach().numpy(), expected, atol=1e-6)
    values = found["value_table"][[0, 5, 0, 3], 0] + found["value_bias"]
    np.testing.assert_allclose(policy.predict_values(states).detach().numpy()[:, 0], values, atol=1e-6)
    actions = torch.tensor([2, 0, 1, 1])
    evaluated, log_probs, entropies = policy.evaluate_actions(states, actions)
    np.testing.assert_allclose(log_probs.detach().numpy(), np.log(expected[np.arange(4), actions]), atol=1e-5)
    np.testing.assert_allclose(entropies.detach().numpy(), -(expected * np.log(expected)).sum(axis=1), atol=1e-5)
    assert torch.equal(evaluated, policy.predict_values(states))
    np.testing.assert_array_equal(policy.predict(states.numpy(), deterministic=True)[0], expected.argmax(axis=1))


def test_it_is_the_policy_of_the_group_agents(policy):
    table = TabularPolicy(spaces.Discrete(STATES), spaces.Discrete(ACTIONS))
    with torch.no_grad():
        table.logits.copy_(policy.action_table)
        table.bias.copy_(policy.action_bias)
        mine = policy.get_distribution(torch.arange(4, 10)).distribution.probs.numpy()
    np.testing.assert_allclose(mine, table.probabilities(), atol=1e-6)


def test_gradients_are_the_closed_form(policy):
    """Of sum_t A_t log pi(a_t|s_t): A (e_a - pi) in row s, and the sum over rows in the bias."""
    rng = np.random.default_rng(6)
    rows, actions, weights = rng.integers(STATES, size=40), rng.integers(ACTIONS, size=40), rng.normal(size=40)
    _, log_probs, _ = policy.evaluate_actions(torch.from_numpy(rows + 4), torch.from_numpy(actions))
    (log_probs * torch.from_numpy(weights).float()).sum().backward()
    found = numbers(policy)
    probs = softmax(found["action_table"] + found["action_bias"])
    expected = np.zeros((STATES, ACTIONS))
    np.add.at(expected, rows, weights[:, None] * (np.eye(ACTIONS)[actions] - probs[rows]))
    np.testing.assert_allclose(policy.action_table.grad.numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(policy.action_bias.grad.numpy(), expected.sum(axis=0), atol=1e-5)
    assert policy.value_table.grad is None


def test_gradients_of_the_critic_are_the_closed_form(policy):
    rows, targets = np.array([0, 0, 5]), np.array([1.0, -2.0, 3.0])
    policy.predict_values(torch.from_numpy(rows + 4)).flatten().sub(torch.from_numpy(targets)).square().sum().backward()
    found = numbers(policy)
    error = 2 * (found["value_table"][rows, 0] + found["value_bias"] - targets)
    expected = np.bincount(rows, error, STATES)
    np.testing.assert_allclose(policy.value_table.grad.numpy()[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(policy.value_bias.grad.numpy(), [error.sum()], atol=1e-5)
    assert policy.action_table.grad is None


def test_actions_are_drawn_from_it(policy):
    """Pearson's statistic has 2 degrees of freedom: above 28 by chance with a probability of 8e-7."""
    torch.manual_seed(11)
    with torch.no_grad():
        expected = policy.get_distribution(torch.tensor([6])).distribution.probs[0].numpy()
        actions, values, log_probs = policy(torch.full((20_000,), 6))
    counts = np.bincount(actions.numpy(), minlength=3)
    assert ((counts - 20_000 * expected) ** 2 / (20_000 * expected)).sum() < 28
    np.testing.assert_allclose(log_probs.numpy(), np.log(expected)[actions.numpy()], atol=1e-5)
    assert values.shape == (20_000, 1)


def test_probability_of_action_1_under_the_bias_alone():
    two = TabularActorCriticPolicy(spaces.Discrete(2), spaces.Discrete(2), lambda _: 0.1)
    assert two.action_1_probability() == 0.5
    with torch.no_grad():
        two.action_bias[1] = np.log(3.0)
    assert two.action_1_probability() == pytest.approx(0.75, abs=1e-6)
    three = TabularActorCriticPolicy(spaces.Discrete(2), spaces.Discrete(3), lambda _: 0.1)
    assert three.action_1_probability() is None


@ON_POLICY
def test_peers_learn_a_short_maze_with_it(name):
    agent = make_agent(
        name, "maxpo/Maze-v0", length=8, majority_share=0.5, instance=1, policy="tabular", num_envs=32, n_steps=16,
        learning_rate=0.1, **LEARNING[name],
    )  # fmt: skip
    agent.learn(iterations=60)
    log, layout = agent.iteration_log, MazeLayout.generate(8, 0.5, 1, 1)
    assert log[0]["exact_return"] == pytest.approx(layout.blind_return(0.5), abs=1e-6)
    assert log[0]["exact_max_at_k"] == pytest.approx(layout.max_at_k(layout.blind_policy(0.5), 4), abs=1e-6)
    assert log[0]["entropy"] == pytest.approx(np.log(2), abs=1e-6)
    assert log[0]["p_action_1"] == 0.5
    assert layout.expected_return(agent.policy_table()) > 7
    assert log[-1]["return_mean"] > 6
    assert 0 < log[-1]["entropy"] < 0.5
    assert log[-1]["p_action_1"] != 0.5


@ON_POLICY
def test_what_is_logged_is_exact(name):
    """Statistics of the second rollout are those of the policy that the first update has left."""
    agent = make_agent(name, "maxpo/Maze-v0", length=9, policy="tabular", num_envs=8, n_steps=8, **SMALL[name])
    agent.learn(iterations=1)
    table, bias = agent.policy_table(), agent.policy.action_bias.detach().double().numpy()
    agent.learn(iterations=1, reset_num_timesteps=False)
    layout, record = MazeLayout.generate(9, 0.8), agent.iteration_log[1]
    assert record["exact_return"] == pytest.approx(layout.expected_return(table), rel=1e-12)
    assert record["exact_max_at_k"] == pytest.approx(layout.max_at_k(table, 4), rel=1e-12)
    assert record["p_action_1"] == pytest.approx(softmax(bias)[1], rel=1e-12)
    visited = agent.rollout_buffer.observations.ravel().astype(int)
    rows = -(table * np.log(table)).sum(axis=1)
    assert record["entropy"] == pytest.approx(rows[visited].mean(), rel=1e-9)


@ON_POLICY
def test_saved_and_loaded(name):
    agent = make_agent(name, "maxpo/Maze-v0", length=9, policy="tabular", num_envs=8, n_steps=8, **SMALL[name])
    agent.learn(iterations=3)
    file = io.BytesIO()
    agent.save(file)
    file.seek(0)
    loaded = type(agent).load(file)
    np.testing.assert_array_equal(loaded.policy_table(), agent.policy_table())
    assert isinstance(loaded.policy, TabularActorCriticPolicy)
    assert loaded.learn(iterations=1, reset_num_timesteps=False).num_timesteps == 4 * 64


def test_the_policy_alone_is_saved_and_loaded(policy, tmp_path):
    policy.save(tmp_path / "policy.zip")
    loaded = TabularActorCriticPolicy.load(tmp_path / "policy.zip", device="cpu")
    for mine, theirs in zip(policy.parameters(), loaded.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert torch.equal(loaded.predict_values(torch.tensor([9])), policy.predict_values(torch.tensor([9])))


@pytest.mark.parametrize("name", ["ppo", "a2c", "trpo", "ars"])
def test_other_spaces_are_refused_with_a_way_out(name):
    with pytest.raises(ValueError, match=r"needs Discrete observations and actions, got Box.*choose policy='mlp'"):
        make_agent(name, gym.make("CartPole-v1"), policy="tabular")


@pytest.mark.parametrize("name", ["ppo", "a2c", "trpo"])
def test_mlp_is_another_spelling_of_the_original_name(name):
    options = {"num_envs": 4, "n_steps": 16, **SMALL[name]}
    logs = [
        make_agent(name, "maxpo/Maze-v0", length=5, policy=policy, **options).learn(iterations=2).iteration_log
        for policy in ("mlp", "MlpPolicy")
    ]
    assert logs[0] == logs[1]
    assert logs[0][0]["p_action_1"] is None
    assert logs[0][0]["exact_return"] > 0
