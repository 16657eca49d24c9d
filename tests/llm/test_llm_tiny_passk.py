"""Scored samples of a tiny model."""

import json
from pathlib import Path

import pytest
import torch

from maxpo_bench.envs.tasks import make_task
from maxpo_bench.evaluation import read_samples
from maxpo_bench.llm.tiny import CharTokenizer, TinyArchitecture, TinyLM, evaluate_pass_at_k
from maxpo_bench.seeding import derive_seed

TASK = make_task("countdown", "test", size=40)
TOKENIZER = CharTokenizer("0123456789+-*=:")


@pytest.fixture(scope="module")
def model() -> TinyLM:
    architecture = TinyArchitecture(len(TOKENIZER), width=16, layers=1, heads=2, hidden=24, context=17)
    model = TinyLM(architecture, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.lm_head.weight.mul_(30.0)
    return model


def texts(rows: list[dict]) -> dict[tuple[str, int], str]:
    return {(row["problem_id"], row["sample"]): row["completion"] for row in rows}


def test_rows_are_read_as_scored_samples(model: TinyLM, tmp_path: Path):
    rows = evaluate_pass_at_k(model, TOKENIZER, TASK, problems=10, n=6, seed=3)
    assert len(rows) == 60
    file = tmp_path / "countdown.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (samples,) = read_samples(file)
    assert samples.benchmarks == ("countdown",)
    assert set(samples.problems) == {TASK.problem(index).id for index in range(10)}
    assert samples.num_samples.tolist() == [6] * 10
    assert samples.num_correct.sum() == sum(row["correct"] for row in rows)


def test_verdicts_are_the_task_s(model: TinyLM):
    rows = evaluate_pass_at_k(model, TOKENIZER, TASK, problems=10, n=6, seed=3)
    problems = {TASK.problem(index).id: TASK.problem(index) for index in range(10)}
    for row in rows:
        (grade,) = TASK.grade([problems[row["problem_id"]]], [row["completion"]])
        assert (row["correct"], row["status"], row["extracted"]) == (grade.correct, grade.status, grade.extracted)


def test_a_problem_s_samples_do_not_depend_on_the_others(model: TinyLM):
    whole = texts(evaluate_pass_at_k(model, TOKENIZER, TASK, problems=20, n=4, seed=1))
    chosen = [TASK.problem(index) for index in (17, 3, 11)]
    rows = evaluate_pass_at_k(model, TOKENIZER, TASK, problems=chosen, n=4, seed=1)
    assert [row["problem_id"] for row in rows[::4]] == [problem.id for problem in chosen]
    assert {key: whole[key] for key in texts(rows)} == texts(rows)
    assert [row["seed"] for row in rows[::4]] == [derive_seed(1, "pass@k", problem.id) for problem in chosen]


def test_more_samples_begin_with_the_fewer(model: TinyLM):
    few = texts(evaluate_pass_at_k(model, TOKENIZER, TASK, problems=3, n=5))
    many = texts(evaluate_pass_at_k(model, TOKENIZER, TASK, problems=3, n=1024))
    assert {key: many[key] for key in few} == few
    assert len(many) == 3 * 1024


def test_seeds_and_problems_have_random_streams_of_their_own(model: TinyLM):
    first = texts(evaluate_pass_at_k(model, TOKENIZER, TASK, problems=3, n=50, seed=1))
    second = texts(evaluate_pass_at_k(model, TOKENIZER, TASK, problems=3, n=50, seed=2))
    assert first != second
    assert len({tuple(first[TASK.problem(p).id, s] for s in range(50)) for p in range(3)}) == 3


def test_progress_is_told(model: TinyLM):
    seen: list[tuple[int, int]] = []
    evaluate_pass_at_k(
        model, TOKENIZER, TASK, problems=5, n=1024, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_impossible_arguments_are_refused(model: TinyLM):
    with pytest.raises(ValueError, match="n must be 1 to 1024, got 1025"):
        evaluate_pass_at_k(model, TOKENIZER, TASK, problems=1, n=1025)
    with pytest.raises(ValueError, match="has 40 problems, 41 are asked for"):
        evaluate_pass_at_k(model, TOKENIZER, TASK, problems=41, n=1)
    with pytest.raises(ValueError, match="no problems"):
        evaluate_pass_at_k(model, TOKENIZER, TASK, problems=[], n=1)
    short = TinyLM(TinyArchitecture(17, width=8, layers=1, heads=1, hidden=8, context=9))
    with pytest.raises(ValueError, match="9 tokens, the model's context is 9"):
        evaluate_pass_at_k(short, TOKENIZER, TASK, problems=1, n=1)
