"""The leaderboard: score estimators on frozen suites, store the raw sums, rank within a class.

`check` tells in seconds whether a file would be admitted, `submit` scores it, `score_built_ins` the registered
estimators, `table` reads a `Leaderboard`. The code of a file runs in a sandbox (`maxpo_bench.sandbox`).
"""

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.leaderboard.admission import CheckReport, check
    from maxpo_bench.leaderboard.api import ScoringInterrupted, score_built_ins, submit, table
    from maxpo_bench.leaderboard.contract import CheckResult, check_contract
    from maxpo_bench.leaderboard.entry import Entry, Interval, Leaderboard
    from maxpo_bench.leaderboard.examination import open_submission
    from maxpo_bench.leaderboard.score import REFERENCE, ContractFailure
    from maxpo_bench.leaderboard.source import Metadata, Submission, SubmissionError, read_submission
    from maxpo_bench.leaderboard.store import ScoredEntry, load_all
    from maxpo_bench.leaderboard.submission import Candidate, built_in, load_submission
    from maxpo_bench.leaderboard.suite import SUITES, Suite

__all__ = [
    "REFERENCE",
    "SUITES",
    "Candidate",
    "CheckReport",
    "CheckResult",
    "ContractFailure",
    "Entry",
    "Interval",
    "Leaderboard",
    "Metadata",
    "ScoredEntry",
    "ScoringInterrupted",
    "Submission",
    "SubmissionError",
    "Suite",
    "built_in",
    "check",
    "check_contract",
    "load_all",
    "load_submission",
    "open_submission",
    "read_submission",
    "score_built_ins",
    "submit",
    "table",
]

_MODULES = {
    **dict.fromkeys(
        (
            "CheckReport",
            "check",
        ),
        "admission",
    ),
    **dict.fromkeys(
        (
            "ScoringInterrupted",
            "score_built_ins",
            "submit",
            "table",
        ),
        "api",
    ),
    **dict.fromkeys(
        (
            "CheckResult",
            "check_contract",
        ),
        "contract",
    ),
    **dict.fromkeys(
        (
            "Entry",
            "Interval",
            "Leaderboard",
        ),
        "entry",
    ),
    **dict.fromkeys(("open_submission",), "examination"),
    **dict.fromkeys(
        (
            "REFERENCE",
            "ContractFailure",
        ),
        "score",
    ),
    **dict.fromkeys(
        (
            "Metadata",
            "Submission",
            "SubmissionError",
            "read_submission",
        ),
        "source",
    ),
    **dict.fromkeys(
        (
            "ScoredEntry",
            "load_all",
        ),
        "store",
    ),
    **dict.fromkeys(
        (
            "Candidate",
            "built_in",
            "load_submission",
        ),
        "submission",
    ),
    **dict.fromkeys(
        (
            "SUITES",
            "Suite",
        ),
        "suite",
    ),
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
