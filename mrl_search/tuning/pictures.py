"""What the doctor and the tuner found, as pictures."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrl_search.atomic import replacing
from mrl_search.errors import MissingPackageError, RecipeError
from mrl_search.eval import Estimate
from mrl_search.tuning.doctor import Diagnosis
from mrl_search.tuning.tune import Tuning

_KINDS = ("png", "svg")


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
    right.set(title="grey: trained widths", ylabel=f"among {found.candidates} candidates by prefix")
    for panel in (left, right):
        panel.set(xscale="log", xlabel="dims", ylim=(0, 1.03))
        panel.set_xticks(dims, [str(dim) for dim in dims], rotation=45)
        panel.set_xticks([], minor=True)
        panel.legend(fontsize="small")
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
    if found.chosen is not None:
        left.scatter(
            [found.chosen.latency_ms_p50], [found.chosen.recall.value], s=160, facecolors="none", edgecolors="k"
        )
    left.axhline(found.target, color="0.8", zorder=0)
    left.set(
        xscale="log", xlabel="p50 ms a query", ylabel=f"recall@{found.k}", title=f"{found.index}: circled is chosen"
    )
    left.legend(fontsize="small")
    if found.ahead is not None:
        ahead, last = found.ahead, found.ahead.documents[-1]
        right.plot(ahead.documents, ahead.needed, marker="o", markersize=4, label="measured")
        with_bars(right, [times * last for times in ahead.times], list(ahead.expected), "expected, 95 % interval")
        right.set(title=f"exact first {ahead.dim} dims, recall {ahead.target:g}", ylabel="candidates needed")
        right.set(xscale="log", yscale="log", xlabel="documents")
        right.legend(fontsize="small")
    write(figure, path)


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
