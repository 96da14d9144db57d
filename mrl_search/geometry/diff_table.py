"""A diff as people read it, and as a picture."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrl_search.columns import aligned
from mrl_search.geometry.analysis_table import pipes
from mrl_search.geometry.crosscoder import Crosscoded
from mrl_search.geometry.diff import Diff, Pair
from mrl_search.geometry.outputs import Shown, made_by
from mrl_search.geometry.pictures import by_width, say_noise
from mrl_search.tuning import new_figure

_LEGEND = (
    "cka: debiased linear CKA, 1 if alike whatever the axes; procrustes: what the best rotation leaves, 0 to 2;\n"
    "overlap: shared ten nearest; cca: mean held-out correlation of the first one's prefix with all of the second;\n"
    "change: |ΔW| / |W|; rank: effective rank of ΔW, of so many; angle: the largest between 16 main directions."
)
_KEYS = {"layers": "layers", "prefixes": "dim", "matrices": "name"}
_LAYER = re.compile(r"\blayers?\.(\d+)\.")
_RANGES = "\nIn brackets: the range over pairs of seeds of one arm."


def shown_diff(found: Diff) -> Shown:
    """What may be written of it."""
    title = f"{found.pair.second} beside {found.pair.first}"
    parts = [
        ("layer by layer", _rows(found, "layers", "layers run", "layers", ("cka", "procrustes", "overlap"))),
        ("prefixes", _rows(found, "prefixes", "dims", "dim", ("cca", "cka", "overlap"))),
        ("weights", _matrices(found)),
    ]
    head = f"{title}: {found.texts:,} texts of {found.texts_of}"
    legend = _LEGEND + (_RANGES if found.seeds else "")
    notes = [f"note: {note}" for note in found.notes]
    if found.crosscoded is not None:
        notes = [*_crosscoded(found, found.crosscoded), *notes]
    table = "\n\n".join([head, *(f"{name}\n" + "\n".join(aligned(rows, {0})) for name, rows in parts), legend, *notes])
    made = made_by(found.provenance)
    page = "\n\n".join(
        [f"# {title}", made, head, legend, *(f"## {name}\n\n{pipes(rows)}" for name, rows in parts), *notes]
    )
    return Shown(found, title, table, page, lambda: _figure(found))


def _crosscoded(found: Diff, of: Crosscoded) -> list[str]:
    """What each model alone has, in words."""
    pair = found.pair
    alone = ", ".join(
        f"{seeds.first} and {seeds.second} {each.first + each.second:,} ({each.surely_first + each.surely_second:,})"
        for seeds, each in zip(found.seeds, found.crosscoded_seeds, strict=False)
    )
    told = [
        f"crosscoder: of {of.latents:,} latents, {of.k} a text, {of.alive:,} live; it explains "
        f"{of.explained[0]:.1%} of {pair.first} and {of.explained[1]:.1%} of {pair.second} on texts not trained on. "
        f"{of.shared:,} are of both alike, {of.first:,} of {pair.first} alone by their decoders ({of.surely_first:,} "
        f"also by latent scaling), {of.second:,} of {pair.second} alone ({of.surely_second:,})."
        + f" Of two seeds of one arm, one alone has: {alone}." * bool(alone)
        + " One seed of the dictionary; another one finds others."
    ]
    told += [
        f"latent {one.latent} of {pair.second if one.share > 0.5 else pair.first}; of it the other has "
        f"{one.by_error:.2f} by errors, {one.by_reconstruction:.2f} by reconstructions: {' | '.join(one.texts)}"
        for one in of.exclusive
    ]
    return told


def _curve(pair: Pair, part: str, name: str) -> list[float]:
    """One figure of all layers, prefixes or matrices, in their order."""
    return [getattr(one, name) for one in getattr(pair, part)]


def _ends(found: Diff, part: str, name: str) -> list[list[float]]:
    """The least and the most of a figure over pairs of seeds, of the same layers, widths or matrices; NaN of none."""
    key = _KEYS[part]
    ours = [getattr(one, key) for one in getattr(found.pair, part)]
    theirs = [{getattr(one, key): getattr(one, name) for one in getattr(pair, part)} for pair in found.seeds]
    return [[end([of[one] for of in theirs if one in of], default=float("nan")) for one in ours] for end in (min, max)]


def _layer_ticks(pair: Pair) -> tuple[list[int], list[str]]:
    """The place of each layer's first matrix, and the layer; and of those before and after the layers."""
    begins: dict[str, int] = {}
    for place, one in enumerate(pair.matrices):
        found = _LAYER.search(one.name)
        begins.setdefault(f"layer {found[1]}" if found else "after" if len(begins) > 1 else "before", place)
    return list(begins.values()), list(begins)


def _rows(found: Diff, part: str, head: str, key: str, names: Sequence[str]) -> list[list[str]]:
    """A line a layer or width, a column a figure, with its range over seeds."""
    columns = [
        [
            f"{value:.4f}{_range(of_seeds)}"
            for value, *of_seeds in zip(*(_curve(pair, part, name) for pair in (found.pair, *found.seeds)), strict=True)
        ]
        for name in names
    ]
    keys = [str(getattr(one, key)) for one in getattr(found.pair, part)]
    return [[head, *names], *map(list, zip(keys, *columns, strict=True))]


def _matrices(found: Diff) -> list[list[str]]:
    lines = [["matrix", "change", "rank", "of", "angle"]]
    for one in found.pair.matrices:
        seeds = [other for pair in found.seeds for other in pair.matrices if other.name == one.name]
        name = one.name.removeprefix("0.").removeprefix("model.")
        change = f"{one.change:.4f}{_range([seed.change for seed in seeds])}"
        rank = f"{one.rank:.1f}{_range([seed.rank for seed in seeds], 1)}"
        angle = f"{one.angle:.1f}°{_range([seed.angle for seed in seeds], 1)}"
        lines.append([name, change, rank, str(one.full), angle])
    return lines


def _range(values: Sequence[float], digits: int = 4) -> str:
    return f" [{min(values):.{digits}f}, {max(values):.{digits}f}]" if values else ""


def _figure(found: Diff) -> Any:
    """Layers, prefixes and weights side by side; bands are the range over pairs of seeds, dotted at its lower end."""
    figure = new_figure(Path("any.svg"))
    figure.set_size_inches(15, 5)
    left, middle, right = figure.subplots(1, 3)
    layers = [one.layers for one in found.pair.layers]
    dims = [one.dim for one in found.pair.prefixes]
    for panel, places, part, names in (
        (left, layers, "layers", ("cka", "overlap")),
        (middle, dims, "prefixes", ("cka", "overlap", "cca")),
        (right, list(range(len(found.pair.matrices))), "matrices", ("change",)),
    ):
        for place, name in enumerate(names):
            look = {"color": f"C{place}"}
            panel.plot(places, _curve(found.pair, part, name), "o-", markersize=4, label=name, **look)
            if found.seeds:
                lows, highs = _ends(found, part, name)
                panel.fill_between(places, lows, highs, alpha=0.25, linewidth=0, **look)
                panel.plot(places, lows, ":", linewidth=1, **look)  # a band of no width is not seen
        panel.legend(fontsize="small")
    right.set_xticks(*_layer_ticks(found.pair), rotation=45)
    left.set(title=f"{found.pair.second} beside {found.pair.first}", xlabel="layers run")
    middle.set(title="prefixes")
    by_width(middle, dims)
    right.set(title="change of each matrix, ‖ΔW‖ / ‖W‖", yscale="log")
    say_noise(figure, found.notes)
    return figure
