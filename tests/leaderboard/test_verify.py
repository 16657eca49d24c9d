"""verify and withdraw, on a suite made small enough for a test."""

import json
import shutil
from dataclasses import replace
from functools import cache

import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.leaderboard import agreement, api, store, suite, table, verify, verify_all
from maxpo_bench.leaderboard.contract import CheckResult
from maxpo_bench.leaderboard.pool import ScoringInterrupted
from maxpo_bench.leaderboard.score import ContractFailure, score
from maxpo_bench.leaderboard.submission import built_in
from maxpo_bench.leaderboard.suite import SUITES, MazeTrack
from maxpo_bench.registry import UnknownNameError
from maxpo_bench.sandbox import offered

LEVEL = offered().strongest or "none"
SANDBOX = ("--sandbox", LEVEL) if LEVEL != "none" else ("--trust",)
NAMES = ("ei_l2o", "ei", "ei_l1o")
BEACON = "block 900001: 00000000000000000001f2"
HALF = (
    "from maxpo_bench.estimators import ei, l2o_baseline\n\n"
    "def advantages(rewards, k):\n    return ei(rewards, k) - 0.5 * l2o_baseline(rewards, k)\n"
)


def small():
    maze = MazeTrack(15, 0.8, 8, 4, 100, 40, (0.03, 1.0), 2, 12)
    return replace(SUITES.get("quick"), num_groups=1280, num_arms=10, maze=maze)


@cache
def scored_once(name, suite, rate, salt):
    """Scores are made once for all tests: they depend on nothing else."""
    base = None if name == "ei_l2o" else scored_once("ei_l2o", suite, rate, salt)
    return score(built_in(name), suite, base, salt=salt)


