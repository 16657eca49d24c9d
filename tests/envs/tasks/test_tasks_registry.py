"""Tasks by name: errors that help, the list, a task of one's own, and nothing heavy loaded."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from procedural_levels import CLASSES

from maxpo_bench.envs.tasks import (
    Grade,
    Problem,
    Task,
    list_tasks,
    make_task,
    register_task,
    task_names,
    unregister_task,
)
from maxpo_bench.envs.tasks.reasoning_gym import _library, reasoning_gym_names
from maxpo_bench.registry import UnknownNameError


class Parity(Task):
    """A user's own task, as the docstring of `register_task` shows."""

    name = "parity"

    def __init__(self, split: str = "train", *, size: int = 100) -> None:
        self.split, self.size = split, size

    def __len__(self) -> int:
        return self.size

    def problem(self, index: int) -> Problem:
        if not 0 <= index < self.size:
            raise IndexError(index)
        number = 2 * index + (self.split == "test")
        answer = "odd" if number.bit_count() % 2 else "even"
        return Problem(f"parity/{self.split}/{index}", f"Is the number of ones in {number:b} odd or even?", answer)

    def grade(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[Grade]:
        return [
            Grade("correct" if completion.strip() == problem.answer else "wrong", completion)
            for problem, completion in zip(problems, completions, strict=True)
        ]


@pytest.fixture
def parity() -> Iterator[str]:
    register_task("parity", Parity, summary="Parity of a number's ones.", answer="odd or even")
    yield "parity"
    unregister_task("parity")


def test_a_task_of_ones_own_is_found(parity: str) -> None:
    task = make_task(parity, "test", size=5)
    assert isinstance(task, Parity)
    assert (len(task), task.split) == (5, "test")
    assert task.problem(1).question == "Is the number of ones in 11 odd or even?"
    assert [grade.correct for grade in task.grade([task.problem(1)] * 2, ["even", "odd"])] == [True, False]
    row = next(row for row in list_tasks() if row["name"] == "parity")
    assert row == {
        "name": "parity",
        "kind": "own",
        "summary": "Parity of a number's ones.",
        "splits": ("train", "test"),
        "options": {"size": 100},
        "answer": "odd or even",
    }


def test_the_documented_example_is_a_task() -> None:
    text = inspect.cleandoc(inspect.getdoc(register_task) or "")
    code = inspect.cleandoc(text.split("A task of one's own::\n")[1].split("Args:")[0])
    names = {"Task": Task, "Problem": Problem, "Grade": Grade, "register_task": register_task}
    exec(code, names)
    try:
        task = make_task("parity", "test", size=3)
        own = Parity("test", size=3)
        assert [task.problem(i) for i in range(3)] == [own.problem(i) for i in range(3)]
        assert task.grade([task.problem(2)], [task.problem(2).answer])[0].correct
    finally:
        unregister_task("parity")


def test_a_name_is_registered_once_and_gone_when_removed(parity: str) -> None:
    with pytest.raises(ValueError, match="task 'parity' is registered already"):
        register_task("parity", Parity, summary="x")
    unregister_task("parity")
    with pytest.raises(UnknownNameError, match="unknown task 'parity'"):
        make_task("parity")
    register_task("parity", Parity, summary="x")


def test_registration_is_checked() -> None:
    for factory in (3, "no_colon", ":x", "x:"):
        with pytest.raises(TypeError, match="must be callable or 'module:name'"):
            register_task("new", factory, summary="x")  # pyright: ignore[reportArgumentType]
    for name in (None, "", 5):
        with pytest.raises(TypeError, match="a task's name must be a string"):
            register_task(name, Parity, summary="x")  # pyright: ignore[reportArgumentType]
        with pytest.raises(TypeError, match="a task's name must be a string"):
            make_task(name)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="the prefix 'reasoning_gym/' is the adapter's"):
        register_task("reasoning_gym/new", Parity, summary="x")
    for splits in ((), "train"):
        with pytest.raises(ValueError, match="needs a sequence of at least one split"):
            register_task("new", Parity, summary="x", splits=splits)
    assert "new" not in task_names()


def test_errors_name_what_was_meant() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'coutdown'\. Did you mean 'countdown'"):
        make_task("coutdown")
    with pytest.raises(ValueError, match="task 'countdown' has no split 'validation': choose one of train, test"):
        make_task("countdown", "validation")
    with pytest.raises(TypeError, match=r"'countdown' has no option 'dificulty'\. Did you mean 'difficulty'.*size"):
        make_task("countdown", dificulty=3)
    with pytest.raises(TypeError, match="'countdown' has no option 'split2'"):
        make_task("countdown", split2=3)


def test_a_task_without_options_says_so() -> None:
    register_task("bare", lambda split: Parity(split), summary="x", splits=("only",))
    try:
        with pytest.raises(TypeError, match=r"task 'bare' has no option 'size'\. It takes none\."):
            make_task("bare", "only", size=3)
        with pytest.raises(ValueError, match="task 'bare' has no split 'train': choose one of only"):
            make_task("bare")
        assert make_task("bare", "only").split == "only"
    finally:
        unregister_task("bare")


