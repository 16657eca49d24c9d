"""Reports: the numbers are those of the estimators, nothing is left out silently, no model is needed."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from passk_samples import random_samples, rows_of, samples_of, write_lines

from maxpo_bench.evaluation import exact_pass_at_k, make_report, pass_at_k, read_samples
from maxpo_bench.evaluation.rows import pass_at_k_rows, support_rows

SIZES = {"aime": 30, "math": 120}
BASE = random_samples("base", SIZES, 32, 1, power=3)
MINE = random_samples("mine", SIZES, 32, 2, power=2)
OUTPUTS = Path(__file__).resolve().parents[2] / ".." / "shared" / "outputs"


def report(*methods, **options):
    return make_report(methods, **{"resamples": 100, **options})


def of(label, **verdicts):
    keys = {("a", problem): marks for problem, marks in verdicts.items()}
    return samples_of(label, keys)


def test_curves_are_means_over_problems():
    (method,) = report(MINE).methods
    assert list(method.pass_at_k.benchmarks) == ["aime", "math"]
    for name, points in method.pass_at_k.benchmarks.items():
        part = MINE.of(name)
        assert [point.k for point in points] == [1, 2, 4, 8, 16, 32]
        for point in points:
            mean = pass_at_k(part.num_samples, part.num_correct, point.k).mean()
            assert point.estimate == pytest.approx(mean, abs=1e-14)
            assert point.low <= mean <= point.high
    first, second = (method.pass_at_k.benchmarks[name][0].estimate for name in ("aime", "math"))
    assert method.pass_at_k.task_average[0].estimate == pytest.approx((first + second) / 2)
    assert method.pass_at_k.problem_average[0].estimate == pytest.approx((30 * first + 120 * second) / 150)


def test_differences_are_paired_by_problem():
    result = report(MINE, against=BASE)
    assert result.against == "base"
    assert [method.label for method in result.methods] == ["mine", "base"]
    mine, base = result.methods
    for name, points in result.differences["mine"].benchmarks.items():
        for point, a, b in zip(points, mine.pass_at_k.benchmarks[name], base.pass_at_k.benchmarks[name], strict=True):
            assert point.estimate == pytest.approx(a.estimate - b.estimate, abs=1e-12)
    assert result.differences["mine"].task_average[0].low > 0
    assert set(result.support["mine"]) == {"aime", "math"}


def test_a_method_beside_itself_differs_by_exactly_nothing():
    twin = samples_of("twin", {key: "0" for key in BASE.keys})
    twin = type(twin)(**{**vars(twin), "num_samples": BASE.num_samples, "num_correct": BASE.num_correct})
    result = report(twin, against=BASE)
    for points in result.differences["twin"].benchmarks.values():
        assert {(point.low, point.estimate, point.high) for point in points} == {(0.0, 0.0, 0.0)}
    assert {part.net_change for part in result.support["twin"].values()} == {0.0}


def test_exact_fractions_of_labelled_outputs():
    if not OUTPUTS.is_dir():
        pytest.skip(f"no labelled model outputs at {OUTPUTS}")
    stored = json.loads((OUTPUTS / "score_matrices.json").read_text())["exact_passk"]
    samples = {each.label: each for each in read_samples(OUTPUTS / "score_matrices.json", label=None)}
    assert len(samples) == len(stored)
    for each, wanted in zip(samples.values(), stored.values(), strict=True):
        ks = [int(k) for k in wanted["pass@k"]]
        (points,) = report(each, ks=ks).methods[0].pass_at_k.benchmarks.values()
        for point in points:
            fraction, decimal = wanted["pass@k"][str(point.k)]
            counts = zip(each.num_samples.tolist(), each.num_correct.tolist(), strict=True)
            exact = sum(exact_pass_at_k(n, c, point.k) for n, c in counts) / wanted["problems"]
            assert exact == Fraction(fraction)
            assert abs(Fraction(point.estimate) - Fraction(fraction)) < Fraction(1, 10**12)
            assert abs(point.estimate - decimal) < 1e-12


def test_scores_give_max_at_k_beside_pass_at_k(tmp_path):
    rows = [
        {"id": f"a/{p}", "sample": s, "correct": s == 0, "score": value}
        for p, values in enumerate(([0.0, 3.0], [1.0, 2.0]))
        for s, value in enumerate(values)
    ]
    (samples,) = read_samples(write_lines(tmp_path / "run.jsonl", rows))
    (method,) = report(samples).methods
    assert [point.estimate for point in method.max_at_k.benchmarks["a"]] == [1.5, 2.5]
    (samples,) = read_samples(write_lines(tmp_path / "run.jsonl", [*rows, {"id": "a/0", "sample": 2, "correct": 0}]))
    partly = report(samples)
    assert partly.methods[0].max_at_k is None
    assert "run: 1 sample without a score, so there is no max@k." in partly.notes


def test_k_beyond_the_samples_is_refused_or_leaves_problems_out():
    short = of("short", x="0110", y="01", z="1111")
    with pytest.raises(ValueError, match=r"k=3 needs at least 3 samples of every problem, short has 2 of a/y: lower k"):
        report(short, ks=[1, 3])
    result = report(short, ks=[3, 1, 3], skip_short=True)
    (method,) = result.methods
    assert (method.too_short, method.not_common) == (1, 0)
    assert method.samples.problems == ("x", "z")
    assert [point.k for point in method.pass_at_k.benchmarks["a"]] == [1, 3]
    assert "short: 1 problem left out for too few samples." in result.notes
    with pytest.raises(ValueError, match="no problem of short has 5 samples, the most are 4: lower k"):
        report(short, ks=[5], skip_short=True)
    with pytest.raises(ValueError, match=r"leaving short problems out .* needs k"):
        report(short, skip_short=True)


def test_a_curve_that_ends_early_says_why():
    result = report(of("short", x="0110", y="01", z="1111"))
    assert [point.k for point in result.methods[0].pass_at_k.benchmarks["a"]] == [1, 2]
    assert (
        "short: k ends at 2 on a, since a/y has 2 samples where others have up to 4. "
        "--k with --skip-short leaves such problems out."
    ) in result.notes


def test_different_problems_are_refused_or_left_out():
    mine, base = of("mine", x="01", y="01", z="00"), of("base", y="11", z="01", **{f"w{at}": "01" for at in range(7)})
    with pytest.raises(
        ValueError,
        match=r"mine and base have different problems: 1 problem \(a/x\) only in mine; 7 problems "
        r"\(a/w0, a/w1, a/w2, a/w3, a/w4 and 2 more\) only in base: restrict both to the common ones \(common=True",
    ):
        report(mine, against=base)
    result = report(mine, against=base, common=True)
    assert [method.not_common for method in result.methods] == [1, 7]
    assert [method.samples.problems for method in result.methods] == [("y", "z"), ("y", "z")]
    assert "base: 7 problems left out that not all methods have." in result.notes
    other = samples_of("other", {("b", "q"): "01"})
    with pytest.raises(ValueError, match=r"none in common \(mine has benchmark a; other has benchmark b\)"):
        report(mine, against=other)
    with pytest.raises(ValueError, match="no problem is common to mine, other: mine has benchmark a; other"):
        report(mine, other, common=True)


def test_different_problems_without_a_comparison_are_a_note():
    result = report(of("mine", x="01", y="01"), of("base", y="11", z="01"))
    assert any(note.startswith("The methods have different problems") for note in result.notes)
    assert not any("different problems" in note for note in report(MINE, BASE).notes)


def test_notes_on_few_problems_single_ones_and_unjudged_samples(tmp_path):
    rows = [*rows_of({"a/1": "0"}, status="timeout"), *rows_of({"b/1": "01", "b/2": "01"})]
    (samples,) = read_samples(write_lines(tmp_path / "run.jsonl", rows))
    notes = report(samples).notes
    assert "run: 1 sample could not be judged (timeout 1) and count as wrong." in notes
    assert "One problem cannot be resampled: no intervals for a of run, nor for averages that hold it." in notes
    assert any(note.startswith("Few problems (b 2): the true mean lies outside their intervals more") for note in notes)
    assert not any("Few problems" in note and "math" in note for note in report(MINE).notes)


def test_unequal_numbers_of_samples_are_said_and_made_fair():
    result = report(of("mine", x="0110", y="0000"), against=of("base", x="01", y="01"))
    assert result.support["mine"]["a"].k == 2
    assert any(note.startswith("mine and base have different numbers of samples") for note in result.notes)
    assert [point.k for point in result.differences["mine"].benchmarks["a"]] == [1, 2]
    assert report(MINE, against=BASE, support_at=8).support["mine"]["aime"].k == 8


@pytest.mark.parametrize(
    ("methods", "options", "error", "words"),
    [
        ([], {}, ValueError, "no methods: give the samples of at least one"),
        ([MINE, MINE], {}, ValueError, "2 methods are called 'mine': give each a label of its own"),
        ([MINE], {"against": MINE}, ValueError, "2 methods are called 'mine'"),
        ([MINE], {"support_at": 4}, ValueError, "support at k=4 needs a method to compare with"),
        ([MINE], {"ks": []}, ValueError, "no k: give at least one"),
        ([MINE], {"ks": [0]}, ValueError, "k must be at least 1, got 0"),
        ([MINE], {"ks": [1.0]}, TypeError, "k must be an integer, got 1.0"),
        ([MINE], {"ks": [True]}, TypeError, "k must be an integer, got True"),
        ([MINE], {"against": BASE, "support_at": 64}, ValueError, r"support at k=64 needs k in \[1, 32\]"),
        ([MINE], {"confidence": 95}, ValueError, r"confidence must be in \(0, 1\), got 95"),
    ],
)
def test_wrong_requests_raise(methods, options, error, words):
    with pytest.raises(error, match=words):
        make_report(methods, **options)


def test_the_seed_decides_every_number():
    first, second = (json.dumps(report(MINE, against=BASE, seed=4).to_dict()) for _ in range(2))
    assert first == second
    assert json.dumps(report(MINE, against=BASE, seed=5).to_dict()) != first


def test_the_form_of_the_json_is_stable():
    table = report(MINE, against=BASE).to_dict()
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    assert table["schema"] == "maxpo-bench pass@k 1"
    assert list(table) == [
        "schema",
        "confidence",
        "resamples",
        "seed",
        "methods",
        "against",
        "differences",
        "support",
        "notes",
    ]
    assert set(table["methods"][0]) == {
        "label",
        "files",
        "num_problems",
        "num_samples",
        "statuses",
        "left_out",
        "benchmarks",
        "pass_at_k",
        "max_at_k",
    }
    assert table["methods"][0]["left_out"] == {"too_few_samples": 0, "not_common": 0}
    assert set(table["methods"][0]["benchmarks"]["aime"]) == {
        "num_problems",
        "samples_per_problem",
        "num_correct",
        "pass_at_1_sampling_error",
    }
    curves = table["differences"]["mine"]
    assert set(curves) == {"benchmarks", "problem_average", "task_average"}
    assert set(curves["benchmarks"]["math"][0]) == {"k", "estimate", "low", "high"}
    support = table["support"]["mine"]["aime"]
    classes = {"preservation", "expansion", "shrinkage", "out_of_support"}
    assert set(support) == classes | {"k", "num_problems", "srr", "ndr", "sds", "nscr", "problems", "unseen_bound"}
    assert support["unseen_bound"] == pytest.approx(-np.log(0.05) / 32)
    assert set(support["problems"]) == classes | {"undecided"}
    alone = report(MINE).to_dict()
    assert list(alone) == list(table)
    assert (alone["against"], alone["differences"], alone["support"]) == (None, {}, {})


def test_long_form_has_every_point():
    result = report(MINE, against=BASE)
    rows = pass_at_k_rows(result)
    assert len(rows) == 2 * 4 * 6
    assert [row["benchmark"] for row in rows[:: 2 * 6]] == ["aime", "math", "task average", "problem average"]
    assert rows[-1]["num_problems"] == 150
    assert {(row["fewest_samples"], row["most_samples"]) for row in rows} == {(32, 32)}
    (first, second) = support_rows(result)
    assert (first["benchmark"], second["benchmark"]) == ("aime", "math")
    assert first["preservation"] + first["expansion"] + first["shrinkage"] + first["out_of_support"] == 30


def test_problems_are_named_with_their_benchmark_once():
    with pytest.raises(ValueError, match="mine has 32 of aime/0000: lower k"):
        report(MINE, ks=[33])


@pytest.mark.parametrize(
    ("what", "absent"),
    [
        ("import maxpo_bench.evaluation", "scipy pandas torch transformers matplotlib sympy rich"),
        (
            "from maxpo_bench.evaluation import make_report, read_samples; make_report(read_samples(sys.argv[1]))",
            "pandas torch transformers matplotlib sympy rich",
        ),
    ],
)
def test_evaluation_needs_no_model(tmp_path, what, absent):
    path = write_lines(tmp_path / "run.jsonl", rows_of({"a/1": "01", "a/2": "11"}))
    code = f"import sys; {what}; print(*(set({absent.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_it_works_where_torch_and_transformers_are_not_installed(tmp_path):
    path = write_lines(tmp_path / "run.jsonl", rows_of({"a/1": "01", "a/2": "11"}))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'transformers', 'datasets', 'sympy', 'math_verify', 'vllm'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from maxpo_bench.commands.llm_report import run\n"
        "run([Path(sys.argv[1])], None, None, Path(sys.argv[2]), False)\n"
    )
    arguments = [sys.executable, "-c", code, str(path), str(tmp_path / "out")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pass@k" in done.stdout
    assert (tmp_path / "out" / "report.json").is_file()


def test_counts_must_fit_each_other():
    with pytest.raises(ValueError, match="keys, num_samples and num_correct must have one length"):
        type(MINE)(**{**vars(MINE), "num_correct": np.zeros(3, dtype=int)})
    with pytest.raises(ValueError, match="mine: problems must be distinct and in ascending order"):
        type(MINE)(**{**vars(MINE), "keys": MINE.keys[::-1]})
