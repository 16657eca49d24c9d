"""The reward of any task for TRL: the task's own grade of the problem that a row names."""

from __future__ import annotations

import pytest

from maxpo_bench.envs.tasks import Grade, Problem, Task, make_task
from maxpo_bench.llm.task_reward import task_reward


class Echo(Task):
    """Right is who repeats the question."""

    name, split = "echo", "train"

    def __init__(self, ids=("a", "b")):
        self.ids = ids

    def __len__(self):
        return len(self.ids)

    def problem(self, index):
        return Problem(self.ids[index], f"say {self.ids[index]}", "")

    def grade(self, problems, completions):
        return [
            Grade("correct" if completion == problem.question else "malformed", completion)
            for problem, completion in zip(problems, completions, strict=True)
        ]


def test_each_completion_is_graded_by_its_own_problem():
    reward = task_reward(Echo())
    extra, metrics = {}, {}
    rewards = reward(
        completions=["say a", "say b", "say b", "x"],
        problem_id=["a", "a", "b", "b"],
        log_extra=lambda name, values: extra.update({name: values}),
        log_metric=lambda name, value: metrics.update({name: value}),
        prompts=["p"] * 4,
        answer=[""] * 4,
    )
    assert rewards == [1.0, 0.0, 1.0, 0.0]
    assert extra == {
        "status": ["correct", "malformed", "correct", "malformed"],
        "extracted": ["say a", "say b", "say b", "x"],
    }
    assert metrics["echo/correct"] == metrics["echo/malformed"] == 0.5
    assert sum(metrics.values()) == 1.0
    assert reward.__name__ == "echo_reward"


def test_conversations_are_graded_by_the_assistants_last_message():
    reward = task_reward(Echo())
    spoken = [{"role": "assistant", "content": "say a"}]
    assert reward([spoken, [], [{"role": "assistant", "content": "no"}]], ["a", "a", "a"]) == [1.0, 0.0, 0.0]
    in_parts = [{"role": "assistant", "content": [{"type": "text", "text": "say"}, {"type": "text", "text": " a"}]}]
    answered = [*spoken, {"role": "tool", "content": "say b"}]
    silent = [{"role": "assistant", "content": None}]
    assert reward([in_parts, answered, silent], ["a", "a", "a"]) == [1.0, 1.0, 0.0]
    with pytest.raises(TypeError, match=r"completions\[1\] must be a string or a list of messages"):
        reward(["say a", 5], ["a", "a"])


def test_the_given_problems_are_those_that_may_be_asked_for():
    task = make_task("countdown", "train", size=6)
    few = [task.problem(index) for index in (1, 4)]
    reward = task_reward(task, few)
    assert reward([few[1].answer, few[1].answer], [few[1].id, few[0].id]) == [1.0, 0.0]
    with pytest.raises(ValueError, match="countdown train has no problem 'countdown/train/2': is the data set another"):
        reward(["1"], ["countdown/train/2"])
    everything = task_reward(task)
    assert everything([task.problem(2).answer], ["countdown/train/2"]) == [1.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: task_reward(Echo(())), "echo needs at least one problem"),
        (lambda: task_reward(Echo(("a", "b", "a"))), "two problems of echo have the id a"),
        (lambda: task_reward(Echo())(["x"]), "the data set needs a column 'problem_id'"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
