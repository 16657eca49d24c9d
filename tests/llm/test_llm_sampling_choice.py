"""Tokens by the inverse of the distribution function: exact frequencies, no randomness."""

import pytest
import torch
from transformers import TopPLogitsWarper

from maxpo_bench.llm.sampling import SamplingSettings
from maxpo_bench.llm.sampling.choice import choose_tokens

GRID = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000


def frequencies(logits, temperature, top_p):
    rows = logits.expand(len(GRID), -1)
    found = choose_tokens(rows, GRID, temperature=temperature, top_p=top_p)
    return torch.bincount(found, minlength=logits.numel()) / len(GRID)


@pytest.mark.parametrize("top_p", [1e-6, 0.3, 0.95, 1.0])
@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.0])
def test_frequencies_are_those_of_the_nucleus_as_transformers_has_it(temperature, top_p):
    logits = 2 * torch.randn(23, generator=torch.Generator().manual_seed(3))
    warped = TopPLogitsWarper(top_p)(torch.zeros(1, 1, dtype=torch.long), (logits / temperature)[None])
    expected = torch.softmax(warped, dim=-1)[0]
    assert torch.allclose(frequencies(logits, temperature, top_p), expected, atol=2e-5, rtol=0)


def test_tokens_without_probability_are_never_drawn():
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 1.0, -torch.inf]])
    for uniform in (0.0, 0.5, 1 - 1e-16):
        for top_p in (0.9, 1.0):
            found = choose_tokens(logits, torch.tensor([uniform], dtype=torch.float64), temperature=1.0, top_p=top_p)
            assert found.item() in (1, 3)


def test_the_last_place_is_held_where_rounding_exceeds_the_sum():
    logits = torch.randn(4, 150_000, generator=torch.Generator().manual_seed(0))
    last = torch.full((4,), 1 - 2**-53, dtype=torch.float64)
    for top_p in (0.5, 1.0):
        found = choose_tokens(logits, last, temperature=1.0, top_p=top_p)
        assert ((found >= 0) & (found < 150_000)).all()


def test_a_row_depends_on_itself_alone():
    generator = torch.Generator().manual_seed(1)
    logits, uniforms = torch.randn(9, 50, generator=generator), torch.rand(9, generator=generator, dtype=torch.float64)
    together = choose_tokens(logits, uniforms, temperature=0.8, top_p=0.9)
    alone = [choose_tokens(logits[i : i + 1], uniforms[i : i + 1], temperature=0.8, top_p=0.9) for i in range(9)]
    assert together.tolist() == torch.cat(alone).tolist()


def test_temperature_zero_takes_the_likeliest():
    logits = torch.tensor([[0.0, 3.0, 1.0]])
    assert choose_tokens(logits, torch.tensor([0.99]).double(), temperature=0, top_p=0.5).item() == 1


class TestSettings:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"n": 0}, "n must be 1 to 1024"),
            ({"n": 1025}, "got 1025"),
            ({"temperature": -1.0}, "temperature must be 0 or at least"),
            ({"temperature": float("nan")}, "temperature"),
            ({"temperature": 0.0, "n": 2}, "2 equal samples"),
            ({"top_p": 0.0}, "top_p"),
            ({"top_p": 1.5}, "top_p"),
            ({"max_new_tokens": 0}, "max_new_tokens"),
        ],
    )
    def test_ranges_are_checked(self, options, words):
        with pytest.raises(ValueError, match=words):
            SamplingSettings(**options)

    @pytest.mark.parametrize("options", [{"n": 2.0}, {"n": True}, {"seed": "0"}])
    def test_types_are_checked(self, options):
        with pytest.raises(TypeError, match="must be an integer"):
            SamplingSettings(**options)

    def test_seeds_depend_on_seed_problem_and_sample_and_on_nothing_else(self):
        seeds = {
            SamplingSettings(n=4, seed=seed).sample_seed(problem, sample)
            for seed in (0, 1)
            for problem in ("a/1", "a/2")
            for sample in range(4)
        }
        assert len(seeds) == 16
        few, many = SamplingSettings(n=1), SamplingSettings(n=1024, temperature=1.0)
        assert few.sample_seed("a/1", 0) == many.sample_seed("a/1", 0)
