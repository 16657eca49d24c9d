"""The figures of training runs: learning curves, their variants, P(action 1), the variance ratio on the maze."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from plot_frames import (
    EXAMPLES,
    bands,
    caption_of,
    curves_frame,
    legend_labels,
    line_of,
    ratio_frame,
)

from maxpo_bench import plots
from maxpo_bench.plots.style import style_of


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


def test_bands_of_logarithms_are_not_cut_at_zero():
    from maxpo_bench.plots.frames import mean_interval

    logs = np.array([[0.1, 0.2, 3.0]])
    cut, free = mean_interval(logs)[0][0], mean_interval(logs, on_log_axis=False)[0][0]
    assert cut == 0.1
    assert free == pytest.approx(logs.mean() - 4.302653 * logs.std(ddof=1) / np.sqrt(3))
