"""How a submission finds this package: by its folder, and with estimators that are not compiled in the worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from types import ModuleType

_PACKAGE = "maxpo_bench"
_PATHS = "maxpo_bench.estimators.paths"


class _PlainTorch(Loader):
    """Load the module that chooses how estimators are computed, and choose plain torch.

    Numba would compile anew in every worker, which has no place to keep what it compiled.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        module.set_path("torch")


class PackageFinder(MetaPathFinder):
    """Finds `maxpo_bench` where it was started from; the folder above it cannot be listed, and need not be."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load the package or its module of paths, None for any other name."""
        if fullname == _PACKAGE:
            start = os.path.join(self._folder, "__init__.py")
            return spec_from_file_location(fullname, start, submodule_search_locations=[self._folder])
        if fullname != _PATHS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _PlainTorch(spec.loader)
        return spec


def offer_package(folder: str) -> None:
    """Forget the stand-in that the worker itself was loaded by, and let the submission import the real package."""
    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]
    sys.meta_path.insert(0, PackageFinder(folder))
