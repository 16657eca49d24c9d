"""What the vector environments of text share: seeds, autoreset modes, groups of one question, one grading a step."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from maxpo_bench.envs.checks import (
    check_integer,
    check_options,
    check_render_mode,
    check_reset_mask,
    parse_autoreset_mode,
)
from maxpo_bench.envs.question_choice import check_group_size, check_whole_groups, draw_indices, spread_indices
from maxpo_bench.envs.seeded_batch import SeededBatch
from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.task import MAX_ANSWER_LENGTH, MAX_QUESTION_LENGTH, Problem, Task
from maxpo_bench.envs.text_env import RENDER_MODES, TextTask, check_answer, episode_text
from maxpo_bench.envs.unicode_text import UnicodeText
from maxpo_bench.envs.vector_base import environments_where

Mask = NDArray[np.bool_]
Questions = tuple[str, ...]


class TextVectorEnv(TextTask, SeededBatch):
    """A batch of one text environment. Subclasses call `_set_up` at the end of their constructor."""

    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium's declaration)
        "render_modes": RENDER_MODES,
        "render_fps": 1,
        "autoreset_mode": AutoresetMode.DISABLED,
    }

    def _set_up(
        self,
        task: Task,
        origin: tuple[Any, ...],
        num_envs: int,
        group_size: int,
        render_mode: str | None,
        autoreset_mode: AutoresetMode | str,
    ) -> None:
        self._set_task(task, origin)
        self.num_envs = check_integer("num_envs", num_envs, 1)
        self.group_size = check_group_size("group_size", group_size, self.num_envs)
        self.autoreset_mode = parse_autoreset_mode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = check_render_mode(render_mode, RENDER_MODES)
        self.single_observation_space = UnicodeText(MAX_QUESTION_LENGTH)
        self.single_action_space = UnicodeText(MAX_ANSWER_LENGTH)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._set_up_streams(self.num_envs)
        self._indices = np.full(self.num_envs, -1, dtype=np.int64)
        self._problems: list[Problem | None] = [None] * self.num_envs
        self._answers: list[str | None] = [None] * self.num_envs
        self._grades: list[Grade | None] = [None] * self.num_envs
        self._is_over = np.ones(self.num_envs, dtype=bool)

    def _configuration(self) -> tuple[Any, ...]:
        return *self._origin, self.render_mode, self.num_envs, self.group_size, self.autoreset_mode

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Questions, dict[str, Any]]:
        """Ask questions in all environments, or in those of a mask.

        Args:
            seed: None goes on with each environment's stream; a list has one seed, or None, per environment, which
                then asks what a scalar environment with that seed asks; an integer stands for the list
                ``episode_seeds(seed, num_envs)``, derived by hashing. It never changes the task.
            options: any of the following. ``"group_size"``, for the questions of this call: consecutive blocks of so
                many environments get one question, drawn from the stream of the block's first member, while the other
                members' streams stay as they are. ``"index"``: an integer for all, or one per environment or per
                group; no random number is drawn. ``"reset_mask"``, a Boolean array ``[num_envs]``: only the
                environments where it is True get a new question; it takes groups as a whole.

        Returns:
            The current questions of all environments, a tuple of ``num_envs`` texts, and for those that were reset
            ``problem_id`` and ``index``, each an array ``[num_envs]`` with its mask, ``_problem_id`` and ``_index``.

        Raises:
            ClosedEnvironmentError: the environment is closed.
            UnknownNameError: an unknown option.
            TypeError: a seed, an index, the group size or the mask has the wrong type, or the task's problem does.
            ValueError: one of them is out of range, has the wrong length or shape, or splits a group.
        """
        self._require_open()
        options = options or {}
        check_options(options, ("reset_mask", "group_size", "index"), self.name)
        mask = np.ones(self.num_envs, dtype=bool)
        if "reset_mask" in options:
            mask = check_reset_mask(options["reset_mask"], self.num_envs)
        group_size = self._group_size(options)
        check_whole_groups(mask, group_size)
        chosen = None
        if "index" in options:
            chosen = spread_indices(options["index"], self.num_envs, group_size, len(self.task))
        self._seed(seed, mask)
        self._ask(mask, group_size, chosen)
        return self._questions(), self._info(mask)

    def _group_size(self, options: dict[str, Any]) -> int:
        if "group_size" not in options:
            return self.group_size
        size = check_group_size('options["group_size"]', options["group_size"], self.num_envs)
        if self.group_size not in (1, size):
            raise ValueError(
                f'options["group_size"]={size} contradicts group_size={self.group_size} of the environment: leave one '
                "of them out"
            )
        return size

    def _ask(self, mask: Mask, group_size: int, chosen: NDArray[np.int64] | None = None) -> None:
        """Begin an episode where ``mask`` ``[num_envs]`` is True, with ``chosen`` ``[num_envs]`` or drawn questions."""
        if chosen is None:
            leaders = np.flatnonzero(mask)[::group_size]
            drawn = draw_indices(self._keys[leaders], self._counters[leaders], len(self.task))
            self._counters[leaders] += np.uint64(1)
            chosen = self._indices.copy()
            chosen[mask] = np.repeat(drawn, group_size)
        problems = {index: self._problem(index) for index in set(chosen[mask].tolist())}
        self._indices[mask] = chosen[mask]
        for i in np.flatnonzero(mask).tolist():
            self._problems[i] = problems[int(chosen[i])]
            self._answers[i] = self._grades[i] = None
        self._is_over &= ~mask

    def step(self, actions: Any) -> tuple[Questions, NDArray[np.float64], Mask, Mask, dict[str, Any]]:
        """Answer the questions of all environments; the task grades them with one call.

        Every answer ends its episode, and what happens then is the autoreset mode's: DISABLED raises until they are
        reset; NEXT_STEP asks the next question with the next call, ignoring the answer, with reward 0; SAME_STEP has
        asked it already and gives the answered question in ``info["final_obs"]`` and what else is known of it in
        ``info["final_info"]``.

        Args:
            actions: a list, tuple or array of ``num_envs`` texts of at most `MAX_ANSWER_LENGTH` characters.

        Returns:
            The questions (those just answered, in SAME_STEP the next ones), rewards of 1.0 and 0.0, terminated and
            truncated (always False), each an array ``[num_envs]``, and the info: ``problem_id``, ``index``,
            ``status`` and ``extracted``, each an array ``[num_envs]`` with its mask under the name with "_" in front.

        Raises:
            ClosedEnvironmentError: the environment is closed.
            ResetNeeded: an environment's question is answered (mode DISABLED), or none was asked.
            TypeError: the actions are no batch of ``str``, or the task's verdicts no Grades.
            ValueError: there are too many or too few, or one is too long.
        """
        self._require_open()
        self._require_episodes()
        live = ~self._is_over
        rewards = self._judge(_check_answers(actions, live), live)
        self._is_over = live.copy()
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            info = self._final_info(live)
            self._ask(live, self.group_size)
            info |= self._info(live)
        else:
            if not live.all():
                self._ask(~live, self.group_size)
            info = self._info(np.ones(self.num_envs, dtype=bool), live)
        return self._questions(), rewards, live, np.zeros(self.num_envs, dtype=bool), info

    def _require_episodes(self) -> None:
        """Raise if an environment may not be stepped."""
        never = np.array([problem is None for problem in self._problems])
        if never.any():
            raise ResetNeeded(f"{self.name}: no episode has begun {environments_where(never)}: call reset() first")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._is_over.any():
            raise ResetNeeded(
                f"{self.name}: the episode is over {environments_where(self._is_over)}: call "
                f'reset(options={{"reset_mask": terminated}}) before the next step(), or make the environment with '
                f'autoreset_mode="NextStep" or "SameStep"'
            )

    def _judge(self, answers: list[str | None], live: Mask) -> NDArray[np.float64]:
        """Grade the answers of the ``live`` environments with one call and return the rewards ``[num_envs]``."""
        pairs = [(problem, text) for problem, text in zip(self._problems, answers, strict=True) if text is not None]
        rewards = np.zeros(self.num_envs)
        if not pairs:
            return rewards
        grades = self._grades_of([problem for problem, _ in pairs if problem is not None], [text for _, text in pairs])
        for i, grade in zip(np.flatnonzero(live).tolist(), grades, strict=True):
            self._answers[i], self._grades[i], rewards[i] = answers[i], grade, grade.reward
        return rewards

    def _questions(self) -> Questions:
        """Return the observations; where no question was asked yet, an empty text."""
        return tuple("" if problem is None else problem.question for problem in self._problems)

    def _info(self, asked: Mask, graded: Mask | None = None) -> dict[str, Any]:
        """Return what is told of the questions where ``asked`` is True and of the answers where ``graded`` is."""
        ids = [None if problem is None else problem.id for problem in self._problems]
        info = {"problem_id": _objects(ids, asked), "_problem_id": asked.copy()}
        info |= {"index": np.where(asked, self._indices, 0), "_index": asked.copy()}
        if graded is not None and graded.any():
            statuses = [None if grade is None else grade.status for grade in self._grades]
            extracted = [None if grade is None else grade.extracted for grade in self._grades]
            info |= {"status": _objects(statuses, graded), "_status": graded.copy()}
            info |= {"extracted": _objects(extracted, graded), "_extracted": graded.copy()}
        return info

    def _final_info(self, finished: Mask) -> dict[str, Any]:
        return {
            "final_obs": _objects(list(self._questions()), finished),
            "_final_obs": finished.copy(),
            "final_info": self._info(finished, finished),
            "_final_info": finished.copy(),
        }

    def render(self) -> tuple[str, ...] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return one text per environment, as `TextEnv.render` does, if ``render_mode`` is "ansi"."""
        if self.render_mode is None:
            gym.logger.warn(f'{self.name} was made without a render_mode: pass render_mode="ansi"')
            return None
        return tuple(map(episode_text, self._problems, self._answers, self._grades))


def _objects(values: list[Any], where: Mask) -> NDArray[Any]:
    """Return an array ``[num_envs]`` of objects, None where ``where`` is False."""
    array = np.full(where.size, None, dtype=object)
    for i in np.flatnonzero(where).tolist():
        array[i] = values[i]
    return array


def _check_answers(actions: Any, live: Mask) -> list[str | None]:
    """Return a batch of answers, None in place of those that are not ``live``.

    Raises:
        TypeError: they are no batch of ``str``.
        ValueError: there are too many or too few, or one is too long.
    """
    if not isinstance(actions, list | tuple | np.ndarray):
        raise TypeError(
            f"actions must be a list, tuple or array of {live.size} texts, one per environment, got "
            f"{type(actions).__name__}"
        )
    batch = actions.tolist() if isinstance(actions, np.ndarray) else actions
    if not isinstance(batch, list | tuple) or len(batch) != live.size:
        shape = actions.shape if isinstance(actions, np.ndarray) else (len(actions),)
        raise ValueError(f"actions must have shape ({live.size},), one text per environment, got {shape}")
    return [
        check_answer(answer, f"the action of environment {i}") if is_live else None
        for i, (answer, is_live) in enumerate(zip(batch, live.tolist(), strict=True))
    ]
