"""The page on one estimator: found by name, alias or file; for any terminal, and harmless whoever wrote its texts."""

import hashlib
import json
import os
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from evidence_samples import sample, scored_samples
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.estimators import BUILT_IN
from maxpo_bench.leaderboard.board import build_board
from maxpo_bench.leaderboard.columns import format_ratio
from maxpo_bench.leaderboard.document import Document, Facts, Grid, Section, bar, visible
from maxpo_bench.leaderboard.document_text import TerminalDocument, render_document_markdown
from maxpo_bench.leaderboard.explanation import explanation_of, standing
from maxpo_bench.leaderboard.explanation_noise import verdict
from maxpo_bench.leaderboard.store import load_all, save
from maxpo_bench.registry import UnknownNameError

NAMES = [
    "ei_l2o",
    "ei",
    "grpo",
    "passk_analytic_std",
    "zero",
    "tiny_copy",
    "downhill",
    "mean_reward",
    "smaller_k",
]
COMMITTED = Path(__file__).resolve().parents[2] / "results"
SOURCE = '"""Half of a known one.\n\nmin_group_size: k+1\n"""\n\n\ndef advantages(rewards, k):\n    return rewards\n'
HOSTILE = "[red]x[/red] [link=file:///etc/passwd]y[/link] <script>alert(1)</script> | `a` **b** ![i](http://x.y/z) <b>"


