"""Figure 6: exact values of blind policies, the map's geometry, and what is drawn of both."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from plot_frames import bands, caption_of, legend_labels

from maxpo_bench import plots
from maxpo_bench.envs import MazeLayout
from maxpo_bench.plots import data
from maxpo_bench.plots.maze_data import best_blind, blind_ends, blind_returns, blind_table, maze_frame
from maxpo_bench.plots.maze_figures import draw_maze
from maxpo_bench.plots.maze_map import HABIT, OTHER, PATH, ROW_PITCH, dead_ends, folded
from maxpo_bench.seeding import derive_seed

SMALL = MazeLayout.generate(60, 0.8, "mixed", instance=3)
QS = np.linspace(0.0, 1.0, 11)


@pytest.fixture(scope="module")
def frame():
    return maze_frame(SMALL, ends=(0.5, 1.0), shares=(0.7, 0.9), instances=4, points=11)


@pytest.fixture(scope="module")
def figure(frame):
    return plots.plot("maze", frame)


def strokes(axes, color):
    """Segments `[S, 2, 2]` of all line collections of a colour."""
    found = [each for each in axes.collections if isinstance(each, LineCollection)]
    segments = [each.get_segments() for each in found if to_hex(each.get_colors()[0]) == color]
    return np.array(list(itertools.chain(*segments)))


def path_of(axes):
    (line,) = [line for line in axes.get_lines() if line.get_color() == PATH and line.get_linestyle() == "-"]
    return np.asarray(line.get_xydata())


@pytest.mark.parametrize("share", [0.0, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("length", [1, 64, 65, 500])
def test_blind_returns_are_the_layouts(share, length):
    layout = MazeLayout.generate(length, share, "mixed", instance=7)
    expected = [layout.blind_return(q) for q in QS]
    np.testing.assert_allclose(blind_returns(layout, QS), expected, rtol=1e-13)


def test_blind_returns_count_every_action():
    layout = MazeLayout(3, np.array([1, 0, 1]), np.array([1, 2, 1]))
    q = 0.7
    np.testing.assert_allclose(blind_returns(layout, q), [q + q * (1 - q) + q * (1 - q) * q])


@pytest.mark.parametrize("q", [0.0, 0.3, 0.8, 1.0])
def test_ends_are_a_distribution_whose_mean_is_the_return(q):
    ends = blind_ends(SMALL, q)
    assert ends.shape == (61,)
    assert ends.min() >= 0
    assert ends.sum() == pytest.approx(1.0, abs=1e-12)
    assert ends @ np.arange(61) == pytest.approx(SMALL.blind_return(q), rel=1e-12)
    assert ends[-1] == pytest.approx(SMALL.survival(SMALL.blind_policy(q))[-1])


def test_always_taking_action_1_ends_where_it_is_first_wrong():
    assert np.flatnonzero(blind_ends(SMALL, 1.0)).tolist() == [np.flatnonzero(SMALL.correct_actions == 0)[0]]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1), min_size=1, max_size=12))
def test_no_blind_policy_earns_more_than_the_best(actions):
    layout = MazeLayout(len(actions), np.array(actions), np.ones(len(actions), dtype=int))
    q, value = best_blind(layout)
    assert value == pytest.approx(layout.blind_return(q), rel=1e-12)
    assert value >= max(layout.blind_return(other) for other in np.linspace(0, 1, 257)) - 1e-12


def test_the_best_blind_policy_of_a_known_maze():
    # q + (1 - q) q: actions 1, 0 earn q + q (1 - q), greatest at q = 1 with 1; actions 0, 1 by symmetry at q = 0
    assert best_blind(MazeLayout(2, np.array([1, 0]), np.array([1, 1]))) == pytest.approx((1.0, 1.0))
    # actions 1, 0, 1: q + q(1-q) + q^2 (1-q) = 2q - q^3, greatest at q = sqrt(2/3)
    best = np.sqrt(2 / 3)
    found = best_blind(MazeLayout(3, np.array([1, 0, 1]), np.array([1, 1, 1])))
    assert found == pytest.approx((best, 2 * best - best**3), abs=1e-8)


def test_the_table_has_a_row_per_maze_with_the_layouts_values():
    table = blind_table((0.7, 0.9), (20, 50), instances=3, seed=5)
    assert len(table) == 2 * 2 * 3
    assert table["instance"].tolist() == [0, 1, 2] * 4
    assert (table["optimum"] == table["length"]).all()
    assert (table["best_return"] >= table[["always_1", "matching"]].max(axis=1) - 1e-12).all()
    row = table[(table["majority_share"] == 0.9) & (table["length"] == 50) & (table["instance"] == 2)].iloc[0]
    layout = MazeLayout.generate(50, 0.9, "mixed", derive_seed(5, "figure", "maze", 2))
    assert row["always_1"] == layout.blind_return(1.0)
    assert row["matching"] == pytest.approx(layout.blind_return(0.9), rel=1e-13)
    assert row["best_return"] == pytest.approx(layout.blind_return(row["best_q"]), rel=1e-13)
    pd.testing.assert_frame_equal(table, blind_table((0.7, 0.9), (20, 50), instances=3, seed=5))


def test_always_taking_action_1_earns_what_counting_says_on_average():
    # the first 0 of 200 actions in random order, 20 of them 0, comes after 180 / 21 ones on average
    table = blind_table((0.9,), (200,), instances=200)
    spread = table["always_1"].std() / np.sqrt(200)
    assert abs(table["always_1"].mean() - 180 / 21) < 6 * spread  # false alarms below 1e-6


def test_no_mazes_raise():
    with pytest.raises(ValueError, match="instances must be at least 1, got 0"):
        blind_table(instances=0)


def test_the_frame_holds_the_maze_and_exact_values(frame):
    path = frame[frame["part"] == "path"]
    assert np.array_equal(path["correct_action"], SMALL.correct_actions)
    assert np.array_equal(path["dead_end_length"], SMALL.dead_end_lengths)
    ends = frame[frame["part"] == "end"]
    assert ends.groupby("q")["value"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert len(ends) == 2 * 61
    returns = frame[frame["part"] == "return"]
    assert len(returns) == 2 * 4 * 11
    for (_, _), each in returns.groupby(["majority_share", "instance"]):
        assert each["value"].iloc[5] == pytest.approx(1.0)  # a fair coin makes one step on average
    assert len(frame[frame["part"] == "best"]) == 2 * 4


def test_by_default_the_environments_own_maze_is_drawn():
    path = maze_frame(instances=1, shares=(0.8,), points=2).query("part == 'path'")
    assert np.array_equal(path["correct_action"], MazeLayout.generate().correct_actions)
    assert set(path["dead_end_length"]) == {1.0, 2.0}


@pytest.mark.parametrize(("count", "columns"), [(1, 5), (5, 5), (23, 5), (61, 14)])
def test_the_folded_path_never_jumps_nor_crosses_itself(count, columns):
    points = folded(count, columns)
    steps = np.abs(np.diff(points, axis=0))
    moves = steps.max(axis=1)
    assert (np.isclose(moves, 1.0) | np.isclose(moves, ROW_PITCH)).all()
    assert (steps.min(axis=1) == 0).all()
    assert len(np.unique(points, axis=0)) == count


def test_dead_ends_never_touch_the_path_or_each_other():
    columns = 14
    points = folded(61, columns)
    vectors = dead_ends(SMALL.correct_actions, columns)
    tips = points[:-1] + vectors * (0.6 * SMALL.dead_end_lengths)[:, None]
    assert np.abs(vectors).sum(axis=1).tolist() == [1.0] * 60
    inner = np.concatenate([points[:-1] + share * (tips - points[:-1]) for share in (0.5, 1.0)])
    along = np.concatenate([points[:-1] + share * np.diff(points, axis=0) for share in np.linspace(0, 1, 9)])
    distance = np.linalg.norm(inner[:, None] - along[None], axis=2).min()
    assert distance > 0.25
    between = np.linalg.norm(tips[:, None] - tips[None], axis=2) + 9 * np.eye(60)
    assert between.min() > 0.5


def test_the_path_is_red_and_runs_from_start_to_goal(figure):
    whole, _, enlarged, _ = figure.axes
    assert np.array_equal(path_of(whole), folded(61, int(path_of(whole)[:, 0].max()) + 1))
    assert path_of(enlarged)[0].tolist() == [0.0, 0.0]
    red = tuple(int(PATH[place : place + 2], 16) for place in (1, 3, 5))
    assert red[0] > 2 * max(red[1:])


@pytest.mark.parametrize(("wrong", "color"), [(1, HABIT), (0, OTHER)])
def test_dead_ends_have_the_colour_of_the_wrong_action_and_their_length(figure, wrong, color):
    whole = figure.axes[0]
    chosen = SMALL.correct_actions == 1 - wrong
    drawn = strokes(whole, to_hex(color))
    assert np.array_equal(drawn[:, 0], path_of(whole)[:-1][chosen])
    reach = np.linalg.norm(drawn[:, 1] - drawn[:, 0], axis=1)
    np.testing.assert_allclose(reach, 0.6 * SMALL.dead_end_lengths[chosen])


def test_enlarged_dead_ends_of_action_1_point_up_the_others_down(figure):
    enlarged = figure.axes[2]
    for wrong, color, sign in ((1, HABIT, 1), (0, OTHER, -1)):
        drawn = strokes(enlarged, to_hex(color))
        upright = drawn[drawn[:, 0, 0] == drawn[:, 1, 0]]
        states = np.flatnonzero(SMALL.correct_actions[:32] == 1 - wrong)
        assert upright[:, 0, 0].tolist() == states.tolist()
        assert upright[:, 1, 1].tolist() == (sign * SMALL.dead_end_lengths[states]).tolist()


def test_the_ends_panel_shows_the_distribution(figure):
    ends = figure.axes[1]
    line = ends.get_lines()[0]
    expected = blind_ends(SMALL, 0.5)
    states = np.asarray(line.get_xdata(), dtype=int)
    np.testing.assert_allclose(line.get_ydata(), expected[states])
    assert states.tolist() == [state for state in range(32) if expected[state] >= 1e-4]
    texts = [text.get_text() for text in ends.get_legend().get_texts()]
    assert texts == [f"{q:g}: earns {SMALL.blind_return(q):.2f}" for q in (0.5, 1.0)]


def test_the_returns_panel_shows_means_their_maxima_and_the_optimum(frame, figure):
    returns = figure.axes[-1]
    rows = frame[frame["part"] == "return"]
    for share, line in zip(
        (0.9, 0.7), [each for each in returns.get_lines() if len(each.get_xdata()) == 11], strict=True
    ):
        mean = rows[rows["majority_share"] == share].groupby("q")["value"].mean()
        np.testing.assert_allclose(line.get_ydata(), mean)
        assert f"share {share:g}: mean at most {mean.max():.1f}" in [
            text.get_text() for text in returns.get_legend().get_texts()
        ]
    assert len(bands(returns)) == 2
    assert [60.0, 60.0] in [list(line.get_ydata()) for line in returns.get_lines()]


def test_legend_and_caption_explain_what_is_drawn(figure):
    assert legend_labels(figure) == ["correct path", "wrong action 1", "wrong action 0", "exact optimum"]
    assert "95 % intervals; 4 mazes of each share" in caption_of(figure)
    assert caption_of(plots.plot("maze", maze_frame(SMALL, instances=2, points=5), caption="Seed 0.")).startswith(
        "Seed 0."
    )


def test_drawing_at_once_is_the_same_as_from_the_frame(tmp_path):
    options = {"ends": (0.5,), "shares": (0.8,), "instances": 2, "seed": 4}
    first = plots.save(draw_maze(SMALL, **options), tmp_path, "first", ("png", "svg"))
    second = plots.save(plots.plot("maze", maze_frame(SMALL, **options)), tmp_path, "second", ("png", "svg"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_frame_read_from_csv_gives_the_same_picture(frame, figure, tmp_path):
    frame.to_csv(tmp_path / "maze.csv", index=False)
    again = plots.plot("maze", pd.read_csv(tmp_path / "maze.csv"))
    one, two = (plots.save(each, tmp_path, name, ("svg",))[0] for each, name in ((figure, "one"), (again, "two")))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("length", [1, 2, 30, 33])
def test_short_mazes_are_drawn_whole(length):
    figure = draw_maze(MazeLayout.generate(length, 0.5, "mixed"), shares=(0.5,), instances=1)
    figure.draw_without_rendering()
    assert figure.axes[2].get_title(loc="left") == f"(b) Its first {min(length, 32)} states"


def test_missing_parts_and_too_few_states_are_named(frame):
    with pytest.raises(ValueError, match="has no rows of part 'best': make its data with maze_frame"):
        plots.plot("maze", frame[frame["part"] != "best"])
    with pytest.raises(ValueError, match="near must be at least 2 states, got 1"):
        plots.plot("maze", frame, near=1)


def test_data_are_computed_by_plan():
    computed = data.compute("maze", data.Plan(length=20, instances=2))
    assert set(computed["part"]) == {"path", "end", "return", "best"}
    assert (computed["part"] == "path").sum() == 20
