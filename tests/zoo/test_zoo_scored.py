"""Full scoring of the zoo: null ones are unranked, copies linked, biased ones outside the main table."""

import re

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
def results(strict, tmp_path_factory):
    """Scores of the originals, and of every submission that is scored at all."""
    folder = tmp_path_factory.mktemp("results")
    api.score_built_ins("quick", folder, names=ORIGINALS)
    return folder


@pytest.mark.parametrize("animal", ANIMALS, ids=str)
def test_scoring_puts_it_where_it_belongs(results, animal: Animal, tmp_path):
    path = animal.put(tmp_path, {})
    if animal.scored == "refused":
        before = sorted(results.rglob("*.json"))
        with pytest.raises(ContractFailure) as refused:
            api.submit(path, suite="quick", results=results)
        assert [word for word in (animal.fails, *animal.words) if word not in str(refused.value)] == []
        assert sorted(results.rglob("*.json")) == before
        return
    done = api.submit(path, suite="quick", results=results)
    entry = next(entry for entry in done.board.entries if entry.name == animal.name)
    assert (entry.klass, entry.linked_to or "") == (animal.scored, animal.linked_to)
    unranked = animal.scored in ("null", "copy") or entry.b95_ratio.value is None
    assert (done.board.ranks.get(animal.name) is None) == unranked
    assert (entry.sandbox, entry.status) == ("strict", "self-run")
    assert animal.scored != "main" or entry.kind == animal.certificate


def test_no_entry_moves_another_and_no_text_escapes_into_the_table_or_the_page(results, tmp_path):
    board = api.table("quick", results)
    alone = {entry.name: entry for entry in board.entries if entry.name in ORIGINALS}
    assert set(alone) == set(ORIGINALS)
    markdown = render_markdown(board)
    assert "<script" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|") and "forged_row" in line]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1
    page = write_site(board, tmp_path / "page")
    texts = [path.read_text(encoding="utf-8") for path in page.parent.rglob("*.html")]
    assert texts
    assert not any("<script>alert" in text or "<img src=x" in text for text in texts)
