"""The text that is graded of a completion, as TRL's trainers give it: a text, or a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Completion = str | Sequence[Mapping[str, Any]]


def completion_text(completion: Completion, name: str) -> str:
    """Return a completion's text: itself, or the content of the assistant's last message, whose parts are joined.

    Args:
        completion: a text, or messages with "role" and "content", which is a text, None or a list of parts with "text".
        name: what messages call it.

    Returns:
        The text, "" where the assistant said nothing.

    Raises:
        TypeError: it is neither a text nor a conversation.
    """
    if isinstance(completion, str):
        return completion
    if not isinstance(completion, Sequence) or not all(isinstance(message, Mapping) for message in completion):
        raise TypeError(f"{name} must be a string or a list of messages, got {completion!r}")
    said = [message.get("content") for message in completion if message.get("role") == "assistant"]
    content = said[-1] if said else None
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, Sequence) or not all(isinstance(part, Mapping) for part in content):
        raise TypeError(f"the content of a message in {name} must be a string or a list of parts, got {content!r}")
    texts = [part.get("text") or "" for part in content]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f'the parts of a message in {name} must have strings as "text", got {content!r}')
    return "".join(texts)
