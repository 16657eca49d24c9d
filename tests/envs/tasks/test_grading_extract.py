from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxpo_bench.envs.tasks.grading.extract import box_answer, extract_after, extract_boxed, extract_boxes


@pytest.mark.parametrize(
    ("completion", "content"),
    [
        (r"So \boxed{7}.", "7"),
        (r"First \boxed{1}, then \boxed{2}", "2"),
        (r"\boxed{ \frac{1}{2} }", r"\frac{1}{2}"),
        (r"\boxed {17}", "17"),
        ("\\boxed\n{17}", "17"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{a\\}", r"a\\"),
        (r"\boxed{\left\{ x \right\}} }", r"\left\{ x \right\}"),
        (r"\boxed{}", ""),
        (r"\boxed 5$", "5"),
        (r"\boxed 12.5 is it", "12.5"),
        (r"\boxed x.", "x"),
        (r"\\boxed{8}", "8"),
        (r"\boxed{3} \\boxed{8}", "8"),
        (r"a \\\boxed{8}", "8"),
    ],
)
def test_the_last_box_is_read(completion: str, content: str) -> None:
    assert extract_boxed(completion) == content


@pytest.mark.parametrize(
    "completion",
    ["", "5", "the answer is 5", r"\boxed", r"\boxed{5", r"\boxed{{5}", r"\fbox{5}", r"\boxedx", r"\boxed seven"],
)
def test_without_a_balanced_box_there_is_no_answer(completion: str) -> None:
    assert extract_boxed(completion) is None


@pytest.mark.parametrize(
    ("completion", "content"),
    [
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{1 \boxed{2}", "2"),
        (r"{ \boxed{3}", "3"),
        (r"} \boxed{3}", "3"),
    ],
)
def test_a_box_that_never_closes_hides_no_other(completion: str, content: str) -> None:
    assert extract_boxed(completion) == content


def test_a_box_inside_another_belongs_to_the_outer_one() -> None:
    assert extract_boxed(r"\boxed{1 + \boxed{2} + \boxed{3}}") == r"1 + \boxed{2} + \boxed{3}"
    assert extract_boxes(r"\boxed{1 + \boxed{2}} or \boxed{3}") == [r"1 + \boxed{2}", "3"]


@pytest.mark.parametrize(
    ("completion", "content"),
    [
        (r"<think>\boxed{4}</think>", None),
        (r"<think>\boxed{4}", None),
        (r"\boxed{4}<think>", None),
        (r"\boxed{4}</think>", None),
        (r"<think>\boxed{4}</think>\boxed{5}", "5"),
        (r"\boxed{4}</think>\boxed{5}", "5"),
        (r"<think>a</think>\boxed{5}<think>b</think>", None),
        (r"<think>a</think>b<think>\boxed{4}</think>\boxed{5}", "5"),
        (r"<think>\boxed{4</think>}\boxed{5}", "5"),
    ],
)
def test_a_box_counts_only_after_the_thinking(completion: str, content: str | None) -> None:
    assert extract_boxed(completion) == content


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{" * 150_000,
        "\\boxed{" * 70_000 + "}" * 70_000,
        "\\boxed" + " " * 1_000_000,
        ("\\boxed " + " " * 1_000) * 1_000,
        "{" * 1_000_000,
        "\\" * 1_000_000,
        "<think>" * 100_000,
    ],
    ids=["open boxes", "nested boxes", "spaces", "boxes and spaces", "braces", "backslashes", "thoughts"],
)
def test_a_megabyte_of_anything_is_read(text: str) -> None:
    extracted = extract_boxed(text + r"\boxed{5}")
    assert extracted == (None if "<think>" in text else "5")


@given(st.text(alphabet="\\{} abxed12", max_size=60))
def test_what_is_put_into_a_box_last_comes_out(before: str) -> None:
    assert extract_boxed(before + " $\\boxed{\\frac{1}{2}}") in (r"\frac{1}{2}", None)
    assert extract_boxed(before.replace("\\", "") + " \\boxed{7}") == "7"


@given(st.text(alphabet="\\{}boxed 1", max_size=80))
def test_an_extracted_box_is_balanced(text: str) -> None:
    content = extract_boxed(text)
    if content is not None:
        plain = content.replace("\\\\", "").replace("\\{", "").replace("\\}", "")
        assert plain.count("{") == plain.count("}")
        assert content in text


def test_marked_answers_of_data_sets_are_boxed() -> None:
    assert extract_after("2 + 2\n#### 4\n", "####") == "4"
    assert extract_after("A: 1\nA: 2", "A:") == "2"
    assert extract_after("nothing", "####") is None
    assert extract_after("####", "####") is None
    assert box_answer("2 + 2\n#### 1,000") == r"\boxed{1,000}"
    assert box_answer("2 + 2\nA: 4") == r"\boxed{4}"
    assert box_answer("2 + 2\nB: 4", "B:") == r"\boxed{4}"
    assert box_answer("no marker") == "no marker"


def test_an_empty_marker_is_refused() -> None:
    with pytest.raises(ValueError, match="marker is empty"):
        extract_after("5", "")
