"""How samples were drawn: pass@k of different distributions, lengths or precisions is not compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from maxpo_bench.evaluation.run import EvaluatedRun, Scalar

Sampling = Mapping[str, Scalar]
"""What is known of how samples were drawn, by the names of `COMPARED`."""
COMPARED = ("temperature", "top_p", "max_new_tokens", "template", "dtype")
"""What compared samples agree in; None for `max_new_tokens` is as many as the model's context leaves."""
_SHOWN = 4


def sampling_differences(first: Sampling, second: Sampling) -> list[str]:
    """Say in what two ways of sampling differ, such as "temperature 1.0 and 0.6"; what one lacks is not compared."""
    return [
        f"{name} {_text(first[name])} and {_text(second[name])}"
        for name in COMPARED
        if name in first and name in second and first[name] != second[name]
    ]


def check_sampling(runs: Sequence[EvaluatedRun]) -> list[str]:
    """Compare how the runs of each family of models were sampled, benchmark by benchmark.

    Args:
        runs: all that are in a report.

    Returns:
        Which of them do not say how, in sentences.

    Raises:
        ValueError: two were sampled differently.
    """
    unknown: dict[str, None] = {}
    for family in dict.fromkeys(run.family for run in runs):
        members = [run for run in runs if run.family == family and run.samples is not None]
        names = {name for run in members if run.samples is not None for name in run.samples.benchmarks}
        for benchmark in sorted(names):
            those = [run for run in members if run.on(benchmark) is not None]
            unknown |= dict.fromkeys(run.name for run in those if benchmark not in run.sampling)
            _check([run for run in those if benchmark in run.sampling], benchmark)
    if not unknown:
        return []
    shown = ", ".join(list(unknown)[:_SHOWN]) + (f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else "")
    return [
        f"No record of how samples were drawn (temperature, top-p, length, template, dtype) in {shown}: they are taken "
        "for samples of the same settings as the others."
    ]


def _check(runs: Sequence[EvaluatedRun], benchmark: str) -> None:
    for run in runs[1:]:
        differing = sampling_differences(runs[0].sampling[benchmark], run.sampling[benchmark])
        if differing:
            raise ValueError(
                f"{runs[0].name} and {run.name} were sampled differently on {benchmark} ({'; '.join(differing)}), so "
                "their pass@k cannot be compared: evaluate them alike (maxpo-bench llm eval, with another --out), or "
                "report them one by one"
            )


def _text(value: Scalar) -> str:
    return "as the context leaves" if value is None else str(value)
