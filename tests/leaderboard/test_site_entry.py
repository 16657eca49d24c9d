"""An entry's own page: all its evidence as tables, whoever wrote the texts; and the tables that a paper reports."""

import re
from html.parser import HTMLParser

import pytest
from leaderboard_samples import entry
from site_samples import small_board_and_evidence

from maxpo_bench.leaderboard.entry import Leaderboard
from maxpo_bench.leaderboard.site import render_page
from maxpo_bench.leaderboard.site_entry import render_entry, render_index
from maxpo_bench.leaderboard.site_text import page_of


class Text(HTMLParser):
    """The text of a page without its style and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.feed(re.sub(r"<(style|script)[^>]*>.*?</\1>", "", page, flags=re.DOTALL))
        self.close()

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def __str__(self) -> str:
        return " ".join(self.parts)


def test_every_figure_of_the_evidence_stands_there() -> None:
    board, evidence = small_board_and_evidence()
    one = next(item for item in board.entries if item.name == "passk_analytic")
    given = evidence[one.name]
    text = str(Text(render_entry(board, one, evidence, title="T")))
    for pair in given["certificate"]:
        for instance in pair["instances"]:
            assert f"{instance['constant']:.9g}" in text
            assert f"{instance['residual']:.1e}" in text
    for share in given["eta"]["share"]:
        assert f"{100 * share:.1f}%" in text
    for iteration in given["learning"]["iterations"]:
        assert f" {iteration} " in text
    for name, value in given["provenance"]:
        assert not value or f"{name} {value}" in text.replace("  ", " ")
    assert given["command"] in text
    assert given["verification"]["beacon"] in text  # in full, which the table's page is too light for
    assert f"{given['relatives'][4]['similarity']:.6g}" in text
    for title in ("Scores", "Certificate", "Learning on the maze", "Tiny language model", "Verification", "Provenance"):
        assert title in text


def test_missing_evidence_leaves_no_empty_section() -> None:
    board, _ = small_board_and_evidence()
    for one in board.entries:
        page = render_entry(board, one, {}, title="T")
        assert "<h2>Scores</h2>" in page
        assert "<h2>Certificate</h2>" not in page
        assert "<h2>Learning" not in page


def test_texts_of_strangers_are_text() -> None:
    bad = "</script><script>alert(1)</script><img src=x onerror=y>\"'&"
    hostile = entry(bad, title=bad, summary=bad, authors=bad, paper=bad, licence=bad, submission_hash=bad)
    evidence = {
        bad: {
            "command": bad,
            "provenance": [[bad, bad]],
            "relatives": [{"name": bad, "similarity": 0.5}],
            "verification": {"by": bad, bad: bad, "comparisons": [{bad: bad}, bad]},
            "learning": {"learning_rate": 0.1, "tuning": {bad: 1.0}, "iterations": None},
        }
    }
    page = render_entry(Leaderboard("quick-1", [hostile], {}), hostile, evidence, title=bad)
    assert page.count("<script") == 2
    assert "<img" not in page
    assert str(Text(page)).count(bad) > 10
    assert page_of(bad) in render_index(Leaderboard("quick-1", [hostile], {}))


@pytest.mark.parametrize("name", ["ei_l2o", "a.b-c", "x" * 40])
def test_an_ordinary_name_is_a_file_name(name: str) -> None:
    assert page_of(name) == f"{name}.html"


@pytest.mark.parametrize(
    "name", ["../index", "a/b", "index", ".hidden", "Upper", "ünï", "a b", "a\\b", "x" * 81, "a?b#c"]
)
def test_any_other_name_becomes_a_digest(name: str) -> None:
    assert re.fullmatch(r"entry-[0-9a-f]{16}\.html", page_of(name))


TABLE = {"title": "Table <2>", "note": "arXiv 2606.06080", "header": ["Model", "pass@1"], "rows": [["M & N", "40.7"]]}


def test_reported_tables_say_that_they_were_not_measured_here() -> None:
    board = Leaderboard("quick-1", [entry()], {})
    page = render_page(board, reference=[TABLE])
    section = page[page.index('id="reported"') :]
    assert "A reference, not measured here" in section
    assert "Table &lt;2&gt;" in section
    assert "<tr><th scope=row>M &amp; N<td>40.7" in section
    assert '<a href="#reported">' in page
    assert 'id="reported"' not in render_page(board)


def test_a_reported_table_is_checked() -> None:
    board = Leaderboard("quick-1", [entry()], {})
    with pytest.raises(ValueError, match="row 2 has 1 cells, the header 2"):
        render_page(board, reference=[TABLE | {"rows": [["a", "b"], ["c"]]}])
    with pytest.raises(ValueError, match="missing 'note'"):
        render_page(board, reference=[{key: value for key, value in TABLE.items() if key != "note"}])
