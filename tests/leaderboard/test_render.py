"""The terminal table, the Markdown and the JSON, and how their numbers are written."""

import importlib
import io
import json
import pkgutil
import re
from types import ModuleType

import pytest
from leaderboard_samples import entry, sample_board
from rich.cells import cell_len
from rich.console import Console

from maxpo_bench import leaderboard
from maxpo_bench.leaderboard.columns import (
    CLASS_TITLES,
    KIND_SIGNS,
    columns,
    format_bias,
    format_cosine,
    format_number,
    format_percent,
    format_rank,
    format_ratio,
)
from maxpo_bench.leaderboard.entry import CLASS_OF_KIND, PASS_K, Interval, Leaderboard
from maxpo_bench.leaderboard.render import (
    KIND_STYLES,
    NOTICE,
    render_json,
    render_markdown,
    render_place,
    render_terminal,
)
from maxpo_bench.leaderboard.suite import SUITES
from maxpo_bench.registry import UnknownNameError


def printed(board: Leaderboard, width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, force_terminal=False).print(render_terminal(board))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (1.0, "1.00"),
        (0.96, "0.96"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1234.4, "1234"),
        (0.0123, "0.012"),
        (0.0996, "0.10"),
        (-2.5, "-2.50"),
        (4e-9, "4.0e-9"),
        (1.26e7, "1.3e7"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert format_number(value) == text


def test_rounding_never_crosses_a_line_that_means_something() -> None:
    assert [format_percent(x) for x in (None, 0.0, 0.001, 0.5, 0.999, 1.0)] == ["–", "0%", "1%", "50%", "99%", "100%"]
    assert [format_cosine(x) for x in (None, 1.0, 0.99996, -0.99996, 0.5)] == ["–", "1.000", "0.999", "-0.999", "0.500"]
    assert [format_bias(x) for x in (None, 3e-16, 2e-8, 0.4)] == ["–", "0", "2.0e-8", "0.40"]
    assert [format_ratio(x) for x in (None, 1000.0, 999.0)] == ["–", "≥1000", "999"]


def test_ranks_are_intervals() -> None:
    board = sample_board()
    written = {e.name: format_rank(board, e) for e in board.entries}
    assert written["ei"] == "4–5"
    assert written["passk_analytic"] == "3"
    assert written["half_l2o"] == "= ei_l2o"
    assert written["zero"] == "–"


def test_eighty_columns_hold_what_matters() -> None:
    board = sample_board()
    lines = printed(board, 80)
    assert all(cell_len(line) <= 80 for line in lines)
    row = next(line for line in lines if "pkpo_sloo_minus_one" in line)
    assert "4–5" in row
    assert "1.31 [1.26, 1.38]" in row
    assert "✓ exact" in row
    assert "Not shown at this width:" in " ".join(lines)
    assert f"quick-1: {SUITES.get('quick-1').label}" in lines


@pytest.mark.parametrize("width", [50, 60, 80, 100, 140, 400])
def test_every_width_is_kept_and_wide_shows_all(width: int) -> None:
    board = sample_board()
    lines = printed(board, width)
    assert all(cell_len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert all(e.name[:8] in text for e in board.entries)
    if width == 400:
        assert "Not shown" not in text
        assert all(column.heading in text for column in columns(board))


def test_terminal_takes_names_literally() -> None:
    name = "[bold red]x[/bold red] " + "long" * 20
    board = Leaderboard("quick-1", [entry(name)], {name: (1, 1)})
    lines = printed(board, 80)
    assert all(cell_len(line) <= 80 for line in lines)
    assert any("[bold red]x[/bold red]" in line and "…" in line for line in lines)


def test_every_kind_and_every_class_is_printed() -> None:
    """One entry of each kind, and a copy: all six tables, on a terminal and in Markdown."""
    assert set(KIND_STYLES) == set(KIND_SIGNS) == set(CLASS_OF_KIND)
    entries = [
        entry(f"the_{kind}", kind, track="stateful" if kind == "uncertified" else "stateless") for kind in CLASS_OF_KIND
    ]
    board = Leaderboard("quick-1", [*entries, entry("the_copy", linked_to="the_exact")], {})
    assert [one.klass for _, some in board.sections() for one in some].count("stateful") == 1
    for width in (80, 400):
        text = "\n".join(printed(board, width))
        for title in CLASS_TITLES.values():
            assert title in text
        for kind, sign in KIND_SIGNS.items():
            assert f"the_{kind}" in text
            assert f"{sign} {kind}" in text
        assert "= the_exact" in text
    assert "## Stateful" in render_markdown(board)


def test_an_entrys_place_is_its_row_between_its_neighbours() -> None:
    board = sample_board()
    stream = io.StringIO()
    Console(file=stream, width=80, force_terminal=False).print(render_place(board, "ei", around=1))
    lines = stream.getvalue().splitlines()
    assert all(cell_len(line) <= 80 for line in lines)
    main = [one.name for one in dict(board.sections())["main"]]
    at = main.index("ei")
    assert [line.split()[1] for line in lines[3:]] == main[at - 1 : at + 2]
    assert lines[0] == f"Main table  rows {at} to {at + 2} of {len(main)}, quick-1"
    assert not any(column.meaning[:30] in stream.getvalue() for column in columns(board))
    first = io.StringIO()
    Console(file=first, width=80, force_terminal=False).print(render_place(board, "ei_l2o"))
    assert "rows 1 to 3 of" in first.getvalue()
    with pytest.raises(UnknownNameError, match="Did you mean 'grpo'"):
        render_place(board, "grppo")


def test_empty_board_says_so() -> None:
    board = Leaderboard("full-1", [], {})
    assert any("No entries yet." in line for line in printed(board, 80))
    assert "No entries yet." in render_markdown(board)


def test_markdown_has_every_entry_column_and_meaning() -> None:
    board = sample_board()
    text = render_markdown(board)
    assert text.startswith(NOTICE)
    assert text == render_markdown(sample_board())
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) == 5 * 2 + len(board.entries)
    assert {line.count(" | ") for line in tables} == {len(columns(board)) - 1}
    for column in columns(board):
        assert f"- **{column.heading}**: {column.meaning}" in text
    assert "| = `ei_l2o` | `half_l2o` | 1.00 [0.96, 1.05] |" in text
    assert "| 4–5 | `ei` | 1.33 [1.28, 1.40] | ✓ exact | 100% |" in text
    order = [text.index(h) for h in ("## Main", "## Direction", "## Biased", "## Rescaled copies", "## Null")]
    assert order == sorted(order)
    assert order[3] < text.index("| = `ei_l2o` | `half_l2o` |") < order[4]
    assert "| 1–2 | `ei_l2o`<br>also: `half_l2o` | 1.00" in text
    assert f"Suite **quick-1**: {SUITES.get('quick-1').label}." in text


def test_widths_are_counted_as_rich_lays_them_out() -> None:
    """At the smallest width that shows all columns, no cell is cut; one narrower, a column is dropped instead."""
    board = sample_board()
    full = max(cell_len(line) for line in printed(board, 1000) if "─" in line)
    lines = printed(board, full)
    assert "…" not in "".join(lines)
    assert not any("Not shown" in line for line in lines)
    assert any("Not shown" in line for line in printed(board, full - 1))


def test_pass_at_k_is_one_dash_until_somebody_has_it() -> None:
    before = render_markdown(sample_board())
    assert "| pass@k |" in before
    assert "'–' until the language-model track has been run" in before
    solved = entry(pass_at_k=dict(zip(PASS_K, (0.25, 0.5, 0.75, None), strict=True)))
    after = render_markdown(Leaderboard("quick-1", [solved], {}))
    assert "| pass@1 | pass@4 | pass@16 | pass@64 |" in after
    assert "| 25% | 50% | 75% | – |" in after


def test_markdown_escapes_hostile_names() -> None:
    name = "a|b <script>alert(1)</script> [x](javascript:y) `c` #1"
    linked = entry("copy", linked_to=name)
    text = render_markdown(Leaderboard("quick-1", [entry(name), linked], {name: (1, 1)}))
    assert "<script" not in text
    escaped = r"a\|b &lt;script&gt;alert\(1\)&lt;\/script&gt; \[x\]\(javascript\:y\) \`c\` \#1"
    assert f"| 1 | {escaped}<br>also: `copy` | 1.00 [0.96, 1.05] |" in text
    assert f"| = {escaped} | `copy` |" in text
    for row in (line for line in text.splitlines() if "javascript" in line):
        assert len(re.findall(r"(?<!\\)\|", row)) == len(columns(sample_board())) + 1


def test_json_round_trip_is_sorted_and_plain() -> None:
    board = sample_board()
    text = render_json(board)
    assert text.isascii()
    assert text.endswith("}\n")
    assert Leaderboard.from_dict(json.loads(text)) == board
    keys = [pair[0] for pair in json.loads(text, object_pairs_hook=list)]
    assert keys == sorted(keys)


def test_intervals_without_ends_show_the_value_only() -> None:
    board = Leaderboard("quick-1", [entry(b95_ratio=Interval(1.5), learning=Interval())], {})
    assert "| – | `ei_l2o` | 1.50 | ✓ exact | 100% | – |" in render_markdown(board)


def test_no_module_hides_a_public_function_of_the_package() -> None:
    for module in pkgutil.iter_modules(leaderboard.__path__):
        importlib.import_module(f"maxpo_bench.leaderboard.{module.name}")
    hidden = [name for name in leaderboard.__all__ if isinstance(getattr(leaderboard, name), ModuleType)]
    assert hidden == []
    assert callable(leaderboard.check)
    assert callable(leaderboard.submit)
    assert callable(leaderboard.table)
