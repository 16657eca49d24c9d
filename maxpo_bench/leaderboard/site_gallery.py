"""The page's pictures: checked, copied beside it and shown below the tables."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from urllib.parse import quote

from maxpo_bench.leaderboard.site_text import escape

WIDE = 1.8
"""A picture at least this many times as wide as high takes a row of the gallery for itself."""
FIGURE_TYPES = (".png", ".svg", ".jpg", ".jpeg", ".webp")
Figure = Path | tuple[Path, str]


def captions_of(figures: Sequence[Figure]) -> dict[Path, str]:
    """Return path -> caption of every figure.

    Raises:
        FileNotFoundError: a figure does not exist.
        ValueError: a figure is of a type that browsers do not show, or two have the same name.
    """
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


def copy_figures(paths: Sequence[Path], folder: Path) -> None:
    """Copy figures into a folder, unless they lie there already."""
    if paths:
        folder.mkdir(exist_ok=True)
    for path in paths:
        target = folder / path.name
        if not (target.exists() and target.samefile(path)):
            shutil.copyfile(path, target)


def gallery(figures: Sequence[tuple[str, str]], wide: Collection[str]) -> str:
    """Return the section of figures, (file name, caption) each; those in ``wide`` take a row each."""
    if not figures:
        return ""
    items = "\n".join(
        f'<figure{" class=wide" if name in wide else ""}><a href="figures/{quote(name)}">'
        f'<img src="figures/{quote(name)}" alt="{escape(caption)}" loading="lazy"></a>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for name, caption in figures
    )
    return f'<section id="figures">\n<h2>Figures</h2>\n<div class="gallery">\n{items}\n</div>\n</section>'


def is_wide(path: Path) -> bool:
    """Tell whether a PNG or SVG is `WIDE` times as wide as high, from its head; other types pass for square."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\x89PNG") and len(head) >= 24:
        width, height = (float(int.from_bytes(head[start : start + 4], "big")) for start in (16, 20))
    else:
        box = re.search(rb"""viewBox=["']\s*[-\d.e]+[\s,]+[-\d.e]+[\s,]+([\d.]+)[\s,]+([\d.]+)""", head)
        width, height = (float(box[1]), float(box[2])) if box else (0.0, 0.0)
    return height > 0 and width >= WIDE * height
