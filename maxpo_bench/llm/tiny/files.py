"""A tiny model's folder: an ordinary one of transformers, which TRL, vLLM and every evaluation load."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path

from maxpo_bench.llm.tiny.architecture import TinyArchitecture
from maxpo_bench.llm.tiny.model import TinyLM
from maxpo_bench.llm.tiny.tokenizer import CharTokenizer

try:
    from safetensors.torch import load_file, save_file
    from transformers import GenerationConfig, LlamaConfig, PreTrainedTokenizerFast
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"a tiny model's folder is one of transformers, and {error.name} is missing: pip install 'maxpo-bench[llm]'",
        name=error.name,
    ) from error

WEIGHTS = "model.safetensors"


def save_model(model: TinyLM, tokenizer: CharTokenizer, folder: str | PathLike[str]) -> Path:
    """Write weights, configuration, generation configuration and tokenizer as transformers does.

    ``AutoModelForCausalLM`` and ``AutoTokenizer`` load the folder, and so does `load_model`, bit by bit the same. The
    folder is not written atomically: write into a temporary one where that matters.

    Args:
        model: the model.
        tokenizer: its tokenizer.
        folder: is made where it is missing; files of these names are replaced.

    Returns:
        The folder.

    Raises:
        ValueError: the tokenizer has another number of tokens than the model.
    """
    if len(tokenizer) != model.architecture.vocab_size:
        raise ValueError(f"the tokenizer has {len(tokenizer)} tokens, the model {model.architecture.vocab_size}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ends = {"pad_token_id": tokenizer.pad_id, "eos_token_id": tokenizer.eos_id}
    config = model.architecture.to_config(**ends)
    config.save_pretrained(folder)
    GenerationConfig(do_sample=True, temperature=1.0, top_p=1.0, top_k=0, **ends).save_pretrained(folder)
    tokenizer.to_transformers(context=model.architecture.context).save_pretrained(folder)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def load_model(folder: str | PathLike[str]) -> tuple[TinyLM, CharTokenizer]:
    """Return the model and the tokenizer of a folder, whether `save_model` wrote it or a trainer of transformers.

    Raises:
        FileNotFoundError: the folder or one of its files is missing.
        ValueError: it holds another kind of model or tokenizer.
    """
    folder = Path(folder)
    for name in ("config.json", WEIGHTS, "tokenizer.json"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} does not exist: name a folder that holds a model")
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if stored.get("model_type") != "llama":
        raise ValueError(f"{folder} holds a model of type {stored.get('model_type')!r}, not a tiny Llama")
    model = TinyLM(TinyArchitecture.from_config(LlamaConfig.from_pretrained(folder)))
    model.load_state_dict(load_file(folder / WEIGHTS))
    return model, CharTokenizer.from_transformers(PreTrainedTokenizerFast.from_pretrained(folder))
