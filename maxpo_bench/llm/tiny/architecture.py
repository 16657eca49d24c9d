"""The shape of a tiny language model: a small Llama configuration."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import LlamaConfig


@dataclass(frozen=True, slots=True)
class TinyArchitecture:
    """Sizes of a Llama without biases, with as many key and value heads as query heads and an untied head.

    The defaults make 0.28 million parameters for countdown's alphabet. Heads have `width` / `heads` = 32 components,
    the smallest size that vLLM's attention on the CPU takes.

    Attributes:
        vocab_size: number of tokens, at least 1.
        width: size of the residual stream, a multiple of `heads`.
        layers: number of blocks, at least 1.
        heads: number of attention heads; `width` / `heads` must be even, as rotary positions turn pairs.
        hidden: inner size of the gated MLP (SwiGLU).
        context: most tokens of prompt and completion together, as far as positions are known.
        rope_theta: base of the rotary frequencies.
        norm_eps: what is added to the mean square in the normalisation.

    Raises:
        TypeError: a size is no integer.
        ValueError: a size is below 1, or width and heads do not fit.
    """

    vocab_size: int
    width: int = 96
    layers: int = 3
    heads: int = 3
    hidden: int = 192
    context: int = 32
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        """Check the sizes."""
        for name in ("vocab_size", "width", "layers", "heads", "hidden", "context"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an integer, got {value!r}")
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.width % (2 * self.heads):
            raise ValueError(f"width must be a multiple of 2 * heads = {2 * self.heads}, got {self.width}")

    @property
    def head_size(self) -> int:
        """Components of one head's queries, keys and values."""
        return self.width // self.heads

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes by name."""
        return asdict(self)

    def to_config(self, *, pad_token_id: int | None = None, eos_token_id: int | None = None) -> LlamaConfig:
        """Return the configuration of transformers' `LlamaForCausalLM` of this shape, in float32.

        Args:
            pad_token_id: the padding token.
            eos_token_id: the token that ends a completion.
        """
        from transformers import LlamaConfig

        return LlamaConfig(
            vocab_size=self.vocab_size,
            hidden_size=self.width,
            intermediate_size=self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.heads,
            head_dim=self.head_size,
            hidden_act="silu",
            max_position_embeddings=self.context,
            rms_norm_eps=self.norm_eps,
            rope_parameters={"rope_type": "default", "rope_theta": self.rope_theta},
            tie_word_embeddings=False,
            attention_bias=False,
            mlp_bias=False,
            bos_token_id=None,
            pad_token_id=pad_token_id,
            eos_token_id=eos_token_id,
            architectures=["LlamaForCausalLM"],
            dtype="float32",
        )

    @classmethod
    def from_config(cls, config: LlamaConfig) -> TinyArchitecture:
        """Return the shape of a Llama configuration.

        Raises:
            ValueError: the configuration has something that `TinyLM` has not, such as biases, scaled rotary positions
                or fewer key heads than query heads.
        """
        rope = config.rope_parameters or {}
        found = cls(
            vocab_size=config.vocab_size,
            width=config.hidden_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            hidden=config.intermediate_size,
            context=config.max_position_embeddings,
            rope_theta=float(rope.get("rope_theta") or 10_000.0),
            norm_eps=config.rms_norm_eps,
        )
        wanted = found.to_config()
        for name in _MUST_AGREE:
            if getattr(config, name) != getattr(wanted, name):
                raise ValueError(
                    f"the configuration has {name}={getattr(config, name)!r}, TinyLM only {getattr(wanted, name)!r}: "
                    "load it with transformers' AutoModelForCausalLM"
                )
        return found


_MUST_AGREE = (
    "model_type",
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "tie_word_embeddings",
    "attention_bias",
    "mlp_bias",
    "rope_parameters",
)
