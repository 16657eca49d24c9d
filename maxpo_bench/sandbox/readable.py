"""What a worker imports from and may read: the Python installation, the system's libraries, this package."""

from __future__ import annotations

import functools
import importlib.util
import os
import site
import sys
import sysconfig
from dataclasses import dataclass

_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")
_FILES = ("/etc/ld.so.cache", "/dev/null", "/dev/zero", "/dev/urandom", "/proc/cpuinfo", "/sys/devices/system/cpu")


@dataclass(frozen=True)
class Places:
    """Folders and files by absolute path.

    Attributes:
        import_paths: folders of installed packages, in the order they are searched.
        package: the folder of this package.
        readable: what may be read, with everything below; the rest of the file system may not.
    """

    import_paths: tuple[str, ...]
    package: str
    readable: tuple[str, ...]


def _holds(folder: str, name: str) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None and os.path.dirname(os.path.dirname(spec.origin)) == folder


@functools.cache
def places() -> Places:
    """Return what a worker needs of this interpreter's installation.

    Of `sys.path` it gets the folders of installed packages, and those that NumPy and torch are in, never the current
    folder or one that was added for a script.
    """
    installed = {*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_path("purelib")}
    found = [os.path.abspath(path) for path in sys.path if path and os.path.isdir(path)]
    imports = [path for path in found if path in installed or _holds(path, "torch") or _holds(path, "numpy")]
    standard = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    shared = [path for path in (sysconfig.get_config_var("LIBDIR"),) if path and path.startswith(sys.base_prefix)]
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    readable = dict.fromkeys([*imports, *standard, *shared, package, *_LIBRARIES, *_FILES])
    return Places(tuple(dict.fromkeys(imports)), package, tuple(readable))
