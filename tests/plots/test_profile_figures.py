"""The performance profile: its steps are the shares of runs, its bands those of the bootstrap."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from plot_frames import bands, caption_of, legend_labels, line_of, profile_frame

from maxpo_bench import plots
from maxpo_bench.plots.profile_figures import MOST_STEPS
from maxpo_bench.plots.style import DOUBLE_COLUMN, style_of


def share_at(line, threshold):
    """Read a line of steps: its value holds from a point to the next."""
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    return y[np.searchsorted(x, threshold, side="right") - 1]


def test_lines_are_shares_of_runs_above_each_score():
    frame = profile_frame()
    (axes,) = plots.plot("performance_profile", frame).axes
    for agent in ("reinforce", "ei_l2o"):
        line = line_of(axes, style_of(agent).label)
        scores = frame[frame["agent"] == agent]["score"].to_numpy()
        for threshold in (*scores, *(scores + 1e-9), *(scores - 1e-9), 0.1 - 1e-6, 0.605):
            assert share_at(line, threshold) == pytest.approx((scores > threshold).mean())
        assert line.get_drawstyle() == "steps-post"
    assert len(bands(axes)) == 2
    assert axes.get_xlabel() == "Score"


def test_tasks_count_alike_whatever_their_numbers_of_runs():
    frame = pd.DataFrame({"agent": "ei", "task": ["a"] * 4 + ["b"] * 2, "seed": range(6), "score": [1, 1, 1, 1, 2, 2]})
    figure = plots.plot("performance_profile", frame)
    assert share_at(line_of(figure.axes[0], "EI (PKPO)"), 1.5) == 0.5
    assert "2-4 runs on each of 2 tasks" in caption_of(figure)


def test_many_scores_are_drawn_on_a_grid():
    scores = np.random.default_rng(5).random(MOST_STEPS + 100)
    frame = pd.DataFrame({"agent": "ei", "task": "a", "seed": range(scores.size), "score": scores})
    line = line_of(plots.plot("performance_profile", frame, resamples=50).axes[0], "EI (PKPO)")
    assert len(line.get_xdata()) == MOST_STEPS + 2
    assert share_at(line, 0.5) == pytest.approx((scores > 0.5).mean(), abs=0.01)


def test_variants_share_a_colour_and_differ_in_dashes():
    frame = pd.concat([profile_frame().assign(**{"agent.learning_rate": rate}) for rate in (0.3, 0.1, 1.0, 3.0)])
    figure = plots.plot("performance_profile", frame, resamples=50)
    labels = [f"EI+L2O (MaxPO), learning_rate={rate}" for rate in ("0.1", "0.3", "1", "3")]
    assert legend_labels(figure)[:4] == labels
    lines = [line_of(figure.axes[0], label) for label in labels]
    assert {to_hex(line.get_color()) for line in lines} == {style_of("ei_l2o").color}
    assert len({line._unscaled_dash_pattern for line in lines}) == 4
    assert figure.get_size_inches()[0] == DOUBLE_COLUMN


def test_the_axis_and_the_caption_say_what_is_shown():
    frame = profile_frame().assign(unit="exact_max_at_k / optimum")
    figure = plots.plot("performance_profile", frame, caption="Short mazes.", seed=3, resamples=100)
    assert figure.axes[0].get_xlabel() == "Expected max@$K$ return / optimum"
    assert caption_of(figure) == (
        "Short mazes. Lines: mean over tasks. Bands: pointwise 95 % intervals; 3 runs on each of 2 tasks; "
        "stratified bootstrap, 100 resamples, seed 3."
    )
    one = plots.plot("performance_profile", frame[frame["task"] == "Maze"], resamples=100)
    assert caption_of(one).startswith("Bands: pointwise 95 % intervals; 3 runs; stratified")
    own = plots.plot("performance_profile", frame.assign(unit="episode_length"), resamples=100)
    assert own.axes[0].get_xlabel() == "episode length"


def test_the_seed_decides_the_band_and_only_that():
    first, again, other = (plots.plot("performance_profile", profile_frame(seeds=9), seed=s).axes[0] for s in (0, 0, 1))
    paths = [bands(axes)[0].get_paths()[0].vertices for axes in (first, again, other)]
    np.testing.assert_array_equal(paths[0], paths[1])
    assert paths[0].shape != paths[2].shape or (paths[0] != paths[2]).any()
    shares = [line_of(axes, "REINFORCE").get_ydata() for axes in (first, other)]
    np.testing.assert_array_equal(*shares)


def test_one_run_has_no_band():
    with pytest.raises(ValueError, match="at least 2 runs"):
        plots.plot("performance_profile", profile_frame(seeds=1))
    with pytest.raises(ValueError, match="column score has no finite value"):
        plots.plot("performance_profile", profile_frame().assign(score=np.nan))
