"""REINFORCE on groups of episodes with any advantage estimator, as a Stable-Baselines3 algorithm.

What it leaves out of a Stable-Baselines3 on-policy algorithm: fixed numbers of steps per rollout, critics, discounting,
GAE, clipping and reusing episodes. An iteration collects one episode from each of group_size * groups_per_step
environments, turns the returns of each group into advantages and makes one step of gradient ascent.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import MaybeCallback, Schedule
from stable_baselines3.common.utils import configure_logger

from maxpo_bench.agents.adam_proxy import adam_variance_proxy
from maxpo_bench.agents.budget import Budget
from maxpo_bench.agents.collect import Rollout, collect
from maxpo_bench.agents.estimator_choice import EstimatorSource, choose_estimator
from maxpo_bench.agents.group_options import check_counts, check_objective, check_policy, initial_logits
from maxpo_bench.agents.optimizers import check_optimizer, check_optimizer_options, make_optimizer
from maxpo_bench.agents.policies import find_policy
from maxpo_bench.agents.policy import GroupPolicy
from maxpo_bench.agents.progress import ProgressBar
from maxpo_bench.agents.saving import SavableAgent
from maxpo_bench.agents.sb3_adapter import GymVectorToSB3
from maxpo_bench.agents.statistics import (
    LOGGED_AS,
    advantage_statistics,
    completion_statistics,
    exact_statistics,
    find_exact,
    gradient_norm,
    gradient_variance,
    return_statistics,
)
from maxpo_bench.agents.token_policy import shaped_weights
from maxpo_bench.agents.vector_envs import EnvSource, make_vector_env
from maxpo_bench.envs import UnicodeText
from maxpo_bench.seeding import derive_seed


class GroupPolicyGradient(SavableAgent):
    """Policy gradient ascent on max@K with groups of episodes (App. G.2 of arXiv 2606.06080, Eq 122 to 124).

    An iteration samples G = `groups_per_step` groups of n = `group_size` episodes with returns r, computes advantages
    A = estimator(r) within each group, and ascends
    (1/G) sum_groups (f/K) sum_i A_i Psi_i + entropy_coef * (mean over episodes of sum_t H(pi(.|s_t))),
    where Psi_i = sum_t grad log pi(a_t|s_t) and f is the estimator's factor, K/n or 1. So the policy gradient is
    (1/n) sum_i A_i Psi_i for estimators of scale K/n and, if the estimator is unbiased, an unbiased estimate of
    grad J_K / K. The entropy's gradient is exact at the visited states; which states are visited is taken as given.

    Random numbers: every iteration derives its action and episode streams from `seed` and its number by hashing, and
    no global generator is read or written. So equal seeds give bitwise equal runs, and a saved agent continues with
    the streams that an uninterrupted one would have used.

    Args:
        env: environment id, Gymnasium environment (it is copied), function that makes one, or Gymnasium vector
            environment with group_size * groups_per_step environments.
        estimator: name of a registered estimator, an `Estimator`, or a function `f(rewards [G, n], k)`.
        k: objective size K; it also decides which max@K is logged.
        group_size: episodes per group, n.
        groups_per_step: groups per iteration, G.
        policy: "auto" ("tabular" for Discrete observations, "lm" for text, else "mlp"), "tabular", "mlp", "lm", or the
            name of another entry point in the group "maxpo_bench.policies".
        optimizer: "sgd" or "adam"; by default the policy's: SGD, for a language model Adam.
        learning_rate: step size, or a function of the remaining progress (1 to 0); by default the policy's: 0.1 for SGD
            and 0.01 for Adam, for a language model see `maxpo_bench.llm.policy.LMPolicy`.
        entropy_coef: coefficient of the entropy bonus.
        seed: root of all random streams; None for an unpredictable one.
        env_kwargs: options for an environment id.
        policy_kwargs: options for the policy, e.g. `initial_logits` (an array, or "env" for the environment's
            `initial_logits`), `bias`, `hidden_sizes`.
        optimizer_kwargs: further options of torch's optimizer, e.g. `betas` or `weight_decay`.
        estimator_params: parameters of a named estimator; for a function, `scale` and `domain` (see `as_estimator`).
        entropy_shaping: `alpha` and `kappa` of `maxpo_bench.estimators.entropy_shaped`, which adds
            min(alpha H_t, |A| / kappa) to the advantage at each token; for policies of tokens ("lm"). None: not added.
        same_start: whether all episodes of a group start from one seed of the environment; by default they do where
            the observations are text, so that a group answers one question.
        max_episode_steps: cut episodes after so many steps; None for no limit.
        log_variance: whether to log the gradient's variance; training itself does not depend on it.
        tensorboard_log: folder for TensorBoard, as in Stable-Baselines3.
        device: of the policy; the tabular one stays on the CPU.
        verbose: 0 silent, 1 prints the log every `log_interval` iterations.

    Raises:
        ValueError: k, group_size and the estimator do not fit together, unknown names, or spaces that the policy cannot
            serve; the message says how to mend it.
        TypeError: an option that the policy or the estimator does not have.

    Attributes:
        estimator: the `Estimator`.
        vector_env: the Gymnasium vector environment; `env` is the same under Stable-Baselines3's interface.
        iteration_log: one dict per iteration, values None where they do not exist: `iteration` (1, 2, ...),
            `timesteps` (environment steps so far), `return_mean`, `return_max_at_k` (unbiased rho_K), `episode_length`,
            `completion_length` (tokens, mean over episodes; text only), `entropy` (nats, mean over visited steps, of a
            language model over tokens), `grad_norm` (of the whole step, with the bonus), `grad_variance` (see
            `statistics.gradient_variance`), `dead_groups` and `centring` (see `statistics.advantage_statistics`; before
            entropy shaping), `adam_variance_proxy` (see `adam_proxy`; Adam only), `exact_return`, `exact_max_at_k`,
            `p_action_1`. All of it describes the policy that sampled the iteration, before its update; only
            the proxy is read off Adam's state after the update, which the iteration's gradient has entered.
    """

    policy: GroupPolicy

    def __init__(
        self,
        env: EnvSource | None = None,
        *,
        estimator: EstimatorSource = "ei_l2o",
        k: int = 4,
        group_size: int = 16,
        groups_per_step: int = 1,
        policy: str = "auto",
        optimizer: str | None = None,
        learning_rate: float | Schedule | None = None,
        entropy_coef: float = 0.0,
        seed: int | None = 0,
        env_kwargs: Mapping[str, Any] | None = None,
        policy_kwargs: Mapping[str, Any] | None = None,
        optimizer_kwargs: Mapping[str, Any] | None = None,
        estimator_params: Mapping[str, Any] | None = None,
        entropy_shaping: Mapping[str, float] | None = None,
        same_start: bool | None = None,
        max_episode_steps: int | None = None,
        log_variance: bool = True,
        tensorboard_log: str | None = None,
        device: torch.device | str = "cpu",
        verbose: int = 0,
        _init_setup_model: bool = True,
    ) -> None:
        self.optimizer_name, self.optimizer_kwargs = optimizer, dict(optimizer_kwargs or {})
        if optimizer is not None:
            check_optimizer(optimizer)
            check_optimizer_options(optimizer, self.optimizer_kwargs)
        super().__init__(
            GroupPolicy,
            None,
            learning_rate,  # pyright: ignore[reportArgumentType] (None until the policy is known)
            policy_kwargs=dict(policy_kwargs or {}),
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
        )
        self.k, self.group_size, self.groups_per_step = k, group_size, groups_per_step
        self.policy_name = policy
        self.entropy_shaping = None if entropy_shaping is None else dict(entropy_shaping)
        self.entropy_coef, self.same_start, self.max_episode_steps = entropy_coef, same_start, max_episode_steps
        self.log_variance = log_variance
        self.estimator, self.estimator_description = choose_estimator(estimator, k, estimator_params)
        self._check_numbers()
        self.iteration_log: list[dict[str, Any]] = []
        self._completed_timesteps = 0
        self.set_random_seed(seed)
        self.env_id = env if isinstance(env, str) else None
        self.env_kwargs = dict(env_kwargs or {})
        if not _init_setup_model:
            return
        if env is None:
            raise ValueError(
                "an agent needs an environment: an id, a Gymnasium environment or a function that makes one"
            )
        self.observation_space, self.action_space = self._attach(env)
        self._complete_options()
        self._setup_model()
        self.policy_kwargs = self.policy.stored_options(self.policy_kwargs)

    @property
    def episodes_per_step(self) -> int:
        """Episodes of one iteration, group_size * groups_per_step."""
        return self.group_size * self.groups_per_step

    def _check_numbers(self) -> None:
        check_counts({name: getattr(self, name) for name in ("group_size", "groups_per_step", "max_episode_steps")})
        check_objective(self.estimator, self.k, self.group_size, self.entropy_coef, self.entropy_shaping)

    def _attach(self, env: EnvSource) -> tuple[spaces.Space, spaces.Space]:
        """Make the vector environment and return the spaces of one environment."""
        made = make_vector_env(env, self.episodes_per_step, self.env_kwargs)
        self.vector_env, self.n_envs = made, made.num_envs
        self.env = GymVectorToSB3(made)
        self._exact = find_exact(made)
        return made.single_observation_space, made.single_action_space

    def _complete_options(self) -> None:
        """Choose what was left open, now that the environment and the class of the policy are known."""
        assert self.vector_env is not None
        policy_class = find_policy(self.policy_name, self.observation_space)
        check_policy(self.policy_name, policy_class, self.policy_kwargs, needs_tokens=self.entropy_shaping is not None)
        if self.same_start is None:
            self.same_start = isinstance(self.observation_space, UnicodeText)
        if self.optimizer_name is None:
            self.optimizer_name = policy_class.default_optimizer
        if self.learning_rate is None:
            self.learning_rate = policy_class.default_learning_rates[self.optimizer_name]
        if isinstance(self.policy_kwargs.get("initial_logits"), str):
            self.policy_kwargs["initial_logits"] = initial_logits(self._exact, self.policy_kwargs["initial_logits"])
        self.policy_kwargs = policy_class.complete_options(self.policy_kwargs, self.vector_env)

    def _setup_model(self) -> None:
        """Create the policy and its optimizer."""
        assert self.optimizer_name is not None
        self._setup_lr_schedule()
        policy_class = find_policy(self.policy_name, self.observation_space)
        seed = derive_seed(self._root_seed, "policy")
        policy = policy_class(self.observation_space, self.action_space, seed=seed, **self.policy_kwargs)
        self.policy = policy.to("cpu" if policy.is_on_cpu_only else self.device)  # pyright: ignore[reportIncompatibleVariableOverride]
        self.policy.predict_rng = self._predict_rng
        self.policy.optimizer = make_optimizer(
            self.optimizer_name, self.policy.parameters(), self.lr_schedule(1), self.optimizer_kwargs
        )

    def set_random_seed(self, seed: int | None = None) -> None:
        """Restart the agent's random streams from `seed`; None draws an unpredictable one.

        Unlike Stable-Baselines3's, this touches no global generator.
        """
        self.seed = seed
        self._root_seed = seed if seed is not None else int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        self._predict_rng = np.random.default_rng(derive_seed(self._root_seed, "predict"))
        if isinstance(getattr(self, "policy", None), GroupPolicy):
            self.policy.predict_rng = self._predict_rng

    def learn(
        self,
        total_timesteps: int | None = None,
        callback: MaybeCallback = None,
        log_interval: int = 100,
        tb_log_name: str = "GroupPolicyGradient",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
        *,
        iterations: int | None = None,
    ) -> Self:
        """Train until `total_timesteps` environment steps or `iterations` iterations are done, whichever comes first.

        Args:
            total_timesteps: a lower bound, since iterations are never cut.
            callback: Stable-Baselines3 callbacks; `on_step` runs after each step of the vector environment, with
                `rewards` and `dones` `[num_envs]` among its locals. Returning False stops without a further update.
            log_interval: iterations between outputs of the logger.
            tb_log_name: name of the run for TensorBoard.
            reset_num_timesteps: whether to count steps from 0; the numbers of iterations go on in any case.
            progress_bar: whether to show one on a terminal.
            iterations: number of iterations of this call.

        Raises:
            ValueError: neither bound is given, one is negative, or the agent was loaded without an environment.
        """
        env = self._require_env()
        # an interrupted iteration starts again, so its steps do not count
        self.num_timesteps = self._completed_timesteps
        budget = Budget(self, total_timesteps, iterations, reset_num_timesteps)
        callbacks = self._begin(callback, budget, tb_log_name, reset_num_timesteps, progress_bar)
        callbacks.on_training_start({"self": self, "total_timesteps": total_timesteps, "iterations": iterations}, {})
        while budget.is_left():
            self._current_progress_remaining = budget.progress_remaining()
            callbacks.on_rollout_start()
            rollout = self._collect(env, callbacks)
            if rollout is None:
                break
            callbacks.on_rollout_end()
            self._update(rollout)
            if log_interval and self._n_updates % log_interval == 0:
                self.dump_logs()
        callbacks.on_training_end()
        return self

    def _require_env(self) -> VectorEnv:
        if self.env is None or self.vector_env is None:
            raise ValueError("this agent was loaded without an environment: pass env= to load, or call set_env")
        return self.vector_env

    def _begin(
        self, callback: MaybeCallback, budget: Budget, tb_log_name: str, is_fresh: bool, progress_bar: bool
    ) -> BaseCallback:
        self.start_time = time.time_ns()
        if self.ep_info_buffer is None or is_fresh:
            self.ep_info_buffer = deque(maxlen=self._stats_window_size)
            self.ep_success_buffer = deque(maxlen=self._stats_window_size)
        if is_fresh:
            self.num_timesteps = self._completed_timesteps = self._episode_num = 0
        self._num_timesteps_at_start = self.num_timesteps
        self._total_timesteps = budget.last_timestep or 0
        if not self._custom_logger:
            is_quiet = self.verbose == 0 and self.tensorboard_log is None
            asked = (self.verbose, self.tensorboard_log, tb_log_name, is_fresh)
            self._logger = Logger(None, []) if is_quiet else configure_logger(*asked)
        callbacks = self._init_callback(callback)
        if progress_bar:
            callbacks = CallbackList([callbacks, ProgressBar(*budget.size())])
            callbacks.init_callback(self)
        return callbacks

    def _collect(self, env: VectorEnv, callbacks: BaseCallback) -> Rollout | None:
        """Collect the episodes of one iteration; None if a callback stops."""
        iteration = self._n_updates

        def on_step(alive: NDArray[np.intp], rewards: NDArray[np.float64], ended: NDArray[np.bool_]) -> bool:
            self.num_timesteps += len(alive)
            callbacks.update_locals({"alive": alive, "rewards": rewards, "dones": ended})
            return callbacks.on_step()

        # without callbacks nobody looks between the steps
        is_watched = not (isinstance(callbacks, CallbackList) and not callbacks.callbacks)
        self.policy.prepare()
        actions_rng = np.random.default_rng(derive_seed(self._root_seed, "actions", iteration))
        rollout = collect(
            env,
            self.policy,
            self._episode_seeds(iteration),
            actions_rng,
            max_episode_steps=self.max_episode_steps,
            on_step=on_step if is_watched else None,
        )
        if rollout is not None and not is_watched:
            self.num_timesteps += rollout.num_steps
        return rollout

    def _episode_seeds(self, iteration: int) -> list[int]:
        rng = np.random.default_rng(derive_seed(self._root_seed, "episodes", iteration))
        if self.same_start:
            return np.repeat(rng.integers(2**63 - 1, size=self.groups_per_step), self.group_size).tolist()
        return rng.integers(2**63 - 1, size=self.episodes_per_step).tolist()

    def _update(self, rollout: Rollout) -> None:
        """Make one step of gradient ascent and log the iteration."""
        returns = rollout.returns.reshape(self.groups_per_step, self.group_size)
        weights = self._weights(returns)
        factors = weights
        if self.entropy_shaping is not None:
            factors = shaped_weights(self.policy, rollout, weights, self._factor(), self.entropy_shaping)
        entropy = self.policy.set_gradient(rollout, factors, self.entropy_coef)
        self._n_updates, self._episode_num = self._n_updates + 1, self._episode_num + len(rollout.returns)
        self._completed_timesteps = self.num_timesteps
        variance = gradient_variance(self.policy, rollout, factors, len(returns)) if self.log_variance else None
        record = {
            "iteration": self._n_updates,
            "timesteps": self.num_timesteps,
            **return_statistics(returns, self.k),
            "episode_length": rollout.num_steps / len(rollout.returns),
            **completion_statistics(self.policy, rollout),
            "entropy": entropy,
            "grad_norm": gradient_norm(self.policy),
            "grad_variance": variance,
            **advantage_statistics(weights.reshape(returns.shape)),
            **exact_statistics(self.policy, self._exact, self.k),
        }
        self._update_learning_rate(self.policy.optimizer)
        self.policy.optimizer.step()
        self._log({**record, "adam_variance_proxy": adam_variance_proxy(self.policy.optimizer)})

    def _weights(self, returns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `[E]` the factors of Psi_i: (f/K) A_i / G."""
        return self._factor() * self.estimator(torch.from_numpy(returns)).numpy().ravel()

    def _factor(self) -> float:
        return self.estimator.scale_factor(self.group_size) / (self.k * self.groups_per_step)

    def _log(self, record: dict[str, Any]) -> None:
        self.iteration_log.append(record)
        for name, key in LOGGED_AS.items():
            if record[name] is not None:
                self.logger.record(key, record[name])

    def dump_logs(self) -> None:
        """Write what the logger has recorded to its outputs."""
        seconds = max((time.time_ns() - self.start_time) / 1e9, 1e-9)
        self.logger.record("time/fps", int((self.num_timesteps - self._num_timesteps_at_start) / seconds))
        self.logger.dump(step=self.num_timesteps)

    def set_env(self, env: EnvSource, force_reset: bool = True, *, env_kwargs: Mapping[str, Any] | None = None) -> None:
        """Train in another environment with the same spaces from now on.

        Args:
            env: anything that the constructor takes.
            force_reset: without effect, every iteration resets.
            env_kwargs: options for an environment id.

        Raises:
            ValueError: its spaces differ.
        """
        self.env_kwargs = dict(env_kwargs or {})
        self.env_id = env if isinstance(env, str) else None
        found = self._attach(env)
        if found != (self.observation_space, self.action_space):
            raise ValueError(
                f"the agent's spaces are {self.observation_space} and {self.action_space}, the environment's "
                f"{found[0]} and {found[1]}: use an environment with equal spaces"
            )
