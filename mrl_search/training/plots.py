"""The dynamics of a study as a picture: how losses fall, where gradients and updates go."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrl_search.atomic import replacing
from mrl_search.errors import MissingPackageError
from mrl_search.training.dynamics import Row

_SMOOTHED = 20  # steps a point of a curve is the mean of


def plot(curves: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Four panels of a PNG, an arm a colour: the loss at the widest and at the narrowest width, gradients by block of
    dims and updates by layer.

    Raises MissingPackageError without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPackageError("matplotlib", "a picture of the dynamics", "train") from None
    figure = Figure(figsize=(11, 8), layout="constrained")
    panels = figure.subplots(2, 2)
    widths = sorted(
        {
            int(name.removeprefix("loss@"))
            for rows in curves.values()
            for name in rows[0]
            if name.startswith("loss@") and name.removeprefix("loss@").isdigit()  # others are of earlier layers
        }
    )
    for panel, width in zip(panels[0], (widths[-1], widths[0]), strict=True):
        for (arm, rows), dashes in zip(curves.items(), cycle(("-", "--", ":"))):  # arms may lie on one another
            if f"loss@{width}" in rows[0]:
                panel.plot(*_smoothed(rows, f"loss@{width}"), dashes, label=arm)
        panel.set(title=f"loss at {width} dims, mean of {_SMOOTHED} steps", xlabel="step", ylabel="loss")
        panel.legend()
    _bars(panels[1][0], curves, "gradient[", "gradient norm by block of dims, mean over steps")
    _bars(panels[1][1], curves, "update:", "update norm by layer, mean over steps")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _smoothed(rows: Sequence[Row], name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = min(_SMOOTHED, len(rows))
    steps, values = (np.array([row[column] for row in rows], np.float64) for column in ("step", name))
    window = np.ones(size) / size
    return np.convolve(steps, window, "valid"), np.convolve(values, window, "valid")


def _bars(panel: Any, curves: Mapping[str, Sequence[Row]], begins: str, title: str) -> None:
    told = dict.fromkeys(name for rows in curves.values() for name in rows[0])  # a small model lacks layers
    names = [name for name in told if name.startswith(begins)]
    each = 0.8 / len(curves)
    for place, (arm, rows) in enumerate(curves.items()):
        heights = [float(np.mean([row.get(name, 0.0) for row in rows])) for name in names]
        panel.bar(np.arange(len(names)) + each * place, heights, each, label=arm)
    panel.set_xticks(np.arange(len(names)) + 0.4 - each / 2, [name.removeprefix(begins).rstrip("]") for name in names])
    panel.tick_params(axis="x", labelrotation=30)
    panel.set(title=title)
    panel.legend()
