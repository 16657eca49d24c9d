"""`python -m maxpo_bench.cli`."""

from maxpo_bench.cli import main

main()
