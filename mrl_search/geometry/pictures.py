"""Analyses as pictures in one style: the width on a logarithmic axis, the full width at the right."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrl_search.geometry.analysis import Analysis
from mrl_search.geometry.measuring import CORRELATION, ISOSCORE, OVERLAP, RANK, TWO_NN, UNIFORMITY
from mrl_search.geometry.seeds import by_arm
from mrl_search.tuning import new_figure

_DASHES = ("-", "--", ":")  # of the seeds of an arm
_OF_SEEDS = re.compile(r"\bseeds?\b")  # and not of ARM-seed0
_PANELS = (
    (ISOSCORE, "IsoScore (higher: more even)"),
    (UNIFORMITY, "uniformity (lower: more even)"),
    (CORRELATION, "mean |correlation| of dims (lower: less redundant)"),
    (RANK, "effective rank"),
    (TWO_NN, "intrinsic dimension (TwoNN)"),
    (OVERLAP, "overlap@10 with the full width"),
)


def analysis_figure(found: Analysis) -> Any:
    """Six panels, a line a subject with its 95 % intervals, a colour an arm; the notes' three are above.

    Raises MissingPackageError without matplotlib.
    """
    figure = new_figure(Path("any.svg"))
    figure.set_size_inches(14, 8.5)
    panels = figure.subplots(2, 3)
    arms = list(by_arm(subject.name for subject in found.subjects).values())
    styles = {
        name: (f"C{place}", _DASHES[min(seed, 2)])
        for place, names in enumerate(arms)
        for seed, name in enumerate(names)
    }
    for panel, (measure, title) in zip(panels.flat, _PANELS, strict=True):
        dims: set[int] = set()
        for subject in found.subjects:
            told = sorted((value.dim, value) for value in subject.values if value.measure == measure)
            dims |= {dim for dim, _ in told}
            means = [value.value for _, value in told]
            reaches = [value.high - value.value for _, value in told]
            colour, dashes = styles[subject.name]
            told_as = {"color": colour, "linestyle": dashes, "label": subject.name}
            panel.errorbar([dim for dim, _ in told], means, reaches, marker="o", markersize=4, capsize=2, **told_as)
        by_width(panel, sorted(dims))
        panel.set(title=title)
    panels[0][0].legend(fontsize="small")
    say_noise(figure, found.notes)
    return figure


def say_noise(figure: Any, notes: Sequence[str]) -> None:
    """Below the panels: what is known of how far seeds move them, or that nothing is."""
    figure.supxlabel("\n".join(note for note in notes if _OF_SEEDS.search(note)), fontsize="small")


def by_width(panel: Any, dims: list[int]) -> None:
    """A logarithmic axis with these widths as its only ticks."""
    panel.set(xscale="log", xlabel="dims")
    panel.set_xticks(dims, [str(dim) for dim in dims], rotation=45)
    panel.set_xticks([], minor=True)
