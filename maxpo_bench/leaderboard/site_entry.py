"""The page of a single entry: all that is known of it as tables, readable without scripts; scripts add the pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from string import Template
from typing import Any

from maxpo_bench.leaderboard.columns import CLASS_TITLES, KIND_SIGNS, NONE, columns, format_number
from maxpo_bench.leaderboard.entry import Entry, Leaderboard
from maxpo_bench.leaderboard.site_columns import scored_on
from maxpo_bench.leaderboard.site_pack import Evidence, packed
from maxpo_bench.leaderboard.site_parts import page_file, policy, script, style
from maxpo_bench.leaderboard.site_text import badge, escape, page_of, with_links

SCRIPTS = ("evidence.js", "charts.js", "entry.js")


def render_entry(
    board: Leaderboard,
    entry: Entry,
    evidence: Mapping[str, Evidence],
    *,
    title: str = "",
    is_alone: bool = False,
) -> str:
    """Return an entry's page.

    Args:
        board: the table it stands in.
        entry: the entry.
        evidence: evidence by name; that of the reference is drawn beside the entry's.
        title: the leaderboard's title.
        is_alone: the page has no table and no other entries' pages beside it, so that it links to neither.
    """
    looks, code = style(), script(*SCRIPTS)
    found = evidence.get(entry.name, {})
    date = scored_on(entry)
    parts = [
        '<section class="panels" id="charts"><h2 class="unseen">In pictures</h2></section>',
        _section("Scores", _scores(board, entry)),
        _section("Certificate", _certificate(found.get("certificate"))),
        _section("Step kept, by groups averaged", _eta(found.get("eta"))),
        _section("By kind of bandit", _families(found.get("families"))),
        _section("Learning on the maze", _learning(found.get("learning"))),
        _section("Tiny language model", _language(found.get("language_model"))),
        _section("Closest relatives", _relatives(found.get("relatives"), is_alone)),
        _section("Verification", _verification(found.get("verification"))),
        _section("Provenance", _provenance(found, entry)),
    ]
    return Template(page_file("entry.html")).substitute(
        policy=policy(looks, code),
        title=escape(title or "The max@K leaderboard"),
        style=looks,
        script=code,
        evidence=packed(board, evidence, only=entry.name),
        name=escape(entry.name),
        suite=escape(board.suite),
        date=f"<span>scored {escape(date)}</span>" if date else "",
        back="" if is_alone else '<a href="../index.html">All entries</a> ·',
        lede=_lede(entry),
        body="\n".join(part for part in parts if part),
    )


def render_index(board: Leaderboard, *, title: str = "") -> str:
    """Return the list of all entries' pages, for readers without scripts."""
    looks, code = style(), ""
    lists = [
        _section(
            CLASS_TITLES[klass],
            "<ul>"
            + "\n".join(f'<li><a href="{page_of(one.name)}">{escape(one.name)}</a>' for one in entries)
            + "</ul>",
        )
        for klass, entries in board.sections()
        if entries
    ]
    return Template(page_file("entry.html")).substitute(
        policy=policy(looks, code),
        title=escape(title),
        style=looks,
        script=code,
        evidence="",
        name="Entries",
        suite=escape(board.suite),
        date="",
        back='<a href="../index.html">The tables</a> ·',
        lede="Every entry has a page with all that is known of it.",
        body="\n".join(lists),
    )


def _lede(entry: Entry) -> str:
    words = [part for part in (entry.title if entry.title != entry.name else "", entry.summary) if part]
    status = "" if entry.status == "self-run" else f" {badge(entry.status)}"
    text = ". ".join(with_links(part.rstrip(".")) for part in words)
    return f"{badge(entry.kind, KIND_SIGNS[entry.kind])}{status} {text}"


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{body}\n</section>" if body else ""


def _list(items: Iterable[tuple[str, str]]) -> str:
    """Return (term, HTML) as a definition list."""
    return (
        "<dl>"
        + "\n".join(f"<div><dt>{escape(term)}</dt><dd>{text}</dd></div>" for term, text in items if text)
        + "</dl>"
    )


