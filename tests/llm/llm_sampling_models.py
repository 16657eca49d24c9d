"""A small model with random weights, in transformers' format, for the tests of sampling."""

from pathlib import Path

import torch

from maxpo_bench.envs.tasks.countdown import COUNTDOWN_ALPHABET
from maxpo_bench.llm.tiny.architecture import TinyArchitecture
from maxpo_bench.llm.tiny.files import save_model
from maxpo_bench.llm.tiny.model import TinyLM
from maxpo_bench.llm.tiny.tokenizer import CharTokenizer


def random_model(
    folder: Path, *, seed: int = 0, context: int = 17, scale: float = 0.15, alphabet: str = COUNTDOWN_ALPHABET
) -> Path:
    """Save a model whose distribution is far from uniform."""
    tokenizer = CharTokenizer(alphabet)
    generator = torch.Generator().manual_seed(seed)
    model = TinyLM(TinyArchitecture(vocab_size=len(tokenizer), context=context), generator=generator)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=scale, generator=generator)
    return save_model(model, tokenizer, folder)
