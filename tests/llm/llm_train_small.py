"""A run of the tiny model that takes a second and has something to learn from."""

from maxpo_bench.llm.tiny.run import TinyRun

SMALL = TinyRun(
    k=2,
    group_size=8,
    groups_per_step=8,
    steps=10,
    learning_rate=1e-3,
    task_options={"difficulty": 3},
    eval_problems=40,
    eval_samples=4,
    pretraining={
        "steps": 120,
        "batch_size": 64,
        "learning_rate": 1e-2,
        "width": 32,
        "layers": 1,
        "heads": 1,
        "hidden": 64,
        "warmup": 5,
    },
)
