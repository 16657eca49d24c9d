"""Curves of pass@k and bars of supports show the numbers they are given."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from plot_frames import (
    EXAMPLES,
    bands,
    caption_of,
    difference_frame,
    legend_labels,
    line_of,
    passk_frame,
    support_frame,
)

from maxpo_bench import plots
from maxpo_bench.plots.style import OWN_COLORS, SINGLE_COLUMN, style_of


def test_curves_are_percentages_over_doubling_k_with_their_bands():
    frame = passk_frame()
    figure = plots.plot("pass_at_k", frame)
    assert [axes.get_title() for axes in figure.axes] == ["aime (3 problems)", "math (3 problems)"]
    assert figure.axes[0].get_ylabel() == "pass@$k$ (%)"
    for axes in figure.axes:
        assert axes.get_xscale() == "log"
        assert axes.get_xlabel() == "$k$"
        assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "4", "8"]
        for place, (name, band) in enumerate(zip(("base", "trained"), bands(axes), strict=True)):
            line = line_of(axes, name)
            middle = (1 + place) * np.array([5, 10, 15, 20])
            np.testing.assert_allclose(line.get_xdata(), [1, 2, 4, 8])
            np.testing.assert_allclose(line.get_ydata(), middle)
            box = band.get_paths()[0].vertices
            assert box[:, 1].min() == pytest.approx(middle.min() - 5)
            assert box[:, 1].max() == pytest.approx(middle.max() + 5)
    assert legend_labels(figure) == ["base", "trained"]


def test_methods_of_a_figure_never_share_a_colour_while_there_are_enough():
    methods = [f"run {at}" for at in range(len(OWN_COLORS))]
    figure = plots.plot("pass_at_k", passk_frame(benchmarks=("aime",), methods=methods))
    colors = [to_hex(line_of(figure.axes[0], name).get_color()) for name in methods]
    assert sorted(colors) == sorted(OWN_COLORS)


def test_more_methods_than_colours_differ_in_dashes():
    methods = [f"run {at}" for at in range(2 * len(OWN_COLORS))]
    axes = plots.plot("pass_at_k", passk_frame(benchmarks=("aime",), methods=methods)).axes[0]
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(looks) == len(methods)


def test_the_suites_own_names_keep_their_style_but_never_two_of_them_the_same():
    axes = plots.plot("pass_at_k", passk_frame(benchmarks=("aime",), methods=("maxpo", "ei_l2o", "mine"))).axes[0]
    first, second, third = (to_hex(line_of(axes, name).get_color()) for name in ("maxpo", "ei_l2o", "mine"))
    assert first == style_of("maxpo").color
    assert len({first, second, third}) == 3


def test_a_method_may_lack_a_benchmark_or_intervals():
    frame = passk_frame()
    frame = frame[(frame.benchmark != "math") | (frame.method != "base")]
    frame.loc[frame.benchmark == "math", ["low", "high"]] = np.nan
    figure = plots.plot("pass_at_k", frame)
    assert [line.get_label() for line in figure.axes[1].get_lines()] == ["trained"]
    figure.draw_without_rendering()


def test_one_k_is_a_small_figure_of_points_with_bars_by_benchmark():
    figure = plots.plot("pass_at_k", passk_frame(ks=(1,)))
    (axes,) = figure.axes
    assert figure.get_size_inches()[0] == SINGLE_COLUMN
    assert figure.get_size_inches()[1] < 2
    assert "Bars: pointwise 95 % intervals" in caption_of(figure)
    assert axes.get_xlabel() == "pass@$1$ (%)"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["aime (3)", "math (3)"]
    assert not bands(axes)
    ends = [np.array(bar[2][0].get_segments()) for bar in axes.containers]
    np.testing.assert_allclose(ends[0][:, :, 0], [[0, 10]] * 2, atol=1e-12)
    np.testing.assert_allclose(ends[1][:, :, 0], [[5, 15]] * 2, atol=1e-12)
    heights = np.array([each[:, 0, 1] for each in ends])
    assert (np.diff(heights, axis=0) > 0).all()
    assert (np.round(heights) == [[0, 1], [0, 1]]).all()


def test_all_panels_have_one_vertical_axis_from_zero():
    frame = passk_frame()
    frame.loc[frame.benchmark == "math", ["estimate", "low", "high"]] += 0.4
    figure = plots.plot("pass_at_k", frame)
    (first, second) = (axes.get_ylim() for axes in figure.axes)
    assert first == second
    assert first[0] == 0
    assert first[1] > 85
    assert "All panels have the same vertical axis." in caption_of(figure)
    assert "All panels" not in caption_of(plots.plot("pass_at_k", passk_frame(benchmarks=("aime",))))


def test_many_bands_are_lighter_and_have_edges():
    few, many = (
        plots.plot("pass_at_k", passk_frame(benchmarks=("aime",), methods=[f"m{at}" for at in range(count)])).axes[0]
        for count in (2, 4)
    )
    assert bands(many)[0].get_alpha() < bands(few)[0].get_alpha()
    assert len(few.get_lines()) == 2
    edges = [line for line in many.get_lines() if line.get_linewidth() < 1]
    assert len(edges) == 2 * 4
    np.testing.assert_allclose(edges[0].get_ydata(), [0, 5, 10, 15], atol=1e-12)


def test_differences_stand_around_a_line_at_zero():
    figure = plots.plot("pass_at_k_difference", difference_frame())
    for axes in figure.axes:
        (zero,) = [line for line in axes.get_lines() if set(line.get_ydata()) == {0.0}]
        assert zero.get_zorder() < line_of(axes, "base").get_zorder()
        low, high = axes.get_ylim()
        assert low < -30
        assert high > 15
        np.testing.assert_allclose(line_of(axes, "trained").get_ydata(), [-20, -10, 0, 10], atol=1e-12)
    assert figure.axes[0].get_ylabel() == "$\\Delta$ pass@$k$ (points)"
    assert "minus that of first on the same problems" in caption_of(figure)
    (axes,) = plots.plot("pass_at_k_difference", difference_frame(ks=(4,))).axes
    assert axes.get_xlabel() == "$\\Delta$ pass@$4$ (points)"
    assert [0.0, 0.0] in [list(line.get_xdata()) for line in axes.get_lines()]


@pytest.mark.parametrize("methods", [("base",), ("base", "other", "trained", "long-name-of-a-model")])
@pytest.mark.parametrize("name", ["pass_at_k", "pass_at_k_difference"])
def test_numbers_in_captions_keep_their_units(name, methods):
    frame = EXAMPLES[name][lambda rows: rows.method == "base"]
    frame = pd.concat([frame.assign(method=method) for method in methods])
    for one in (frame, frame[frame.k == 1]):
        figure = plots.plot(name, one)
        figure.draw_without_rendering()
        lines = figure.get_supxlabel().split("\n")
        assert any("95\u00a0%" in line for line in lines)


@pytest.mark.parametrize(
    ("largest", "ticks"), [(256, "1 4 16 64 256"), (64, "1 4 16 64"), (1024, "1 4 16 64 256 1024")]
)
def test_ticks_stay_few(largest, ticks):
    axes = plots.plot("pass_at_k", passk_frame(ks=(1, largest))).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ticks.split()


def test_the_caption_says_what_the_bands_are():
    frame = passk_frame().assign(confidence=0.9, resamples=500, seed=4, fewest_samples=6)
    frame.loc[frame.benchmark == "math", "num_problems"] = 7
    assert caption_of(plots.plot("pass_at_k", frame, caption="Mine.")) == (
        "Mine. Unbiased estimates from 6-8 samples per problem. Bands: pointwise 90 % intervals; 3-7 problems; "
        "bootstrap over problems within benchmarks, 500 resamples, seed 4. All panels have the same vertical axis."
    )


def test_support_bars_are_shares_that_fill_the_axis_by_benchmark():
    figure = plots.plot("support", support_frame(methods=("trained", "other")))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "aime",
        "trained",
        "other",
        "math",
        "trained",
        "other",
    ]
    bars = [bar for container in axes.containers for bar in container if bar.get_width()]
    widths = np.array([bar.get_width() for bar in bars]).reshape(4, 4).T
    assert [round(bar.get_y() + bar.get_height() / 2) for bar in bars[::4]] == [1, 2, 4, 5]
    np.testing.assert_allclose(widths[:, 0], [50, 25, 5, 20])
    np.testing.assert_allclose(widths[:, 1], [900 / 19, 500 / 19, 100 / 19, 400 / 19])
    np.testing.assert_allclose(widths.sum(axis=0), 100)
    assert legend_labels(figure) == ["preservation", "expansion", "shrinkage", "out of support"]


def test_long_names_leave_room_for_the_bars():
    methods = [f"a-name-of-many-words/{'long-' * 10}{at}" for at in range(2)]
    figure = plots.plot("support", support_frame(methods=methods))
    figure.draw_without_rendering()
    assert figure.axes[0].get_window_extent().width > 0.5 * figure.bbox.width


@pytest.mark.parametrize("scale", [1, 100])
@pytest.mark.parametrize("benchmarks", [("aime",), ("aime", "math")])
@pytest.mark.parametrize("methods", [("trained",), ("trained", "other")])
def test_every_number_stands_beside_its_bar_and_inside_the_figure(benchmarks, methods, scale):
    classes = ["preservation", "expansion", "shrinkage", "out_of_support"]
    frame = support_frame(benchmarks, methods)
    frame[["num_problems", *classes]] *= scale
    figure = plots.plot("support", frame)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    numbers = [text for text in axes.texts if text.get_text() != "\u25a0"]
    assert [text.get_text() for text in numbers] == [f"{value:.0f}" for value in frame[classes].to_numpy().ravel()]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert all(box.x0 > axes.get_window_extent().x1 for box in boxes)
    assert all(box.x1 < figure.bbox.x1 for box in boxes)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_expected_numbers_show_a_decimal():
    frame = support_frame(benchmarks=("aime",)).assign(preservation=10.25, expansion=4.75)
    texts = [text.get_text() for text in plots.plot("support", frame).axes[0].texts]
    assert [text for text in texts if text != "\u25a0"] == ["10.2", "4.8", "1", "4"]


def test_the_caption_of_supports_says_who_is_compared_at_how_many_samples():
    text = caption_of(plots.plot("support", support_frame()))
    assert "among 8 samples of each: found by trained and base (preservation), only by trained (expansion)" in text
    assert "20 problems per benchmark" in text
    assert "among the same number of samples of each" in caption_of(plots.plot("support", support_frame(k=None)))
