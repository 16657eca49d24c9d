"""Triton under names that a strict type checker accepts; import this module only where triton is installed.

Inside a kernel Triton's own annotations do not hold (a `tensor` stands for a block, a literal for a constant), so that
its language and decorators are given the type `Any` here, once, instead of being excused line by line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Any as constexpr
    from typing import Any as tensor
else:
    from triton.language import constexpr, tensor

__all__ = ["INTERPRETED", "constexpr", "constexpr_function", "jit", "tensor", "tl"]

_triton: Any = import_module("triton")
tl: Any = import_module("triton.language")
jit: Any = _triton.jit
constexpr_function: Any = _triton.constexpr_function

INTERPRETED: bool = _triton.knobs.runtime.interpret
"""Whether kernels run in Triton's interpreter, on CPU tensors (TRITON_INTERPRET=1 when this module was imported)."""
