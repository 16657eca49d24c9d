"""The language-model track: the clipped group objective for any estimator's advantages, prompts, reward functions.

Names load on first use: prompts and reward functions need no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.llm.loss import group_policy_loss
    from maxpo_bench.llm.prompts import as_messages, get_template, list_templates, register_template, render_prompt

__all__ = [
    "as_messages",
    "get_template",
    "group_policy_loss",
    "list_templates",
    "register_template",
    "render_prompt",
]

_MODULES = {name: "prompts" for name in __all__} | {"group_policy_loss": "loss"}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
