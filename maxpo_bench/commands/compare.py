"""`maxpo-bench compare`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from maxpo_bench.commands.plot import finished_records
from maxpo_bench.stats import Interval
from maxpo_bench.sweep.comparability import seed_text
from maxpo_bench.sweep.comparison import Comparison, Variant, compare
from maxpo_bench.sweep.scores import Normalise, value_text
from maxpo_bench.sweep.tables import parse_seeds

NORMALISE: tuple[Normalise, ...] = ("auto", "optimum", "none")
NAME = "comparison"
PROFILE = "performance_profile"


def run_compare(
    source: Path,
    out: Path | None,
    *,
    metric: str | None,
    normalise: str,
    against: str | None,
    tuned: Sequence[str],
    tuning_seeds: str | None,
    seeds: str | None,
    agents: Sequence[str],
    envs: Sequence[str],
    seed: int,
    formats: str,
    as_json: bool,
) -> int:
    """Compare a sweep's runs, print what was found, and write it where a folder is given; return the exit code."""
    compared = compare(
        finished_records(source),
        metric,
        normalise=_normalise(normalise),
        against=against,
        tuned=tuned,
        tuning_seeds=parse_seeds(tuning_seeds) if tuning_seeds else (),
        seeds=parse_seeds(seeds) if seeds else (),
        agents=agents,
        envs=envs,
        seed=seed,
    )
    paths = [] if out is None else _write(compared, out, formats.split(","))
    if as_json:
        from maxpo_bench.cli.shared import print_json

        print_json(compared.to_dict())
        return 0
    print(as_text(compared))
    if paths:
        print(f"\nWritten: {', '.join(map(str, paths))}")
    return 0


def as_text(compared: Comparison) -> str:
    """Return the comparison for a terminal; lines are as long as they need to be."""
    parts = [_setting(compared), _columns([_header(compared), *(_row(compared, each) for each in compared.variants)])]
    if len(compared.tasks) > 1:
        rows = [["by task", *compared.tasks], *(_task_row(compared, each) for each in compared.variants)]
        parts.append([*_columns(rows), f"(mean / share of pairs of runs won against {compared.reference})"])
    if compared.choices:
        seeds = _seeds(compared.tuning_seeds)
        parts.append([f"chosen by the best mean on {seeds}:", *(f"  {each}" for each in _chosen(compared))])
    if compared.notes:
        parts.append([f"note: {note}" for note in compared.notes])
    return "\n\n".join("\n".join(lines) for lines in parts)


def as_markdown(compared: Comparison) -> str:
    """Return the comparison as a page: setting, table, choices, each task on its own."""
    parts = [f"# {_title(compared)}", "\n".join(_setting(compared))]
    rows = [_row(compared, each, with_gap=True) for each in compared.variants]
    parts.append(_markdown_table([_header(compared, with_gap=True), *rows]))
    if compared.choices:
        parts.append("## Chosen arguments")
        parts.append(f"By the best mean on {_seeds(compared.tuning_seeds)}, left out of the comparison.")
        parts.append("\n".join(f"- {line}" for line in _chosen(compared)))
    parts.append("## By task")
    parts.append(f"Mean score, and after a slash the share of pairs of runs won against {compared.reference}.")
    rows = [_task_row(compared, each) for each in compared.variants]
    parts.append(_markdown_table([["variant", *compared.tasks], *rows]))
    if compared.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in compared.notes)]
    return "\n\n".join(parts) + "\n"


def _normalise(text: str) -> Normalise:
    from maxpo_bench.registry import UnknownNameError, suggest

    for known in NORMALISE:
        if text == known:
            return known
    raise UnknownNameError(f"unknown way to normalise {text!r}.{suggest(text, NORMALISE)}")


