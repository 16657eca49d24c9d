"""Sets of runs: which are repetitions, what their means and intervals are, what is compared with what."""

from dataclasses import replace

import numpy as np
import pytest
from paper_run_folders import run_of
from scipy import stats as scipy_stats

from maxpo_bench.estimators import ESTIMATORS
from maxpo_bench.evaluation import pass_at_k
from maxpo_bench.evaluation.curves import PerProblem, doubling_ks, estimate_curves
from maxpo_bench.evaluation.proxy import proxy_ratio
from maxpo_bench.evaluation.run import WITHOUT_K, base_of, group_runs, main_series, partner
from maxpo_bench.evaluation.run_means import Intervals, mean_difference, mean_pass_at_k
from maxpo_bench.evaluation.run_report import make_run_report
from maxpo_bench.evaluation.run_support import mean_support
from maxpo_bench.stats import mean_interval

COUNTS = {"a": [0, 1, 3, 8, 5], "b": [2, 2, 7, 0]}
INTERVALS = Intervals(0.95, 500, 3)


def random_run(method, seed, **options):
    rng = np.random.default_rng([seed, len(method)])
    counts = {name: rng.integers(0, 9, len(values)).tolist() for name, values in COUNTS.items()}
    return run_of(method, seed, counts, **options)


def labels(series):
    return [each.label for each in series]


def test_seeds_are_repetitions_and_rows_stand_as_in_the_papers_tables():
    methods = ("ei_l2o", "pkpo", "mine", "grpo", "entropy_adv", "reinforce_l1o", "dr_grpo")
    runs = [run_of(method, seed, COUNTS) for method in methods for seed in (1, 0)] + [run_of("base", 0, COUNTS)]
    series = group_runs(runs)
    assert labels(series) == [
        "base model", "REINFORCE+L1O", "Dr. GRPO", "GRPO", "Entropy-Adv", "mine", "PKPO", "MaxPO"
    ]  # fmt: skip
    assert [run.seed for run in series[-1].runs] == [0, 1]


def test_the_papers_models_come_first():
    models = ["a-model", "Llama-3.2-3B-Instruct", "Qwen/Qwen2.5-Math-7B"]
    series = group_runs([run_of("grpo", 0, COUNTS, model=model) for model in models])
    assert [each.model for each in series] == ["Qwen/Qwen2.5-Math-7B", "Llama-3.2-3B-Instruct", "a-model"]


def test_several_k_are_series_of_their_own_and_tables_show_one():
    runs = [run_of("maxpo", 0, COUNTS, k=k) for k in (7, 4, 2)] + [run_of("pkpo", 0, COUNTS, k=4)]
    series = group_runs(runs)
    assert labels(series) == ["PKPO", "MaxPO, K=2", "MaxPO, K=4", "MaxPO, K=7"]
    assert labels(main_series(series)) == ["PKPO", "MaxPO, K=4"]
    assert partner(series[0], "maxpo", series) is series[2]


def test_without_the_default_k_tables_show_that_of_most_methods():
    runs = [run_of("maxpo", 0, COUNTS, k=k) for k in (2, 8)] + [run_of("pkpo", 0, COUNTS, k=8)]
    assert labels(main_series(group_runs(runs))) == ["PKPO", "MaxPO, K=8"]


def test_methods_that_do_not_use_k_have_none():
    assert labels(group_runs([run_of("grpo", seed, COUNTS, k=k) for seed, k in ((0, 4), (1, 2))])) == ["GRPO"]


def test_methods_without_k_are_those_whose_estimators_do_not_use_it():
    own = {name for name in ESTIMATORS if not ESTIMATORS.get(name).uses_k}
    assert {"base", "entropy_adv", *own} == WITHOUT_K


