"""The course of training as a picture: above, losses and norms along training; below, norms as means over it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrl_search.geometry.curves import WINDOW, Curves, Dynamics, Fall, losses, smoothed
from mrl_search.geometry.moments import Reals
from mrl_search.geometry.pictures import say_noise
from mrl_search.geometry.seeds import arm
from mrl_search.tuning import new_figure

_NORMS = {
    "gradient[": "gradient by block of dims, over the root of its dims",
    "update[": "update by block of dims, over the root of its dims",
    "gradient:": "gradient by layer, after clipping",
    "update:": "update by layer",
}
"""What columns of a norm begin with → their panel's title."""


def curves_figure(found: Dynamics, curves: Mapping[str, Curves]) -> Any:
    """A colour a run; its sizes, blocks, layers from pale to full. Bands and whiskers: the range over an arm's seeds.

    curves: of the runs and of other seeds of their arms, by name. Raises MissingPackageError without matplotlib.
    """
    first = curves[found.runs[0].name]
    norms = {begins: there for begins in _NORMS if (there := _columns(first, begins))}
    figure = new_figure(Path("any.svg"))
    figure.set_size_inches(5 * (1 + len(norms)), 9)
    above, below = figure.subplots(2, 1 + len(norms), squeeze=False)
    runs = [run.name for run in found.runs]
    for place, name in enumerate(runs):
        told = losses(curves[name])
        for shade, (column, fall) in enumerate(told):
            look = {"color": f"C{place}", "alpha": _shade(shade, len(told)), "label": f"{name} at {named(fall)}"}
            _line(above[0], _seeds(curves, name, column), as_shares=True, **look)
        for panel, columns in zip(above[1:], norms.values(), strict=True):
            for shade, column in enumerate(columns):
                look = {"color": f"C{place}", "alpha": _shade(shade, len(columns))}
                _line(panel, _seeds(curves, name, column), as_shares=False, **look)
    above[0].set(title=f"loss as a share of its first, mean of {WINDOW} steps", xlabel="step")
    for panel, (begins, columns) in zip(above[1:], norms.items(), strict=True):
        panel.set(title=f"{begins.rstrip('[:')} norm, mean of {WINDOW} steps", xlabel="step", yscale="log")
        panel.set_xlabel(f"step; {_told(columns[0])} (pale) to {_told(columns[-1])} (full)")
    for panel, (begins, columns) in zip(below[1:], norms.items(), strict=True):
        _bars(panel, curves, runs, columns)
        panel.set_title(_NORMS[begins])
    _legend(below[0], above[0])
    say_noise(figure, found.notes)
    return figure


def named(fall: Fall) -> str:
    """Of a width, or of a sub-model's."""
    return str(fall.dim) if fall.layers is None else f"{fall.dim}, {fall.layers} layer{'s' * (fall.layers > 1)}"


def _columns(curves: Curves, begins: str) -> list[str]:
    """Those that are anything: a layer that the loss does not see has no gradient."""
    return [name for name, values in curves.items() if name.startswith(begins) and values[np.isfinite(values)].any()]


def _told(column: str) -> str:
    return column.partition(":")[2] if ":" in column.partition("[")[0] else column.partition("[")[2].rstrip("]")


def _shade(place: int, of: int) -> float:
    return 0.3 + 0.7 * (place + 1) / of


def _seeds(curves: Mapping[str, Curves], name: str, column: str) -> list[tuple[Reals, Reals]]:
    """(steps, values) of a run, and then of other seeds of its arm; none where the run lacks the column."""
    others = [other for other in curves if other != name and arm(other) == arm(name)]
    found = [
        (curves[one]["step"], _scaled(column, curves[one][column])) for one in (name, *others) if column in curves[one]
    ]
    return found if column in curves[name] else []


def _scaled(column: str, values: Reals) -> Reals:
    """A block's norm over the root of its dims, so that blocks of all widths may be compared."""
    if "[" not in column:
        return values
    start, stop = _told(column).split(":")
    scaled: Reals = values / np.sqrt(int(stop) - int(start))
    return scaled


def _line(panel: Any, seeds: Sequence[tuple[Reals, Reals]], *, as_shares: bool, **look: Any) -> None:
    """The first one's smoothed curve; and where there are others of as many steps, the range of all."""
    means = [smoothed(values) for _, values in seeds]
    means = [one / one[0] if as_shares else one for one in means if len(one) == len(means[0])]
    if not means:
        return
    steps = seeds[0][0][-len(means[0]) :]
    panel.plot(steps, means[0], **look)
    if len(means) > 1:
        colour, alpha = look["color"], 0.25 * look["alpha"]
        panel.fill_between(steps, np.min(means, axis=0), np.max(means, axis=0), color=colour, alpha=alpha, linewidth=0)


def _bars(panel: Any, curves: Mapping[str, Curves], runs: Sequence[str], columns: Sequence[str]) -> None:
    """Means over steps, a group a block or layer."""
    each = 0.8 / len(runs)
    for place, name in enumerate(runs):
        told = [[_mean(values) for _, values in _seeds(curves, name, column)] or [0.0] for column in columns]
        heights = np.array([means[0] for means in told])
        ends = [[end(means) for means in told] for end in (min, max)]
        reach = [heights - ends[0], ends[1] - heights] if any(len(means) > 1 for means in told) else None
        panel.bar(np.arange(len(columns)) + each * place, heights, each, yerr=reach, capsize=2, label=name)
    panel.set_xticks(np.arange(len(columns)) + 0.4 - each / 2, [_told(column) for column in columns], rotation=30)


def _mean(values: Reals) -> float:
    return float(values[np.isfinite(values)].mean())


def _legend(empty: Any, of: Any) -> None:
    """Names of a panel's lines where there is room: it hid curves and bars when it stood among them."""
    empty.set_axis_off()
    handles, labels = of.get_legend_handles_labels()
    if handles:
        empty.legend(handles, labels, loc="center", fontsize="small", title="loss; the colours are those of all panels")
