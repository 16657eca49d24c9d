"""The names of TRL that are used here, once it is known to be the supported version."""

from __future__ import annotations

from maxpo_bench.llm.training.versions import require_trl

require_trl()

from trl import GRPOConfig, GRPOTrainer  # noqa: E402 - another version may lack them

__all__ = ["GRPOConfig", "GRPOTrainer"]
