"""Evaluations in the formats that papers, spreadsheets and pages take."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mrl_search.atomic import replacing
from mrl_search.errors import MissingPackageError, RecipeError
from mrl_search.eval.page import page
from mrl_search.eval.paired import intervals, verdict
from mrl_search.eval.prices import Prices
from mrl_search.eval.report import Evaluation, Report
from mrl_search.eval.standing import MARGIN
from mrl_search.indexes import EXACT

_COLOURS, _MARKERS = 10, "os^Dv"  # of tab10, that differ well; more series than those differ by their marks
_TEX = str.maketrans({letter: f"\\{letter}" for letter in "&%$#_{}"})
_TESTED = {  # a column's head, and what it shows of a Difference
    "difference": "mean",
    "difference_low": "low",
    "difference_high": "high",
    "p_equivalent": "p_equivalent",
    "detectable": "detectable",
}
_COSTS = (
    "ram_bytes",
    "ram_bytes_per_document",
    "disk_bytes_per_document",
    "macs_per_query",
    "latency_ms_p50",
    "latency_ms_p95",
    "latency_ms_p99",
    "queries_per_second",
)


def write_report(
    evaluations: Sequence[Evaluation],
    path: Path,
    prices: Prices | None = None,
    data: Path | None = None,
    beside: Sequence[str] = (),
) -> None:
    """Writes them to `path`, all or nothing, in the format its ending names: html, md, tex, csv, png or svg.

    data, beside: as for `page`. Raises RecipeError for another ending, MissingPackageError for a picture without
    matplotlib.
    """
    prices, ending = prices or Prices(), path.suffix.lower()
    writers: Mapping[str, Callable[[], str | bytes]] = {
        ".html": lambda: page(evaluations, prices, data, beside),
        ".md": lambda: _markdown(evaluations),
        ".tex": lambda: _latex(evaluations),
        ".csv": lambda: _csv(evaluations, prices),
        ".png": lambda: _picture(evaluations, "png"),
        ".svg": lambda: _picture(evaluations, "svg"),
    }
    if ending not in writers:
        raise RecipeError(f"cannot write {path}: a report is one of {', '.join(writers)}")
    made = writers[ending]()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(made.encode() if isinstance(made, str) else made)


def _cells(row: Report, measures: Sequence[str]) -> list[str]:
    kept = f"{100 * row.kept.share:.1f} [{100 * row.kept.low:.1f}, {100 * row.kept.high:.1f}]" if row.kept else "–"
    return [
        row.encoder,
        row.rotation,
        row.dtype,
        row.prefix,
        row.funnel,
        *(f"{row.mean[name]:.4f}" if name in row.mean else "–" for name in measures),
        kept,
        f"{row.p_holm:.4f}" if row.p_holm is not None else "–",
        verdict(row.difference, row.p_holm),
        f"{row.cost.ram_bytes_per_document:,.0f}",
        f"{row.cost.disk_bytes_per_document:,.0f}",
        f"{row.cost.latency_ms_p50:.2f}",
        f"{row.cost.latency_ms_p99:.2f}",
    ]


def _heads(evaluation: Evaluation) -> list[str]:
    return [
        "encoder", "rotation", "dtype", "prefix", "funnel", *evaluation.measures, "kept %", "p Holm",
        "against full width", "RAM B/doc", "disk B/doc", "p50 ms", "p99 ms",
    ]  # fmt: skip


def _markdown(evaluations: Sequence[Evaluation]) -> str:
    lines = []
    for one in evaluations:
        lines += [f"### {one.title}", "", f"`{one.command}`, commit {one.provenance.get('commit')}", ""]
        lines += [f"| {' | '.join(_heads(one))} |", "|---" * len(_heads(one)) + "|"]
        lines += [f"| {' | '.join(_cells(row, one.measures))} |" for row in one.reports]
        lines += ["", _told(one), "", *(f"- {note}" for note in one.notes), *([""] if one.notes else [])]
    return "\n".join(lines)


def _told(evaluation: Evaluation) -> str:
    return (
        f"kept: of full width's {evaluation.measures[0]}, with the 95 % bootstrap interval; p Holm: of the paired "
        f"randomisation test against it, over all rows; as good: TOST within ± {MARGIN:g}."
    )


def _latex(evaluations: Sequence[Evaluation]) -> str:
    """A tabular each, of booktabs' rules."""
    lines = []
    for one in evaluations:
        heads, end = _heads(one), " \\\\"
        lines += [f"% {one.title}; {one.command}; commit {one.provenance.get('commit')}"]
        lines += [f"\\begin{{tabular}}{{lllll{'r' * (len(heads) - 5)}}}", "\\toprule"]
        lines += [" & ".join(head.translate(_TEX) for head in heads) + end, "\\midrule"]
        lines += [" & ".join(_tex(cell) for cell in _cells(row, one.measures)) + end for row in one.reports]
        lines += ["\\bottomrule", "\\end{tabular}", f"% {_told(one)}", ""]
    return "\n".join(lines)


