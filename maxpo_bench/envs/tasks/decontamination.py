"""Which questions of a training set occur, literally or nearly, in evaluation sets; removed or reported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maxpo_bench.envs.tasks.task import Problem
from maxpo_bench.envs.tasks.text_overlap import GRAM, RUN, Gram, grams, jaccard, same_form, words

REMOVE_AT = 0.8
REPORT_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Overlap:
    """One training question and one evaluation question that are the same or similar.

    Attributes:
        train_id: id of the training problem.
        evaluation: name of the evaluation set.
        evaluation_id: id of the evaluation problem.
        exact: whether the questions are the same (`text_overlap.same_form`).
        similarity: Jaccard index of their word 3-grams, in [0, 1]; below the threshold of a report only where exact.
    """

    train_id: str
    evaluation: str
    evaluation_id: str
    exact: bool
    similarity: float

    def __str__(self) -> str:
        """Both ids and the reason."""
        reason = "same" if self.exact else f"similarity {self.similarity:.2f}"
        return f"{self.train_id} ~ {self.evaluation_id} of {self.evaluation} ({reason})"


@dataclass(frozen=True, slots=True)
class Removal:
    """A training problem that is removed.

    Attributes:
        problem: the problem.
        overlaps: what it is removed for, exact ones first, then by similarity; never empty.
    """

    problem: Problem
    overlaps: tuple[Overlap, ...]

    @property
    def reason(self) -> Overlap:
        """The strongest of its overlaps."""
        return self.overlaps[0]


@dataclass(frozen=True, slots=True)
class DecontaminationReport:
    """What `decontaminate` found.

    Attributes:
        kept: the training problems that stay, in their order.
        removed: the others, in their order.
        overlaps: every pair that is exact or at least ``report_from`` similar, by training problem.
        sizes: number of problems of each evaluation set.
        remove_at: similarity from which a training problem is removed.
        report_from: similarity from which a pair is reported.
    """

    kept: tuple[Problem, ...]
    removed: tuple[Removal, ...]
    overlaps: tuple[Overlap, ...]
    sizes: Mapping[str, int]
    remove_at: float
    report_from: float

    @property
    def reported(self) -> tuple[Overlap, ...]:
        """Pairs of problems that are kept all the same: for a person to judge."""
        gone = {removal.problem.id for removal in self.removed}
        return tuple(overlap for overlap in self.overlaps if overlap.train_id not in gone)

    def nearest(self, evaluation: str) -> dict[str, Overlap]:
        """Return each evaluation problem's most similar training problem, by the evaluation problem's id.

        Only pairs of at least ``report_from``; of equally similar ones the exact one, else the first.

        Raises:
            KeyError: no evaluation set of that name was given.
        """
        if evaluation not in self.sizes:
            raise KeyError(f"no evaluation set {evaluation!r} was given: there are {', '.join(self.sizes)}")
        best: dict[str, Overlap] = {}
        for overlap in self.overlaps:
            if overlap.evaluation != evaluation or overlap.similarity < self.report_from:
                continue
            known = best.get(overlap.evaluation_id)
            if known is None or (overlap.similarity, overlap.exact) > (known.similarity, known.exact):
                best[overlap.evaluation_id] = overlap
        return best

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per evaluation set.

        Returns:
            ``evaluation``, ``problems``; ``exact``, ``near`` and ``similar``: how many of its problems have the same
            question in the training set, else one of at least ``remove_at``, else one of at least ``report_from``;
            ``train_removed`` and ``train_reported``: how many training problems are removed for it, or kept and
            similar to one of its problems.
        """
        gone = {removal.problem.id for removal in self.removed}
        result: list[dict[str, Any]] = []
        for name, size in self.sizes.items():
            pairs = [overlap for overlap in self.overlaps if overlap.evaluation == name]
            exact = {pair.evaluation_id for pair in pairs if pair.exact}
            near = {pair.evaluation_id for pair in pairs if pair.similarity >= self.remove_at} - exact
            similar = {pair.evaluation_id for pair in pairs} - exact - near
            removing = {pair.train_id for pair in pairs if pair.exact or pair.similarity >= self.remove_at}
            result.append(
                {
                    "evaluation": name,
                    "problems": size,
                    "exact": len(exact),
                    "near": len(near),
                    "similar": len(similar),
                    "train_removed": len(removing),
                    "train_reported": len({pair.train_id for pair in pairs} - gone),
                }
            )
        return result

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values; problems by their ids."""
        return {
            "rule": {
                "remove_at": self.remove_at,
                "report_from": self.report_from,
                "gram_words": GRAM,
                "run_words": RUN,
            },
            "train": {"rows": len(self.kept) + len(self.removed), "kept": len(self.kept), "removed": len(self.removed)},
            "evaluations": self.rows(),
            "removed": [
                {"id": removal.problem.id, "overlaps": [_pair(overlap) for overlap in removal.overlaps]}
                for removal in self.removed
            ],
            "reported": [{"id": overlap.train_id, **_pair(overlap)} for overlap in self.reported],
        }

    def text(self, *, pairs: int = 20, of: str = "training") -> str:
        """Return it as a table per evaluation set and lists of pairs.

        Args:
            pairs: how many removals and how many reported pairs are listed, at least 0; further ones are counted.
            of: what the compared problems are called, such as "training" or "test".
        """
        total = len(self.kept) + len(self.removed)
        reported = self.reported
        problems = len({overlap.train_id for overlap in reported})
        return "\n".join(
            [
                *self._table(of),
                "",
                f"{total} {of} problems: {len(self.kept)} kept, {len(self.removed)} removed",
                *_listed(
                    f"removed: {len(self.removed)} {of} problems, each with its strongest pair",
                    [str(removal.reason) for removal in self.removed],
                    pairs,
                ),
                *_listed(
                    f"kept all the same: {problems} {of} problems in {len(reported)} pairs",
                    [str(overlap) for overlap in reported],
                    pairs,
                ),
            ]
        )

    def _table(self, of: str) -> list[str]:
        """Return one line per evaluation set below two lines that say what is counted: problems of which set."""
        span = f"{self.report_from:g} to {self.remove_at:g}"
        theirs = {"problems": "all", "exact": "same", "near": f">= {self.remove_at:g}", "similar": span}
        ours = {"train_removed": "removed", "train_reported": f"kept, {span}"}
        heads = {"evaluation": "set", **theirs, **ours}
        table = [list(heads.values()), *([str(row[name]) for name in heads] for row in self.rows())]
        groups = ((1, ""), (len(theirs), "evaluation problems"), (len(ours), f"{of} problems"))
        widths = _fitted([max(map(len, column)) for column in zip(*table, strict=True)], groups)
        top, done = "", 0
        for count, title in groups:
            top += title.rjust(sum(widths[done : done + count]) + 2 * count - 2) + "  "
            done += count
        lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table]
        return [line.rstrip() for line in (top, *lines)]


def decontaminate(
    train: Sequence[Problem],
    evaluation: Mapping[str, Sequence[Problem]],
    *,
    remove_at: float = REMOVE_AT,
    report_from: float = REPORT_FROM,
) -> DecontaminationReport:
    """Compare every question of a training set with every question of evaluation sets.

    A training problem is removed where its question is the same as an evaluation question, or where the two have eight
    consecutive words in common and their similarity is at least ``remove_at``; pairs from ``report_from`` are reported
    (`text_overlap` says what these mean). Answers play no part.

    Args:
        train: the training problems, with ids that differ.
        evaluation: evaluation problems by the set's name.
        remove_at: similarity in [report_from, 1].
        report_from: similarity in (0, 1].

    Raises:
        ValueError: there is nothing to compare, training ids are doubled, or a threshold is out of range.
    """
    if not 0 < report_from <= remove_at <= 1:
        raise ValueError(f"need 0 < report_from <= remove_at <= 1, got {report_from=} and {remove_at=}")
    if not train or not evaluation:
        raise ValueError("give at least one training problem and one evaluation set")
    if len({problem.id for problem in train}) != len(train):
        raise ValueError("training problems have ids in common: make them differ, or removals are ambiguous")
    index = _EvaluationIndex(evaluation)
    kept: list[Problem] = []
    removed: list[Removal] = []
    overlaps: list[Overlap] = []
    for problem in train:
        found = index.overlaps(problem, report_from)
        overlaps += found
        strong = [overlap for overlap in found if overlap.exact or overlap.similarity >= remove_at]
        if strong:
            strong.sort(key=lambda overlap: (overlap.exact, overlap.similarity), reverse=True)
            removed.append(Removal(problem, tuple(strong)))
        else:
            kept.append(problem)
    sizes = {name: len(problems) for name, problems in evaluation.items()}
    return DecontaminationReport(tuple(kept), tuple(removed), tuple(overlaps), sizes, remove_at, report_from)


class _EvaluationIndex:
    """Evaluation questions by their forms and by their runs of words."""

    def __init__(self, evaluation: Mapping[str, Sequence[Problem]]) -> None:
        self._problems = [(name, problem) for name, problems in evaluation.items() for problem in problems]
        self._grams: list[set[Gram]] = []
        self._by_form: dict[str, list[int]] = defaultdict(list)
        self._by_run: dict[Gram, list[int]] = defaultdict(list)
        for number, (_, problem) in enumerate(self._problems):
            sequence = words(problem.question)
            self._grams.append(grams(sequence, GRAM))
            self._by_form[same_form(problem.question)].append(number)
            for run in grams(sequence, RUN):
                self._by_run[run].append(number)

    def overlaps(self, problem: Problem, report_from: float) -> list[Overlap]:
        """Return the overlaps of a training problem, in the order of the evaluation problems."""
        sequence = words(problem.question)
        exact = set(self._by_form.get(same_form(problem.question), ()))
        near: set[int] = set()
        for run in grams(sequence, RUN):
            near.update(self._by_run.get(run, ()))
        if not (exact or near):
            return []
        own = grams(sequence, GRAM)
        found: list[Overlap] = []
        for number in sorted(exact | near):
            similarity = jaccard(own, self._grams[number])
            if number in exact or similarity >= report_from:
                name, other = self._problems[number]
                found.append(Overlap(problem.id, name, other.id, number in exact, similarity))
        return found


def _pair(overlap: Overlap) -> dict[str, Any]:
    return {
        "evaluation": overlap.evaluation,
        "evaluation_id": overlap.evaluation_id,
        "exact": overlap.exact,
        "similarity": round(overlap.similarity, 4),
    }


def _fitted(widths: Sequence[int], groups: Sequence[tuple[int, str]]) -> list[int]:
    """Return the widths of columns, the first of each group widened to hold the group's title."""
    fitted, done = list(widths), 0
    for count, title in groups:
        fitted[done] += max(0, len(title) - sum(fitted[done : done + count]) - 2 * (count - 1))
        done += count
    return fitted


def _listed(title: str, entries: Sequence[str], limit: int) -> list[str]:
    """Return a titled list of the first entries, with the number of the others."""
    if not entries or limit < 1:
        return []
    more = [f"  and {len(entries) - limit} more"] if len(entries) > limit else []
    return ["", f"{title}:", *(f"  {entry}" for entry in entries[:limit]), *more]