def _write(compared: Comparison, out: Path, formats: Sequence[str]) -> list[Path]:
    """Write comparison.json, comparison.md and the performance profile."""
    from maxpo_bench.plots import plot, save

    figure = plot(PROFILE, compared.scores.to_frame(), seed=compared.seed)
    pictures = save(figure, out, PROFILE, formats)
    data, page = out / f"{NAME}.json", out / f"{NAME}.md"
    text = json.dumps(compared.to_dict(), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    data.write_text(text + "\n", encoding="utf-8")
    page.write_text(as_markdown(compared), encoding="utf-8")
    return [data, page, *pictures]


def _title(compared: Comparison) -> str:
    tasks = compared.tasks[0] if len(compared.tasks) == 1 else f"{len(compared.tasks)} tasks"
    return f"{compared.scores.metric} on {tasks}"


def _setting(compared: Comparison) -> list[str]:
    """Say what a score is, how many runs there are, and what the intervals are."""
    score = compared.scores.metric
    if compared.scores.optima is not None:
        score += ", divided by the optimum of each environment"
    tasks = f"{len(compared.tasks)} task{'s' * (len(compared.tasks) > 1)}"
    references = sum(variant.improvement is None for variant in compared.variants)
    partners = f"P(better): against the {compared.reference} with the same arguments, of which there are {references}"
    return [
        f"{score}; {tasks}, {len(compared.seeds)} runs on each (seeds {seed_text(compared.seeds)})",
        f"{100 * compared.confidence:g} % intervals, each on its own: percentile bootstrap within tasks, "
        f"{compared.resamples} resamples, seed {compared.seed}",
        *([partners] if references > 1 else []),
    ]


def _header(compared: Comparison, *, with_gap: bool = False) -> list[str]:
    gap = ["optimality gap"] if with_gap and compared.scores.optima is not None else []
    return ["variant", "tasks", "runs", "IQM", "mean", *gap, f"P(better than {compared.reference})", "steps"]


def _row(compared: Comparison, variant: Variant, *, with_gap: bool = False) -> list[str]:
    decimals = _decimals(compared)
    return [
        variant.name,
        str(len(compared.tasks)),
        str(len(compared.tasks) * len(compared.seeds)),
        _interval(variant.iqm, decimals),
        _interval(variant.mean, decimals),
        *([_interval(variant.gap, decimals)] if with_gap and variant.gap is not None else []),
        "-" if variant.improvement is None else _interval(variant.improvement, 3),
        "-" if variant.timesteps is None else f"{variant.timesteps:,.0f}",
    ]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align rows of cells for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _seeds(seeds: Sequence[int]) -> str:
    return f"the seed{'s' * (len(seeds) > 1)} {seed_text(seeds)}"


def _decimals(compared: Comparison) -> int:
    """Return how many decimals the scores are shown with: three, less where the largest has more than one digit."""
    means = [mean for variant in compared.variants for mean in variant.task_means.values()]
    digits = len(str(int(max(map(abs, means)))))
    return max(0, 4 - digits)


def _interval(interval: Interval, decimals: int) -> str:
    low, estimate, high = (f"{value:.{decimals}f}" for value in (interval.low, interval.estimate, interval.high))
    return f"{estimate} [{low}, {high}]"


def _chosen(compared: Comparison) -> Iterator[str]:
    """Yield a line for each variant with what was chosen on each task."""
    for variant in compared.variants:
        choices = [choice for choice in compared.choices if choice.variant == variant.name]
        values = {
            choice.task: ", ".join(f"{name}={value_text(value)}" for name, value in choice.values.items())
            for choice in choices
        }
        if len(set(values.values())) == 1:
            yield f"{variant.name}: {next(iter(values.values()))}"
        elif values:
            yield f"{variant.name}: {'; '.join(f'{text} on {task}' for task, text in values.items())}"


def _task_row(compared: Comparison, variant: Variant) -> list[str]:
    wins = variant.task_improvements or {}
    means = {task: f"{mean:.{_decimals(compared)}f}" for task, mean in variant.task_means.items()}
    return [variant.name, *(f"{text} / {wins[task]:.2f}" if task in wins else text for task, text in means.items())]


def _markdown_table(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
