"""The tiny maze experiment, computed once for all tests that read it."""

import pytest
from maze_samples import TINY, TINY_MLP

from maxpo_bench.reproduce.maze.agents import maze_agents
from maxpo_bench.reproduce.maze.measure import fig7_cells, measure, mlp_cells, search_cells
from maxpo_bench.reproduce.subjects import load_subjects


@pytest.fixture(scope="session")
def agents():
    """The paper's five."""
    return maze_agents(load_subjects([]))


@pytest.fixture(scope="session")
def maze_folder(tmp_path_factory):
    """Of the cells; tests don't write into it."""
    return tmp_path_factory.mktemp("maze-cells")


@pytest.fixture(scope="session")
def fig7_measured(agents, maze_folder):
    return measure(fig7_cells(TINY, agents), TINY, maze_folder, workers=1)


@pytest.fixture(scope="session")
def search_measured(agents, maze_folder):
    return measure(search_cells(TINY, agents), TINY, maze_folder, workers=1)


@pytest.fixture(scope="session")
def mlp_measured(agents, maze_folder):
    return measure(mlp_cells(TINY_MLP, agents), TINY_MLP, maze_folder, workers=1)
