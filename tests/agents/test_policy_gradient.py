"""One iteration and many: the update's expectation, its variance, random streams, bounds and messages."""

from itertools import product

import gymnasium as gym
import numpy as np
import pytest
import torch
from bandit_agents import ARMS, BANDIT, LOGITS, bandit_agent, step
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from maxpo_bench.agents import EI, EIL2O, REINFORCE, EntropyREINFORCE, GroupPolicyGradient, policy_gradient
from maxpo_bench.agents.global_rng import global_state
from maxpo_bench.estimators import ei_l2o
from maxpo_bench.objectives import max_at_k_gradient
from maxpo_bench.seeding import derive_seed


def exact_gradient(k):
    rewards, logits = torch.from_numpy(ARMS), torch.from_numpy(LOGITS)
    return max_at_k_gradient(logits, rewards, k)


@pytest.mark.parametrize("estimator", ["ei", "ei_l2o", "pkpo_sloo", "all_subsets"])
def test_update_is_an_unbiased_estimate_of_the_gradient_over_k(estimator):
    """Mean over 20000 groups; within 6 standard errors in norm, false alarms below 1e-8 (Gaussian quadratic form)."""
    agent = bandit_agent(estimator, groups_per_step=20_000)
    error = step(agent) - exact_gradient(3) / 3
    standard_error = agent.iteration_log[0]["grad_variance"] ** 0.5
    assert standard_error < 0.1 * exact_gradient(3).norm() / 3
    assert error.norm() < 6 * standard_error


def test_ei_l1o_has_the_bias_of_its_closed_form():
    """As above, against ((n-K) grad J_K + K grad J_{K-1}) / (n-1) / K; the unbiased gradient is far off."""
    agent = bandit_agent("ei_l1o", k=5, groups_per_step=20_000)
    estimate, standard_error = step(agent), agent.iteration_log[0]["grad_variance"] ** 0.5
    expected = (1 * exact_gradient(5) + 5 * exact_gradient(4)) / 5 / 5
    assert (estimate - expected).norm() < 6 * standard_error
    assert (estimate - exact_gradient(5) / 5).norm() > 10 * standard_error


def test_reinforce_ascends_the_mean_whatever_k():
    for k in (1, 4):
        agent = REINFORCE(
            "maxpo/Bandit-v0", k=k, group_size=6, groups_per_step=5_000, env_kwargs=BANDIT, learning_rate=1.0
        )
        with torch.no_grad():
            agent.policy.logits.copy_(torch.from_numpy(LOGITS))
        error = step(agent) - exact_gradient(1)
        assert error.norm() < 6 * agent.iteration_log[0]["grad_variance"] ** 0.5


def test_two_groups_give_the_mean_of_their_gradients_and_the_variance_of_their_difference():
    """The step is (g_1 + g_2) / 2, its estimated variance ||g_1 - g_2||^2 / 4."""
    agent = bandit_agent("ei_l2o", groups_per_step=2)
    kept = {}
    collect = agent._collect

    def keep(env, callbacks):
        kept["rollout"] = collect(env, callbacks)
        return kept["rollout"]

    agent._collect = keep
    estimate = step(agent).numpy()
    rollout = kept["rollout"]
    advantages = ei_l2o(torch.from_numpy(rollout.returns.reshape(2, 6)), 3).numpy()
    policy = np.exp(LOGITS) / np.exp(LOGITS).sum()
    scores = (np.eye(5)[rollout.actions] - policy).reshape(2, 6, 5)
    first, second = (a @ s / 6 for a, s in zip(advantages, scores, strict=True))
    np.testing.assert_allclose(estimate, (first + second) / 2, rtol=1e-12)
    variance = ((first - second) ** 2).sum() / 4
    assert agent.iteration_log[0]["grad_variance"] == pytest.approx(variance, rel=1e-10)


