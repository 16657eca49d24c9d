r"""Prompts: what a language model reads in place of a bare question, kept apart from the environments.

A template turns a question into messages, and those into one text. It adds to what a model reads and never to what is
graded: the verifier sees the completion alone.

Generation stops at the end-of-sequence token of the model, and nowhere else: the token that its tokenizer and
generation config name, such as ``<|endoftext|>`` (151643) for Qwen2.5 base models and ``<|eot_id|>`` for
Llama-3.2-Instruct. Stop words such as "assistant" or "Question:" cut honest text and change what is measured.

Chat templates may print the date: Llama-3.2's prints today's, so that the same model would read other prompts from one
day to the next, in training and in evaluation. Here and in training the date is `CHAT_DATE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol, get_args

from maxpo_bench.registry import Registry, UnknownNameError, suggest

Message = dict[str, str]
Form = Literal["text", "chatml", "tokenizer"]
FORMS: tuple[Form, ...] = get_args(Form)

# the sentence of Qwen2.5-Math's model card (arXiv 2409.12122), which its models were trained with
BOX_REQUEST = r"Please reason step by step, and put your final answer within \boxed{}."
CHAT_DATE = "26 Jul 2024"
"""The date that chat templates print: the one that Llama-3.1's and Llama-3.2's own name where they know no clock."""
CHAT_ARGUMENTS = MappingProxyType({"date_string": CHAT_DATE})
"""What every chat template is rendered with."""
_CHATML_MARKERS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


class ChatTokenizer(Protocol):
    """What is needed of a tokenizer: transformers' ``PreTrainedTokenizerBase`` has it."""

    def apply_chat_template(
        self, conversation: Any, /, *, tokenize: bool, add_generation_prompt: bool, date_string: str
    ) -> Any:
        """Return the messages as one text, if ``tokenize`` is False."""


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """How a question is put to a model.

    Attributes:
        name: its name.
        summary: one line.
        form: "text" for the user's message alone; "chatml" for turns between ``<|im_start|>`` and ``<|im_end|>``, as
            in Qwen's models; "tokenizer" for the chat template of the model's tokenizer.
        system: the system message, None for none.
        request: what follows the question after a line break, "" for nothing.
    """

    name: str
    summary: str
    form: Form
    system: str | None = None
    request: str = ""

    def __post_init__(self) -> None:
        """Check the form.

        Raises:
            UnknownNameError: it is none of `FORMS`.
            ValueError: there is a system message in the form "text", which has no place for it.
        """
        if self.form not in FORMS:
            raise UnknownNameError(f"unknown form {self.form!r} of template {self.name!r}.{suggest(self.form, FORMS)}")
        if self.form == "text" and self.system is not None:
            raise ValueError(
                f"template {self.name!r} has a system message, which the form 'text' has no place for: put it into the "
                "request, or choose another form"
            )


_TEMPLATES: Registry[PromptTemplate] = Registry("prompt template")


def register_template(template: PromptTemplate) -> PromptTemplate:
    """Make a template available by its name.

    Raises:
        ValueError: the name is taken.
    """
    return _TEMPLATES.register(template.name, template)


def list_templates() -> list[PromptTemplate]:
    """Return all templates in the order of their registration."""
    return [_TEMPLATES.get(name) for name in _TEMPLATES]


def get_template(name: str) -> PromptTemplate:
    """Return a template by its name.

    Raises:
        UnknownNameError: with the nearest known names.
    """
    return _TEMPLATES.get(name)


def as_messages(question: str, template: str | PromptTemplate) -> list[Message]:
    """Return the messages of a prompt, each with "role" ("system" or "user") and "content".

    Args:
        question: the question, as a text environment shows it.
        template: a template or its name.

    Raises:
        UnknownNameError: no template has that name.
        TypeError: the question is no ``str``.
    """
    chosen = _template(template)
    if not isinstance(question, str):
        raise TypeError(f"question must be a str, got {type(question).__name__}")
    content = f"{question}\n{chosen.request}" if chosen.request else question
    system = [] if chosen.system is None else [{"role": "system", "content": chosen.system}]
    return [*system, {"role": "user", "content": content}]


def render_prompt(question: str, template: str | PromptTemplate, tokenizer: ChatTokenizer | None = None) -> str:
    """Return the text that a model continues with its answer.

    The texts of "chatml" and "tokenizer" hold the marks of turns, and the latter often the token that begins a
    sequence: encode them with ``add_special_tokens=False``, or that token is there twice. A chat template that prints
    the date prints `CHAT_DATE`.

    Args:
        question: the question, as a text environment shows it.
        template: a template or its name.
        tokenizer: the model's tokenizer, for templates of the form "tokenizer"; others do not use it.

    Raises:
        UnknownNameError: no template has that name.
        TypeError: the question is no ``str``, or the tokenizer returned something else than a text.
        ValueError: the template needs a tokenizer and there is none, or the question holds a mark that ends a turn.
    """
    chosen = _template(template)
    messages = as_messages(question, chosen)
    if chosen.form == "text":
        return messages[-1]["content"]
    if chosen.form == "chatml":
        return _chatml(messages)
    if tokenizer is None:
        raise ValueError(f"template {chosen.name!r} needs the model's tokenizer: pass tokenizer=...")
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **CHAT_ARGUMENTS)
    if not isinstance(text, str):
        raise TypeError(f"the tokenizer's chat template must give a str, got {type(text).__name__}")
    return text


def _template(template: str | PromptTemplate) -> PromptTemplate:
    return template if isinstance(template, PromptTemplate) else get_template(template)


def _chatml(messages: Sequence[Message]) -> str:
    for message in messages:
        for marker in _CHATML_MARKERS:
            if marker in message["content"]:
                raise ValueError(
                    f"the {message['role']}'s text holds {marker!r}, which the model reads as the end or the "
                    "beginning of a turn: remove it from the text"
                )
    turns = [f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages]
    return "".join(turns) + "<|im_start|>assistant\n"


register_template(PromptTemplate("plain", "The question and nothing else.", "text"))
register_template(
    PromptTemplate(
        "boxed", "The question and the request to reason and to box the answer.", "text", request=BOX_REQUEST
    )
)
register_template(
    PromptTemplate(
        "qwen2.5-math",
        "ChatML with a system message, as Qwen2.5-Math is trained and evaluated in pass@K studies.",
        "chatml",
        system="You are a helpful assistant.",
        request=BOX_REQUEST,
    )
)
register_template(
    PromptTemplate(
        "chat",
        "The chat template of the model's tokenizer, as for Llama-3.2-Instruct.",
        "tokenizer",
        request=BOX_REQUEST,
    )
)
