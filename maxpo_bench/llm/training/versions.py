"""Which TRL the trainer is made for: it replaces private methods, so that another version is refused."""

from __future__ import annotations

from importlib import metadata

SUPPORTED_TRL = "1.16"


def require_trl() -> None:
    """Check that the supported TRL is installed; imports nothing.

    Raises:
        ImportError: there is no TRL, or another version; the message says how to install the right one.
    """
    try:
        found = metadata.version("trl")
    except metadata.PackageNotFoundError as error:
        raise ImportError(
            "training with TRL needs the language-model libraries: pip install 'maxpo-bench[llm]'"
        ) from error
    if found.split(".")[:2] != SUPPORTED_TRL.split("."):
        raise ImportError(
            f"TRL {found} is installed, EstimatorGRPOTrainer supports {SUPPORTED_TRL}.* only, whose private methods it "
            "replaces: pip install 'maxpo-bench[llm]'"
        )
