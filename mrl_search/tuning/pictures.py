"""What the doctor and the tuner found, as pictures."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrl_search.atomic import replacing
from mrl_search.errors import MissingPackageError, RecipeError
from mrl_search.eval import Estimate
from mrl_search.tuning.doctor import Diagnosis
from mrl_search.tuning.tune import Tuning

_KINDS = ("png", "svg")
_MANY_DECADES = math.inf
_TICKS = (  # decades that values span at most, and the ticks of each
    (0.5, (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)),
    (1.2, (1, 1.5, 2, 3, 4, 5, 7)),
    (3, (1, 2, 5)),
    (_MANY_DECADES, (1,)),
)


def plot_diagnosis(found: Diagnosis, path: Path) -> None:
    """Two panels, PNG or SVG by the ending: overlap with the ten nearest against the width in all axes; and candidates.

    Raises MissingPackageError without matplotlib, RecipeError for another ending.
    """
    figure = new_figure(path)
    left, right = figure.subplots(1, 2)
    dims = [row.dim for row in found.widths]
    for name, values in (("first dims", "own"), (f"rotated ({found.rotation})", "best")):
        with_bars(left, dims, [getattr(row, values) for row in found.widths], name)
        with_bars(right, dims, [getattr(row, f"{values}_within") for row in found.widths], name)
    for name, column in (("random dims", "dims"), ("random axes", "axes"), ("principal axes", "pca")):
        left.plot(dims, [getattr(row, column) for row in found.widths], "--", linewidth=1, label=name)
    for step in found.steps:
        for panel in (left, right):
            panel.axvline(step.dim, color="0.8", zorder=0)
    left.set(title=f"{found.subject}: {found.verdict}", ylabel="of the exact ten nearest, among the ten by prefix")
    found_widths = "grey: trained widths" if found.steps else "no trained widths found"
    right.set(title=found_widths, ylabel=f"among {found.candidates} candidates by prefix")
    for panel in (left, right):
        panel.set(xscale="log", xlabel="dims", ylim=(0, 1.03))
        panel.set_xticks(dims, [str(dim) for dim in dims], rotation=45)
        panel.set_xticks([], minor=True)
        panel.legend(fontsize="small", loc="lower right")
    write(figure, path)


def plot_tuning(found: Tuning, path: Path) -> None:
    """Two panels: recall against p50, a colour a structure; and candidates against documents, measured and expected.

    Raises as `plot_diagnosis`.
    """
    figure = new_figure(path)
    left, right = figure.subplots(1, 2)
    for prefix in sorted({point.prefix for point in found.points}):
        points = [point for point in found.points if point.prefix == prefix]
        with_bars(left, [point.latency_ms_p50 for point in points], [point.recall for point in points], prefix)
    circled = found.chosen or found.nearest
    if circled is not None:
        left.scatter([circled.latency_ms_p50], [circled.recall.value], s=160, facecolors="none", edgecolors="k")
    left.axhline(found.target, color="0.8", zorder=0)
    what = "circled is chosen" if found.chosen is not None else "none meets all, circled is nearest"
    left.set(xlabel="p50 ms a query", ylabel=f"recall@{found.k}", title=f"{found.index}: {what}")
    in_numbers(left, "x", [point.latency_ms_p50 for point in found.points])
    left.legend(fontsize="small", loc="lower right")
    if found.ahead is not None:
        ahead, last = found.ahead, found.ahead.documents[-1]
        later = [times * last for times in ahead.times]
        right.plot(ahead.documents, ahead.needed, marker="o", markersize=4, label="measured")
        right.plot([last, later[0]], [ahead.needed[-1], ahead.expected[0].value], ":", color="0.5")
        with_bars(right, later, list(ahead.expected), "expected, 95 % interval")
        right.set(title=f"exact first {ahead.dim} dims, recall {ahead.target:g}", ylabel="candidates needed")
        right.set(xlabel="documents")
        in_numbers(right, "x", [*ahead.documents, *later])
        in_numbers(right, "y", [*ahead.needed, *(end for one in ahead.expected for end in (one.low, one.high))])
        right.legend(fontsize="small", loc="upper left")
    else:
        right.set_axis_off()  # of one width, or too few documents, nothing is expected
    write(figure, path)


def in_numbers(panel: Any, axis: str, values: Sequence[float]) -> None:
    """A logarithmic axis whose ticks are whole numbers of hundredths, tens, thousands: as many as there is room for."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    panel.set(**{f"{axis}scale": "log"})
    decades = math.log10(max(values) / min(values)) if min(values) > 0 else _MANY_DECADES
    steps = next(steps for most, steps in _TICKS if decades <= most)
    told = getattr(panel, f"{axis}axis")
    told.set_major_locator(LogLocator(subs=steps, numticks=100))
    told.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    told.set_minor_locator(NullLocator())


def new_figure(path: Path) -> Any:
    """An empty figure. Raises RecipeError for a path that says neither PNG nor SVG, before anything is computed."""
    if path.suffix.lower().removeprefix(".") not in _KINDS:
        raise RecipeError(f"cannot draw {path}: a picture is a .png or an .svg")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPackageError("matplotlib", "a picture", "train") from None
    return Figure(figsize=(12, 5.5), layout="constrained")


def with_bars(panel: Any, places: Sequence[float], values: list[Estimate], name: str) -> None:
    """A line with the intervals as bars."""
    lows = [one.value - one.low for one in values]
    highs = [one.high - one.value for one in values]
    means = [one.value for one in values]
    panel.errorbar(places, means, [lows, highs], marker="o", markersize=4, capsize=2, label=name)


def write(figure: Any, path: Path) -> None:
    """Writes the picture, all or nothing."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format=path.suffix.lower().removeprefix("."))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
