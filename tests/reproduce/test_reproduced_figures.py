"""What the reproduced figures draw, what their captions say, and the page that is made of them."""

import itertools
import json

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.lines import Line2D
from reproduce_samples import SQUARES, SUBMISSION, TINY, save_stub

from maxpo_bench.plots.style import SCORE_SQUARE, SQRT_GUIDE, style_of
from maxpo_bench.reproduce import page, report
from maxpo_bench.reproduce.bandit.figures import ratios
from maxpo_bench.reproduce.bandit.measure import arms_settings, measure
from maxpo_bench.reproduce.bandit.report import draw
from maxpo_bench.reproduce.finding import Finding
from maxpo_bench.reproduce.report import Report, write
from maxpo_bench.reproduce.subjects import load_subjects

FIGURES = ("fig1", "fig4", "fig5")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduced")
    (folder / "half.py").write_text(SUBMISSION)
    (folder / "squares.py").write_text(SQUARES)
    subjects = load_subjects([str(folder / "half.py"), str(folder / "squares.py")])
    return measure(FIGURES, TINY, subjects, folder / "cells")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(report, "save", save_stub)


@pytest.fixture(scope="module")
def drawn(measured):
    return {figure: draw(figure, measured) for figure in FIGURES}


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_child")}


def points_of(axes):
    return {each.get_label(): each[0] for each in axes.containers}


def test_errors_are_exact_lines_with_sampled_points_over_them(drawn, measured):
    axes = drawn["fig1"].picture.axes[0]
    errors = measured.errors()
    for name in ("ei", "ei_l2o", "ei_l1o", "half"):
        rows = errors[errors.estimator == name]
        for kind, series in (("exact", lines_of(axes)["_" + name]), ("sampled", points_of(axes)[style_of(name).label])):
            mean = rows[rows.kind == kind].groupby("num_groups")["value"].mean()
            np.testing.assert_array_equal(series.get_xdata(), mean.index)
            np.testing.assert_allclose(series.get_ydata(), mean)
            assert to_hex(series.get_color()) == style_of(name).color
    assert "_squares" not in lines_of(axes)
    assert "squares" in points_of(axes)
    assert SQRT_GUIDE in lines_of(axes)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


@pytest.mark.parametrize(("figure", "panel", "x"), [("fig1", 1, "num_arms"), ("fig1", 2, "k"), ("fig4", 1, "num_arms")])
def test_variances_above_and_ratios_in_each_bandit_below(drawn, figure, panel, x):
    columns = len(drawn[figure].picture.axes) // 2
    upper, lower = (drawn[figure].picture.axes[panel + row * columns] for row in (0, 1))
    frame = drawn[figure].data
    frame = frame[(frame.panel == ("arms" if x == "num_arms" else "k")) & (frame.group_size == 6)]
    wide = {name: rows.pivot(index="instance", columns=x, values="value") for name, rows in frame.groupby("estimator")}
    for name in ("ei", "ei_l2o", "ei_l1o", "half"):
        np.testing.assert_allclose(lines_of(upper)[style_of(name).label].get_ydata(), wide[name].mean())
    for name in ("ei_l2o", "ei_l1o", "half"):
        share = (wide[name] / wide["ei"]).mean()
        np.testing.assert_allclose(lines_of(lower)[style_of(name).label].get_ydata(), share)
    np.testing.assert_allclose(lines_of(lower)["half"].get_ydata(), 0.25)
    assert style_of("ei").label not in lines_of(lower)
    assert "squares" not in lines_of(upper)
    np.testing.assert_allclose(points_of(upper)["squares"].get_ydata(), wide["squares"].mean())


def test_bands_are_one_standard_error(drawn):
    frame = drawn["fig4"].data
    rows = frame[(frame.estimator == "ei_l2o") & (frame.group_size == 5) & (frame.num_arms == 9)]
    axes = drawn["fig4"].picture.axes[0]
    vertices = axes.collections[0].get_paths()[0].vertices
    at = vertices[vertices[:, 0] == 9, 1]
    assert at.max() == pytest.approx(rows.value.mean() + rows.value.sem())
    assert at.min() == pytest.approx(rows.value.mean() - rows.value.sem())


def test_the_policys_square_is_laid_over_the_arms_panels_scaled_to_ei(drawn):
    for axes, n in zip(drawn["fig4"].picture.axes[:2], (5, 6), strict=True):
        frame = drawn["fig4"].data
        means = frame[(frame.estimator == "ei") & (frame.group_size == n)].groupby("num_arms")
        line = lines_of(axes)[SCORE_SQUARE]
        expected = means["score_square"].mean() * means["value"].mean()[9] / means["score_square"].mean()[9]
        np.testing.assert_allclose(line.get_ydata(), expected)
    assert SCORE_SQUARE not in lines_of(drawn["fig5"].picture.axes[0])


def test_captions_say_seeds_instances_n_k_and_what_is_sampled(drawn):
    captions = {figure: each.report.caption for figure, each in drawn.items()}
    for caption in captions.values():
        assert "6 bandits (seed 0)" in caption
        assert "one standard error" in caption
        assert "points without a line (squares) sampled, 40 groups per bandit" in caption
        assert "ratio to EI in the same bandit" in caption
    assert "n = 6, K = 3, 4 arms" in captions["fig1"]
    assert "K = 3, n = 5, 6" in captions["fig4"]
    assert "at 5 arms, n = 5, 6" in captions["fig5"]
    for figure, each in drawn.items():
        shown = each.picture.get_supxlabel().replace("\N{NO-BREAK SPACE}", " ").replace("\n", " ")
        assert shown == captions[figure]


