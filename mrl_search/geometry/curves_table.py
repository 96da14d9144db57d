"""The course of training as people read it, and as a picture."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrl_search.columns import aligned
from mrl_search.geometry.analysis_table import pipes
from mrl_search.geometry.curves import WINDOW, Course, Curves, Dynamics, Fall, losses, smoothed
from mrl_search.geometry.outputs import Shown, made_by
from mrl_search.geometry.pictures import say_noise
from mrl_search.geometry.seeds import arm
from mrl_search.tuning import new_figure

_LEGEND = (
    f"loss: mean of the first and of the last {WINDOW} steps; converged: the step from which on the mean of {WINDOW}\n"
    "stays within a tenth of the whole fall of its end, or – if the loss did not surely fall. Norms are means over\n"
    "steps, in brackets of the first and the last third; gradients of layers are after clipping, of dims before.\n"
    "× is a run's over the first's; ± is the largest share by which two seeds of one arm differ."
)


def shown_dynamics(found: Dynamics, curves: Mapping[str, Curves]) -> Shown:
    """What may be written of it. curves: of the named runs, by name, for the picture."""
    names = " and ".join(run.name for run in found.runs)
    parts = [("loss by width", _falls(found)), ("gradients and updates", _norms(found))]
    notes = [f"note: {note}" for note in found.notes]
    tables = [f"{title}\n" + "\n".join(aligned(rows, {0})) for title, rows in parts]
    table = "\n\n".join([f"Training of {names}", *tables, _LEGEND, *notes])
    made = made_by(found.provenance)
    page = "\n\n".join(
        [f"# Training of {names}", made, _LEGEND, *(f"## {title}\n\n{pipes(rows)}" for title, rows in parts), *notes]
    )
    return Shown(found, f"Training of {names}", table, page, lambda: _figure(found, curves))


def _falls(found: Dynamics) -> list[list[str]]:
    heads = ["width", *(f"{run.name}: {what}" for run in found.runs for what in ("loss", "converged"))]
    sizes = {fall.size: fall for run in found.runs for fall in run.falls}
    return [
        heads,
        *(
            [_named(sizes[size]), *(cell for run in found.runs for cell in _fall_cells(found, run, sizes[size]))]
            for size in sorted(sizes)
        ),
    ]


def _named(fall: Fall) -> str:
    return str(fall.dim) if fall.layers is None else f"{fall.dim}, {fall.layers} layer{'s' * (fall.layers > 1)}"


def _fall_cells(found: Dynamics, run: Course, of: Fall) -> tuple[str, str]:
    """The loss, and where it converged, each with the same of the arm's other seeds."""
    told = next((fall for fall in run.falls if fall.size == of.size), None)
    if told is None:
        return "", ""
    others = [
        fall for seed in found.seeds if arm(seed.name) == arm(run.name) for fall in seed.falls if fall.size == of.size
    ]
    ends, steps = ([told(fall) for fall in others] for told in (lambda fall: f"{fall.last:.4f}", _step))
    also = [f" (seeds: {', '.join(each)})" if others else "" for each in (ends, steps)]
    return f"{told.first:.4f} → {told.last:.4f}{also[0]}", f"{_step(told)}{also[1]}"


def _step(fall: Fall) -> str:
    return str(fall.converged or "–")


def _norms(found: Dynamics) -> list[list[str]]:
    by_name = [{norm.what: norm for norm in run.norms} for run in found.runs]
    heads = [run.name for run in found.runs] + [f"× {run.name}" for run in found.runs[1:]] + ["±"] * bool(found.seeds)
    lines = [["norm of", *heads]]
    for what, ours in by_name[0].items():
        if not ours.mean:  # a layer that the loss does not see
            continue
        told = [norms.get(what) for norms in by_name]
        cells = ["" if one is None else f"{one.mean:.4g} [{one.early:.3g}, {one.late:.3g}]" for one in told]
        ratios = ["" if one is None else f"{one.mean / ours.mean:.2f}" for one in told[1:]]
        lines.append([what, *cells, *ratios, *([_apart(found, what)] if found.seeds else [])])
    return lines


def _apart(found: Dynamics, what: str) -> str:
    """The largest share by which two seeds of one arm differ."""
    means = {run.name: norm.mean for run in (*found.runs, *found.seeds) for norm in run.norms if norm.what == what}
    shares = [
        abs(one - other) / min(one, other)
        for name, one in means.items()
        for beside, other in means.items()
        if name < beside and arm(name) == arm(beside) and min(one, other) > 0
    ]
    return f"{max(shares):.1%}" if shares else ""


def _figure(found: Dynamics, curves: Mapping[str, Curves]) -> Any:
    """Losses of every width as shares of their first; gradients by layer and by block of dims; updates by layer."""
    figure = new_figure(Path("any.svg"))
    figure.set_size_inches(14, 9)
    (falls, blocks), (gradients, updates) = figure.subplots(2, 2)
    for place, (name, of) in enumerate(curves.items()):
        columns = losses(of)
        for shade, (column, fall) in enumerate(columns):
            means = smoothed(of[column])
            steps = of["step"][len(of["step"]) - len(means) :]
            colour, alpha = f"C{place}", 0.3 + 0.7 * (shade + 1) / len(columns)
            falls.plot(steps, means / means[0], color=colour, alpha=alpha, label=f"{name} at {_named(fall)}")
    falls.set(title=f"loss, mean of {WINDOW} steps, as a share of its first", xlabel="step")
    if falls.lines:
        falls.legend(fontsize="x-small")
    _bars(blocks, curves, "gradient[", lambda column, mean: mean / np.sqrt(_size(column)))
    _bars(gradients, curves, "gradient:", lambda _, mean: mean)
    _bars(updates, curves, "update:", lambda _, mean: mean)
    blocks.set(title="gradient norm by block of dims, over the root of its dims")
    gradients.set(title="gradient norm by layer, after clipping")
    updates.set(title="update norm by layer")
    say_noise(figure, found.notes)
    return figure


def _size(column: str) -> int:
    start, stop = column.removeprefix("gradient[").rstrip("]").split(":")
    return int(stop) - int(start)


def _bars(panel: Any, curves: Mapping[str, Curves], begins: str, scale: Callable[[str, float], float]) -> None:
    first = next(iter(curves.values()))
    columns: Sequence[str] = [name for name, values in first.items() if name.startswith(begins) and values.any()]
    each = 0.8 / len(curves)
    for place, (name, of) in enumerate(curves.items()):
        heights = [scale(column, float(np.nanmean(of[column]))) if column in of else 0.0 for column in columns]
        panel.bar(np.arange(len(columns)) + each * place, heights, each, label=name)
    labels = [column.removeprefix(begins).rstrip("]") for column in columns]
    panel.set_xticks(np.arange(len(columns)) + 0.4 - each / 2, labels, rotation=30)
    panel.legend(fontsize="small")
