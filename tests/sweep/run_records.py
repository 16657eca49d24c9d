"""Records of made-up runs with known scores."""

from maxpo_bench.sweep import RunSpec
from maxpo_bench.sweep.task import make_record

MAZE, BANDIT = "maxpo/Maze-v0", "maxpo/Bandit-v0"


def run(agent, seed, value, env=MAZE, *, metric="return_mean", env_kwargs=None, iterations=2, **agent_kwargs):
    """Return the record of a run whose summary has one metric, or several given as a mapping."""
    env_kwargs = {"length": 10} if env_kwargs is None else env_kwargs
    spec = RunSpec(env, agent, seed, iterations=iterations, env_kwargs=env_kwargs, agent_kwargs=agent_kwargs)
    summary = value if isinstance(value, dict) else {metric: value}
    return {**make_record(spec, "done"), "summary": {"timesteps": 100, **summary}, "wall_s": 0.1}


def runs(agent, values, env=MAZE, first=0, **options):
    """Return records of one variant with the seeds first, first + 1, ..."""
    return [run(agent, seed, value, env, **options) for seed, value in enumerate(values, start=first)]
