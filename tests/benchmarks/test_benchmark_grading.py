"""The grader's script on data made up here: what it counts, lists and writes, and what it judges by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import grading
import grading_gold
import grading_hostile
import grading_labels
import grading_speed
import numpy as np
import pytest
from grading_data import Item, boxed, golds, outputs, solutions
from grading_forms import forms_of
from grading_values import are_equal

ANSWERS = ["18", "-7", "2.50", r"\frac{3}{4}", r"50\%", r"\text{Friday}", r"(3, \frac{\pi}{2})", r"2\sqrt{3}", "1, 2"]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in (*grading_gold.GSM8K, *grading_gold.MATH, *grading_gold.SMALL):
        answers = ["72", "5", "1200"] if name.startswith("gsm8k") else ANSWERS
        rows = [
            {"id": f"{name}/{place}", "problem": f"Problem\u2028{place}", "answer": answer}
            for place, answer in enumerate(answers)
        ]
        write(folder / f"{name}.jsonl", rows)
        solved = [
            f"So it is\n#### {row['answer']}"
            if name.startswith("gsm8k")
            else f"It is {boxed('0')}, no, {boxed(row['answer'])}."
            for row in rows
        ]
        write(
            folder / f"{name}.solutions.jsonl",
            [{"id": row["id"], "solution": text} for row, text in zip(rows, solved, strict=True)],
        )
    return folder


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    qwen = [
        ("12", r"It is \boxed{12}.", True),
        ("12", r"It is \boxed{13}.", False),
        (r"\frac{1}{2}", r"\boxed{0.5}", True),
        (r"\frac{1}{2}", r"\boxed{1/2}", True),
    ]
    openai = [("12", "Twelve.\nA: 12", True), ("12", "Twelve.\n#### 13", False)]
    for name, rows in ((grading_labels.QWEN, qwen), (grading_labels.OPENAI, openai)):
        write(
            folder / f"{name}.jsonl",
            [
                {
                    "source": "made_up",
                    "problem_id": f"p/{gold}",
                    "sample": place,
                    "gold": gold,
                    "completion": text,
                    "correct": label,
                }
                for place, (gold, text, label) in enumerate(rows)
            ],
        )
    pairs = [
        ("norm", "(3, -1)", "(3,-1)", True),
        ("h_neg", "5", "-5", False),
        ("rand_neg", "8", "8.0", None),
        ("rand_neg", "8", "9", None),
        ("h_tuple", "(1, 2)", "1, 2", None),
    ]
    write(
        folder / "verifier_pairs.jsonl",
        [{"kind": kind, "gold": gold, "pred": answer, "expect": label} for kind, gold, answer, label in pairs],
    )
    scores = {grading_labels.QWEN: {"p/12": [1, 0], r"p/\frac{1}{2}": [1, 1]}}
    exact = {grading_labels.QWEN: {"pass@k": {"1": ["3/4", 0.75], "2": ["1/1", 1.0]}}}
    (folder / "score_matrices.json").write_text(json.dumps({"scores": scores, "exact_passk": exact}))
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "at least 1"),
        (["--limit", "0"], "--limit positive"),
        (["--part", "colour"], "invalid choice"),
        (["--data", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        grading.parse(["--data", str(tmp_path), "--outputs", str(tmp_path), *arguments])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ("18", "18.0", True),
        ("18", "19", False),
        (r"\frac{3}{4}", "0.75", True),
        (r"\frac43", r"\dfrac{4}{3}", True),
        (r"\frac{1}{3}", "0.333333", False),
        ("1,234", r"1{,}234", True),
        (r"12,\!345", "12345", True),
        (r"4.5 \times 10^{33}", "4.5e33", True),
        ("1e-20", "2.88e-19", False),
        (r"2\sqrt{3}", r"\sqrt{12}", True),
        (r"2\sqrt{3}", r"\sqrt{13}", False),
        ("(x-1)(x+1)", "x^2 - 1", True),
        ("x^2 + 1", "x^2 - 1", False),
        ("(1, 2)", "(2, 1)", False),
        ("(1, 2)", "[1, 2]", False),
        ("1, 2", r"\{2, 1\}", True),
        (r"90^\circ", "90", True),
        (r"50\%", "50", True),
        ("k = 3", "3", True),
        ("x + y = 1", "1 = x + y", True),
        ("x + y = 1", "x + y = 2", False),
        (r"\text{Friday}", r"\mathrm{friday}", True),
        (r"\text{(C)}", "C", True),
        ("2516_8", "2516_{8}", True),
        ("2516_8", "2516_9", False),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{bmatrix}1\\2\end{bmatrix}", True),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 2 \\ 1 \end{pmatrix}", False),
        (r"(-\infty, 2]", r"(-\infty, 2]", True),
        (r"e^{i\pi}", "-1", True),
        (r"\tan x", r"\frac{\sin x}{\cos x}", True),
        ("9^{9^{9^{9}}}", "5", None),
        (r"1\frac{1}{2}", "1.5", True),
        (r"45 \text{ cm}^2", "45", True),
        (r"\int x \, dx", "x", None),
        ("", "5", None),
    ],
)
def test_the_second_opinion(first: str, second: str, verdict: bool | None) -> None:
    assert are_equal(first, second) is verdict
    assert are_equal(second, first) is verdict


@pytest.mark.parametrize(
    "gold", [*ANSWERS, r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "1234", r"4.5 \times 10^{33}", "0"]
)
def test_other_forms_have_the_same_value(gold: str) -> None:
    for seed in range(20):
        forms = forms_of(gold, "How many percent is that?", np.random.default_rng(seed))
        assert len(forms) >= grading_gold.FEWEST_FORMS
        assert gold not in forms.values()
        unequal = {name: form for name, form in forms.items() if are_equal(gold, form) is False and name != "unit"}
        assert not unequal


@pytest.mark.parametrize(
    ("gold", "name", "form"),
    [
        (r"\frac{3}{4}", r"\dfrac", r"\dfrac{3}{4}"),
        (r"\frac{3}{4}", "decimal", "0.75"),
        (r"50\%", "percent sign left out", "50"),
        ("36", "times a power of ten", r"3.6 \times 10^{1}"),
        ("36", "e-notation", "3.6e1"),
        ("-1200", "commas", "-1,200"),
        ("1, 2", "spaces between symbols", "1, 2"),
        (r"90^\circ", "degrees left out", "90"),
        ("(1, 2)", r"\left and \right", r"\left(1, 2\right)"),
    ],
)
def test_forms_by_name(gold: str, name: str, form: str) -> None:
    forms = forms_of(gold, "", np.random.default_rng(0))
    assert forms.get(name, gold).split() == form.split() or forms[name] == form


def test_percent_signs_are_added_only_where_they_are_asked_for() -> None:
    rng = np.random.default_rng(0)
    assert forms_of("36", "What percent of them is left?", rng)["percent sign"] == r"36\%"
    assert "percent sign" not in forms_of("36", "How many of them are left?", rng)


def test_reading(data: Path, labelled: Path) -> None:
    assert golds(data, "math/test")[3] == Item("math/test/3", r"\frac{3}{4}", question="Problem\u20283")
    assert solutions(data, "gsm8k/train")[2] == Item("gsm8k/train/2", "1200", r"\boxed{1200}")
    assert [item.completion for item in outputs(labelled, grading_labels.OPENAI, is_boxed=True)] == [
        r"\boxed{12}",
        r"\boxed{13}",
    ]
    write(data / "minerva/test.jsonl", [{"id": "m", "problem": "", "answer": "1e3", "answer_tex": r"1 \times 10^{3}"}])
    assert golds(data, "minerva/test")[0].gold == r"1 \times 10^{3}"


def test_labels(labelled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading_labels, "AGREEMENTS", {grading_labels.QWEN: 4, grading_labels.OPENAI: 2})
    report, bars = grading_labels.measure_labels(labelled)
    assert [bar.found for bar in bars] == [4, 2, 0]
    assert report["without a box"] == {"no_box": 2}
    rows = [json.loads(line) for line in (labelled / f"{grading_labels.QWEN}.jsonl").read_text().splitlines()]
    rows[1]["correct"] = True
    write(labelled / f"{grading_labels.QWEN}.jsonl", rows)
    report, bars = grading_labels.measure_labels(labelled)
    assert [bar.is_met for bar in bars] == [False, True, True]
    [difference] = report[grading_labels.QWEN]["differences"]
    assert difference == {"id": "p/12/made_up/1", "gold": "12", "extracted": "13", "label": True, "status": "wrong"}


def test_pairs(labelled: Path) -> None:
    report, bars = grading_labels.measure_pairs(labelled)
    assert [bar.found for bar in bars] == [1.0, 0.0, 0.0]
    [equal] = report["random_accepted"]
    assert (equal["answer"], equal["equal"]) == ("8.0", True)
    rows = [
        {"kind": "norm", "gold": "1", "pred": "2", "expect": True},
        {"kind": "h_neg", "gold": "5", "pred": "5.0", "expect": False},
    ]
    write(labelled / "verifier_pairs.jsonl", rows)
    report, bars = grading_labels.measure_pairs(labelled)
    assert [bar.found for bar in bars] == [0.0, 1.0, 1.0]
    assert (report["missed"][0]["answer"], report["accepted"][0]["answer"]) == ("2", "5.0")


def test_passk(labelled: Path) -> None:
    report, [bar] = grading_labels.measure_passk(labelled)
    assert bar.is_met
    assert report[grading_labels.QWEN]["problems_scored_otherwise_by_the_grader"] == []
    stored = json.loads((labelled / "score_matrices.json").read_text())
    stored["exact_passk"][grading_labels.QWEN]["pass@k"]["1"][0] = "3/5"
    (labelled / "score_matrices.json").write_text(json.dumps(stored))
    _, [bar] = grading_labels.measure_passk(labelled)
    assert bar.found == pytest.approx(0.15)


def test_gold_answers(data: Path) -> None:
    report, bars = grading_gold.measure_same(data)
    assert len(bars) == 10
    assert all(bar.found == 0 for bar in bars)
    report, bars = grading_gold.measure_solutions(data)
    assert [report[name]["with several boxes"] for name in ("gsm8k/train", "math/train")] == [0, len(ANSWERS)]
    assert [bar.found for bar in bars] == [0.0, 0.0]
    solved = data / "math/train.solutions.jsonl"
    write(
        solved, [{"id": "math/train/0", "solution": r"\boxed{19}"}, {"id": "math/train/1", "solution": r"\boxed{-7}"}]
    )
    report, bars = grading_gold.measure_solutions(data)
    assert [bar.found for bar in bars] == [0.0, 0.5]
    assert report["math/train"]["refused"][0]["id"] == "math/train/0"


def test_golds_of_other_problems(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading_gold, "PAIRS", {("gsm8k/train",): 40})
    rows = [{"id": str(place), "problem": "", "answer": answer} for place, answer in enumerate(["18", "18.0", "19"])]
    write(data / "gsm8k/train.jsonl", rows)
    report, bars = grading_gold.measure_others(data, seed=0)
    assert [bar.found for bar in bars] == [0, 0, 0]
    assert report["gsm8k, a digit changed"] == {"pairs": 3, "accepted": []}
    [neighbour] = report["gsm8k, neighbours"]["accepted"]
    assert (neighbour["gold"], neighbour["extracted"], neighbour["equal"]) == ("18", "18.0", True)
    assert {line["equal"] for line in report["gsm8k, random"]["accepted"]} == {True}
    monkeypatch.setattr(grading_gold, "are_equal", lambda first, second: None)
    _, bars = grading_gold.measure_others(data, seed=0)
    assert bars[1].found == 1


def test_reformatted_gold_answers(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading_gold, "MATH", ())
    monkeypatch.setattr(grading_gold, "SMALL", ())
    report, bars = grading_gold.measure_forms(data, seed=0)
    assert len(bars) == 2
    assert report["forms"]["commas"]["pairs"] == 2
    monkeypatch.setattr(grading_gold, "forms_of", lambda *_: {name: f"{place}7" for place, name in enumerate("abcd")})
    report, bars = grading_gold.measure_forms(data, seed=0)
    assert [bar.found for bar in bars] == [0.0, 0.0]
    monkeypatch.setattr(grading_gold, "forms_of", lambda *_: {"a": "7"})
    with pytest.raises(ValueError, match="gsm8k/train/0 has only 1 forms"):
        grading_gold.measure_forms(data, seed=0)


def test_hostile_answers_and_bombs(data: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = grading_hostile.corpus(Path("marker"))
    assert len(full) >= grading_hostile.FEWEST
    assert any("marker" in item.completion for item in full)
    small = [
        Item("paid", "5", r"\boxed{5}"),
        Item("wrong", "5", r"\boxed{6}"),
        grading_speed.bomb(1),
        grading_speed.bomb(2),
    ]
    monkeypatch.setattr(grading_hostile, "corpus", lambda marker: small)
    monkeypatch.setattr(grading_hostile, "BOMBS", 2)
    report, bars = grading_hostile.measure_hostile(data, labelled, seed=0, workers=2, limit=0.3, rounds=1)
    found = {bar.what: bar.found for bar in bars}
    assert found["hostile answers"] == 4
    assert found["hostile answers that earn a reward"] == 1
    assert report["paid"][0]["category"] == "paid"
    assert report["statuses"] == {"correct": 1, "wrong": 1, "timeout": 2}
    assert report["slowest"][0]["category"] == "bomb"
    assert found["13 normal answers and 2 bombs: normal verdicts lost or changed"] == 0


def test_bombs_are_mixed_in_between() -> None:
    normal, bombs = (
        [Item("normal", str(place)) for place in range(10)],
        [Item("bomb", str(place)) for place in range(3)],
    )
    mixed, is_normal = grading_hostile._mix(normal, bombs, np.random.default_rng(1))
    assert [item for item, keep in zip(mixed, is_normal, strict=True) if keep] == normal
    assert [item for item, keep in zip(mixed, is_normal, strict=True) if not keep] == bombs
    assert mixed[-3:] != bombs


def test_distinct_answers() -> None:
    items = [
        Item("a", "5", r"\boxed{5}"),
        Item("b", "5", r"So \boxed{5}"),
        Item("c", "6", r"\boxed{5}"),
        Item("d", "5"),
    ]
    assert [item.id for item in grading_speed.distinct(items)] == ["a", "c", "d"]


def test_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading_speed, "BEFORE", 3)
    monkeypatch.setattr(grading_speed, "KILL_LIMIT", 1.0)
    report, bars = grading_speed.measure_kills(workers=2, kills=6)
    assert report["statuses"] == {"timeout": 6}
    assert [bar.is_met for bar in bars] == [True] * len(bars)


def test_processes_files_and_memory_are_counted(tmp_path: Path) -> None:
    before = set(grading_speed.descendants())
    files = grading_speed.open_files()
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child,
        (tmp_path / "a").open("w"),
    ):
        assert set(grading_speed.descendants()) - before == {child.pid}
        assert grading_speed.open_files() == files + 2
        assert grading_speed.resident(child.pid) > 1e6
        assert grading_speed.wait_until_gone(len(before), patience=0.1) == 1
        child.communicate(b"\n")
    assert grading_speed.wait_until_gone(len(before)) == 0
    assert grading_speed.resident(os.getpid()) > 1e6


def test_the_script_writes_what_it_finds(
    data: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(data), "--outputs", str(labelled), "--part", "passk", "start", "--rounds", "1"]
    grading.main([*arguments, "--out", str(tmp_path)])
    report = json.loads((tmp_path / "grading.json").read_text())
    assert {"machine", "setting", "passk", "start", "bars"} == set(report)
    assert len(report["bars"]) == 2
    assert len(report["start"]["seconds"]) == 1
    printed = capsys.readouterr().out
    assert "passk: 1 of 1 bars met" in printed
    assert "new process to its first verdict by a worker" in printed


def test_every_part_has_a_measure(data: Path, labelled: Path) -> None:
    options = grading.parse(["--data", str(data), "--outputs", str(labelled)])
    assert tuple(grading.measures(options)) == grading.PARTS == tuple(options.part)
