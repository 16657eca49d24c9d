"""Two small data sets that are known by name within a test, in a data folder of its own."""

import json

from maxpo_bench.envs.tasks import DATASETS
from maxpo_bench.envs.tasks.dataset_table import Columns, Dataset, Hub

LEVELLED = [
    {"problem": "Find $a$.", "answer": r"\frac{1}{2}", "level": 1, "subject": "Algebra"},
    {"problem": "Find $b$.", "answer": r"\left(1, 2\right]", "level": 5, "subject": "Number Theory"},
    {"problem": "Find $c$.", "answer": r"\{1\}", "level": None, "subject": "Counting & Probability"},
]
TOY = Dataset(
    "toy",
    "Three questions.",
    {"train": 3, "test": 1},
    "latex",
    levels=(1, 2, 3, 4, 5),
    subjects=("Algebra", "Counting & Probability", "Number Theory"),
    unlevelled={"train": 1},
)
NUMBERS = Dataset("numbers", "Two numbers.", {"test": 2}, "number", (Hub("someone/numbers", Columns()),))


def known_folder(tmp_path, monkeypatch):
    """Write the sets toy and numbers to a data folder, make them known by name, and return the folder."""
    for known in (TOY, NUMBERS):
        monkeypatch.setitem(DATASETS, known.name, known)
    write(tmp_path / "toy" / "train.jsonl", LEVELLED)
    write(tmp_path / "toy" / "test.jsonl", LEVELLED[:1])
    write(tmp_path / "numbers" / "test.jsonl", [{"problem": "p", "answer": 3}, {"problem": "q", "answer": "-3.50"}])
    return tmp_path


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def changed(rows, index, **values):
    return [{**row, **values} if number == index else row for number, row in enumerate(rows)]
