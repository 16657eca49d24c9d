"""The slow comparison of two answers, by math-verify; it belongs in a process that can be killed."""

from __future__ import annotations


def judge(gold: str, answer: str) -> bool:
    """Return whether two normalised answers are equal in value; an answer that cannot be read is not.

    Args:
        gold: the normalised reference answer.
        answer: the normalised answer to judge.
    """
    from math_verify import LatexExtractionConfig, parse, verify

    configuration = [LatexExtractionConfig(boxed_match_priority=0)]
    parsed = [
        parse(f"\\boxed{{{text}}}", configuration, fallback_mode="no_fallback", parsing_timeout=None)  # type: ignore[arg-type]
        for text in (gold, answer)
    ]
    return verify(parsed[0], parsed[1], numeric_precision=30, allow_set_relation_comp=True, timeout_seconds=None)


def warm_up() -> None:
    """Import and exercise what `judge` needs, so that a worker's first judgement is as quick as its others."""
    judge("\\frac{1}{2}+x", "x+\\frac{2}{4}")
