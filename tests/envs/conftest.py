from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from env_variants import VARIANTS, variant_name

import maxpo_bench  # noqa: F401 (registers the environments)


@pytest.fixture(params=VARIANTS, ids=variant_name)
def variant(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
