"""The leaderboard: score estimators on frozen suites, store the raw sums, rank within a class.

`submit` scores a user's estimator, `score_built_ins` the registered ones, `table` reads a `Leaderboard`.
`check` tells in seconds whether a file would be admitted. The code of a file runs in a sandbox (`maxpo_bench.sandbox`).
"""

from maxpo_bench.leaderboard.admission import CheckReport, check
from maxpo_bench.leaderboard.api import ScoringInterrupted, score_built_ins, submit, table
from maxpo_bench.leaderboard.contract import CheckResult, check_contract
from maxpo_bench.leaderboard.entry import Entry, Interval, Leaderboard
from maxpo_bench.leaderboard.examination import open_submission
from maxpo_bench.leaderboard.score import REFERENCE, ContractFailure, score
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
    "score",
    "score_built_ins",
    "submit",
    "table",
]
