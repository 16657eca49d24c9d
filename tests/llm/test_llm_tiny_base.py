"""Base models: pretrained once, resumed bit by bit, kept by what determines them."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from maxpo_bench.envs.tasks import MathTask, Problem, Task, make_task
from maxpo_bench.envs.tasks.grade import Grade
from maxpo_bench.envs.tasks.splits import split_of
from maxpo_bench.llm.tiny import PretrainingSettings, base_model, evaluate_pass_at_k, load_model
from maxpo_bench.llm.tiny.base import CARD, cache_folder
from maxpo_bench.llm.tiny.pairs import PairSource, train_task
from maxpo_bench.llm.tiny.pretraining import IGNORED, Pretraining, tensors

SMALL = PretrainingSettings(steps=12, batch_size=8, width=16, layers=2, heads=2, hidden=24, warmup=3)
MAKE = """
import sys
from maxpo_bench.llm.tiny import base
from maxpo_bench.llm.tiny.pretraining import PretrainingSettings
base.SECONDS_BETWEEN_CHECKPOINTS = 0.0
settings = PretrainingSettings(steps=60, batch_size=8, width=16, layers=2, heads=2, hidden=24, warmup=3)
base.base_model("countdown", cache=sys.argv[1], settings=settings, progress=lambda *done: print(*done, flush=True))
"""


def weights_of(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def make_and_kill(cache: Path, after: int) -> tuple[int, int]:
    """Begin to make the model of MAKE, kill its process, and return the first and the last step that were heard of."""
    with subprocess.Popen([sys.executable, "-c", MAKE, str(cache)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        steps = [int(process.stdout.readline().split()[0]) for _ in range(after)]
        process.kill()
    assert process.returncode == -signal.SIGKILL
    return steps[0], steps[-1]


def test_a_base_model_is_made_once(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    folder = base_model(
        "countdown", cache=tmp_path, settings=SMALL, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(step, 12) for step in range(1, 13)]
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = base_model(
        make_task("countdown", "test"), cache=tmp_path, settings=SMALL, progress=lambda *_: pytest.fail("it was there")
    )
    assert again == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    model, tokenizer = load_model(folder)
    assert model.architecture.context == 17
    assert len(tokenizer) == model.architecture.vocab_size == 17
    card = json.loads((folder / CARD).read_text())
    assert len(card["losses"]) == 12
    assert card["losses"][-1] < card["losses"][0]
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name, f"{folder.name}.lock"]


def test_an_equal_pretraining_is_equal_bit_by_bit_and_reads_no_global_generator(tmp_path: Path):
    state = torch.get_rng_state()
    first = base_model("countdown", cache=tmp_path / "a", settings=SMALL, progress=False)
    torch.rand(1)
    second = base_model("countdown", cache=tmp_path / "b", settings=SMALL, progress=False)
    assert weights_of(first) == weights_of(second)
    torch.set_rng_state(state)
    base_model("countdown", cache=tmp_path / "c", settings=SMALL, progress=False)
    assert torch.equal(torch.get_rng_state(), state)


def test_everything_that_determines_a_model_is_in_its_name(tmp_path: Path):
    def name(task: Task | str = "countdown", seed: int = 0, options: dict | None = None, **changes: object) -> str:
        small = {"steps": 1, "batch_size": 2, "width": 8, "layers": 1, "heads": 1, "hidden": 8, "warmup": 0}
        settings = PretrainingSettings(**{**small, **changes})
        return base_model(task, seed=seed, cache=tmp_path, progress=False, settings=settings, task_options=options).name

    names = [
        name(),
        name(seed=1),
        name(steps=2),
        name(width=16),
        name(layers=2),
        name(batch_size=3),
        name(learning_rate=1e-3),
        name(options={"difficulty": 3}),
        name(options={"style": "text"}),
        name("chain_sum", most_problems=20),
        name("chain_sum", most_problems=21),
        name("chain_sum", most_problems=20, options={"difficulty": 2}),
        name("chain_sum", most_problems=20, options={"instance": 7}),
    ]
    assert len(set(names)) == len(names)
    assert name() == names[0]


def test_kill_and_resume_gives_the_uninterrupted_model(tmp_path: Path):
    settings = replace(SMALL, steps=60)
    expected = base_model("countdown", cache=tmp_path / "whole", settings=settings, progress=False)
    first, last = make_and_kill(tmp_path / "killed", 15)
    assert (first, last) == (1, 15)
    first, last = make_and_kill(tmp_path / "killed", 9)
    assert 15 <= first < last < 60
    seen: list[int] = []
    found = base_model(
        "countdown", cache=tmp_path / "killed", settings=settings, progress=lambda done, _: seen.append(done)
    )
    assert last <= seen[0] <= seen[-1] == 60
    assert found.name == expected.name
    for path in expected.iterdir():
        assert (found / path.name).read_bytes() == path.read_bytes(), path.name
    assert sorted(path.name for path in found.parent.iterdir()) == [found.name, f"{found.name}.lock"]


def test_of_two_at_once_one_makes_the_model(tmp_path: Path):
    """Locks belong to open files, so that threads exclude each other as processes do."""
    both_wait = threading.Barrier(2, timeout=60)
    makers: list[int] = []

    def make(number: int) -> Path:
        both_wait.wait()
        return base_model("countdown", cache=tmp_path, settings=SMALL, progress=lambda *_: makers.append(number))

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(make, range(2))
    assert first == second
    assert len(makers) == 12
    assert len(set(makers)) == 1


def test_a_torn_temporary_file_is_removed(tmp_path: Path):
    expected = base_model("countdown", cache=tmp_path / "a", settings=SMALL, progress=False)
    folder = tmp_path / "b" / "tiny" / f"{expected.name}.unfinished"
    folder.mkdir(parents=True)
    (folder / ".checkpoint.pt.tmp").write_bytes(b"torn")
    found = base_model("countdown", cache=tmp_path / "b", settings=SMALL, progress=False)
    assert weights_of(found) == weights_of(expected)
    assert not folder.exists()


def test_the_state_of_a_pretraining_is_all_there_is():
    source = PairSource(train_task("countdown"), 1)
    first, second = (Pretraining(source, 5, SMALL) for _ in range(2))
    for _ in range(4):
        first.advance()
    second.restore(first.state())
    assert [first.advance() for _ in range(3)] == [second.advance() for _ in range(3)]
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name])


def test_only_solutions_are_learnt():
    """The loss is the mean over the tokens of solutions and their ends, whatever is padded."""
    source = PairSource(train_task("countdown"), 1)
    pairs = [("12=3:", "1+2"), ("3=003:", "3"), ("1:", "1*1*1")]
    inputs, targets, keep = tensors(pairs, source.tokenizer)
    ends = [source.tokenizer.eos_id]
    for row, target, (question, solution) in zip(inputs, targets, pairs, strict=True):
        told = source.tokenizer.encode(question + solution)
        assert row[: len(told)].tolist() == told
        assert target[target != IGNORED].tolist() == source.tokenizer.encode(solution) + ends
        whole = torch.cat([torch.full((inputs.shape[1] - keep,), IGNORED), target])
        assert whole[len(question) - 1 : len(told)].tolist() == source.tokenizer.encode(solution) + ends


def test_pretraining_sees_problems_of_the_train_split_only():
    source = PairSource(train_task(make_task("countdown", "test", difficulty=3)), 1)
    seen = {question for number in range(10) for question, _ in source.batch(0, number, 128)}
    assert len(seen) > 500
    assert {split_of("countdown", question.removesuffix(":")) for question in seen} == {"train"}
    tested = make_task("countdown", "test", difficulty=3)
    assert not seen & {tested.problem(index).question for index in range(20)}


def test_batches_follow_from_their_number():
    for name in ("countdown", "chain_sum"):
        source = PairSource(train_task(name), 50)
        assert source.batch(1, 5, 4) == source.batch(1, 5, 4)
        assert source.batch(1, 5, 4) != source.batch(1, 6, 4)
        assert source.batch(1, 5, 4) != source.batch(2, 5, 4)


def test_the_train_split_of_a_task_has_the_same_options():
    for name, options in (
        ("countdown", {"difficulty": 5, "style": "text", "instance": 3}),
        ("modular", {"difficulty": 2, "instance": 1}),
    ):
        train = train_task(make_task(name, "test", **options))
        expected = make_task(name, "train", **options)
        assert train.problem(17) == expected.problem(17)
        assert len(train) == len(expected)
        assert train_task(expected) is expected
    with pytest.raises(TypeError, match="has its own"):
        train_task(make_task("countdown"), {"difficulty": 3})


QUESTIONS = [
    Problem(f"own/{number}", f"What is {number}\N{MULTIPLICATION SIGN}2?", str(2 * number)) for number in range(9)
]


def test_a_mathematical_task_is_answered_in_a_box(tmp_path: Path):
    task = MathTask(QUESTIONS, name="own", split="train")
    source = PairSource(task, 100)
    assert ("What is 3\N{MULTIPLICATION SIGN}2?", r"\boxed{6}") in source.batch(0, 0, 100)
    settings = PretrainingSettings(steps=60, batch_size=32, width=32, layers=2, heads=2, hidden=48, learning_rate=1e-2)
    model, tokenizer = load_model(base_model(task, cache=tmp_path, progress=False, settings=settings))
    rows = evaluate_pass_at_k(model, tokenizer, task, problems=9, n=8)
    assert np.mean([row["correct"] for row in rows]) > 0.2  # each of nine answers at random: 1/9 at most
    assert {row["benchmark"] for row in rows} == {"own"}
    with pytest.raises(ValueError, match="train split only"):
        base_model(MathTask(QUESTIONS, name="own", split="test"), cache=tmp_path)


def test_characters_that_were_never_seen():
    source = PairSource(MathTask(QUESTIONS, name="own", split="train"), 100)
    tokenizer = source.tokenizer
    assert tokenizer.unknown_id is not None
    assert tokenizer.encode("3\N{MULTIPLICATION SIGN}~\N{SNOWMAN}")[-1] == tokenizer.unknown_id
    assert tokenizer.encode("3\N{MULTIPLICATION SIGN}~").count(tokenizer.unknown_id) == 0
    with pytest.raises(ValueError, match="\N{SNOWMAN}"):
        tensors([("1", "\N{SNOWMAN}")], tokenizer)


class Own(Task):
    """A user's task without examples."""

    name = "mine"
    split = "train"

    def __len__(self) -> int:
        return 5

    def problem(self, index: int) -> Problem:
        return Problem(f"mine/{index}", "q" * (index + 1), "yes")

    def grade(self, problems, completions):
        return [Grade("correct" if completion == "yes" else "wrong") for completion in completions]


