"""The leaderboard as a static page: one HTML file that opens from disk, with the Markdown and the JSON beside it.

Every entry has a row that opens to its evidence, and a page of its own with all of it in ``entries/``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from maxpo_bench.leaderboard.columns import CLASS_TITLES
from maxpo_bench.leaderboard.entry import Leaderboard
from maxpo_bench.leaderboard.render import render_json, render_markdown, shown
from maxpo_bench.leaderboard.site_columns import last_scored
from maxpo_bench.leaderboard.site_entry import render_entry, render_index
from maxpo_bench.leaderboard.site_filter import filter_box
from maxpo_bench.leaderboard.site_gallery import Figure, captions_of, copy_figures, gallery, is_wide
from maxpo_bench.leaderboard.site_pack import Evidence, packed
from maxpo_bench.leaderboard.site_parts import page_file, policy, script, style
from maxpo_bench.leaderboard.site_reference import ReferenceTable, reference_section
from maxpo_bench.leaderboard.site_scorers import Scorers
from maxpo_bench.leaderboard.site_table import legend, reference_lines, section
from maxpo_bench.leaderboard.site_text import ENTRIES, escape, page_of
from maxpo_bench.leaderboard.suite import SUITES

if TYPE_CHECKING:
    from maxpo_bench.leaderboard.store import ScoredEntry

SCRIPTS = ("evidence.js", "charts.js", "page.js")


def write_site(
    board: Leaderboard,
    directory: str | Path,
    *,
    scored: Sequence[ScoredEntry] = (),
    evidence: Mapping[str, Evidence] | None = None,
    figures: Sequence[Figure] = (),
    title: str = "The max@K leaderboard",
    reference: Sequence[ReferenceTable] = (),
) -> Path:
    """Write the page, one page for each entry, ``leaderboard.md``, ``leaderboard.json`` and the figures.

    The same input gives the same bytes.

    Args:
        board: what to show.
        directory: where to; made if need be. Files of these names are overwritten, others left alone.
        scored: the stored scores that the board was made from; the evidence of every entry is read off them.
        evidence: evidence by name instead, as `maxpo_bench.leaderboard.evidence.evidence_of` returns it.
        figures: pictures to show below the tables, copied into ``figures/``; a path, or a path and its caption.
            Without a caption the file's name is read as one.
        title: the page's title.
        reference: tables that a paper reports, shown apart: see `maxpo_bench.leaderboard.site_reference`.

    Returns:
        The path of ``index.html``.

    Raises:
        FileNotFoundError: a figure does not exist.
        ValueError: a figure is of a type that browsers do not show, or two have the same name.
    """
    captions = captions_of(figures)
    known = _evidence(scored) if evidence is None else dict(evidence)
    folder = Path(directory)
    (folder / ENTRIES).mkdir(parents=True, exist_ok=True)
    copy_figures(list(captions), folder / "figures")
    page = folder / "index.html"
    texts = {
        page: render_page(
            board,
            [(path.name, caption) for path, caption in captions.items()],
            title,
            wide={path.name for path in captions if is_wide(path)},
            evidence=known,
            reference=reference,
        ),
        folder / "leaderboard.md": render_markdown(board),
        folder / "leaderboard.json": render_json(board),
    }
    for entry in board.entries:
        texts[folder / ENTRIES / page_of(entry.name)] = render_entry(board, entry, known, title=title)
    texts[folder / ENTRIES / "index.html"] = render_index(board, title=title)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return page


def render_page(
    board: Leaderboard,
    figures: Sequence[tuple[str, str]] = (),
    title: str = "",
    wide: Collection[str] = (),
    *,
    evidence: Mapping[str, Evidence] | None = None,
    reference: Sequence[ReferenceTable] = (),
) -> str:
    """Return the page.

    Args:
        board: what to show.
        figures: (file name in ``figures/``, caption).
        title: the page's title.
        wide: names of the figures that take a row each.
        evidence: by name, see `write_site`.
        reference: reported tables.
    """
    sections = shown(board)
    looks, code = style(reference_lines(board)), script(*SCRIPTS)
    counts = [(klass, CLASS_TITLES[klass], len(entries)) for klass, entries in sections]
    date = last_scored(board)
    return Template(page_file("template.html")).substitute(
        policy=policy(looks, code),
        title=escape(title),
        style=looks,
        script=code,
        evidence=packed(board, evidence or {}),
        suite=escape(board.suite),
        label=escape(SUITES.get(board.suite).label),
        date=f'<span>scored up to <time datetime="{date}">{date}</time></span>' if date else "",
        contents=_contents(counts, len(figures), len(reference)),
        filters=filter_box(board, counts),
        tables="\n".join(section(board, klass, entries) for klass, entries in sections),
        legend=legend(board),
        reported=reference_section(reference),
        figures=gallery(figures, wide),
        scorers=Scorers(board).to_html(),
    )


def _evidence(scored: Sequence[ScoredEntry]) -> dict[str, Evidence]:
    if not scored:
        return {}
    from maxpo_bench.leaderboard.evidence import evidence_of

    return {item.entry.name: evidence_of(item, scored) for item in scored}


def _contents(counts: Sequence[tuple[str, str, int]], figures: int, reported: int) -> str:
    links = [f'<a href="#{anchor}">{name}</a>&nbsp;<span>{count}</span>' for anchor, name, count in counts]
    links.append('<a href="#columns">What the columns mean</a>')
    if reported:
        links.append('<a href="#reported">Reported in the paper</a>')
    if figures:
        links.append(f'<a href="#figures">Figures</a>&nbsp;<span>{figures}</span>')
    links.append('<a href="#scorers">How it was measured</a>')
    links.append(f'<a href="{ENTRIES}/index.html">One by one</a>')
    return "\n".join(f"<span>{link}</span>" for link in links)
