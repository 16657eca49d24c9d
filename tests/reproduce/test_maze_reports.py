"""What the maze figures draw, what their captions and tables say, and how tables are stored and shown."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from maze_samples import AGENTS, TINY, TINY_MLP, finals_frame, grid
from reproduce_samples import save_stub
from scipy import stats

from maxpo_bench.plots import save
from maxpo_bench.plots.style import figure_style, style_of
from maxpo_bench.reproduce import page, report
from maxpo_bench.reproduce.maze.blind import draw_fig6
from maxpo_bench.reproduce.maze.cells import chosen
from maxpo_bench.reproduce.maze.figures import draw_curves
from maxpo_bench.reproduce.maze.findings import Scores
from maxpo_bench.reproduce.maze.mlp import draw_mlp
from maxpo_bench.reproduce.maze.report import draw_fig7, returns_table
from maxpo_bench.reproduce.maze.search import draw_search
from maxpo_bench.reproduce.report import Drawn, Report, Table, write

RESULTS = Path(__file__).parents[2] / "results"
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam"}
WITH_LINES = ("fig7", "fig7-adam", "fig7-search", "fig7-mlp")


@pytest.fixture(scope="module")
def drawn(fig7_measured, search_measured, mlp_measured):
    made = [*draw_fig7(fig7_measured), draw_search(search_measured), draw_mlp(mlp_measured), draw_fig6(TINY)]
    return {each.report.figure: each for each in made}


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(report, "save", save_stub)


def values_of(measured, **wanted):
    """Numbers of the one cell of an agent and setting, and the place of its chosen rate."""
    name = wanted.pop("agent")
    if name.startswith("reinforce"):
        wanted.pop("k", None)
    (found,) = [
        values
        for cell, values in measured.values.items()
        if cell.agent.name == name and all(getattr(cell.setting, key) == value for key, value in wanted.items())
    ]
    return found, chosen(found)


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}


def test_figure_7_becomes_three_reports(drawn):
    assert list(drawn)[:3] == ["fig7", "fig7-adam", "fig7-settings"]
    for name, each in drawn.items():
        assert each.report.title == report.TITLES[name]


@pytest.mark.parametrize(("figure", "optimizer"), [("fig7", "sgd"), ("fig7-adam", "adam")])
def test_returns_above_habits_in_the_middle_a_column_for_each_n(drawn, fig7_measured, figure, optimizer):
    axes = drawn[figure].picture.axes
    assert len(axes) == 3 * 2
    assert [each.get_title() for each in axes[:2]] == ["$n = 4$", "$n = 6$"]
    for column, n in enumerate(TINY.group_sizes):
        for row, curve in enumerate(("curve_return", "curve_p_action_1")):
            lines = lines_of(axes[2 * row + column])
            assert len(lines) == 5
            for name in AGENTS:
                values, rate = values_of(fig7_measured, agent=name, optimizer=optimizer, share=0.8, n=n, k=2)
                line = lines[style_of(name).label]
                np.testing.assert_array_equal(line.get_xdata(), [10, 20, 30, 40])
                np.testing.assert_allclose(line.get_ydata(), values[curve][:, rate].mean(axis=1))
    assert [axes[2 * row].get_ylabel() for row in range(2)] == ["Mean return", "$P$(action 1)"]


@pytest.mark.parametrize(("figure", "optimizer"), [("fig7", "sgd"), ("fig7-adam", "adam")])
def test_geometric_means_of_variance_ratios_below_a_line_for_each_objective(drawn, fig7_measured, figure, optimizer):
    for column, n in enumerate(TINY.group_sizes):
        axes = drawn[figure].picture.axes[4 + column]
        assert axes.get_yscale() == "log"
        lines = lines_of(axes)
        assert {"ratio at $K = 2$", "ratio at $K = 3$"} <= set(lines)
        for k in TINY.objectives:
            values, rate = values_of(fig7_measured, agent="ei_l2o", optimizer=optimizer, share=0.8, n=n, k=k)
            upper, lower = values["variance_ei_l2o"][rate], values["variance_ei"][rate]
            assert (lower > 0).any(axis=1).all()
            logs = [np.log(top[base > 0] / base[base > 0]).mean() for top, base in zip(upper, lower, strict=True)]
            line = lines[f"ratio at $K = {k}$"]
            np.testing.assert_array_equal(line.get_xdata(), [0, 20, 40])
            np.testing.assert_allclose(line.get_ydata(), np.exp(logs))


def test_bands_are_95_percent_intervals_over_mazes(drawn, fig7_measured):
    values, rate = values_of(fig7_measured, agent="ei_l2o", optimizer="sgd", share=0.8, n=4, k=2)
    last = values["curve_p_action_1"][-1, rate]
    expected = stats.t.interval(0.95, 2, loc=last.mean(), scale=stats.sem(last))
    ends = []
    for band in drawn["fig7"].picture.axes[2].collections:
        vertices = band.get_paths()[0].vertices
        at = vertices[vertices[:, 0] == 40, 1]
        ends.append((at.min(), at.max()))
    assert any(np.allclose(each, expected) for each in ends)


def test_networks_have_a_column_for_each_share_and_two_rows_for_each_optimizer(drawn, mlp_measured):
    axes = drawn["fig7-mlp"].picture.axes
    assert len(axes) == 4 * 2
    assert [each.get_title() for each in axes[:2]] == ["majority share 0.7", "majority share 0.8"]
    rows = itertools.product(("sgd", "adam"), ("curve_return", "curve_p_action_1"))
    for row, (optimizer, curve) in enumerate(rows):
        assert axes[2 * row].get_ylabel().startswith(OPTIMIZERS[optimizer])
        for column, share in enumerate(TINY_MLP.shares):
            lines = lines_of(axes[2 * row + column])
            for name in AGENTS:
                values, rate = values_of(mlp_measured, agent=name, optimizer=optimizer, share=share)
                expected = values[curve][:, rate].mean(axis=1)
                np.testing.assert_allclose(lines[style_of(name).label].get_ydata(), expected)


def test_the_overview_has_a_row_for_each_optimizer_and_objective(drawn, fig7_measured):
    axes = drawn["fig7-settings"].picture.axes
    rows = list(itertools.product(("sgd", "adam"), TINY.objectives))
    assert len(axes) == len(rows) * 2
    for (row, (optimizer, k)), (column, share) in itertools.product(enumerate(rows), enumerate(TINY.shares)):
        panel = axes[2 * row + column]
        if column == 0:
            assert panel.get_ylabel() == f"{OPTIMIZERS[optimizer]}, $K = {k}$\nreturn"
        if row == 0:
            assert panel.get_title() == f"majority share {share:g}"
        points = {each.get_label(): each[0] for each in panel.containers}
        assert len(points) == 5
        for name in AGENTS:
            values = [
                values_of(fig7_measured, agent=name, optimizer=optimizer, share=share, n=n, k=k)
                for n in TINY.group_sizes
            ]
            drawn_points = points[style_of(name).label]
            np.testing.assert_allclose(
                np.asarray(drawn_points.get_ydata(), dtype=float),
                [each["returns"][rate].mean() for each, rate in values],
            )
            np.testing.assert_allclose(np.asarray(drawn_points.get_xdata(), dtype=float), [0, 1], atol=0.4)
        assert list(panel.get_xticks()) == [0, 1]
    assert [tick.get_text() for tick in axes[-1].get_xticklabels()] == ["4", "6"]


def test_an_agent_looks_the_same_everywhere(drawn):
    labels = {style_of(name).label: style_of(name) for name in AGENTS}
    assert len(labels) == len({(each.color, each.marker) for each in labels.values()}) == 5
    seen = set()
    for figure in (*WITH_LINES, "fig7-settings"):
        for axes in drawn[figure].picture.axes:
            series = lines_of(axes) | {each.get_label(): each[0] for each in axes.containers}
            for label, line in series.items():
                if label in labels:
                    seen.add((figure, label))
                    assert (to_hex(line.get_color()), line.get_marker()) == (labels[label].color, labels[label].marker)
    assert len(seen) == 5 * 5


def test_captions_say_mazes_seeds_sizes_and_grids(drawn):
    captions = {name: each.report.caption for name, each in drawn.items()}
    for name, label, rates in (("fig7", "SGD", "0.1, 1"), ("fig7-adam", "Adam", "0.01, 0.1")):
        assert f"{label}, learning rate chosen among {rates} on 2 other mazes; K = 2; 3 mazes" in captions[name]
    for name in ("fig7", "fig7-adam", "fig7-settings"):
        assert "3 mazes with a run each (seed 0)" in captions[name]
        assert "95 % intervals over mazes" in captions[name]
    for name in ("fig7", "fig7-adam", "fig7-search"):
        assert "Paths of 30 states, majority share" in captions[name]
        assert "20 groups each (Eq 125)" in captions[name]
        assert "means of 10 iterations" in captions[name]
    assert "dead ends of one step;" in captions["fig7"]
    assert "dead ends of one or two steps;" in captions["fig7-search"]
    assert "over the last 20 of 40 iterations" in captions["fig7-settings"]
    assert "SGD: chosen among 0.1, 1 on 2 other mazes; Adam: chosen among 0.01, 0.1 on 2" in captions["fig7-settings"]
    for words in ("n = 4, K = 2", "2 mazes with a run each (seed 0)", "(SGD: 0.01, 0.1; Adam: 0.001, 0.01)"):
        assert words in captions["fig7-mlp"]
    assert "seed 0" in captions["fig6"]
    for name, each in drawn.items():
        shown = each.picture.get_supxlabel().replace("\N{NO-BREAK SPACE}", " ").replace("\n", " ")
        assert captions[name] in shown if name == "fig6" else captions[name] == shown


def test_the_setting_and_every_point_are_stored(drawn, fig7_measured):
    made = drawn["fig7"].report
    assert made.setting["group_sizes"] == [4, 6]
    assert made.setting["iterations"] == 40
    assert len([point for point in made.series if point["panel"] == "return"]) == 5 * 2 * 4
    assert len([point for point in made.series if point["panel"] == "ratio"]) == 2 * 2 * 3
    values, rate = values_of(fig7_measured, agent="ei", optimizer="sgd", share=0.8, n=6, k=2)
    (point,) = [
        point
        for point in made.series
        if (point["panel"], point.get("agent"), point["group_size"], point["iteration"]) == ("return", "ei", 6, 20)
    ]
    here = values["curve_return"][1, rate]
    assert point["mean"] == pytest.approx(here.mean(), rel=1e-8)
    assert point["standard_error"] == pytest.approx(stats.sem(here), rel=1e-8)
    finals = drawn["fig7-settings"].report.series
    assert len(finals) == 2 * 2 * 2 * 2 * 5
    (point,) = [
        point
        for point in finals
        if (point["agent"], point["optimizer"], point["share"]) == ("ei", "sgd", 0.8)
        and (point["group_size"], point["k"]) == (6, 2)
    ]
    assert point["mean"] == pytest.approx(values["returns"][rate].mean(), rel=1e-8)
    assert point["env_steps"] == pytest.approx(values["env_steps"][rate].mean(), rel=1e-8)
    assert point["learning_rate"] == TINY.sgd_rates[rate]
    networks = drawn["fig7-mlp"].report.series
    assert {(point["optimizer"], point["share"]) for point in networks} == set(
        itertools.product(("sgd", "adam"), (0.7, 0.8))
    )


def test_findings_of_each_report(drawn):
    counts = {name: [each.source for each in made.report.findings] for name, made in drawn.items()}
    fig7 = ["App G.2.2, Fig 7"]
    assert counts["fig7"] == counts["fig7-adam"] == fig7 * 6
    assert counts["fig7-settings"] == [*fig7 * 6, *["check"] * 3]
    assert counts["fig7-search"] == fig7
    assert counts["fig7-mlp"] == fig7 * 4
    assert counts["fig6"] == ["App G.2.1, Fig 6"] * 2
    *above, edge = drawn["fig7-settings"].report.findings[6:]
    for each, label in zip(above, ("SGD", "Adam"), strict=True):
        assert each.statement == f"EI+L2O is above EI at {label}, share 0.7, n = 4, K = 2."
    assert edge.numbers == {"at_an_end": 64, "choices": 64}  # REINFORCE counts once for all K


def test_data_is_what_was_drawn(drawn):
    assert set(drawn["fig7"].data.optimizer) == {"sgd"}
    assert set(drawn["fig7-adam"].data.optimizer) == {"adam"}
    assert len(drawn["fig7"].data) == 5 * 2 * 4 * 3
    assert "is_chosen" not in drawn["fig7-settings"].data
    assert len(drawn["fig7-settings"].data) == 80 * 3
    assert len(drawn["fig7-mlp"].data) == 5 * 2 * 2 * 2 * 2


def test_the_table_shows_means_intervals_and_rates_or_that_there_is_no_estimator():
    values = np.array([1.0, 2.0, 4.0])

    def returns(setting):
        return {"ei": values} | ({"ei_l2o": [7.0] * 3} if setting["group_size"] > 4 else {})

    scores = Scores(finals_frame(returns, settings=grid(group_size=(4, 8)), rates={"ei": 0.03}))
    table = returns_table(scores, scores.places, ("group_size",))
    low, high = stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values))
    assert table.header == ("agent", "n = 4", "n = 8")
    assert table.title == "Mean return, 95 % interval over mazes, and the learning rate chosen (K = 4)"
    text = f"2.33 [{low:.3g}, {high:.3g}] at 0.03"
    assert table.rows == (("EI+L2O (MaxPO)", "not defined", "7 at 0.1"), ("EI (PKPO)", text, text))


def test_tables_tell_their_settings_apart():
    scores = Scores(finals_frame({"ei": [1.0, 2.0]}, settings=grid(optimizer=("sgd", "adam"), share=(0.7, 0.8))))
    table = returns_table(scores, scores.places, ("optimizer", "share"))
    assert table.header == ("agent", "SGD, share 0.7", "SGD, share 0.8", "Adam, share 0.7", "Adam, share 0.8")
    assert table.title.endswith("(n = 16, K = 4)")


@pytest.mark.parametrize("figure", ["fig7", "fig7-settings", "fig7-mlp", "fig7-search"])
def test_reports_round_trip_with_their_tables(drawn, tmp_path, figure):
    made = drawn[figure].report
    assert len(made.tables) == 1
    write(drawn[figure], tmp_path)
    again = Report.load(tmp_path / f"{figure}.json")
    assert again.tables == made.tables
    assert again.to_dict() == made.to_dict()


@pytest.mark.parametrize("figure", ["fig1", "fig4", "fig5"])
def test_reports_without_tables_keep_their_bytes(tmp_path, figure):
    stored = (RESULTS / f"{figure}.json").read_bytes()
    again = Report.load(RESULTS / f"{figure}.json")
    assert again.tables == ()
    write(Drawn(again, Figure(), pd.DataFrame()), tmp_path)
    assert (tmp_path / f"{figure}.json").read_bytes() == stored


@pytest.mark.parametrize(
    "tables", [3, [{}], [{"title": "", "header": ["a"]}], [{"title": "", "header": 1, "rows": []}]]
)
def test_a_damaged_table_names_its_file(drawn, tmp_path, tables):
    write(drawn["fig7-mlp"], tmp_path)
    path = tmp_path / "fig7-mlp.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "tables": tables}))
    with pytest.raises(ValueError, match=r"fig7-mlp\.json is no stored figure .*reproduce it again"):
        Report.load(path)


def test_tables_stand_on_the_page_between_picture_and_findings(drawn, tmp_path):
    for figure in ("fig7-mlp", "fig6", "fig7"):
        write(drawn[figure], tmp_path)
    page.write(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert text.index("](fig6.png)") < text.index("](fig7.png)") < text.index("](fig7-mlp.png)")
    for figure in ("fig7", "fig7-mlp"):
        (table,) = drawn[figure].report.tables
        lines = text.splitlines()
        start = lines.index(f"**{table.title}**") + 2
        rows = [table.header, ("---",) * len(table.header), *table.rows]
        assert lines[start : start + len(rows)] == [f"| {' | '.join(row)} |" for row in rows]
        assert lines[start - 1] == lines[start + len(rows)] == ""
        assert lines.index(f"![{drawn[figure].report.title}]({figure}.png)") < start
        assert (tmp_path / f"{figure}.md").read_text().count("| EI+L2O (MaxPO) |") == 1
    assert page.load(tmp_path, "fig7").to_dict() == drawn["fig7"].report.to_dict()


def test_texts_of_tables_are_escaped():
    table = Table("Title", ("a|b", "my_own"), (("x_y", "|"),))
    lines = page.section(Report("fig7", "Title", "caption", (), {}, (), (table,)), level=2)
    assert lines[-3:] == ["| a\\|b | my\\_own |", "| --- | --- |", "| x\\_y | \\| |"]


def test_two_draws_give_the_same_bytes(fig7_measured, tmp_path):
    curves, ratios = fig7_measured.curves("sgd", 0.8, 2), fig7_measured.variance_ratios()
    ratios = ratios[(ratios.optimizer == "sgd") & (ratios.share == 0.8) & ratios.is_chosen]
    for name in ("one", "other"):
        with figure_style():
            picture = draw_curves(curves[curves.group_size == 4], ratios[ratios.group_size == 4], "caption")
        save(picture, tmp_path / name, "fig7", formats=("svg",))
    one, other = ((tmp_path / name / "fig7.svg").read_bytes() for name in ("one", "other"))
    assert one == other
    assert b"<?xml" in one[:10]


@pytest.mark.parametrize("figure", ["fig7", "fig7-settings", "fig7-mlp"])
def test_nothing_of_a_figure_overlaps_or_is_cut_off(drawn, figure):
    picture = drawn[figure].picture
    picture.draw_without_rendering()
    (legend,) = picture.legends
    boxes = [axes.get_tightbbox() for axes in picture.axes]
    boxes += [legend.get_window_extent(), picture._supxlabel.get_window_extent()]
    for box in boxes:
        assert box.x0 >= picture.bbox.x0 - 1
        assert box.x1 <= picture.bbox.x1 + 1
        assert box.y0 >= picture.bbox.y0 - 1
        assert box.y1 <= picture.bbox.y1 + 1
    for first, second in itertools.combinations(boxes, 2):
        assert not first.overlaps(second)
