"""Figures of training runs: lines, bands and bars are the numbers they are given, captions say whose intervals."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from plot_frames import (
    bands,
    caption_of,
    legend_labels,
    line_of,
    objective_frame,
    proxy_frame,
    run_curves_frame,
    run_support_frame,
)

from maxpo_bench import plots
from maxpo_bench.plots.style import DOUBLE_COLUMN, SINGLE_COLUMN, style_of


def titles(figure):
    return [axes.get_title() or axes.get_title(loc="left") for axes in figure.axes]


def test_curves_show_the_interval_over_seeds_where_there_is_one_else_over_problems():
    figure = plots.plot("llm_pass_at_k", run_curves_frame())
    assert titles(figure) == ["aime, 30 problems", "math, 30 problems"]
    for axes in figure.axes:
        for place, (label, band) in enumerate(zip(("base model", "GRPO", "EI+L2O (MaxPO)"), bands(axes), strict=True)):
            middle = (1 + place) * np.array([5, 10, 15, 20])
            np.testing.assert_allclose(line_of(axes, label).get_ydata(), middle)
            half = 2 if place else 5
            box = band.get_paths()[0].vertices[:, 1]
            assert (box.min(), box.max()) == pytest.approx((middle.min() - half, middle.max() + half))
    caption = caption_of(figure)
    assert "Bands: pointwise 95 % intervals; 3 seeds, Student's t; of single runs (BASE): bootstrap over " in caption
    assert "2000 resamples, seed 0. Unbiased estimates from 8 samples per problem." in caption


def test_single_runs_have_intervals_over_problems_and_the_caption_says_so():
    frame = run_curves_frame(methods=("maxpo",)).assign(seeds_low=None, seeds_high=None, runs=1)
    assert "Bands: pointwise 95 % intervals; single runs, bootstrap over problems" in caption_of(
        plots.plot("llm_pass_at_k", frame)
    )


def test_without_any_interval_there_are_lines_alone():
    none = dict.fromkeys(("seeds_low", "seeds_high", "problems_low", "problems_high"))
    figure = plots.plot("llm_pass_at_k", run_curves_frame(benchmarks=("aime",), methods=("maxpo",)).assign(**none))
    assert "No intervals: single runs on single problems." in caption_of(figure)
    np.testing.assert_allclose(line_of(figure.axes[0], "EI+L2O (MaxPO)").get_ydata(), [5, 10, 15, 20])


def test_methods_have_the_suites_colours_and_the_base_its_own():
    axes = plots.plot("llm_pass_at_k", run_curves_frame()).axes[0]
    for label, method in (("GRPO", "grpo"), ("EI+L2O (MaxPO)", "maxpo")):
        assert to_hex(line_of(axes, label).get_color()) == style_of(method).color
    colours = {to_hex(line.get_color()) for line in axes.get_lines()}
    assert len(colours) == 3


def test_the_papers_four_methods_and_the_base_differ_in_colour():
    frame = run_curves_frame(methods=("base", "grpo", "entropy_adv", "pkpo", "maxpo", "reinforce_l1o"))
    axes = plots.plot("llm_pass_at_k", frame).axes[0]
    assert len({to_hex(line.get_color()) for line in axes.get_lines()}) == 6


def test_variants_of_a_method_share_its_colour_and_differ_in_dashes_and_label():
    frame = run_curves_frame(benchmarks=("aime",), methods=("maxpo",))
    parts = [frame.assign(label=f"MaxPO, lr={rate}", suffix=f", lr={rate}") for rate in (1, 2, 3)]
    axes = plots.plot("llm_pass_at_k", pd.concat(parts)).axes[0]
    lines = axes.get_lines()
    assert [line.get_label() for line in lines] == [f"EI+L2O (MaxPO), lr={rate}" for rate in (1, 2, 3)]
    assert {to_hex(line.get_color()) for line in lines} == {style_of("maxpo").color}
    # matplotlib names every line of own dashes "--"
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 3


@pytest.mark.parametrize(
    ("models", "benchmarks", "width", "shown"),
    [
        (("a",), ("x",), SINGLE_COLUMN, ["a\nx, 30 problems"]),
        (("a", "b"), ("x",), DOUBLE_COLUMN, ["a\nx, 30 problems", "b\nx, 30 problems"]),
        (("a",), ("x", "y"), DOUBLE_COLUMN, ["x, 30 problems", "y, 30 problems"]),
        (("a", "b"), ("x", "y"), DOUBLE_COLUMN, [f"{m}\n{n}, 30 problems" for m in "ab" for n in "xy"]),
    ],
)
def test_panels_are_models_side_by_side_or_benchmarks_row_by_row(models, benchmarks, width, shown):
    figure = plots.plot("llm_pass_at_k", run_curves_frame(models=models, benchmarks=benchmarks))
    assert titles(figure) == shown
    assert figure.get_size_inches()[0] == width


@pytest.mark.parametrize("name", ["llm_pass_at_k", "llm_support"])
def test_five_benchmarks_of_two_models_neither_overlap_nor_leave_the_page(name):
    benchmarks = ("AIME24", "AIME25", "AMC23", "MATH500", "Minerva")
    models = ("Qwen2.5-Math-7B", "Llama-3.2-3B-Instruct")
    make = run_curves_frame if name == "llm_pass_at_k" else run_support_frame
    figure = plots.plot(name, make(models, benchmarks, ("entropy_adv", "maxpo")))
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [legend.get_window_extent() for legend in figure.legends]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1 for box in boxes)


def test_objective_sizes_are_lines_from_dark_to_light_in_a_panel_for_each_model_and_method():
    figure = plots.plot("llm_objective_k", objective_frame())
    (axes,) = figure.axes
    assert axes.get_title() == "tiny\nEI+L2O (MaxPO), aime"
    assert legend_labels(figure) == ["$K = 2$", "$K = 4$", "$K = 7$"]
    for place, size in enumerate((2, 4, 7)):
        np.testing.assert_allclose(line_of(axes, f"$K = {size}$").get_ydata(), np.array([5, 10, 15, 20]) + place)
    shades = [sum(int(to_hex(line.get_color())[at : at + 2], 16) for at in (1, 3, 5)) for line in axes.get_lines()]
    assert shades == sorted(shades)


def test_a_model_may_lack_an_objective_size():
    frame = objective_frame(models=("a", "b"))
    frame = frame[(frame.model == "a") | (frame.objective_k != 7)]
    first, second = plots.plot("llm_objective_k", frame).axes
    assert (len(first.get_lines()), len(second.get_lines())) == (3, 2)


def test_the_proxy_is_mean_and_standard_deviation_over_seeds_after_the_first_step():
    figure = plots.plot("llm_variance_proxy", proxy_frame())
    (axes,) = figure.axes
    assert (axes.get_yscale(), axes.get_xlabel(), axes.get_title()) == ("linear", "Step", "tiny")
    assert axes.get_ylim()[0] == 0.0
    steps = np.arange(2, 41)
    for label, scale, band in zip(("EI (PKPO)", "EI+L2O (MaxPO)"), (2, 1), bands(axes), strict=True):
        mean = (steps - 1) / 100 * scale * 1.1
        line = line_of(axes, label)
        np.testing.assert_allclose(line.get_xdata(), steps)
        np.testing.assert_allclose(line.get_ydata(), mean)
        box = band.get_paths()[0].vertices[:, 1]
        assert (box.min(), box.max()) == pytest.approx((mean[0] * (1 - 0.1 / 1.1), mean[-1] * (1 + 0.1 / 1.1)))
    assert "Mean over seeds, bands: one standard deviation on either side; 3 seeds." in caption_of(figure)


def test_what_rounding_leaves_at_the_first_step_is_not_drawn():
    frame = proxy_frame()
    frame.loc[frame.step == 1, "value"] = 1e-9
    for line in plots.plot("llm_variance_proxy", frame).axes[0].get_lines():
        assert line.get_xdata().min() == 2


def test_methods_that_end_far_apart_have_a_logarithmic_axis():
    frame = proxy_frame()
    frame.loc[frame.method == "maxpo", "value"] /= 10
    assert plots.plot("llm_variance_proxy", frame).axes[0].get_yscale() == "log"


def test_one_seed_has_no_deviation():
    figure = plots.plot("llm_variance_proxy", proxy_frame(seeds=1))
    assert caption_of(figure).endswith("Mean over seeds, 1 seed.")


def test_a_deviation_larger_than_the_mean_ends_at_the_least_value():
    frame = proxy_frame(methods=("maxpo",), seeds=2, steps=(2, 3))
    frame["value"] = np.where(frame["run"] == "maxpo-seed0", 1e-6, 1.0)
    box = bands(plots.plot("llm_variance_proxy", frame).axes[0])[0].get_paths()[0].vertices[:, 1]
    assert box.min() == pytest.approx(1e-6)


def test_steps_that_not_all_runs_have_are_left_out():
    frame = proxy_frame(methods=("maxpo",))
    frame = frame[(frame["run"] != "maxpo-seed2") | (frame["step"] <= 10)]
    line = line_of(plots.plot("llm_variance_proxy", frame).axes[0], "EI+L2O (MaxPO)")
    assert line.get_xdata().max() == 10


def test_supports_are_bars_by_benchmark_and_method_with_their_numbers():
    figure = plots.plot("llm_support", run_support_frame())
    assert titles(figure) == ["tiny", "large"]
    for axes in figure.axes:
        headings = [text.get_text() for text in axes.texts if "problems" in text.get_text()]
        assert headings == [f"{name} (19-20 problems, $k = 8$)" for name in ("aime", "math")]
        numbers = [text.get_text() for text in axes.texts if text.get_text().isdigit()]
        assert numbers == ["10", "5", "1", "4", "9", "5", "1", "4"] * 2
        widths = [bar.get_width() for bar in axes.patches if bar.get_width() > 0][:4]
        assert widths == pytest.approx([50, 25, 5, 20])
    first, second = ([label.get_text() for label in axes.get_yticklabels()] for axes in figure.axes)
    assert first == ["GRPO", "EI+L2O (MaxPO)"] * 2
    assert second == [""] * 4
    assert "Means over 3 runs of each method." in caption_of(figure)


def test_models_with_different_methods_name_their_own():
    frame = run_support_frame()
    frame = frame[(frame.model == "tiny") | (frame.method == "maxpo")]
    second = plots.plot("llm_support", frame).axes[1]
    assert [label.get_text() for label in second.get_yticklabels()] == ["EI+L2O (MaxPO)"] * 2
