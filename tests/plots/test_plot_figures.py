"""Each figure draws the numbers it is given: lines, bands, colours, labels, scales, caption."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from plot_frames import ESTIMATORS, EXAMPLES, bandit_frame, curves_frame, ratio_frame
from scipy.stats import t

from maxpo_bench import plots
from maxpo_bench.plots.bandit_panels import doubling_axis
from maxpo_bench.plots.frames import count_text, curve, mean_interval
from maxpo_bench.plots.style import DOUBLE_COLUMN, SCORE_SQUARE, SINGLE_COLUMN, style_of


def line_of(axes, label):
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return line


def legend_labels(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def caption_of(figure):
    return " ".join(figure.get_supxlabel().split("\n"))


def bands(axes):
    return [each for each in axes.collections if isinstance(each, FillBetweenPolyCollection)]


@pytest.mark.parametrize("name", list(plots.FIGURES))
def test_every_figure_has_an_example_a_caption_and_a_publication_width(name):
    figure = plots.plot(name, EXAMPLES[name])
    assert figure.get_size_inches()[0] in (SINGLE_COLUMN, DOUBLE_COLUMN)
    assert "95 % intervals; 3 " in caption_of(figure)
    assert len(figure.legends) == 1
    for axes in figure.axes:
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


def test_learning_curves_draw_the_mean_over_seeds():
    figure = plots.plot("learning_curves", curves_frame())
    (axes,) = figure.axes
    np.testing.assert_allclose(line_of(axes, "EI+L2O (MaxPO)").get_ydata(), np.array([20, 40, 60, 80]) + 1.0)
    np.testing.assert_allclose(line_of(axes, "REINFORCE").get_ydata(), np.array([10, 20, 30, 40]) + 1.0)
    assert axes.get_title() == "Maze-v0"
    assert axes.get_ylabel() == "Mean return"
    assert "3 seeds" in caption_of(figure)


def test_learning_curves_of_another_metric_with_a_caption():
    figure = plots.plot("learning_curves", curves_frame(), metric="exact_max_at_k", caption="K = 4.")
    np.testing.assert_allclose(line_of(figure.axes[0], "REINFORCE").get_ydata(), [20, 40, 60, 80])
    assert figure.axes[0].get_ylabel() == "Expected max@$K$ return"
    assert caption_of(figure).startswith("K = 4. Mean over seeds")


def test_learning_curves_average_neighbouring_records_within_a_seed():
    frame = curves_frame(iterations=(10, 20, 30, 40, 50))
    line = line_of(plots.plot("learning_curves", frame, smooth=2).axes[0], "REINFORCE")
    np.testing.assert_array_equal(line.get_xdata(), [20, 40, 50])
    np.testing.assert_allclose(line.get_ydata(), np.array([15, 35, 50]) + 1.0)


def test_the_first_of_the_legend_lies_above_the_others_and_all_lines_above_the_bands():
    for name in ("variance_vs_k", "learning_curves"):
        axes = plots.plot(name, EXAMPLES[name]).axes[0]
        heights = [line.get_zorder() for line in axes.get_lines() if not line.get_label().startswith("_")]
        assert heights == sorted(heights, reverse=True)
        assert len(set(heights)) == len(heights) > 1
        assert min(heights) > max(band.get_zorder() for band in bands(axes))


def test_environments_get_panels():
    figure = plots.plot(
        "learning_curves", curves_frame(envs=("maxpo/Maze-v0", "maxpo/Bandit-v0", "Own-v1", "Other-v1"))
    )
    assert [axes.get_title() for axes in figure.axes] == ["Other-v1", "Own-v1", "Bandit-v0", "Maze-v0"]
    assert [bool(axes.get_ylabel()) for axes in figure.axes] == [True, False, False, True]


@pytest.mark.parametrize("way", ["option", "column"])
def test_the_exact_optimum_is_a_dashed_line(way):
    frame = curves_frame()
    options = {"optimum": {"maxpo/Maze-v0": 100.0}} if way == "option" else {}
    figure = plots.plot("learning_curves", frame if options else frame.assign(optimum=100.0), **options)
    line = line_of(figure.axes[0], "exact optimum")
    assert line.get_linestyle() == "--"
    assert set(line.get_ydata()) == {100.0}
    assert legend_labels(figure)[-1] == "exact optimum"


def test_no_optimum_is_drawn_where_none_is_known():
    for frame, options in ((curves_frame(), {"optimum": {}}), (curves_frame().assign(optimum=np.nan), {})):
        assert "exact optimum" not in legend_labels(plots.plot("learning_curves", frame, **options))


def test_arguments_that_differ_get_lines_and_panels_of_their_own():
    parts = [
        curves_frame().assign(**{"agent.learning_rate": rate, "agent.k": 4, "env.length": length})
        for rate, length in ((0.1, 20), (0.3, 20), (0.3, 50))
    ]
    figure = plots.plot("learning_curves", pd.concat(parts))
    assert [axes.get_title() for axes in figure.axes] == ["Maze-v0\nlength=20", "Maze-v0\nlength=50"]
    first = [line_of(figure.axes[0], f"EI+L2O (MaxPO), learning_rate={rate}") for rate in (0.1, 0.3)]
    assert {to_hex(line.get_color()) for line in first} == {style_of("ei_l2o").color}
    assert len({line._unscaled_dash_pattern for line in first}) == 2
    alone = line_of(figure.axes[1], "EI+L2O (MaxPO), learning_rate=0.3")
    assert alone._unscaled_dash_pattern == first[1]._unscaled_dash_pattern


def grid_frame():
    """Two agents, in either order of their learning rates, on two instances, the greater values first."""
    parts = []
    for instance, (agents, rates) in itertools.product((10, 9), ((("grpo",), (0.1, 0.3)), (("ei_l2o",), (0.3, 0.1)))):
        for rate in (*rates, 10.0):
            columns = {"agent.learning_rate": rate, "env.instance": instance}
            parts.append(curves_frame(agents=agents).assign(**columns))
    return pd.concat(parts)


@pytest.mark.parametrize("name", ["learning_curves", "p_action_1"])
def test_variants_stand_in_the_order_of_their_values_and_look_alike_for_all_agents(name):
    figure = plots.plot(name, grid_frame())
    assert [axes.get_title() for axes in figure.axes] == ["Maze-v0\ninstance=9", "Maze-v0\ninstance=10"]
    agents = [style_of(agent).label for agent in ("ei_l2o", "grpo")]
    rates = ("0.1", "0.3", "10")
    assert legend_labels(figure) == [f"{agent}, learning_rate={rate}" for agent in agents for rate in rates]
    dashes = [
        {
            line_of(axes, f"{agent}, learning_rate={rate}")._unscaled_dash_pattern
            for axes in figure.axes
            for agent in agents
        }
        for rate in rates
    ]
    assert [len(each) for each in dashes] == [1, 1, 1]
    assert len(set.union(*dashes)) == 3
    assert dashes[0] == {(0, None)}


def test_a_variant_without_values_leaves_the_other_variants_their_line_styles():
    frame = grid_frame()
    frame.loc[frame["agent.learning_rate"] == 0.1, "p_action_1"] = np.nan
    label = "GRPO, learning_rate=0.3"
    curves, action = (plots.plot(name, frame).axes[0] for name in ("learning_curves", "p_action_1"))
    assert line_of(curves, label)._unscaled_dash_pattern == line_of(action, label)._unscaled_dash_pattern


def test_legend_handles_show_two_periods_of_every_variants_dashes():
    axes = plots.plot("learning_curves", grid_frame())
    (legend,) = axes.legends
    for handle in legend.get_lines():
        _, dashes = handle._unscaled_dash_pattern
        points = legend.handlelength * legend._fontsize
        assert dashes is None or 2 * sum(dashes) * handle.get_linewidth() <= points


def test_missing_arguments_come_first_and_texts_last():
    values = ("auto", 2, None, 10)
    frame = pd.concat([curves_frame(agents=("ei",)).assign(**{"agent.size": value}) for value in values])
    labels = [f"EI (PKPO), size={value}" for value in ("default", "2", "10", "auto")]
    assert legend_labels(plots.plot("learning_curves", frame)) == labels


@pytest.mark.parametrize(("ks", "label"), [((4, 4), "max@4"), ((4, 8), "max@$K$"), ((4, None), "max@$K$")])
def test_the_axis_says_which_k_where_all_runs_agree(ks, label):
    frame = curves_frame()
    frame["agent.k"] = np.where(frame["agent"] == "ei_l2o", *ks)
    axes = plots.plot("learning_curves", frame, metric="exact_max_at_k").axes[0]
    assert axes.get_ylabel() == f"Expected {label} return"


def test_the_estimation_error_is_said_in_words():
    label = plots.plot("bias_vs_batches", EXAMPLES["bias_vs_batches"]).axes[0].get_ylabel()
    assert label.startswith("Estimation error $")


def test_p_action_1_leaves_out_agents_without_it():
    frame = curves_frame(envs=("maxpo/Maze-v0", "maxpo/Bandit-v0"), agents=("ei_l2o", "ppo"))
    figure = plots.plot("p_action_1", frame)
    (axes,) = figure.axes
    assert legend_labels(figure) == ["EI+L2O (MaxPO)"]
    np.testing.assert_allclose(line_of(axes, "EI+L2O (MaxPO)").get_ydata(), [0.6, 0.7, 0.8, 0.9])
    assert axes.get_ylim() == (0.0, 1.02)


def test_variance_ratio_has_a_panel_for_each_group_size_and_a_line_for_each_k():
    figure = plots.plot("variance_ratio", ratio_frame())
    assert [axes.get_title() for axes in figure.axes] == ["$n = 8$", "$n = 16$"]
    assert legend_labels(figure) == ["$K = 2$", "$K = 4$"]
    np.testing.assert_allclose(line_of(figure.axes[1], "$K = 4$").get_ydata(), np.array([1.0, 1.1, 1.2]) + 0.1)


def test_variance_ratio_leaves_out_a_k_that_a_group_size_does_not_take():
    frame = ratio_frame()
    figure = plots.plot("variance_ratio", frame[(frame.group_size == 16) | (frame.k == 2)])
    assert len(bands(figure.axes[0])) == 1
    assert len(bands(figure.axes[1])) == 2


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
    needed = next(column for column in ("instance", "seed") if column in frame)
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
