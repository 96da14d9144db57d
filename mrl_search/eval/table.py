"""The table people read."""

from mrl_search.columns import aligned
from mrl_search.eval.report import Evaluation, Report

_LEGEND = (
    "kept: share of full width's {measure}, with its 95 % bootstrap interval; bytes: per document, RAM (+ disk);\n"
    "macs: multiply-adds a query; ms: one query at a time, from its vector, on {device}."
)


def table(evaluation: Evaluation) -> str:
    """One line a row, columns aligned, units in the heads; a measure deeper than the funnel is a dash.

    Rotation and prefix are columns where there is more than one.
    """
    told = [name for name in ("rotation", "prefix") if len({getattr(row, name) for row in evaluation.reports}) > 1]
    heads = ["encoder", *told, "funnel", *evaluation.measures, "kept %", "bytes", "macs", "p50 ms", "p95 ms"]
    lines = [heads, *(_cells(report, told, evaluation.measures) for report in evaluation.reports)]
    device = evaluation.reports[0].cost.device if evaluation.reports else "cpu"
    title = (
        f"{evaluation.dataset} ({evaluation.split}): {evaluation.documents:,} documents, {evaluation.queries:,} queries"
    )
    return "\n".join(
        [
            title,
            "",
            *aligned(lines, set(range(2 + len(told)))),
            "",
            _LEGEND.format(measure=evaluation.measures[0], device=device),
        ]
    )


def _cells(report: Report, told: list[str], measures: tuple[str, ...]) -> list[str]:
    kept, cost = report.kept, report.cost
    disk = f"+{cost.disk_bytes_per_document:,.0f}" if cost.disk_bytes_per_document else ""
    return [
        report.encoder,
        *(getattr(report, name) for name in told),
        report.funnel,
        *(f"{report.mean[name]:.4f}" if name in report.mean else "–" for name in measures),
        f"{100 * kept.share:.1f} [{100 * kept.low:.1f}, {100 * kept.high:.1f}]" if kept else "–",
        f"{cost.ram_bytes_per_document:,.0f}{disk}",
        _short(cost.macs_per_query),
        f"{cost.latency_ms_p50:.2f}",
        f"{cost.latency_ms_p95:.2f}",
    ]


def _short(count: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.2f}{letter}"
    return str(count)