def test_any_task_has_a_base_model(tmp_path: Path):
    settings = PretrainingSettings(steps=60, batch_size=16, width=16, layers=1, heads=1, hidden=24, learning_rate=1e-2)
    folder = base_model(Own(), cache=tmp_path, progress=False, settings=settings)
    model, tokenizer = load_model(folder)
    assert model.architecture.context == int(1.25 * 5) + len("yes") + 1
    rows = evaluate_pass_at_k(model, tokenizer, Own(), problems=5, n=20)
    assert np.mean([row["correct"] for row in rows]) > 0.5


def test_the_cache_is_where_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("MAXPO_BENCH_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    assert cache_folder(tmp_path / "there") == tmp_path / "there"
    monkeypatch.delenv("MAXPO_BENCH_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "maxpo_bench"


def test_the_learning_rate_rises_and_falls():
    settings = PretrainingSettings(steps=100, warmup=10, learning_rate=1.0, final_rate=0.1)
    rates = [settings.rate(step) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert all(later <= sooner for sooner, later in pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"clip": float("inf")},
        {"betas": (0.9, 1.0)},
        {"final_rate": 1.5},
        {"weight_decay": -1.0},
    ],
)
def test_impossible_settings_are_refused(changes: dict):
    with pytest.raises(ValueError, match=next(iter(changes))):
        PretrainingSettings(**changes)


@pytest.mark.paper
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_countdown_s_base_has_room_to_improve_and_something_to_reinforce(seed: int, tmp_path: Path):
    cache = os.environ.get("MAXPO_BENCH_CACHE") or tmp_path
    model, tokenizer = load_model(base_model("countdown", seed=seed, cache=cache, progress=False))
    task = make_task("countdown", "test")
    rows = evaluate_pass_at_k(model, tokenizer, task, problems=256, n=64, seed=seed)
    correct = np.array([row["correct"] for row in rows]).reshape(256, 64)
    assert 0.03 < correct.mean() < 0.10
    assert correct.any(1).mean() > 0.60
