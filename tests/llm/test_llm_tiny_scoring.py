"""Scoring through shared prompts equals the model on whole rows, in values and gradients."""

import pytest
import torch
from transformers import LlamaForCausalLM

from maxpo_bench.llm.tiny import TinyArchitecture, TinyLM, token_logprobs

PROMPTS = [[0, 1, 2, 5], [2, 6], [1, 1, 0, 2, 2], [3, 4, 4, 1]]


@pytest.fixture
def model() -> TinyLM:
    architecture = TinyArchitecture(7, width=24, layers=3, heads=2, hidden=32, context=12)
    model = TinyLM(architecture, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6.0 if parameter.dim() == 2 else 1.2)
    return model


def completions(rows: int, length: int = 5) -> torch.Tensor:
    return torch.randint(7, (rows, length), generator=torch.Generator().manual_seed(1))


def reference(
    model: TinyLM, prompts: list[list[int]], tokens: torch.Tensor, prompt_of: list[int], temperature: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor, LlamaForCausalLM]:
    """Log-probabilities and entropies row by row, by transformers, and its model, which has the gradients."""
    llama = LlamaForCausalLM(model.architecture.to_config())
    llama.load_state_dict(model.state_dict())
    chosen, entropies = [], []
    for row, number in zip(tokens, prompt_of, strict=True):
        whole = torch.cat([torch.tensor(prompts[number]), row])
        logits = llama(whole[None, :-1]).logits[0, len(prompts[number]) - 1 :] / temperature
        distribution = torch.distributions.Categorical(logits=logits)
        chosen.append(distribution.log_prob(row))
        entropies.append(distribution.entropy())
    return torch.stack(chosen), torch.stack(entropies), llama


@pytest.mark.parametrize("prompts", [PROMPTS, [PROMPTS[0], PROMPTS[3]]], ids=["several lengths", "one length"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_values_and_gradients_are_those_of_whole_rows(model: TinyLM, prompts: list[list[int]], temperature: float):
    rows = 3 * len(prompts)
    tokens = completions(rows)
    expected, entropies, llama = reference(model, prompts, tokens, [row // 3 for row in range(rows)], temperature)
    found = token_logprobs(model, prompts, tokens, temperature=temperature)
    torch.testing.assert_close(found.logprobs, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.entropies, entropies, rtol=0, atol=1e-5)

    weights = torch.randn(tokens.shape, generator=torch.Generator().manual_seed(3)) / rows
    ((found.logprobs + 0.3 * found.entropies) * weights).sum().backward()
    ((expected + 0.3 * entropies) * weights).sum().backward()
    gradients = dict(llama.named_parameters())
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() > 1e-3
        torch.testing.assert_close(parameter.grad, gradients[name].grad, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("prompts", [PROMPTS, [PROMPTS[0], PROMPTS[3]]], ids=["several lengths", "one length"])
def test_rows_can_be_left_out_and_come_in_any_order(model: TinyLM, prompts: list[list[int]]):
    tokens = completions(4 * len(prompts))
    whole = token_logprobs(model, prompts, tokens).logprobs
    rows = torch.tensor([6, 1, 2])
    part = token_logprobs(model, prompts, tokens[rows], prompt_of=rows // 4).logprobs
    torch.testing.assert_close(part, whole[rows], rtol=0, atol=1e-5)

    weights = torch.zeros(whole.shape)
    weights[rows] = 1.0
    (whole * weights).sum().backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    part.sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=2e-5, msg=name)


def test_padding_has_no_influence_on_the_tokens_before(model: TinyLM):
    tokens = completions(4)
    changed = tokens.clone()
    changed[:, 3:] = 6
    first = token_logprobs(model, PROMPTS, tokens).logprobs
    second = token_logprobs(model, PROMPTS, changed).logprobs
    assert torch.equal(first[:, :3], second[:, :3])


def test_completions_of_one_token(model: TinyLM):
    tokens = completions(4, 1)
    expected, _, _ = reference(model, PROMPTS, tokens, [0, 1, 2, 3])
    torch.testing.assert_close(token_logprobs(model, PROMPTS, tokens).logprobs, expected, rtol=0, atol=1e-5)


def test_impossible_arguments_are_refused(model: TinyLM):
    with pytest.raises(ValueError, match="5 completions of 4 prompts"):
        token_logprobs(model, PROMPTS, completions(5))
    with pytest.raises(ValueError, match=r"must be \[rows, tokens\]"):
        token_logprobs(model, PROMPTS, completions(4)[0])
    with pytest.raises(ValueError, match="prompt for each of 4 rows"):
        token_logprobs(model, PROMPTS, completions(4), prompt_of=torch.tensor([0]))
    with pytest.raises(ValueError, match="exceed the model's context of 12"):
        token_logprobs(model, PROMPTS, completions(4, 8))
    with pytest.raises(ValueError, match="temperature must be above 0"):
        token_logprobs(model, PROMPTS, completions(4), temperature=0.0)
