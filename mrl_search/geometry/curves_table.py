"""The course of training as people read it."""

from collections.abc import Mapping

from mrl_search.columns import aligned
from mrl_search.geometry.analysis_table import pipes
from mrl_search.geometry.curves import WINDOW, Course, Curves, Dynamics, Fall
from mrl_search.geometry.curves_picture import curves_figure, named
from mrl_search.geometry.outputs import Shown, made_by
from mrl_search.geometry.seeds import arm, by_arm

_LEGEND = (
    f"loss: mean of the first and of the last {WINDOW} steps; converged: the step from which on the mean of {WINDOW}\n"
    "stays within a tenth of the whole fall of its end, 'not yet' if that is in the last third of the run, – if the\n"
    "loss did not surely fall. Norms are means over steps, in brackets of the first and the last third; gradients\n"
    "of layers are after clipping, of dims before; updates of dims: how far a step moves a few texts' vectors.\n"
    "× is a run's over the first's; ± is the largest share by which two seeds of one arm differ."
)


def shown_dynamics(found: Dynamics, curves: Mapping[str, Curves]) -> Shown:
    """What may be written of it. curves: of the runs and of other seeds, by name, for the picture."""
    names = " and ".join(run.name for run in found.runs)
    parts = [("loss by width", _falls(found)), ("gradients and updates", _norms(found))]
    notes = [f"note: {note}" for note in found.notes]
    tables = [f"{title}\n" + "\n".join(aligned(rows, {0})) for title, rows in parts]
    table = "\n\n".join([f"Training of {names}", *tables, _LEGEND, *notes])
    made = made_by(found.provenance)
    page = "\n\n".join(
        [f"# Training of {names}", made, _LEGEND, *(f"## {title}\n\n{pipes(rows)}" for title, rows in parts), *notes]
    )
    return Shown(found, f"Training of {names}", table, page, lambda: curves_figure(found, curves))


def _falls(found: Dynamics) -> list[list[str]]:
    heads = ["width", *(f"{run.name}: {what}" for run in found.runs for what in ("loss", "converged"))]
    sizes = {fall.size: fall for run in found.runs for fall in run.falls}
    return [
        heads,
        *(
            [named(sizes[size]), *(cell for run in found.runs for cell in _fall_cells(found, run, sizes[size]))]
            for size in sorted(sizes)
        ),
    ]


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
    return "not yet" if fall.unsettled else str(fall.converged or "–")


def _norms(found: Dynamics) -> list[list[str]]:
    by_name = [{norm.what: norm for norm in run.norms} for run in found.runs]
    several = any(len(names) > 1 for names in by_arm(run.name for run in (*found.runs, *found.seeds)).values())
    heads = [run.name for run in found.runs] + [f"× {run.name}" for run in found.runs[1:]] + ["±"] * several
    lines = [["norm of", *heads]]
    for what, ours in by_name[0].items():
        if not ours.mean:  # a layer that the loss does not see
            continue
        told = [norms.get(what) for norms in by_name]
        cells = ["" if one is None else f"{one.mean:.4g} [{one.early:.3g}, {one.late:.3g}]" for one in told]
        ratios = ["" if one is None else f"{one.mean / ours.mean:.2f}" for one in told[1:]]
        lines.append([what, *cells, *ratios, *([_apart(found, what)] if several else [])])
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
