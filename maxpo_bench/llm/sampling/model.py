"""A model before its weights are loaded: its tokenizer, where it stops, how long it reads, how it is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from maxpo_bench.llm.prompts import PromptTemplate, get_template, render_prompt
from maxpo_bench.llm.sampling.engines import AUTO, BATCH_SIZE, Engine, EngineName, choose_engine
from maxpo_bench.registry import UnknownNameError, suggest

Dtype = Literal["float32", "bfloat16", "float16"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)

_ADAPTER = "adapter_config.json"
_CONTENT = ("*.safetensors", "pytorch_model*.bin", "*.json", "*.jinja", "*.model", "*.txt")


@dataclass(frozen=True)
class ModelSetup:
    """How a model is sampled from; nothing of it is loaded but its tokenizer.

    Attributes:
        model: folder or hub name.
        fingerprint: SHA-256 of the folder's files; of a hub name the commit, None where that is not known.
        tokenizer: of transformers.
        stop_ids: end-of-sequence tokens, of generation config and tokenizer, in ascending order.
        context: tokens that the model reads at most, None where its configuration does not say.
        template: what turns a question into a prompt.
        engine: what draws.
        dtype: of weights and activations.
        device: "cpu", "cuda", "cuda:1", ...; vLLM's is its own.
        batch_size: samples that are drawn together.
    """

    model: str
    fingerprint: str | None
    tokenizer: Any
    stop_ids: tuple[int, ...]
    context: int | None
    template: PromptTemplate
    engine: EngineName
    dtype: Dtype
    device: str
    batch_size: int

    def encode(self, question: str) -> tuple[int, ...]:
        """Return the tokens of a question's prompt.

        Templates that write the marks of turns write the token that begins a sequence as well; to bare text the
        tokenizer adds its own.

        Raises:
            ValueError: the prompt is empty.
        """
        text = render_prompt(question, self.template, self.tokenizer)
        tokens = self.tokenizer.encode(text, add_special_tokens=self.template.form == "text")
        if not tokens:
            raise ValueError(f"the prompt {text!r} has no tokens: choose another template")
        return tuple(tokens)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return a completion's text without special tokens; nothing else is tidied up."""
        return self.tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def describe(self) -> dict[str, Any]:
        """Return everything here that samples depend on, as JSON."""
        return {
            "model": self.model,
            "fingerprint": self.fingerprint,
            "template": self.template.name,
            "stop_ids": list(self.stop_ids),
            "engine": self.engine,
            "dtype": self.dtype,
            "device": self.device,
            "batch_size": self.batch_size,
        }

    def start(self, max_length: int) -> Engine:
        """Load the model.

        Args:
            max_length: tokens of the longest prompt with its completion.
        """
        how: dict[str, Any] = {"dtype": self.dtype, "batch_size": self.batch_size, "stop_ids": self.stop_ids}
        if self.engine == "vllm":
            from maxpo_bench.llm.sampling.vllm_engine import VllmEngine

            return VllmEngine(self.model, max_length=max_length, **how)
        from maxpo_bench.llm.sampling.transformers_engine import TransformersEngine

        return TransformersEngine(self.model, device=self.device, **how)


