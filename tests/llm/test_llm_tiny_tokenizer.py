"""The character tokenizer, and its copy in transformers' format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxpo_bench.envs.tasks.countdown import COUNTDOWN_ALPHABET
from maxpo_bench.llm.tiny import CharTokenizer

COUNTDOWN = CharTokenizer(COUNTDOWN_ALPHABET)
WIDE = CharTokenizer("abcdefgh <>/ospunk\n0é日", unknown=True)
THEIRS = {tokenizer: tokenizer.to_transformers(context=17) for tokenizer in (COUNTDOWN, WIDE)}


def test_ids_follow_the_alphabet():
    assert COUNTDOWN.encode("0123456789+-*=:") == list(range(15))
    assert (COUNTDOWN.pad_id, COUNTDOWN.eos_id, COUNTDOWN.unknown_id, len(COUNTDOWN)) == (15, 16, None, 17)
    assert (WIDE.unknown_id, len(WIDE)) == (len(WIDE.alphabet) + 2, len(WIDE.alphabet) + 3)


@given(st.text(alphabet=COUNTDOWN_ALPHABET))
def test_countdown_is_encoded_and_decoded_as_by_transformers(text: str):
    ids = COUNTDOWN.encode(text)
    assert THEIRS[COUNTDOWN](text)["input_ids"] == ids
    assert COUNTDOWN.decode(ids) == text
    assert THEIRS[COUNTDOWN].decode(ids) == text


@given(st.lists(st.sampled_from([*WIDE.alphabet, "?", "€", "<eos>", "<pad>", "<unk>"])).map("".join))
def test_other_text_is_encoded_as_by_transformers(text: str):
    """Also names of special tokens, which are text here like any other."""
    assert THEIRS[WIDE](text)["input_ids"] == WIDE.encode(text)


@given(st.lists(st.integers(0, len(WIDE) - 1)))
def test_tokens_are_decoded_as_by_transformers(ids: list[int]):
    assert THEIRS[WIDE].decode(ids, skip_special_tokens=True) == WIDE.decode(ids)


def test_a_character_outside_the_alphabet_is_named():
    with pytest.raises(ValueError, match="character 'x' of '35x=' is not in the tokenizer's alphabet"):
        COUNTDOWN.encode("35x=")
    with pytest.raises(Exception, match="UNK"):
        THEIRS[COUNTDOWN]("35x=")


def test_solutions_must_lie_in_the_alphabet():
    assert WIDE.encode("a€") == [0, WIDE.unknown_id]
    with pytest.raises(ValueError, match="€"):
        WIDE.encode("a€", strict=True)


def test_a_conversation_is_its_text():
    messages = [{"role": "user", "content": "3579=024:"}]
    ids = THEIRS[COUNTDOWN].apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    assert ids == COUNTDOWN.encode("3579=024:")


@pytest.mark.parametrize("tokenizer", [COUNTDOWN, WIDE])
def test_the_copy_gives_the_tokenizer_back(tokenizer: CharTokenizer):
    found = CharTokenizer.from_transformers(THEIRS[tokenizer])
    assert found == tokenizer
    assert hash(found) == hash(tokenizer)
    assert repr(found) == repr(tokenizer)


def test_impossible_tokens_and_alphabets_are_refused():
    with pytest.raises(ValueError, match="token 17 is not in 0 to 16"):
        COUNTDOWN.decode([1, 17])
    with pytest.raises(ValueError, match="empty"):
        CharTokenizer("")
    with pytest.raises(ValueError, match="'b' twice"):
        CharTokenizer("abcb")


def test_another_tokenizer_is_refused():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"two": 0, "words": 1, "and": 2}, "two")))
    with pytest.raises(ValueError, match="single characters"):
        CharTokenizer.from_transformers(words)
