"""The table people read."""

from statistics import median

from mrl_search.columns import aligned
from mrl_search.eval.growth import BEYOND
from mrl_search.eval.paired import verdict
from mrl_search.eval.recipes import DEEPEST
from mrl_search.eval.report import Evaluation, Report
from mrl_search.eval.standing import MARGIN

_LEGEND = (
    "kept: share of full width's {measure}, with its 95 % bootstrap interval; p Holm: of the paired randomisation\n"
    "test against it, over all rows; as good: TOST within ± {margin:g}; so many queries show {detectable}\n"
    "four times of five (median of the rows); bytes: per document, RAM (+ disk); macs: multiply-adds a query;\n"
    "ms: one query at a time, from its vector, on {device}."
)
_GROWTH_LEGEND = (
    "{measure} of exact search as documents nobody judged are added, some of which may be relevant: a lower bound.\n"
    "Brackets: 95 % over the queries, if it goes on falling by the same share, which is assumed."
)


def table(evaluation: Evaluation) -> str:
    """One line a row, columns aligned, units in the heads; a measure deeper than the funnel is a dash.

    Rotation, format and prefix are columns where there is more than one.
    """
    told = [
        name for name in ("rotation", "dtype", "prefix") if len({getattr(row, name) for row in evaluation.reports}) > 1
    ]
    heads = [
        "encoder",
        *told,
        "funnel",
        *evaluation.measures,
        "kept %",
        "p Holm",
        "verdict",
        "bytes",
        "macs",
        "p50 ms",
        "p99 ms",
    ]
    lines = [heads, *(_cells(report, told, evaluation.measures) for report in evaluation.reports)]
    device = evaluation.reports[0].cost.device.partition(",")[0] if evaluation.reports else "cpu"
    return "\n".join(
        [
            evaluation.title,
            "",
            *aligned(lines, set(range(2 + len(told)))),
            "",
            _LEGEND.format(
                measure=evaluation.measures[0], margin=MARGIN, device=device, detectable=_detectable(evaluation)
            ),
            *(f"note: {note}" for note in evaluation.notes),
            *(["", *_growth(evaluation)] if evaluation.growth else []),
        ]
    )


def _detectable(evaluation: Evaluation) -> str:
    found = [row.difference.detectable for row in evaluation.reports if row.difference is not None]
    return f"a difference of {median(found):.3f}" if found else "no difference"


def _growth(evaluation: Evaluation) -> list[str]:
    """Two tables by size of the corpus: the first measure with what it loses, and the candidates needed."""
    first, most = evaluation.growth[0], evaluation.growth[0].documents[-1]
    heads = ["encoder", "rotation", "dims", *(f"{count:,}" for count in first.documents)]
    beyond = [f"at {times * most:,}" for times in BEYOND]
    quality, needed = [[*heads, "ten times as many", *beyond]], [heads]
    for one in evaluation.growth:
        words, curve = [one.encoder, one.rotation, f"{one.dim:,}"], one.curves[0]
        means = [f"{mean:.4f}" for mean in curve.mean]
        ahead = [f"{some.value:.3f} [{some.low:.3f}, {some.high:.3f}]" for some in curve.expected]
        slope = curve.per_decade
        quality.append([*words, *means, f"{slope.value:+.1%} [{slope.low:+.1%}, {slope.high:+.1%}]", *ahead])
        needed.append([*words, *(f"{count:,}" if count else f"> {DEEPEST:,}" for count in one.needed)])
    return [
        _GROWTH_LEGEND.format(measure=evaluation.measures[0]),
        "",
        *aligned(quality, {0, 1}),
        "",
        "candidates by that width that hold .99 of the full width's ten best:",
        "",
        *aligned(needed, {0, 1}),
    ]


def _cells(report: Report, told: list[str], measures: tuple[str, ...]) -> list[str]:
    kept, cost = report.kept, report.cost
    disk = f"+{cost.disk_bytes_per_document:,.0f}" if cost.disk_bytes_per_document else ""
    return [
        report.encoder,
        *(getattr(report, name) for name in told),
        report.funnel,
        *(f"{report.mean[name]:.4f}" if name in report.mean else "–" for name in measures),
        f"{100 * kept.share:.1f} [{100 * kept.low:.1f}, {100 * kept.high:.1f}]" if kept else "–",
        f"{report.p_holm:.4f}" if report.p_holm is not None else "–",
        verdict(report.difference, report.p_holm),
        f"{cost.ram_bytes_per_document:,.0f}{disk}",
        _short(cost.macs_per_query),
        f"{cost.latency_ms_p50:.2f}",
        f"{cost.latency_ms_p99:.2f}",
    ]


def _short(count: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.2f}{letter}"
    return str(count)
