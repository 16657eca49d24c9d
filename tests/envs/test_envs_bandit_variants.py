"""The Bernoulli, heavy-tailed and safe/risky bandits: closed forms, instances, and the best policies for each k."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest
from env_variants import env_class
from hypothesis import given, settings
from hypothesis import strategies as st

from maxpo_bench.envs import BernoulliBanditEnv, HeavyTailBanditEnv, SafeRiskyBanditEnv
from maxpo_bench.envs.arm_laws import BernoulliArms, NoisyArms, TwoPointArms
from maxpo_bench.envs.mixture import StudentT

BANDITS = ("maxpo/BernoulliBandit-v0", "maxpo/HeavyTailBandit-v0", "maxpo/SafeRiskyBandit-v0")


def best_of(outcomes: list[tuple[Fraction, Fraction]], k: int) -> Fraction:
    """E[max of k draws] of (value, probability) pairs, in rationals: sum of v (F(v)^k - F(v-)^k)."""
    total, below = Fraction(0), Fraction(0)
    for value, probability in sorted(outcomes):
        total += value * ((below + probability) ** k - below**k)
        below += probability
    assert below == 1
    return total


@settings(max_examples=40, deadline=None)
@given(arms=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 9)), min_size=1, max_size=5), k=st.integers(1, 12))
def test_bernoulli_values_equal_enumeration(arms, k):
    chances = [Fraction(chance, 8) for chance, _ in arms]
    shares = [Fraction(weight, sum(weight for _, weight in arms)) for _, weight in arms]
    success = sum((share * chance for share, chance in zip(shares, chances, strict=True)), Fraction(0))
    env = BernoulliBanditEnv(arm_probabilities=[float(chance) for chance in chances])
    value = env.exact_value([[float(share) for share in shares]], k)
    assert value == pytest.approx(float(1 - (1 - success) ** k), rel=1e-13)


def test_bernoulli_values_keep_their_digits_where_success_is_rare():
    env = BernoulliBanditEnv(arm_probabilities=[1e-30, 0.0])
    assert env.exact_value([[0.5, 0.5]], 8) == pytest.approx(4e-30, rel=1e-12)
    assert BernoulliBanditEnv(arm_probabilities=[1.0]).exact_value([[1.0]], 3) == 1.0


def test_bernoulli_arms_are_beta_1_3():
    """40,000 probabilities; the mean 1/4 and the 1 - (1 - x)^3 at x = 0.2 and 0.6, each to 6.5 standard errors."""
    values = np.concatenate([BernoulliBanditEnv(400, instance).arm_probabilities for instance in range(100)])
    assert abs(values.mean() - 0.25) < 6.5 * np.sqrt(3 / 80) / 200
    for x in (0.2, 0.6):
        share = 1 - (1 - x) ** 3
        assert abs((values < x).mean() - share) < 6.5 * np.sqrt(share * (1 - share)) / 200
    assert values.min() > 0
    assert values.max() < 1


@pytest.mark.parametrize("env_id", BANDITS[:2])
def test_a_larger_bandit_begins_with_the_arms_of_a_smaller_one(env_id):
    small, large, other = (env_class(env_id)(n, instance) for n, instance in ((10, 3), (30, 3), (10, 4)))
    np.testing.assert_array_equal(small.arm_rewards, large.arm_rewards[:10])
    np.testing.assert_array_equal(small.initial_logits, large.initial_logits[:10])
    assert not np.isin(small.arm_rewards, other.arm_rewards).any()
    assert not np.isin(small.initial_logits, small.arm_rewards).any()


def test_one_heavy_tailed_arm_is_students_law_moved_and_scaled():
    """E[max of 2] of Student's t with 3 degrees of freedom is 2 sqrt(3) B(1/2, 5/2) / (2 B(1/2, 3/2)^2)."""
    env = HeavyTailBanditEnv(arm_rewards=[4.0], df=3.0, reward_noise=0.5)
    assert env.exact_value([[1.0]]) == 4.0
    assert env.exact_value([[1.0]], 2) == pytest.approx(4.0 + 0.5 * 3 * np.sqrt(3) / (2 * np.pi), rel=1e-12)


def test_heavy_tails_without_noise_or_with_many_degrees_of_freedom_are_the_ordinary_bandit(rng):
    rewards, policy = rng.normal(size=20), rng.dirichlet(np.ones(20))[None]
    for k in (1, 2, 16):
        still = HeavyTailBanditEnv(arm_rewards=rewards, reward_noise=0.0)
        assert still.exact_value(policy, k) == NoisyArms(rewards).max_at_k(policy, k)
        near_normal = HeavyTailBanditEnv(arm_rewards=rewards, df=1e11, reward_noise=0.3)
        assert near_normal.exact_value(policy, k) == pytest.approx(
            NoisyArms(rewards, 0.3).max_at_k(policy, k), abs=1e-9
        )
    still.reset(seed=1)
    assert still.step(4)[1] == rewards[4]


