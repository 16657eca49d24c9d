"""What the tests of two processes run in each of them, one launch for all; results go to FOLDER/<rank>.json.

torchrun --standalone --nproc-per-node 2 trl_two_processes.py FOLDER
"""

import json
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

warnings.simplefilter("ignore")

import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from accelerate.optimizer import AcceleratedOptimizer  # noqa: E402
from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy, fully_shard  # noqa: E402
from transformers import TrainerControl, TrainerState  # noqa: E402
from trl_tiny import GROUP, Recorded, questions, trainer  # noqa: E402

from maxpo_bench.llm.training import GradientStatistics  # noqa: E402

CPU = torch.device("cpu")


def advantages(model, folder):
    """Groups of 8 of which each process has one half."""
    run = trainer(model, folder, cls=Recorded, per_device_train_batch_size=GROUP // 2, max_steps=3)
    run.train()
    found = [
        {"texts": texts, "wanted": wanted, "advantages": values.tolist(), "table": table}
        for (texts, wanted, values), table in zip(run.generations, run.tables, strict=True)
    ]
    return {"generations": found, "history": [entry for entry in run.state.log_history if "loss" in entry]}


def resumed(model, folder):
    """Weights after training at once and after going on from a checkpoint in the middle of the rollouts."""
    options = {
        "per_device_train_batch_size": GROUP // 2,
        "steps_per_generation": 2,
        "gradient_accumulation_steps": 1,
        "save_strategy": "steps",
        "save_steps": 1,
        "dataset": questions(6),
    }
    whole = trainer(model, folder, max_steps=9, callbacks=[GradientStatistics(folder)], **options)
    whole.train()
    again = trainer(model, folder, max_steps=9, callbacks=[GradientStatistics(folder)], **options)
    again.train(resume_from_checkpoint=str(folder / "checkpoint-7"))
    pairs = zip(whole.model.parameters(), again.model.parameters(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def proxy(model, optimizer):
    """What the callback adds to the logs of a step."""
    logs = {"loss": 0.0}
    state = TrainerState(global_step=1, log_history=[{"loss": 0.0}], is_world_process_zero=dist.get_rank() == 0)
    GradientStatistics().on_log(
        SimpleNamespace(), state, TrainerControl(), logs, model, AcceleratedOptimizer(optimizer)
    )
    return logs["adam_variance_proxy"]


def proxies():
    """The proxy of one network, its states held whole, as flat shards, and as DTensors."""

    def network():
        torch.manual_seed(1)
        return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3))

    def stepped(module):
        optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
        for step in range(3):
            torch.manual_seed(step)  # the same rows in both processes, so that means over them are equal
            optimizer.zero_grad()
            module(torch.randn(4, 5)).square().mean().backward()
            optimizer.step()
        return module, optimizer

    flat = {
        name: stepped(FullyShardedDataParallel(network(), device_id=CPU, sharding_strategy=strategy))
        for name, strategy in (("flat shards", ShardingStrategy.FULL_SHARD), ("not sharded", ShardingStrategy.NO_SHARD))
    }
    tensors = network()
    fully_shard(tensors)
    made = {"whole": stepped(network()), **flat, "DTensors": stepped(tensors)}
    return {name: proxy(module, optimizer) for name, (module, optimizer) in made.items()}


def main(folder):
    found = {
        "advantages": advantages(str(folder / "model"), folder / "advantages"),
        "resumed": resumed(str(folder / "model"), folder / "resumed"),
        "proxies": proxies(),
    }
    (folder / f"{dist.get_rank()}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
