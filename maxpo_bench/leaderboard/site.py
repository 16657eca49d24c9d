"""The leaderboard as a static page: one HTML file that opens from disk, with the Markdown and the JSON beside it."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import quote

from maxpo_bench.leaderboard.columns import CLASS_TITLES
from maxpo_bench.leaderboard.entry import Leaderboard
from maxpo_bench.leaderboard.render import render_json, render_markdown, shown
from maxpo_bench.leaderboard.site_table import Scorers, escape, legend, reference_lines, section
from maxpo_bench.leaderboard.suite import SUITES

WIDE = 1.8
"""A picture at least this many times as wide as high takes a row of the gallery for itself."""
FIGURE_TYPES = (".png", ".svg", ".jpg", ".jpeg", ".webp")
Figure = Path | tuple[Path, str]


def write_site(
    board: Leaderboard,
    directory: str | Path,
    *,
    figures: Sequence[Figure] = (),
    title: str = "The max@K leaderboard",
) -> Path:
    """Write the page, ``leaderboard.md``, ``leaderboard.json`` and the figures; the same input gives the same bytes.

    Args:
        board: what to show.
        directory: where to; made if need be. Files of these names are overwritten, others left alone.
        figures: pictures to show below the tables, copied into ``figures/``; a path, or a path and its caption.
            Without a caption the file's name is read as one.
        title: the page's title.

    Returns:
        The path of ``index.html``.

    Raises:
        FileNotFoundError: a figure does not exist.
        ValueError: a figure is of a type that browsers do not show, or two have the same name.
    """
    captions = _captions(figures)
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    _copy_figures(list(captions), folder / "figures")
    page = folder / "index.html"
    texts = {
        page: render_page(
            board,
            [(path.name, caption) for path, caption in captions.items()],
            title,
            wide={path.name for path in captions if _is_wide(path)},
        ),
        folder / "leaderboard.md": render_markdown(board),
        folder / "leaderboard.json": render_json(board),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return page


def render_page(
    board: Leaderboard,
    figures: Sequence[tuple[str, str]] = (),
    title: str = "",
    wide: Collection[str] = (),
) -> str:
    """Return the page; ``figures`` are (file name in ``figures/``, caption), those in ``wide`` take a row each."""
    scorers = Scorers(board)
    sections = shown(board)
    style, script = _page_file("style.css") + reference_lines(board), _page_file("page.js")
    counts = [(klass, CLASS_TITLES[klass], len(entries)) for klass, entries in sections]
    return Template(_page_file("template.html")).substitute(
        policy=_policy(style, script),
        title=escape(title),
        style=style,
        script=script,
        suite=escape(board.suite),
        label=escape(SUITES.get(board.suite).label),
        contents=_contents(counts, len(figures)),
        tables="\n".join(section(board, klass, entries, scorers) for klass, entries in sections),
        legend=legend(board),
        figures=_gallery(figures, wide),
        scorers=scorers.to_html(),
    )


def _page_file(name: str) -> str:
    """Return one of the package's page files; with Unix line ends, whatever the checkout made of them."""
    path = files("maxpo_bench") / "leaderboard" / "page" / name
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


def _policy(style: str, script: str) -> str:
    """Return the content policy: nothing but this style, this script and pictures from beside the page.

    ``file:`` is for browsers in which 'self' does not cover a page opened from disk; on a server it allows nothing.
    """
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "img-src 'self' data: file:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _contents(counts: Sequence[tuple[str, str, int]], figures: int) -> str:
    links = [f'<a href="#{anchor}">{name}</a>&nbsp;<span>{count}</span>' for anchor, name, count in counts]
    links.append('<a href="#columns">What the columns mean</a>')
    if figures:
        links.append(f'<a href="#figures">Figures</a>&nbsp;<span>{figures}</span>')
    links.append('<a href="#scorers">How it was measured</a>')
    return "\n".join(f"<span>{link}</span>" for link in links)


def _gallery(figures: Sequence[tuple[str, str]], wide: Collection[str]) -> str:
    if not figures:
        return ""
    items = "\n".join(
        f'<figure{" class=wide" if name in wide else ""}><a href="figures/{quote(name)}">'
        f'<img src="figures/{quote(name)}" alt="{escape(caption)}" loading="lazy"></a>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for name, caption in figures
    )
    return f'<section id="figures">\n<h2>Figures</h2>\n<div class="gallery">\n{items}\n</div>\n</section>'


def _is_wide(path: Path) -> bool:
    """Tell whether a PNG or SVG is `WIDE` times as wide as high, from its head; other types pass for square."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\x89PNG") and len(head) >= 24:
        width, height = (float(int.from_bytes(head[start : start + 4], "big")) for start in (16, 20))
    else:
        box = re.search(rb"""viewBox=["']\s*[-\d.e]+[\s,]+[-\d.e]+[\s,]+([\d.]+)[\s,]+([\d.]+)""", head)
        width, height = (float(box[1]), float(box[2])) if box else (0.0, 0.0)
    return height > 0 and width >= WIDE * height


def _captions(figures: Sequence[Figure]) -> dict[Path, str]:
    """Return path -> caption, checked."""
    captions: dict[Path, str] = {}
    for figure in figures:
        path, caption = figure if isinstance(figure, tuple) else (figure, "")
        path = Path(path)
        if path.suffix.lower() not in FIGURE_TYPES:
            raise ValueError(f"{path} cannot be shown on a page: save it as one of {', '.join(FIGURE_TYPES)}")
        if not path.is_file():
            raise FileNotFoundError(f"no figure at {path}: make it first, or leave it out")
        if path.name in {other.name for other in captions}:
            raise ValueError(f"two figures are named {path.name}: rename one")
        captions[path] = caption or path.stem.replace("_", " ").replace("-", " ").capitalize()
    return captions


def _copy_figures(paths: Sequence[Path], folder: Path) -> None:
    if paths:
        folder.mkdir(exist_ok=True)
    for path in paths:
        target = folder / path.name
        if not (target.exists() and target.samefile(path)):
            shutil.copyfile(path, target)