def prepare_model(
    model: str | Path,
    *,
    template: str | None = None,
    engine: str = AUTO,
    dtype: str = AUTO,
    device: str = AUTO,
    batch_size: int | None = None,
) -> ModelSetup:
    """Find out how a model is to be sampled from.

    Args:
        model: folder that `save_pretrained` wrote; a run folder, whose model is meant; or a hub name.
        template: name of a prompt template; None: `default_template`.
        engine: "auto", "vllm" or "transformers", see `choose_engine`.
        dtype: "float32", "bfloat16" or "float16"; "auto": as the checkpoint is stored.
        device: for transformers; "auto": CUDA where there is one, else the CPU.
        batch_size: samples that are drawn together, for transformers the rows of a batch; None: `BATCH_SIZE`.

    Raises:
        UnknownNameError: unknown template, engine or dtype.
        MissingEngineError: the engine is not installed.
        FileNotFoundError: the folder holds no model.
        ValueError: a run folder has no model yet, the model cannot be loaded so, or the batch is smaller than 1.
    """
    if dtype not in (AUTO, *DTYPES):
        raise UnknownNameError(f"unknown dtype {dtype!r}.{suggest(dtype, (AUTO, *DTYPES))}")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch size must be at least 1 sample, got {batch_size}")
    chosen_template = None if template is None else get_template(template)
    path = model_folder(model)
    chosen = choose_engine(engine, is_adapter=(Path(path) / _ADAPTER).is_file())
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(_base_of(path)).get_text_config()
    tokenizer = AutoTokenizer.from_pretrained(path)
    is_local = Path(path).is_dir()
    return ModelSetup(
        model=path,
        fingerprint=folder_fingerprint(Path(path)) if is_local else getattr(config, "_commit_hash", None),
        tokenizer=tokenizer,
        stop_ids=_stop_ids(path, tokenizer),
        context=getattr(config, "max_position_embeddings", None),
        template=chosen_template or default_template(tokenizer),
        engine=chosen,
        dtype=_stored_dtype(config) if dtype == AUTO else _known_dtype(dtype),
        device=_device(device, chosen),
        batch_size=BATCH_SIZE[chosen] if batch_size is None else batch_size,
    )


def default_template(tokenizer: Any) -> PromptTemplate:
    """Return "chat" where the tokenizer has a chat template that marks turns, else "plain"."""
    probe = [{"role": "user", "content": "?"}]
    if not getattr(tokenizer, "chat_template", None):
        return get_template("plain")
    # a template that gives back the bare text is none: the model knows questions only
    is_bare = tokenizer.apply_chat_template(probe, tokenize=False, add_generation_prompt=True) == "?"
    return get_template("plain" if is_bare else "chat")


def model_folder(model: str | Path) -> str:
    """Return the model's own folder where a run folder is named, else the name as it is.

    Raises:
        FileNotFoundError: the folder holds no model.
        ValueError: the run folder has no model yet.
    """
    path = Path(model)
    if (path / "run.json").is_file() and not (path / "config.json").is_file():
        if not (path / "model").is_dir():
            raise ValueError(f"{path} is a run without a model: end its training first, or name the model's own folder")
        path = path / "model"
    if path.is_dir():
        if not any((path / name).is_file() for name in ("config.json", _ADAPTER)):
            raise FileNotFoundError(f"{path} holds no model: a folder that save_pretrained wrote has a config.json")
        return str(path)
    if path.is_absolute() or str(model).startswith("."):
        raise FileNotFoundError(f"{model} does not exist: name a model's folder, a run folder, or a hub name")
    return str(model)


def folder_fingerprint(folder: Path) -> str:
    """Return a hash of a model's files: configuration, tokenizer and weights; not of a trainer's own files."""
    digest = hashlib.sha256()
    files = {path for pattern in _CONTENT for path in folder.glob(pattern)}
    for path in sorted(path for path in files if path.is_file() and not path.name.startswith("trainer_state")):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _base_of(path: str) -> str:
    """Return the model that an adapter belongs to, and any other model itself."""
    adapter = Path(path) / _ADAPTER
    return json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"] if adapter.is_file() else path


def _stop_ids(path: str, tokenizer: Any) -> tuple[int, ...]:
    """Return the tokens that generation config and tokenizer call the end of a sequence."""
    from transformers import GenerationConfig

    try:
        named = GenerationConfig.from_pretrained(_base_of(path)).eos_token_id
    except OSError:  # a model need not have one
        named = None
    found = {named} if isinstance(named, int) else set(named or ())
    return tuple(sorted({*found, tokenizer.eos_token_id} - {None}))


def _stored_dtype(config: Any) -> Dtype:
    stored = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    return _known_dtype(stored) if stored in DTYPES else "float32"


def _known_dtype(name: str) -> Dtype:
    return DTYPES[DTYPES.index(name)]  # type: ignore[arg-type]


def _device(name: str, engine: EngineName) -> str:
    if engine == "vllm":
        if name != AUTO:
            raise ValueError(f"vLLM chooses its device itself: leave out --device {name}, or set CUDA_VISIBLE_DEVICES")
        return AUTO
    if name != AUTO:
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
