"""An analysis as people read it: on a terminal, and in Markdown."""

from collections.abc import Iterator, Mapping, Sequence

from mrl_search.columns import aligned
from mrl_search.geometry.analysis import Analysis, Gap, Geometry, Value
from mrl_search.geometry.measuring import (
    ALIGNMENT,
    CENTRED,
    CORRELATION,
    COSINE,
    HUBNESS,
    ISOSCORE,
    MLE,
    ORDER,
    OVERLAP,
    PARTICIPATION,
    RANK,
    RANKME,
    TWO_NN,
    UNIFORMITY,
)
from mrl_search.geometry.observations import observations
from mrl_search.geometry.outputs import Shown, made_by
from mrl_search.geometry.pictures import analysis_figure

ORDERED = (
    ISOSCORE,
    UNIFORMITY,
    CORRELATION,
    ALIGNMENT,
    COSINE,
    CENTRED,
    PARTICIPATION,
    RANK,
    RANKME,
    TWO_NN,
    MLE,
    HUBNESS,
    OVERLAP,
    ORDER,
)
"""As the notes' three figures, and then the others."""
_SHOWN = 5  # outlier dims
_LEGEND = (
    "±: 1.96 bootstrap standard errors, over rows (or pairs). isoscore: 1 if all directions vary alike;\n"
    "uniformity: the lower the more even, at equal width; correlation: mean |r| of two dims; alignment: of\n"
    "pairs that belong together, the lower the closer; cosine: of two texts; effective rank: of centred\n"
    "rows, rankme: of rows as they are; overlap and rank correlation: with the full width."
)


def analysis_table(found: Analysis) -> str:
    """A block for each subject, one for each arm's differences, and notes."""
    parts = [block for one in found.subjects for block in _subject(one)]
    parts += ["\n".join([title, *aligned(lines, {0})]) for title, lines in _gaps(found)]
    return "\n\n".join([*parts, _LEGEND, *(f"note: {note}" for note in found.notes)])


def markdown(found: Analysis) -> str:
    """A page: what made it, the notes' observations, the tables of measures and of differences, and notes."""
    head = f"# Geometry at every width\n\n{made_by(found.provenance)}\n\n{_LEGEND.replace(chr(10), ' ')}"
    tables = [(one.name, _measures(one)) for one in found.subjects] + list(_gaps(found))
    parts = [f"**{title}**\n\n{pipes(lines)}" for title, lines in tables]
    spectra = [
        f"- {one.name}: {_collapse(one)} {_outliers(one)}" + "".join(f" {line}" for line in _judged(one))
        for one in found.subjects
    ]
    texts = "\n".join(f"- {one.name}: {one.rows_of}; pairs of {one.paired:,}" for one in found.subjects)
    seen = ["## The notes' observations", "\n".join(lines)] if (lines := observations(found)) else []
    notes = [f"*{note}*" for note in found.notes]
    return "\n\n".join([head, texts, *notes, *seen, "## Measures", *parts, "\n".join(spectra)])


def shown_analysis(found: Analysis) -> Shown:
    """What may be written of it."""
    names = ", ".join(one.name for one in found.subjects)
    return Shown(found, f"Geometry of {names}", analysis_table(found), markdown(found), lambda: analysis_figure(found))