def test_a_grid_of_learning_rates_is_a_series_for_each():
    runs = [
        run_of("maxpo", seed, COUNTS, **{"engine": "tiny", "config.learning_rate": rate, "config.seed": seed})
        for seed in (0, 1)
        for rate in (1e-4, 5e-5)
    ]
    series = group_runs(runs)
    assert labels(series) == ["MaxPO, learning_rate=0.0001", "MaxPO, learning_rate=5e-05"]
    assert all(len(each.runs) == 2 for each in series)
    assert labels(main_series(series)) == labels(series)


def test_engines_part_runs_before_numbers_do():
    runs = [
        run_of("maxpo", 0, COUNTS, **{"engine": engine, "config.learning_rate": rate})
        for engine, rate in (("tiny", 1e-4), ("trl", 1e-5))
    ]
    assert labels(group_runs(runs)) == ["MaxPO, engine=tiny", "MaxPO, engine=trl"]


def test_a_run_that_is_there_twice_is_refused():
    runs = [run_of("maxpo", 0, COUNTS, name=name, engine="tiny") for name in ("one", "two")]
    with pytest.raises(ValueError, match="one and two are both maxpo with K=4 and seed 0 on tiny"):
        group_runs(runs)


def test_pretraining_seeds_are_repetitions_and_each_run_has_its_own_base():
    models = ["tiny", "tiny-pretraining1"]
    runs = [run_of("maxpo", 0, COUNTS, model=model, family="tiny") for model in models]
    bases = [run_of("base", at, COUNTS, model=model, family="tiny") for at, model in enumerate(models)]
    series = group_runs([*runs, *bases])
    assert [len(each.runs) for each in series] == [2, 2]
    assert [base_of(run, series) for run in runs] == bases
    assert base_of(run_of("maxpo", 0, model="other"), series) is None


def test_the_base_of_the_same_engine_is_taken():
    bases = [run_of("base", 0, COUNTS, engine=engine) for engine in ("tiny", "trl")]
    series = group_runs([*bases, run := run_of("maxpo", 0, COUNTS, engine="trl")])
    assert base_of(run, series) is bases[1]


def own_mean(run, benchmark, k):
    part = run.on(benchmark)
    return pass_at_k(part.num_samples, part.num_correct, k).mean()


def test_means_over_seeds_have_students_interval():
    runs = [random_run("maxpo", seed) for seed in range(4)]
    means = mean_pass_at_k(runs, ["a", "b"], [1, 4], INTERVALS)
    for k in (1, 4):
        values = [np.mean([own_mean(run, name, k) for name in "ab"]) for run in runs]
        wanted = mean_interval(values)
        point = means.at(k)
        assert (point.mean, point.deviation) == pytest.approx((wanted.estimate, np.std(values, ddof=1)), abs=1e-14)
        assert point.over_seeds == pytest.approx((wanted.low, wanted.high), abs=1e-14)
    assert (means.runs, means.num_problems, means.fewest_samples) == (4, 9, 8)


@pytest.mark.parametrize("benchmarks", [["a"], ["a", "b"]])
def test_one_run_has_the_bootstrap_of_the_report_of_samples_and_no_interval_over_seeds(benchmarks):
    run = random_run("maxpo", 0)
    parts = {name: run.on(name) for name in benchmarks}
    values = {
        name: PerProblem((1, 4), pass_at_k(part.num_samples, part.num_correct, np.array([1, 4])))
        for name, part in parts.items()
    }
    curves = estimate_curves(values, seed=3, confidence=0.95, resamples=500)
    wanted = curves.task_average if len(benchmarks) > 1 else curves.benchmarks["a"]
    for point, estimate in zip(wanted, mean_pass_at_k([run], benchmarks, [1, 4], INTERVALS).estimates, strict=True):
        assert estimate.over_seeds is None
        assert estimate.deviation is None
        assert (estimate.mean, *estimate.over_problems) == pytest.approx((point.estimate, point.low, point.high))