@pytest.fixture(scope="module", autouse=True)
def no_stopwatch():
    """The cost is not compared, and measuring it takes longer than everything else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maxpo_bench.leaderboard.score.measure_cost", lambda candidate, reference: 1.0)
        yield


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """The stored scores, made once."""
    folder, chosen = tmp_path_factory.mktemp("scores"), small()
    for name in NAMES:
        store.save(folder, scored_once(name, chosen, None, ""))
    return folder


@pytest.fixture(autouse=True)
def small_suite(monkeypatch):
    monkeypatch.setitem(suite.SUITES._entries, "quick-1", small())
    monkeypatch.setattr(agreement, "RESAMPLES", 19_999)


@pytest.fixture
def reruns(monkeypatch):
    """Lists what is scored: (name, salt, step sizes)."""
    asked = []

    def cached(candidate, suite, reference, progress, *, salt):
        asked.append((candidate.name, salt, suite.maze.learning_rates))
        return scored_once(candidate.name, suite, None, salt)

    monkeypatch.setattr(verify, "score", cached)
    return asked


@pytest.fixture
def results(scores, tmp_path):
    return shutil.copytree(scores, tmp_path / "results")


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, [str(item) for item in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def entry_of(results, name):
    return next(entry for entry in table("quick", results).entries if entry.name == name)


def path_of(results, name):
    return store.path_of(results, "quick-1", name, built_in(name).digest)


def rewrite(results, name, change):
    """Forge a stored score: the file is one that this package would have written."""
    path = path_of(results, name)
    path.write_text(change(store.load(path)).encoded())


@pytest.mark.parametrize("name", NAMES)
def test_an_honest_score_is_verified(results, reruns, name):
    before = path_of(results, name).read_bytes()
    done = verify.verify(name, suite="quick", results=results, beacon=BEACON, by="the other group")
    assert done.verification.agrees, done.verification.comparisons
    assert done.scored.entry.status == "verified"
    shown = entry_of(results, name)
    assert shown.status == "verified"
    assert (shown.verification["beacon"], shown.verification["by"]) == (BEACON, "the other group")
    metrics = [each["metric"] for each in shown.verification["comparisons"]]
    assert metrics[:2] == ["own seeds", "certificate"]
    assert {"B95 ratio", "variance ratio", "NSR", "solved", "maze return"} < set(metrics)
    assert path_of(results, name).read_bytes() == before
    assert entry_of(results, "ei_l2o" if name != "ei_l2o" else "ei").status == "self-run"


def test_seeds_follow_from_the_submission_and_the_beacon(results, reruns):
    done = verify.verify("ei", suite="quick", results=results, beacon=BEACON)
    rate = done.scored.entry.learning_rate
    salt = verify.salt_of(built_in("ei").digest, BEACON)
    assert reruns == [
        ("ei", "", (0.03, 1.0)),
        ("ei_l2o", salt, (entry_of(results, "ei_l2o").learning_rate,)),
        ("ei", salt, (rate,)),
    ]
    assert done.verification.salt == salt
    assert salt != verify.salt_of(built_in("ei").digest, BEACON + "x")
    assert salt != verify.salt_of(built_in("ei_l2o").digest, BEACON)
    assert len({verify.draw_beacon() for _ in range(100)}) == 100
    assert len(verify.draw_beacon()) == 64


def test_fresh_seeds_give_fresh_groups_mazes_and_hidden_bandits_on_the_same_bandits():
    own, fresh = (scored_once("ei", small(), None, salt) for salt in ("", verify.salt_of("d", BEACON)))
    for first, second in zip(own.noise, fresh.noise, strict=True):
        assert first.truth_sq == second.truth_sq
        assert first.dot != second.dot
    assert own.learning["returns"] != fresh.learning["returns"]
    assert own.certificate["cosine_min"] != fresh.certificate["cosine_min"] or own.certificate != fresh.certificate


def quieter(sums):
    """The same mean gradient with less noise around it: what a better estimator might give."""
    floor = sums.truth_sq * sums.num_groups / len(sums.sum_sq)
    return replace(sums, sum_sq=[floor + 0.7 * (value - floor) for value in sums.sum_sq])


FORGERIES = {
    "noise": (
        lambda item: replace(item, noise=[quieter(sums) for sums in item.noise]),
        {"own seeds", "B95 ratio", "variance ratio", "NSR"},
    ),
    "returns": (
        lambda item: replace(item, learning={**item.learning, "returns": [99.0] * len(item.learning["returns"])}),
        {"own seeds", "maze return"},
    ),
    "another kind": (
        lambda item: replace(item, entry=replace(item.entry, kind="proportional")),
        {"own seeds", "certificate"},
    ),
    "bias": (lambda item: replace(item, entry=replace(item.entry, bias=0.001)), {"own seeds"}),
    "cosine": (lambda item: replace(item, entry=replace(item.entry, cosine_min=0.5)), {"own seeds"}),
    "solved": (lambda item: replace(item, entry=replace(item.entry, solved=0.9)), {"own seeds"}),
    "eta": (lambda item: replace(item, entry=replace(item.entry, eta={**item.entry.eta, "1": 0.9})), {"own seeds"}),
    "fingerprint": (
        lambda item: replace(item, fingerprint={key: values[::-1] for key, values in item.fingerprint.items()}),
        {"own seeds"},
    ),
    "certificate": (
        lambda item: replace(item, certificate={**item.certificate, "worst_error": 0.5}),
        {"own seeds"},
    ),
    "curve of learning": (
        lambda item: replace(
            item,
            learning={
                **item.learning,
                "curve": {**item.learning["curve"], "mean": [9.0] * len(item.learning["curve"]["mean"])},
            },
        ),
        {"own seeds"},
    ),
    "maze interval": (
        lambda item: replace(
            item,
            entry=replace(item.entry, learning=replace(item.entry.learning, low=item.entry.learning.value)),
        ),
        {"own seeds"},
    ),
    "maze column": (
        lambda item: replace(item, entry=replace(item.entry, learning=replace(item.entry.learning, value=99.0))),
        {"own seeds"},
    ),
}


@pytest.mark.parametrize("forgery", list(FORGERIES))
def test_a_forged_score_is_disputed_with_what_differs(results, reruns, forgery):
    change, metrics = FORGERIES[forgery]
    rewrite(results, "ei", change)
    done = verify.verify("ei", suite="quick", results=results, beacon=BEACON)
    assert {each["metric"] for each in done.verification.comparisons if not each["agrees"]} == metrics
    shown = entry_of(results, "ei")
    assert (shown.status, shown.verification["agrees"]) == ("disputed", False)
    assert table("quick", results).ranks["ei"] is None


def test_a_step_size_that_the_tuning_does_not_choose_is_disputed(results, reruns):
    honest = store.load(path_of(results, "ei"))
    other = next(rate for rate in (0.03, 1.0) if rate != honest.entry.learning_rate)
    rewrite(
        results,
        "ei",
        lambda item: replace(
            item,
            entry=replace(item.entry, learning_rate=other),
            learning={**item.learning, "learning_rate": other},
        ),
    )
    done = verify.verify("ei", suite="quick", results=results, beacon=BEACON)
    note = done.verification.comparisons[0]["note"]
    assert not done.verification.comparisons[0]["agrees"]
    assert "the tuning chooses step size" in note


def test_a_beacon_is_used_once_for_the_same_numbers(results, reruns):
    first = verify.verify("ei", suite="quick", results=results, beacon=BEACON)
    count = len(reruns)
    again = verify.verify("ei", suite="quick", results=results, beacon=BEACON)
    assert (first.is_new, again.is_new) == (True, False)
    assert len(reruns) == count
    assert again.verification == first.verification


def test_a_rerun_that_breaks_the_contract_is_disputed(results, monkeypatch):
    def broken(*arguments, **options):
        raise ContractFailure("ei", [CheckResult("finite", "fail", "NaN in row 3"), CheckResult("shape", "pass", "")])

    monkeypatch.setattr(verify, "score", broken)
    printed = call("verify", "ei", "--suite", "quick", "--results", results, "--quiet", code=1)
    assert "DIFFERS  contract" in printed
    assert "finite: NaN in row 3" in printed
    assert entry_of(results, "ei").status == "disputed"


def test_the_command_prints_what_was_compared_and_gives_json(results, reruns):
    flags = ("--suite", "quick", "--results", results, "--quiet", "--beacon", BEACON)
    printed = call("verify", "pkpo", *flags)
    assert "agrees   B95 ratio" in printed
    assert "ei: verified." in printed
    assert BEACON in printed
    assert "nothing is run again" in call("verify", "ei", *flags)
    found = json.loads(call("verify", "ei", *flags, "--json"))
    assert (found["name"], found["status"], found["agrees"], found["beacon"]) == ("ei", "verified", True, BEACON)


def test_a_dispute_is_not_cleared_by_trying_once_more(results, reruns, monkeypatch):
    monkeypatch.setattr(verify, "salt_of", lambda digest, beacon: "one for all: no rerun twice")
    flags = ("--suite", "quick", "--results", results, "--quiet", "--beacon")
    with monkeypatch.context() as patch:
        patch.setattr(verify, "compare", lambda *runs: [replace_agreement()])
        call("verify", "ei", *flags, "one", code=1)
    assert "an earlier one did not" in call("verify", "ei", *flags, "two")
    assert entry_of(results, "ei").status == "disputed"
    assert "ei: verified." in call("verify", "ei", *flags, "three")


def replace_agreement():
    return verify.Comparison(metric="NSR", stored=1.0, rerun=2.0, low=0.9, high=1.1, agrees=False)


def test_what_cannot_be_verified_is_refused_before_anything_runs(results, reruns, monkeypatch, tmp_path):
    options = {"suite": "quick", "results": results}
    with pytest.raises(UnknownNameError, match="Did you mean 'ei_l2o'"):
        verify.verify("ei_l2", **options)
    with pytest.raises(ValueError, match="built-in estimator: leave the submission out"):
        verify.verify("ei", submission=tmp_path, **options)
    with pytest.raises(ValueError, match="beacon must be one line"):
        verify.verify("ei", beacon="two\nlines", **options)
    with monkeypatch.context() as patch:
        patch.setattr(verify, "scorer_hash", lambda: "newer")
        with pytest.raises(ValueError, match="scored by other code than this: score it again first"):
            verify.verify("ei", **options)
    rewrite(results, "ei", lambda item: item)
    other = store.load(path_of(results, "ei"))
    store.save(results, replace(other, entry=replace(other.entry, submission_hash="e" * 64)))
    with pytest.raises(ValueError, match="not the code that was scored"):
        verify.verify("ei", **options)
    path_of(results, "ei_l2o").unlink()
    with pytest.raises(ValueError, match="no score of ei_l2o"):
        verify.verify("ei_l1o", **options)
    assert reruns == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give the name of an entry, or --all-built-in"),
        (("ei", "--all-built-in"), "give the name of an entry, or --all-built-in"),
        (("--all-built-in", "--submission", "x.py"), "--submission goes with the name"),
        (("ei", "--sandbox", "none"), "--trust"),
    ],
)
def test_options_that_do_not_fit_are_refused(results, arguments, words):
    with pytest.raises(ValueError, match=words):
        call("verify", *arguments, "--suite", "quick", "--results", results)


def test_a_withdrawn_entry_keeps_its_row_without_a_rank(results, reruns):
    scores = entry_of(results, "ei")
    flags = ("--suite", "quick", "--results", results)
    assert "ei is withdrawn" in call("withdraw", "ei", "--reason", "a mistake", "--by", "the author", *flags)
    shown = entry_of(results, "ei")
    assert (shown.status, shown.b95_ratio) == ("withdrawn", scores.b95_ratio)
    assert shown.extra["withdrawn"]["reason"] == "a mistake"
    assert table("quick", results).ranks["ei"] is None
    assert path_of(results, "ei").is_file()
    with pytest.raises(ValueError, match="ei cannot be withdrawn: it is withdrawn since"):
        call("withdraw", "ei", "--reason", "again", *flags)
    with pytest.raises(ValueError, match="ei is withdrawn: a mistake"):
        call("verify", "ei", *flags)
    with pytest.raises(ValueError, match="the reference of every score"):
        call("withdraw", "ei_l2o", "--reason", "no", *flags)
    assert reruns == []


def test_what_an_earlier_version_left_ends_with_a_verification(results, reruns):
    now = store.load(path_of(results, "ei"))
    old = replace(now.entry, submission_hash="e" * 64, scorer={**now.entry.scorer, "date": "2001-01-01"})
    earlier = store.save(results, replace(now, entry=old)).parent
    verify.statuses.withdraw(earlier, verify.Withdrawal(date="2002-01-01", reason="a mistake"))
    assert entry_of(results, "ei").status == "withdrawn"
    assert verify.verify("ei", suite="quick", results=results, beacon=BEACON).scored.entry.status == "verified"
    assert entry_of(results, "ei").status == "verified"
    assert "withdrawn" not in entry_of(results, "ei").extra


def test_a_submission_is_verified_from_its_source_in_the_sandbox(results, tmp_path, monkeypatch):
    path = tmp_path / "half.py"
    path.write_text(HALF)
    flags = ("--suite", "quick", "--results", results, "--quiet")
    call("submit", path, *SANDBOX, *flags)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"the source of half is needed and not at submissions/half and .*half\.py"):
        call("verify", "half", *flags)
    other = tmp_path / "other.py"
    other.write_text(HALF + "# changed\n")
    with pytest.raises(ValueError, match="is not what was scored as half"):
        call("verify", "half", "--submission", other, *flags)
    (tmp_path / "submissions").mkdir()
    path.rename(tmp_path / "submissions" / "half.py")
    printed = call("verify", "half", *SANDBOX, *flags)
    assert "half: verified." in printed
    [found] = [item for item in store.load_all(results, "quick-1") if item.entry.name == "half"]
    folder = store.path_of(results, "quick-1", "half", found.entry.submission_hash).parent
    [verification] = verify.statuses.verifications(folder)
    assert verification.sandbox == LEVEL


def in_this_process(job, names, arguments, *, workers, report):
    for done, name in enumerate(names):
        job(name, *arguments, lambda stage, share, done=done, name=name: report(done + share, name))


def test_all_built_ins_are_verified_and_what_is_done_is_kept(results, reruns, monkeypatch):
    monkeypatch.setattr(verify_all, "in_processes", in_this_process)
    flags = ("--suite", "quick", "--results", results, "--quiet")
    verify.verify("ei", suite="quick", results=results, beacon=BEACON)
    del reruns[:]
    printed = call("verify", "--all-built-in", "--beacon", BEACON, *flags)
    assert [line.split() for line in printed.splitlines()] == [["verified", name] for name in sorted(NAMES)]
    assert "ei" not in {name for name, *_ in reruns}
    del reruns[:]
    call("verify", "--all-built-in", *flags)
    assert reruns == []
    found = json.loads(call("verify", "--all-built-in", *flags, "--json"))
    assert {name: item["status"] for name, item in found.items()} == dict.fromkeys(NAMES, "verified")


def test_a_killed_process_ends_with_code_3_and_what_was_done_is_kept(results, reruns, monkeypatch):
    def dying(name, *arguments):
        if name == "ei_l1o":
            raise ScoringInterrupted("it was killed")
        verify.verify(name, suite=arguments[0], results=arguments[1], beacon=arguments[2])

    monkeypatch.setattr(verify_all, "in_processes", in_this_process)
    monkeypatch.setattr(verify_all, "verify_one", dying)
    call("verify", "--all-built-in", "--beacon", BEACON, "--suite", "quick", "--results", results, "--quiet", code=3)
    statuses = {name: entry_of(results, name).status for name in NAMES}
    assert statuses["ei_l1o"] == "self-run"
    assert "verified" in statuses.values()


def test_no_score_of_a_built_in_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="holds no score of a built-in estimator"):
        call("verify", "--all-built-in", "--suite", "quick", "--results", tmp_path)


def test_built_ins_are_verified_in_processes_of_their_own(tmp_path, monkeypatch):
    """The suite is patched in this process only: the worker finds the scores of the real quick suite."""
    monkeypatch.undo()
    api.score_one("ei_l2o", "quick", tmp_path)
    seen = []
    [found] = verify_all.verify_built_ins("quick", tmp_path, progress=lambda *step: seen.append(step))
    assert found.entry.status == "verified"
    assert (seen[0], seen[-1]) == ((0, 1, ""), (1, 1, ""))
    assert {current for _, _, current in seen[1:-1]} == {"ei_l2o"}
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert len({done for done, _, _ in seen}) > 10
