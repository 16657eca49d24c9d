"""Figures 1, 4 and 5 with their captions and findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from maxpo_bench.plots.frames import Frame, count_text
from maxpo_bench.plots.style import figure_style, style_of
from maxpo_bench.reproduce.bandit.error_findings import error_findings
from maxpo_bench.reproduce.bandit.figures import LARGEST_RATIO, draw_fig1, draw_fig4, draw_fig5, ratios
from maxpo_bench.reproduce.bandit.measure import Measured, arms_settings, k_settings
from maxpo_bench.reproduce.bandit.sizes import Size
from maxpo_bench.reproduce.bandit.variance_findings import added_findings, arms_findings, falls_with_n, k_findings
from maxpo_bench.reproduce.finding import Finding
from maxpo_bench.reproduce.report import TITLES, Drawn, Report, plain, rounded
from maxpo_bench.reproduce.subjects import PAPER


def draw(figure: str, measured: Measured) -> Drawn:
    """Draw a figure from its measured cells and hold the paper's statements against them.

    Args:
        figure: "fig1", "fig4" or "fig5".
        measured: with the cells of that figure.
    """
    import pandas as pd

    size = measured.size
    with figure_style():
        if figure == "fig1":
            panels = _fig1_panels(measured)
            caption = _caption(figure, size, panels.values())
            picture = draw_fig1(panels["error"], panels["arms"], panels["k"], _unbroken(caption))
        else:
            name, settings = ("arms", arms_settings) if figure == "fig4" else ("k", k_settings)
            panels = {name: measured.variances(settings(size, size.group_sizes))}
            caption = _caption(figure, size, panels.values())
            picture = (draw_fig4 if figure == "fig4" else draw_fig5)(panels[name], _unbroken(caption))
    findings = tuple(_findings(figure, panels, size))
    series = [point for panel, frame in panels.items() for point in _points(panel, frame)]
    report = Report(figure, TITLES[figure], caption, findings, plain(asdict(size)), series)
    return Drawn(report, picture, pd.concat([frame.assign(panel=panel) for panel, frame in panels.items()]))


def _fig1_panels(measured: Measured) -> dict[str, Frame]:
    size, n = measured.size, [measured.size.group_size]
    return {
        "error": measured.errors(),
        "arms": measured.variances(arms_settings(size, n)),
        "k": measured.variances(k_settings(size, n)),
    }


def _findings(figure: str, panels: Mapping[str, Frame], size: Size) -> list[Finding]:
    found: list[Finding] = error_findings(panels["error"]) if "error" in panels else []
    added = sorted({name for frame in panels.values() for name in frame["estimator"]} - set(PAPER))
    for panel, x, where in (("arms", "num_arms", "centre"), ("k", "k", "right")):
        if panel not in panels:
            continue
        frame = panels[panel]
        source = f"Sec 5.1, Fig 1 {where}" if figure == "fig1" else f"App G.1.3, Fig {figure[-1]}"
        found += (arms_findings if panel == "arms" else k_findings)(frame, size.seed, source)
        if figure != "fig1":
            found.append(falls_with_n(frame, x, source))
        found += added_findings(frame, x, added)
    return found


def _caption(figure: str, size: Size, panels: Any) -> str:
    """Everything that is needed to read the figure: seeds, instances, n, K, what is exact and what sampled."""
    frames = list(panels)
    bandits = count_text([size.instances], "bandit")
    head = (
        f"Mean over {bandits} (seed {size.seed}), rewards and logits N(0, 1) per arm; "
        "bands and bars: one standard error."
    )
    scaled = "dashed: 1 - ‖π‖² (Eq 120), scaled to EI at the most arms"
    if figure == "fig1":
        fixed = f"n = {size.group_size}, K = {size.k}"
        text = (
            f"Left: error after M groups at {fixed}, {size.num_arms:,} arms; lines exact, sqrt(bias^2 + variance / M), "
            f"points sampled up to M = {size.sampled_batches[-1]:,}. "
            f"Centre: variance against arms at {fixed}; {scaled}. "
            f"Right: variance against K at n = {size.group_size}, {size.many_arms:,} arms."
        )
    elif figure == "fig4":
        text = f"Total variance against arms at K = {size.k}, n = {_listed(size.group_sizes)}; {scaled}."
    else:
        text = f"Total variance against K at {size.many_arms:,} arms, n = {_listed(size.group_sizes)}."
    below = "Below: mean over bandits of the ratio to EI in the same bandit"
    return f"{head} {text} {_kinds(frames, size)} {below}{_cut(frames)}."


def _unbroken(caption: str) -> str:
    """Keep "n = 16" on one line where a caption is wrapped."""
    return caption.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def _kinds(frames: Sequence[Frame], size: Size) -> str:
    variances = [frame for frame in frames if "num_groups" not in frame.columns]
    sampled = sorted({name for frame in variances for name in frame.loc[frame["kind"] == "sampled", "estimator"]})
    if not sampled:
        return "All variances are exact."
    names = ", ".join(style_of(name).label for name in sampled)
    return f"Variances are exact, but points without a line ({names}) sampled, {size.num_groups:,} groups per bandit."


def _cut(frames: Sequence[Frame]) -> str:
    """Say so where a panel of variance ratios ends below its largest point."""
    keys = ["estimator", "group_size", "k", "num_arms"]
    variances = [frame for frame in frames if "num_groups" not in frame.columns]
    largest = max(float(ratios(frame).groupby(keys)["value"].mean().max()) for frame in variances)
    return f", up to {LARGEST_RATIO:g} (the largest is {largest:.2g})" if largest > LARGEST_RATIO else ""


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


def _points(panel: str, frame: Frame) -> list[dict[str, Any]]:
    """Mean and standard error of every point, with those of its ratio to EI."""
    keys = ["estimator", "kind", "group_size", "k", "num_arms"]
    keys += ["num_groups"] if "num_groups" in frame.columns else []
    values = frame.groupby(keys)["value"].agg(mean="mean", standard_error="sem", instances="count")
    shares = ratios(frame).groupby(keys)["value"].agg(ratio="mean", ratio_standard_error="sem")
    rows = values.join(shares).reset_index().to_dict("records")
    return [{"panel": panel, **rounded(row)} for row in rows]
