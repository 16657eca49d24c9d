"""The sweep that test_sweep_kill.py kills: `python kill_driver.py STORE [hang]` runs whatever is missing of 60 runs."""

import sys

from maxpo_bench.sweep.command import sweep_command

AGENTS = [f"agent{number}" for number in range(6)]

if __name__ == "__main__":
    hanging = sys.argv[2:] == ["hang"]
    options = {"seeds": "10", "iterations": 1, "workers": 3, "out": sys.argv[1], "env": ["any"]}
    options["execute"] = "sweep_fakes:moody" if hanging else "sweep_fakes:tiny"
    options["agent"] = ["hangs"] if hanging else AGENTS
    sys.exit(sweep_command(overrides=["agents.*.kwargs.sleep=0.06"], **options))
