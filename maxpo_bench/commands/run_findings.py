"""What the paper states of language models, and what a set of runs gives; each verdict follows from a stated rule."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from maxpo_bench.evaluation.paper_reference import KS, MODELS, PROXY_MODEL, PROXY_REDUCTION, PROXY_SEEDS, TABLE_2
from maxpo_bench.evaluation.proxy import ProxyRatio
from maxpo_bench.evaluation.run import LABELS, objective_groups
from maxpo_bench.evaluation.run_means import Estimate, Means
from maxpo_bench.evaluation.run_report import Comparison, ModelReport, RunReport, average_of
from maxpo_bench.reproduce.finding import FAILS, HOLDS, IN_PART, UNDECIDED, Finding, Verdict

OURS, BASELINES = "maxpo", ("pkpo", "grpo")
_SIGNS = {1: "above", -1: "below"}
_DIFFERENCE_RULE = (
    "it holds if the intervals over seeds and over problems both lie on the stated side of 0, it does not hold if both "
    "lie on the other, else it is undecided; so it is where there is no interval over seeds"
)


def findings(report: RunReport) -> list[Finding]:
    """Return what the paper states that these runs can say something of, model by model."""
    return [finding for model in report.models for finding in _of_model(model, report.intervals.confidence)]


def lacking(report: RunReport) -> list[str]:
    """Say which comparisons of the paper cannot be made of these runs."""
    sentences: list[str] = []
    for model in report.models:
        methods = {each.method for each in model.series}
        missing = [LABELS[name] for name in (OURS, *BASELINES) if name not in methods]
        if missing:
            sentences.append(f"{model.model}: no runs of {', '.join(missing)}, so comparisons with them are missing.")
        if not any(each.method == OURS and each.names_k for each in model.series):
            sentences.append(f"{model.model}: one K of MaxPO at most, so the ablation of K (Figure 10) is missing.")
    return sentences


def _of_model(model: ModelReport, confidence: float) -> Iterator[Finding]:
    main = [each for each in model.comparisons if each.of.method == OURS and each.of in model.main]
    for each in main:
        if each.against.method == BASELINES[0]:
            yield from _proxy_findings(model, each)
    for method in BASELINES:
        for each in main:
            if each.against.method == method:
                yield from _difference_findings(model, each, confidence)
    for each in model.comparisons:
        if each.of.method == each.against.method == OURS:
            yield from _objective_findings(model, each, confidence)


def paper_differences(method: str, k: int) -> tuple[int, dict[str, float]]:
    """Return the k of Table 2 nearest to one, and by model by how many points MaxPO is above a method there.

    Args:
        method: "pkpo" or "grpo".
        k: number of draws; of what Table 2 has the largest that is not above it is taken.
    """
    nearest = max(each for each in KS if each <= k)
    at = KS.index(nearest)
    return nearest, {model: round(TABLE_2[model, OURS][at] - TABLE_2[model, method][at], 1) for model in MODELS}


def verdict_of(sign: int, estimate: Estimate) -> Verdict:
    """Return whether a difference has a sign, by the intervals over seeds and over problems.

    Args:
        sign: 1 or -1.
        estimate: the difference.
    """
    if estimate.over_seeds is None:
        return UNDECIDED
    intervals = [limits for limits in (estimate.over_seeds, estimate.over_problems) if limits is not None]
    ends = [sorted(sign * end for end in limits) for limits in intervals]
    if all(low > 0 for low, _ in ends):
        return HOLDS
    return FAILS if all(high < 0 for _, high in ends) else UNDECIDED


def _proxy_findings(model: ModelReport, each: Comparison) -> Iterator[Finding]:
    ratio = each.proxy
    if ratio is None:
        return
    seeds, against = _runs_text(ratio), each.against.label
    limits = ratio.reduction_limits
    inside = "" if limits is None else f"; the paper's {PROXY_REDUCTION} % {_inside(PROXY_REDUCTION, limits)}"
    late = "" if ratio.late_limits is None else f" [{ratio.late_limits[0]:.3f}, {ratio.late_limits[1]:.3f}]"
    yield Finding(
        f"Sec. 5.2.3, Figure 3: {PROXY_REDUCTION} % on {PROXY_MODEL}, {PROXY_SEEDS} seeds",
        f"{model.model}: at the end of training the variance proxy of {each.of.label} is below that of {against}.",
        (
            f"{ratio.reduction:.1f} % {'lower' if ratio.reduction >= 0 else 'lower, that is higher,'} at step "
            f"{ratio.step}{_percent_limits(limits)}, {seeds}{inside}",
            f"ratio {ratio.ratio:.3f} at that step; of the means over the last quarter of the steps "
            f"{ratio.late_ratio:.3f}{late}",
        ),
        f"it holds if the {100 * ratio.confidence:g} % interval of the ratio of geometric means over seeds lies below "
        "1, it does not hold if it lies above; else, and without an interval, it is undecided",
        _proxy_verdict(ratio),
        {"ratio": ratio.to_dict(), "paper_reduction_percent": PROXY_REDUCTION},
    )
    yield Finding(
        "Sec. 5.2.3, Figure 3",
        f"{model.model}: the variance proxy of {each.of.label} is below that of {against} throughout training.",
        (
            f"mean over seeds lower at {100 * ratio.share_lower:.1f} % of {ratio.steps} steps, {seeds}",
            "no interval"
            if ratio.below is None or ratio.above is None
            else f"simultaneous intervals of the ratio below 1 at {100 * ratio.below:.1f} % of the steps, above 1 at "
            f"{100 * ratio.above:.1f} %",
        ),
        "of the intervals of the ratio of geometric means over seeds, one for each step after the first, that hold all "
        f"at once with {100 * ratio.confidence:g} % (Bonferroni): it holds if all lie below 1, it does not hold if one "
        "lies above, in part if then more than half lie below; else, and without intervals, it is undecided",
        throughout_verdict(ratio),
        {
            "share_of_steps": ratio.share_lower,
            "share_interval_below": ratio.below,
            "share_interval_above": ratio.above,
            "steps": ratio.steps,
        },
    )


def throughout_verdict(ratio: ProxyRatio) -> Verdict:
    """Return whether a proxy is below another at every step, by intervals that hold all at once."""
    if ratio.below is None or ratio.above is None:
        return UNDECIDED
    if ratio.below == 1:
        return HOLDS
    if ratio.above == 0:
        return UNDECIDED
    return IN_PART if ratio.below > 0.5 else FAILS


def _proxy_verdict(ratio: ProxyRatio) -> Verdict:
    if ratio.limits is None:
        return UNDECIDED
    low, high = ratio.limits
    return HOLDS if high < 1 else FAILS if low > 1 else UNDECIDED


def _difference_findings(model: ModelReport, each: Comparison, confidence: float) -> Iterator[Finding]:
    """Yield the differences at k = 1 and at the largest k, each beside the sign that both models have in Table 2."""
    name = average_of(model.benchmarks) if model.benchmarks else ""
    means = each.differences.get(name)
    if means is None or model.last_k is None:
        return
    for k in dict.fromkeys((1, model.last_k)):
        estimate = means.at(k)
        if estimate is None:
            continue
        nearest, printed = paper_differences(each.against.method, k)
        sign = 1 if min(printed.values()) > 0 else -1
        points = ", ".join(f"{value:+.1f} on {of}" for of, value in printed.items())
        yield Finding(
            f"Table 2, pass@{nearest}: {points}",
            f"{model.model}: pass@{k} ({name}) of {each.of.label} is {_SIGNS[sign]} that of {each.against.label}.",
            (
                f"{_difference_text(estimate, means, confidence)}",
                f"{_levels(model, each, name, k)}; {_direction(sign, estimate)}",
            ),
            _DIFFERENCE_RULE,
            verdict_of(sign, estimate),
            {"paper_points": printed, "paper_k": nearest, "difference": estimate.to_dict(), "paired": means.paired},
        )


def _objective_findings(model: ModelReport, each: Comparison, confidence: float) -> Iterator[Finding]:
    """Yield what a larger K of training does to pass@1 and to pass@k at the largest k."""
    name = average_of(model.benchmarks) if model.benchmarks else ""
    means = each.differences.get(name)
    if means is None or model.last_k is None or model.last_k == 1:
        return
    own = next(group for group in objective_groups(model.series) if each.of in group and each.against in group)
    for k, sign in ((1, -1), (model.last_k, 1)):
        estimate = means.at(k)
        levels = [
            (part.k, point.mean)
            for part in own
            if (found := model.pass_at_k[part.label].get(name)) and (point := found.at(k))
        ]
        if estimate is None:
            continue
        rising = all(sign * (b - a) > 0 for (_, a), (_, b) in itertools.pairwise(levels))
        verdict = verdict_of(sign, estimate)
        yield Finding(
            "App. H.2.1, Figure 10",
            f"{model.model}: a larger K of training makes pass@{k} ({name}) {'higher' if sign > 0 else 'lower'}.",
            (
                ", ".join(f"K={size}: {100 * mean:.1f}" for size, mean in levels)
                + f" ({'in this order at every K' if rising else 'not in this order at every K'})",
                f"K={each.of.k} minus K={each.against.k}: {_difference_text(estimate, means, confidence)}",
            ),
            _DIFFERENCE_RULE + "; it holds in part if it holds for the largest K beside the smallest, but not the "
            "means of all K are in order",
            IN_PART if verdict == HOLDS and not rising else verdict,
            {"levels": {str(size): mean for size, mean in levels}, "difference": estimate.to_dict()},
        )


def _difference_text(estimate: Estimate, means: Means, confidence: float) -> str:
    """Say a difference in points with both intervals, and what each is over."""
    level = f"{100 * confidence:g} % intervals"
    if estimate.over_seeds is None:
        seeds = "one run of each: none over seeds"
    else:
        how = f"{means.runs} seeds, paired" if means.paired else "seeds, not paired"
        seeds = f"over {how} {_points(estimate.over_seeds)}"
    if estimate.over_problems is None:
        problems = "none over problems"
    else:
        problems = f"over {means.num_problems} problems, paired {_points(estimate.over_problems)}"
    return f"{100 * estimate.mean:+.1f} points; {level}: {seeds}; {problems}"


def _levels(model: ModelReport, each: Comparison, name: str, k: int) -> str:
    """Return "MaxPO 21.7, PKPO 19.6", and say where these are of more runs than the difference."""
    parts: list[str] = []
    for series in (each.of, each.against):
        means = model.pass_at_k[series.label].get(name)
        point = None if means is None else means.at(k)
        if point is not None:
            parts.append(f"{series.label} {100 * point.mean:.1f}")
    pairs = each.differences[name]
    has_more = pairs.paired and max(len(each.of.runs), len(each.against.runs)) > pairs.runs
    return ", ".join(parts) + (" over all runs, the difference is that of pairs" if has_more else "")


def _direction(sign: int, estimate: Estimate) -> str:
    if estimate.mean == 0:
        return "no difference"
    return "the direction is the paper's" if sign * estimate.mean > 0 else "the direction is not the paper's"


def _points(limits: Sequence[float]) -> str:
    return f"[{100 * limits[0]:+.1f}, {100 * limits[1]:+.1f}]"


def _percent_limits(limits: tuple[float, float] | None) -> str:
    return "" if limits is None else f" [{limits[0]:.1f}, {limits[1]:.1f}]"


def _inside(value: float, limits: tuple[float, float]) -> str:
    return "lies inside" if limits[0] <= value <= limits[1] else "lies outside"


def _runs_text(ratio: ProxyRatio) -> str:
    mine, theirs = ratio.runs
    if ratio.paired:
        return f"{mine} seed{'s' * (mine != 1)}, paired" if mine > 1 else "one seed, so that there is no interval"
    return f"{mine} and {theirs} runs, not paired"
