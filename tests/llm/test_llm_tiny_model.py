"""The tiny model is transformers' Llama: the same parameters, logits and gradients."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from maxpo_bench.llm.tiny import TinyArchitecture, TinyLM

SMALL = TinyArchitecture(vocab_size=13, width=24, layers=2, heads=3, hidden=40, context=20)
DEFAULT = TinyArchitecture(vocab_size=17)


def lively(architecture: TinyArchitecture, seed: int = 0) -> TinyLM:
    """A model whose logits are not small and whose normalisation weights are not 1, so that every part counts."""
    generator = torch.Generator().manual_seed(seed)
    model = TinyLM(architecture, generator=generator)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(5.0)
            else:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    return model


def twin(model: TinyLM) -> LlamaForCausalLM:
    """The transformers model with the same parameters."""
    config = model.architecture.to_config()
    config._attn_implementation = "eager"
    llama = LlamaForCausalLM(config)
    llama.load_state_dict(model.state_dict(), strict=True)
    return llama


def tokens_of(architecture: TinyArchitecture, rows: int, length: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(architecture.vocab_size, (rows, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("architecture", [SMALL, DEFAULT])
def test_logits_and_gradients_are_those_of_transformers(architecture: TinyArchitecture):
    model = lively(architecture)
    llama = twin(model)
    tokens = tokens_of(architecture, 6, architecture.context)
    ours, theirs = model(tokens), llama(tokens).logits
    assert theirs.abs().max() > 1.0
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.log_softmax(-1), theirs.log_softmax(-1), rtol=0, atol=1e-5)

    weights = torch.randn(ours.shape, generator=torch.Generator().manual_seed(2)) / ours.numel() ** 0.5
    (ours.log_softmax(-1) * weights).sum().backward()
    (theirs.log_softmax(-1) * weights).sum().backward()
    gradients = {name: parameter.grad for name, parameter in llama.named_parameters()}
    for name, parameter in model.named_parameters():
        expected = gradients.pop(name)
        assert expected.abs().max() > 0
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-5, atol=1e-5, msg=name)
    assert not gradients


def test_gradients_of_the_written_out_operations_are_those_of_finite_differences():
    from maxpo_bench.llm.tiny.operations import normalise, spread

    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 2, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    rows = torch.tensor([2, 0, 2, 2])
    assert torch.autograd.gradcheck(lambda x: normalise(x, 1e-3), hidden)
    assert torch.autograd.gradcheck(lambda x: spread(x, rows), hidden)
    torch.testing.assert_close(spread(hidden, rows), hidden[rows], rtol=0, atol=0)


def test_only_the_last_positions_are_computed_by_the_head():
    model = lively(SMALL)
    tokens = tokens_of(SMALL, 3, 9)
    torch.testing.assert_close(model(tokens, keep=4), model(tokens)[:, -4:], rtol=0, atol=1e-6)


def test_padding_on_the_right_changes_nothing_before_it():
    model = lively(SMALL)
    tokens = tokens_of(SMALL, 3, 9)
    padded = torch.cat([tokens, torch.zeros(3, 5, dtype=torch.long)], 1)
    torch.testing.assert_close(model(padded)[:, :9], model(tokens), rtol=0, atol=1e-6)


def test_initial_weights_come_from_the_generator_alone():
    state = torch.get_rng_state()
    first, second = (TinyLM(SMALL, generator=torch.Generator().manual_seed(5)) for _ in range(2))
    other = TinyLM(SMALL, generator=torch.Generator().manual_seed(6))
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
        assert torch.isfinite(value).all()
    assert not torch.equal(first.lm_head.weight, other.lm_head.weight)
    # 13 * 24 weights: the standard deviation is within 5 standard errors (false alarm 6e-7) of what it should be.
    count = first.lm_head.weight.numel()
    assert abs(first.lm_head.weight.std().item() / 0.02 - 1) < 5 / (2 * count) ** 0.5


def test_the_head_is_a_parameter_of_its_own():
    """vLLM's weight update needs it in the state."""
    state = TinyLM(SMALL, generator=torch.Generator().manual_seed(0)).state_dict()
    assert not torch.equal(state["lm_head.weight"], state["model.embed_tokens.weight"])


def test_the_default_head_size_is_one_that_vllm_takes_on_the_cpu():
    assert DEFAULT.head_size == 32


def test_an_architecture_survives_its_configuration():
    assert TinyArchitecture.from_config(SMALL.to_config(pad_token_id=1, eos_token_id=2)) == SMALL


@pytest.mark.parametrize(
    "changes",
    [
        {"num_key_value_heads": 1},
        {"tie_word_embeddings": True},
        {"attention_bias": True},
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 2.0}},
        {"hidden_act": "gelu"},
    ],
)
def test_another_llama_is_refused(changes: dict[str, object]):
    config = LlamaConfig(**{**SMALL.to_config().to_dict(), **changes})
    with pytest.raises(ValueError, match=next(iter(changes))):
        TinyArchitecture.from_config(config)


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ({"vocab_size": 0}, ValueError),
        ({"vocab_size": 5, "width": 95}, ValueError),
        ({"vocab_size": 5, "width": 9, "heads": 3}, ValueError),
        ({"vocab_size": 5, "layers": 0}, ValueError),
        ({"vocab_size": 5.0}, TypeError),
        ({"vocab_size": True}, TypeError),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, object], error: type[Exception]):
    with pytest.raises(error, match="must be"):
        TinyArchitecture(**sizes)


def test_too_many_tokens_are_refused():
    model = lively(SMALL)
    with pytest.raises(ValueError, match="1 to 20 tokens, got 21"):
        model(tokens_of(SMALL, 1, 21))
    with pytest.raises(ValueError, match="keep must be"):
        model(tokens_of(SMALL, 1, 4), keep=5)
