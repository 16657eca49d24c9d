"""Each figure draws the numbers it is given: lines, bands, colours, labels, scales, caption."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from plot_frames import (
    ESTIMATORS,
    EXAMPLES,
    bandit_frame,
    bands,
    caption_of,
    curves_frame,
    legend_labels,
    line_of,
    ratio_frame,
)
from scipy.stats import t

from maxpo_bench import plots
from maxpo_bench.plots.bandit_panels import doubling_axis
from maxpo_bench.plots.frames import count_text, curve, mean_interval
from maxpo_bench.plots.style import DOUBLE_COLUMN, SCORE_SQUARE, SINGLE_COLUMN, style_of

# supports are counts and the proxy's bands standard deviations, not intervals; their own tests read the captions
OTHER_BANDS = ("support", "llm_support", "llm_variance_proxy")


@pytest.mark.parametrize("name", [name for name in plots.FIGURES if name not in OTHER_BANDS])
def test_every_figure_has_an_example_a_caption_and_a_publication_width(name):
    figure = plots.plot(name, EXAMPLES[name])
    assert figure.get_size_inches()[0] in (SINGLE_COLUMN, DOUBLE_COLUMN)
    assert "95 % intervals; 3 " in caption_of(figure)
    assert len(figure.legends) == 1
    # of the maze only the last panel is a mean over many
    for axes in figure.axes[-1:] if name == "maze" else figure.axes:
        assert axes.get_xlabel()
        assert bands(axes)


@pytest.mark.parametrize("name", list(plots.FIGURES))
def test_nothing_of_a_figure_is_cut_off_or_overlaps(name):
    figure = plots.plot(name, EXAMPLES[name])
    figure.draw_without_rendering()
    page = figure.bbox
    (legend,) = figure.legends
    legend_box = legend.get_window_extent()
    caption_box = figure._supxlabel.get_window_extent()
    for box in (legend_box, caption_box, *(axes.get_tightbbox() for axes in figure.axes)):
        assert box.x0 >= page.x0 - 1
        assert box.x1 <= page.x1 + 1
        assert box.y0 >= page.y0 - 1
        assert box.y1 <= page.y1 + 1
    for axes in figure.axes:
        assert not axes.get_tightbbox().overlaps(legend_box)
        assert not axes.get_tightbbox().overlaps(caption_box)
    for first, second in itertools.combinations(figure.axes, 2):
        assert not first.get_tightbbox().overlaps(second.get_tightbbox())


@pytest.mark.parametrize(
    ("name", "x"), [("bias_vs_batches", "num_groups"), ("variance_vs_arms", "num_arms"), ("variance_vs_k", "k")]
)
def test_bandit_figures_draw_the_mean_over_instances(name, x):
    figure = plots.plot(name, EXAMPLES[name])
    for place, estimator in enumerate(ESTIMATORS):
        line = line_of(figure.axes[0], style_of(estimator).label)
        values = np.array(sorted(EXAMPLES[name][x].unique()))
        np.testing.assert_array_equal(line.get_xdata(), values)
        np.testing.assert_allclose(line.get_ydata(), (1 + place) * 2 * values / 16)
        assert to_hex(line.get_color()) == style_of(estimator).color
        assert line.get_marker() == style_of(estimator).marker
    assert legend_labels(figure)[:3] == [style_of(estimator).label for estimator in ESTIMATORS]
    assert "3 instances; n = 16" in caption_of(figure)


def test_bias_is_drawn_on_two_logarithmic_axes_with_a_guide_of_slope_minus_one_half():
    figure = plots.plot("bias_vs_batches", EXAMPLES["bias_vs_batches"])
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    guide = line_of(axes, legend_labels(figure)[-1])
    slope = np.diff(np.log(guide.get_ydata())) / np.diff(np.log(guide.get_xdata()))
    np.testing.assert_allclose(slope, -0.5)


def test_bias_shows_exact_rows_as_lines_and_sampled_rows_as_points():
    sampled = EXAMPLES["bias_vs_batches"].assign(kind="sampled")
    exact = sampled.assign(kind="exact", value=sampled.value * 2)
    figure = plots.plot("bias_vs_batches", pd.concat([exact, sampled]))
    (axes,) = figure.axes
    label = style_of("ei").label
    (points,) = [container for container in axes.containers if container.get_label() == label]
    assert points[0].get_linestyle() == "None"
    np.testing.assert_allclose(points[0].get_ydata(), 2 * 2 * np.array([10, 100, 1000]) / 16)
    np.testing.assert_allclose(line_of(axes, "_ei").get_ydata(), 4 * 2 * np.array([10, 100, 1000]) / 16)
    assert legend_labels(figure).count(label) == 1


@pytest.mark.parametrize(("name", "x"), [("variance_vs_arms", "num_arms"), ("variance_vs_k", "k")])
def test_sampled_variances_are_points_among_the_exact_lines(name, x):
    frame = EXAMPLES[name]
    figure = plots.plot(name, frame.assign(kind=np.where(frame.estimator == "ei_l1o", "sampled", "exact")))
    axes = figure.axes[0]
    (points,) = axes.containers
    assert points.get_label() == style_of("ei_l1o").label
    assert points[0].get_linestyle() == "None"
    np.testing.assert_allclose(points[0].get_ydata(), 3 * 2 * np.array(sorted(frame[x].unique())) / 16)
    assert {line.get_label() for line in axes.get_lines()} >= {style_of(each).label for each in ("ei", "ei_l2o")}
    assert "lines: exact moments, points: sampled" in caption_of(figure)


@pytest.mark.parametrize("kind", ["exact", "sampled"])
def test_the_caption_says_what_the_moments_are(kind):
    figure = plots.plot("variance_vs_k", EXAMPLES["variance_vs_k"].assign(kind=kind))
    assert f"{kind} moments" in caption_of(figure)


def test_one_minus_the_policys_square_is_scaled_to_the_reference_at_the_most_arms():
    frame = EXAMPLES["variance_vs_arms"]
    figure = plots.plot("variance_vs_arms", frame.assign(score_square=1 - 1 / frame.num_arms))
    line = line_of(figure.axes[0], SCORE_SQUARE)
    reference = frame[(frame.estimator == "ei") & (frame.num_arms == 100)].value.mean()
    np.testing.assert_allclose(line.get_ydata(), reference * np.array([0.5, 0.9, 0.99]) / 0.99)
    assert legend_labels(figure)[-1] == SCORE_SQUARE
    assert SCORE_SQUARE not in legend_labels(plots.plot("variance_vs_arms", frame))


@pytest.mark.parametrize(
    ("largest", "ticks"), [(7, [1, 2, 4, 7]), (8, [1, 2, 4, 8]), (15, [1, 2, 4, 8, 15]), (5, [1, 2, 5]), (1, [1])]
)
def test_doubling_axes_have_ticks_at_powers_of_two_and_at_their_end(largest, ticks):
    axes = Figure().subplots()
    axes.plot([1, largest], [1, 1])
    doubling_axis(axes, np.array([1, largest]))
    assert [text.get_text() for text in axes.get_xticklabels()] == [str(tick) for tick in ticks]
    assert axes.get_xscale() == "log"


def test_bands_can_be_one_standard_error():
    frame = bandit_frame("k", (1, 2), instances=4)
    rows = frame[frame.estimator == "ei"]
    line = curve(rows, "k", "value", "instance", band="error")
    errors = rows.groupby("k")["value"].sem().to_numpy()
    np.testing.assert_allclose(line.high - line.mean, errors)
    np.testing.assert_allclose(line.mean - line.low, errors)


def test_bias_of_exact_rows_alone_is_labelled_too():
    figure = plots.plot("bias_vs_batches", EXAMPLES["bias_vs_batches"].assign(kind="exact"))
    assert style_of("ei").label in legend_labels(figure)


@pytest.mark.parametrize("name", ["variance_vs_arms", "variance_vs_k"])
def test_variance_figures_show_the_ratio_to_ei_in_each_instance(name):
    figure = plots.plot(name, EXAMPLES[name])
    variance, ratio = figure.axes
    assert variance.get_yscale() == "log"
    assert ratio.get_ylabel() == "Variance ratio to EI"
    for place, estimator in enumerate(ESTIMATORS):
        np.testing.assert_allclose(line_of(ratio, style_of(estimator).label).get_ydata(), (1 + place) / 2)


def test_the_mean_of_ratios_is_not_the_ratio_of_means():
    frame = bandit_frame("k", (1, 2), estimators=("ei", "ei_l2o"))
    is_first = (frame.estimator == "ei") & (frame.instance == 0)
    frame.loc[is_first, "value"] *= 10
    ratio = line_of(plots.plot("variance_vs_k", frame).axes[1], style_of("ei_l2o").label).get_ydata()
    np.testing.assert_allclose(ratio, (0.2 + 2 + 2) / 3)


def test_ratios_to_another_reference():
    figure = plots.plot("variance_vs_k", EXAMPLES["variance_vs_k"], reference="ei_l2o")
    np.testing.assert_allclose(line_of(figure.axes[1], style_of("ei").label).get_ydata(), 2)
    assert figure.axes[1].get_ylabel() == "Variance ratio to EI+L2O"


@pytest.mark.parametrize("name", ["bias_vs_batches", "variance_vs_arms", "variance_vs_k"])
def test_group_sizes_get_panels(name):
    x = {"bias_vs_batches": "num_groups", "variance_vs_arms": "num_arms", "variance_vs_k": "k"}[name]
    figure = plots.plot(name, bandit_frame(x, (2, 4, 8), group_sizes=(32, 8)))
    assert [axes.get_title() for axes in figure.axes][:2] == ["$n = 8$", "$n = 32$"]
    assert len(figure.axes) == (2 if name == "bias_vs_batches" else 4)
    line = line_of(figure.axes[1], style_of("ei_l2o").label)
    np.testing.assert_allclose(line.get_ydata(), 2 * np.array([2, 4, 8]) / 32)


def test_group_size_is_optional():
    figure = plots.plot("variance_vs_k", EXAMPLES["variance_vs_k"].drop(columns="group_size"))
    assert "n =" not in caption_of(figure)


def test_bands_are_students_intervals():
    frame = bandit_frame("k", (1, 2), instances=4)
    axes = plots.plot("variance_vs_k", frame).axes[0]
    values = frame[(frame.estimator == "ei") & (frame.k == 2)].value
    half = t.ppf(0.975, 3) * values.std(ddof=1) / 2
    band = bands(axes)[1].get_paths()[0].vertices
    at_two = band[band[:, 0] == 2, 1]
    assert at_two.max() == pytest.approx(values.mean() + half)
    assert at_two.min() == pytest.approx(max(values.mean() - half, values.min() if values.mean() <= half else 0))


def test_interval_of_one_unit_is_its_value_and_missing_values_are_left_out():
    low, mean, high = mean_interval(np.array([[2.0, np.nan], [1.0, 3.0]]))
    np.testing.assert_array_equal([low[0], mean[0], high[0]], 2.0)
    assert mean[1] == 2.0
    assert high[1] == pytest.approx(2 + t.ppf(0.975, 1))


def test_lower_ends_stay_positive_where_all_values_are():
    low, _, _ = mean_interval(np.array([[1.0, 100.0], [-1.0, 100.0]]))
    assert low[0] == 1.0
    assert low[1] < -100


def test_curve_leaves_out_infinite_values():
    frame = pd.DataFrame({"x": [1, 1, 2, 2], "value": [1.0, np.inf, 3.0, 5.0], "unit": [0, 1, 0, 1]})
    drawn = curve(frame, "x", "value", "unit")
    np.testing.assert_array_equal(drawn.mean, [1.0, 4.0])
    assert drawn.units == 2


def test_records_are_taken_as_well_as_frames():
    records = EXAMPLES["variance_vs_k"].to_dict("records")
    assert len(plots.plot("variance_vs_k", records).axes) == 2


@pytest.mark.parametrize(("numbers", "text"), [([5, 5], "5 seeds"), ([1], "1 seed"), ([3, 5, 4], "3-5 seeds")])
def test_counts_read_like_a_sentence(numbers, text):
    assert count_text(iter(numbers), "seed") == text


@pytest.mark.parametrize("name", list(plots.FIGURES))
def test_no_rows_and_missing_columns_are_named(name):
    frame = EXAMPLES[name]
    with pytest.raises(ValueError, match=f"figure '{name}' got no rows: it needs columns "):
        plots.plot(name, frame.iloc[:0])
    needed = next(column for column in ("instance", "seed", "method") if column in frame)
    with pytest.raises(ValueError, match=f"figure '{name}' lacks column {needed}: it needs"):
        plots.plot(name, frame.drop(columns=needed))


def test_several_missing_columns_are_all_named():
    with pytest.raises(
        ValueError, match="lacks columns estimator, value: it needs estimator, k, instance, value and got"
    ):
        plots.plot("variance_vs_k", EXAMPLES["variance_vs_k"].drop(columns=["estimator", "value"]))


def test_an_unknown_metric_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"lacks column return_maen\. Did you mean 'return_mean'"):
        plots.plot("learning_curves", curves_frame(), metric="return_maen")


@pytest.mark.parametrize("name", ["p_action_1", "learning_curves"])
def test_without_a_global_bias_the_remedy_is_the_maze(name):
    frame = curves_frame().drop(columns="p_action_1")
    options = {} if name == "p_action_1" else {"metric": "p_action_1"}
    with pytest.raises(ValueError, match=r"only runs with a global bias have: .* on maxpo/Maze-v0"):
        plots.plot(name, frame, **options)


def test_a_metric_without_values_says_so():
    with pytest.raises(ValueError, match="p_action_1 has no finite value in 12 rows"):
        plots.plot("p_action_1", curves_frame(agents=("ppo",)))
    with pytest.raises(ValueError, match="value has no finite value"):
        plots.plot("variance_ratio", ratio_frame().assign(value=np.nan))


def test_a_missing_reference_estimator_says_which_there_are():
    frame = EXAMPLES["variance_vs_k"]
    message = "reference estimator 'ei': add them, or set reference= to one of ei_l1o, ei_l2o"
    with pytest.raises(ValueError, match=message):
        plots.plot("variance_vs_k", frame[frame.estimator != "ei"], reference="ei")


def test_without_ei_the_first_estimator_is_the_reference():
    frame = EXAMPLES["variance_vs_k"]
    figure = plots.plot("variance_vs_k", frame[frame.estimator != "ei"])
    assert figure.axes[1].get_ylabel() == "Variance ratio to EI+L2O"
    np.testing.assert_allclose(line_of(figure.axes[1], "EI+L1O").get_ydata(), 3)