def test_problems_that_differ_between_seeds_are_resampled_seed_by_seed():
    other = {"a": [4, 0, 1]}
    runs = [run_of("maxpo", 0, {"a": COUNTS["a"]}), run_of("maxpo", 1, other)]
    point = mean_pass_at_k(runs, ["a"], [1], INTERVALS).at(1)
    assert point.mean == pytest.approx((np.mean(COUNTS["a"]) + np.mean(other["a"])) / 16)
    assert point.over_problems[0] < point.mean < point.over_problems[1]


def test_paired_differences_are_those_of_equal_seeds():
    runs, others = [random_run("maxpo", s) for s in (0, 1, 2)], [random_run("pkpo", s) for s in (2, 1, 3)]
    means = mean_difference(runs, others, ["a", "b"], [1, 8], INTERVALS)
    assert (means.paired, means.runs) == (True, 2)
    of = {run.seed: run for run in others}
    for k in (1, 8):
        values = [np.mean([own_mean(run, n, k) - own_mean(of[run.seed], n, k) for n in "ab"]) for run in runs[1:]]
        wanted = mean_interval(values)
        assert means.at(k).mean == pytest.approx(wanted.estimate, abs=1e-14)
        assert means.at(k).over_seeds == pytest.approx((wanted.low, wanted.high), abs=1e-14)


def test_differences_without_common_seeds_are_welchs():
    runs, others = [random_run("maxpo", s) for s in (0, 1, 2)], [random_run("pkpo", s) for s in (3, 4)]
    means = mean_difference(runs, others, ["a"], [1], INTERVALS)
    sides = [[own_mean(run, "a", 1) for run in side] for side in (runs, others)]
    wanted = scipy_stats.ttest_ind(*sides, equal_var=False).confidence_interval(0.95)
    assert means.paired is False
    assert means.at(1).deviation is None
    assert means.at(1).over_seeds == pytest.approx((wanted.low, wanted.high), abs=1e-14)


def test_a_constant_difference_has_intervals_without_width_over_problems_and_seeds():
    """Each problem gains one of eight samples in every seed, which both ways of pairing must see."""
    counts = [[1, 4, 6], [0, 2, 5]]
    runs = [run_of("maxpo", seed, {"a": [c + 1 for c in each]}) for seed, each in enumerate(counts)]
    others = [run_of("pkpo", seed, {"a": each}) for seed, each in enumerate(counts)]
    point = mean_difference(runs, others, ["a"], [1], INTERVALS).at(1)
    assert (point.mean, *point.over_seeds, *point.over_problems) == pytest.approx([0.125] * 5, abs=1e-12)


def test_a_difference_between_different_problems_has_no_interval_over_problems():
    runs = [run_of("maxpo", seed, {"a": [1, 2, 3]}) for seed in (0, 1)]
    others = [run_of("pkpo", seed, {"a": [1, 2]}) for seed in (0, 1)]
    assert mean_difference(runs, others, ["a"], [1], INTERVALS).at(1).over_problems is None


def test_the_final_ratio_of_proxies_is_geometric_and_paired_by_seed():
    ends = [(0.2, 1.0), (0.3, 0.9), (0.5, 1.6)]
    runs = [run_of("maxpo", seed, proxy=[0, 0.1, mine]) for seed, (mine, _) in enumerate(ends)]
    others = [run_of("pkpo", seed, proxy=[0, 0.2, theirs, 9.9]) for seed, (_, theirs) in enumerate(ends)]
    found = proxy_ratio(runs, others)
    logs = np.log(ends)
    wanted = scipy_stats.ttest_rel(logs[:, 0], logs[:, 1]).confidence_interval(0.95)
    assert (found.step, found.paired, found.runs, found.steps) == (3, True, (3, 3), 2)
    assert found.ratio == pytest.approx(np.exp(np.mean(logs[:, 0] - logs[:, 1])))
    assert found.limits == pytest.approx((np.exp(wanted.low), np.exp(wanted.high)))
    assert found.reduction == pytest.approx(100 * (1 - found.ratio))
    assert found.reduction_limits == pytest.approx((100 * (1 - found.limits[1]), 100 * (1 - found.limits[0])))
    assert found.share_lower == 1.0