def _tex(cell: str) -> str:
    return cell.translate(_TEX).replace("–", "--")


def _csv(evaluations: Sequence[Evaluation], prices: Prices) -> str:
    """One line a row and measure, numbers in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = [
        "dataset",
        "split",
        "documents",
        "encoder",
        "rotation",
        "dtype",
        "prefix",
        "funnel",
        "measure",
        "mean",
        "low",
        "high",
    ]
    writer.writerow([*heads, "kept", *_TESTED, "p_holm", "verdict", *_COSTS, f"month_{prices.currency}"])
    for one in evaluations:
        for name in one.measures:
            rows = [row for row in one.reports if name in row.mean]
            spans = intervals([list(row.per_query[name].values()) for row in rows])
            for row, (low, high) in zip(rows, spans, strict=True):
                told: list[Any] = [
                    one.dataset,
                    one.split,
                    one.documents,
                    row.encoder,
                    row.rotation,
                    row.dtype,
                    row.prefix,
                ]
                told += [row.funnel, name, row.mean[name], low, high]
                first = name == one.measures[0]
                told += [row.kept.share if row.kept and first else ""]
                told += [getattr(row.difference, name) if row.difference and first else "" for name in _TESTED.values()]
                told += [row.p_holm, verdict(row.difference, row.p_holm)] if row.difference and first else ["", ""]
                writer.writerow([*told, *(getattr(row.cost, cost) for cost in _COSTS), _month(row, one, prices)])
    return text.getvalue()


def _month(row: Report, evaluation: Evaluation, prices: Prices) -> float | str:
    if not row.funnel[0].isdecimal():  # BM25 counts postings, which do not grow as vectors do
        return ""
    return round(prices.monthly(row, evaluation), 2)


def _picture(evaluations: Sequence[Evaluation], kind: str) -> bytes:
    """Two panels a collection: the first measure against p50, and of exact search against the width."""
    try:
        from matplotlib import colormaps
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogLocator, NullLocator
    except ImportError:
        raise MissingPackageError("matplotlib", "a picture of an evaluation", "train") from None
    figure = Figure(figsize=(12, 5.5 * len(evaluations)), layout="constrained")
    panels = figure.subplots(len(evaluations), 2, squeeze=False)
    for (left, right), one in zip(panels, evaluations, strict=True):
        measure = one.measures[0]
        groups: dict[str, list[Report]] = {}
        for row in one.reports:
            if measure in row.mean:
                groups.setdefault(", ".join(replace(row, prefix=EXACT).source), []).append(row)
        colours = colormaps["tab10"]
        for place, (name, rows) in enumerate(groups.items()):
            colour, marker = colours(place % _COLOURS), _MARKERS[place // _COLOURS % len(_MARKERS)]
            left.scatter(
                [row.cost.latency_ms_p50 for row in rows],
                [row.mean[measure] for row in rows],
                s=18,
                color=colour,
                marker=marker,
            )
            by_dim: dict[int, Report] = {}  # of two of one width the first, which every evaluation has
            for row in rows:
                if row.funnel.replace(":", "").isdecimal():
                    by_dim.setdefault(int(row.funnel.partition(":")[0]), row)
            dims_there = sorted(by_dim)
            spans = intervals([list(by_dim[dim].per_query[measure].values()) for dim in dims_there]) if by_dim else []
            means = [by_dim[dim].mean[measure] for dim in dims_there]
            bars = [[mean - low for mean, (low, _) in zip(means, spans, strict=True)]]
            bars += [[high - mean for mean, (_, high) in zip(means, spans, strict=True)]]
            right.errorbar(dims_there, means, bars, marker=marker, markersize=4, capsize=2, label=name, color=colour)
        left.set(xscale="log", xlabel="p50 ms a query", ylabel=measure, title=one.title)
        left.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        left.xaxis.set_major_formatter("{x:g}")
        left.xaxis.set_minor_locator(NullLocator())
        right.set(xscale="log", xlabel="dims, searched exactly", ylabel=measure, title="95 % bootstrap intervals")
        dims = sorted({int(row.funnel.partition(":")[0]) for row in one.reports if row.funnel[0].isdecimal()})
        right.set_xticks(dims, [str(dim) for dim in dims])
        right.set_xticks([], minor=True)
        right.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format=kind)
    return buffer.getvalue()
