"""The language-model track's rules: how a tiny model is trained with an estimator, and on which seeds.

Part of every suite, and frozen like its bandits: a change of anything here needs a new name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.seeding import derive_seed


@dataclass(frozen=True)
class LanguageTrack:
    """How pass@k of the tiny language model is scored.

    Every seed has a model of its own, pretrained from scratch, and problems of its own for training and evaluation. A
    run takes `steps` optimisation steps of `groups_per_step` questions with `group_size` completions, whatever the
    estimator: everybody has the same number of samples. The learning rate is the one of `learning_rates` with the
    highest mean pass@`k` on the tuning seeds, of equal ones the smaller; the tuning seeds are not scored.

    Attributes:
        name: name and version.
        seeds: evaluation seeds.
        tuning: tuning seeds.
        seed: root of all seeds.
        learning_rates: of Adam, the same for every estimator, ascending.
        k: objective size K.
        group_size: completions of a question, n.
        groups_per_step: questions of an optimisation step.
        steps: of a training run.
        difficulty: numbers of a countdown problem.
        problems: held-out problems of an evaluation.
        samples: completions of each, for pass@1 to pass@samples.
        pretraining: options of the pretraining that differ from the defaults.
    """

    name: str
    seeds: int = 4
    tuning: int = 1
    seed: int = 0
    learning_rates: tuple[float, ...] = (1e-5, 2e-5, 5e-5, 1e-4)
    k: int = 4
    group_size: int = 16
    groups_per_step: int = 32
    steps: int = 400
    difficulty: int = 4
    problems: int = 512
    samples: int = 128
    pretraining: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def ks(self) -> tuple[int, ...]:
        """The k of pass@k: 1, 2, 4, ..., at most `samples`."""
        return tuple(2**power for power in range(self.samples.bit_length()))

    @property
    def num_runs(self) -> int:
        """Training runs that one estimator takes."""
        return len(self.learning_rates) * self.tuning + self.seeds

    def tuning_seeds(self) -> list[int]:
        """Seeds on which the learning rate is chosen."""
        return [derive_seed(self.seed, "tiny-lm", "tuning", index) for index in range(self.tuning)]

    def evaluation_seeds(self) -> list[int]:
        """Seeds that are scored; none of them is a tuning seed."""
        return [derive_seed(self.seed, "tiny-lm", "evaluation", index) for index in range(self.seeds)]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "learning_rates": list(self.learning_rates)}

    def differences(self, settings: Mapping[str, Any]) -> list[str]:
        """Say which settings are other ones than the track's; the name is none, and what is unknown is left out."""
        own = self.to_dict()
        given = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
        return [
            f"{name} is {given.get(name)!r} instead of {value!r}"
            for name, value in own.items()
            if name != "name" and given.get(name) != value
        ]


TINY_LM_1 = LanguageTrack("tiny-lm-1")


def track_of(suite: str) -> LanguageTrack:
    """Return the language-model track of a suite; today all suites have the same.

    Raises:
        UnknownNameError: no such suite.
    """
    SUITES.get(suite)
    return TINY_LM_1