def _table(label: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of texts and numbers; None is written –, a number to about three digits."""
    head = "".join(f"<th scope=col>{escape(name)}" for name in header)
    body = "\n".join(
        "<tr>" + "".join(f"<{'td' if at else 'th scope=row'}>{escape(_written(cell))}" for at, cell in enumerate(row))
        for row in rows
    )
    return (
        f'<div class="scroll plain" role="region" tabindex="0" aria-label="{escape(label)}"><table>'
        f"<thead><tr>{head}</thead>\n<tbody>{body}</tbody></table></div>"
    )


def _written(value: object) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value)


def _precise(value: float | None) -> str:
    """Write a cosine or a constant so that what is not 1 is never written as 1."""
    return NONE if value is None else f"{value:.9g}"


def _scores(board: Leaderboard, entry: Entry) -> str:
    by = ", ".join(part for part in (entry.authors, entry.licence) if part)
    source = ", ".join(part for part in (entry.paper, entry.equation) if part)
    copies = ", ".join(escape(copy.name) for copy in board.copies(entry.name))
    own = [("Table", CLASS_TITLES[entry.klass]), ("Paper", with_links(source)), ("By", with_links(by))]
    own += [("Track", f"{entry.track}, {entry.domain} rewards, scale {entry.scale}"), ("Rescaled copies", copies)]
    rate = [("Step size on the maze", format_number(entry.learning_rate))] if entry.learning_rate is not None else []
    scores = [(column.heading, escape(str(column.cell(board, entry)))) for column in columns(board)]
    return _list([*own, *scores, *rate])


def _certificate(pairs: Sequence[Evidence] | None) -> str:
    if not pairs:
        return ""
    summary = [
        (f"n {pair['n']}, K {pair['k']}", pair["kind"], _precise(pair["constant"]), pair.get("other_objective"))
        for pair in pairs
    ]
    rows = [
        (
            f"n {pair['n']}, K {pair['k']}",
            str(one["label"]),
            _precise(one["cosine"]),
            _precise(one["constant"]),
            NONE if one["residual"] is None else f"{one['residual']:.1e}",
        )
        for pair in pairs
        for one in pair["instances"]
    ]
    return _table("Kinds", ("(n, K)", "Kind", "Constant", "Follows K ="), summary) + _table(
        "Hidden bandits", ("(n, K)", "Bandit", "Cosine", "Constant", "Residual"), rows
    )


def _eta(curve: Evidence | None) -> str:
    if not curve or not curve.get("share"):
        return ""
    reference = curve.get("reference") or [None] * len(curve["groups"])
    rows = zip(map(str, curve["groups"]), map(_share, curve["share"]), map(_share, reference), strict=True)
    return _table("Step kept", ("Groups", "Share kept", "ei_l2o"), rows)


def _share(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.1f}%"


def _families(cells: Sequence[Evidence] | None) -> str:
    if not cells:
        return ""
    worst_first = sorted(cells, key=lambda cell: -(cell["b95_ratio"] or 0.0))
    rows = [
        (
            str(cell["family"]),
            f"n {cell['n']}, K {cell['k']}",
            cell["b95_ratio"],
            cell.get("b95_low"),
            cell.get("b95_high"),
            cell["nsr"],
        )
        for cell in worst_first
    ]
    return _table("Kinds of bandits", ("Bandits", "(n, K)", "B95 ratio", "low", "high", "NSR"), rows)


def _learning(curve: Evidence | None) -> str:
    if not curve:
        return ""
    tuning = curve.get("tuning") or {}
    chosen = _written(curve["learning_rate"])
    text = f"<p>Step size {escape(chosen)}, chosen by the return on other seeds.</p>"
    parts = [text, _table("Tuning", ("Step size", "Return"), tuning.items())] if tuning else [text]
    if curve.get("iterations"):
        rows = zip(*(curve[key] for key in ("iterations", "mean", "low", "high")), strict=True)
        parts.append(_table("Learning curve", ("Iteration", "Mean return", "low", "high"), rows))
    return "\n".join(parts)


def _language(scores: Evidence | None) -> str:
    if not scores:
        return ""
    keys = ("base", "entry", "reference")
    rows = [
        (f"pass@{k}", *(_share(scores[key][at]) if scores.get(key) else NONE for key in keys))
        for at, k in enumerate(scores["k"])
    ]
    table = _table("pass@k", ("Tries", "before training", "this entry", "ei_l2o"), rows)
    return f"<p>Mean over {_written(scores['seeds'])} seeds.</p>{table}"


def _relatives(relatives: Sequence[Evidence] | None, is_alone: bool) -> str:
    def name_of(name: str) -> str:
        return escape(name) if is_alone else f'<a href="{page_of(name)}">{escape(name)}</a>'

    items = "".join(
        f"<li>{name_of(str(one['name']))}: {'–' if one['similarity'] is None else format(one['similarity'], '.6g')}"
        for one in relatives or []
    )
    return (
        f"<p>Cosine of the advantages on the same rewards; 1 is a copy up to scale.</p><ul>{items}</ul>"
        if items
        else ""
    )


def _verification(found: Evidence | None) -> str:
    if not found:
        return ""
    items = [(str(key), escape(_written(value))) for key, value in found.items() if key != "comparisons"]
    comparisons: list[Any] = list(found.get("comparisons") or [])
    if not comparisons:
        return _list(items)
    rows = [one if isinstance(one, Mapping) else {"figure": one} for one in comparisons]
    header = list(dict.fromkeys(key for row in rows for key in row))
    return _list(items) + _table("Comparisons", header, [[row.get(key) for key in header] for row in rows])


def _provenance(found: Evidence, entry: Entry) -> str:
    lines = found.get("provenance") or [["Hash", entry.submission_hash], ["Sandbox", entry.sandbox]]
    facts = _list((str(name), f"<code>{escape(str(text))}</code>" if text else "") for name, text in lines)
    command = found.get("command")
    return facts + (f'<p class="command">Reproduce it: <code>{escape(str(command))}</code></p>' if command else "")