def test_gradient_variance_is_that_between_steps():
    """Average of the within-step estimate against the variance over 400 independent steps.

    Both are means of 400 values; their difference is bounded by 6 standard errors of the squared deviations
    (false alarms below 1e-7, allowing for their skew).
    """
    agent = bandit_agent("ei", groups_per_step=4, learning_rate=1e-12)
    agent.learn(iterations=400)
    within = np.array([record["grad_variance"] for record in agent.iteration_log])
    other = bandit_agent("ei", groups_per_step=4, seed=1, log_variance=False)
    estimates = []
    for _ in range(400):
        estimates.append(step(other).numpy())
        with torch.no_grad():
            other.policy.logits.copy_(torch.from_numpy(LOGITS))
    squares = ((np.array(estimates) - exact_gradient(3).numpy() / 3) ** 2).sum(axis=1)
    error = (squares.var() / 400 + within.var() / 400) ** 0.5
    assert abs(squares.mean() - within.mean()) < 6 * error
    assert error < 0.15 * squares.mean()


def test_gradient_variance_with_one_group_treats_episodes_as_samples():
    agent = bandit_agent("ei_l2o")
    estimate = step(agent)
    assert agent.iteration_log[0]["grad_norm"] == pytest.approx(float(estimate.norm()), rel=1e-9)
    assert agent.iteration_log[0]["grad_variance"] > 0
    assert bandit_agent("ei", k=1, group_size=1).learn(iterations=1).iteration_log[0]["grad_variance"] is None


def test_entropy_bonus_adds_its_exact_gradient():
    plain, bonus = bandit_agent("ei_l2o"), bandit_agent("ei_l2o", entropy_coef=0.5)
    logits = torch.from_numpy(LOGITS).requires_grad_()
    entropy = torch.distributions.Categorical(logits=logits).entropy()
    (expected,) = torch.autograd.grad(entropy, logits)
    torch.testing.assert_close(step(bonus) - step(plain), 0.5 * expected, rtol=1e-10, atol=1e-12)
    assert bonus.iteration_log[0]["entropy"] == pytest.approx(entropy.item(), rel=1e-12)


def test_the_log_describes_the_policy_that_sampled():
    agent = bandit_agent("ei_l2o").learn(iterations=2)
    first, second = agent.iteration_log
    policy = np.exp(LOGITS) / np.exp(LOGITS).sum()
    assert first["exact_return"] == pytest.approx(policy @ ARMS, rel=1e-12)
    best_of_3 = sum(np.prod(policy[list(arms)]) * ARMS[list(arms)].max() for arms in product(range(5), repeat=3))
    assert first["exact_max_at_k"] == pytest.approx(best_of_3, rel=1e-12)
    assert (first["iteration"], second["iteration"]) == (1, 2)
    assert (first["timesteps"], second["timesteps"]) == (6, 12)
    assert first["episode_length"] == 1.0
    assert first["p_action_1"] is None
    maze = EIL2O("maxpo/Maze-v0", env_kwargs={"length": 5}).learn(iterations=1).iteration_log[0]
    assert maze["p_action_1"] == 0.5
    assert maze["exact_return"] == pytest.approx(sum(0.5**i for i in range(1, 6)), rel=1e-12)


def test_logged_max_at_k_is_the_unbiased_estimate():
    agent = bandit_agent("ei", k=2, group_size=3, groups_per_step=2)
    seen = []
    agent.estimator = lambda rewards: seen.append(rewards.clone()) or torch.zeros_like(rewards)
    agent.estimator.scale_factor = lambda n: 1.0
    agent.learn(iterations=1)
    (rewards,) = seen
    pairs = [[max(a, b), max(a, c), max(b, c)] for a, b, c in rewards.tolist()]
    assert agent.iteration_log[0]["return_max_at_k"] == pytest.approx(np.mean(pairs), rel=1e-12)
    assert agent.iteration_log[0]["return_mean"] == pytest.approx(rewards.mean().item(), rel=1e-12)


@pytest.mark.parametrize("make", [
    lambda: bandit_agent("ei_l2o"),
    lambda: EntropyREINFORCE("maxpo/Maze-v0", env_kwargs={"length": 8}, optimizer="adam", groups_per_step=2),
    lambda: EI("maxpo/Maze-v0", env_kwargs={"length": 8}, policy="mlp"),
])  # fmt: skip
def test_equal_seeds_give_bitwise_equal_runs(make):
    first, second = make().learn(iterations=8), make().learn(iterations=8)
    assert first.iteration_log == second.iteration_log
    np.testing.assert_array_equal(first.policy.parameters_to_vector(), second.policy.parameters_to_vector())
    assert len({record["return_mean"] for record in first.iteration_log}) > 1


