"""A reproduced figure: its data, picture, caption and findings, and the files that they are kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.leaderboard.store import publish
from maxpo_bench.plots.frames import Frame
from maxpo_bench.plots.style import save
from maxpo_bench.reproduce.finding import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = 1
DIGITS = "%.12g"
TITLES = {
    "fig1": "Figure 1: estimation error, and total variance against arms and K",
    "fig4": "Figure 4: total variance against the number of arms",
    "fig5": "Figure 5: total variance against K",
    "fig6": "Figure 6: the maze, and what blind habit earns in it",
    "fig7": "Figure 7: learning on the maze, plain gradient ascent",
    "fig7-adam": "Figure 7 with Adam",
    "fig7-settings": "Figure 7 in other settings: optimizers, majority shares, n and K",
    "fig7-search": "Figure 7 in the setting nearest to the paper's",
    "fig7-mlp": "Figure 7 with multilayer perceptrons",
    "fig7-peers": "PPO, A2C, TRPO and ARS on the same mazes",
    "tiny-lm": "A tiny language model: pass@k before and after, and the variance proxy",
}


@dataclass(frozen=True)
class Table:
    """Rows of texts.

    Attributes:
        title: what stands above.
        header: names of the columns.
        rows: as long as the header, each.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Table:
        """Read what `dataclasses.asdict` wrote.

        Raises:
            KeyError: a key is missing.
        """
        return cls(data["title"], tuple(data["header"]), tuple(tuple(row) for row in data["rows"]))


@dataclass(frozen=True)
class Report:
    """What is kept of a figure beside its picture.

    Attributes:
        figure: a key of `TITLES`.
        title: of its section.
        caption: as below the picture.
        findings: see `Finding`.
        setting: the size that was gone over.
        series: mean and standard error of every point of the picture.
        tables: see `Table`; they stand between picture and findings.
    """

    figure: str
    title: str
    caption: str
    findings: tuple[Finding, ...]
    setting: Mapping[str, Any]
    series: Sequence[Mapping[str, Any]]
    tables: tuple[Table, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        tables = {"tables": [plain(asdict(table)) for table in self.tables]} if self.tables else {}
        return tables | {
            "schema": SCHEMA,
            "figure": self.figure,
            "title": self.title,
            "caption": self.caption,
            "findings": [rounded(finding.to_dict()) for finding in self.findings],
            "setting": dict(self.setting),
            "series": [rounded(dict(point)) for point in self.series],
        }

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read a stored report.

        Raises:
            ValueError: the file is damaged or of another schema; the message names it.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema {data['schema']!r} is not {SCHEMA}")
            findings = tuple(Finding.from_dict(each) for each in data["findings"])
            texts = {name: data[name] for name in ("figure", "title", "caption", "setting", "series")}
            tables = tuple(Table.from_dict(each) for each in data.get("tables", ()))
            return cls(findings=findings, tables=tables, **texts)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no stored figure ({error}): reproduce it again") from error


@dataclass(frozen=True)
class Drawn:
    """A figure with all that was made of it."""

    report: Report
    picture: Figure
    data: Frame


def write(drawn: Drawn, folder: Path) -> list[Path]:
    """Write picture (PNG, SVG, PDF), data (CSV), report (JSON) and findings (Markdown); return the paths."""
    from maxpo_bench.reproduce.page import NOTICE, section

    report = drawn.report
    paths = save(drawn.picture, folder, report.figure)
    texts = {
        "csv": drawn.data.to_csv(index=False, float_format=DIGITS),
        "json": json.dumps(report.to_dict(), sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n",
        "md": "\n".join([NOTICE, "", *section(report, level=1), ""]),
    }
    for ending, text in texts.items():
        paths.append(folder / f"{report.figure}.{ending}")
        publish(paths[-1], text)
    return paths


def rounded(value: Any) -> Any:
    """Round to nine digits, which rounding errors don't reach, and drop what does not exist (EI's ratio to itself)."""
    if isinstance(value, Mapping):
        return {str(key): rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.9g}") if value == value else None
    return value


def plain(setting: Mapping[str, Any]) -> dict[str, Any]:
    """Return a setting with lists in place of tuples, as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in setting.items()}
