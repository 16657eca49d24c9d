import subprocess
import sys

import pytest
import torch

from maxpo_bench.estimators import ei_l2o, entropy_adv, get_estimator, grpo
from maxpo_bench.llm.methods import METHODS, EntropyShaping, get_method, method_of
from maxpo_bench.registry import UnknownNameError

REWARDS = torch.tensor([[0.0, 1.0, 0.0, 2.0, 0.5, 0.0]])


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_track_gives_its_estimators_advantages(name):
    method = get_method(name, 3)
    estimator = get_estimator({"entropy_adv": "grpo"}.get(name, name), 3)
    assert (method.name, method.k) == (name, 3)
    assert torch.equal(method.estimator(REWARDS), estimator(REWARDS))
    assert (method.shaping is not None) == (name == "entropy_adv")


@pytest.mark.parametrize(("asked", "called", "label"), [("ei_l2o", "maxpo", "MaxPO"), ("ei", "pkpo", "PKPO")])
def test_one_method_has_one_name_whatever_it_was_asked_for_by(asked, called, label):
    assert (get_method(asked, 4).name, get_method(asked, 4).label) == (called, label)
    assert get_method(asked, 4) == get_method(called, 4)


def test_any_registered_estimator_or_function_is_a_method():
    assert get_method("bon_mean", 2).label == "bon_mean"
    method = method_of(ei_l2o, 2)
    assert (method.name, method.k) == ("maxpo", 2)
    assert method_of(method) is method

    def best(rewards, k):
        return (rewards == rewards.amax(-1, keepdim=True)).to(rewards.dtype)

    assert method_of(best, 2).name == "best"


def test_parameters_of_entropy_adv_go_where_they_belong():
    method = get_method("entropy_adv", 2, alpha=0.1, kappa=3.0, eps=0.5, ddof=0)
    assert method.shaping == EntropyShaping(0.1, 3.0)
    assert torch.equal(method.estimator(REWARDS), grpo(REWARDS, eps=0.5, ddof=0))
    entropy = torch.rand(1, 6, 4, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(4) < 3
    mask = mask.expand(1, 6, 4)
    expected = entropy_adv(REWARDS, entropy, mask, alpha=0.1, kappa=3.0, eps=0.5, ddof=0)
    assert torch.equal(method.shaping(method.estimator(REWARDS), entropy, mask), expected)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: get_method("maxppo", 4), UnknownNameError, "Did you mean 'maxpo'"),
        (lambda: get_method("reinforce_entropy", 4), UnknownNameError, "unknown method"),
        (lambda: get_method("maxpo", 0), ValueError, "k must be an integer >= 1"),
        (lambda: get_method("maxpo", 4, eps=1.0), TypeError, "no parameter 'eps'"),
        (lambda: get_method("entropy_adv", 4, alpa=1.0), TypeError, "Did you mean 'alpha'"),
        (lambda: get_method("entropy_adv", 4, alpha=-1.0), ValueError, "alpha must be finite"),
        (lambda: get_method("entropy_adv", 4, kappa=1.0), ValueError, "kappa must be > 1"),
        (lambda: method_of("maxpo"), TypeError, "use get_method"),
        (lambda: method_of(get_method("maxpo", 4), 5), ValueError, "k=4, got k=5"),
        (lambda: get_method("maxpo", 8).check_group_size(8), ValueError, "k=8 needs at least 9"),
    ],
)
def test_wrong_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_names_of_methods_need_no_torch():
    code = "import sys, maxpo_bench.llm.methods as m; assert m.METHODS; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