def test_no_two_random_streams_share_a_seed(monkeypatch):
    paths = []

    def record(root, *path):
        paths.append((root, *path))
        return derive_seed(root, *path)

    monkeypatch.setattr(policy_gradient, "derive_seed", record)
    bandit_agent("ei", seed=3).learn(iterations=4)
    assert len(paths) == len(set(paths)) == 2 + 2 * 4
    assert {path[0] for path in paths} == {3}


def test_other_seeds_give_other_runs():
    returns = [
        bandit_agent("ei", seed=seed).learn(iterations=1).iteration_log[0]["return_mean"] for seed in (0, 1, None, None)
    ]
    assert len(set(returns)) > 1


def test_logging_the_variance_does_not_change_the_training():
    runs = [
        EI("maxpo/Maze-v0", env_kwargs={"length": 8}, policy=policy, log_variance=flag).learn(iterations=5)
        for policy in ("tabular", "mlp")
        for flag in (True, False)
    ]
    for with_it, without in (runs[:2], runs[2:]):
        np.testing.assert_array_equal(with_it.policy.parameters_to_vector(), without.policy.parameters_to_vector())
        assert without.iteration_log[0]["grad_variance"] is None


def test_global_generators_are_neither_read_nor_written():
    logs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = global_state()
        agent = EI("CartPole-v1", policy="mlp", optimizer="adam", group_size=4, k=2).learn(iterations=2)
        agent.predict(np.zeros(4, np.float32))
        agent.set_random_seed(3)
        after = global_state()
        assert before["python"] == after["python"]
        assert all(np.array_equal(a, b) for a, b in zip(before["numpy"], after["numpy"], strict=True))
        assert torch.equal(before["torch"], after["torch"])
        logs.append(agent.iteration_log)
    assert logs[0] == logs[1]


class StartsAnywhere(gym.Env):
    """One step; the reward is the random start, whatever is done."""

    observation_space, action_space = Box(0, 1, (1,)), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.value = self.np_random.random()
        return np.array([self.value], np.float32), {}

    def step(self, action):
        return np.array([self.value], np.float32), self.value, True, False, {}


@pytest.mark.parametrize("same_start", [True, False])
def test_same_start_gives_each_group_one_start(same_start):
    agent = GroupPolicyGradient(StartsAnywhere, group_size=5, groups_per_step=3, same_start=same_start)
    seen = []
    agent.estimator = lambda rewards: seen.append(rewards.clone()) or torch.zeros_like(rewards)
    agent.estimator.scale_factor = lambda n: 1.0
    agent.learn(iterations=2)
    starts = torch.cat(seen)
    distinct = {row[0].item() for row in starts}
    assert len(distinct) == 6
    assert (starts == starts[:, :1]).all() if same_start else len(set(starts.ravel().tolist())) == 30


def test_bounds_in_steps_and_iterations():
    agent = bandit_agent("ei")
    agent.learn(20)
    assert (agent.num_timesteps, len(agent.iteration_log)) == (24, 4)
    agent.learn(total_timesteps=600, iterations=2)
    assert (agent.num_timesteps, len(agent.iteration_log)) == (12, 6)
    agent.learn(6, reset_num_timesteps=False)
    assert (agent.num_timesteps, len(agent.iteration_log)) == (18, 7)
    assert agent.learn(iterations=0).num_timesteps == 0
    with pytest.raises(ValueError, match="total_timesteps= or iterations="):
        agent.learn()
    with pytest.raises(ValueError, match="must not be negative"):
        agent.learn(iterations=-1)


def test_an_interrupted_iteration_starts_again_and_its_steps_count_once():
    def make():
        return EIL2O("maxpo/Maze-v0", env_kwargs={"length": 9})

    def interrupt(local_variables, global_variables):
        if agent._n_updates == 2:
            raise KeyboardInterrupt
        return True

    agent = make()
    with pytest.raises(KeyboardInterrupt):
        agent.learn(iterations=5, callback=interrupt)
    assert agent.num_timesteps > agent.iteration_log[-1]["timesteps"]
    agent.learn(iterations=3, reset_num_timesteps=False)
    assert agent.iteration_log == make().learn(iterations=5).iteration_log


