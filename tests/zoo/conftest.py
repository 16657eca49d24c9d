"""What the zoo's tests share: the strict sandbox, or the reason why it is not to be had."""

import pytest


@pytest.fixture(scope="session")
def strict() -> None:
    """Skip where the kernel offers no strict sandbox, naming the level and the reason."""
    from maxpo_bench.sandbox import SandboxUnavailable
    from maxpo_bench.sandbox.levels import require

    try:
        require("strict")
    except SandboxUnavailable as error:
        pytest.skip(f"level strict is not offered here: {error}")
