"""What the doctor and the tuner found, for a terminal."""

import textwrap

from mrl_search.columns import aligned
from mrl_search.eval import Estimate
from mrl_search.tuning.ahead import Ahead
from mrl_search.tuning.asked import DOCUMENTS
from mrl_search.tuning.doctor import Diagnosis
from mrl_search.tuning.points import Point
from mrl_search.tuning.tune import Tuning

_WIDE = 118  # the table's own width


def diagnosis_table(found: Diagnosis) -> str:
    """The verdict first, then what it rests on: the curve, a line a width."""
    heads = ["dims", "of 10", f"in {found.candidates}", "random dims", "random axes", "pca", "rotated", "rotated in"]
    lines = [heads]
    lines += [
        [
            str(row.dim),
            interval(row.own),
            interval(row.own_within),
            *(f"{value:.3f}" for value in (row.dims, row.axes, row.pca)),
            interval(row.best),
            interval(row.best_within),
        ]
        for row in found.widths
    ]
    facts = {
        "verdict": f"{found.verdict}: {found.reason}",
        "trained widths": _trained(found),
        "unit length": _unit(found),
        "LayerNorm": f"{'helps' if found.layer_norm_helps else 'no help'} before the cut: overlap "
        f"{interval(found.layer_norm, sign=True)}",
        "rotation": f"{found.rotation}  {found.why}".rstrip(),
        "dims": _dims(found),
    }
    return "\n".join(
        [
            f"{found.subject}: {found.dim} dims, {found.rows_of}",
            "",
            *(line for name, value in facts.items() for line in _wrapped(name, value)),
            "",
            *aligned(lines, set()),
            "",
            *_explained(found),
        ]
    )


def _wrapped(name: str, value: str) -> list[str]:
    """A fact in lines that fit a terminal; its name before the first."""
    return textwrap.wrap(
        f"{name:<16}{value}",
        _WIDE,
        subsequent_indent=" " * 16,
        replace_whitespace=False,
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )


def interval(found: Estimate, *, sign: bool = False) -> str:
    """As `.953 [.941, .964]`."""
    value, low, high = ((f"{one:+.3f}" if sign else f"{one:.3f}") for one in (found.value, found.low, found.high))
    return value if found.low == found.high else f"{value} [{low}, {high}]"


def _explained(found: Diagnosis) -> list[str]:
    return [
        f"Of the ten nearest of {found.documents:,} documents by all dims (to {found.queries:,} held-out rows):",
        f"how many are among the ten nearest by the first dims, and among the {found.candidates} nearest;",
        "among the ten by as many dims at random, random axes, principal axes; rotated: after the",
        "recommended rotation. With 95 % bootstrap intervals over the rows.",
    ]


def tuning_table(found: Tuning) -> str:
    """What was chosen, and what from; then what more documents will need."""
    heads = ["", "prefix", "cells", "funnel", f"recall@{found.k}", "p50 ms", "p95 ms", "RAM B/doc"]
    lines = [heads, *(_cells(point, found) for point in found.points)]
    return "\n".join(
        [
            f"{found.index}: {found.documents:,} documents, wanted recall@{found.k} ≥ {found.target:g}{_limits(found)}",
            "",
            *aligned(lines, {0, 1, 3}),
            "",
            *_measured(found),
            *(["", *_ahead(found.ahead)] if found.ahead is not None else []),
            "",
            *_outcome(found),
        ]
    )


def _measured(found: Tuning) -> list[str]:
    return [
        f"*: chosen. Recall of the exact {found.k} best over {found.asked:,} {_asked(found)},",
        "with its 95 % interval, whose lower end must reach what is wanted; times of single queries,",
        "vector to rows; RAM of the prefix index.",
    ]


def _limits(found: Tuning) -> str:
    told = [f", p95 ≤ {found.p95_ms:g} ms"] if found.p95_ms is not None else []
    told += [f", RAM ≤ {found.ram_bytes / 1e6:,.0f} MB"] if found.ram_bytes is not None else []
    return "".join(told)


def _asked(found: Tuning) -> str:
    return "documents in place of queries" if found.source == DOCUMENTS else f"queries of {found.source}"


def _cells(point: Point, found: Tuning) -> list[str]:
    return [
        "*" if point == found.chosen else "",
        point.prefix,
        f"{point.probes:,}" if point.probes is not None else "–",
        point.funnel,
        f"{point.recall.value:.4f} [{point.recall.low:.4f}, {point.recall.high:.4f}]",
        f"{point.latency_ms_p50:.3f}",
        f"{point.latency_ms_p95:.3f}",
        f"{point.ram_bytes_per_document:,.0f}",
    ]


def _ahead(ahead: Ahead) -> list[str]:
    lines = [["documents", "candidates"]]
    lines += [[f"{count:,}", f"{needed:,.0f}"] for count, needed in zip(ahead.documents, ahead.needed, strict=True)]
    last = ahead.documents[-1]
    for times, one in zip(ahead.times, ahead.expected, strict=True):
        lines.append([f"{times * last:,}", f"{one.value:,.0f} [{one.low:,.0f}, {one.high:,.0f}] expected"])
    power = ahead.power
    return [
        *aligned(lines, {1}),
        f"by the exact first {ahead.dim} dims for {ahead.target:g}; they grow like documents^{power.value:.2f} "
        f"[{power.low:.2f}, {power.high:.2f}]",
    ]


def _outcome(found: Tuning) -> list[str]:
    told = []
    if found.chosen is not None:
        told.append(f"chosen: {_said(found.chosen)}")
    elif found.nearest is not None:
        told.append(f"no funnel of this index meets all of that; the nearest is {_said(found.nearest)}")
    if found.better is not None:
        told.append(f"another index would be faster, with {_said(found.better)}:\n  {found.build}")
    return told


def _said(point: Point) -> str:
    cells = f" in {point.probes:,} cells" if point.probes is not None else ""
    return (
        f"{point.funnel}{cells} over {point.prefix}: recall {point.recall.value:.4f} "
        f"[{point.recall.low:.4f}, {point.recall.high:.4f}], p50 {point.latency_ms_p50:.3f} ms, "
        f"p95 {point.latency_ms_p95:.3f} ms"
    )


def _trained(found: Diagnosis) -> str:
    seen = ", ".join(f"{step.dim} (falls {step.falls:.2f}×)" for step in found.steps) or "none found"
    return f"{seen}; the encoder names {', '.join(map(str, found.declared))}" if found.declared else seen


def _unit(found: Diagnosis) -> str:
    if found.unit is None:
        return "yes, by construction"
    shortest, longest = found.lengths
    return f"{'yes' if found.unit else 'no'}, raw vectors are {shortest:.4g} to {longest:.4g} long"


def _dims(found: Diagnosis) -> str:
    asked = ",".join(map(str, found.dims))
    if len(found.dims) == 1:
        return f"--dims {asked}: no prefix's candidates surely hold .99 of the ten nearest"
    return f"--dims {asked}: the shortest prefix whose {found.candidates} candidates surely hold .99 of the ten nearest"
