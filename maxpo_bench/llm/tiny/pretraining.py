"""Pretraining of a tiny model on questions with solutions: next-token prediction of the solutions."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from maxpo_bench.llm.tiny.architecture import TinyArchitecture
from maxpo_bench.llm.tiny.model import TinyLM
from maxpo_bench.llm.tiny.pairs import Pair, PairSource
from maxpo_bench.llm.tiny.tokenizer import CharTokenizer
from maxpo_bench.seeding import derive_seed

IGNORED = -100


@dataclass(frozen=True, slots=True)
class PretrainingSettings:
    """How a base model is made; together with task and seed this determines it.

    The defaults leave countdown's model at a pass@1 of a few per cent and a pass@64 above 60 %: room to improve for a
    policy gradient, and something to reinforce.

    Attributes:
        steps: optimiser steps.
        batch_size: pairs per step.
        learning_rate: of AdamW at its highest.
        warmup: steps in which the learning rate rises linearly to there.
        final_rate: what is left of it after the last step, falling as a half cosine; in [0, 1].
        betas: of AdamW.
        weight_decay: of AdamW, on matrices.
        clip: largest norm of the gradient.
        width: see `TinyArchitecture`, as for the next three.
        layers: number of blocks.
        heads: attention heads.
        hidden: inner size of the MLP.
        most_problems: number of problems used of a task that has no examples without end.

    Raises:
        ValueError: a number is out of range.
    """

    steps: int = 350
    batch_size: int = 128
    learning_rate: float = 2e-3
    warmup: int = 50
    final_rate: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.01
    clip: float = 1.0
    width: int = 96
    layers: int = 3
    heads: int = 3
    hidden: int = 192
    most_problems: int = 10_000

    def __post_init__(self) -> None:
        """Check the numbers, and let a list from a file be a tuple."""
        object.__setattr__(self, "betas", tuple(self.betas))
        for name, least in (("steps", 1), ("batch_size", 1), ("warmup", 0), ("most_problems", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        for name in ("learning_rate", "clip"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}")
        if not (len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)):
            raise ValueError(f"betas must be two numbers in [0, 1), got {self.betas}")
        if not (0 <= self.final_rate <= 1 and self.weight_decay >= 0):
            raise ValueError(
                f"final_rate must be in [0, 1] and weight_decay at least 0, got {self.final_rate}, {self.weight_decay}"
            )

    def architecture(self, source: PairSource) -> TinyArchitecture:
        """Return the shape of the model for a source of pairs."""
        return TinyArchitecture(
            len(source.tokenizer),
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            hidden=self.hidden,
            context=source.context,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all settings by name."""
        return asdict(self)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, from 0."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (self.final_rate + (1 - self.final_rate) * 0.5 * (1 + math.cos(math.pi * done)))


class Pretraining:
    """A pretraining that can be stopped after any step and taken up again, with the same result bit by bit.

    Each step draws its pairs from a random stream of its own, so that the state is the weights, the optimiser's and the
    number of steps.

    Args:
        source: where the pairs come from.
        seed: of the initial weights and of the pairs.
        settings: the others.

    Attributes:
        model: the model.
        step: steps done.
        losses: cross-entropy of each step's batch, in nats per token.
    """

    def __init__(self, source: PairSource, seed: int, settings: PretrainingSettings) -> None:
        self.source = source
        self.seed = seed
        self.settings = settings
        initial = torch.Generator().manual_seed(derive_seed(seed, "pretraining", "weights"))
        self.model = TinyLM(settings.architecture(source), generator=initial)
        matrices = [parameter for parameter in self.model.parameters() if parameter.dim() == 2]
        vectors = [parameter for parameter in self.model.parameters() if parameter.dim() != 2]
        groups = [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)
        self.step = 0
        self.losses: list[float] = []

    @property
    def is_done(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.settings.steps

    def advance(self) -> float:
        """Do one step and return its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(self.step)
        pairs = self.source.batch(self.seed, self.step, self.settings.batch_size)
        inputs, targets, keep = tensors(pairs, self.source.tokenizer)
        logits = self.model(inputs, keep=keep)
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        self.step += 1
        self.losses.append(loss.item())
        return self.losses[-1]

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs: a copy, which later steps do not change."""
        return copy.deepcopy(
            {
                "step": self.step,
                "losses": self.losses,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same pretraining."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.losses = list(state["losses"])


def tensors(pairs: Sequence[Pair], tokenizer: CharTokenizer) -> tuple[Tensor, Tensor, int]:
    """Return a batch as the model takes it.

    Args:
        pairs: questions and solutions, B of them.
        tokenizer: of the model; solutions must lie in its alphabet.

    Returns:
        Inputs [B, T], padded on the right; targets [B, keep], the next tokens at the last `keep` positions, `IGNORED`
        at those of questions and padding; and `keep`.

    Raises:
        ValueError: a solution has a character outside the alphabet.
    """
    encoded = [
        (tokenizer.encode(question), [*tokenizer.encode(solution, strict=True), tokenizer.eos_id])
        for question, solution in pairs
    ]
    length = max(len(question) + len(solution) for question, solution in encoded)
    shortest = min(len(question) for question, _ in encoded)
    rows: list[list[int]] = []
    targets: list[list[int]] = []
    for question, solution in encoded:
        padding = length - len(question) - len(solution)
        rows.append(question + solution + [tokenizer.pad_id] * padding)
        targets.append([IGNORED] * (len(question) - shortest) + solution + [IGNORED] * padding)
    return torch.tensor(rows)[:, :-1], torch.tensor(targets), length - shortest
