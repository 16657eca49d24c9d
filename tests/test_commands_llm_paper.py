"""The report of training runs by its command: cells of the paper's tables from counts whose pass@k is known exactly."""

import csv
import io
import json
from fractions import Fraction
from math import comb

import pytest
from paper_run_folders import BENCHMARKS, run_of, write_run
from typer.testing import CliRunner

from maxpo_bench.cli import app
from maxpo_bench.commands.llm_report import run
from maxpo_bench.commands.run_findings import findings, paper_differences, verdict_of
from maxpo_bench.commands.run_reading import holds_runs, read_runs
from maxpo_bench.commands.run_report_files import figure_frames
from maxpo_bench.evaluation.paper_reference import TABLE_2, TABLE_3
from maxpo_bench.evaluation.proxy import proxy_ratio
from maxpo_bench.evaluation.run_means import Estimate, Intervals
from maxpo_bench.evaluation.run_report import make_run_report

MODELS = ("Qwen2.5-Math-7B", "Llama-3.2-3B-Instruct")
METHODS = {"grpo": "GRPO", "entropy_adv": "Entropy-Adv", "pkpo": "PKPO", "maxpo": "MaxPO"}
KS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SAMPLES = {"AIME24": 1024, "AIME25": 1024, "AMC23": 1024, "MATH500": 256, "Minerva": 256}


