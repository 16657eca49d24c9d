"""Cells of the maze figures: numbers of runs alone, one set of seeds, the rate from tuning seeds, kept whole."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
from maze_samples import TINY

from maxpo_bench.agents.maze_population import train_population
from maxpo_bench.agents.maze_variance import variance_ratio
from maxpo_bench.agents.mlp_population import train_mlp_population
from maxpo_bench.envs.maze_layout import MazeLayout
from maxpo_bench.leaderboard.submission import built_in, load_submission
from maxpo_bench.reproduce import cell_files
from maxpo_bench.reproduce.maze import measure as measuring
from maxpo_bench.reproduce.maze.agents import maze_agents
from maxpo_bench.reproduce.maze.cells import MazeCell, MazeSetting, chosen, compute
from maxpo_bench.reproduce.maze.measure import Measured, fig7_cells, measure, mlp_cells, search_cells
from maxpo_bench.reproduce.maze.sizes import SIZES, size_of
from maxpo_bench.seeding import derive_seed

SETTING = MazeSetting(
    policy="tabular",
    optimizer="sgd",
    share=0.8,
    dead_end_length=1,
    n=4,
    k=2,
    rates=(0.1, 1.0),
    length=20,
    iterations=40,
    last=20,
    record_every=10,
    snapshots=3,
    num_groups=10,
    tuning=2,
    instances=3,
    seed=0,
)
TWO = {"rates": (0.01, 0.1), "tuning": 1, "instances": 2}


def alone(cell, rate, seed, **options):
    """The run of one learning rate and seed, trained by itself."""
    at = cell.setting
    train = train_mlp_population if at.policy == "mlp" else train_population
    maze = MazeLayout.generate(at.length, at.share, at.dead_end_length, derive_seed(seed, "maze"))
    estimator = "reinforce_l1o" if cell.agent.name.startswith("reinforce") else cell.agent.name
    return maze, train(
        maze,
        estimator,
        k=at.k,
        n=at.n,
        learning_rates=[rate],
        seeds=[seed],
        iterations=at.iterations,
        optimizer=at.optimizer,
        entropy_coef=0.01 if cell.agent.name == "reinforce_entropy" else 0.0,
        record_every=at.record_every,
        **options,
    )


def of_agent(agents, name, **changes):
    return MazeCell(replace(SETTING, **changes), {each.name: each for each in agents}[name])


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ei_l2o", {}),
        ("ei_l2o", {"optimizer": "adam", "dead_end_length": "mixed", "n": 6, "k": 3}),
        ("ei", {"optimizer": "adam"}),
        ("reinforce_entropy", {"optimizer": "adam", "seed": 5}),
        ("reinforce", {"dead_end_length": "mixed"}),
        ("ei_l2o", {"policy": "mlp", **TWO}),
        ("reinforce_entropy", {"policy": "mlp", "optimizer": "adam", **TWO}),
    ],
    ids=str,
)
def test_a_cell_holds_the_numbers_of_runs_trained_alone(agents, name, changes):
    cell = of_agent(agents, name, **changes)
    at, values = cell.setting, compute(cell)
    assert {name: array.shape for name, array in values.items()} == cell.shapes()
    assert (name == "ei_l2o" and at.policy == "tabular") is ("variance_ei" in values)
    for row, rate in enumerate(at.rates):
        for place in range(at.tuning):
            _, run = alone(cell, rate, derive_seed(at.seed, "fig7", "tuning", place))
            assert values["tuning"][row, place] == run.return_mean[-2:, 0].mean()
        for place in range(at.instances):
            seed = derive_seed(at.seed, "fig7", "evaluation", place)
            steps = {"snapshot_at": (0, 20, 40)} if cell.has_variances else {}
            maze, run = alone(cell, rate, seed, **steps)
            assert values["returns"][row, place] == run.return_mean[-2:, 0].mean()
            assert values["exact_return"][row, place] == run.exact_return[0]
            assert values["env_steps"][row, place] == run.env_steps.sum()
            np.testing.assert_array_equal(values["curve_return"][:, row, place], run.return_mean[:, 0])
            np.testing.assert_array_equal(values["curve_p_action_1"][:, row, place], run.p_action_1[:, 0])
            for point, iteration in enumerate(steps.get("snapshot_at", ())):
                theta, bias = (array[0] for array in run.snapshots[iteration])
                stream = derive_seed(seed, "variance", iteration)
                ratio = variance_ratio(maze, theta, bias, at.n, at.k, at.num_groups, stream)
                assert values["variance_ei"][row, point, place] == ratio.variance_ei
                assert values["variance_ei_l2o"][row, point, place] == ratio.variance_ei_l2o


def every_cell(agents):
    return [cell for cells in (fig7_cells, search_cells, mlp_cells) for cell in cells(TINY, agents)]


def test_seeds_are_the_same_everywhere_and_tuning_seeds_are_others(agents):
    most = SETTING.seeds()
    assert [len(part) for part in most] == [2, 3]
    assert len({*most[0], *most[1]}) == 5
    for cell in every_cell(agents):
        for part, whole in zip(cell.setting.seeds(), most, strict=True):
            assert part == whole[: len(part)]
    paper = replace(SETTING, tuning=50, instances=200).seeds()
    assert len({*paper[0], *paper[1]}) == 250
    assert not {*replace(SETTING, seed=1).seeds()[0]} & {*paper[0], *paper[1]}


def test_mazes_differ_between_seeds_and_shares_only(agents):
    mazes = {}
    for cell in every_cell(agents):
        for seed in cell.setting.seeds()[1]:
            maze = cell.setting.maze(seed)
            mazes.setdefault((seed, cell.setting.share), set()).add(maze.correct_actions.tobytes())
    assert all(len(found) == 1 for found in mazes.values())
    assert len(set.union(*mazes.values())) == len(mazes) == 6


def test_every_agent_rate_and_optimizer_draws_the_same_uniform_numbers(agents):
    """The first policy is the same for all, so that their first groups are."""
    short = {"iterations": 2, "last": 1, "record_every": 1}
    for policy in ("tabular", "mlp"):
        first = [
            compute(of_agent(agents, name, policy=policy, optimizer=optimizer, **short))["curve_return"][0]
            for name, optimizer in (
                ("ei_l2o", "sgd"),
                ("reinforce", "sgd"),
                ("ei", "adam"),
                ("reinforce_entropy", "adam"),
            )
        ]
        for other in first:
            np.testing.assert_array_equal(other, first[0])
        np.testing.assert_array_equal(first[0][0], first[0][1])
        assert len(set(first[0][0])) > 1


def test_reinforce_is_trained_once_for_all_objectives(agents, fig7_measured):
    cells = [cell for cell in fig7_cells(TINY, agents) if not cell.agent.has_k]
    assert {cell.setting.k for cell in cells} == {TINY.k}
    assert len(cells) == 2 * 2 * 2 * 2
    one, other = (compute(of_agent(agents, "reinforce", k=k)) for k in (2, 3))
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])
    finals = fig7_measured.finals()
    rows = finals[finals.agent == "reinforce"].set_index(["optimizer", "share", "group_size", "learning_rate", "seed"])
    assert set(rows.k) == {2, 3}
    for _, here in rows.groupby(level=list(range(5))):
        assert len(here) == 2
        assert here.returns.nunique() == here.p_action_1.nunique() == here.is_chosen.nunique() == 1


def test_every_setting_has_its_cells(agents):
    cells = fig7_cells(TINY, agents)
    assert len(set(cells)) == len(cells) == 2 * 2 * 2 * (2 + 3 * 2)
    paper = SIZES.get("paper")
    cells = fig7_cells(paper, agents)
    sizes = {(cell.setting.n, cell.setting.k) for cell in cells if cell.agent.name == "ei_l2o"}
    assert sizes == {(n, k) for n in (8, 16, 32, 64) for k in (2, 4, 8) if k < n}
    assert (8, 8) in {(cell.setting.n, cell.setting.k) for cell in cells if cell.agent.name == "ei"}
    assert {cell.setting.dead_end_length for cell in cells} == {1}
    assert {(cell.setting.instances, cell.setting.iterations) for cell in cells} == {(20, 3000)}
    assert {cell.setting.dead_end_length for cell in search_cells(paper, agents)} == {"mixed"}
    networks = mlp_cells(paper, agents)
    assert len(networks) == 2 * 3 * 5
    assert {(each.setting.n, each.setting.k, each.setting.instances) for each in networks} == {(16, 4, 5)}
    assert {each.setting.rates for each in networks} == {paper.mlp_sgd_rates, paper.mlp_adam_rates}


def values_with(tuning, rng):
    shapes = MazeCell(SETTING, maze_agents([built_in("ei_l2o")])[2]).shapes()
    return {name: rng.random(shape) for name, shape in shapes.items()} | {"tuning": np.array(tuning)}


@pytest.mark.parametrize(
    ("tuning", "taken"),
    [
        ([[1.0, 2.0], [3.0, 1.0]], 1),
        ([[3.0, 1.0], [1.0, 2.0]], 0),
        ([[1.0, 3.0], [2.0, 2.0]], 0),
        ([[5.0, 5.0]] * 2, 0),
    ],
)
def test_the_learning_rate_is_chosen_on_tuning_seeds_alone(tuning, taken):
    rng = np.random.default_rng(0)
    cell = MazeCell(SETTING, maze_agents([built_in("ei_l2o")])[2])
    for _ in range(20):
        values = values_with(tuning, rng)
        assert chosen(values) == taken
        finals = Measured(TINY, {cell: values}, 0).finals()
        assert set(finals[finals.is_chosen].learning_rate) == {SETTING.rates[taken]}
        curves = Measured(TINY, {cell: values}, 0).curves("sgd", 0.8, 2)
        rows = curves.pivot(index="iteration", columns="seed", values="return")
        np.testing.assert_array_equal(rows, values["curve_return"][:, taken])


def test_frames_hold_each_value_in_its_place():
    cell = MazeCell(SETTING, maze_agents([built_in("ei_l2o")])[2])
    values = values_with([[1.0, 2.0], [3.0, 1.0]], np.random.default_rng(1))
    values["variance_ei"][0, 1, 2] = 0.0
    values["variance_ei_l2o"][1, 2, 0] = 0.0
    measured = Measured(TINY, {cell: values}, 0)
    for row in measured.finals().to_dict("records"):
        place = SETTING.rates.index(row["learning_rate"]), row["seed"]
        assert row["returns"] == values["returns"][place]
        assert row["exact_return"] == values["exact_return"][place]
        assert row["env_steps"] == values["env_steps"][place]
        assert row["p_action_1"] == values["curve_p_action_1"][(-1, *place)]
        assert (row["agent"], row["group_size"], row["k"], row["dead_ends"]) == ("ei_l2o", 4, 2, "1")
    for rate in SETTING.rates:
        for row in measured.curves("sgd", None, 2, rate).to_dict("records"):
            place = row["iteration"] // 10 - 1, SETTING.rates.index(rate), row["seed"]
            assert row["return"] == values["curve_return"][place]
            assert row["p_action_1"] == values["curve_p_action_1"][place]
    assert measured.curves("adam", None, 2).empty
    assert measured.curves("sgd", 0.7, 2).empty
    ratios = measured.variance_ratios()
    assert len(ratios) == 2 * 3 * 3 - 2
    for row in ratios.to_dict("records"):
        place = SETTING.rates.index(row["learning_rate"]), [0, 20, 40].index(row["iteration"]), row["seed"]
        assert row["ratio"] == values["variance_ei_l2o"][place] / values["variance_ei"][place]
        assert row["is_chosen"] == (place[0] == 1)


OTHERS = {
    "policy": "mlp",
    "optimizer": "adam",
    "share": 0.7,
    "dead_end_length": "mixed",
    "n": 5,
    "k": 3,
    "rates": (0.1, 0.9),
    "length": 21,
    "iterations": 60,
    "last": 10,
    "record_every": 5,
    "snapshots": 2,
    "num_groups": 11,
    "tuning": 1,
    "instances": 2,
    "seed": 1,
}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(MazeSetting)])
def test_every_part_of_the_setting_makes_another_cell(agents, tmp_path, field):
    cell = of_agent(agents, "ei_l1o")
    cell.store(tmp_path, {name: np.ones(shape) for name, shape in cell.shapes().items()})
    assert cell.load(tmp_path) is not None
    other = of_agent(agents, "ei_l1o", **{field: OTHERS[field]})
    assert other.path(tmp_path) != cell.path(tmp_path)
    assert other.load(tmp_path) is None
    json.dumps(other.content(), allow_nan=False)


OWN = '''"""Own.

