"""What is honest is admitted, what is faulty or misleading is found out: the same in this process and in the sandbox.

Submissions that do not attack are examined in this process, where a call costs nothing; one of each kind of verdict,
and behind the marker `paper` each, is examined in the strict sandbox too.
"""

import pytest
import zoo_table
from test_zoo_hostile import assert_report
from zoo_table import Animal

from maxpo_bench.leaderboard.admission import check
from maxpo_bench.leaderboard.certification import certify_candidate, contradicted_at
from maxpo_bench.leaderboard.contract import check_contract
from maxpo_bench.leaderboard.fingerprint import is_near_duplicate
from maxpo_bench.leaderboard.score import measure_noise
from maxpo_bench.leaderboard.submission import SubmissionError, built_in, read_submission, run_in_process
from maxpo_bench.leaderboard.suite import SUITES

TAME = [animal for animal in zoo_table.read() if animal.group != "hostile"]
SUITE = SUITES.get("full")
IN_SANDBOX = (
    *("factory", "binary_only"),
    *("raises_at_import", "wakes_late", "modifies_input", "caches_by_input"),
    *("honest_small_or_tied", "honest_in_small_batches", "rehearses_the_examination"),
)
ONLY_THERE = (
    *("raises_at_import", "wakes_late", "caches_by_input"),
    *("honest_in_small_batches", "honest_in_large_batches", "rehearses_the_examination"),
)
"""What an import error, a second process, copied answers and a secret show."""

IN_PROCESS = [animal for animal in TAME if animal.name not in ONLY_THERE]
pytestmark = pytest.mark.filterwarnings(
    "ignore:std..:UserWarning",  # of a group of one or two, in some of the submissions
    "ignore:invalid value encountered:RuntimeWarning",  # inf - inf, there and in the audit of rows that hold inf
)


def parameters(animals):
    return [pytest.param(animal, id=str(animal)) for animal in animals]


@pytest.mark.parametrize("animal", parameters(IN_PROCESS))
def test_verdicts_in_this_process(animal: Animal, tmp_path):
    path = animal.put(tmp_path, {})
    if animal.error:
        with pytest.raises(SubmissionError) as refused:
            check_contract(run_in_process(read_submission(path)))
        assert [word for word in animal.words if word not in str(refused.value)] == []
        assert str(refused.value).isprintable()
        return
    candidate = run_in_process(read_submission(path))
    failed = {result.name: result.message for result in check_contract(candidate) if result.status == "fail"}
    if animal.fails:
        assert animal.fails in failed
        return
    assert failed == {}
    certificate = certify_candidate(candidate)
    contradiction = contradicted_at(candidate, certificate, SUITE)
    assert ("biased" if contradiction else certificate.kind) == animal.certificate
    said = f"{certificate.explain()}\n{contradiction}"
    assert [word for word in animal.words if word not in said] == []


def assert_checked(animal: Animal, tmp_path) -> None:
    report = check(animal.put(tmp_path, {}))
    if animal.certificate:
        assert (report.passed, report.kind) == (True, animal.certificate), report.error
        assert report.certificate is not None
        said = f"{report.certificate.explain()}\n{report.contradiction}"
        assert [word for word in animal.words if word not in said] == []
    elif animal.error == "SubmissionError":
        assert (report.passed, report.error_kind) == (False, "SubmissionError")
        assert [word for word in animal.words if word not in report.error] == []
    else:
        assert_report(animal, report)


@pytest.mark.parametrize("animal", parameters(animal for animal in TAME if animal.name in IN_SANDBOX))
def test_verdicts_in_the_strict_sandbox(strict, animal: Animal, tmp_path):
    assert_checked(animal, tmp_path)


@pytest.mark.paper
@pytest.mark.parametrize("animal", parameters(animal for animal in TAME if animal.name not in IN_SANDBOX))
def test_all_other_verdicts_in_the_strict_sandbox(strict, animal: Animal, tmp_path):
    assert_checked(animal, tmp_path)


def noise_of(candidate):
    return measure_noise(candidate, {}, SUITES.get("quick"))[0]


@pytest.fixture(scope="module")
def originals():
    return {name: noise_of(built_in(name)) for name in ("ei_l2o", "ei", "ei_l1o", "reinforce_l1o", "pkpo_sloo")}


@pytest.mark.paper
@pytest.mark.parametrize("animal", parameters(animal for animal in TAME if animal.scored in ("main", "copy")))
def test_copies_are_recognised_whatever_their_scale_and_name(originals, animal: Animal, tmp_path):
    theirs = noise_of(run_in_process(read_submission(animal.put(tmp_path, {}))))
    found = [name for name, noise in originals.items() if is_near_duplicate(theirs, noise)]
    assert found == ([animal.linked_to] if animal.linked_to else [])
