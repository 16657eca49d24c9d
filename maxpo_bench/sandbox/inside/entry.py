"""The file that a worker starts from: `python -s -P -S -B entry.py REQUESTS REPLIES`.

The package's own `__init__` would import Gymnasium and NumPy before the lock, so the modules here are found through
empty stand-ins for the packages above them.
"""

import os
import sys
from types import ModuleType


def _stand_in(name: str, folder: str) -> None:
    module = ModuleType(name)
    module.__path__ = [folder]
    sys.modules[name] = module


def main() -> None:
    """Put the stand-ins up and start the session."""
    sandbox = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    _stand_in("maxpo_bench", os.path.dirname(sandbox))
    _stand_in("maxpo_bench.sandbox", sandbox)
    from maxpo_bench.sandbox.inside.session import run

    run(int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