def counts(model, method, seed):
    """Correct samples of each problem: other ones for every run."""
    place = 40 * MODELS.index(model) + 11 * list(METHODS).index(method) + 3 * seed
    return {
        name: [(place * (at + 1) + 7 * where) % 64 * (SAMPLES[name] // 256) // (1 + 2 * at) for at in range(3)]
        for where, name in enumerate(BENCHMARKS)
    }


def exact(n, c, k):
    """pass@k of one problem (the paper's Eq 12)."""
    return 1 - Fraction(comb(n - c, k), comb(n, k))


def mean(values):
    values = list(values)
    return sum(values, Fraction()) / len(values)


def benchmark_mean(model, method, seeds, name, k):
    return mean(mean(exact(SAMPLES[name], c, k) for c in counts(model, method, seed)[name]) for seed in seeds)


def average(model, method, seeds, k):
    return mean(benchmark_mean(model, method, seeds, name, k) for name in BENCHMARKS)


def printed(share):
    """A share in per cent with one decimal, halves rounded up, from the exact fraction."""
    tenths = int(share * 1000 + Fraction(1, 2))
    return f"{tenths // 10}.{tenths % 10}"


@pytest.fixture(scope="module", params=[1, 2], ids=["one seed", "two seeds"])
def report(request, tmp_path_factory):
    """The folder of a report, and the seeds of its runs."""
    root, seeds = tmp_path_factory.mktemp("runs"), range(request.param)
    for model in MODELS:
        for method in METHODS:
            for seed in seeds:
                parts = counts(model, method, seed)
                write_run(root / model / f"{method}-{seed}", method, seed, parts, n=SAMPLES, model=model)
    out = tmp_path_factory.mktemp("report")
    assert run([root], None, None, out, True, resamples=50, formats="svg") == 0
    return out, seeds


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_cells_of_table_2_are_exact(report):
    out, seeds = report
    rows = [row for row in rows_of(out / "table2.csv") if row["source"] == "runs"]
    assert [(row["model"], row["method"]) for row in rows] == [(m, label) for m in MODELS for label in METHODS.values()]
    for row, (model, method) in zip(rows, [(m, name) for m in MODELS for name in METHODS], strict=True):
        assert list(row)[3:] == [f"pass@{k}" for k in KS]
        assert [row[f"pass@{k}"] for k in KS] == [printed(average(model, method, seeds, k)) for k in KS]


def test_cells_of_table_3_are_exact_and_averages_are_of_unrounded_values(report):
    out, seeds = report
    rows = [row for row in rows_of(out / "table3.csv") if row["source"] == "runs"]
    for row, (model, method) in zip(rows, [(m, name) for m in MODELS for name in METHODS], strict=True):
        assert (row["model"], row["method"], row["k"]) == (model, METHODS[method], "256")
        for column, k in (("1", 1), ("k", 256)):
            for name in BENCHMARKS:
                assert row[f"{name} pass@{column}"] == printed(benchmark_mean(model, method, seeds, name, k))
            assert row[f"Avg. pass@{column}"] == printed(average(model, method, seeds, k))


def test_reference_rows_are_the_papers_and_marked(report):
    out, _ = report
    for number, table in ((2, TABLE_2), (3, TABLE_3)):
        rows = [row for row in rows_of(out / f"table{number}.csv") if row["source"] == "paper"]
        assert [(row["model"], row["method"]) for row in rows] == [(m, METHODS[name]) for m, name in table]
        for row, values in zip(rows, table.values(), strict=True):
            cells = [cell for name, cell in row.items() if "pass@" in name]
            if number == 3:
                pairs = zip((*values.first, values.average[0]), (*values.last, values.average[1]), strict=True)
                values = [value for pair in pairs for value in pair]
            assert cells == [f"{value:.1f}" for value in values]


def test_markdown_has_the_papers_form(report):
    out, seeds = report
    lines = (out / "table3.md").read_text().splitlines()
    assert lines[2:5] == [
        "| Method | AIME24 | AIME25 | AMC23 | MATH500 | Minerva | Avg. |",
        "|---|---:|---:|---:|---:|---:|---:|",
        "| **Qwen2.5-Math-7B** |  |  |  |  |  |  |",
    ]
    model, method = MODELS[0], "maxpo"
    cells = [
        "/".join(printed(benchmark_mean(model, method, seeds, name, k)) for k in (1, 256)) for name in BENCHMARKS
    ] + ["/".join(printed(average(model, method, seeds, k)) for k in (1, 256))]
    assert lines[8] == f"| MaxPO | {' | '.join(cells)} |"
    assert (
        lines[12]
        == "| *MaxPO, paper* | *28.5/74.2* | *10.6/54.7* | *62.2/98.0* | *75.6/95.7* | *22.9/48.8* | *39.9/74.3* |"
    )
    assert lines[13] == "| **Llama-3.2-3B-Instruct** |  |  |  |  |  |  |"
    text = (out / "table3.md").read_text()
    assert "Qwen2.5-Math-7B, MaxPO, pass@1 prints 39.9, its row averages 39.96." in text
    assert "Rows in italics are the paper's own numbers" in text
    assert lines[0].endswith(f"{'one run' if len(seeds) == 1 else 'mean over 2 runs'} of each method.")
    two = (out / "table2.md").read_text().splitlines()
    assert two[2] == f"| Method | {' | '.join(map(str, KS))} |"
    assert two[8] == f"| MaxPO | {' | '.join(printed(average(model, method, seeds, k)) for k in KS)} |"


def test_latex_is_a_booktabs_table_of_the_same_cells(report):
    out, seeds = report
    lines = (out / "table2.tex").read_text().splitlines()
    for line in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{lrrrrrrrrr}", r"\end{tabular}"):
        assert line in lines
    cells = [printed(average(MODELS[0], "pkpo", seeds, k)) for k in KS]
    assert f"PKPO & {' & '.join(cells)} " + r"\\" in lines
    reference = " & ".join(rf"\textit{{{value}}}" for value in TABLE_2[MODELS[0], "pkpo"])
    assert rf"\textit{{PKPO, paper}} & {reference} \\" in lines
    assert r"\multicolumn{10}{l}{\textbf{Qwen2.5-Math-7B}} \\" in lines
    assert any(r"pass@k (\%)" in line for line in lines)


def test_curves_go_to_1024_where_the_samples_do_and_averages_to_256(report):
    out, _ = report
    largest = {}
    for row in rows_of(out / "pass_at_k.csv"):
        largest[row["benchmark"]] = max(largest.get(row["benchmark"], 0), int(row["k"]))
    assert largest == {**SAMPLES, "task average": 256}


def test_intervals_over_seeds_are_there_from_two_seeds_on(report):
    out, seeds = report
    rows = rows_of(out / "pass_at_k.csv")
    assert all(bool(row["seeds_low"]) == (len(seeds) > 1) for row in rows)
    assert all(float(row["problems_low"]) <= float(row["estimate"]) <= float(row["problems_high"]) for row in rows)
    assert {row["runs"] for row in rows} == {str(len(seeds))}


def test_what_was_not_made_is_said(report):
    out, _ = report
    page = (out / "report.md").read_text()
    assert "Not made: no run has a variance proxy in its log." in page
    assert "Not made: no trained run has a base model with samples of the same problems." in page
    assert "Not made: no method was trained with several K." in page
    assert sorted(path.name for path in out.glob("figure*")) == ["figure2.svg", "figure8.svg"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Runs of one benchmark: two methods, three seeds, a base, proxies, a second K."""
    root = tmp_path_factory.mktemp("tiny")
    write_run(root / "base", "base", 0, {"countdown": [1, 0, 4, 2]}, n=64, config={"task": "countdown"})
    for seed, level in enumerate((1.0, 1.1, 0.9)):
        write_run(root / f"pkpo-{seed}", "pkpo", seed, {"countdown": [3 + seed, 0, 8, 9]}, n=64, proxy=[0, 0.5, level])
        mine = {"countdown": [6 + seed, 4, 10, 12]}
        write_run(root / f"maxpo-{seed}", "maxpo", seed, mine, n=64, proxy=[0, 0.2, (0.2, 0.226, 0.25)[seed] * level])
        more = {"countdown": [5 + seed, 5, 9, 11]}
        write_run(root / f"maxpo-k8-{seed}", "maxpo", seed, more, n=64, k=8, proxy=[0, 0.2, 0.3 * level])
    return root


def verdicts(root, **options):
    runs, _ = read_runs([root])
    report = make_run_report(runs, intervals=Intervals(0.95, 200, 0), **options)
    return {finding.statement: finding for finding in findings(report)}


def test_findings_stand_beside_the_papers_statements(tiny):
    found = verdicts(tiny)
    proxy = found["tiny: at the end of training the variance proxy of MaxPO, K=4 is below that of PKPO."]
    assert proxy.verdict == "holds"
    # geometric mean 0.22440 of the three ratios, t = 4.30265 at two degrees of freedom
    assert proxy.measured[0] == "77.6 % lower at step 3 [70.4, 83.0], 3 seeds, paired; the paper's 77.4 % lies inside"
    assert proxy.source == "Sec. 5.2.3, Figure 3: 77.4 % on Llama-3.2-3B-Instruct, 3 seeds"
    throughout = found["tiny: the variance proxy of MaxPO, K=4 is below that of PKPO throughout training."]
    assert (throughout.verdict, throughout.numbers["share_of_steps"]) == ("holds", 1.0)
    one = found["tiny: pass@1 (countdown) of MaxPO, K=4 is above that of PKPO."]
    assert one.verdict == "holds"
    # (6 + 4 + 10 + 12) - (3 + 0 + 8 + 9) = 12 of 4 * 64 samples, in every seed
    assert one.measured[0].startswith("+4.7 points; 95 % intervals: over 3 seeds, paired [+4.7, +4.7]; over 4 problems")
    assert one.measured[1].endswith("the direction is the paper's")
    assert one.source == "Table 2, pass@1: +2.7 on Qwen2.5-Math-7B, +1.7 on Llama-3.2-3B-Instruct"
    last = found["tiny: pass@64 (countdown) of MaxPO, K=4 is above that of PKPO."]
    # all problems but one are solved by both: problems drawn without it show no difference
    assert last.verdict == "undecided"
    assert last.measured[0].startswith("+25.0 points")
    lower = found["tiny: a larger K of training makes pass@1 (countdown) lower."]
    assert lower.measured[0] == "K=4: 12.9, K=8: 12.1 (in this order at every K)"
    assert lower.verdict == "undecided"


def test_one_seed_decides_nothing(tmp_path):
    for method, proxy in (("maxpo", 0.1), ("pkpo", 1.0)):
        count = 60 if method == "maxpo" else 3
        write_run(tmp_path / method, method, 0, {"countdown": [count] * 8}, n=64, proxy=[0, proxy])
    found = verdicts(tmp_path)
    assert {finding.verdict for finding in found.values()} == {"undecided"}
    assert any("one run of each: none over seeds" in finding.measured[0] for finding in found.values())


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([(0.5, 0.5, 0.5), (0.5, 0.52, 0.48)], "holds"),
        ([(0.5, 0.5, 0.5), (0.2, 1.9, 0.5)], "undecided"),
        ([(0.5, 0.5, 0.5), (0.2, 1.9, 3.5)], "undecided"),
        ([(0.5, 0.5, 0.5), (0.4, 0.4, 0.4), (2.0, 2.1, 1.9)], "holds in part"),
        ([(0.5, 0.5, 0.5), (2.0, 2.1, 1.9)], "does not hold"),
    ],
)
def test_throughout_training_is_decided_by_intervals_that_hold_at_once(tmp_path, ratios, verdict):
    for seed in range(3):
        write_run(tmp_path / f"pkpo-{seed}", "pkpo", seed, proxy=[0, *(1.0 for _ in ratios)])
        write_run(tmp_path / f"maxpo-{seed}", "maxpo", seed, proxy=[0, *(step[seed] for step in ratios)])
    (found,) = (f for text, f in verdicts(tmp_path).items() if "throughout" in text)
    assert found.verdict == verdict


def test_more_steps_need_wider_intervals():
    """One step in question: alone it is decided, among many of which any might err it is not."""
    steps = {few: [(0.5, 0.5, 0.5)] * (few - 1) + [(0.5, 0.6, 0.7)] for few in (1, 100)}
    shares = {
        few: proxy_ratio(
            [run_of("maxpo", seed, proxy=[0, *(step[seed] for step in ratios)]) for seed in range(3)],
            [run_of("pkpo", seed, proxy=[0, *(1.0 for _ in ratios)]) for seed in range(3)],
        ).below
        for few, ratios in steps.items()
    }
    assert shares == {1: 1.0, 100: 0.99}


def test_levels_of_more_runs_than_pairs_say_so(tmp_path):
    for method, seeds in (("maxpo", (0, 1)), ("pkpo", (0, 1, 2))):
        for seed in seeds:
            write_run(tmp_path / f"{method}-{seed}", method, seed, {"countdown": [3 + seed, 1]}, n=64)
    (finding,) = (f for text, f in verdicts(tmp_path).items() if "pass@1 " in text)
    assert finding.measured[0].startswith("+0.0 points; 95 % intervals: over 2 seeds, paired")
    assert finding.measured[1] == ("MaxPO 3.5, PKPO 3.9 over all runs, the difference is that of pairs; no difference")


@pytest.mark.parametrize(
    ("sign", "seeds", "problems", "verdict"),
    [
        (1, (0.01, 0.02), (0.005, 0.03), "holds"),
        (-1, (-0.02, -0.01), (-0.03, -0.005), "holds"),
        (1, (-0.02, -0.01), (-0.03, -0.005), "does not hold"),
        (1, (0.01, 0.02), (-0.005, 0.03), "undecided"),
        (1, (-0.01, 0.02), (0.005, 0.03), "undecided"),
        (1, (0.01, 0.02), (-0.03, -0.01), "undecided"),
        (1, (0.0, 0.02), (0.005, 0.03), "undecided"),
        (1, (0.01, 0.02), None, "holds"),
        (1, None, (0.005, 0.03), "undecided"),
    ],
)
def test_verdicts_follow_from_both_intervals(sign, seeds, problems, verdict):
    assert verdict_of(sign, Estimate(1, 0.015, 0.001, seeds, problems)) == verdict


def test_the_papers_differences_are_of_the_nearest_k_below():
    assert paper_differences("pkpo", 256) == (256, {"Qwen2.5-Math-7B": 3.7, "Llama-3.2-3B-Instruct": 1.5})
    assert paper_differences("grpo", 100) == (64, {"Qwen2.5-Math-7B": 5.4, "Llama-3.2-3B-Instruct": 1.3})


def test_all_figures_and_files_of_runs_are_written_and_the_same_twice(tiny, tmp_path, capsys):
    for name in ("one", "two"):
        assert run([tiny], None, None, tmp_path / name, False, resamples=50) == 0
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    figures = [f"figure{number}.{kind}" for number in (2, 3, 9, 10) for kind in ("png", "svg", "pdf")]
    tables = [f"table{number}.{kind}" for number in (2, 3) for kind in ("md", "csv", "tex")]
    long = ["pass_at_k.csv", "differences.csv", "variance_proxy.csv", "support_by_run.csv"]
    assert names == sorted([*figures, *tables, *long, "report.json", "report.md"])
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    page = (tmp_path / "one" / "report.md").read_text()
    assert "![Figure 2: pass@k on average over benchmarks](figure2.png)" in page
    assert "Not made: one benchmark to k = 256 at most, which Figure 2 shows." in page
    assert "The paper has no numbers of tiny" in page
    assert "table2.tex" in capsys.readouterr().out


def test_support_is_beside_the_base_at_equal_samples(tiny, tmp_path):
    run([tiny], None, None, tmp_path, True, resamples=50, formats="svg")
    rows = {row["label"]: row for row in rows_of(tmp_path / "support_by_run.csv")}
    numbers = {name: [float(rows[name][c]) for c in ("preservation", "expansion", "shrinkage")] for name in rows}
    assert numbers == {"PKPO": [3.0, 0.0, 0.0], "MaxPO, K=4": [3.0, 1.0, 0.0], "MaxPO, K=8": [3.0, 1.0, 0.0]}
    assert {row["k"] for row in rows.values()} == {"64"}


def test_json_holds_everything(tiny, capsys):
    assert run([tiny], None, "1,64", None, True, resamples=50) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["schema"] == "maxpo-bench llm report 1"
    (model,) = table["models"]
    assert [(m["label"], m["in_tables"], len(m["runs"])) for m in model["methods"]] == [
        ("base model", True, 1),
        ("PKPO", True, 3),
        ("MaxPO, K=4", True, 3),
        ("MaxPO, K=8", False, 3),
    ]
    compared = {(c["method"], c["against"]): c for c in model["comparisons"]}
    bases = {("MaxPO, K=4", "base model"), ("PKPO", "base model")}
    assert set(compared) == {("MaxPO, K=4", "PKPO"), ("MaxPO, K=8", "MaxPO, K=4"), *bases}
    gain = compared["PKPO", "base model"]["pass_at_k"]["countdown"]
    # 3 + seed, 0, 8 and 9 of 64 samples, the base has 1, 0, 4 and 2
    assert gain["estimates"][0]["mean"] == pytest.approx((21 - 7) / 256)
    assert (gain["paired"], gain["runs"]) == (True, 3)
    assert compared["MaxPO, K=4", "PKPO"]["variance_proxy"]["reduction_percent"] == pytest.approx(77.55983, abs=1e-5)
    assert [e["k"] for e in model["methods"][1]["pass_at_k"]["countdown"]["estimates"]] == [1, 64]
    assert table["findings"]


def test_the_command_prints_tables_and_findings_at_any_width(tiny):
    for width in ("40", "200"):
        result = CliRunner().invoke(app, ["llm", "report", str(tiny), "--resamples", "50"], env={"COLUMNS": width})
        assert result.exit_code == 0, result.output
        text = " ".join(result.output.split())
        for part in ("Table 2 of the paper", "HOLDS: tiny: at the end of training", "77.6 % lower at step 3"):
            assert part in text


def test_a_single_run_and_several_folders_are_reported_too(tiny, capsys):
    assert run([tiny / "maxpo-0"], None, None, None, True, resamples=50) == 0
    assert [m["label"] for m in json.loads(capsys.readouterr().out)["models"][0]["methods"]] == ["MaxPO"]
    folders = [tiny / "maxpo-0", tiny / "pkpo-0", tiny / "maxpo-0"]
    assert run(folders, None, None, None, True, resamples=50) == 0
    methods = json.loads(capsys.readouterr().out)["models"][0]["methods"]
    assert [len(method["runs"]) for method in methods] == [1, 1]


def test_the_samples_of_a_run_are_still_reported_as_samples(tiny, capsys):
    assert run([tiny / "maxpo-0" / "evaluation"], None, None, None, True, resamples=50) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "maxpo-bench pass@k 1"


def test_runs_and_samples_do_not_mix(tiny):
    samples = tiny / "maxpo-0" / "evaluation"
    with pytest.raises(ValueError, match=r"holds training runs and .*evaluation does not"):
        run([tiny, samples], None, None, None, True)


def test_options_of_samples_are_refused_for_runs(tiny):
    with pytest.raises(ValueError, match=r"--against, --label is for files of scored samples"):
        run([tiny], "base", None, None, True, labels=["x"])


def test_a_folder_with_somebody_elses_run_json_holds_no_runs(tmp_path):
    (tmp_path / "run.json").write_text('{"problem": [1, 0]}')
    assert not holds_runs(tmp_path)
    assert run([tmp_path], None, None, None, True, resamples=50) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": "maxpo-bench llm run 1"', "not JSON"),
        ('{"schema": "maxpo-bench llm run 9"}', "this version reads"),
        ('{"schema": "maxpo-bench llm run 1", "model": "x"}', "is missing"),
    ],
)
def test_a_damaged_run_is_named(tiny, tmp_path, text, message):
    write_run(tmp_path / "good", "maxpo", 0, {"a": [1]})
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text(text)
    with pytest.raises(ValueError, match=rf"bad/run\.json.*{message}"):
        run([tmp_path], None, None, None, True)


def test_an_unfinished_run_is_shown_and_said(tmp_path, capsys):
    path = write_run(tmp_path / "maxpo-0", "maxpo", 0, {"a": [1, 2]})
    (path / "summary.json").unlink()
    run([tmp_path], None, None, None, True, resamples=50)
    assert json.loads(capsys.readouterr().out)["notes"][0] == (
        "Not finished (no summary.json), shown as far as they are: maxpo-0."
    )


def test_pretraining_seeds_make_one_family_and_benchmarks_have_the_papers_names(tmp_path):
    for seed, model in enumerate(("tiny", "tiny-pretraining1")):
        config = {"pretraining_seed": seed, "nested": {"learning_rate": 0.1, "path": "x"}}
        write_run(tmp_path / str(seed), "ei_l2o", seed, {"math500": [1]}, model=model, config=config)
    runs, _ = read_runs([tmp_path])
    assert [(r.model, r.family, r.method, r.samples.benchmarks) for r in runs] == [
        ("tiny", "tiny", "maxpo", ("MATH500",)),
        ("tiny-pretraining1", "tiny", "maxpo", ("MATH500",)),
    ]
    assert runs[0].options["config.nested.learning_rate"] == 0.1


def test_a_model_of_the_paper_is_the_same_with_and_without_its_organisation(tmp_path):
    write_run(tmp_path / "a", "base", 0, {"AMC23": [1]}, model="Qwen/Qwen2.5-Math-7B")
    write_run(tmp_path / "b", "maxpo", 0, {"AMC23": [1]}, model="qwen2.5-math-7b")
    runs, _ = read_runs([tmp_path])
    assert {(run.model, run.family) for run in runs} == {("Qwen2.5-Math-7B", "Qwen2.5-Math-7B")}


def test_a_report_replaces_an_earlier_one_of_either_kind(tiny, tmp_path):
    samples = tiny / "maxpo-0" / "evaluation"
    out = tmp_path / "out"
    run([samples], None, None, out, True, resamples=50, formats="svg")
    assert (out / "pass_at_k.svg").exists()
    run([tiny], None, None, out, True, resamples=50, formats="svg")
    assert not (out / "pass_at_k.svg").exists()
    assert (out / "figure10.svg").exists()
    (out / "mine.txt").write_text("kept")
    run([samples], None, None, out, True, resamples=50, formats="svg")
    assert sorted(path.name for path in out.iterdir()) == [
        "mine.txt", "pass_at_k.csv", "pass_at_k.svg", "report.json", "report.md"
    ]  # fmt: skip


def test_benchmarks_outside_the_papers_leave_its_averages_out(tmp_path):
    parts = {"AIME24": [3, 9], "gsm8k": [1, 5]}
    write_run(tmp_path / "a", "maxpo", 0, parts, n=32, model="Qwen/Qwen2.5-Math-7B")
    out = tmp_path / "out"
    run([tmp_path / "a"], None, None, out, True, resamples=50, formats="svg")
    assert [row["source"] for row in rows_of(out / "table2.csv")] == ["runs"]
    assert "they are not comparable, and the paper's are left out" in (out / "table2.md").read_text()
    rows = rows_of(out / "table3.csv")
    assert [(row["source"], row["k"]) for row in rows] == [("runs", "32"), *[("paper", "256")] * 4]
    maxpo = rows[-1]
    assert (maxpo["AIME24 pass@1"], maxpo["gsm8k pass@1"], maxpo["Avg. pass@1"]) == ("28.5", "", "")
    assert "the paper's second numbers are pass@256, those of the runs pass@32" in (out / "table3.md").read_text()


def test_a_method_without_a_benchmark_has_dashes_and_a_note(tmp_path):
    write_run(tmp_path / "a", "maxpo", 0, {"x": [3], "y": [4]})
    write_run(tmp_path / "b", "pkpo", 0, {"x": [2]})
    out = tmp_path / "out"
    run([tmp_path], None, None, out, True, resamples=50, formats="svg")
    text = (out / "table3.md").read_text()
    assert "| PKPO | 25.0/100.0 | - | - |" in text
    assert "| MaxPO | 37.5/100.0 | 50.0/100.0 | 43.8/100.0 |" in text
    assert "no run of PKPO has samples on all of x, y" in (out / "table2.md").read_text()


def test_figure_10_shows_runs_that_differ_in_k_only():
    runs = [
        run_of("maxpo", 0, {"a": [1, 2]}, k=k, **{"config.learning_rate": rate})
        for k, rate in ((2, 1e-4), (4, 1e-4), (8, 1e-4), (4, 1e-5))
    ]
    rows = figure_frames(make_run_report(runs, intervals=Intervals(0.95, 50, 0)))["figure10"][1]
    four = "MaxPO, K=4, learning_rate=0.0001"
    assert {(r["objective_k"], r["label"]) for r in rows} == {(2, "MaxPO, K=2"), (4, four), (8, "MaxPO, K=8")}


def test_long_names_survive_csv_markdown_and_latex(tmp_path):
    name = "my|model_50%"
    write_run(tmp_path / "runs" / "a", "maxpo", 0, {"a,b": [3]}, model=name)
    out = tmp_path / "out"
    run([tmp_path / "runs"], None, None, out, True, resamples=50, formats="svg")
    (row,) = rows_of(out / "table3.csv")
    assert (row["model"], row["a,b pass@1"]) == (name, "37.5")
    assert r"**my\|model\_50%**" in (out / "table3.md").read_text()
    assert r"\textbf{my|model\_50\%}" in (out / "table3.tex").read_text()
    assert list(csv.reader(io.StringIO((out / "table2.csv").read_text())))[1][1] == name
