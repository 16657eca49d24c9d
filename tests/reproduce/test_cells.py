"""Cells: each is computed once, kept whole, and found again only while nothing that determines it has changed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from imported_sources import reached_from
from reproduce_samples import READS_A_FILE, SQUARES, SUBMISSION, TINY

from maxpo_bench.estimators import get_estimator
from maxpo_bench.leaderboard import store
from maxpo_bench.leaderboard.score import ContractFailure
from maxpo_bench.leaderboard.submission import SubmissionError, built_in, load_submission
from maxpo_bench.moments import CertificateError, enumerate_moments, exact
from maxpo_bench.plots.bandit_moments import Bandits
from maxpo_bench.registry import UnknownNameError
from maxpo_bench.reproduce import cell_files
from maxpo_bench.reproduce.bandit import cells
from maxpo_bench.reproduce.bandit.cells import Cell, Setting, compute
from maxpo_bench.reproduce.bandit.figures import ratios
from maxpo_bench.reproduce.bandit.measure import error_setting, k_settings, measure, settings_of
from maxpo_bench.reproduce.bandit.sizes import SIZES, size_of
from maxpo_bench.reproduce.maze import cells as maze_cells
from maxpo_bench.reproduce.subjects import folder_digest, load_subjects

SETTING = Setting("spread", 5, 2, 3, 0, 2, 0, (30,))
EVERY = ("fig1", "fig4", "fig5")


def computed(setting=SETTING, name="ei"):
    cell = Cell.of(setting, built_in(name), "cpu")
    ((_, values),) = compute([cell])
    return cell, values


def test_a_cell_holds_the_exact_moments_of_its_bandits():
    _, values = computed()
    bandits = Bandits.generate(0, range(2), 3)
    for place in range(2):
        found = enumerate_moments(get_estimator("ei", 2), bandits.arm_rewards[place], bandits.logits[place], 5)
        assert values["total_variance"][place] == pytest.approx(found.total_variance, rel=1e-9)
    np.testing.assert_allclose(values["bias"], 0, atol=1e-12)


def test_a_stored_cell_is_read_back_to_the_last_bit(tmp_path):
    cell, values = computed(name="ei_l1o")
    cell.store(tmp_path, values)
    again = cell.load(tmp_path)
    assert again is not None
    for name, array in values.items():
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"k": 3}, {"n": 6}, {"num_arms": 4}, {"instances": 3}, {"first": 1}, {"quantity": "error"}]
)
def test_another_setting_is_another_cell(tmp_path, change):
    cell, values = computed()
    cell.store(tmp_path, values)
    other = replace(cell, setting=replace(SETTING, **change))
    assert other.path(tmp_path) != cell.path(tmp_path)
    assert other.load(tmp_path) is None


def test_groups_and_device_matter_only_where_groups_are_sampled(tmp_path):
    for name, kind, matters in (("ei", "exact", False), ("grpo", "sampled", True)):
        cell = Cell.of(SETTING, built_in(name), "cpu")
        assert cell.kind == kind
        for other in (replace(cell, device="cuda"), replace(cell, setting=replace(SETTING, num_groups=(31,)))):
            assert (other.path(tmp_path) != cell.path(tmp_path)) is matters


def test_changed_formulas_and_changed_submissions_are_computed_again(tmp_path, monkeypatch):
    cell, values = computed()
    cell.store(tmp_path, values)
    monkeypatch.setattr(cell_files, "hash_of", lambda patterns: "other code")
    assert cell.load(tmp_path) is None
    path = tmp_path / "own.py"
    path.write_text(SUBMISSION)
    first = Cell.of(SETTING, load_submission(path), "cpu")
    path.write_text(SUBMISSION.replace("0.5", "0.25"))
    assert Cell.of(SETTING, load_submission(path), "cpu").path(tmp_path) != first.path(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', '{"schema": 2, "cell": {}, "values": {}}'])
def test_a_damaged_file_counts_as_missing(tmp_path, text):
    cell, _ = computed()
    cell.path(tmp_path).write_text(text)
    assert cell.load(tmp_path) is None


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"total_variance": [1.0, 2.0]},
        {"bias": [0.0, 0.0]},
        {"total_variance": [1.0], "bias": [0.0]},
        {"total_variance": [1.0, 2.0, 3.0], "bias": [0.0, 0.0]},
        {"total_variance": [[1.0, 2.0]], "bias": [0.0, 0.0]},
        {"total_variance": 1.0, "bias": [0.0, 0.0]},
        {"total_variance": [1.0, float("nan")], "bias": [0.0, 0.0]},
        {"total_variance": [1.0, float("inf")], "bias": [0.0, 0.0]},
        {"total_variance": [1.0, -2.0], "bias": [0.0, 0.0]},
        {"total_variance": [1.0, None], "bias": [0.0, 0.0]},
        {"total_variance": [1, 10**400], "bias": [0.0, 0.0]},
        {"total_variance": [1.0, 2.0], "bias": [0.0, 0.0], "more": [0.0, 0.0]},
        [1.0, 2.0],
    ],
    ids=repr,
)
def test_a_file_with_other_values_than_the_cells_counts_as_missing(tmp_path, values):
    cell, own = computed()
    cell.store(tmp_path, own)
    record = json.loads(cell.path(tmp_path).read_text())
    cell.path(tmp_path).write_text(json.dumps({**record, "values": {"total_variance": [1.0, 2.0], "bias": [0.0, 0.0]}}))
    assert cell.load(tmp_path) is not None
    cell.path(tmp_path).write_text(json.dumps({**record, "values": values}))
    assert cell.load(tmp_path) is None


@pytest.mark.parametrize(
    ("error", "fits"), [([[1.0, 2.0], [3.0, 4.0]], True), ([[1.0, 2.0]], False), ([1.0, 2.0], False)]
)
def test_stored_errors_have_a_row_for_each_number_of_groups(tmp_path, error, fits):
    cell = Cell.of(replace(SETTING, quantity="error", num_groups=(10, 30)), built_in("ei"), "cpu")
    record = {"schema": cell_files.SCHEMA, "cell": cell.content(), "values": {"error": error}}
    cell.path(tmp_path).write_text(json.dumps(record))
    assert (cell.load(tmp_path) is not None) is fits


def test_a_damaged_cell_is_computed_again(tmp_path):
    subjects = load_subjects([])
    stored = measure(["fig5"], TINY, subjects, tmp_path)
    path = sorted(tmp_path.glob("*.json"))[0]
    before = path.read_bytes()
    path.write_text(json.dumps({**json.loads(before), "values": {}}))
    again = measure(["fig5"], TINY, subjects, tmp_path)
    assert again.computed == 1
    assert list(again.values) == list(stored.values)
    assert json.loads(path.read_bytes())["values"].keys() == json.loads(before)["values"].keys()


def test_a_file_is_published_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "file.json"
    store.publish(path, "first\n")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(store.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.publish(path, "second\n")
    assert path.read_text() == "first\n"
    assert [each.name for each in path.parent.iterdir()] == ["file.json"]


def test_an_estimator_that_is_no_gap_sum_on_the_bandits_alone_is_sampled(tmp_path, monkeypatch):
    path = tmp_path / "late.py"
    path.write_text(SUBMISSION)
    subjects = load_subjects([str(path), "all_subsets"])
    genuine = exact.exact_moments

    def refusing(estimators, rewards, *arguments, **options):
        if rewards.shape[1] == 9 and any(each.name == "late" for each in estimators):
            raise ValueError("late is no sum over reward gaps")
        return genuine(estimators, rewards, *arguments, **options)

    monkeypatch.setattr(exact, "exact_moments", refusing)
    measured = measure(["fig4"], TINY, subjects, tmp_path / "cells")
    kinds = {(cell.candidate.name, cell.setting.num_arms): cell.kind for cell in measured.values}
    assert [key for key, kind in kinds.items() if kind == "sampled"] == [("late", 9)]
    assert measure(["fig4"], TINY, subjects, tmp_path / "cells").computed == 0
    frame = measured.variances(settings_of("fig4", TINY))
    assert set(ratios(frame).query("estimator == 'late'").num_arms) == {2, 5, 9}
    wide = frame[(frame.num_arms == 9) & (frame.group_size == 6)].groupby("estimator")["value"].mean()
    assert wide["late"] == pytest.approx(0.25 * wide["ei"], rel=0.5)


def test_an_estimator_that_fails_does_not_take_the_others_with_it(tmp_path):
    path = tmp_path / "huge.py"
    path.write_text(SUBMISSION.replace("0.5", "1e200"))
    subjects = load_subjects([str(path)])
    with pytest.raises(CertificateError, match=r"^huge at n = 5, K = 3, 2 arms: .*overflow.*: rescale"):
        measure(["fig4"], TINY, subjects, tmp_path / "cells")
    assert sorted(each.name.split("-")[0] for each in (tmp_path / "cells").iterdir()) == ["ei", "ei_l1o", "ei_l2o"]


def test_numbers_that_are_not_finite_are_named(monkeypatch):
    monkeypatch.setattr(cells, "sampled_errors", lambda *arguments, **options: np.array([[1.0, np.inf]]))
    setting = replace(SETTING, quantity="error", num_groups=(10,))
    with pytest.raises(CertificateError, match=r"ei at n = 5, K = 2, 3 arms: moments of ei overflow float64: rescale"):
        list(compute([Cell.of(setting, built_in("ei"), "cpu")]))


def test_figures_share_their_cells():
    alone = {figure: set(settings_of(figure, TINY)) for figure in EVERY}
    assert alone["fig1"] & alone["fig4"]
    assert alone["fig1"] & alone["fig5"]
    assert error_setting(replace(TINY, num_arms=5)) in alone["fig4"]


def test_the_papers_size_has_every_cell():
    size = SIZES.get("paper")
    assert len(settings_of("fig4", size)) == 36
    assert len(settings_of("fig5", size)) >= 40
    wanted = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48}
    for n in (8, 16, 32, 64):
        assert {k for k in wanted if k < n} | {n - 1} <= set(size.objectives_of(n))
        assert max(size.objectives_of(n)) == n - 1
    assert size.arms == (2, 5, 10, 30, 100, 300, 1000, 3000, 10_000)
    assert (size.batches[0], size.batches[-1], size.sampled_batches[-1]) == (10, 10**6, 10**5)
    assert len({setting.k for setting in k_settings(size, [16])}) == len(size.objectives_of(16))


def test_interrupted_work_goes_on_where_it_stopped(tmp_path, monkeypatch):
    subjects = load_subjects([])
    plain = measure(EVERY, TINY, subjects, tmp_path / "plain")
    made, genuine = [], cells.compute

    def stopping(missing):
        for result in genuine(missing):
            if len(made) == 20:
                raise KeyboardInterrupt
            made.append(result[0])
            yield result

    monkeypatch.setattr("maxpo_bench.reproduce.bandit.measure.compute", stopping)
    with pytest.raises(KeyboardInterrupt):
        measure(EVERY, TINY, subjects, tmp_path / "cells")
    assert len(list((tmp_path / "cells").glob("*.json"))) == 20
    monkeypatch.setattr("maxpo_bench.reproduce.bandit.measure.compute", genuine)
    resumed = measure(EVERY, TINY, subjects, tmp_path / "cells")
    assert resumed.computed == plain.computed - 20
    assert list(resumed.values) == list(plain.values)
    for cell, values in plain.values.items():
        for name, array in values.items():
            np.testing.assert_allclose(resumed.values[cell][name], array, rtol=1e-12)
    calls = []
    again = measure(EVERY, TINY, subjects, tmp_path / "cells", progress=lambda *call: calls.append(call))
    assert again.computed == 0
    assert calls[-1] == (len(plain.values), len(plain.values))


def test_an_added_estimator_leaves_the_stored_cells_as_they_are(tmp_path):
    stored = measure(["fig4"], TINY, load_subjects([]), tmp_path)
    more = measure(["fig4"], TINY, load_subjects(["grpo"]), tmp_path)
    assert more.computed == len(settings_of("fig4", TINY))
    assert len(more.values) == len(stored.values) + more.computed


def test_blocks_of_sampled_errors_cover_every_instance(tmp_path):
    errors = measure(["fig1"], TINY, load_subjects(["grpo"]), tmp_path).errors()
    counts = errors.groupby(["estimator", "kind", "num_groups"])["instance"].agg(list)
    assert all(sorted(instances) == list(range(6)) for instances in counts)
    assert set(counts.loc["ei", "exact"].index) == {10, 100, 1000}
    assert set(counts.loc["ei", "sampled"].index) == {10, 100}
    assert "exact" not in counts.loc["grpo"].index


def test_sampled_errors_do_not_depend_on_the_blocks(tmp_path):
    frames = [measure(["fig1"], replace(TINY, block=block), load_subjects([]), tmp_path).errors() for block in (4, 6)]
    keys = ["estimator", "kind", "num_groups", "instance"]
    one, other = (frame.sort_values(keys)["value"].to_numpy() for frame in frames)
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_subjects_by_name_alias_and_file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(SQUARES)
    assert [each.name for each in load_subjects(["maxpo", "grpo", str(path), "grpo"])] == [
        "ei",
        "ei_l2o",
        "ei_l1o",
        "grpo",
        "squares",
    ]
    with pytest.raises(UnknownNameError, match="Did you mean 'ei_l2o'"):
        load_subjects(["ei_l20"])
    with pytest.raises(SubmissionError, match="no such Python file"):
        load_subjects([str(tmp_path / "absent.py")])
    with pytest.raises(ValueError, match="for binary rewards"):
        load_subjects(["passk_analytic_std"])
    twin = tmp_path / "twin.py"
    twin.write_text(SQUARES + "\n")
    with pytest.raises(ValueError, match="two estimators are named 'squares': rename"):
        load_subjects([str(path), str(twin)])


def test_an_estimator_that_takes_none_of_the_groups_is_refused(tmp_path):
    path = tmp_path / "large.py"
    path.write_text(SUBMISSION.replace("scale: K/n", "min_group_size: 20"))
    with pytest.raises(ValueError, match=r"groups of at least 20 samples .* excludes every"):
        measure(["fig4"], TINY, load_subjects([str(path)]), tmp_path)


def test_a_submission_that_fails_its_contract_is_refused(tmp_path):
    path = tmp_path / "noisy.py"
    path.write_text(SUBMISSION.replace("return ", "return rewards.new_empty(rewards.shape).uniform_() + "))
    with pytest.raises(ContractFailure, match=r"fails .* contract tests"):
        load_subjects([str(path)])


def test_sizes_out_of_range_say_what_to_do():
    with pytest.raises(UnknownNameError, match="Did you mean 'quick'"):
        size_of("quik", instances=None, seed=0)
    with pytest.raises(ValueError, match=r"instances must be at least 2 .* got 1"):
        size_of("quick", instances=1, seed=0)
    with pytest.raises(ValueError, match=r"k must be in 1 \.\. 4, .* got 5: lower k"):
        replace(TINY, k=5)


CHANGES_NO_TRAINING = {
    cell_files.ROOT / "envs" / "array_value.py",  # equality and pickling of mazes
    cell_files.ROOT / "envs" / "unicode_text.py",  # the spaces that numeric policies refuse
    cell_files.ROOT / "moments" / "subject.py",  # at which (n, K) a submission is certified
}
SOURCES = {
    "bandit": (cells, cells.COMPUTED_BY, set(), {"compiled.py", "exact.py", "sampling_kernel.py", "cpu_kernel.py"}),
    "maze": (
        maze_cells,
        maze_cells.COMPUTED_BY,
        CHANGES_NO_TRAINING | {cell_files.ROOT / "agents" / "mlp_population.py"},
        {"compiled.py", "maze_compiled.py", "maze_runs.py", "maze_variance.py", "maze_layout.py", "cpu_kernel.py"},
    ),
    "maze, mlp": (
        maze_cells,
        maze_cells.COMPUTED_BY + maze_cells.MLP,
        CHANGES_NO_TRAINING,
        {"compiled.py", "maze_runs.py", "mlp_population.py", "mlp_runs.py", "policy.py", "collect.py"},
    ),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_the_hash_of_the_formulas_covers_every_source_that_computes(kind):
    module, patterns, leaving_out, some = SOURCES[kind]
    reached = reached_from(Path(module.__file__), leaving_out)
    covered = {path for pattern in patterns for path in cell_files.ROOT.glob(pattern)}
    assert reached <= covered
    assert {path.name for path in reached} >= some
    for pattern in patterns:
        assert list(cell_files.ROOT.glob(pattern)), pattern


def test_the_hash_of_the_formulas_changes_with_any_of_them(tmp_path, monkeypatch):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "one.py").write_text("1")
    monkeypatch.setattr(cell_files, "ROOT", tmp_path)
    first = cell_files.hash_of.__wrapped__(("part/*.py",))
    (tmp_path / "part" / "two.py").write_text("")
    second = cell_files.hash_of.__wrapped__(("part/*.py",))
    (tmp_path / "part" / "two.py").write_text("2")
    third = cell_files.hash_of.__wrapped__(("part/*.py",))
    (tmp_path / "other.py").write_text("3")
    assert len({first, second, third}) == 3
    assert cell_files.hash_of.__wrapped__(("part/*.py",)) == third


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "own"
    (folder / "data").mkdir(parents=True)
    (folder / "submission.py").write_text(READS_A_FILE)
    (folder / "data" / "factor.txt").write_text("0.5")
    return folder


def test_a_file_beside_a_submission_is_part_of_it(folder, tmp_path):
    before = measure(["fig5"], TINY, load_subjects([str(folder)]), tmp_path / "cells")
    (folder / "data" / "factor.txt").write_text("0.25")
    after = measure(["fig5"], TINY, load_subjects([str(folder)]), tmp_path / "cells")
    assert after.computed == len(settings_of("fig5", TINY))
    means = [
        m.variances(settings_of("fig5", TINY)).groupby("estimator")["value"].mean()["own"] for m in (before, after)
    ]
    assert means[0] == pytest.approx(4 * means[1])
    assert measure(["fig5"], TINY, load_subjects([str(folder)]), tmp_path / "cells").computed == 0


@pytest.mark.parametrize("inside", [".", "figures", "deep/figures"])
def test_what_is_written_into_a_submissions_folder_is_no_part_of_it(folder, inside):
    out = folder / inside
    first = folder_digest(folder, out)
    (out / "cells").mkdir(parents=True)
    for name in ("cells/ei.json", "fig5.json", "fig5.png", "README.md", "table1.md"):
        (out / name).write_text("new")
    for name in (".hidden", "__pycache__"):
        (folder / name).mkdir()
        (folder / name / "file").write_text("new")
    assert folder_digest(folder, out) == first
    (folder / "data" / "more.txt").write_text("")
    assert folder_digest(folder, out) != first


def test_stored_cells_are_plain_json(tmp_path):
    cell, values = computed()
    cell.store(tmp_path, values)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("ei-spread-n5-k2-arms3-from0-")
    assert json.loads(path.read_text())["cell"]["kind"] == "exact"
