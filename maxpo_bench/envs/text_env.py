"""What the environments of text have in common: a task's questions as observations, one answer an episode."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ClosedEnvironmentError, ResetNeeded

from maxpo_bench.envs.checks import check_options, check_render_mode
from maxpo_bench.envs.question_choice import check_index, draw_indices
from maxpo_bench.envs.streams import check_seed, stream_keys
from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.task import MAX_ANSWER_LENGTH, MAX_QUESTION_LENGTH, Problem, Task
from maxpo_bench.envs.unicode_text import UnicodeText

RENDER_MODES = ["ansi"]


class TextTask:
    """The part that a text environment and its vector version have in common: the task, without any episode.

    Attributes:
        task: where the questions and their grades come from. It holds the reference answers too: no agent's business.
    """

    name: ClassVar[str]
    task: Task
    closed: bool = False
    _origin: tuple[Any, ...]

    def _set_task(self, task: Task, origin: tuple[Any, ...]) -> None:
        """Take a task, and the arguments by which it was made, or itself where it was passed as it is."""
        for attribute in ("name", "split"):
            if not isinstance(getattr(task, attribute, None), str):
                raise TypeError(f"{self.name}: the task {task!r} needs the attribute {attribute!r}, a str: set it")
        if len(task) < 1:
            raise ValueError(f"{self.name}: the task {task.name!r} has no problems in split {task.split!r}")
        self.task, self._origin = task, origin

    def _problem(self, index: int) -> Problem:
        """Return a problem whose question is inside the observation space."""
        problem = self.task.problem(index)
        if not isinstance(problem, Problem):
            raise TypeError(
                f"task {self.task.name!r}: problem({index}) must return a Problem, got {type(problem).__name__}"
            )
        if not (isinstance(problem.question, str) and isinstance(problem.id, str)):
            raise TypeError(
                f"task {self.task.name!r}: id and question of problem({index}) must be str, got {problem.id!r} and a "
                f"question of type {type(problem.question).__name__}"
            )
        if len(problem.question) > MAX_QUESTION_LENGTH:
            raise ValueError(
                f"{self.name}: the question of {problem.id!r} has {len(problem.question)} characters, more than the "
                f"{MAX_QUESTION_LENGTH} of the observation space: leave it out of the task"
            )
        return problem

    def _grades_of(self, problems: Sequence[Problem], answers: Sequence[str]) -> Sequence[Grade]:
        """Return the task's grade of each answer."""
        grades = self.task.grade(problems, answers)
        if (
            isinstance(grades, list | tuple)
            and len(grades) == len(answers)
            and all(isinstance(grade, Grade) for grade in grades)
        ):
            return grades
        wanted = "1 Grade" if len(answers) == 1 else f"{len(answers)} Grades, one per answer,"
        shown = reprlib.repr(grades)
        raise TypeError(f"task {self.task.name!r}: grade() must return a list of {wanted} in order, got {shown}")

    def _require_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError(f"{self.name}: the environment is closed: make a new one")

    def _configuration(self) -> tuple[Any, ...]:
        """Everything that the constructor's arguments decided."""
        return self._origin

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._configuration() == other._configuration()  # pyright: ignore[reportAttributeAccessIssue]

    def __hash__(self) -> int:
        return hash((type(self), self.task.name, self.task.split))