def test_heavier_tails_make_the_best_of_many_better():
    values = [HeavyTailBanditEnv(arm_rewards=[0.0, 1.0], df=df).exact_value([[0.5, 0.5]], 32) for df in (1.2, 2, 5, 50)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("env_id", BANDITS)
def test_no_policy_is_better_than_the_best_one(env_id, rng):
    env = env_class(env_id)(num_arms=6)
    for k in (1, 2, 4, 32):
        best = env.optimal_max_at_k(k)
        if k == 1:
            assert best == pytest.approx(env.optimal_value, rel=1e-14)
        for concentration in (0.1, 1.0):
            for policy in rng.dirichlet(np.full(6, concentration), size=20):
                assert env.exact_value(policy[None], k) <= best + 1e-12


@settings(max_examples=40, deadline=None)
@given(
    rewards=st.lists(st.integers(-6, 6), min_size=3, max_size=3, unique=True),
    eighths=st.integers(0, 8),
    weights=st.lists(st.integers(1, 9), min_size=5, max_size=5),
    k=st.integers(1, 9),
)
def test_safe_risky_values_equal_enumeration(rewards, eighths, weights, k):
    low, safe, high = sorted(rewards)
    env = SafeRiskyBanditEnv(5, 2, safe, high, eighths / 8, low)
    shares, outcomes = [Fraction(weight, sum(weights)) for weight in weights], []
    for arm, share in enumerate(shares):
        chance = Fraction(eighths, 8)
        if arm in env.risky_arms:
            outcomes += [(Fraction(high), share * chance), (Fraction(low), share * (1 - chance))]
        else:
            outcomes += [(Fraction(safe), share)]
    value = env.exact_value([[float(share) for share in shares]], k)
    assert value == pytest.approx(float(best_of(outcomes, k)), abs=1e-12)


def test_the_conflict_is_as_the_card_says():
    """One arm alone: safe is better up to 3 pulls, risky from 4 on; and the shares of risky arms in the best policy."""
    env = SafeRiskyBanditEnv()
    safe_arm = np.setdiff1d(np.arange(10), env.risky_arms)[0]
    safe, risky = np.eye(10)[[safe_arm]], np.eye(10)[[env.risky_arms[0]]]
    gaps = np.array([env.exact_value(risky, k) - env.exact_value(safe, k) for k in range(1, 65)])
    assert (gaps[:3] < 0).all()
    assert (gaps[3:] > 0).all()
    assert (env.exact_value(safe), env.exact_value(risky)) == (0.5, 0.2)
    assert [round(env.exact_value(risky, k), 2) for k in (4, 8)] == [0.59, 0.83]
    shares = {k: env.optimal_policy(k)[0, env.risky_arms].sum() for k in (1, 2, 4, 8, 1000)}
    assert shares[1] == 0.0
    assert [round(shares[k], 2) for k in (2, 4, 8)] == [0.29, 0.68, 0.85]
    assert shares[1000] > 0.998
    assert env.optimal_value == 0.5


@pytest.mark.parametrize("chance", [0.0, 0.01, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_the_best_mixture_of_safe_and_risky_is_the_best_on_a_grid(chance, k):
    env = SafeRiskyBanditEnv(num_arms=2, num_risky=1, risky_probability=chance, low_reward=-1.0, risky_reward=1.5)
    risky, safe = np.eye(2)[env.risky_arms[0]], np.eye(2)[1 - env.risky_arms[0]]
    values = [env.exact_value((x * risky + (1 - x) * safe)[None], k) for x in np.linspace(0.0, 1.0, 401)]
    assert env.optimal_max_at_k(k) >= max(values) - 1e-14
    assert env.optimal_max_at_k(k) <= max(values) + 2e-4


def test_the_instance_chooses_which_arms_are_risky():
    envs = [SafeRiskyBanditEnv(instance=instance) for instance in range(60)]
    assert all(env.risky_arms.size == 5 for env in envs)
    assert len({tuple(env.risky_arms) for env in envs}) > 30
    counts = np.bincount(np.concatenate([env.risky_arms for env in envs]), minlength=10)
    assert counts.min() > 0
    np.testing.assert_array_equal(envs[3].risky_arms, SafeRiskyBanditEnv(instance=3).risky_arms)


@pytest.mark.parametrize(
    "law",
    [
        BernoulliArms(np.array([0.1, 0.9])),
        TwoPointArms(np.zeros(2), np.array([1.0, 0.0]), np.array([0.5, 1.0])),
        NoisyArms(np.arange(3.0), 0.5, StudentT(2.0)),
        NoisyArms(np.arange(3.0), 0.5),
    ],
)
def test_laws_are_values(law):
    clone = pickle.loads(pickle.dumps(law))
    assert clone == law
    assert hash(clone) == hash(law)
    assert law != "law"
    assert law != NoisyArms(np.arange(3.0))
    with pytest.raises(ValueError, match="read-only"):
        clone.means[0] = 3.0


def test_a_pull_pays_its_own_arms_rewards():
    law = TwoPointArms(np.array([-1.0, 2.0]), np.array([0.0, 5.0]), np.array([0.5, 0.2]))
    arms, uniforms = np.array([0, 0, 1, 1]), np.array([0.4, 0.6, 0.1, 0.3])
    assert law.draw(arms, uniforms).tolist() == [0.0, -1.0, 5.0, 2.0]
    np.testing.assert_allclose(law.means, [-0.5, 2.6], rtol=1e-15)
    assert BernoulliArms(np.array([0.5, 0.2])).draw(arms, uniforms).tolist() == [1.0, 0.0, 1.0, 0.0]
    noisy = NoisyArms(np.array([3.0, 4.0]), 2.0, StudentT(2.0)).draw(arms, np.full(4, 0.5))
    np.testing.assert_allclose(noisy, [3.0, 3.0, 4.0, 4.0], atol=1e-12)


def test_laws_say_what_is_wrong():
    with pytest.raises(ValueError, match="one entry per arm, got 2, 1 and 2"):
        TwoPointArms(np.zeros(2), np.zeros(1), np.zeros(2))
    with pytest.raises(ValueError, match="low must be at most high"):
        TwoPointArms(np.ones(1), np.zeros(1), np.zeros(1))
    with pytest.raises(ValueError, match="probabilities in"):
        TwoPointArms(np.zeros(1), np.zeros(1), np.full(1, 1.5))