def test_learning_rate_schedule_follows_the_progress():
    rates = []
    agent = bandit_agent("ei", learning_rate=lambda progress: progress)
    agent._log = lambda record: rates.append(agent._current_progress_remaining)
    agent.learn(iterations=4)
    assert rates == [1.0, 0.75, 0.5, 0.25]


def test_callbacks_see_every_step_and_can_stop():
    class Watch(BaseCallback):
        steps, rollouts = 0, 0

        def _on_step(self):
            self.steps += 1
            assert self.training_env.num_envs == 6
            assert self.locals["dones"].all()
            assert self.num_timesteps == 6 * self.steps
            return self.steps < 4

        def _on_rollout_end(self):
            self.rollouts += 1

    watch = Watch()
    agent = bandit_agent("ei").learn(iterations=10, callback=watch)
    assert (watch.steps, watch.rollouts, len(agent.iteration_log)) == (4, 3, 3)


def test_a_watched_training_is_the_same():
    def make():
        return EIL2O("maxpo/Maze-v0", env_kwargs={"length": 9})

    class Count(BaseCallback):
        seen = 0

        def _on_step(self):
            self.seen += len(self.locals["alive"])
            return True

    count = Count()
    watched, alone = make().learn(iterations=4, callback=count), make().learn(iterations=4)
    assert watched.iteration_log == alone.iteration_log
    assert watched.num_timesteps == alone.num_timesteps == count.seen == alone.iteration_log[-1]["timesteps"]


def test_logger_gets_the_iteration(capsys):
    agent = bandit_agent("ei", verbose=1).learn(iterations=2, log_interval=1)
    assert "ep_rew_mean" in capsys.readouterr().out
    logger = Logger(None, [])
    agent.set_logger(logger)
    agent.learn(iterations=1, log_interval=None)
    assert logger.name_to_value["train/grad_norm"] == agent.iteration_log[-1]["grad_norm"]
    assert logger.name_to_value["train/learning_rate"] == 1.0


def test_progress_bar_is_silent_in_a_pipe(capsys):
    bandit_agent("ei").learn(iterations=3, progress_bar=True)
    bandit_agent("ei").learn(10, progress_bar=True)
    assert capsys.readouterr().out.strip() == ""


def test_predict_has_the_shapes_of_stable_baselines3():
    agent = bandit_agent("ei")
    action, state = agent.predict(0, deterministic=True)
    assert (action.shape, int(action), state) == ((), 0, None)
    actions, _ = agent.predict(np.zeros(50, dtype=int))
    assert actions.shape == (50,)
    assert len(set(actions.tolist())) > 1
    box = GroupPolicyGradient(StartsAnywhere, group_size=5)
    assert box.predict(np.zeros(1, np.float32))[0].shape == ()
    assert box.predict(np.zeros((3, 1), np.float32))[0].shape == (3,)


def test_predict_follows_the_parameters_and_leaves_training_alone():
    agent, other = bandit_agent("ei"), bandit_agent("ei")
    agent.predict(np.zeros(3, dtype=int))
    assert agent.learn(iterations=2).iteration_log == other.learn(iterations=2).iteration_log
    with torch.no_grad():
        agent.policy.logits[0, 3] = 50.0
    assert agent.predict(np.zeros(20, dtype=int))[0].tolist() == [3] * 20


def test_initial_logits_of_the_environment():
    agent = GroupPolicyGradient("maxpo/Bandit-v0", policy_kwargs={"initial_logits": "env"})
    assert agent.vector_env is not None
    np.testing.assert_array_equal(agent.policy.logits[0].detach(), agent.vector_env.unwrapped.initial_logits)
    with pytest.raises(ValueError, match="needs an environment with initial_logits"):
        GroupPolicyGradient("maxpo/Maze-v0", policy_kwargs={"initial_logits": "env"})
    with pytest.raises(ValueError, match='an array or "env"'):
        GroupPolicyGradient("maxpo/Bandit-v0", policy_kwargs={"initial_logits": "env2"})
