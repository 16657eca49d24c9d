"""A table in the paper's form as Markdown, CSV and LaTeX (booktabs); the paper's own numbers are marked in each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from maxpo_bench.evaluation.paper_tables import NONE, PAPER, Block, PaperTable, TableRow

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
REFERENCE = "reference, printed in arXiv 2606.06080"


def as_markdown(table: PaperTable) -> str:
    """Return the table with its caption and notes; the paper's rows are in italics and say so."""
    lines = [f"**{title(table)}.** {escaped(table.caption)}", "", _line(table.header), _rule(table)]
    for block in table.blocks:
        lines.append(_line([f"**{escaped(heading(table, block))}**", *[""] * (len(table.header) - 1)]))
        lines += [_line(_marked(row)) for row in block.rows]
    lines += ["", *(f"- {escaped(note)}" for note in (*_marking(table), *table.notes))]
    return "\n".join(lines).rstrip() + "\n"


def as_csv(table: PaperTable) -> str:
    """Return one row per model and method: source ("runs" or "paper"), model, method, then the cells.

    A cell of Table 3 becomes two columns, "AIME24 pass@1" and "AIME24 pass@k", with k in a column of its own.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    columns = table.header[1:]
    if table.number == 2:
        writer.writerow(["source", "model", "method", *(f"pass@{k}" for k in columns)])
    else:
        writer.writerow(
            ["source", "model", "method", "k", *(f"{name} pass@{k}" for name in columns for k in ("1", "k"))]
        )
    for block in table.blocks:
        for row in block.rows:
            start = [row.source, block.model, row.label]
            if table.number == 2:
                writer.writerow([*start, *(_value(cell) for cell in row.cells)])
            else:
                k = 256 if row.source == PAPER else block.last_k
                writer.writerow([*start, k, *(_value(part) for cell in row.cells for part in _pair(cell))])
    return stream.getvalue()


def as_latex(table: PaperTable) -> str:
    """Return a table environment for the package booktabs."""
    columns = len(table.header)
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_tex(' '.join([table.caption, *_marking(table)]))}}}",
        rf"\begin{{tabular}}{{l{'r' * (columns - 1) if table.number == 2 else 'c' * (columns - 1)}}}",
        r"\toprule",
        " & ".join(map(_tex, table.header)) + r" \\",
    ]
    for block in table.blocks:
        lines += [r"\midrule", rf"\multicolumn{{{columns}}}{{l}}{{\textbf{{{_tex(heading(table, block))}}}}} \\"]
        lines += [" & ".join(_tex_cells(row)) + r" \\" for row in block.rows]
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join([*lines, *(f"% {note}" for note in table.notes)]) + "\n"


def title(table: PaperTable) -> str:
    """Return "Table 2 of the paper, from these runs"."""
    return f"Table {table.number} of the paper, from these runs"


def heading(table: PaperTable, block: Block) -> str:
    """Return the model's name, with the k of its cells where blocks differ in it."""
    differ = len({each.last_k for each in table.blocks}) > 1
    return f"{block.model} (pass@1/pass@{block.last_k})" if differ else block.model


def escaped(text: str) -> str:
    """Escape what Markdown would take for a table or emphasis."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")


def _marking(table: PaperTable) -> Iterator[str]:
    """Say how the paper's rows are marked, where there are any."""
    if any(row.source == PAPER for block in table.blocks for row in block.rows):
        yield f"Rows in italics are the paper's own numbers ({REFERENCE}, Table {table.number})."


def _marked(row: TableRow) -> list[str]:
    if row.source != PAPER:
        return [escaped(row.label), *row.cells]
    return [f"*{escaped(row.label)}, paper*", *(cell if cell == NONE else f"*{cell}*" for cell in row.cells)]


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(table: PaperTable) -> str:
    return "|---|" + "---:|" * (len(table.header) - 1)


def _tex_cells(row: TableRow) -> list[str]:
    cells = [_tex(row.label + (", paper" if row.source == PAPER else "")), *(_dash(cell) for cell in row.cells)]
    return [rf"\textit{{{cell}}}" for cell in cells] if row.source == PAPER else cells


def _dash(cell: str) -> str:
    return "--" if cell == NONE else cell


def _tex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _value(cell: str) -> str:
    return "" if cell == NONE else cell


def _pair(cell: str) -> tuple[str, str]:
    """Return both numbers of a cell of Table 3; with one sample per problem they are the same one."""
    first, slash, last = cell.partition("/")
    return first, last if slash else first