def test_without_sampled_estimators_the_caption_says_all_is_exact(measured, tmp_path):
    made = draw("fig5", measure(["fig5"], TINY, load_subjects([]), tmp_path)).report
    assert "All variances are exact." in made.caption
    assert {finding.source for finding in made.findings} == {"App G.1.3, Fig 5"}


def test_a_ratio_panel_ends_at_a_hundred_and_says_so(measured, tmp_path):
    path = tmp_path / "huge.py"
    path.write_text(SUBMISSION.replace("0.5 *", "100.0 *"))
    figure = draw("fig4", measure(["fig4"], TINY, load_subjects([str(path)]), tmp_path))
    assert figure.picture.axes[-1].get_ylim()[1] == 100
    assert "up to 100 (the largest is 1e+04)" in figure.report.caption


@pytest.mark.parametrize("figure", FIGURES)
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
    for axes in picture.axes:
        ticks = [each.get_window_extent() for each in axes.get_xticklabels() if each.get_text() and each.get_visible()]
        assert not any(first.overlaps(second) for first, second in itertools.pairwise(ticks))


def test_the_legend_shows_a_line_where_a_series_has_one(drawn):
    (legend,) = drawn["fig1"].picture.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:3] == [style_of(name).label for name in ("ei_l2o", "ei", "ei_l1o")]
    assert set(names[3:]) == {"half", "squares", SQRT_GUIDE, SCORE_SQUARE}
    handles = dict(zip(names, legend.legend_handles, strict=True))
    for name in ("EI+L2O (MaxPO)", "EI (PKPO)", "EI+L1O", "half"):
        assert isinstance(handles[name], Line2D), name
    assert isinstance(handles["squares"], LineCollection | ErrorbarContainer)


def test_ratios_take_exact_rows_where_there_are_any(measured):
    frame = ratios(measured.errors())
    assert set(frame[frame.estimator == "half"].kind) == {"exact"}
    assert set(frame[frame.estimator == "squares"].kind) == {"sampled"}
    assert "ei" not in set(frame.estimator)


def test_reports_are_read_back_and_hold_every_point(drawn, tmp_path):
    made = drawn["fig4"].report
    paths = write(drawn["fig4"], tmp_path)
    assert sorted(path.name for path in paths) == [f"fig4.{end}" for end in ("csv", "json", "md", "pdf", "png", "svg")]
    assert Report.load(tmp_path / "fig4.json").to_dict() == made.to_dict()
    points = [point for point in made.series if point["estimator"] == "half"]
    assert len(points) == len(arms_settings(TINY, TINY.group_sizes))
    assert all(point["ratio"] == pytest.approx(0.25) for point in points)
    assert all(point["ratio"] is None for point in made.series if point["estimator"] == "ei")
    sources = {finding.source for finding in made.findings}
    assert sources == {"App G.1.3, Fig 4", "App G.1.2, Eq 113-120", "App G.1.2, Eq 121", "added"}


@pytest.mark.parametrize("text", ["{", "{}", '{"schema": 7}', '{"schema": 1, "findings": [{}]}'])
def test_a_damaged_report_names_its_file(tmp_path, text):
    (tmp_path / "fig1.json").write_text(text)
    with pytest.raises(ValueError, match=r"fig1\.json is no stored figure .*reproduce it again"):
        Report.load(tmp_path / "fig1.json")


def test_the_page_is_made_of_the_stored_findings_alone(drawn, tmp_path):
    for figure in ("fig5", "fig1"):
        write(drawn[figure], tmp_path)
    (tmp_path / "leaderboard.md").write_text("table")
    assert page.write(tmp_path) == tmp_path / "README.md"
    text = (tmp_path / "README.md").read_text()
    assert text == page.render(tmp_path)
    assert "[leaderboard.md](leaderboard.md)" in text
    assert "table1.md" not in text
    assert text.index("](fig1.png)") < text.index("](fig5.png)")
    for figure in ("fig1", "fig5"):
        for finding in drawn[figure].report.findings:
            assert finding.statement.replace("|", "\\|").replace("_", "\\_") in text
    stored = json.loads((tmp_path / "fig1.json").read_text())
    stored["findings"][0]["verdict"] = "holds as never before"
    (tmp_path / "fig1.json").write_text(json.dumps(stored))
    assert page.render(tmp_path) != text


def test_a_readme_of_somebody_elses_is_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    assert page.write(tmp_path) is None
    assert (tmp_path / "README.md").read_text() == "mine"


def test_names_are_escaped_and_findings_without_a_claim_have_no_verdict():
    finding = Finding("added", "my_own | x", ("first", "second_line"), "", "")
    text = "\n".join(page.section(Report("fig4", "Title", "caption", (finding,), {}, ()), level=2))
    assert "- my\\_own \\| x *(added)*" in text
    assert "**" not in text
    assert "    - second\\_line" in text


def test_links_of_the_page_lead_to_its_headings(drawn, tmp_path):
    write(drawn["fig1"], tmp_path)
    text = page.render(tmp_path)
    (anchor,) = [line.split("](#")[1].rstrip(")") for line in text.splitlines() if "](#" in line]
    heading = next(line for line in text.splitlines() if line.startswith("## "))
    assert anchor == heading[3:].lower().replace(":", "").replace(",", "").replace(" ", "-")