def test_the_final_ratio_without_common_seeds_is_welchs():
    runs = [run_of("maxpo", seed, proxy=[0, value]) for seed, value in enumerate((0.2, 0.25, 0.22))]
    others = [run_of("pkpo", seed, proxy=[0, value]) for seed, value in enumerate((1.0, 0.8), start=5)]
    found = proxy_ratio(runs, others)
    wanted = scipy_stats.ttest_ind(np.log([0.2, 0.25, 0.22]), np.log([1.0, 0.8]), equal_var=False)
    limits = wanted.confidence_interval(0.95)
    assert found.paired is False
    assert found.limits == pytest.approx((np.exp(limits.low), np.exp(limits.high)))


def test_the_papers_reduction_comes_out_of_its_ratio():
    found = proxy_ratio([run_of("maxpo", 0, proxy=[0, 0.226])], [run_of("pkpo", 0, proxy=[0, 1.0])])
    assert found.reduction == pytest.approx(77.4)
    assert found.limits is None


@pytest.mark.parametrize("proxy", [(), (0.0,), (0.0, 0.0), (0.0, -1e-9)])
def test_there_is_no_ratio_without_positive_proxies_after_the_first_step(proxy):
    assert proxy_ratio([run_of("maxpo", 0, proxy=proxy)], [run_of("pkpo", 0, proxy=[0, 1.0])]) is None


def test_support_is_averaged_over_runs_beside_their_bases():
    base = run_of("base", 0, {"a": [0, 0, 3, 3]})
    runs = [run_of("maxpo", 0, {"a": [1, 0, 1, 0]}), run_of("maxpo", 1, {"a": [1, 1, 1, 1]})]
    series = group_runs([base, *runs])
    found = mean_support(series[-1], series, "a", 8)
    assert found.counts == {"preservation": 1.5, "expansion": 1.5, "shrinkage": 0.5, "out_of_support": 0.5}
    assert list(found.runs) == [run.name for run in runs]


def test_the_task_average_stops_at_256_and_single_benchmarks_go_on():
    parts = {"AIME24": [3, 9], "MATH500": [200, 1]}
    report = make_run_report([run_of("maxpo", 0, parts, n={"AIME24": 1024, "MATH500": 256})], intervals=INTERVALS)
    (model,) = report.models
    curves = model.pass_at_k["MaxPO"]
    assert [point.k for point in curves["AIME24"].estimates] == list(doubling_ks(1024))
    assert [point.k for point in curves["MATH500"].estimates] == list(doubling_ks(256))
    assert [point.k for point in curves["task average"].estimates] == list(doubling_ks(256))
    alone = make_run_report([run_of("maxpo", 0, {"AIME24": [3]}, n=1024)], intervals=INTERVALS)
    assert alone.models[0].last_k == 256


def test_what_is_missing_or_mixed_is_said():
    rates = [{"config.learning_rate": rate} for rate in (1e-4, 5e-5)]
    runs = [
        run_of("maxpo", 0, COUNTS, proxy=[0, 1], **rates[0]),
        run_of("maxpo", 1, {"a": COUNTS["a"]}, proxy=[0, 1], **rates[1]),
        run_of("maxpo", 0, COUNTS, k=2),
        run_of("grpo", 0),
        run_of("pkpo", 0, COUNTS, proxy=[0, 1]),
    ]
    notes = "\n".join(make_run_report(runs, intervals=INTERVALS).notes)
    for text in (
        "maxpo-k4-seed1 (MaxPO, K=4) has no samples on b: it is not in those, and in no task average.",
        "grpo-k4-seed0 (GRPO) has no scored samples: it is in no pass@k.",
        "maxpo-k2-seed0 (MaxPO, K=2) has no variance proxy in its log: it is not in Figure 3.",
        "runs that differ in learning_rate (0.0001, 5e-05) are averaged as if they were repetitions",
        "show MaxPO, K=4; MaxPO, K=2 is in Figure 10 and in pass_at_k.csv.",
        "one run of GRPO, PKPO, so there is no interval over seeds",
        "two runs of MaxPO, K=4",
        "no base model (a run of method 'base') with samples of the same problems beside pkpo-k4-seed0",
        "few problems (a 5, b 4)",
    ):
        assert text in notes


