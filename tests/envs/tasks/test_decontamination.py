"""The decontamination report: what is the same, what is near, what is removed, kept and reported."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxpo_bench.envs.tasks import Problem, decontaminate
from maxpo_bench.envs.tasks.dataset_summary import answer_form, summarise
from maxpo_bench.envs.tasks.text_overlap import GRAM, RUN, grams, jaccard, same_form, words

LONG = "Ten red cows eat grass in a green field while nine birds sing above them all day long"


def problem(number, question, prefix="train"):
    return Problem(f"{prefix}/{number}", question, "1")


def problems(*questions, prefix="train"):
    return [problem(number, question, prefix) for number, question in enumerate(questions)]


def replaced(*changes):
    """Return the long question with some words replaced, by position."""
    sequence = LONG.split()
    for position in changes:
        sequence[position] = f"other{position}"
    return " ".join(sequence)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Find $x$.", "find x", True),
        ("Find  $x$\n!", "Find{x}", True),
        ("Find $x$. [asy]draw(a);[/asy]", "Find $x$.", True),
        ("Find [asy]a[/asy] $x$ [asy]\nb[/asy]", "find x", True),
        ("Find $x + 1$.", "Find $x - 1$.", False),
        ("Find $22.5$.", "Find $225$.", True),
        ("Find $x^2$.", "Find $x_2$.", False),
        ("[asy]a[/asy]", "[asy]b[/asy]", False),
        ("[asy]a[/asy]", "[asy]a[/asy]", True),
        ("\u6c42 x \u3002", "\u6c42 y \u3002", False),
        ("[asy] never closed", "[asy] never closed here", False),
    ],
)
def test_same_questions(one, other, same):
    report = decontaminate(problems(one), {"eval": problems(other, prefix="eval")})
    assert (same_form(one) == same_form(other)) is same
    assert (len(report.removed), len(report.kept)) == (int(same), int(not same))
    assert all(overlap.exact for overlap in report.overlaps)


def test_every_ignored_character_and_no_other_is_ignored():
    ignored = {chr(code) for code in range(32, 127) if same_form(f"a{chr(code)}b") == "ab"}
    assert ignored == set(" {}$.,;:!?")


def test_words_and_grams():
    expected = ["find", "frac", "1", "2", "x", "1", "of", "a", "3", "5"]
    assert words(r"Find \frac{1}{2}x_1 of [asy]draw[/asy] A 3.5") == expected
    assert words("na\u00efve \u6570") == ["na\u00efve", "\u6570"]
    assert grams("abcd", 3) == {("a", "b", "c"), ("b", "c", "d")}
    assert grams("ab", 3) == set()
    assert jaccard(grams("abcd", 3), grams("abce", 3)) == 1 / 3
    assert jaccard(set(), set()) == 0.0


def test_removed_reported_and_kept():
    near, similar, far = replaced(17), replaced(4), replaced(3, 7, 13)
    report = decontaminate(
        problems(LONG + "!", near, similar, far, "Something else"), {"eval": problems(LONG, prefix="eval")}
    )
    assert [removal.problem.id for removal in report.removed] == ["train/0", "train/1"]
    assert [kept.id for kept in report.kept] == ["train/2", "train/3", "train/4"]
    assert [overlap.train_id for overlap in report.reported] == ["train/2"]
    assert (report.removed[0].reason.exact, report.removed[0].reason.similarity) == (True, 1.0)
    assert not report.removed[1].reason.exact
    assert report.removed[1].reason.similarity == pytest.approx(15 / 17)
    assert report.reported[0].similarity == pytest.approx(13 / 19)
    assert report.rows() == [
        {
            "evaluation": "eval",
            "problems": 1,
            "exact": 1,
            "near": 0,
            "similar": 0,
            "train_removed": 2,
            "train_reported": 1,
        }
    ]
    assert report.nearest("eval")["eval/0"].train_id == "train/0"
    with pytest.raises(KeyError, match="there are eval"):
        report.nearest("other")


def test_thresholds_are_inclusive():
    similarity = 15 / 17
    pair = problems(replaced(17)), {"eval": problems(LONG, prefix="eval")}
    assert decontaminate(*pair, remove_at=similarity).removed
    above = decontaminate(*pair, remove_at=similarity + 1e-9)
    assert (len(above.removed), len(above.reported)) == (0, 1)
    assert decontaminate(*pair, remove_at=1.0, report_from=similarity).overlaps
    assert not decontaminate(*pair, remove_at=1.0, report_from=similarity + 1e-9).overlaps


def test_short_questions_are_compared_for_being_the_same_only():
    """Templates that differ in a number are no duplicates, however large their similarity."""
    one, other = "What is the largest prime factor of 77?", "What is the largest prime factor of 91?"
    assert jaccard(grams(words(one), GRAM), grams(words(other), GRAM)) > 0.5
    assert not decontaminate(problems(one), {"eval": problems(other, prefix="eval")}).overlaps
    assert len(words(one)) == RUN


def test_one_training_problem_can_hit_several_sets():
    evaluation = {"a": problems(LONG, replaced(17), prefix="a"), "b": problems(LONG, prefix="b"), "c": []}
    report = decontaminate(problems(LONG), evaluation)
    (removal,) = report.removed
    assert [(overlap.evaluation_id, overlap.exact) for overlap in removal.overlaps] == [
        ("a/0", True),
        ("b/0", True),
        ("a/1", False),
    ]
    assert [(row["exact"], row["near"], row["problems"]) for row in report.rows()] == [(1, 1, 2), (1, 0, 1), (0, 0, 0)]


def test_text_and_json_say_the_same():
    report = decontaminate(problems(LONG, replaced(17), replaced(4)), {"eval": problems(LONG, prefix="eval")})
    text = report.text(pairs=1)
    assert "3 training problems: 1 kept, 2 removed" in text
    assert "  train/0 ~ eval/0 of eval (same)\n  and 1 more" in text
    assert "  train/2 ~ eval/0 of eval (similarity 0.68)" in text
    assert report.text(pairs=0).endswith("3 training problems: 1 kept, 2 removed")
    assert "removed: 2 training problems, each with its strongest pair:" in text
    assert "kept all the same: 1 training problems in 1 pairs:" in text
    data = json.loads(json.dumps(report.to_json()))
    assert data["train"] == {"rows": 3, "kept": 1, "removed": 2}
    assert [row["id"] for row in data["removed"]] == ["train/0", "train/1"]
    assert data["reported"] == [
        {"id": "train/2", "evaluation": "eval", "evaluation_id": "eval/0", "exact": False, "similarity": 0.6842}
    ]
    assert data["rule"] == {"remove_at": 0.8, "report_from": 0.5, "gram_words": 3, "run_words": 8}


def test_the_table_says_which_problems_it_counts():
    """One of three problems is removed; the others are similar to both evaluation problems, so in four pairs."""
    train = problems(LONG, replaced(4), replaced(3))
    report = decontaminate(train, {"eval": problems(LONG, replaced(5), prefix="eval"), "b": []})
    assert report.text(pairs=0, of="test").split("\n") == [
        "                evaluation problems              test problems",
        "set   all  same  >= 0.8  0.5 to 0.8  removed  kept, 0.5 to 0.8",
        "eval    2     1       0           1        1                 2",
        "b       0     0       0           0        0                 0",
        "",
        "3 test problems: 2 kept, 1 removed",
    ]
    wide = decontaminate(train, {"a set with a long name": problems(LONG)}, remove_at=0.6).text(
        pairs=0, of="a kind with a name far longer than its two columns"
    )
    top, heads, row = wide.split("\n")[:3]
    assert len(top) == len(heads) == len(row)


def test_what_cannot_be_compared():
    one = problems(LONG)
    for thresholds in ({"remove_at": 1.1}, {"report_from": 0.0}, {"remove_at": 0.4}, {"remove_at": float("nan")}):
        with pytest.raises(ValueError, match="need 0 < report_from <= remove_at <= 1"):
            decontaminate(one, {"eval": one}, **thresholds)
    with pytest.raises(ValueError, match="at least one"):
        decontaminate([], {"eval": one})
    with pytest.raises(ValueError, match="at least one"):
        decontaminate(one, {})
    with pytest.raises(ValueError, match="ids in common"):
        decontaminate(one + one, {"eval": one})


TEXTS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "d."]), max_size=14).map(" ".join), min_size=1, max_size=6)


@given(train=TEXTS, evaluation=TEXTS)
def test_the_index_finds_what_comparing_all_pairs_finds(train, evaluation):
    one, other = problems(*train), problems(*evaluation, prefix="eval")
    report = decontaminate(one, {"eval": other}, remove_at=0.75, report_from=0.25)
    expected = {}
    for left, right in itertools.product(one, other):
        same = same_form(left.question) == same_form(right.question)
        mine, theirs = ([q.replace(".", "") for q in p.question.split()] for p in (left, right))
        triples = [{tuple(text[i : i + 3]) for i in range(len(text) - 2)} for text in (mine, theirs)]
        run = any(mine[i : i + 8] == theirs[j : j + 8] for i in range(len(mine) - 7) for j in range(len(theirs) - 7))
        score = len(triples[0] & triples[1]) / max(1, len(triples[0] | triples[1]))
        if same or (run and score >= 0.25):
            expected[left.id, right.id] = (same, score)
    found = {(pair.train_id, pair.evaluation_id): (pair.exact, pair.similarity) for pair in report.overlaps}
    assert found == expected
    gone = {left for (left, _), (same, score) in expected.items() if same or score >= 0.75}
    assert {removal.problem.id for removal in report.removed} == gone
    assert [kept.id for kept in report.kept] == [left.id for left in one if left.id not in gone]


def test_forms_of_answers():
    answers = {
        "7": "integer",
        "-7": "integer",
        "7.50": "decimal",
        ".5": "decimal",
        "1/2": "fraction",
        "x": "expression",
    }
    answers |= {
        r"-\frac{1}{2}": "fraction",
        r"\dfrac{-1}{2}": "fraction",
        r"\frac{x}{2}": "expression",
        "1,000": "expression",
    }
    assert {answer: answer_form(answer) for answer in answers} == answers


def test_summary():
    rows = [Problem("a", "pq", "1", {"level": 2}), Problem("b", "p", "x+1", {"level": None})]
    assert summarise(rows) == {
        "rows": 2,
        "answers": {"integer": 1, "expression": 1},
        "levels": {"2": 1, "none": 1},
        "longest_question": 2,
        "longest_answer": 3,
        "first_id": "a",
        "last_id": "b",
    }
    assert summarise([problem(0, "p")])["levels"] == {}
    with pytest.raises(ValueError, match="no problems"):
        summarise([])
