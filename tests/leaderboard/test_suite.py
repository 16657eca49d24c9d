import numpy as np
import pytest
import torch

from maxpo_bench.leaderboard.suite import FAMILIES, SUITES
from maxpo_bench.objectives import max_at_k_gradient, max_at_k_value


@pytest.mark.parametrize("suite", list(SUITES))
def test_instances_are_frozen_distinct_and_repeatable(suite):
    instances = SUITES.get(suite).instances()
    assert len({item.name for item in instances}) == len({item.seed for item in instances}) == len(instances)
    for item in instances:
        first, second = item.bandit(), item.bandit()
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        assert first[0].shape == first[1].shape == (item.num_arms,)


def test_quick_suite_has_the_bandits_it_had_when_it_was_frozen():
    """A change of a generator would silently change what stored scores mean."""
    found = {item.family: moment(*item.bandit()) for item in SUITES.get("quick").instances()}
    assert found == pytest.approx(FROZEN, rel=1e-9)


def moment(rewards, logits):
    """One number that depends on every reward, every logit and their order."""
    return float((rewards + logits) @ np.sqrt(np.arange(1, len(rewards) + 1)))


FROZEN = {
    "gaussian": -91.85368908233646,
    "conflict": -962.6978351297267,
    "rare": -81.80186334279772,
    "binary": 110.48049648390314,
    "ties": 326.9265754216187,
    "negative": -233.05769147951585,
    "shifted": 2362.7819704040676,
    "heavy": -23.881658600053072,
}


def bandits(family: str, count: int = 20):
    rng = np.random.default_rng(5)
    for _ in range(count):
        yield tuple(torch.from_numpy(values) for values in FAMILIES[family].make(rng, 60))


def test_conflict_bandits_oppose_mean_and_maximum():
    cosines = []
    for rewards, logits in bandits("conflict"):
        mean, best = (max_at_k_gradient(logits, rewards, k) for k in (1, 4))
        cosines.append(float(torch.cosine_similarity(mean, best, dim=0)))
    assert max(cosines) < -0.1


@pytest.mark.parametrize(("family", "rate"), [("rare", 0.03), ("binary", 0.3)])
def test_binary_bandits_have_their_success_rate(family, rate):
    for rewards, logits in bandits(family):
        assert set(rewards.tolist()) == {0.0, 1.0}
        assert float(max_at_k_value(logits, rewards, 1)) == pytest.approx(rate, rel=1e-9)


def test_other_families_are_what_they_say():
    for rewards, _ in bandits("ties"):
        assert len(set(rewards.tolist())) <= 4
    for rewards, _ in bandits("negative"):
        assert bool((rewards < 0).all())
    for rewards, _ in bandits("shifted"):
        assert bool((rewards > 4).all())
    assert max(float(rewards.abs().max()) for rewards, _ in bandits("heavy")) > 6
