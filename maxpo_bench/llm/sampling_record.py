"""Beside a file of scored samples: how they were drawn, so that only what was drawn alike is compared.

The record of RUN/evaluation/NAME.jsonl is RUN/evaluation/NAME.jsonl.options: an ending that no reader of scored samples
takes for samples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from maxpo_bench.evaluation.run_sampling import COMPARED, Sampling, sampling_differences
from maxpo_bench.json_lines import parse_object
from maxpo_bench.llm.atomic_files import publish_text

SCHEMA = "maxpo-bench sampling 1"


def record_path(samples: Path) -> Path:
    """Return where the record of a file of samples is."""
    return samples.with_name(f"{samples.name}.options")


def recorded_sampling(samples: Path) -> dict[str, str | int | float | bool | None] | None:
    """Return how a file of samples was drawn; None where that is not recorded.

    Raises:
        ValueError: the record is damaged.
    """
    path = record_path(samples)
    if not path.is_file():
        return None
    content = parse_object(path.read_bytes(), str(path))
    return {name: content[name] for name in COMPARED if name in content}


def check_recorded(samples: Path, sampling: Sampling) -> None:
    """Compare how samples are to be drawn with how those that are there were.

    Raises:
        ValueError: they were drawn in another way.
    """
    found = recorded_sampling(samples)
    if found is not None and (differing := sampling_differences(found, sampling)):
        raise ValueError(
            f"{samples} holds samples that were drawn differently (there and here: {'; '.join(differing)}): give "
            "another folder, or the same settings"
        )


def record_sampling(samples: Path, sampling: Mapping[str, str | int | float | bool | None]) -> None:
    """Write how samples are drawn, before the first of them is.

    Raises:
        ValueError: the file holds samples that were drawn in another way.
    """
    check_recorded(samples, sampling)
    if not record_path(samples).exists():
        publish_text(record_path(samples), json.dumps({"schema": SCHEMA, **sampling}, indent=2) + "\n")
