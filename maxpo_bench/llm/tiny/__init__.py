"""The tiny language model: its architecture, tokenizer, files, sampling, scoring, pretraining and evaluation.

Names load on first use; all but the architecture and the tokenizer need torch, files in transformers' format
transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.llm.tiny.architecture import TinyArchitecture
    from maxpo_bench.llm.tiny.files import load_model, save_model
    from maxpo_bench.llm.tiny.model import TinyLM
    from maxpo_bench.llm.tiny.sampling import Samples, sample
    from maxpo_bench.llm.tiny.scoring import TokenScores, token_logprobs
    from maxpo_bench.llm.tiny.tokenizer import CharTokenizer

__all__ = [
    "CharTokenizer",
    "Samples",
    "TinyArchitecture",
    "TinyLM",
    "TokenScores",
    "load_model",
    "sample",
    "save_model",
    "token_logprobs",
]

_MODULES = {
    "CharTokenizer": "tokenizer",
    "Samples": "sampling",
    "TinyArchitecture": "architecture",
    "TinyLM": "model",
    "TokenScores": "scoring",
    "load_model": "files",
    "sample": "sampling",
    "save_model": "files",
    "token_logprobs": "scoring",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