def pipes(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first line the head."""
    head, *rest = lines
    rule = "|".join(["---", *["--:"] * (len(head) - 1)])
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(line)} |" for line in rest)])


def _subject(one: Geometry) -> Iterator[str]:
    paired = f", pairs of {one.paired:,}" if one.paired < one.rows else ""
    head = f"{one.name} ({one.kind}): {one.rows_of}{paired}"
    yield "\n".join([head, *aligned(_measures(one), {0})])
    yield "\n".join([_collapse(one), _outliers(one), *_judged(one)])


def _measures(one: Geometry) -> list[list[str]]:
    dims = sorted({value.dim for value in one.values})
    found = {(value.measure, value.dim): value for value in one.values}
    return _grid(dims, {key: _cell(value) for key, value in found.items()})


def _gaps(found: Analysis) -> Iterator[tuple[str, list[list[str]]]]:
    for arm, first in dict.fromkeys((gap.arm, gap.of) for gap in found.gaps):
        told = {(gap.measure, gap.dim): gap for gap in found.gaps if (gap.arm, gap.of) == (arm, first)}
        dims = sorted({dim for _, dim in told})
        lines = _grid(dims, {key: _gap_cell(gap) for key, gap in told.items()})
        yield f"{arm} less {first} (*: the interval excludes 0{_noise_told(found)})", lines


def _grid(dims: Sequence[int], cells: Mapping[tuple[str, int], str]) -> list[list[str]]:
    """A line a measure that is there, a column a width."""
    there = {measure for measure, _ in cells}
    lines = [[measure, *(cells.get((measure, dim), "") for dim in dims)] for measure in ORDERED if measure in there]
    return [["dims", *map(str, dims)], *lines]


def _noise_told(found: Analysis) -> str:
    return "; (*): but within the noise of seeds" if any(gap.noise is not None for gap in found.gaps) else ""


def _cell(value: Value) -> str:
    return f"{_number(value.value)} ±{_number(value.high - value.value)}"


def _gap_cell(gap: Gap) -> str:
    sure = gap.low > 0 or gap.high < 0
    mark = "" if not sure else "*" if gap.noise is None or abs(gap.value) > gap.noise else "(*)"
    return f"{'+' if gap.value > 0 else ''}{_number(gap.value)} ±{_number(gap.high - gap.value)}{mark}"


def _number(value: float) -> str:
    """Three digits or so, without zeros before the point."""
    size = abs(value)
    text = f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"
    return text.replace("0.", ".", 1) if size < 1 and text.lstrip("-").startswith("0.") else text


def _collapse(one: Geometry) -> str:
    """Where the variance lies."""
    full = one.collapse[-1]
    told = f"of {full.dim} dims, {full.of_90} principal axes hold .9 of the variance and {full.of_99} hold .99"
    lost = [f"{each.collapsed} of {each.dim}" for each in one.collapse if each.collapsed]
    return f"{told}; collapsed (below 1e-6 of the largest): {', '.join(lost) or 'none at any width'}."


def _outliers(one: Geometry) -> str:
    """Dims that stand out."""
    if not one.outliers:
        return "No outlier dims (mean or deviation beyond 3 σ of all dims')."
    shown = ", ".join(f"{dim.dim} ({dim.share:.1%})" for dim in one.outliers[:_SHOWN])
    more = f" and {len(one.outliers) - _SHOWN} more" if len(one.outliers) > _SHOWN else ""
    return f"Outlier dims (mean or deviation beyond 3 σ), with their share of the average cosine: {shown}{more}."


def _judged(one: Geometry) -> Iterator[str]:
    """What leaving out dims does to nDCG@10."""
    if one.blocks:
        told = [
            f"{block.start}–{block.stop - 1} {block.difference.mean:+.4f}"
            f" [{block.difference.low:+.4f}, {block.difference.high:+.4f}]{'*' * (block.p_holm < 0.05)}"
            for block in one.blocks
        ]
        yield f"nDCG@10 without a block of dims, less with it (*: p Holm < .05): {', '.join(told)}."
    if one.degrading is not None:
        of = one.degrading
        yield (
            f"Single dims left out of {of.dims}, nDCG@10 {of.ndcg:.4f}: {of.raises} raise it "
            f"({len(of.surely_raises)} surely), {of.lowers} lower it ({len(of.surely_lowers)} surely); without the "
            f"{of.left_out} that harm the even queries, the odd ones have {of.apart.mean:+.4f} "
            f"[{of.apart.low:+.4f}, {of.apart.high:+.4f}]."
        )
