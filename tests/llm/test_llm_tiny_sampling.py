"""Sampled completions have the model's probabilities, at any temperature and top-p."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from transformers import LlamaForCausalLM, TemperatureLogitsWarper, TopPLogitsWarper

from maxpo_bench.llm.tiny import Samples, TinyArchitecture, TinyLM, sample, token_logprobs
from maxpo_bench.llm.tiny.sampling import choose, sample_by

VOCABULARY, EOS, LENGTH = 4, 3, 3
PROMPTS = [[0, 1, 2], [2], [1, 1, 0, 2, 2]]
FALSE_ALARM = 1e-7


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def model() -> TinyLM:
    architecture = TinyArchitecture(VOCABULARY, width=16, layers=2, heads=2, hidden=24, context=12)
    model = TinyLM(architecture, generator=generator(4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8.0 if parameter.dim() == 2 else 1.2)
    return model


@pytest.fixture(scope="module")
def llama(model: TinyLM) -> LlamaForCausalLM:
    twin = LlamaForCausalLM(model.architecture.to_config())
    twin.load_state_dict(model.state_dict())
    return twin


def completions_and_probabilities(
    llama: LlamaForCausalLM, prompt: list[int], temperature: float, top_p: float
) -> dict[tuple[int, ...], float]:
    """Every completion of at most LENGTH tokens with its probability, by transformers' model and its filters."""
    tokens = torch.tensor(list(product(range(VOCABULARY), repeat=LENGTH)))
    rows = torch.cat([torch.tensor([prompt]).expand(len(tokens), -1), tokens], 1)
    with torch.no_grad():
        logits = llama(rows).logits[:, len(prompt) - 1 : -1].double()
    filtered = TemperatureLogitsWarper(temperature)(rows, logits)
    if top_p < 1:
        filtered = TopPLogitsWarper(top_p)(rows, filtered.flatten(0, 1)).view(filtered.shape)
    probabilities = filtered.softmax(-1).gather(-1, tokens[..., None]).squeeze(-1)
    found: dict[tuple[int, ...], float] = {}
    for row, each in zip(tokens.tolist(), probabilities, strict=True):
        until = row.index(EOS) + 1 if EOS in row else LENGTH
        found[tuple(row[:until])] = each[:until].prod().item()
    total = sum(found.values())
    assert total == pytest.approx(1.0, abs=1e-5)
    return {completion: probability / total for completion, probability in found.items()}


def p_value(observed: np.ndarray, probabilities: np.ndarray) -> float:
    """Chi-squared test; what is expected less than ten times is pooled."""
    expected = probabilities * observed.sum()
    rare = expected < 10
    if rare.any():
        observed = np.append(observed[~rare], observed[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    if rare.any() and expected[-1] < 1:
        assert observed[-1] <= 20  # a Poisson number of mean 1 exceeds 20 with probability 1e-20
        observed, expected = observed[:-1], expected[:-1] * observed[:-1].sum() / expected[:-1].sum()
    return stats.chisquare(observed, expected).pvalue


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.6, 0.95), (1.7, 0.7), (0.5, 1.0), (1.0, 0.3)])
def test_completions_have_the_probabilities_of_transformers_filters(
    model: TinyLM, llama: LlamaForCausalLM, temperature: float, top_p: float
):
    n = 10_000
    samples = sample(
        model,
        PROMPTS,
        n,
        max_new_tokens=LENGTH,
        generator=generator(7),
        eos_id=EOS,
        temperature=temperature,
        top_p=top_p,
    )
    drawn = [tuple(row) for row in samples.completions()]
    for number, prompt in enumerate(PROMPTS):
        exact = completions_and_probabilities(llama, prompt, temperature, top_p)
        names = list(exact)
        probabilities = np.array([exact[name] for name in names])
        counts = {name: 0 for name in names}
        for row in drawn[number * n : (number + 1) * n]:
            counts[row] += 1
        observed = np.array([counts[name] for name in names])
        assert observed[probabilities == 0].sum() == 0
        allowed = probabilities > 0
        if allowed.sum() > 1:
            assert p_value(observed[allowed], probabilities[allowed]) > FALSE_ALARM / 15


def test_one_draw_is_the_inverse_of_the_cumulative_distribution():
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    uniforms = torch.tensor([0.0, 0.0999, 0.1001, 0.2999, 0.3001, 0.5999, 0.6001, 1 - 2**-53], dtype=torch.float64)
    tokens, logprobs, _ = choose(logits.expand(8, 4), uniforms)
    assert tokens.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    torch.testing.assert_close(logprobs, logits[tokens])


def test_a_token_of_probability_zero_is_never_drawn():
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]]).expand(4, 5)
    tokens, *_ = choose(logits, torch.tensor([0.0, 0.4999, 0.5, 1 - 2**-53], dtype=torch.float64))
    assert tokens.tolist() == [1, 1, 3, 3]


