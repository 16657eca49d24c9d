"""A film of learning: the environment's own pictures while agents are trained, one or several side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from maxpo_bench.plots.film_page import MAX_AGENTS, Lane, page
from maxpo_bench.plots.film_play import Picture, Scene, scene
from maxpo_bench.plots.film_write import check_film, write_film
from maxpo_bench.plots.style import OWN_COLORS, style_of
from maxpo_bench.seeding import derive_seed

if TYPE_CHECKING:
    import gymnasium as gym

__all__ = ["FRAMES", "Scene", "check_film", "film_moments", "record_learning", "write_film"]

FRAMES = 60


def film_moments(iterations: int, frames: int | None = None) -> list[int]:
    """Return the iterations after which a frame is taken: evenly spread, the first 0, the last `iterations`.

    Args:
        iterations: of training, at least 1.
        frames: how many, from 2 to ``iterations + 1``; None for `FRAMES`, or for as many as there can be.

    Raises:
        ValueError: a number is out of range.
    """
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    if frames is None:
        frames = min(FRAMES, iterations + 1)
    if not 2 <= frames <= iterations + 1:
        raise ValueError(
            f"{iterations} iterations give 2 to {iterations + 1} frames, got frames={frames}: change one of the two"
        )
    return [int(at) for at in np.linspace(0, iterations, frames).round()]


def record_learning(
    agents: Mapping[str, Any] | Any,
    env: Callable[[], gym.Env[Any, Any]] | None = None,
    *,
    iterations: int = 300,
    frames: int | None = None,
    seed: int = 0,
) -> Iterator[Picture]:
    """Train agents side by side and yield the frames of the film.

    After each of `film_moments` every agent plays an episode with its policy of that moment, the same seed for all,
    and the environment's picture at its end is shown with the policy on it (`show_policy`) where the environment can.
    Training is not touched by it: with a constant learning rate the agents end up bitwise as they would without a
    film. (A schedule sees each stretch between two frames as a training of its own.)

    Args:
        agents: an agent of `maxpo_bench.agents.make_agent`, or several, at most four, by the name that stands over
            their pictures; the names of the suite's agents get their colours and labels.
        env: function that makes the environment for the film, with ``render_mode="rgb_array"``; by default one of the
            id and the options that an agent was made with.
        iterations: of training.
        frames: see `film_moments`.
        seed: of the episodes in the film.

    Returns:
        RGB images ``[height, width, 3]`` of one size; training goes on as they are consumed.

    Raises:
        ValueError: before anything is trained, if a number is out of range, there are no agents or too many, an agent
            was not made from an id and `env` is missing, or the environment cannot draw itself.
    """
    named = dict(agents) if isinstance(agents, Mapping) else {_name_of(agents): agents}
    if not 1 <= len(named) <= MAX_AGENTS:
        raise ValueError(f"a film shows 1 to {MAX_AGENTS} agents, got {len(named)}")
    moments = film_moments(iterations, frames)
    stages = {name: env() if env is not None else _stage_of(agent) for name, agent in named.items()}
    return _frames(named, stages, moments, seed)


def _frames(
    agents: Mapping[str, Any], stages: Mapping[str, gym.Env[Any, Any]], moments: list[int], seed: int
) -> Iterator[Picture]:
    """Train from moment to moment; whatever ends the film closes the environments."""
    shown: dict[str, list[Scene]] = {name: [] for name in agents}
    colors = _colors(list(agents))
    trained = 0
    try:
        for moment in moments:
            for name, agent in agents.items():
                if moment > trained:
                    agent.learn(iterations=moment - trained, log_interval=None, reset_num_timesteps=trained == 0)
                episode = derive_seed(seed, "film", moment)
                shown[name].append(scene(agent, stages[name], moment, episode))
            trained = moment
            lanes = [Lane(style_of(name).label, colors[name], shown[name]) for name in agents]
            yield page(lanes, moments[-1], _optimum(next(iter(stages.values()))))
            for scenes in shown.values():
                scenes[-1] = _without_picture(scenes[-1])
    finally:
        for stage in stages.values():
            stage.close()


def _colors(names: Sequence[str]) -> dict[str, str]:
    """Return each agent's colour; of two that share one, the later gets another."""
    chosen: dict[str, str] = {}
    for name in names:
        candidates = (style_of(name).color, *OWN_COLORS)
        chosen[name] = next(color for color in candidates if color not in chosen.values())
    return chosen


def _without_picture(shown: Scene) -> Scene:
    """Forget a picture that will not be shown again."""
    return Scene(**{**vars(shown), "picture": np.zeros((1, 1, 3), dtype=np.uint8)})


def _optimum(stage: gym.Env[Any, Any]) -> float | None:
    optimum = getattr(stage.unwrapped, "optimal_value", None)
    return None if optimum is None else float(optimum)


def _name_of(agent: Any) -> str:
    """Return the registered name of an agent, or that of its class."""
    estimator = getattr(agent, "estimator", None)
    name = getattr(estimator, "name", None) or getattr(agent, "algorithm", type(agent).__name__)
    return str(name).lower()


def _stage_of(agent: Any) -> gym.Env[Any, Any]:
    """Make the environment of the id and options that an agent was made with, so that it draws itself."""
    env_id = getattr(agent, "env_id", None)
    if env_id is None:
        raise ValueError(
            "the agent was not made from an environment id: hand over env=, a function that makes an environment with "
            'render_mode="rgb_array"'
        )
    return make_stage(env_id, agent.env_kwargs)


def make_stage(env_id: str, options: Mapping[str, Any]) -> gym.Env[Any, Any]:
    """Make an environment that draws itself.

    Raises:
        ValueError: it has no picture, or its drawing needs a package that is not installed.
    """
    import gymnasium as gym

    modes = _render_modes(env_id)
    if modes is not None and "rgb_array" not in modes:
        raise ValueError(
            f"{env_id} cannot draw itself (render modes: {', '.join(map(str, modes)) or 'none'}): "
            "a film needs rgb_array"
        )
    try:
        stage = gym.make(env_id, **{**options, "render_mode": "rgb_array"})
        stage.reset(seed=0)
        stage.render()
    except (gym.error.Error, ImportError) as error:
        raise ValueError(f"{env_id} cannot draw itself: {error}") from error
    return stage


def _render_modes(env_id: str) -> list[str] | None:
    """Return what an id's class says it can draw, None where it cannot be told."""
    import gymnasium as gym
    from gymnasium.envs.registration import load_env_creator

    from maxpo_bench.agents.vector_envs import find_spec

    entry = find_spec(env_id).entry_point
    creator: Any = load_env_creator(entry) if isinstance(entry, str) else entry
    if not isinstance(creator, type) or not issubclass(creator, gym.Env):
        return None
    return list(creator.metadata.get("render_modes", []))