class TextEnv(TextTask, gym.Env[str, str]):
    """One text environment. Subclasses call `_set_up` at the end of their constructor."""

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": 1}  # noqa: RUF012 (Gymnasium's declaration)

    def _set_up(self, task: Task, origin: tuple[Any, ...], render_mode: str | None) -> None:
        self._set_task(task, origin)
        self.render_mode = check_render_mode(render_mode, RENDER_MODES)
        self.observation_space = UnicodeText(MAX_QUESTION_LENGTH)
        self.action_space = UnicodeText(MAX_ANSWER_LENGTH)
        self._key, self._counter = np.zeros(1, dtype=np.uint64), np.zeros(1, dtype=np.uint64)
        self._has_key = False
        self._current: Problem | None = None
        self._index = -1
        self._answer: str | None = None
        self._grade: Grade | None = None
        self._is_over = True

    def _configuration(self) -> tuple[Any, ...]:
        return *self._origin, self.render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Ask a question.

        Args:
            seed: starts the stream of random numbers anew; None goes on with it. It never changes the task.
            options: ``{"index": i}`` asks problem ``i`` and draws no random number; otherwise the index is drawn
                from the stream, uniformly over the task's problems.

        Returns:
            The question and ``{"problem_id": str, "index": int}``.

        Raises:
            ClosedEnvironmentError: the environment is closed.
            UnknownNameError: an unknown option.
            TypeError: the seed or the index is no integer, or the task's problem no Problem.
            ValueError: the seed is not in [0, 2**63) or the index not in [0, number of problems).
        """
        self._require_open()
        check_options(options, ("index",), self.name)
        chosen = check_index(options["index"], len(self.task)) if options and "index" in options else None
        if seed is not None:
            super().reset(seed=check_seed(seed))
        if seed is not None or not self._has_key:
            start = self.np_random.integers(2**63, size=1) if seed is None else np.array([seed])
            self._key, self._counter, self._has_key = stream_keys(start), np.zeros(1, dtype=np.uint64), True
        if chosen is None:
            chosen = int(draw_indices(self._key, self._counter, len(self.task))[0])
            self._counter += np.uint64(1)
        self._current, self._index = self._problem(chosen), chosen
        self._answer, self._grade, self._is_over = None, None, False
        return self._current.question, question_info(self._current, chosen)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Answer the question.

        Args:
            action: the whole answer, at most `MAX_ANSWER_LENGTH` characters; the task says what of it counts.

        Returns:
            The question again, the reward (1.0 or 0.0), terminated (always True), truncated (always False) and
            ``{"problem_id": str, "index": int, "status": str, "extracted": str | None}``.

        Raises:
            ClosedEnvironmentError: the environment is closed.
            ResetNeeded: the question is answered already, or none was asked.
            TypeError: the action is no ``str``, or the task's verdict no Grade.
            ValueError: the action is too long.
        """
        self._require_open()
        if self._is_over or self._current is None:
            reason = "no episode has begun" if self._current is None else "the episode is over"
            raise ResetNeeded(f"{self.name}: {reason}: call reset() before the next step()")
        answer = check_answer(action, "action")
        self._grade = self._grades_of([self._current], [answer])[0]
        self._answer, self._is_over = answer, True
        info = question_info(self._current, self._index) | grade_info(self._grade)
        return self._current.question, self._grade.reward, True, False, info

    def close(self) -> None:
        """Close the environment, for good; a second time changes nothing."""
        super().close()
        self.closed = True

    def render(self) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return question, answer, extracted answer and status as text, if ``render_mode`` is "ansi"."""
        if self.render_mode is None:
            gym.logger.warn(f'{self.name} was made without a render_mode: pass render_mode="ansi"')
            return None
        return episode_text(self._current, self._answer, self._grade)


def check_answer(answer: object, where: str) -> str:
    """Return an answer as a plain ``str`` within the action space.

    Raises:
        TypeError: it is no ``str``.
        ValueError: it is too long.
    """
    if not isinstance(answer, str):
        hint = ": decode it" if isinstance(answer, bytes | bytearray) else ""
        raise TypeError(f"{where} must be a str, the text of the answer, got {type(answer).__name__}{hint}")
    if len(answer) > MAX_ANSWER_LENGTH:
        raise ValueError(
            f"{where} has {len(answer)} characters, at most {MAX_ANSWER_LENGTH} are allowed: cut it before step()"
        )
    return str.__str__(answer)


def question_info(problem: Problem, index: int) -> dict[str, Any]:
    """Return what is told of a question when it is asked: never the reference answer."""
    return {"problem_id": problem.id, "index": index}


def grade_info(grade: Grade) -> dict[str, Any]:
    """Return what is told of an answer: never the reference answer."""
    return {"status": grade.status, "extracted": grade.extracted}


def episode_text(problem: Problem | None, answer: str | None, grade: Grade | None) -> str:
    """Return one episode as text: id, question and, once there is one, the answer with its grade."""
    if problem is None:
        return "no question yet"
    lines = [f"[{problem.id}]", f"Question: {problem.question}"]
    if answer is not None and grade is not None:
        lines += [f"Answer: {answer}", f"Extracted: {'-' if grade.extracted is None else grade.extracted}"]
        lines += [f"Status: {grade.status} (reward {grade.reward:g})"]
    return "\n".join(lines)
