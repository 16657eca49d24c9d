"""The rewards for TRL and verl: called as these libraries call them and, where they are installed, by them."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maxpo_bench.envs.tasks.grade import STATUSES
from maxpo_bench.envs.tasks.grading import api
from maxpo_bench.envs.tasks.grading.service import Grader
from maxpo_bench.llm import rewards
from maxpo_bench.llm.rewards import acompute_score, compute_score, math_reward

ANSWERS = ["5", "5", r"2\sqrt{3}", "7"]
COMPLETIONS = [r"So \boxed{5}.", "It is 5.", r"\boxed{\sqrt{12}}", r"\boxed{8}"]
REWARDS = [1.0, 0.0, 1.0, 0.0]
STATUS = ["correct", "no_box", "correct", "wrong"]


class Log:
    """What TRL's trainer passes as ``log_extra`` and ``log_metric``."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {}
        self.metrics: dict[str, float] = {}

    def extra(self, column: str, values: list[Any]) -> None:
        self.columns[column] = values

    def metric(self, name: str, value: float) -> None:
        self.metrics[name] = value


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The shared grader replaced by one in which each comparison times out."""
    with Grader(1, time_limit=1e-9) as grader:
        monkeypatch.setitem(api._SHARED, "grader", grader)
        yield grader


def test_math_reward_takes_texts_and_logs():
    log = Log()
    found = math_reward(
        prompts=["?"] * 4,
        completions=COMPLETIONS,
        completion_ids=[[1]] * 4,
        answer=ANSWERS,
        level=[1] * 4,
        trainer_state=None,
        log_extra=log.extra,
        log_metric=log.metric,
    )
    assert found == REWARDS
    assert log.columns == {"status": STATUS, "extracted": ["5", "", r"\sqrt{12}", "8"]}
    expected = dict.fromkeys(STATUSES, 0.0) | {"correct": 0.5, "no_box": 0.25, "wrong": 0.25}
    assert log.metrics == {f"math_reward/{status}": fraction for status, fraction in expected.items()}


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": r"\boxed{5}"}],
        [{"role": "assistant", "content": [{"type": "text", "text": r"\boxed{"}, {"type": "text", "text": "5}"}]}],
        [{"role": "assistant", "content": "Let me see."}, {"role": "assistant", "content": r"\boxed{5}"}],
        [{"role": "assistant", "content": r"\boxed{6}"}, {"role": "tool", "content": r"\boxed{7}"},
         {"role": "assistant", "content": r"\boxed{5}"}],
    ],
)  # fmt: skip
def test_a_conversation_counts_by_the_last_message_of_the_assistant(messages: list[dict[str, Any]]):
    assert math_reward(completions=[messages], answer=["5"]) == [1.0]
    assert math_reward(completions=[messages], answer=["7"]) == [0.0]


@pytest.mark.parametrize(
    "messages", [[], [{"role": "tool", "content": r"\boxed{5}"}], [{"role": "assistant", "content": None}]]
)
def test_a_conversation_without_an_answer_earns_nothing(messages: list[dict[str, Any]]):
    assert math_reward(completions=[messages], answer=["5"]) == [0.0]


def test_only_a_row_without_a_reference_answer_has_no_reward():
    log = Log()
    found = math_reward(COMPLETIONS[:2], ["5", None], log_extra=log.extra, log_metric=log.metric)
    assert found == [1.0, None]
    assert log.columns["status"] == ["correct", "no reference"]
    assert log.metrics["math_reward/correct"] == 1.0


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="2 completions and 1 answers"):
        math_reward(completions=["a", "b"], answer=["5"])
    with pytest.raises(TypeError, match="string or a list of messages"):
        math_reward(completions=[5], answer=["5"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"answer\[1\] must be a string or a whole number, got 5\.0 of type float"):
        math_reward(completions=["a", "b"], answer=[None, 5.0])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"ground_truth must be a string or a whole number, got True of type bool"):
        compute_score("math", "a", True)
    with pytest.raises(TypeError, match=r"ground_truth must be a string or a whole number, got None"):
        asyncio.run(acompute_score("math", "a", None))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"solution_str must be a string, got None"):
        compute_score("math", None, "5")  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [["text"], 5, [{"type": "text", "text": 5}]])
def test_a_message_of_another_form_is_refused(content: Any):
    with pytest.raises(TypeError, match=r"a message in completions\[0\]"):
        math_reward([[{"role": "assistant", "content": content}]], ["5"])


def test_whole_numbers_are_reference_answers():
    assert math_reward([r"\boxed{5}", r"\boxed{6}"], [5, 5]) == [1.0, 0.0]
    assert compute_score("math", r"\boxed{5}", np.int64(5))["score"] == 1.0  # type: ignore[arg-type]


@pytest.mark.parametrize("gold", ["", " ", "2 and 3 are 5.\n#### 5", r"\boxed{5}"])
def test_a_reference_answer_that_nothing_could_match_is_refused_by_the_users_own_name(gold: str):
    remedy = r"give the reference answer alone; .*load_problems.*split\('####'\)"
    with pytest.raises(ValueError, match=rf"^answer\[1\] .*{remedy}"):
        math_reward(["a", "b"], ["5", gold])
    with pytest.raises(ValueError, match=rf"^ground_truth .*{remedy}"):
        compute_score("math", "a", gold)
    with pytest.raises(ValueError, match=rf"^ground_truth .*{remedy}"):
        asyncio.run(acompute_score("math", "a", gold))


def test_a_data_set_without_answers_is_named_by_its_columns():
    with pytest.raises(ValueError, match=r"^the data set needs a column 'answer'; it has: level, solution$"):
        math_reward(prompts=["?"], completions=["a"], completion_ids=[[1]], solution=["5"], level=[1])


def test_compute_score_says_what_verl_keeps():
    for answer, completion, reward, status in zip(ANSWERS, COMPLETIONS, REWARDS, STATUS, strict=True):
        result = compute_score(
            data_source="math", solution_str=completion, ground_truth=answer, extra_info={"num_turns": 1}
        )
        assert (result["score"], result["acc"], result["status"], result["unjudged"]) == (reward, reward, status, 0.0)
        assert asyncio.run(acompute_score("math", completion, answer, reward_router_address="x")) == result
    assert compute_score("math", r"\boxed{8}", "7")["pred"] == "8"
    assert compute_score("math", "8", "7")["pred"] == ""
    too_long = compute_score("math", r"\boxed{" + "x" * 5000 + "}", "7")
    assert (too_long["status"], too_long["pred"]) == ("too_long", "")


def test_comparisons_that_were_stopped_earn_nothing_and_are_reported(hasty: Grader, caplog: pytest.LogCaptureFixture):
    """Warned of at the 1st, the 2nd, the 4th, the 8th...: seldom enough to stay readable."""
    log = Log()
    with caplog.at_level(logging.WARNING):
        assert math_reward([r"\boxed{x^2+1}"], ["(x-1)(x+2)"], log_metric=log.metric) == [0.0]
        assert log.metrics["math_reward/timeout"] == 1.0
        assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == [1]
        for _ in range(8):
            result = compute_score("math", r"\boxed{x^2+1}", "(x-1)(x+2)")
            assert (result["score"], result["status"], result["unjudged"]) == (0.0, "timeout", 1.0)
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == [1, 2, 4, 8]
    assert "timeout 8" in caplog.text
    assert hasty.counts["timeout"] == 9


def test_the_module_loads_by_its_path_without_torch():
    """As verl loads a file that it is given, in a process of its own."""
    code = f"""
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("custom_module", {rewards.__file__!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(json.dumps(["torch" in sys.modules, module.compute_score("math", r"\\boxed{{5}}", "5")["score"]]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [False, 1.0]


class Letters:
    """A tokenizer of which each character is a token, for what needs to decode only."""

    def decode(self, ids: Any, skip_special_tokens: bool = False) -> str:
        return "".join(chr(int(each)) for each in ids)


@pytest.mark.filterwarnings("ignore")  # the library's own
@pytest.mark.parametrize("manager", ["naive", "dapo"])
def test_verl_loads_the_reward_and_its_manager_calls_it(manager: str):
    pytest.importorskip("verl", reason="verl is not installed (extra verl)")
    import numpy as np
    import torch
    from omegaconf import OmegaConf
    from tensordict import TensorDict
    from verl import DataProto
    from verl.trainer.ppo.reward import get_custom_reward_fn
    from verl.workers.reward_manager import get_reward_manager_cls

    config = {"path": "pkg://maxpo_bench.llm.rewards", "name": "compute_score", "reward_kwargs": {}}
    function = get_custom_reward_fn(OmegaConf.create({"reward": {"custom_reward_function": config}}))
    responses = torch.zeros(4, 32, dtype=torch.long)
    for row, completion in enumerate(COMPLETIONS):
        responses[row, : len(completion)] = torch.tensor(list(map(ord, completion)))
    prompts = torch.full((4, 3), ord("?"))
    mask = torch.cat([torch.ones_like(prompts), (responses > 0).long()], dim=1)
    data = DataProto(
        TensorDict({"prompts": prompts, "responses": responses, "attention_mask": mask}, batch_size=4),
        {
            "data_source": np.array(["math"] * 4, dtype=object),
            "reward_model": np.array([{"ground_truth": answer} for answer in ANSWERS], dtype=object),
            "extra_info": np.array([{} for _ in ANSWERS], dtype=object),
        },
    )
    if manager == "dapo":
        Letters.eos_token = "<eos>"  # type: ignore[attr-defined]
    result = get_reward_manager_cls(manager)(tokenizer=Letters(), num_examine=0, compute_score=function)(data, True)
    assert result["reward_tensor"].sum(1).tolist() == REWARDS
    assert result["reward_extra_info"]["status"] == STATUS


@pytest.mark.filterwarnings("ignore")  # the library's own
def test_trl_trains_with_the_reward(tmp_path: Path):
    pytest.importorskip("trl", reason="trl is not installed (extra llm)")
    from datasets import Dataset
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer

    words = ["<pad>", "<eos>", *(chr(code) for code in range(32, 127)), r"\boxed{5}", r"\boxed{6}", r"\boxed{x}"]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")  # type: ignore[assignment]
    tokenizer.decoder = decoders.Fuse()  # type: ignore[assignment]
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=1,
        )
    )
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=math_reward,
        train_dataset=Dataset.from_dict({"prompt": ["2+3?"] * 8, "answer": ["5"] * 8}),
        processing_class=PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>"),
        args=GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=2,
            per_device_train_batch_size=8,
            num_generations=8,
            max_completion_length=16,
            logging_steps=1,
            report_to=[],
            use_cpu=True,
            bf16=False,
            save_strategy="no",
        ),
    )
    trainer.train()
    steps = [entry for entry in trainer.state.log_history if "rewards/math_reward/mean" in entry]
    assert len(steps) == 2
    for entry in steps:
        assert entry["rewards/math_reward/mean"] == pytest.approx(entry["math_reward/correct"])
        assert sum(entry[f"math_reward/{status}"] for status in STATUSES) == pytest.approx(1.0)
