"""The tiny language model: its architecture, tokenizer, files, sampling, scoring, pretraining and evaluation.

Names load on first use; all but the architecture and the tokenizer need torch, files in transformers' format
transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.llm.tiny.architecture import TinyArchitecture
    from maxpo_bench.llm.tiny.base import base_model
    from maxpo_bench.llm.tiny.files import load_model, save_model
    from maxpo_bench.llm.tiny.model import TinyLM
    from maxpo_bench.llm.tiny.passk import evaluate_pass_at_k
    from maxpo_bench.llm.tiny.pretraining import PretrainingSettings
    from maxpo_bench.llm.tiny.sampling import Samples, sample
    from maxpo_bench.llm.tiny.scoring import TokenScores, token_logprobs
    from maxpo_bench.llm.tiny.tokenizer import CharTokenizer

__all__ = [
    "CharTokenizer",
    "PretrainingSettings",
    "Samples",
    "TinyArchitecture",
    "TinyLM",
    "TokenScores",
    "base_model",
    "evaluate_pass_at_k",
    "load_model",
    "sample",
    "save_model",
    "token_logprobs",
]

_MODULES = {
    "CharTokenizer": "tokenizer",
    "PretrainingSettings": "pretraining",
    "Samples": "sampling",
    "TinyArchitecture": "architecture",
    "TinyLM": "model",
    "TokenScores": "scoring",
    "base_model": "base",
    "evaluate_pass_at_k": "passk",
    "load_model": "files",
    "sample": "sampling",
    "save_model": "files",
    "token_logprobs": "scoring",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
