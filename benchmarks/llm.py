"""What our trainer costs over TRL's, and our own loop over both, in time per step: see llm_benchmark.py.

python benchmarks/llm.py --out results/benchmarks
"""

import sys

from llm_benchmark import main

if __name__ == "__main__":
    sys.exit(main())
