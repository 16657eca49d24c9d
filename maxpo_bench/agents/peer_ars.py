"""sb3-contrib's augmented random search on the same environments; importing this needs the extra `contrib`.

What differs from sb3-contrib: all perturbed policies of an iteration play at the same time, one to an environment,
which the original leaves to several processes; `learn` also takes `iterations`, and a callback can end it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib import ARS
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from torch.nn.utils import parameters_to_vector

from maxpo_bench.agents.peer_ars_policy import TabularARSPolicy, acting
from maxpo_bench.agents.peer_base import UNBOUNDED, Peer

_ARS_POLICIES = ARS.policy_aliases


class ARSPeer(Peer, ARS):  # pyright: ignore[reportIncompatibleMethodOverride] (learn returns Self)
    """sb3-contrib's ARS, which climbs along differences of the returns of perturbed deterministic policies.

    An iteration is one step of the weights, from `2 * n_delta * n_eval_episodes` episodes; `num_envs` says how many of
    them are played at the same time, 16 at the default `n_delta`. Environment steps count up to the end of each
    episode. Returns in `iteration_log` are those of the perturbed policies, exact values those of the policy that is
    perturbed. See `Peer` and `sb3_contrib.ARS`; policies are "tabular", "linear" and "mlp".
    """

    algorithm = "ARS"
    default_options: ClassVar[Mapping[str, Any]] = {"n_delta": 8}
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        **_ARS_POLICIES,
        "linear": _ARS_POLICIES["LinearPolicy"],
        "mlp": _ARS_POLICIES["MlpPolicy"],
        "tabular": TabularARSPolicy,
    }
    _is_stopped = False

    def _steps_of(self, iterations: int) -> int:
        return UNBOUNDED if iterations else 0

    def _entropy(self) -> float | None:
        return 0.0 if isinstance(self.action_space, spaces.Discrete) else None

    def _table(self, states: NDArray[np.int64]) -> NDArray[np.float64]:
        assert isinstance(self.action_space, spaces.Discrete)
        actions = self.policy.predict(states)[0] - self.action_space.start
        return np.eye(int(self.action_space.n))[actions]

    def _train(self, timesteps: int, iterations: int | None, callback: BaseCallback, options: dict[str, Any]) -> None:
        log_interval = options.pop("log_interval", 1)
        options = {"reset_num_timesteps": True, "tb_log_name": self.algorithm, **options}
        end, callback = self._setup_learn(timesteps, callback, **options)
        last_update = UNBOUNDED if iterations is None else self._n_updates + iterations
        first_update, self._is_stopped = self._n_updates, False
        callback.on_training_start(locals(), globals())
        while self.num_timesteps < end and self._n_updates < last_update and not self._is_stopped:
            by_updates = (self._n_updates - first_update) / (last_update - first_update)
            self._current_progress_remaining = 1.0 - max(self.num_timesteps / end, by_updates)
            self._do_one_update(callback, None)
            if self._n_updates % log_interval == 0:
                self.dump_logs()
        callback.on_training_end()

    def evaluate_candidates(
        self, candidate_weights: torch.Tensor, callback: BaseCallback, async_eval: Any = None
    ) -> torch.Tensor:
        """Return the returns `[C]` of perturbed policies with weights `[C, P]`, summed over `n_eval_episodes` each.

        Args:
            candidate_weights: `[C, P]`.
            callback: called at every step of the environments.
            async_eval: not used.
        """
        del async_eval
        episodes = np.repeat(np.arange(len(candidate_weights)), self.n_eval_episodes)
        results = np.zeros(len(candidate_weights))
        if self.ep_info_buffer is not None:
            self.ep_info_buffer.clear()
        callback.on_rollout_start()
        for start in range(0, len(episodes), self.n_envs):
            playing = episodes[start : start + self.n_envs]
            returns, lengths = self._play(candidate_weights[np.resize(playing, self.n_envs)], len(playing), callback)
            self._mimic_monitor_wrapper(returns, lengths)
            np.add.at(results, playing, returns + self.alive_bonus_offset * lengths)
        callback.on_rollout_end()
        return torch.as_tensor(results, dtype=torch.float32, device=self.device)

    def _play(
        self, weights: torch.Tensor, count: int, callback: BaseCallback
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Play an episode in each of the first `count` environments; return their returns and lengths `[count]`."""
        assert self.env is not None
        observations, act = self.env.reset(), acting(self.policy, weights)  # pyright: ignore[reportArgumentType]
        is_live = np.arange(self.n_envs) < count
        returns, lengths = np.zeros(self.n_envs), np.zeros(self.n_envs, dtype=np.int64)
        while is_live.any():
            observations, rewards, dones, infos = self.env.step(act(observations))
            returns[is_live] += rewards[is_live]
            lengths += is_live
            self.num_timesteps += int(is_live.sum())
            callback.update_locals({"infos": [infos[i] for i in np.flatnonzero(is_live & dones)]})
            self._is_stopped |= not callback.on_step()
            is_live &= ~dones
        return returns[:count], lengths[:count]

    def set_parameters(self, load_path_or_dict: Any, exact_match: bool = True, device: Any = "auto") -> None:
        """Load parameters into the policy, from which the search goes on; see Stable-Baselines3."""
        super().set_parameters(load_path_or_dict, exact_match, device)
        self.weights = parameters_to_vector(self.policy.parameters()).detach()
