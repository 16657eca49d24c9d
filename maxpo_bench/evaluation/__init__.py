"""Evaluation of scored samples, without any model: pass@k and max@k with intervals, differences, support.

Of several training runs: means over seeds, paired comparisons, the variance proxy, the paper's Tables 2 and 3.

From Python::

    from maxpo_bench.evaluation import make_report, pass_at_k, read_samples

    pass_at_k(256, [0, 3, 200], [1, 16, 256])  # [3 problems, 3 k]
    report = make_report(read_samples("trained.jsonl"), *read_samples("base.jsonl"))
    report.methods[0].pass_at_k.task_average

Names load on first use: importing this package loads nothing that `import maxpo_bench` does not load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxpo_bench.lazy import lazy_names

if TYPE_CHECKING:
    from maxpo_bench.evaluation.curves import Curves, Point, doubling_ks, estimate_curves
    from maxpo_bench.evaluation.maxk import max_at_k
    from maxpo_bench.evaluation.passk import exact_pass_at_k, pass_at_k, sampling_error
    from maxpo_bench.evaluation.reading import read_samples
    from maxpo_bench.evaluation.report import MethodResult, Report, make_report
    from maxpo_bench.evaluation.run import EvaluatedRun
    from maxpo_bench.evaluation.run_means import Intervals
    from maxpo_bench.evaluation.run_report import RunReport, make_run_report
    from maxpo_bench.evaluation.samples import ScoredSamples
    from maxpo_bench.evaluation.support import Support, support_of, unseen_bound

__all__ = [
    "Curves",
    "EvaluatedRun",
    "Intervals",
    "MethodResult",
    "Point",
    "Report",
    "RunReport",
    "ScoredSamples",
    "Support",
    "doubling_ks",
    "estimate_curves",
    "exact_pass_at_k",
    "make_report",
    "make_run_report",
    "max_at_k",
    "pass_at_k",
    "read_samples",
    "sampling_error",
    "support_of",
    "unseen_bound",
]

_MODULES = {
    "Curves": "curves",
    "EvaluatedRun": "run",
    "Intervals": "run_means",
    "MethodResult": "report",
    "Point": "curves",
    "Report": "report",
    "RunReport": "run_report",
    "ScoredSamples": "samples",
    "Support": "support",
    "doubling_ks": "curves",
    "estimate_curves": "curves",
    "exact_pass_at_k": "passk",
    "make_report": "report",
    "make_run_report": "run_report",
    "max_at_k": "maxk",
    "pass_at_k": "passk",
    "read_samples": "reading",
    "sampling_error": "passk",
    "support_of": "support",
    "unseen_bound": "support",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
