import math

import pytest
import torch

from maxpo_bench.estimators import ei_l2o
from maxpo_bench.llm import group_policy_loss


def _by_hand(logprobs, old, advantages, mask, clip, beta=0.0, reference=None, per_length=True):
    """Eq 13 written out with Python floats."""
    total = 0.0
    for i in range(len(logprobs)):
        value, length = 0.0, 0
        for t in range(len(logprobs[i])):
            if not mask[i][t]:
                continue
            length += 1
            ratio = math.exp(logprobs[i][t] - old[i][t])
            clipped = min(max(ratio, 1 - clip), 1 + clip)
            value += min(ratio * advantages[i], clipped * advantages[i])
            if reference:
                distance = reference[i][t] - logprobs[i][t]
                value -= beta * (math.exp(distance) - distance - 1)
        total += value / (length if per_length else len(logprobs[i]))
    return -total / len(logprobs)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    draw = lambda: -2 * torch.rand(4, 5, generator=generator, dtype=torch.float64)  # noqa: E731
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 0, 0]])
    advantages = ei_l2o(torch.tensor([0.0, 1.0, 0.0, 2.0], dtype=torch.float64), k=2)
    return draw(), draw(), draw(), advantages, mask


@pytest.mark.parametrize("beta", [0.0, 0.3])
@pytest.mark.parametrize("aggregation", ["sequence", "constant"])
def test_equals_equation_13_written_out(batch, beta, aggregation):
    new, old, reference, advantages, mask = batch
    loss = group_policy_loss(
        new, old, advantages, mask, clip=0.2, beta=beta, reference_logprobs=reference, aggregation=aggregation
    )
    expected = _by_hand(
        new.tolist(),
        old.tolist(),
        advantages.tolist(),
        mask.tolist(),
        0.2,
        beta,
        reference.tolist(),
        aggregation == "sequence",
    )
    assert float(loss) == pytest.approx(expected, rel=1e-12)


def test_gradient_on_policy_is_the_policy_gradient(batch):
    new, _, _, advantages, mask = batch
    new.requires_grad_()
    group_policy_loss(new, new, advantages, mask).backward()
    expected = -advantages[:, None] * mask / mask.sum(-1, keepdim=True) / len(advantages)
    assert torch.allclose(new.grad, expected, atol=1e-15)


def test_padding_never_counts(batch):
    new, old, _, advantages, mask = batch
    spoiled = torch.where(mask.bool(), new, torch.tensor(-1e4, dtype=new.dtype))
    plain = group_policy_loss(new, old, advantages, mask)
    assert float(group_policy_loss(spoiled, old, advantages, mask)) == float(plain)


def test_token_advantages_equal_broadcast_ones(batch):
    new, old, _, advantages, mask = batch
    wide = advantages[:, None].expand(-1, 5)
    assert float(group_policy_loss(new, old, wide, mask)) == float(group_policy_loss(new, old, advantages, mask))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clip": 0.0}, "clip must be positive"),
        ({"beta": 0.1}, "reference_logprobs given"),
        ({"advantages": torch.zeros(3)}, "advantages must be"),
        ({"mask": torch.zeros(4, 5)}, "no token in its mask"),
        ({"sampling_logprobs": torch.zeros(4, 6)}, "sampling_logprobs has shape"),
    ],
)
def test_wrong_input_is_refused(batch, change, words):
    new, old, _, advantages, mask = batch
    arguments = {"logprobs": new, "sampling_logprobs": old, "advantages": advantages, "mask": mask} | change
    with pytest.raises(ValueError, match=words):
        group_policy_loss(**arguments)
