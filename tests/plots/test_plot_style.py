"""One look for one estimator, everywhere; files whose bytes depend on the figure alone."""

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import seaborn as sns
from plot_frames import EXAMPLES

from maxpo_bench import plots
from maxpo_bench.agents import list_agents
from maxpo_bench.estimators import ESTIMATORS, list_estimators
from maxpo_bench.plots import style
from maxpo_bench.registry import UnknownNameError


def test_palette_is_seaborns_colour_blind_one():
    assert list(style.PALETTE) == sns.color_palette("colorblind").as_hex()
    assert not set(style.OWN_COLORS) & set(style.PALETTE)


def test_every_registered_estimator_and_agent_has_a_style_of_its_own():
    names = {spec.name for spec in list_estimators()} | {agent.name for agent in list_agents()}
    for name in names:
        assert style.ALIASES.get(name, name) in style.STYLES, name
    looks = [(each.color, each.marker) for each in style.STYLES.values()]
    assert len(set(looks)) == len(looks)
    assert len({each.label for each in style.STYLES.values()}) == len(style.STYLES)


def test_no_series_is_as_light_as_the_palettes_yellow():
    assert style.YELLOW not in {each.color for each in style.STYLES.values()}
    assert style.style_of("passk_top1").color == style.OLIVE


def test_aliases_look_like_what_they_stand_for():
    for alias, name in style.ALIASES.items():
        assert style.style_of(alias) is style.STYLES[name]
        if alias in ESTIMATORS:
            assert ESTIMATORS.canonical(alias) == name


def test_the_papers_five_have_five_colours():
    five = ["ei_l2o", "ei", "ei_l1o", "reinforce", "entropy"]
    assert len({style.style_of(name).color for name in five}) == 5


def test_own_estimators_have_a_stable_look_apart_from_the_suites():
    mine = style.style_of("my_estimator")
    assert mine == style.style_of("my_estimator")
    assert (mine.label, mine.color, mine.marker) == ("my_estimator", "#661100", "*")
    assert mine.color not in style.PALETTE
    assert len({(s.color, s.marker) for s in (style.style_of(f"own_{i}") for i in range(50))}) > 20


def test_order_is_the_suites_with_own_names_last():
    assert style.in_order(["zeta", "ei", "alpha", "maxpo", "ei"]) == ["maxpo", "ei", "alpha", "zeta"]


def draw_elsewhere(folder: Path, hash_seed: str) -> subprocess.Popen[bytes]:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from plot_frames import EXAMPLES\nfrom maxpo_bench import plots\n"
        "for name in ('variance_vs_k', 'learning_curves'):\n"
        "    plots.save(plots.plot(name, EXAMPLES[name]), sys.argv[2], name)\n"
    )
    environment = {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1", "MPLBACKEND": "svg", "PATH": ""}
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(folder)]
    return subprocess.Popen(command, env=environment, cwd=Path(__file__).resolve().parents[2])


def test_files_are_the_same_bytes_in_another_process(tmp_path):
    processes = [draw_elsewhere(tmp_path / "first", "1"), draw_elsewhere(tmp_path / "second", "2")]
    assert [process.wait() for process in processes] == [0, 0]
    first = sorted((tmp_path / "first").iterdir())
    assert [path.name for path in first] == [
        f"{name}.{kind}" for name in ("learning_curves", "variance_vs_k") for kind in ("pdf", "png", "svg")
    ]
    for path in first:
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()
        assert path.stat().st_size > 5000


def test_files_name_neither_date_nor_program(tmp_path):
    for path in plots.save(plots.plot("variance_vs_k", EXAMPLES["variance_vs_k"]), tmp_path, "figure"):
        content = path.read_bytes()
        for word in (b"CreationDate", b"dc:date", b"Software", b"Matplotlib v"):
            assert word not in content, path


def test_save_writes_the_formats_asked_for(tmp_path):
    figure = plots.plot("variance_vs_k", EXAMPLES["variance_vs_k"])
    paths = plots.save(figure, tmp_path / "new" / "folder", "name", formats=("svg",))
    assert [path.name for path in paths] == ["name.svg"]
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["name.svg"]


def test_a_picture_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    def interrupted(figure, path):
        path.write_text("half")
        raise KeyboardInterrupt

    (tmp_path / "name.svg").write_text("old")
    monkeypatch.setattr(style, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        plots.save(None, tmp_path, "name", formats=("svg", "png"))
    assert [path.name for path in tmp_path.iterdir()] == ["name.svg"]
    assert (tmp_path / "name.svg").read_text() == "old"


def test_plot_writes_the_path_it_is_given(tmp_path):
    path = tmp_path / "deep" / "figure.pdf"
    plots.plot("variance_vs_k", EXAMPLES["variance_vs_k"], path)
    assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["figure.jpg", "figure"])
def test_other_formats_raise_before_anything_is_drawn(tmp_path, name):
    with pytest.raises(ValueError, match="not one of png, svg, pdf"):
        plots.plot("variance_vs_k", None, tmp_path / name)
    with pytest.raises(ValueError, match="not one of png, svg, pdf"):
        plots.save(plots.plot("p_action_1", EXAMPLES["p_action_1"]), tmp_path, "figure", formats=("svg", "jpg"))
    assert not list(tmp_path.iterdir())


def test_unknown_figures_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="variance_vs_k"):
        plots.plot("variance_vs_kk", EXAMPLES["variance_vs_k"])


def test_drawing_leaves_no_trace_in_global_state(tmp_path):
    before = dict(plt.rcParams)
    plots.plot("learning_curves", EXAMPLES["learning_curves"], tmp_path / "figure.svg")
    assert dict(plt.rcParams) == before
    assert plt.get_fignums() == []


def test_importing_plots_loads_no_matplotlib():
    code = "import maxpo_bench.plots, maxpo_bench.plots.data, sys; print(*sys.modules)"
    root = Path(__file__).resolve().parents[2]
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert not {"matplotlib", "seaborn", "pandas", "torch", "scipy.stats"} & set(loaded.split())
