"""Summaries, the table of runs and the figure, from synthetic runs whose figures are known."""

import json

import pytest

from maxpo_bench.evaluation import pass_at_k
from maxpo_bench.llm.run_folder import LOG_FIELDS, RunFolder, RunInfo
from maxpo_bench.llm.run_table import table_rows, write_table
from maxpo_bench.llm.tiny.run import TinyRun
from maxpo_bench.llm.tiny.summary import compare, pass_at_k_figures, summarise
from maxpo_bench.stats import mean_interval

SAMPLES = 4
BASE_CORRECT = (0, 0, 1, 4)
STEPS = 40


def write_samples(path, correct):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"problem_id": f"countdown/test/{problem}", "sample": sample, "correct": sample < count}
        for problem, count in enumerate(correct)
        for sample in range(SAMPLES)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def log_line(step):
    return dict.fromkeys(LOG_FIELDS) | {"step": step, "reward_mean": step / 100, "adam_variance_proxy": float(step)}


def write_run(folder, run, correct):
    """Write a finished run, and the base beside it."""
    base = RunFolder(folder / "base")
    before = write_samples(base.samples_path(run.task), BASE_CORRECT)
    base.begin(run.base_info())
    (points,) = compare(before, None, "base").methods[0].pass_at_k.benchmarks.values()
    base.write_summary({"problems": len(BASE_CORRECT), "samples": SAMPLES, **pass_at_k_figures(points)})
    mine = RunFolder(folder / run.name)
    mine.begin(run.info())
    log = [log_line(step) for step in range(1, STEPS + 1)]
    for line in log:
        mine.append(line)
    after = write_samples(mine.samples_path(run.task), correct)
    summary = summarise(mine.log(), compare(after, before, run.method))
    mine.write_summary({**summary, "seconds": 8.0, "seconds_per_step": 0.2})
    return mine.summary()


def test_a_summary_holds_every_figure(tmp_path):
    summary = write_run(tmp_path, TinyRun(steps=STEPS), (1, 0, 0, 4))
    expected = pass_at_k([SAMPLES] * 4, [1, 0, 0, 4], [1, 2, 4]).mean(axis=0)
    before = pass_at_k([SAMPLES] * 4, BASE_CORRECT, [1, 2, 4]).mean(axis=0)
    for place, k in enumerate((1, 2, 4)):
        assert summary[f"pass@{k}"] == pytest.approx(expected[place])
        assert summary[f"base_pass@{k}"] == pytest.approx(before[place])
        assert summary[f"gain_pass@{k}"] == pytest.approx(expected[place] - before[place])
        for name in ("", "base_", "gain_"):
            limits = [summary[f"{name}pass@{k}{end}"] for end in ("_low", "", "_high")]
            assert limits == sorted(limits)
    classes = {
        name: summary[f"support_{name}"] for name in ("preservation", "expansion", "shrinkage", "out_of_support")
    }
    assert classes == {"preservation": 1, "expansion": 1, "shrinkage": 1, "out_of_support": 1}
    assert (summary["problems"], summary["samples"]) == (4, SAMPLES)
    assert summary["reward_mean"] == pytest.approx(sum(range(21, 41)) / 20 / 100)
    assert summary["adam_variance_proxy"] == pytest.approx(sum(range(31, 41)) / 10)
    assert summary["entropy"] is None


def test_the_table_has_one_row_per_setting_and_means_over_seeds(tmp_path):
    correct = {0: (1, 0, 0, 4), 1: (2, 0, 1, 4), 2: (0, 0, 0, 4)}
    found = {seed: write_run(tmp_path, TinyRun(seed=seed, steps=STEPS), each) for seed, each in correct.items()}
    write_run(tmp_path, TinyRun(method="grpo", steps=STEPS), (4, 0, 0, 4))
    write_run(tmp_path, TinyRun(k=2, steps=STEPS), (0, 0, 0, 1))
    rows = {(row["method"], row["k"]): row for row in table_rows(tmp_path)}
    assert list(rows) == [("base", None), ("grpo", 4), ("maxpo", 4), ("maxpo", 2)]
    row = rows["maxpo", 4]
    assert row["seeds"] == [0, 1, 2]
    assert row["runs"] == [f"maxpo-k4-seed{seed}" for seed in range(3)]
    values = [found[seed]["pass@1"] for seed in range(3)]
    interval = mean_interval(values)
    assert row["pass@1"] == {
        "mean": pytest.approx(interval.estimate),
        "low": pytest.approx(interval.low),
        "high": pytest.approx(interval.high),
        "over": "seeds",
        "values": values,
    }
    alone = rows["grpo", 4]["pass@4"]
    assert alone["over"] == "problems"
    assert alone["low"] <= alone["mean"] <= alone["high"]


