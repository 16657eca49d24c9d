"""A language model of 0.1 to 0.5 billion parameters from scratch: TRL's trainer against ours, speed and memory.

python benchmarks/gpu/gpu_llm.py --size 0.1B

Both take the same steps in turn, block by block, and every completion has the same number of tokens.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

SIZES: dict[str, dict[str, int]] = {
    "0.1B": {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 12},
    "0.5B": {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 16, "num_attention_heads": 20},
    "tiny": {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1},
}
VOCABULARY = {"0.1B": 32_000, "0.5B": 32_000, "tiny": 64}
PLAIN, OURS = "TRL", "ours"
LIMIT = 1.01
"""Bar of seconds and of memory, ours over TRL's."""
Row = dict[str, Any]


def why_not() -> str | None:
    """Say why nothing can be measured here, or None."""
    try:
        import maxpo_bench.llm.training.trainer  # noqa: F401 - whether it can be imported is the question
    except ImportError as error:
        return f"trl cannot be imported: {error}"
    return None


def save_start(size: str, folder: Path) -> str:
    """Write a model with random weights, and a tokenizer of digits; return the folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from maxpo_bench.llm.tiny import CharTokenizer

    tokenizer = CharTokenizer("0123456789+=")
    ends = {"pad_token_id": tokenizer.pad_id, "eos_token_id": tokenizer.eos_id, "bos_token_id": None}
    config = LlamaConfig(vocab_size=VOCABULARY[size], max_position_embeddings=1024, **SIZES[size], **ends)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.to_transformers(context=1024).save_pretrained(folder)
    return str(folder)


def even_tokens(completion_ids: list[list[int]], **kwargs: Any) -> list[float]:
    """Reward a completion by its share of even tokens: the text of a model from scratch means nothing."""
    return [sum(token % 2 == 0 for token in ids) / len(ids) for ids in completion_ids]


class Contest:
    """Two trainers on one model.

    Args:
        model: folder of the model that each block starts from.
        folder: for what trainers write.
        device: "cuda" or "cpu".
        groups: questions per step, with 8 completions each.
        tokens: of every completion.
    """

    def __init__(self, model: str, folder: Path, device: str, groups: int, tokens: int) -> None:
        self.model, self.folder, self.device, self.groups, self.tokens = model, folder, device, groups, tokens

    def block(self, name: str, steps: int) -> tuple[list[float], int, int]:
        """Train some steps; return the seconds of all but the first, peak bytes, and the number of parameters."""
        import torch
        from transformers import PrinterCallback, set_seed

        trainer, clock = self._trainer(name, steps)
        trainer.remove_callback(PrinterCallback)
        set_seed(0)
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        trainer.train()
        peak = torch.cuda.max_memory_allocated() if self.device == "cuda" else 0
        ends = clock.ends
        parameters = sum(value.numel() for value in trainer.model.parameters())
        del trainer
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
        return [after - before for before, after in pairwise(ends)], peak, parameters

    def _trainer(self, name: str, steps: int) -> tuple[Any, Any]:
        import torch
        from datasets import Dataset
        from transformers import TrainerCallback
        from trl import GRPOConfig, GRPOTrainer

        from maxpo_bench.llm.methods import get_method
        from maxpo_bench.llm.training import EstimatorGRPOTrainer

        on_gpu = self.device == "cuda"

        class Clock(TrainerCallback):
            def __init__(self) -> None:
                self.ends: list[float] = []

            def on_step_end(self, *args: Any, **kwargs: Any) -> None:
                if on_gpu:
                    torch.cuda.synchronize()
                self.ends.append(time.perf_counter())

        config = GRPOConfig(
            str(self.folder),
            per_device_train_batch_size=8 * self.groups,
            num_generations=8,
            max_completion_length=self.tokens,
            generation_kwargs={"min_new_tokens": self.tokens},
            max_steps=steps + 1,
            bf16=on_gpu,
            use_cpu=not on_gpu,
            gradient_checkpointing=False,
            model_init_kwargs={"dtype": "bfloat16" if on_gpu else "float32"},
            logging_steps=1,
            report_to="none",
            loss_type="grpo",
            scale_rewards="none",
            save_strategy="no",
            disable_tqdm=True,
        )
        clock = Clock()
        rows = Dataset.from_list([{"prompt": f"{one % 10}+{one // 10}="} for one in range(4 * self.groups)])
        given: dict[str, Any] = {"model": self.model, "reward_funcs": even_tokens, "args": config}
        given |= {"train_dataset": rows, "callbacks": [clock]}
        made = GRPOTrainer(**given) if name == PLAIN else EstimatorGRPOTrainer(**given, method=get_method("maxpo", 4))
        return made, clock


def measure(
    size: str, device: str, *, steps: int = 50, blocks: int = 5, groups: int = 16, tokens: int = 128
) -> tuple[list[Row], list[Any]]:
    """Return a row for each trainer, and bars.

    Args:
        size: one of `SIZES`.
        device: "cuda" or "cpu".
        steps: of each trainer altogether.
        blocks: into which the steps are divided, at least 1.
        groups: questions per step, with 8 completions each.
        tokens: of every completion.
    """
    import numpy as np

    seconds: dict[str, list[float]] = {PLAIN: [], OURS: []}
    peaks, parameters = dict.fromkeys(seconds, 0), 0
    with tempfile.TemporaryDirectory() as temporary:
        contest = Contest(save_start(size, Path(temporary) / "model"), Path(temporary), device, groups, tokens)
        for number in range(blocks):
            for name in (PLAIN, OURS) if number % 2 == 0 else (OURS, PLAIN):
                times, peak, parameters = contest.block(name, steps // blocks)
                seconds[name] += times
                peaks[name] = max(peaks[name], peak)
    rows = []
    for name, times in seconds.items():
        low, median, high = np.percentile(times, (25, 50, 75))
        place = {"name": name, "size": size, "parameters": parameters, "steps": len(times), "completions": 8 * groups}
        speed = {"q25_s": float(low), "median_s": float(median), "q75_s": float(high)}
        rate = 8 * groups * tokens / float(median)
        rows.append({**place, **speed, "tokens_per_second": rate, "peak_gib": peaks[name] / 2**30})
    return rows, bars_of(rows)


def bars_of(rows: Sequence[Row]) -> list[Any]:
    """Return ours over TRL's, in time and in memory."""
    from measuring import Bar

    plain, ours = (next(row for row in rows if row["name"] == name) for name in (PLAIN, OURS))
    memory = ours["peak_gib"] / plain["peak_gib"] if plain["peak_gib"] else None
    note = "" if memory is not None else "peak memory is known on CUDA only"
    return [
        Bar(f"ours over TRL, seconds per step, {ours['size']}", LIMIT, ours["median_s"] / plain["median_s"]),
        Bar(f"ours over TRL, peak memory, {ours['size']}", LIMIT, memory, note=note),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=list(SIZES), default="0.1B")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=50, help="of each trainer, a multiple of --blocks")
    parser.add_argument("--blocks", type=int, default=5, help="that the steps are divided into")
    options = parser.parse_args(arguments)
    if options.blocks < 1 or options.steps < options.blocks:
        parser.error("--blocks must be at least 1, and --steps at least --blocks")
    reason = why_not()
    if reason:
        print(f"nothing was measured: {reason}", file=sys.stderr)
        return 2
    from measuring import show_bars
    from rich.console import Console

    rows, bars = measure(options.size, options.device, steps=options.steps, blocks=options.blocks)
    show_bars(bars, Console(width=None if sys.stdout.isatty() else 120))
    for row in rows:
        speed = f"{row['tokens_per_second']:.0f} tokens/s, {1e3 * row['median_s']:.1f} ms a step"
        print(f"{row['name']}: {speed}, {row['peak_gib']:.2f} GiB, {row['parameters'] / 1e9:.3f} billion parameters")
    return 1 if any(bar.is_met is False for bar in bars) else 0


# the other benchmarks' modules are shared
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
    sys.exit(main())
