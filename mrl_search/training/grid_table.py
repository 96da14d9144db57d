"""A study of several depths as tables: the sizes that small models were trained at, and every arm's grid."""

from collections.abc import Iterator
from typing import NamedTuple

from mrl_search.eval import Kept, Measured, Study
from mrl_search.training.sizes import Size
from mrl_search.training.study_cells import LEGEND, seeds_note, told_difference

_ALONE = "by itself"


class _Page(NamedTuple):
    """What was measured on one collection after one rotation: arm → size → mean over the seeds."""

    dataset: str
    rotation: str
    measure: str
    arms: dict[str, dict[Size, float]]


def is_grid(study: Study) -> bool:
    """Whether arms were measured at several depths."""
    return any(one.layers is not None for one in study.measured)


def grids(study: Study) -> str:
    """Markdown: for each collection and rotation the sizes that have a model of their own, then a grid of each arm."""
    lines: list[str] = []
    for page in _pages(study):
        title = f"{page.dataset}, {page.measure}, rotation {page.rotation}"
        lines += ["", f"{title}, at (layers, dims), beside models trained at that size by themselves:", ""]
        lines += _diagonal(study, page)
        for arm, means in page.arms.items():
            if len({size.layers for size in means}) > 1:
                lines += ["", f"{arm}, {title}, of every layer and width, and the share of its largest:", ""]
                lines += _grid(study, means)
    return "\n".join([*lines[1:], *_notes(study)])


def _pages(study: Study) -> Iterator[_Page]:
    for where in dict.fromkeys((one.dataset, one.rotation, one.measure) for one in study.measured):
        here = [one for one in study.measured if (one.dataset, one.rotation, one.measure) == where]
        yield _Page(*where, {arm: _means([one for one in here if one.arm == arm]) for arm in _names(here)})


def _names(measured: list[Measured]) -> list[str]:
    return list(dict.fromkeys(one.arm for one in measured))


def _means(measured: list[Measured]) -> dict[Size, float]:
    seeds: dict[Size, list[float]] = {}
    for one in measured:
        seeds.setdefault(Size(one.layers, one.dim), []).append(one.mean)
    return {size: sum(values) / len(values) for size, values in sorted(seeds.items())}


def _diagonal(study: Study, page: _Page) -> Iterator[str]:
    """The sizes that some arm was compared at; a line of their own models, and two for each that holds several."""
    where = (page.dataset, page.rotation)
    here = [one for one in study.compared if (one.dataset, one.rotation) == where]
    rivals = {Size(one.layers, one.dim): str(one.against) for one in here}
    sizes = sorted(rivals)
    yield "| arm | " + " | ".join(f"({size.layers}, {size.dim})" for size in sizes) + " |"
    yield "|---" * (len(sizes) + 1) + "|"
    yield f"| {_ALONE} | " + " | ".join(f"{page.arms[rivals[size]][size]:.4f}" for size in sizes) + " |"
    for arm, means in page.arms.items():
        differences = {Size(one.layers, one.dim): one.difference for one in here if one.arm == arm}
        if not differences:
            continue
        kept = {
            Size(one.layers, one.dim): one
            for one in study.kept
            if (one.dataset, one.rotation, one.arm) == (*where, arm)
        }
        yield f"| {arm} | " + " | ".join(_cell(means, kept, size) for size in sizes) + " |"
        told = (told_difference(differences[size]) if size in differences else "–" for size in sizes)
        yield f"| {arm} − {_ALONE} | " + " | ".join(told) + " |"


def _cell(means: dict[Size, float], kept: dict[Size, Kept], size: Size) -> str:
    """The mean, and what it is of the arm's largest with its interval, but for the largest itself."""
    if size not in kept or size == max(means):
        return f"{means[size]:.4f}"
    share = kept[size].share
    return f"{means[size]:.4f} ({share.share:.1%} [{share.low:.1%}, {share.high:.1%}])"


def _grid(study: Study, means: dict[Size, float]) -> Iterator[str]:
    """A line for each depth, with how much faster than the deepest it encodes, and a column for each width."""
    layers, dims = sorted({size.layers or 0 for size in means}), sorted({size.dim for size in means}, reverse=True)
    largest, speeds = means[max(means)], study.texts_per_second
    yield "| layers | encodes | " + " | ".join(map(str, dims)) + " |"
    yield "|---" * (len(dims) + 2) + "|"
    for depth in layers:
        faster = f"{speeds[str(depth)] / speeds[str(layers[-1])]:.1f} ×" if str(depth) in speeds else "–"
        values = (means[Size(depth, dim)] for dim in dims)
        yield f"| {depth} | {faster} | " + " | ".join(f"{value:.4f} ({value / largest:.0%})" for value in values) + " |"


def _notes(study: Study) -> list[str]:
    notes = [
        "",
        f"In brackets: the share of the arm's own largest size{', with its 95 % interval' if study.kept else ''}.",
    ]
    if study.compared:
        told = LEGEND.format(
            others=f"the model trained at that size {_ALONE}", margin=study.compared[0].difference.margin
        )
        notes.append(f"{told}; no correction for many comparisons.")
    if study.texts_per_second:
        told = ", ".join(f"{layers}: {speed:,.0f}" for layers, speed in study.texts_per_second.items())
        notes.append(f"Texts a second by layers, on {study.provenance.get('machine')}: {told}.")
    return [*notes, seeds_note(study)]
