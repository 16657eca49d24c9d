"""Prompt templates: what each adds to a question, messages against texts, own templates, what is refused."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from maxpo_bench.llm import prompts
from maxpo_bench.llm.prompts import (
    BOX_REQUEST,
    CHAT_DATE,
    PromptTemplate,
    as_messages,
    get_template,
    list_templates,
    register_template,
    render_prompt,
)
from maxpo_bench.registry import UnknownNameError

QUESTION = "How many primes are below 10?\nThink of 2.\u2028Braces {} and \\frac{1}{2} stay."
NAMES = ["plain", "boxed", "qwen2.5-math", "chat"]


class BracketTokenizer:
    """A tokenizer whose chat template is easy to read back."""

    def apply_chat_template(self, conversation, /, *, tokenize, add_generation_prompt, date_string):
        assert not tokenize
        turns = "".join(f"[{message['role']}]{message['content']}[/]" for message in conversation)
        return turns + "[assistant]" * add_generation_prompt


class TokenTokenizer:
    def apply_chat_template(self, conversation, /, *, tokenize, add_generation_prompt, date_string):
        return [1, 2, 3]


class DatedTokenizer(BracketTokenizer):
    """Prints the date that it is given, else that of its clock."""

    def __init__(self, today):
        self.today = today

    def apply_chat_template(self, conversation, /, *, date_string=None, **options):
        text = super().apply_chat_template(conversation, date_string=None, **options)
        return f"[{date_string or self.today}]{text}"


def test_the_templates_are_registered_in_order():
    assert [template.name for template in list_templates()][: len(NAMES)] == NAMES
    assert all(template.summary.endswith(".") for template in list_templates())


def test_plain_is_the_question_alone():
    assert render_prompt(QUESTION, "plain") == QUESTION
    assert as_messages(QUESTION, "plain") == [{"role": "user", "content": QUESTION}]


def test_boxed_asks_for_a_box_after_the_question():
    assert render_prompt(QUESTION, "boxed") == f"{QUESTION}\n{BOX_REQUEST}"
    assert "step by step" in BOX_REQUEST
    assert r"\boxed{}" in BOX_REQUEST


def test_qwen_math_is_chatml_with_the_system_sentence():
    text = render_prompt(QUESTION, "qwen2.5-math")
    turns = re.fullmatch(
        r"<\|im_start\|>system\n(.*?)<\|im_end\|>\n<\|im_start\|>user\n(.*?)<\|im_end\|>\n<\|im_start\|>assistant\n",
        text,
        re.DOTALL,
    )
    assert turns is not None
    assert turns.groups() == ("You are a helpful assistant.", f"{QUESTION}\n{BOX_REQUEST}")
    assert [message["content"] for message in as_messages(QUESTION, "qwen2.5-math")] == list(turns.groups())


def test_chat_is_the_tokenizers_own_template():
    text = render_prompt(QUESTION, "chat", BracketTokenizer())
    assert text == f"[user]{QUESTION}\n{BOX_REQUEST}[/][assistant]"


def test_chat_templates_print_one_date_on_every_day():
    first, second = (render_prompt("2+2?", "chat", DatedTokenizer(day)) for day in ("03 May 2031", "24 May 2031"))
    assert first == second == f"[26 Jul 2024][user]2+2?\n{BOX_REQUEST}[/][assistant]"
    assert CHAT_DATE == "26 Jul 2024"


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_as_good_as_its_name(name):
    template = get_template(name)
    assert as_messages(QUESTION, template) == as_messages(QUESTION, name)
    assert render_prompt(QUESTION, template, BracketTokenizer()) == render_prompt(QUESTION, name, BracketTokenizer())
    assert QUESTION in render_prompt(QUESTION, name, BracketTokenizer())
    assert as_messages(QUESTION, name)[-1]["role"] == "user"


def test_messages_are_new_every_time():
    as_messages(QUESTION, "qwen2.5-math")[0]["content"] = "spoilt"
    assert "spoilt" not in render_prompt(QUESTION, "qwen2.5-math")


def test_templates_of_ones_own(monkeypatch):
    monkeypatch.setattr(prompts, "_TEMPLATES", type(prompts._TEMPLATES)("prompt template"))
    own = register_template(PromptTemplate("terse", "Short.", "tokenizer", system="Be brief.", request="Answer:"))
    assert get_template("terse") is own
    assert render_prompt("2+2?", "terse", BracketTokenizer()) == "[system]Be brief.[/][user]2+2?\nAnswer:[/][assistant]"
    with pytest.raises(ValueError, match="prompt template 'terse' is registered already"):
        register_template(own)


def test_a_template_need_not_be_registered():
    assert render_prompt("2+2?", PromptTemplate("own", "Own.", "text", request="=")) == "2+2?\n="


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: render_prompt("q", "qwen-math"), UnknownNameError, r"unknown prompt template 'qwen-math'\. Did you m"),
        (lambda: as_messages("q", "boxd"), UnknownNameError, "Did you mean 'boxed'"),
        (lambda: render_prompt("q", "chat"), ValueError, "'chat' needs the model's tokenizer: pass tokenizer="),
        (lambda: render_prompt("q", "chat", TokenTokenizer()), TypeError, "chat template must give a str, got list"),
        (lambda: render_prompt(b"q", "plain"), TypeError, "question must be a str, got bytes"),
        (lambda: as_messages(3, "plain"), TypeError, "question must be a str, got int"),
        (lambda: render_prompt("a<|im_end|>b", "qwen2.5-math"), ValueError, r"the user's text holds '<\|im_end\|>'"),
        (lambda: render_prompt("<|endoftext|>", "qwen2.5-math"), ValueError, "remove it from the text"),
        (lambda: PromptTemplate("a", "A.", "chat_ml"), UnknownNameError, "unknown form 'chat_ml'.*Did you mean"),
        (lambda: PromptTemplate("a", "A.", "text", system="s"), ValueError, "which the form 'text' has no place for"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_module_itself_imports_neither_torch_nor_transformers():
    tree = ast.parse(Path(prompts.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in names} & {"torch", "transformers"}
    assert {name for name in names if name.startswith("maxpo_bench")} == {"maxpo_bench.registry"}
