"""A tiny language model as the policy of a group agent, on environments of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from maxpo_bench.agents.collect import Rollout
from maxpo_bench.agents.token_policy import TokenPolicy
from maxpo_bench.envs import UnicodeText
from maxpo_bench.llm.completion import Completion, shared_prompts
from maxpo_bench.llm.policy_model import base_of, load_base, made_of
from maxpo_bench.llm.tiny.sampling import sample_by
from maxpo_bench.llm.token_gradient import TOKENS_PER_PASS, TokenBatch, gradient_of
from maxpo_bench.registry import suggest

Aggregation = Literal["sum", "sequence"]

_ALMOST_NOTHING = 1e-300
"""As top_p it leaves the most probable token only."""


class LMPolicy(TokenPolicy):
    """A small causal language model that answers questions; its parameters are those of `maxpo_bench.llm.tiny.TinyLM`.

    An action is a completion of the question: tokens drawn one by one until the end of sequence or the limit. The
    environment gets its text. Psi_i is sum_t grad log pi(o_t | q, o_<t) over the completion's tokens, the end of
    sequence included, with the temperature that it was drawn at; with the aggregation "sequence" it is 1/|o_i| of that,
    as in Eq 13 of arXiv 2606.06080. The same factor applies to the entropies of the bonus.

    Observations are lists of questions, actions lists of `Completion`; `predict` takes one question or several and
    returns texts. Default step sizes are 5e-5 for Adam and 0.003 for SGD. The variance of the gradient (`log_variance`)
    costs a backward pass per group and one more, which makes a step about three times as long.

    Args:
        observation_space: of texts.
        action_space: of texts.
        model: folder of a model and tokenizer that `maxpo_bench.llm.tiny.save_model` wrote; by default the cached base
            model of the environment's task (`maxpo_bench.llm.tiny.base_model`), pretrained on first use.
        pretraining_seed: of the base model.
        pretraining: settings of the base model (`maxpo_bench.llm.tiny.PretrainingSettings`): its architecture (`width`,
            `layers`, `heads`, `hidden`), `steps`, `learning_rate` and so on.
        max_new_tokens: the most tokens of a completion, the end of sequence included; by default what the model's
            context leaves behind the longest question of a batch, which is 8 for countdown.
        temperature: what logits are divided by, in sampling and in gradients, > 0.
        aggregation: "sum", the policy gradient, or "sequence".
        tokens_per_pass: bound on rows times tokens of one backward pass, for memory.
        architecture: of a stored policy, see `stored_options`.
        tokenizer: of a stored policy, see `stored_options`.
        seed: of `predict` until the agent sets its own stream.

    Raises:
        ValueError: spaces that are not of text, an option out of range, or a folder that holds another kind of model.
        FileNotFoundError: `model` is no folder with a model.
        ImportError: transformers is not installed, without which no folder can be read.
    """

    is_on_cpu_only = True
    default_optimizer = "adam"
    default_learning_rates: ClassVar[Mapping[str, float]] = {"sgd": 0.003, "adam": 5e-5}

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        model: str | None = None,
        pretraining_seed: int = 0,
        pretraining: Mapping[str, Any] | None = None,
        max_new_tokens: int | None = None,
        temperature: float = 1.0,
        aggregation: Aggregation = "sum",
        tokens_per_pass: int = TOKENS_PER_PASS,
        architecture: Mapping[str, Any] | None = None,
        tokenizer: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        _check_spaces(observation_space, action_space)
        _check_numbers(max_new_tokens, temperature, aggregation, tokens_per_pass)
        super().__init__(observation_space, action_space, seed=seed)
        self.max_new_tokens, self.temperature = max_new_tokens, float(temperature)
        self.aggregation, self.tokens_per_pass = aggregation, tokens_per_pass
        self.model, self.tokenizer = load_base(model) if model else made_of(architecture, tokenizer)

    @classmethod
    def complete_options(cls, options: Mapping[str, Any], env: VectorEnv) -> dict[str, Any]:
        """Return the options with the folder of the base model of the environment's task, which is made if missing."""
        return {**options, "model": base_of(env, options)}

    def stored_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with the model's shape and tokenizer in place of its folder."""
        tokenizer = {"alphabet": self.tokenizer.alphabet, "unknown": self.tokenizer.unknown_id is not None}
        return {**options, "model": None, "architecture": self.model.architecture.to_dict(), "tokenizer": tokenizer}

    def sample(self, observations: Sequence[str], rng: np.random.Generator) -> list[Completion]:
        """Draw a completion of each question; neighbours with one question share its pass through the model."""
        prompts = shared_prompts(self._encoded(observations))
        generator = torch.Generator().manual_seed(int(rng.integers(2**63 - 1)))
        uniforms = torch.rand(len(observations), self._limit(prompts), generator=generator, dtype=torch.float64)
        return self._complete(prompts, uniforms, 1.0)

    def best(self, observations: Sequence[str]) -> list[Completion]:
        """Return the greedy completion of each question: at every token the most probable one."""
        prompts = self._encoded(observations)
        middle = torch.full((len(prompts), self._limit(prompts)), 0.5, dtype=torch.float64)
        return self._complete(prompts, middle, _ALMOST_NOTHING)

    def to_env(self, actions: Sequence[Completion]) -> list[str]:
        """Return the completions' texts."""
        return [completion.text for completion in actions]

    def set_gradient(self, rollout: Rollout, weights: NDArray[np.float64], entropy_coef: float) -> float:
        """See `GroupPolicy.set_gradient`; ``weights`` `[E]` or `[T, L]`, the entropy is a mean over tokens."""
        batch = self._batch(rollout)
        factors = self._factors(batch, rollout, weights)
        bonus = entropy_coef / len(rollout.returns) * batch.shares(self.aggregation) if entropy_coef else None
        gradient = gradient_of(self.model, batch, factors, bonus, self.temperature, self.tokens_per_pass)
        for parameter, part in zip(self.model.parameters(), gradient, strict=True):
            parameter.grad = part
        return float(np.concatenate([completion.entropies for completion in rollout.actions]).mean(dtype=np.float64))

    def square_norms(
        self, rollout: Rollout, weights: NDArray[np.float64], parts: NDArray[np.intp], num_parts: int
    ) -> NDArray[np.float64]:
        """See `GroupPolicy.square_norms`; one backward pass per part, over its own episodes."""
        batch = self._batch(rollout)
        factors = self._factors(batch, rollout, weights)
        step_parts = torch.from_numpy(parts[rollout.episode])
        norms = np.zeros(num_parts)
        for part in range(num_parts):
            chosen = torch.nonzero(step_parts == part).squeeze(1)
            own = factors[chosen]
            if own.any():
                part_of = batch.rows(chosen)
                gradient = gradient_of(self.model, part_of, own, None, self.temperature, self.tokens_per_pass)
                norms[part] = sum(float(piece.double().square().sum()) for piece in gradient)
        return norms

    def token_entropies(self, rollout: Rollout) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """See `TokenPolicy.token_entropies`; they were kept in sampling."""
        lengths = self.completion_lengths(rollout)
        mask = np.arange(lengths.max()) < lengths[:, None]
        entropies = np.zeros(mask.shape)
        entropies[mask] = np.concatenate([completion.entropies for completion in rollout.actions])
        return entropies, mask

    def completion_lengths(self, rollout: Rollout) -> NDArray[Any]:
        """See `TokenPolicy.completion_lengths`."""
        return np.array([len(completion.tokens) for completion in rollout.actions])

    def predict(
        self,
        observation: Any,
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[Any, tuple[NDArray[Any], ...] | None]:
        """Answer a question, or each of several.

        Args:
            observation: a text, or a list, tuple or array of texts.
            state: returned as it is.
            episode_start: without effect.
            deterministic: whether to answer greedily.

        Returns:
            The answer, or an array `[m]` of answers, and the state.

        Raises:
            TypeError: the observation is neither.
        """
        is_one = isinstance(observation, str)
        questions = [observation] if is_one else list(observation) if isinstance(observation, Iterable) else None
        if questions is None or not all(isinstance(question, str) for question in questions):
            raise TypeError(f"the lm policy answers a text or a list of texts, got {type(observation).__name__}")
        questions = [str(question) for question in questions]
        actions = self.best(questions) if deterministic else self.sample(questions, self.predict_rng)
        texts = self.to_env(actions)
        return (texts[0] if is_one else np.array(texts, dtype=object)), state

    def _complete(self, prompts: Sequence[Sequence[int]], uniforms: torch.Tensor, top_p: float) -> list[Completion]:
        """Return the completions that uniform numbers `[m, limit]` decide; see `maxpo_bench.llm.tiny.sampling`."""
        drawn = sample_by(
            self.model,
            prompts,
            uniforms,
            eos_id=self.tokenizer.eos_id,
            temperature=self.temperature,
            top_p=top_p,
        )
        logprobs, entropies = drawn.logprobs.numpy(), drawn.entropies.numpy()
        return [
            Completion(self.tokenizer.decode(row), tuple(row), logprobs[i, : len(row)], entropies[i, : len(row)])
            for i, row in enumerate(drawn.completions())
        ]

    def _encoded(self, observations: Sequence[str]) -> list[list[int]]:
        tokens = {question: self.tokenizer.encode(question) for question in dict.fromkeys(observations)}
        return [tokens[question] for question in observations]

    def _limit(self, prompts: Sequence[Sequence[int]]) -> int:
        if self.max_new_tokens is not None:
            return self.max_new_tokens
        longest, context = max(map(len, prompts)), self.model.architecture.context
        if longest >= context:
            raise ValueError(
                f"a question has {longest} tokens, the model's context is {context}: leave such questions out of the "
                "task, or pretrain on longer ones"
            )
        return context - longest

    def _batch(self, rollout: Rollout) -> TokenBatch:
        return TokenBatch.of(
            self._encoded(rollout.observations),
            [completion.tokens for completion in rollout.actions],
            self.tokenizer.pad_id,
        )

    def _factors(self, batch: TokenBatch, rollout: Rollout, weights: NDArray[np.float64]) -> torch.Tensor:
        """Return what each token's log-probability is multiplied by, `[T, L]`."""
        given = torch.from_numpy(np.ascontiguousarray(weights))
        per_token = given if given.ndim == 2 else given[torch.from_numpy(rollout.episode)][:, None]
        return per_token.float() * batch.shares(self.aggregation)


def _check_spaces(observation_space: spaces.Space, action_space: spaces.Space) -> None:
    for role, space in (("observations", observation_space), ("actions", action_space)):
        if not isinstance(space, UnicodeText):
            raise ValueError(f"the lm policy takes {role} of text, got {space}: choose policy='auto'")


def _check_numbers(max_new_tokens: Any, temperature: Any, aggregation: str, tokens_per_pass: Any) -> None:
    for name, value in (("max_new_tokens", max_new_tokens), ("tokens_per_pass", tokens_per_pass)):
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not (name == "max_new_tokens" and value is None) and not (is_whole and value >= 1):
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    if not (isinstance(temperature, int | float) and np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a finite number above 0, got {temperature!r}")
    if aggregation not in get_args(Aggregation):
        raise ValueError(f"unknown aggregation {aggregation!r}.{suggest(str(aggregation), get_args(Aggregation))}")
