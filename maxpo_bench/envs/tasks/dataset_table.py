r"""The data sets of mathematical questions known by name: their rows, where they are found, and how they are read.

Facts only, no questions: row counts, column names of the copies in circulation, and the corrections that are made to
their answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from maxpo_bench.registry import UnknownNameError, suggest

AnswerFrom = Literal["plain", "hash", "boxed"]
ANSWERS_FROM: tuple[AnswerFrom, ...] = get_args(AnswerFrom)
AnswerKind = Literal["number", "latex", "text"]

MATH_SUBJECTS = (
    "Algebra",
    "Counting & Probability",
    "Geometry",
    "Intermediate Algebra",
    "Number Theory",
    "Prealgebra",
    "Precalculus",
)


@dataclass(frozen=True, slots=True)
class Columns:
    r"""Which columns of a copy hold what.

    Attributes:
        problem: the question.
        answer: what the answer is read from.
        answer_from: how: "plain" is the answer itself, "hash" the text after the last ``####`` without commas, "boxed"
            the last balanced ``\boxed{}`` of a solution.
        id: the row's own key; None where its number in the copy is the key.
        level: its difficulty, None where there is none.
        subject: its field, None where there is none.
    """

    problem: str = "problem"
    answer: str = "answer"
    answer_from: AnswerFrom = "plain"
    id: str | None = None
    level: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Hub:
    """A copy on the Hugging Face hub.

    Attributes:
        path: "owner/name".
        columns: its columns.
        configs: its configurations, read one after the other; empty for the default one.
        splits: its split for ours, where they are named differently.
        keep: (column, text): only rows with the text in that column belong to the set.
    """

    path: str
    columns: Columns
    configs: tuple[str, ...] = ()
    splits: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """One wrong answer in circulation.

    Attributes:
        question: the first 12 hexadecimal digits of the SHA-256 of the question, white space collapsed.
        before: the answer as it circulates; any other answer is left alone.
        after: the answer it is replaced by.
        why: the reason.
    """

    question: str
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """One data set.

    Attributes:
        name: its name here, and the first part of its problems' ids.
        summary: one line.
        rows: number of rows of each split.
        answers: the form all its answers have: "number" (an integer, decimal or fraction), or "latex".
        hubs: copies; the first is the one that is read by default.
        levels: the levels its rows have, empty for none.
        subjects: the fields its rows have, empty where they are not checked.
        unlevelled: number of rows of each split that have no level.
        orders: SHA-256 of each split's questions in order, for sets whose row numbers are the ids.
        corrections: answers that are replaced.
        parts: for a set composed of others: (set, split, levels) each.
        role: "train" where there is something to train on, else "evaluation".
        note: what to look out for.
    """

    name: str
    summary: str
    rows: Mapping[str, int]
    answers: AnswerKind
    hubs: tuple[Hub, ...] = ()
    levels: tuple[int, ...] = ()
    subjects: tuple[str, ...] = ()
    unlevelled: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, str] = field(default_factory=dict)
    corrections: tuple[Correction, ...] = ()
    parts: tuple[tuple[str, str, tuple[int, ...] | None], ...] = ()
    role: Literal["train", "evaluation"] = "evaluation"
    note: str = ""

    def id_prefix(self, split: str) -> str:
        """Return what the ids of a split begin with: the name, and the split where there are several."""
        return f"{self.name}/{split}" if len(self.rows) > 1 else self.name

    def id_form(self, split: str) -> str:
        """Return what the ids of a split look like.

        A copy in a data folder may have a column ``id`` of its own, which then decides.

        Returns:
            Such as "math/test/<row number from 0>", or "math500/<unique_id>", a column of the copy on the hub; for a
            composed set the forms of its parts.

        Raises:
            KeyError: the set has no such split.
        """
        if split not in self.rows:
            raise KeyError(f"{self.name} has the split(s) {', '.join(self.rows)}, got {split!r}")
        if self.parts:
            return " and ".join(DATASETS[name].id_form(part_split) for name, part_split, _ in self.parts)
        key = self.hubs[0].columns.id if self.hubs else None
        return f"{self.id_prefix(split)}/<{'row number from 0' if key is None else key}>"


_QUESTION = Columns(problem="question")
_TYPED = Columns(answer="solution", answer_from="boxed", level="level", subject="type")
_FROM_TRAIN = {"test": "train"}

_GSM8K = Dataset(
    "gsm8k",
    "GSM8K: grade-school word problems with integer answers (Cobbe et al., arXiv 2110.14168).",
    {"train": 7473, "test": 1319},
    "number",
    (Hub("openai/gsm8k", Columns(problem="question", answer_from="hash"), ("main",)),),
    orders={
        "train": "bd310c3a5a53d32e0dd3fcb1e4e9367cb4a0ee14c007d0a47947cbff9de87d72",
        "test": "55524eaab2dee822f0f7e9ef801ec74cfe6406904a4ca84852473b5dc23ed96d",
    },
    role="train",
    note="A train question holds U+2028, which is no end of line in jsonl. The training set in circulation has two "
    "questions close to test questions.",
)
_MATH = Dataset(
    "math",
    "MATH: competition problems in seven subjects and five levels (Hendrycks et al., arXiv 2103.03874).",
    {"train": 7500, "test": 5000},
    "latex",
    (
        Hub("DigitalLearningGmbH/MATH-lighteval", _TYPED),
        Hub(
            "EleutherAI/hendrycks_math",
            _TYPED,
            tuple(subject.lower().replace("&", "and").replace(" ", "_") for subject in MATH_SUBJECTS),
        ),
    ),
    (1, 2, 3, 4, 5),
    MATH_SUBJECTS,
    unlevelled={"train": 2, "test": 0},
    orders={
        "train": "d1deeea63880c9f4372330942c09d809f9dcf2c05f12cad7514db6c93d8aeb3a",
        "test": "9096df15c24b63ea10a0a8ac9564eff968842dac52cd8fc82b6ef1d0e5700c8d",
    },
    corrections=(
        Correction("79595ba3b4cf", "", "0", "the solution's box is empty"),
        Correction("81a7fe8e017d", "", "0", "the solution's box is empty"),
    ),
    role="train",
    note="The answer is the last balanced box of the solution: 204 solutions have several. Some train questions occur "
    "in test almost word by word.",
)
_MATH500 = Dataset(
    "math500",
    "MATH-500: 500 problems of MATH's test split (Lightman et al., arXiv 2305.20050).",
    {"test": 500},
    "latex",
    (
        Hub("HuggingFaceH4/MATH-500", Columns(id="unique_id", level="level", subject="subject")),
        Hub("math-ai/math500", Columns(id="unique_id", level="level", subject="subject")),
    ),
    (1, 2, 3, 4, 5),
    MATH_SUBJECTS,
    note="A subset of MATH's test split: never train on that split.",
)
_AIME24 = Dataset(
    "aime24",
    "AIME 2024, I and II: integers from 0 to 999.",
    {"test": 30},
    "number",
    (
        Hub("math-ai/aime24", Columns(answer="solution", answer_from="boxed", id="id")),
        Hub("HuggingFaceH4/aime_2024", Columns(id="id"), splits=_FROM_TRAIN),
        Hub("AI-MO/aimo-validation-aime", Columns(id="id"), splits=_FROM_TRAIN, keep=("url", "/2024_AIME")),
    ),
    note="AI-MO/aimo-validation-aime holds 2022 to 2024: only the rows of 2024 are read.",
)
_AIME25 = Dataset(
    "aime25",
    "AIME 2025, I and II: integers from 0 to 999.",
    {"test": 30},
    "number",
    (Hub("math-ai/aime25", Columns(id="id")),),
    corrections=(Correction("757329975fcc", r"336^\circ", "336", "the question asks for the number of degrees"),),
)
_AMC23 = Dataset(
    "amc23",
    "AMC 12 of 2023, the 40 problems of Qwen's evaluation.",
    {"test": 40},
    "number",
    (Hub("math-ai/amc23", Columns(problem="question", id="id")),),
    note="The 83 rows of amc83 contain these 40: results on the two are not comparable.",
)
_AMC83 = Dataset(
    "amc83",
    "AMC 12 of 2022 and 2023, the 83 problems of AI-MO's validation set.",
    {"test": 83},
    "number",
    (Hub("AI-MO/aimo-validation-amc", Columns(id="id"), splits=_FROM_TRAIN),),
    note="Also called AMC or AMC23 elsewhere. Answers are decimals such as 142.0. Contains amc23: evaluation data too.",
)
_MINERVA = Dataset(
    "minerva",
    "Minerva's OCWCourses: science problems of MIT courses (Lewkowycz et al., arXiv 2206.14858).",
    {"test": 272},
    "latex",
    (Hub("math-ai/minervamath", _QUESTION),),
    corrections=(
        Correction("54887805db4f", "np.arcsin(10/13)", r"\arcsin\left(\frac{10}{13}\right)", "Python instead of LaTeX"),
        Correction("b0dca7fd541f", "-1./3", r"-\frac{1}{3}", "Python instead of LaTeX"),
        Correction("6f28499824a8", "-3./2", r"-\frac{3}{2}", "Python instead of LaTeX"),
        Correction(
            "4873a8bf1b2b",
            r"x_{0} \cos (\omega t)+$ $\dot{x}_{0} \sin (\omega t) / \omega",
            r"x_{0} \cos (\omega t)+ \dot{x}_{0} \sin (\omega t) / \omega",
            "a formula cut in two",
        ),
    ),
    note="Answers in e-notation (4.5e33). A second copy in circulation has about 40 wrong answers.",
)
_GSM8K_MATH1 = Dataset(
    "gsm8k+math1",
    "GSM8K's train split followed by the level-1 problems of MATH's train split.",
    {"train": 8037},
    "latex",
    parts=(("gsm8k", "train", None), ("math", "train", (1,))),
    role="train",
    note="A file of 8388 rows in circulation also holds 351 rows of MATH's test split. Nine MATH rows are in "
    "MATH's test split too, literally or nearly, two of them in MATH-500: decontaminate removes them.",
)

DATASETS: Mapping[str, Dataset] = {
    known.name: known for known in (_GSM8K, _MATH, _MATH500, _AIME24, _AIME25, _AMC23, _AMC83, _MINERVA, _GSM8K_MATH1)
}
"""The known sets by name. Samples of a model are labelled with the ids of their problems: ``id_form`` says what these
look like, and ``maxpo-bench llm prepare NAME`` prints the first and the last one."""


def dataset_named(name: str) -> Dataset:
    """Return a known data set by its name here.

    Raises:
        UnknownNameError: with the nearest known names.
    """
    if name not in DATASETS:
        raise UnknownNameError(f"unknown data set {name!r}.{suggest(name, DATASETS)}")
    return DATASETS[name]


def hub_named(path: str) -> tuple[Dataset, Hub] | None:
    """Return the known data set of which a hub name is a copy, and the copy; None where the hub name is not known."""
    for known in DATASETS.values():
        for hub in known.hubs:
            if hub.path == path:
                return known, hub
    return None
