"""Saving, loading and going on, bitwise."""

import io

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

from maxpo_bench.agents import EI, EIL2O, REINFORCE, EntropyREINFORCE, GroupPolicyGradient
from maxpo_bench.envs.bandit import BanditEnv
from maxpo_bench.estimators import ei_l2o, get_estimator

CASES = {
    "bandit": lambda: EIL2O("maxpo/Bandit-v0", env_kwargs={"num_arms": 5, "reward_noise": 0.5}),
    "maze, entropy, adam, groups": lambda: EntropyREINFORCE(
        "maxpo/Maze-v0", env_kwargs={"length": 10}, optimizer="adam", groups_per_step=2, seed=7
    ),
    "network": lambda: EI("CartPole-v1", policy="mlp", optimizer="adam", group_size=4, k=2, max_episode_steps=20),
}


def round_trip(agent, cls=None, **options):
    file = io.BytesIO()
    agent.save(file)
    file.seek(0)
    return (cls or type(agent)).load(file, **options)


def assert_equal_agents(first, second):
    assert first.iteration_log == second.iteration_log
    assert first.num_timesteps == second.num_timesteps
    for one, other in zip(first.policy.parameters(), second.policy.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("case", CASES)
def test_training_goes_on_bitwise(case):
    whole = CASES[case]().learn(iterations=20)
    half = CASES[case]().learn(iterations=10)
    resumed = round_trip(half)
    assert resumed.learn(iterations=10, reset_num_timesteps=False) is resumed
    assert_equal_agents(resumed, whole)


@pytest.mark.parametrize("case", CASES)
def test_a_loaded_agent_predicts_the_same(case):
    agent = CASES[case]().learn(iterations=2)
    observations = np.stack([agent.observation_space.sample() for _ in range(30)])
    agent.predict(observations)
    loaded = round_trip(agent)
    for deterministic in (True, False):
        first, second = (a.predict(observations, deterministic=deterministic)[0] for a in (agent, loaded))
        np.testing.assert_array_equal(first, second)


def test_a_checkpoint_inside_an_iteration_starts_it_again():
    class Save(BaseCallback):
        file = None

        def _on_step(self):
            if self.model._n_updates == 4 and self.file is None:
                self.file = io.BytesIO()
                self.model.save(self.file)
            return True

    save = Save()
    make = CASES["maze, entropy, adam, groups"]
    whole = make().learn(iterations=8, callback=save)
    assert save.file is not None
    save.file.seek(0)
    resumed = EntropyREINFORCE.load(save.file)
    assert resumed.num_timesteps == resumed.iteration_log[-1]["timesteps"]
    assert_equal_agents(resumed.learn(iterations=4, reset_num_timesteps=False), whole)


def test_files_on_disk(tmp_path):
    agent = CASES["bandit"]().learn(iterations=2)
    agent.save(tmp_path / "agent")
    assert_equal_agents(EIL2O.load(tmp_path / "agent.zip"), agent)


def test_an_agent_made_from_an_object_needs_one_again():
    from gymnasium.envs.classic_control import CartPoleEnv

    agent = GroupPolicyGradient(CartPoleEnv(), group_size=4, k=2, max_episode_steps=10).learn(iterations=1)
    loaded = round_trip(agent)
    assert loaded.predict(np.zeros(4, np.float32))[0].shape == ()
    with pytest.raises(ValueError, match="loaded without an environment"):
        loaded.learn(iterations=1)
    again = round_trip(agent, env=CartPoleEnv())
    agent.learn(iterations=2, reset_num_timesteps=False)
    assert_equal_agents(again.learn(iterations=2, reset_num_timesteps=False), agent)
    loaded.set_env(CartPoleEnv)
    assert_equal_agents(loaded.learn(iterations=2, reset_num_timesteps=False), agent)


def test_logits_from_the_environment_need_no_environment_on_loading():
    env = BanditEnv(num_arms=5)
    agent = EIL2O(env, policy_kwargs={"initial_logits": "env"})
    np.testing.assert_array_equal(round_trip(agent).policy.logits[0].detach(), env.initial_logits)


def test_attributes_can_be_replaced():
    agent = CASES["bandit"]()
    assert round_trip(agent, learning_rate=0.5).lr_schedule(1) == 0.5
    assert round_trip(agent, entropy_coef=0.1).entropy_coef == 0.1
    with pytest.raises(ValueError, match="Did you mean 'learning_rate'"):
        round_trip(agent, learning_rat=0.5)


def test_another_environment_must_fit():
    agent = REINFORCE("maxpo/Maze-v0", env_kwargs={"length": 10})
    other = round_trip(agent, env="maxpo/Maze-v0", env_kwargs={"length": 10, "instance": 3})
    assert other.vector_env.unwrapped.layout.instance == 3
    with pytest.raises(ValueError, match="use an environment with equal spaces"):
        round_trip(agent, env="maxpo/Maze-v0", env_kwargs={"length": 11})
    with pytest.raises(ValueError, match="equal spaces"):
        agent.set_env("maxpo/Bandit-v0")


def test_presets_load_only_their_own():
    agent = CASES["bandit"]()
    assert round_trip(agent, GroupPolicyGradient).estimator.name == "ei_l2o"
    with pytest.raises(ValueError, match=r"with the estimator 'ei_l2o', not 'ei': load it with GroupPolicyGradient"):
        round_trip(agent, EI)


def doubled(rewards, k):
    return 2 * ei_l2o(rewards, k)


def test_estimators_come_back():
    by_name = GroupPolicyGradient("maxpo/Bandit-v0", estimator="grpo", estimator_params={"eps": 0.5})
    assert round_trip(by_name).estimator.params == {"eps": 0.5}
    bound = GroupPolicyGradient("maxpo/Bandit-v0", estimator=get_estimator("grpo", 4, ddof=0))
    assert round_trip(bound).estimator.params == {"ddof": 0}
    by_function = GroupPolicyGradient("maxpo/Bandit-v0", estimator=doubled, estimator_params={"scale": "1"})
    loaded = round_trip(by_function)
    assert loaded.estimator.spec.function is doubled
    assert loaded.estimator.scale == "1"
    assert_equal_agents(loaded.learn(iterations=2), by_function.learn(iterations=2))


def test_functions_that_cannot_be_imported_fail_on_save_and_say_why():
    def local(rewards, k):
        return ei_l2o(rewards, k)

    for function in (local, lambda rewards, k: ei_l2o(rewards, k)):
        agent = GroupPolicyGradient("maxpo/Bandit-v0", estimator=function).learn(iterations=1)
        with pytest.raises(ValueError, match="define it at the top level of a module, or register it"):
            agent.save(io.BytesIO())


def test_a_function_that_is_gone_fails_on_load_and_says_so(monkeypatch):
    agent = GroupPolicyGradient("maxpo/Bandit-v0", estimator=doubled)
    file = io.BytesIO()
    agent.save(file)
    file.seek(0)
    monkeypatch.delitem(globals(), "doubled")
    with pytest.raises(ValueError, match="make its module importable"):
        GroupPolicyGradient.load(file)