def test_an_unfinished_run_is_not_in_the_table(tmp_path):
    write_run(tmp_path, TinyRun(steps=STEPS), (1, 0, 0, 4))
    RunFolder(tmp_path / "ei_l1o-seed0").begin(TinyRun(method="ei_l1o").info())
    assert [row["method"] for row in table_rows(tmp_path)] == ["base", "maxpo"]


def write_trl_run(folder, seed, figures):
    """Write a finished run of a recipe, which says its seed at three places; derived ones among them."""
    config = {
        "recipe": {"training": {"seed": seed, "steps": 5}, "data": {"options": {"seed": 7}}},
        "trl": {"seed": 1000 + seed, "data_seed": 1000 + seed, "beta": 0.0},
    }
    run = RunFolder(folder / f"maxpo-k4-seed{seed}-trl")
    run.begin(RunInfo("tiny-countdown", "maxpo", "trl", seed, 4, 16, "tiny.toml", config))
    run.write_summary({"reward_mean": 0.5, "entropy": None, "steps": 5, "seconds": 3.0, **figures})
    return run


def test_runs_of_another_engine_stand_beside_and_those_without_pass_at_k_are_named(tmp_path):
    write_run(tmp_path, TinyRun(steps=STEPS), (1, 0, 0, 4))
    alone = write_table(tmp_path)
    write_trl_run(tmp_path, 0, {})
    assert write_table(tmp_path) == table_rows(tmp_path) == alone
    page = (tmp_path / "leaderboard.md").read_text()
    assert "Not in the table, since their summaries have no pass@k: maxpo-k4-seed0-trl." in page
    assert json.loads((tmp_path / "leaderboard.json").read_text())["left_out"] == ["maxpo-k4-seed0-trl"]


def test_seeds_of_a_recipe_are_one_row_wherever_they_are_said(tmp_path):
    write_run(tmp_path, TinyRun(steps=STEPS), (1, 0, 0, 4))
    figures = {"problems": 4, "samples": 4, "pass@1": 0.5, "pass@1_low": 0.25, "pass@1_high": 0.75}
    for seed in range(2):
        write_trl_run(tmp_path, seed, {**figures, "pass@1": 0.5 + seed / 4})
    rows = write_table(tmp_path)
    assert [(row["method"], row["seeds"]) for row in rows] == [("base", [0]), ("maxpo", [0, 1]), ("maxpo", [0])]
    assert rows[1]["pass@1"]["mean"] == pytest.approx(0.625)
    other = write_trl_run(tmp_path, 2, figures)
    info = json.loads(other.info_path.read_text())
    info["config"]["recipe"]["data"]["options"]["seed"] = 8
    other.info_path.write_text(json.dumps(info))
    assert [row["seeds"] for row in table_rows(tmp_path) if row["method"] == "maxpo"] == [[0, 1], [2], [0]]


def test_the_table_is_written_as_a_page_and_as_json(tmp_path):
    write_run(tmp_path, TinyRun(steps=STEPS), (1, 0, 0, 4))
    rows = write_table(tmp_path)
    assert json.loads((tmp_path / "leaderboard.json").read_text()) == {
        "schema": "maxpo-bench llm table 1",
        "rows": rows,
        "left_out": [],
    }
    page = (tmp_path / "leaderboard.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert lines[3].startswith("| maxpo | 4 | 16 | 31.2 (")
    before = page
    write_table(tmp_path)
    assert (tmp_path / "leaderboard.md").read_text() == before


def test_the_figure_draws_log_and_evaluation(tmp_path):
    from maxpo_bench.commands.llm_train_figure import draw, write_figure

    run = TinyRun(steps=STEPS)
    summary = write_run(tmp_path, run, (1, 0, 0, 4))
    folder = RunFolder(tmp_path / run.name)
    figure = draw(folder.info(), folder.log(), summary)
    rewards, noise, passes = figure.axes
    assert rewards.lines[0].get_xydata()[-1].tolist() == [STEPS, STEPS / 100]
    assert len(noise.lines) == 1
    before, after = (line.get_ydata().tolist() for line in passes.lines)
    assert after == pytest.approx([100 * summary[f"pass@{k}"] for k in (1, 2, 4)])
    assert before == pytest.approx([100 * summary[f"base_pass@{k}"] for k in (1, 2, 4)])
    (path,) = write_figure(folder, ["svg"])
    assert path == folder.path / "training.svg"


def test_an_unfinished_run_has_no_figure(tmp_path):
    from maxpo_bench.commands.llm_train_figure import write_figure

    folder = RunFolder(tmp_path)
    folder.begin(TinyRun().info())
    with pytest.raises(ValueError, match="not finished"):
        write_figure(folder)
