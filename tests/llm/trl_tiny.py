"""A tiny model, questions and rewards for the tests of the trainer; also run by scripts of their own."""

import gc

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from maxpo_bench.llm.methods import get_method
from maxpo_bench.llm.tiny.architecture import TinyArchitecture
from maxpo_bench.llm.tiny.files import save_model
from maxpo_bench.llm.tiny.model import TinyLM
from maxpo_bench.llm.tiny.tokenizer import CharTokenizer
from maxpo_bench.llm.training import EstimatorGRPOTrainer

# every training begins with a collection of garbage, which takes a third of a second for what has been imported
gc.freeze()

GROUP = 8
CHECKPOINTING = (
    "activation_checkpointing" if hasattr(GRPOConfig, "activation_checkpointing") else "gradient_checkpointing"
)
"""What transformers called so before 5.23."""
IGNORED = "ignore:.*will be removed in v6:FutureWarning"
"""TRL 1.16 reads names that transformers 5.23 has renamed."""


def save_tiny_model(folder):
    tokenizer = CharTokenizer("0123456789+=:")
    shape = TinyArchitecture(len(tokenizer), width=16, layers=1, heads=1, hidden=16, context=32)
    model = TinyLM(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.lm_head.weight.mul_(20)  # so that tokens differ in probability
    return str(save_model(model, tokenizer, folder))


def questions(count=16):
    return Dataset.from_list(
        [{"prompt": f"{index // 10}+{index % 10}=", "wanted": index % 3} for index in range(count)]
    )


def score(text, wanted):
    """Rewards of several values, many ties; None, so that it is unscorable, for a text with a colon."""
    return None if ":" in text else float(sum(character in "13579"[wanted:] for character in text))


def reward(prompts, completions, wanted, **kwargs):
    return [score(text, aim) for text, aim in zip(completions, wanted, strict=True)]


def scorable_reward(prompts, completions, wanted, **kwargs):
    return [score(text.replace(":", "1"), aim) for text, aim in zip(completions, wanted, strict=True)]


def config(folder, **changes):
    options = {
        "per_device_train_batch_size": 2 * GROUP,
        "num_generations": GROUP,
        "max_completion_length": 6,
        "learning_rate": 1e-2,
        "lr_scheduler_type": "constant",
        "max_steps": 2,
        "bf16": False,
        "use_cpu": True,
        CHECKPOINTING: False,
        "logging_steps": 1,
        "report_to": "none",
        "loss_type": "grpo",
        "scale_rewards": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "seed": 3,
    }
    return GRPOConfig(str(folder), **(options | changes))


def trainer(model, folder, *, cls=EstimatorGRPOTrainer, method="maxpo", k=4, rewards=reward, dataset=None, **changes):
    own = {key: changes.pop(key) for key in ("callbacks", "peft_config", "eval_dataset") if key in changes}
    if cls is not GRPOTrainer:
        own["method"] = get_method(method, k) if isinstance(method, str) else method
    return cls(
        model=model,
        reward_funcs=rewards,
        args=config(folder, **changes),
        train_dataset=questions() if dataset is None else dataset,
        **own,
    )


class Recorded(EstimatorGRPOTrainer):
    """Keeps each generation's texts, wanted answers and advantages, and each loss's inputs, value, logps, entropies."""

    def __init__(self, *args, **kwargs):
        self.generations, self.losses, self.tables = [], [], []
        super().__init__(*args, **kwargs)

    def _generate_and_score_completions(self, inputs):
        output = super()._generate_and_score_completions(inputs)
        texts = self.processing_class.batch_decode(output["completion_ids"], skip_special_tokens=True)
        self.generations.append((texts, [row["wanted"] for row in inputs], output["advantages"].clone()))
        self.tables.append(list(self._logs["advantages"]))
        return output

    def _compute_loss(self, model, inputs):
        loss = super()._compute_loss(model, inputs)
        self.losses.append((inputs | self._changed, loss.detach().clone(), *self._scored))
        return loss

    def _get_per_token_logps_and_entropies(self, *args, **kwargs):
        logps, entropies, aux_loss = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self._scored = (logps.detach().clone(), None if entropies is None else entropies.detach().clone())
        self._changed = dict(self._unshaped_inputs or {})
        return logps, entropies, aux_loss


def expected_advantages(estimator, texts, wanted, score=score):
    """By the definition, group by group: the estimator on the scorable completions, 0 for the others."""
    rewards = [score(text, aim) for text, aim in zip(texts, wanted, strict=True)]
    found = torch.zeros(len(rewards))
    for start in range(0, len(rewards), GROUP):
        here = [index for index in range(start, start + GROUP) if rewards[index] is not None]
        if len(here) >= estimator.min_group_size:
            found[here] = estimator(torch.tensor([rewards[index] for index in here]))
    return found
