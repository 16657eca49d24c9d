"""The sweep that test_sweep_kill.py kills: `python kill_driver.py STORE` runs whatever is missing of 60 runs."""

import sys

from maxpo_bench.sweep.command import sweep_command

AGENTS = [f"agent{number}" for number in range(6)]

if __name__ == "__main__":
    options = {"seeds": "10", "iterations": 1, "workers": 3, "execute": "sweep_fakes:tiny"}
    kwargs = ["agents.*.kwargs.sleep=0.06"]
    sys.exit(sweep_command(env=["any"], agent=AGENTS, overrides=kwargs, out=sys.argv[1], **options))
