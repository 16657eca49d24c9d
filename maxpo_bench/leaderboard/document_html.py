"""A document as one HTML file: no script, no network, a strict content policy, light and dark, printable."""

from __future__ import annotations

import base64
import hashlib
import html

from maxpo_bench.leaderboard.document import Block, Command, Document, Facts, Grid, visible

_STYLE = """
:root { color-scheme: light dark; --rule: #8886; --quiet: #595959; }
@media (prefers-color-scheme: dark) { :root { --quiet: #a8a8a8; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p, dl { margin: .5rem 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .2rem 1rem; }
dt { color: var(--quiet); }
dd { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .15rem .7rem .15rem 0; text-align: right; vertical-align: baseline; white-space: nowrap; }
th { border-bottom: 1px solid var(--rule); font-weight: 600; }
.w { text-align: left; white-space: normal; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--rule); padding: .5rem .8rem; }
@media (max-width: 36rem) { dl { display: block; } dd { margin-bottom: .4rem; } }
"""


def render_document_html(document: Document) -> str:
    """Return a document as a page of its own; the same document gives the same bytes."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = _escape(document.title)
    lead = f"<p>{_escape(document.lead)}</p>\n" if document.lead else ""
    sections = "\n".join(
        f"<section>\n<h2>{_escape(section.title)}</h2>\n{''.join(map(_block, section.blocks))}</section>"
        for section in document.sections
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{title}</h1>\n{lead}{sections}\n</main>\n</body>\n</html>\n"
    )


def _escape(text: str) -> str:
    return html.escape(visible(text), quote=True)


def _block(block: Block) -> str:
    if isinstance(block, str):
        return f"<p>{_escape(block)}</p>\n"
    if isinstance(block, Command):
        return f"<pre><code>{_escape(block.text)}</code></pre>\n"
    if isinstance(block, Facts):
        items = "".join(f"<dt>{_escape(name)}</dt><dd>{_escape(value)}</dd>\n" for name, value in block.rows)
        return f"<dl>\n{items}</dl>\n"
    return _table(block)


def _table(grid: Grid) -> str:
    kinds = [' class="w"' if name in grid.words else "" for name in grid.columns]
    heads = "".join(
        f'<th scope="col"{kind}>{_escape(name)}</th>' for kind, name in zip(kinds, grid.columns, strict=True)
    )
    rows = "\n".join(
        f"<tr>{''.join(f'<td{kind}>{_escape(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>"
        for row in grid.rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{_escape(", ".join(grid.columns))}">\n'
        f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>\n"
    )