def drawn(temperature=1.0, dtype="float32", **more):
    return {name: {"temperature": temperature, "top_p": 1.0, "dtype": dtype, **more} for name in COUNTS}


def test_samples_of_other_distributions_or_precisions_are_not_compared():
    base = replace(run_of("base", 0, COUNTS), sampling=drawn())
    run = run_of("maxpo", 0, COUNTS, name="mine")
    for sampling, words in (
        (drawn(0.6), r"base-k4-seed0 and mine were sampled differently on a \(temperature 1.0 and 0.6\)"),
        (drawn(dtype="bfloat16"), "dtype float32 and bfloat16"),
        ({"a": drawn()["a"], "b": drawn(0.6)["b"]}, "differently on b"),
    ):
        with pytest.raises(ValueError, match=words):
            make_run_report([base, replace(run, sampling=sampling)], intervals=INTERVALS)
    other = replace(run, model="other", family="other", sampling=drawn(0.6))
    assert not any("No record" in note for note in make_run_report([base, other], intervals=INTERVALS).notes)


def test_what_is_not_recorded_is_said_and_compared():
    base = replace(run_of("base", 0, COUNTS), sampling=drawn(max_new_tokens=None))
    silent = run_of("maxpo", 0, COUNTS, name="mine")
    notes = make_run_report([base, silent], intervals=INTERVALS).notes
    assert [note for note in notes if "No record of how samples were drawn" in note and " in mine:" in note]
    lacking = replace(silent, sampling=drawn())
    assert not any("No record" in note for note in make_run_report([base, lacking], intervals=INTERVALS).notes)


def test_runs_of_one_seed_need_the_same_problems_and_common_keeps_those():
    runs = [run_of("maxpo", 0, {"a": [1, 2, 3]}), run_of("pkpo", 0, {"a": [1, 2]})]
    with pytest.raises(ValueError, match=r"1 problem \(a/002\) only in maxpo-k4-seed0 on a.*--common"):
        make_run_report(runs, intervals=INTERVALS)
    report = make_run_report(runs, common=True, intervals=INTERVALS)
    assert report.models[0].pass_at_k["MaxPO"]["a"].num_problems == 2
    assert any("1 problem left out that not all runs have" in note for note in report.notes)


def test_asked_for_k_count_where_a_benchmark_has_samples_for_them():
    parts = {"a": [3, 9], "b": [5, 1]}
    runs = [run_of("maxpo", 0, parts, n={"a": 64, "b": 16})]
    report = make_run_report(runs, ks=[1, 4, 64], intervals=INTERVALS)
    curves = report.models[0].pass_at_k["MaxPO"]
    assert {name: [p.k for p in means.estimates] for name, means in curves.items()} == {
        "a": [1, 4, 64],
        "b": [1, 4],
        "task average": [1, 4],
    }
    assert report.models[0].last_k == 4


def test_nothing_to_report_is_an_error():
    with pytest.raises(ValueError, match="no run has scored samples or a variance proxy"):
        make_run_report([run_of("maxpo", 0)])


def test_a_report_of_logs_alone_has_proxies_only():
    runs = [run_of(method, seed, proxy=[0, 1 + seed]) for method in ("maxpo", "pkpo") for seed in (0, 1)]
    (model,) = make_run_report(runs, intervals=INTERVALS).models
    assert model.last_k is None
    assert model.pass_at_k == {"PKPO": {}, "MaxPO": {}}
    assert model.comparisons[0].proxy.ratio == pytest.approx(1.0)
