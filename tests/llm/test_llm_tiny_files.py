"""A tiny model's folder is an ordinary one of transformers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

from maxpo_bench.llm.tiny import CharTokenizer, TinyArchitecture, TinyLM, load_model, save_model

TOKENIZER = CharTokenizer("0123456789+-*=:")


@pytest.fixture(autouse=True)
def no_bars():
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    yield
    if shown:
        logging.enable_progress_bar()


@pytest.fixture
def model() -> TinyLM:
    architecture = TinyArchitecture(len(TOKENIZER), width=16, layers=2, heads=2, hidden=24, context=17)
    return TinyLM(architecture, generator=torch.Generator().manual_seed(3))


def test_transformers_loads_the_folder(model: TinyLM, tmp_path: Path):
    folder = save_model(model, TOKENIZER, tmp_path / "a" / "model")
    llama = AutoModelForCausalLM.from_pretrained(folder)
    assert type(llama).__name__ == "LlamaForCausalLM"
    assert {parameter.dtype for parameter in llama.parameters()} == {torch.float32}
    for name, value in llama.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    tokens = torch.randint(15, (4, 17), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(llama(tokens).logits, model(tokens), rtol=0, atol=1e-5)
    ends = llama.generation_config
    assert (ends.eos_token_id, ends.pad_token_id, ends.do_sample) == (TOKENIZER.eos_id, TOKENIZER.pad_id, True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.model_max_length) == (16, 15, 17)
    assert tokenizer("3579=024:")["input_ids"] == TOKENIZER.encode("3579=024:")
    assert tokenizer.decode(TOKENIZER.encode("9+7")) == "9+7"
    conversation = [{"role": "user", "content": "35="}]
    assert tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True) == "35="


def test_a_stored_model_is_the_same_bit_by_bit(model: TinyLM, tmp_path: Path):
    found, tokenizer = load_model(save_model(model, TOKENIZER, tmp_path / "model"))
    assert found.architecture == model.architecture
    assert tokenizer == TOKENIZER
    assert list(found.state_dict()) == list(model.state_dict())
    for name, value in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)


def test_what_transformers_writes_is_read(model: TinyLM, tmp_path: Path):
    """As after training by TRL."""
    folder = save_model(model, TOKENIZER, tmp_path / "model")
    llama = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        llama.lm_head.weight.add_(1.0)
    llama.save_pretrained(tmp_path / "again")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "again")
    found, tokenizer = load_model(tmp_path / "again")
    assert torch.equal(found.lm_head.weight, model.lm_head.weight + 1.0)
    assert tokenizer == TOKENIZER


def test_saving_twice_writes_the_same_bytes(model: TinyLM, tmp_path: Path):
    first, second = (save_model(model, TOKENIZER, tmp_path / name) for name in ("first", "second"))
    names = sorted(path.name for path in first.iterdir())
    assert "model.safetensors" in names
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_a_tokenizer_of_another_size_is_refused(model: TinyLM, tmp_path: Path):
    with pytest.raises(ValueError, match="has 5 tokens, the model 17"):
        save_model(model, CharTokenizer("abc"), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_another_folder_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"config\.json does not exist"):
        load_model(tmp_path)
    GPT2LMHeadModel(GPT2Config(vocab_size=4, n_embd=4, n_layer=1, n_head=1, n_positions=4)).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps({}))
    with pytest.raises(ValueError, match="'gpt2'"):
        load_model(tmp_path)


def test_without_transformers_it_is_said_what_to_install(tmp_path: Path):
    code = (
        "import sys; sys.modules['transformers'] = None\n"
        "from maxpo_bench.llm.tiny import base_model\n"
        f"base_model('countdown', cache={str(tmp_path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'maxpo-bench[llm]'" in done.stderr
