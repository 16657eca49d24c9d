"""Sampling with transformers: the model's own distribution, seeds, ends, and nothing global."""

import json

import llm_sampling_models
import pytest
import torch
from scipy import stats
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from maxpo_bench.llm.sampling import Request, prepare_model
from maxpo_bench.llm.sampling.transformers_engine import TransformersEngine
from maxpo_bench.seeding import derive_seed

PROMPT = (1, 2, 3, 14)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return llm_sampling_models.random_model(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="module")
def reference(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def engine(folder):
    return TransformersEngine(str(folder), dtype="float32", device="cpu", batch_size=4096, stop_ids=[16])


def requests(count, prompt=PROMPT, limit=8, seed=0):
    return [Request(prompt, derive_seed(seed, "test", number), limit) for number in range(count)]


def model_logprobs(reference, prompt, tokens):
    with torch.inference_mode():
        logits = reference(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits.float(), dim=-1)


def test_log_probabilities_are_the_models_at_temperature_one(engine, reference):
    mixed = requests(20) + requests(20, prompt=(5,), seed=1) + requests(20, prompt=tuple(range(9)), seed=2)
    for request, found in zip(mixed, engine.generate(mixed, temperature=0.6, top_p=0.9), strict=True):
        expected = model_logprobs(reference, request.prompt, found.tokens)
        own = expected.gather(1, torch.tensor(found.tokens)[:, None])[:, 0]
        assert torch.allclose(torch.tensor(found.logprobs), own, atol=1e-5)


def test_the_first_two_tokens_have_the_models_distribution(engine, reference):
    """A chi-square test with a false-alarm rate of 1e-7; cells expected less than five times are joined."""
    count, temperature = 8_000, 0.8
    found = engine.generate(requests(count, limit=2), temperature=temperature, top_p=1.0)
    first = torch.softmax(model_logprobs(reference, PROMPT, (0,))[0] / temperature, dim=-1)
    observed, expected = {}, {(16,): first[16].item()}
    for a in range(16):
        second = torch.softmax(model_logprobs(reference, PROMPT, (a, 0))[1] / temperature, dim=-1)
        expected |= {(a, b): (first[a] * second[b]).item() for b in range(17)}
    for completion in found:
        observed[completion.tokens] = observed.get(completion.tokens, 0) + 1
    common = [cell for cell, p in expected.items() if p * count >= 5]
    rest = count - sum(observed.get(cell, 0) for cell in common)
    counts = [*(observed.get(cell, 0) for cell in common), rest]
    rates = [*(expected[cell] for cell in common), 1 - sum(expected[cell] for cell in common)]
    statistic = sum((o - p * count) ** 2 / (p * count) for o, p in zip(counts, rates, strict=True))
    assert len(common) > 30
    assert set(observed) <= set(expected)
    assert stats.chi2.sf(statistic, len(common)) > 1e-7


def test_a_sample_depends_on_its_own_seed_only(engine, folder):
    asked = requests(30) + requests(10, prompt=(7, 8), seed=5)
    together = engine.generate(asked, temperature=1.0, top_p=0.95)
    small = TransformersEngine(str(folder), dtype="float32", device="cpu", batch_size=3, stop_ids=[16])
    assert [each.tokens for each in small.generate(asked, temperature=1.0, top_p=0.95)] == [
        each.tokens for each in together
    ]
    backwards = engine.generate(asked[::-1], temperature=1.0, top_p=0.95)[::-1]
    assert [each.tokens for each in backwards] == [each.tokens for each in together]
    assert engine.generate(asked, temperature=1.0, top_p=0.95) == together, "bitwise, log-probabilities included"
    assert len({each.tokens for each in together[:30]}) > 15


def test_the_global_generator_is_left_alone(engine):
    state = torch.get_rng_state()
    engine.generate(requests(4), temperature=1.0, top_p=0.9)
    assert torch.equal(torch.get_rng_state(), state)


def test_completions_end_at_the_end_token_or_the_limit(engine):
    for completion in engine.generate(requests(200), temperature=1.0, top_p=1.0):
        stopped = completion.tokens[-1] == 16
        assert completion.finish_reason == ("stop" if stopped else "length")
        assert 16 not in completion.tokens[:-1]
        assert stopped or len(completion.tokens) == 8
        assert len(completion.logprobs) == len(completion.tokens)


def test_each_request_has_its_own_limit(engine):
    asked = [Request(PROMPT, 3, limit) for limit in (1, 5, 8)]
    short, middle, long = engine.generate(asked, temperature=1.0, top_p=1.0)
    assert len(short.tokens) == 1
    assert long.tokens[: len(middle.tokens)] == middle.tokens


def test_any_of_several_end_tokens_ends(folder):
    engine = TransformersEngine(str(folder), dtype="float32", device="cpu", batch_size=512, stop_ids=[1, 16])
    found = engine.generate(requests(300), temperature=1.0, top_p=1.0)
    assert {each.tokens[-1] for each in found if each.finish_reason == "stop"} == {1, 16}
    assert not any(1 in each.tokens[:-1] for each in found)


def test_nothing_of_the_models_own_generation_config_is_applied(folder, engine, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    GenerationConfig(
        do_sample=True, repetition_penalty=5.0, top_k=1, min_p=0.9, eos_token_id=[16], no_repeat_ngram_size=1
    ).save_pretrained(tmp_path)
    other = TransformersEngine(str(tmp_path), dtype="float32", device="cpu", batch_size=4096, stop_ids=[16])
    asked = requests(50)
    assert other.generate(asked, temperature=1.0, top_p=1.0) == engine.generate(asked, temperature=1.0, top_p=1.0)


def test_logits_that_are_not_numbers_are_an_error(folder):
    engine = TransformersEngine(str(folder), dtype="float32", device="cpu", batch_size=8, stop_ids=[16])
    with torch.no_grad():
        engine._model.lm_head.weight.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="not numbers"):
        engine.generate(requests(2), temperature=1.0, top_p=1.0)


def folder_tokens(folder, text):
    return AutoTokenizer.from_pretrained(folder).encode(text, add_special_tokens=False)


class TestSetup:
    def test_says_how_the_model_is_run(self, folder):
        setup = prepare_model(folder, engine="transformers", device="cpu")
        assert setup.stop_ids == (16,)
        assert (setup.context, setup.dtype, setup.device, setup.batch_size) == (17, "float32", "cpu", 128)
        assert len(setup.encode("12=003:")) == 7
        assert setup.decode((*setup.encode("12=003:"), 16)) == "12=003:"

    def test_a_bare_chat_template_is_none(self, folder, tmp_path):
        assert prepare_model(folder, engine="transformers").template.name == "plain"
        for path in folder.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / "chat_template.jinja").write_text("{% for m in messages %}={{ m['content'] }}:{% endfor %}")
        assert prepare_model(tmp_path, engine="transformers").template.name == "chat"

    def test_a_run_folder_means_its_model(self, folder, tmp_path):
        (tmp_path / "run.json").write_text("{}")
        with pytest.raises(ValueError, match="a run without a model"):
            prepare_model(tmp_path)
        (tmp_path / "model").symlink_to(folder)
        assert prepare_model(tmp_path, engine="transformers").model == str(tmp_path / "model")

    def test_all_end_tokens_are_found(self, folder, tmp_path):
        for path in folder.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        GenerationConfig(eos_token_id=[3, 5]).save_pretrained(tmp_path)
        assert prepare_model(tmp_path, engine="transformers").stop_ids == (3, 5, 16)
        (tmp_path / "generation_config.json").unlink()
        assert prepare_model(tmp_path, engine="transformers").stop_ids == (16,)

    def test_the_token_that_begins_a_sequence_is_there_once(self, folder, tmp_path):
        """The tokenizer adds it to bare text; a chat template writes it itself."""
        from tokenizers.processors import TemplateProcessing

        for path in folder.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        tokenizer = AutoTokenizer.from_pretrained(tmp_path)
        tokenizer.add_special_tokens({"bos_token": "="})
        tokenizer.chat_template = (
            "={% for m in messages %}{{ m['content'] | replace('\\n', '') | truncate(3, True, '') }}{% endfor %}"
        )
        begin = tokenizer.bos_token_id
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="= $A", special_tokens=[("=", begin)])
        tokenizer.save_pretrained(tmp_path)
        for template in ("plain", "chat"):
            setup = prepare_model(tmp_path, engine="transformers", template=template)
            tokens = setup.encode("123")
            assert tokens == (begin, *folder_tokens(folder, "123")), template
        assert prepare_model(tmp_path, engine="transformers").template.name == "chat"

    @pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
    def test_an_adapter_is_sampled_with_its_base(self, folder, tmp_path):
        from peft import LoraConfig, get_peft_model

        base = AutoModelForCausalLM.from_pretrained(folder)
        adapted = get_peft_model(base, LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False, r=4))
        adapted.save_pretrained(tmp_path)
        AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
        setup = prepare_model(tmp_path)
        assert (setup.engine, setup.stop_ids, setup.context) == ("transformers", (16,), 17)
        (found,) = setup.start(17).generate(requests(1), temperature=1.0, top_p=1.0)
        with torch.inference_mode():
            logits = adapted.eval()(torch.tensor([[*PROMPT, *found.tokens]])).logits[0, len(PROMPT) - 1 : -1]
        own = torch.log_softmax(logits, dim=-1).gather(1, torch.tensor(found.tokens)[:, None])[:, 0]
        assert torch.allclose(torch.tensor(found.logprobs), own, atol=1e-5)

    def test_the_fingerprint_follows_weights_and_tokenizer_not_a_trainers_files(self, folder, tmp_path):
        for path in folder.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        before = prepare_model(tmp_path, engine="transformers").fingerprint
        assert before == prepare_model(folder, engine="transformers").fingerprint
        (tmp_path / "trainer_state.json").write_text(json.dumps({"step": 1}))
        (tmp_path / "optimizer.pt").write_bytes(b"x")
        assert prepare_model(tmp_path, engine="transformers").fingerprint == before
        llm_sampling_models.random_model(tmp_path, seed=1)
        assert prepare_model(tmp_path, engine="transformers").fingerprint != before

    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"engine": "vlm"}, KeyError, "vllm"),
            ({"dtype": "float8"}, KeyError, "float16"),
            ({"template": "chatt"}, KeyError, "chat"),
            ({"batch_size": 0}, ValueError, "at least 1 sample"),
        ],
    )
    def test_bad_options_are_refused(self, folder, options, error, words):
        with pytest.raises((error, ValueError), match=words):
            prepare_model(folder, **options)

    def test_a_folder_without_a_model_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="holds no model"):
            prepare_model(tmp_path)
        with pytest.raises(FileNotFoundError, match="does not exist"):
            prepare_model(tmp_path / "missing")
