"""The leaderboard: score estimators on frozen suites, store the raw sums, rank within a class.

`submit` scores a user's estimator, `score_built_ins` the registered ones, `table` reads a `Leaderboard`.
The code of a submission runs in this process with the caller's rights: read it before you run it.
"""

from maxpo_bench.leaderboard.api import ScoringInterrupted, score_built_ins, submit, table
from maxpo_bench.leaderboard.contract import CheckResult, check_contract
from maxpo_bench.leaderboard.entry import Entry, Interval, Leaderboard
from maxpo_bench.leaderboard.score import REFERENCE, ContractFailure, score
from maxpo_bench.leaderboard.store import ScoredEntry, load_all
from maxpo_bench.leaderboard.submission import Candidate, Metadata, SubmissionError, built_in, load_submission
from maxpo_bench.leaderboard.suite import SUITES, Suite

__all__ = [
    "REFERENCE",
    "SUITES",
    "Candidate",
    "CheckResult",
    "ContractFailure",
    "Entry",
    "Interval",
    "Leaderboard",
    "Metadata",
    "ScoredEntry",
    "ScoringInterrupted",
    "SubmissionError",
    "Suite",
    "built_in",
    "check_contract",
    "load_all",
    "load_submission",
    "score",
    "score_built_ins",
    "submit",
    "table",
]
