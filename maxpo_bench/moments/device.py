"""The torch device that computes."""

from __future__ import annotations

import torch


def find_device(device: str | torch.device) -> torch.device:
    """Return the device once it has shown that it computes in float64.

    Raises:
        ValueError: there is no such device here, or it has no float64.
    """
    try:
        found = torch.device(device)
        if found.type == "cuda" and not torch.cuda.is_available():
            raise ValueError("torch sees no CUDA device")
        torch.zeros(1, dtype=torch.float64, device=found).sum().item()
    except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(f"device={str(device)!r} cannot be used ({reason}): use device='cpu'") from error
    return found
