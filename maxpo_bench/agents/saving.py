"""Saving and loading of group policy-gradient agents."""

from __future__ import annotations

import io
import pathlib
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Self

import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.save_util import load_from_zip_file

from maxpo_bench.agents.estimator_choice import check_storable, restore_estimator
from maxpo_bench.agents.statistics import ExactEnv
from maxpo_bench.agents.vector_envs import EnvSource
from maxpo_bench.estimators import Estimator
from maxpo_bench.registry import suggest


class SavableAgent(BaseAlgorithm):
    """What an agent keeps in its file, and how it is made again.

    Stable-Baselines3's own `load` makes the environments before it knows how many; otherwise this is its format: a zip
    file with the attributes as JSON and the parameters of policy and optimizer.

    Attributes:
        fixed_estimator: the estimator of a preset, None where it can be chosen.
    """

    fixed_estimator: ClassVar[str | None] = None
    estimator: Estimator
    estimator_description: dict[str, Any]
    k: int
    env_id: str | None
    env_kwargs: dict[str, Any]
    vector_env: VectorEnv | None
    _exact: ExactEnv | None
    _completed_timesteps: int

    @abstractmethod
    def set_env(self, env: Any, force_reset: bool = True, *, env_kwargs: Any = None) -> None:
        """Train in another environment from now on."""

    @abstractmethod
    def _check_numbers(self) -> None:
        """Check that the agent's numbers fit together."""

    def _excluded_save_params(self) -> list[str]:
        excluded = ["vector_env", "estimator", "_exact", "lr_schedule", "ep_info_buffer", "ep_success_buffer"]
        return [*super()._excluded_save_params(), *excluded]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []

    def save(
        self,
        path: str | pathlib.Path | io.BufferedIOBase,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Save the agent as a zip file; see `load`.

        Raises:
            ValueError: the estimator is a function that loading could not import.
        """
        check_storable(self.estimator_description, self.estimator)
        super().save(path, exclude, include)

    @classmethod
    def load(
        cls,
        path: str | pathlib.Path | io.BufferedIOBase,
        env: EnvSource | None = None,
        device: torch.device | str = "cpu",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **kwargs: Any,
    ) -> Self:
        """Load a saved agent; `learn(..., reset_num_timesteps=False)` then continues bitwise where it had stopped.

        A checkpoint taken in the middle of an iteration continues with the start of that iteration.

        Args:
            path: the zip file.
            env: environment to continue in (options for an id: `env_kwargs=`); by default the id and options with
                which the agent was made. An agent made from an environment object is loaded without one and can then
                only predict.
            device: of the policy.
            custom_objects: see Stable-Baselines3.
            print_system_info: see Stable-Baselines3.
            force_reset: without effect, every iteration resets.
            kwargs: attributes to replace, e.g. `learning_rate` or `entropy_coef`.

        Raises:
            ValueError: the file holds an agent with another estimator than this preset's, an attribute is unknown, or
                the environment's spaces differ.
        """
        data, params, _ = load_from_zip_file(
            path, device=device, custom_objects=custom_objects, print_system_info=print_system_info
        )
        if data is None or params is None:
            raise ValueError(f"{path} holds no complete agent: save it with the agent's save()")
        description = data["estimator_description"]
        held = description.get("name") or description["function"]
        if cls.fixed_estimator is not None and held != cls.fixed_estimator:
            raise ValueError(
                f"{path} holds an agent with the estimator {held!r}, not {cls.fixed_estimator!r}: load it with "
                "GroupPolicyGradient.load"
            )
        for name in kwargs:
            if name not in data:
                raise ValueError(f"unknown attribute {name!r} of a saved agent.{suggest(name, data)}")
        model = cls(_init_setup_model=False, device=device)  # pyright: ignore[reportCallIssue] (subclasses' signature)
        vars(model).update(data)
        if env is not None:
            model.env_kwargs = {}
        vars(model).update(kwargs)
        model._restore(model.env_id if env is None else env)
        model.set_parameters(params, exact_match=True, device=device)
        return model

    def _restore(self, env: EnvSource | None) -> None:
        """Make again what is not saved, from what is."""
        self.estimator = restore_estimator(self.estimator_description, self.k)
        self._check_numbers()
        self.num_timesteps = self._completed_timesteps
        if env is None:
            self.env = self.vector_env = self._exact = None
        else:
            self.set_env(env, env_kwargs=self.env_kwargs)
        self._setup_model()
