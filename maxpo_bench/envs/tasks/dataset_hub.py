"""Whether the Hugging Face hub answers: one short request, as the hub's own client retries for half a minute."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 3.0  # seconds

_SWITCHING = threading.RLock()


def why_unreachable() -> str | None:
    """Return why nothing can be downloaded from the hub, None where it answers.

    The request is one of the hub's own client, so that proxies, certificates and HF_ENDPOINT count. It waits `PATIENCE`
    seconds, and longer only where the system's look-up of the host's name does.
    """
    from datasets import config
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE or config.HF_HUB_OFFLINE:
        return "offline mode is set (HF_HUB_OFFLINE or HF_DATASETS_OFFLINE)"
    try:
        status = get_session().head(constants.ENDPOINT, timeout=PATIENCE).status_code
    # Which exceptions these are depends on the HTTP client of the installed version.
    except Exception as error:
        return f"no answer from {constants.ENDPOINT} ({type(error).__name__}: {error})"
    return f"{constants.ENDPOINT} answers with status {status}" if status >= 500 else None


@contextmanager
def offline() -> Iterator[None]:
    """Let the hub's packages read what an earlier download left, without a request; their settings are restored."""
    from datasets import config
    from huggingface_hub import constants

    with _SWITCHING:
        modules = (constants, config)
        before = [module.HF_HUB_OFFLINE for module in modules]
        try:
            for module in modules:
                setattr(module, "HF_HUB_OFFLINE", True)  # noqa: B010 (a constant to the type checker)
            yield
        finally:
            for module, value in zip(modules, before, strict=True):
                setattr(module, "HF_HUB_OFFLINE", value)  # noqa: B010