def test_top_p_keeps_the_tokens_that_transformers_keeps():
    logits = torch.randn(500, 9, generator=generator(1)) * 2
    uniforms = (torch.arange(500, dtype=torch.float64) + 0.5) / 500
    for top_p in (0.05, 0.5, 0.9, 0.999):
        kept = TopPLogitsWarper(top_p)(logits.long(), logits.double()) > -torch.inf
        drawn = torch.stack(
            [choose(logits, (uniforms + shift) % 1, 1.0, top_p)[0] for shift in torch.arange(0, 1, 0.01)]
        )
        assert kept.gather(1, drawn.T).all()
        probable = (logits.softmax(-1) > 0.03) & kept  # a token of that share is among 100 draws at equal distances
        assert torch.zeros_like(kept).scatter(1, drawn.T, True)[probable].all()


def test_the_same_call_gives_the_same_bitwise(model: TinyLM):
    def draw(seed: int) -> Samples:
        return sample(model, PROMPTS, 8, max_new_tokens=6, generator=generator(seed), eos_id=EOS)

    state = torch.get_rng_state()
    first, second, other = draw(1), draw(1), draw(2)
    assert torch.equal(first.tokens, second.tokens)
    assert torch.equal(first.logprobs, second.logprobs)
    assert not torch.equal(first.mask, other.mask)
    assert torch.equal(torch.get_rng_state(), state)


def test_rows_end_with_the_end_of_sequence_token(model: TinyLM):
    samples = sample(model, PROMPTS, 64, max_new_tokens=6, generator=generator(), eos_id=EOS, pad_id=0)
    ended = 0
    for row, mask, logprobs in zip(samples.tokens, samples.mask, samples.logprobs, strict=True):
        length = int(mask.sum())
        assert mask.tolist() == [True] * length + [False] * (len(mask) - length)
        assert EOS not in row[: length - 1]
        assert (row[length:] == 0).all()
        assert (logprobs[length:] == 0).all()
        assert length == 6 or row[length - 1] == EOS
        ended += length < 6
    assert 0 < ended < len(samples.tokens)
    assert samples.lengths.tolist() == [len(row) for row in samples.completions()]


def test_drawing_stops_when_all_rows_have_ended(model: TinyLM):
    samples = sample(model, [[1]], 3, max_new_tokens=9, generator=generator(), eos_id=EOS, temperature=1.0)
    assert samples.tokens.shape[1] == int(samples.lengths.max())
    ends_at_once = sample_by(model, PROMPTS, torch.full((3, 4), 1 - 2**-53, dtype=torch.float64), eos_id=EOS)
    assert ends_at_once.tokens.tolist() == [[EOS]] * 3


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_logprobs_and_entropies_are_those_of_scoring_whatever_top_p(model: TinyLM, temperature: float):
    samples = sample(
        model, PROMPTS, 32, max_new_tokens=6, generator=generator(), eos_id=EOS, temperature=temperature, top_p=0.9
    )
    scored = token_logprobs(model, PROMPTS, samples.tokens, temperature=temperature)
    for drawn, found in ((samples.logprobs, scored.logprobs), (samples.entropies, scored.entropies)):
        torch.testing.assert_close(drawn, found.detach() * samples.mask, rtol=0, atol=1e-5)


def test_drawn_tokens_can_be_differentiated_through(model: TinyLM):
    """Tensors made in inference mode could not be."""
    samples = sample(model, PROMPTS, 2, max_new_tokens=4, generator=generator(), eos_id=EOS)
    assert not samples.tokens.is_inference()
    token_logprobs(model, PROMPTS, samples.tokens).logprobs.sum().backward()
    model.zero_grad()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"prompts": []}, "no prompts"),
        ({"prompts": [[1], []]}, "prompt 1 is empty"),
        ({"prompts": [[1, 4]]}, "tokens must be in 0 to 3, got 4"),
        ({"prompts": [[-1]]}, "got -1"),
        ({"max_new_tokens": 0}, "at least 1 token"),
        ({"max_new_tokens": 12}, "exceed the model's context of 12"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"temperature": float("nan")}, "temperature must be above 0"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"top_p": 1.1}, "top_p must be above 0"),
        ({"eos_id": 4}, "eos_id must be in 0 to 3"),
    ],
)
def test_impossible_arguments_are_refused(model: TinyLM, arguments: dict[str, object], message: str):
    given = {"prompts": PROMPTS, "n": 2, "max_new_tokens": 3, "generator": generator(), "eos_id": EOS} | arguments
    with pytest.raises(ValueError, match=message):
        sample(model, given.pop("prompts"), given.pop("n"), **given)