def test_a_factory_may_be_named_and_must_return_a_task() -> None:
    register_task("named", "maxpo_bench.envs.tasks.modular:Modular", summary="x")
    register_task("no_task", "fractions:Fraction", summary="x", splits=("1",))
    register_task("open", lambda split, **options: Parity(split, **options), summary="x")
    try:
        assert make_task("named", size=3).problem(2) == make_task("modular").problem(2)
        with pytest.raises(TypeError, match="the factory of task 'no_task' must return a Task, got Fraction"):
            make_task("no_task", "1")
        assert len(make_task("open", size=7)) == 7
    finally:
        for name in ("named", "no_task", "open"):
            unregister_task(name)


def test_the_list_has_every_procedural_task_with_its_options() -> None:
    rows = {row["name"]: row for row in list_tasks()}
    assert list(rows) == task_names()
    procedural = [name for name, row in rows.items() if row["kind"] == "procedural"]
    assert procedural == list(CLASSES)
    for name in procedural:
        row = rows[name]
        assert row["splits"] == ("train", "test")
        assert row["summary"].endswith(".")
        assert row["answer"].startswith(r"the last \boxed{} after </think>, else the whole text after </think>: a")
        assert "size" in row["options"]
        assert row["options"]["difficulty"] == CLASSES[name].default_difficulty
        for split in row["splits"]:
            task = make_task(name, split, **row["options"])
            assert task.name == name
            assert task.problem(0).id == f"{name}/{split}/0"


def test_names_with_the_prefix_are_the_adapters() -> None:
    rows = {row["name"]: row for row in list_tasks() if row["kind"] == "reasoning_gym"}
    assert list(rows) == reasoning_gym_names()
    assert all(row["splits"] == ("train", "test") and "size" in row["options"] for row in rows.values())
    with pytest.raises(UnknownNameError, match="Did you mean 'leg_counting'"):
        make_task("reasoning_gym/leg_countin")
    for name, meant in [
        ("reasoning_gim/leg_counting", "reasoning_gym/leg_counting"),
        ("sudoku", "reasoning_gym/sudoku"),
        ("sudokku", "reasoning_gym/sudoku"),
        ("chain_sun", "chain_sum"),
    ]:
        with pytest.raises(UnknownNameError, match=rf"unknown task '{name}'\. Did you mean '{meant}'"):
            make_task(name)
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    task = make_task("reasoning_gym/leg_counting", "test", size=3)
    assert (task.name, task.split, len(task)) == ("reasoning_gym/leg_counting", "test", 3)
    assert task.grade([task.problem(0)], [task.problem(0).answer])[0].correct


def test_a_name_without_a_near_one_gets_the_short_list() -> None:
    with pytest.raises(UnknownNameError, match=r"Known: countdown, .*, and 53 data sets of reasoning-gym: list_tasks"):
        make_task("qqqqqq")


def test_an_excluded_data_set_says_why() -> None:
    with pytest.raises(UnknownNameError, match=r"'boxnet'\. reasoning_gym/boxnet is excluded: it has no reference"):
        make_task("boxnet")
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    with pytest.raises(ValueError, match="reasoning_gym/boxnet is excluded: it has no reference answer"):
        make_task("reasoning_gym/boxnet")


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tasks whose factories cannot be imported, each for a reason of its own."""
    (tmp_path / "raises_on_import.py").write_text("raise RuntimeError('no licence')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    factories = {"no_module": "nomod:X", "no_attribute": "fractions:X", "raises": "raises_on_import:X"}
    for name, factory in factories.items():
        register_task(name, factory, summary="x")
    yield
    for name in factories:
        unregister_task(name)


@pytest.mark.usefixtures("broken")
def test_a_factory_that_cannot_be_imported_is_named_and_hides_no_other_task() -> None:
    rows = {row["name"]: row for row in list_tasks()}
    assert [rows[name]["options"] for name in ("no_module", "no_attribute", "raises")] == [None] * 3
    assert rows["countdown"]["options"]["style"] == "compact"
    with pytest.raises(ModuleNotFoundError, match=r"factory 'nomod:X' of task 'no_module' cannot be imported: No mod"):
        make_task("no_module")
    with pytest.raises(ImportError, match=r"factory 'fractions:X' of task 'no_attribute' cannot be imported: module"):
        make_task("no_attribute")
    with pytest.raises(RuntimeError, match="no licence"):
        make_task("raises")


def test_tasks_are_listed_without_reasoning_gym(monkeypatch: pytest.MonkeyPatch) -> None:
    names = task_names()
    _library.cache_clear()
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    try:
        assert [row["name"] for row in list_tasks()] == task_names() == names
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'maxpo-bench\[text\]'"):
            make_task("reasoning_gym/gcd")
    finally:
        _library.cache_clear()


def test_listing_and_making_tasks_load_nothing_heavy() -> None:
    code = (
        "import json, sys\n"
        "from maxpo_bench.envs.tasks import list_tasks, make_task\n"
        "list_tasks()\n"
        "task = make_task('countdown')\n"
        "task.grade([task.problem(0)], ['1'])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(found.stdout))
    heavy = {"torch", "pandas", "sympy", "math_verify", "numba", "matplotlib", "datasets", "pyarrow", "reasoning_gym"}
    assert not loaded & heavy
