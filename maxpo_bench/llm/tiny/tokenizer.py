"""A tokenizer of single characters, here and as transformers has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, EOS, UNKNOWN = "<pad>", "<eos>", "<unk>"
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""A conversation is its messages' texts and nothing else, so that chat-based tools put bare questions."""


class CharTokenizer:
    """One token per character: ids from 0 in the alphabet's order; then padding, end of sequence and, if any, unknown.

    Args:
        alphabet: distinct characters, at least one.
        unknown: whether characters outside the alphabet are read as one token "unknown". Without it they are an error,
            as a model has nothing to say of them.

    Attributes:
        alphabet: the characters.
        pad_id: A.
        eos_id: A + 1.
        unknown_id: A + 2, or None.

    Raises:
        ValueError: the alphabet is empty or has a character twice.
    """

    def __init__(self, alphabet: str, *, unknown: bool = False) -> None:
        if not alphabet:
            raise ValueError("the alphabet is empty: give at least one character")
        if len(set(alphabet)) != len(alphabet):
            twice = next(character for character in alphabet if alphabet.count(character) > 1)
            raise ValueError(f"the alphabet has {twice!r} twice")
        self.alphabet = alphabet
        self.pad_id = len(alphabet)
        self.eos_id = len(alphabet) + 1
        self.unknown_id = len(alphabet) + 2 if unknown else None
        self._ids = {character: number for number, character in enumerate(alphabet)}

    def __repr__(self) -> str:
        """The alphabet, and whether there is a token for what is outside it."""
        return f"CharTokenizer({self.alphabet!r}, unknown={self.unknown_id is not None})"

    def __eq__(self, other: object) -> bool:
        """Whether both give the same tokens."""
        return isinstance(other, CharTokenizer) and self.tokens == other.tokens

    def __hash__(self) -> int:
        """Of the tokens."""
        return hash(self.tokens)

    def __len__(self) -> int:
        """Number of tokens, the special ones included: a model's vocab_size."""
        return len(self.tokens)

    @property
    def tokens(self) -> tuple[str, ...]:
        """All tokens by their ids."""
        return (*self.alphabet, PAD, EOS, *([] if self.unknown_id is None else [UNKNOWN]))

    def encode(self, text: str, *, strict: bool = False) -> list[int]:
        """Return the token of each character; neither a beginning nor an end is added.

        Args:
            text: any text; also "<eos>" is read as five characters.
            strict: no unknown characters, even if there is a token for them; for what a model is to write.

        Raises:
            ValueError: a character is not in the alphabet, and there is no token for it or `strict`.
        """
        ids = [self._ids.get(character, self.unknown_id) for character in text]
        if None in ids or (strict and self.unknown_id in ids):
            wrong = next(character for character in text if character not in self._ids)
            raise ValueError(
                f"character {wrong!r} of {text[:60]!r} is not in the tokenizer's alphabet {self.alphabet!r}"
            )
        return [number for number in ids if number is not None]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of tokens; special tokens are left out, as by transformers with ``skip_special_tokens``.

        Raises:
            ValueError: an id is no token's.
        """
        characters: list[str] = []
        for number in ids:
            if not 0 <= number < len(self):
                raise ValueError(f"token {number} is not in 0 to {len(self) - 1}")
            if number < len(self.alphabet):
                characters.append(self.alphabet[number])
        return "".join(characters)

    def to_transformers(self, *, context: int | None = None) -> PreTrainedTokenizerFast:
        """Return transformers' tokenizer that encodes and decodes alike.

        It has a chat template that puts the messages' texts one after the other and adds nothing. Without a token for
        unknown characters it raises an exception at them, too.

        Args:
            context: the most tokens that its model takes, `model_max_length`.
        """
        from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
        from tokenizers.models import WordLevel
        from transformers import PreTrainedTokenizerFast

        vocabulary = {token: number for number, token in enumerate(self.tokens)}
        # An unknown token that is not in the vocabulary makes encoding fail at unknown characters.
        core = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
        core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
        core.decoder = decoders.Fuse()
        special = {"pad_token": PAD, "eos_token": EOS} | ({} if self.unknown_id is None else {"unk_token": UNKNOWN})
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=core,
            **special,
            padding_side="left",
            clean_up_tokenization_spaces=False,
            split_special_tokens=True,
            **({} if context is None else {"model_max_length": context}),
        )
        tokenizer.chat_template = CHAT_TEMPLATE
        return tokenizer

    @classmethod
    def from_transformers(cls, tokenizer: PreTrainedTokenizerFast) -> CharTokenizer:
        """Return the tokenizer that `to_transformers` was called on.

        Raises:
            ValueError: the vocabulary is not one of single characters with the special tokens behind them.
        """
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        tokens = sorted(vocabulary, key=vocabulary.__getitem__)
        unknown = UNKNOWN in vocabulary
        alphabet = tokens[: len(tokens) - 2 - unknown]
        found = cls("".join(alphabet) or " ", unknown=unknown)
        if found.tokens != tuple(tokens) or list(range(len(tokens))) != sorted(vocabulary.values()):
            raise ValueError(
                "the tokenizer is not one of single characters with <pad>, <eos> behind them: load the folder with "
                "transformers' AutoTokenizer"
            )
        return found