@pytest.fixture
def results(tmp_path):
    for item in scored_samples():
        save(tmp_path / "results", item)
    return tmp_path / "results"


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, ["explain", *(str(item) for item in arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def explain(name, results, *flags):
    return call(name, "--suite", "quick", "--results", results, *flags)


def in_terminal(document, width):
    console = Console(width=width, force_terminal=True, color_system="truecolor", legacy_windows=False)
    with console.capture() as capture:
        console.print(TerminalDocument(document))
    return capture.get()


def plain(text):
    """Without the colours that rich writes itself."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_entry_is_explained_in_every_form(name, results):
    text, data = explain(name, results, "--markdown"), json.loads(explain(name, results, "--json"))
    assert text.startswith(f"# {name}")
    assert data["entry"]["name"] == name
    assert set(data["evidence"]) >= {"certificate", "eta", "families", "relatives", "command"}
    for heading in ("What it is", "Certificate", "Figures", "Learning on the maze", "Closest relatives"):
        assert f"## {heading}\n" in text
    assert data["evidence"]["command"] in text
    document = explanation_of(name, scored_samples())
    for width in (20, 40, 80, 200):
        lines = plain(in_terminal(document, width)).splitlines()
        assert max(cell_len(line) for line in lines) <= width


def test_alias_stands_for_its_estimator(results):
    assert explain("maxpo", results, "--json") == explain("ei_l2o", results, "--json")


def test_unknown_names_get_a_suggestion(results):
    with pytest.raises(UnknownNameError, match="Did you mean 'smaller_k'"):
        explain("smalller_k", results)
    with pytest.raises(ValueError, match="no such Python file"):
        explain("nowhere.py", results)


def test_forms_exclude_each_other(results):
    with pytest.raises(ValueError, match="exclude each other"):
        explain("ei", results, "--json", "--markdown")


def test_without_a_score_it_says_what_is_declared_and_how_to_score(results, tmp_path):
    text = explain("dr_grpo", results, "--markdown")
    assert "It has no score on quick-1" in text
    assert f"maxpo-bench leaderboard --score --suite quick-1 --results {results}" in text
    assert "maxpo-bench certify dr_grpo" in text
    assert json.loads(explain("dr_grpo", results, "--json"))["is_scored"] is False
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    text = explain(path, results, "--markdown")
    assert "Half of a known one" in text
    assert f"maxpo-bench submit {path} --suite quick-1 --results {results}" in text
    assert f"maxpo-bench check {path}" in text
    assert "Range of K" in explain("ei", tmp_path / "empty")


def test_a_file_is_found_by_its_hash_and_never_run(results, tmp_path):
    path = tmp_path / "other_name.py"
    path.write_text(SOURCE + "raise SystemExit('it was run')\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = replace(sample("smaller_k").entry, name="chosen_name", title="chosen_name", submission_hash=digest)
    save(results, replace(sample("smaller_k"), entry=entry))
    assert explain(path, results, "--markdown").startswith("# chosen_name\n")


def test_an_earlier_version_is_explained_by_its_own_score(results, tmp_path):
    path = tmp_path / "smaller_k.py"
    path.write_text(SOURCE)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    old = replace(sample("smaller_k").entry, submission_hash=digest, summary="the version before")
    old = replace(old, scorer={**old.scorer, "date": "2000-01-01T00:00:00Z"})
    text = explain(path, results, "--markdown")
    assert "Another version of it is scored" in text
    save(results, replace(sample("smaller_k"), entry=old))
    assert "the version before" in explain(path, results, "--markdown")
    assert "the version before" not in explain("smaller_k", results, "--markdown")


def test_a_folder_is_found_too(results, tmp_path):
    folder = tmp_path / "nice"
    folder.mkdir()
    (folder / "submission.py").write_text(SOURCE)
    (folder / "submission.toml").write_text('schema_version = 1\nname = "nicest"\nauthors = "Ada"\n')
    data = json.loads(explain(folder, results, "--json"))
    assert (data["name"], data["declared"]["authors"]) == ("nicest", "Ada")


def test_it_says_whom_a_copy_copies_and_whose_gradient_is_followed():
    def words(name):
        return render_document_markdown(explanation_of(name, scored_samples()))

    assert "It is a near-duplicate of ei_l2o" in words("tiny_copy")
    assert "Near-duplicates of it: tiny_copy." in words("ei_l2o")
    assert "| max\\@1 |" in words("mean_reward")
    assert "which has no ranks" in words("zero")
    assert "Where it loses" not in words("zero")
    assert "By kind of bandit" in words("ei_l2o")


def test_losses_come_first_and_verdicts_follow_the_intervals():
    section = next(
        each
        for each in explanation_of("smaller_k", scored_samples()).sections
        if each.title.startswith("Where it loses")
    )
    grid = next(block for block in section.blocks if isinstance(block, Grid))
    ratios = [float(row[3].lstrip("≥")) for row in grid.rows]
    assert ratios == sorted(ratios, reverse=True)
    assert verdict({"b95_low": 1.01, "b95_high": 2.0}) == "loses"
    assert verdict({"b95_low": 0.5, "b95_high": 0.99}) == "wins"
    assert verdict({"b95_low": 0.9, "b95_high": 1.0}) == "even"


@pytest.mark.parametrize("low", [0.99, 0.994, 0.9951, 0.9999, 1.0, 1.001, 1.0049, 1.0051, 1.01])
def test_nothing_wins_or_loses_beside_a_ratio_of_one(low):
    """Whoever is printed to win or lose has a ratio that is not printed as 1.00, whatever the interval's width."""
    for ratio in (low + 1e-6, low + 0.003):
        row = {"b95_low": low, "b95_high": ratio + 1e-4}
        assert (verdict(row) == "even") or format_ratio(ratio) != "1.00"


def test_standing_names_status_and_reason():
    item = sample("ei")
    for status, words in (
        ("verified", "Verified:"),
        ("disputed", "without a rank, as it is disputed"),
        ("withdrawn", "Withdrawn."),
    ):
        changed = replace(item, entry=replace(item.entry, status=status))
        stored = [changed if other.entry.name == "ei" else other for other in scored_samples()]
        board = build_board("quick-1", stored)
        entry = next(each for each in board.entries if each.name == "ei")
        assert words in standing(board, entry, stored)
    stale = replace(item, entry=replace(item.entry, scorer={**item.entry.scorer, "source": "older"}))
    stored = [stale if other.entry.name == "ei" else other for other in scored_samples()]
    board = build_board("quick-1", stored)
    assert "other code scored it" in standing(board, next(e for e in board.entries if e.name == "ei"), stored)


def test_an_estimator_with_a_state_has_no_certificate_to_show():
    entry = replace(sample("mean_reward").entry, kind="uncertified", track="stateful")
    item = replace(sample("mean_reward"), entry=entry, certificate={})
    stored = [item if other.entry.name == "mean_reward" else other for other in scored_samples()]
    text = render_document_markdown(explanation_of("mean_reward", stored))
    assert "remembers earlier groups" in text
    assert "table 'Stateful'" in text
    assert "| Worst on |" not in text


def test_a_contradicted_certificate_says_so():
    extra = {"contradicted": "other gradients on rare-n16-k4-0."}
    item = replace(sample("ei"), entry=replace(sample("ei").entry, kind="biased", extra=extra))
    stored = [item if other.entry.name == "ei" else other for other in scored_samples()]
    text = render_document_markdown(explanation_of("ei", stored))
    assert "Enumeration alone found it exact" in text
    assert "contradicts that: other gradients on rare-n16-k4-0.\n" in text


def test_verification_and_withdrawal_are_shown():
    last = {
        "date": "2031-02-03",
        "beacon": "block 77",
        "agrees": False,
        "by": "Ada",
        "comparisons": [
            {
                "metric": "kind",
                "stored": "exact",
                "rerun": "exact",
                "low": None,
                "high": None,
                "agrees": True,
                "note": "",
            },
            {
                "metric": "nsr",
                "stored": 4.0,
                "rerun": 7.0,
                "low": 3.5,
                "high": 4.5,
                "agrees": False,
                "note": "64 bandits",
            },
        ],
    }
    extra = {"withdrawn": {"date": "2031-03-04", "reason": "a slip in it", "by": ""}}
    item = replace(sample("ei"), entry=replace(sample("ei").entry, status="withdrawn", verification=last, extra=extra))
    stored = [item if other.entry.name == "ei" else other for other in scored_samples()]
    text = render_document_markdown(explanation_of("ei", stored))
    assert "does not agree: 1 of 2 comparisons, 2031-02-03 by Ada" in text
    assert "| nsr | 4.00 | 7.00 | 3.50 | 4.50 | 64 bandits |" in text
    assert "| kind |" not in text
    assert "block 77" in text
    assert "a slip in it" in text


class Tags(HTMLParser):
    """Collects the elements of a page and its text."""

    def __init__(self):
        super().__init__()
        self.found, self.texts = Counter(), []

    def handle_starttag(self, tag, attrs):
        self.found[tag] += 1

    def handle_data(self, data):
        self.texts.append(data)


def test_foreign_markup_is_shown_as_it_is_written():
    entry = replace(sample("ei").entry, name="foreign", origin="submission", summary=HOSTILE, authors=HOSTILE)
    entry = replace(entry, scorer={**entry.scorer, "commit": "\x1b[2J\x1b]8;;http://x\x07 \u202eabc", HOSTILE: HOSTILE})
    item = replace(sample("ei"), entry=entry)
    document = explanation_of("foreign", [*scored_samples(), item])

    tokens = MarkdownIt("commonmark").enable("table").parse(render_document_markdown(document))
    inline = [child for token in tokens for child in token.children or []]
    assert not {"html_inline", "image", "link_open", "code_inline"} & {child.type for child in inline}
    assert "html_block" not in {token.type for token in tokens}
    assert HOSTILE in ["".join(child.content for child in token.children or [])[-len(HOSTILE) :] for token in tokens]

    shown = in_terminal(document, 400)
    assert HOSTILE in plain(shown)
    assert "\x1b]8" not in shown
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown


def test_page_is_one_file_and_foreign_markup_adds_no_element(results, tmp_path):
    pages = []
    for summary in ("plain", HOSTILE):
        entry = replace(sample("smaller_k").entry, name="foreign", origin="submission", summary=summary)
        save(results, replace(sample("smaller_k"), entry=entry))
        path = tmp_path / "pages" / "foreign.html"
        assert explain("foreign", results, "--html", path).strip() == str(path)
        assert os.listdir(path.parent) == ["foreign.html"]
        page = Tags()
        page.feed(path.read_text(encoding="utf-8"))
        pages.append(page)
    plainly, hostile = pages
    assert "default-src 'none'" in path.read_text(encoding="utf-8")
    assert hostile.found - Counter(a=1) == plainly.found - Counter(a=1)  # addresses are links, and nothing else
    assert "<script>alert(1)</script>" in "".join(hostile.texts)


def test_page_needs_a_score(results, tmp_path):
    with pytest.raises(ValueError, match="needs a score, and dr_grpo has none"):
        explain("dr_grpo", results, "--html", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_same_scores_give_the_same_bytes():
    first, second = (render_document_markdown(explanation_of("grpo", scored_samples())) for _ in range(2))
    assert first == second


def test_narrow_terminals_lose_expendable_columns_only():
    grid = Grid(("Name", "Number", "Bar"), [["estimator", "1.234", "█████"]], ("Name", "Bar"), ("Bar",))
    document = Document("title", "", [Section("section", [grid, Facts([("a", "b")])])])
    assert "█████" in plain(in_terminal(document, 40))
    narrow = plain(in_terminal(document, 18))
    assert "█" not in narrow
    assert "1.234" in narrow


def test_bars_are_as_long_as_their_share():
    assert [len(bar(share)) for share in (-1, 0, 1e-9, 0.5, 1, 7)] == [0, 0, 1, 10, 20, 20]
    assert visible("a\n b\x07\u200b") == "a b\ufffd\ufffd"


def test_grids_are_checked():
    with pytest.raises(ValueError, match="one cell for each of 2 columns"):
        Grid(("a", "b"), [["1"]])
    with pytest.raises(ValueError, match="no column"):
        Grid(("a", "b"), [], expendable=("c",))


@pytest.fixture(scope="module")
def committed():
    if not any((COMMITTED / "full-1" / "ei_l2o").glob("*/full-1.json")):
        pytest.skip("the scores of the full suite are not in this checkout")
    stored = load_all(COMMITTED, "full-1")
    return stored, build_board("full-1", stored)


@pytest.mark.parametrize("name", [spec.name for spec in BUILT_IN])
def test_committed_scores_are_explained(name, committed):
    stored, board = committed
    assert name in {item.entry.name for item in stored}
    document = explanation_of(name, stored, board)
    assert document.title.startswith(name)
    assert len(plain(in_terminal(document, 60)).splitlines()) > 60
    assert render_document_markdown(document).count("\n## ") >= 6
