"""Three steps with vLLM in the trainer's process, printed as JSON; "untied" hands over all weights but the tied head.

python trl_colocate.py FOLDER all|untied|adapters
"""

import os

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig
from transformers import LlamaConfig, LlamaForCausalLM
from trl_tiny import GROUP, scorable_reward, trainer

from maxpo_bench.llm.tiny.tokenizer import CharTokenizer
from maxpo_bench.llm.training import colocate


def save_tied_model(folder):
    """Heads of 32 components are the smallest that vLLM's attention on the CPU takes."""
    tokenizer = CharTokenizer("0123456789+=:")
    sizes = {"hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"pad_token_id": tokenizer.pad_id, "eos_token_id": tokenizer.eos_id, "bos_token_id": None}
    shape = {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "initializer_range": 0.3}
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**sizes, **shape, **ends, tie_word_embeddings=True))
    model.save_pretrained(folder)
    tokenizer.to_transformers(context=64).save_pretrained(folder)
    return str(folder)


def main(folder, what):
    differences = []
    measure, payload = colocate.largest_difference, colocate.payload

    def measured(*args):
        differences.append(measure(*args))
        return differences[-1]

    colocate.largest_difference = measured
    if what == "untied":
        colocate.payload = lambda one: {name: value for name, value in payload(one).items() if "lm_head" not in name}
    run = trainer(
        save_tied_model(folder / "model"),
        folder,
        rewards=scorable_reward,
        per_device_train_batch_size=GROUP,
        max_steps=3,
        use_vllm=True,
        vllm_mode="colocate",
        vllm_max_model_length=32,
        peft_config=LoraConfig(r=2, target_modules=["q_proj", "v_proj"]) if what == "adapters" else None,
    )
    error = None
    try:
        run.train()
    except RuntimeError as failure:
        error = str(failure)
    history = [entry for entry in run.state.log_history if "loss" in entry]
    print(json.dumps({"differences": differences, "error": error, "history": history}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
