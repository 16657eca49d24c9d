"""Curves of pass@k and bars of supports show the numbers they are given."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from plot_frames import bands, caption_of, legend_labels, line_of, passk_frame, support_frame

from maxpo_bench import plots
from maxpo_bench.plots.style import OWN_COLORS, style_of


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


def test_one_k_is_a_point_with_a_bar_beside_the_others():
    figure = plots.plot("pass_at_k", passk_frame(ks=(1,)))
    (axes, _) = figure.axes
    assert "Bars: pointwise 95 % intervals" in caption_of(figure)
    assert axes.get_xlim() == (0.5, 2.0)
    assert not bands(axes)
    ends = [bar[2][0].get_segments()[0] for bar in axes.containers]
    assert ends[0][0, 0] < 1.0 < ends[1][0, 0]
    np.testing.assert_allclose([[low[1], high[1]] for low, high in ends], [[0, 10], [5, 15]], atol=1e-12)


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
        "bootstrap over problems within benchmarks, 500 resamples, seed 4."
    )


def test_support_bars_are_shares_that_fill_the_axis():
    figure = plots.plot("support", support_frame(methods=("trained", "other")))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "aime, trained",
        "aime, other",
        "math, trained",
        "math, other",
    ]
    widths = np.array([[bar.get_width() for bar in container] for container in axes.containers])
    np.testing.assert_allclose(widths[:, 0], [50, 25, 5, 20])
    np.testing.assert_allclose(widths[:, 1], [900 / 19, 500 / 19, 100 / 19, 400 / 19])
    np.testing.assert_allclose(widths.sum(axis=0), 100)
    assert legend_labels(figure) == ["preservation", "expansion", "shrinkage", "out of support"]


def test_long_names_leave_room_for_the_bars():
    methods = [f"a-name-of-many-words/{'long-' * 10}{at}" for at in range(2)]
    figure = plots.plot("support", support_frame(methods=methods))
    figure.draw_without_rendering()
    assert figure.axes[0].get_window_extent().width > 0.6 * figure.bbox.width


def test_numbers_stand_in_their_own_segment_or_not_at_all():
    figure = plots.plot("support", support_frame())
    (axes,) = figure.axes
    figure.draw_without_rendering()
    texts = axes.texts
    assert [text.get_text() for text in texts] == ["10", "10", "5", "5", "4", "4"]
    for text in texts:
        box = text.get_window_extent()
        holders = [bar for part in axes.containers for bar in part if bar.get_window_extent().overlaps(box)]
        assert len(holders) == 1


def test_expected_numbers_show_a_decimal():
    frame = support_frame(benchmarks=("aime",)).assign(preservation=10.25, expansion=4.75)
    assert [text.get_text() for text in plots.plot("support", frame).axes[0].texts] == ["10.2", "4.8", "4"]


def test_the_caption_of_supports_says_who_is_compared_at_how_many_samples():
    text = caption_of(plots.plot("support", support_frame()))
    assert "among 8 samples of each: found by trained and base (preservation), only by trained (expansion)" in text
    assert "20 problems per benchmark" in text
    assert "among the same number of samples of each" in caption_of(plots.plot("support", support_frame(k=None)))
