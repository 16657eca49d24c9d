"""What a submission's worker may use."""

from __future__ import annotations

from maxpo_bench.sandbox import Limits

CHECK_LIMITS = Limits(cpu_seconds=60.0, call_seconds=10.0, total_seconds=120.0)
SCORE_LIMITS = Limits(cpu_seconds=1800.0, call_seconds=60.0, total_seconds=3600.0)
