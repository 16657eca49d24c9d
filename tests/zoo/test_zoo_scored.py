"""Full scoring of the zoo: null ones are unranked, copies linked, biased ones outside the main table."""

import re
import shutil
from pathlib import Path

import pytest
import zoo_table
from zoo_table import Animal

from maxpo_bench.leaderboard import api
from maxpo_bench.leaderboard.render import render_markdown
from maxpo_bench.leaderboard.score import ContractFailure
from maxpo_bench.leaderboard.site import write_site

pytestmark = [
    pytest.mark.paper,
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),  # inf - inf, in the audit
]
ORIGINALS = ("ei_l2o", "ei", "ei_l1o", "pkpo_sloo")
SCORED = (
    *("factory", "folder_entry", "binary_only", "proportional", "rank_weighted", "pure_python"),
    *("zero", "constant", "vanishing", "scaled_copy", "near_copy", "renamed_ei_l1o"),
    *("reinforce", "k_minus_one", "half_k", "slightly_biased", "honest_on_small_groups", "honest_small_or_tied"),
    *("honest_where_tied", "html_in_docstring", "forged_row", "honest_in_large_batches", "honest_in_small_batches"),
)
ANIMALS = [animal for animal in zoo_table.read() if animal.name in SCORED]


@pytest.fixture(scope="module")
def originals(strict, tmp_path_factory):
    """Scores of built-in estimators only."""
    folder = tmp_path_factory.mktemp("results")
    api.score_built_ins("quick", folder, names=ORIGINALS)
    return folder


@pytest.fixture
def results(originals, tmp_path):
    """A copy of them, for one submission to join."""
    return Path(shutil.copytree(originals, tmp_path / "results"))


@pytest.mark.parametrize("animal", ANIMALS, ids=str)
def test_scoring_puts_it_where_it_belongs_and_moves_no_other(results, animal: Animal, tmp_path):
    path = animal.put(tmp_path, {})
    before = api.table("quick", results)
    if animal.scored == "refused":
        files = sorted(results.rglob("*.json"))
        with pytest.raises(ContractFailure) as refused:
            api.submit(path, suite="quick", results=results)
        assert [word for word in (animal.fails, *animal.words) if word not in str(refused.value)] == []
        assert sorted(results.rglob("*.json")) == files
        return
    board = api.submit(path, suite="quick", results=results).board
    entry = next(entry for entry in board.entries if entry.name == animal.name)
    assert (entry.klass, entry.linked_to or "") == (animal.scored, animal.linked_to)
    unranked = animal.scored in ("null", "copy") or entry.b95_ratio.value is None
    assert (board.ranks.get(animal.name) is None) == unranked
    assert (entry.sandbox, entry.status) == ("strict", "self-run")
    assert animal.scored != "main" or entry.kind == animal.certificate
    assert [other for other in board.entries if other.name in ORIGINALS] == list(before.entries)


@pytest.mark.parametrize("name", ["html_in_docstring", "forged_row"])
def test_no_text_escapes_into_the_table_or_the_page(results, name, tmp_path):
    (animal,) = [animal for animal in ANIMALS if animal.name == name]
    board = api.submit(animal.put(tmp_path, {}), suite="quick", results=results).board
    markdown = render_markdown(board)
    assert "<script" not in markdown
    rows = [re.findall(r"(?<!\\)\|", line) for line in markdown.splitlines() if line.startswith("|") and name in line]
    assert rows
    assert {len(row) for row in rows} == {len(re.findall(r"\|", _header_of(markdown)))}
    page = write_site(board, tmp_path / "page")
    texts = [path.read_text(encoding="utf-8") for path in page.parent.rglob("*.html")]
    assert texts
    assert not any("<script>alert" in text or "<img src=x" in text for text in texts)


def _header_of(markdown: str) -> str:
    return next(line for line in markdown.splitlines() if line.startswith("|"))