scale: {scale}
"""

from maxpo_bench.estimators import ei


def advantages(rewards, k):
    return {share} * ei(rewards, k)
'''


def test_another_agent_estimator_bonus_or_scale_makes_another_cell(agents, tmp_path):
    path, cells = tmp_path / "own.py", [of_agent(agents, name) for name in ("ei", "ei_l1o", "reinforce")]
    for scale, share in (("K/n", 0.5), ("K/n", 0.25), ("1", 0.5)):
        path.write_text(OWN.format(scale=scale, share=share))
        (own,) = maze_agents([load_submission(path)])[2:]
        cells.append(MazeCell(SETTING, own))
    cells.append(MazeCell(SETTING, replace(own, entropy_coef=0.1)))
    assert len({cell.path(tmp_path) for cell in cells}) == len(cells)


def test_an_added_estimator_of_a_built_in_agent_is_not_taken_twice():
    names = [each.name for each in maze_agents(map(built_in, ("ei_l1o", "ei", "reinforce_l1o", "grpo", "ei_l2o")))]
    assert names == ["reinforce", "reinforce_entropy", "ei", "ei_l1o", "ei_l2o", "grpo"]


def never(*arguments):
    raise AssertionError("computed again")


SMALL = replace(TINY, shares=(0.8,), group_sizes=(4,), objectives=(2,))


@pytest.fixture
def stored(agents, tmp_path):
    cells = fig7_cells(SMALL, agents)[:5]
    return cells, measure(cells, SMALL, tmp_path, workers=1)


def same(one, other):
    """Are two experiments equal to the last bit, in the same order?"""
    assert list(one.values) == list(other.values)
    for cell, values in one.values.items():
        assert values.keys() == other.values[cell].keys()
        for name, array in values.items():
            np.testing.assert_array_equal(array, other.values[cell][name])
    return True


def test_a_second_call_computes_nothing(stored, tmp_path, monkeypatch):
    cells, first = stored
    monkeypatch.setattr(measuring, "compute", never)
    calls = []
    again = measure(cells, SMALL, tmp_path, progress=lambda *call: calls.append(call))
    assert (first.computed, again.computed, calls) == (5, 0, [(5, 5)])
    assert same(first, again)


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "shape", "nan", "missing"])
def test_a_damaged_file_is_computed_again(stored, tmp_path, damage):
    cells, first = stored
    path = cells[3].path(tmp_path)
    before = path.read_bytes()
    record = json.loads(before)
    if damage == "shape":
        record["values"]["returns"].pop()
    elif damage == "nan":
        record["values"]["returns"][0][0] = float("nan")
    elif damage == "missing":
        del record["values"]["tuning"]
    texts = {"cut": before[:-20].decode(), "empty": "", "gone": None}
    text = texts.get(damage, json.dumps(record))
    path.unlink() if text is None else path.write_text(text)
    again = measure(cells, SMALL, tmp_path, workers=1)
    assert again.computed == 1
    assert same(first, again)
    assert path.read_bytes() == before


def test_other_formulas_and_other_sizes_are_computed_again(stored, tmp_path, agents, monkeypatch):
    cells, _ = stored
    larger = replace(SMALL, instances=4)
    assert measure(fig7_cells(larger, agents)[:2], larger, tmp_path, workers=1).computed == 2
    monkeypatch.setattr(cell_files, "hash_of", lambda patterns: "other code")
    assert measure(cells[:2], SMALL, tmp_path, workers=1).computed == 2


def test_sizes_say_what_is_wrong():
    with pytest.raises(ValueError, match="Did you mean 'quick'"):
        size_of("quik", instances=None, seed=0)
    with pytest.raises(ValueError, match=r"instances must be at least 2 .* got 1"):
        size_of("quick", instances=1, seed=0)
    size = size_of("paper", instances=7, seed=3)
    assert (size.instances, size.mlp_instances, size.seed) == (7, 7, 3)
    assert (size.tuning, size.mlp_tuning) == (10, 3)
