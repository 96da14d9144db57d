"""The geometry of one array or several, at every width, and how they differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mrl_search.encoders import EncoderSpec
from mrl_search.errors import DimensionError, EncoderError, VectorsError
from mrl_search.geometry.copies import MANY, distinct
from mrl_search.geometry.materials import Asked, Material, material
from mrl_search.geometry.measuring import Collapse, Redrawn, aligned_pairs, neighbourhood, spread
from mrl_search.geometry.outliers import OutlierDim, outlier_dims
from mrl_search.geometry.ranking import Block, Degrading, blocks, degrading
from mrl_search.geometry.redraws import reach
from mrl_search.geometry.seeds import apart, arm, by_arm, label, labels, siblings
from mrl_search.provenance import provenance
from mrl_search.results import Result
from mrl_search.vectors import Vectors

PAIRED = 5_000
"""Rows of which all pairs are taken."""
_LEAST = 8  # dims
_DIFFERENT = 100  # rows
_SEED = 0
_DIGITS = 6


@dataclass(frozen=True)
class Value:
    """A measure at a width; its 95 % interval over rows, or pairs, is 1.96 bootstrap standard errors on each side."""

    measure: str
    dim: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Gap:
    """What an arm has more of a measure than `of`, an earlier one, with its interval over the same rows; seeds meaned.

    noise: the largest difference of two seeds of one arm; None where no arm has two.
    """

    arm: str
    of: str
    measure: str
    dim: int
    value: float
    low: float
    high: float
    noise: float | None


@dataclass(frozen=True)
class Ties:
    """At one width: how many of the paired rows coincide with another; or how many rows are zeros."""

    dim: int
    rows: int


@dataclass(frozen=True)
class Geometry:
    """One subject. rows: of which covariances are; paired: of which all pairs are taken.

    copies: rows that an earlier one is the same as, left out of the paired ones. ties: widths where rows coincide.
    near_copies: paired rows with others ten times nearer than the next (see `copies.knotted`). zeros: widths where rows
    are zeros and have no direction; nothing is told of a width where a tenth are.

    spectrum: eigenvalues of the full width's covariance, as shares of their sum, the largest first. values: those that
    are numbers, measure by measure. blocks, degrading: where a judged collection was named.
    """

    name: str
    kind: str
    rows_of: str
    rows: int
    paired: int
    dim: int
    trained: tuple[int, ...]
    spectrum: tuple[float, ...]
    collapse: tuple[Collapse, ...]
    outliers: tuple[OutlierDim, ...]
    values: tuple[Value, ...]
    blocks: tuple[Block, ...]
    degrading: Degrading | None
    copies: int = 0
    ties: tuple[Ties, ...] = ()
    near_copies: int = 0
    zeros: tuple[Ties, ...] = ()


@dataclass(frozen=True)
class Analysis(Result):
    """All subjects, in the order they were named; gaps: each arm less each that came before."""

    subjects: tuple[Geometry, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]
    provenance: dict[str, object]


def analyze(specs: Sequence[EncoderSpec], asked: Asked, dims: Sequence[int] = ()) -> Analysis:
    """Analyses encoders, indexes or .npy files on the same texts. dims: widths, powers of two from 8 unless told.

    Raises as `material`, DimensionError for widths that a subject does not have, before others are encoded,
    EncoderError for a subject that is named twice, and VectorsError where fewer than 100 rows differ.
    """
    told = [spec.label for spec in specs]
    if twice := [name for name in told if told.count(name) > 1]:
        raise EncoderError(f"{twice[0]} is named twice; name each subject once")
    found: dict[str, Geometry] = {}
    drawn: dict[str, Redrawn] = {}
    kept: dict[tuple[str, int], NDArray[np.int64]] = {}
    for name, spec in zip(labels(told), specs, strict=True):
        given = material(spec, asked)
        texts = (given.subject.rows_of, len(given.subject.vectors))
        if texts not in kept:
            kept[texts] = paired(given.subject.vectors)
        found[name], drawn[name] = _geometry(name, given, dims, kept[texts])
    unnamed = [
        path for spec in specs for path in siblings(Path(spec.name)) if str(path) not in {one.name for one in specs}
    ]
    notes = _notes(list(found.values()), sorted({label(str(path)) for path in unnamed}))
    return Analysis(tuple(found.values()), gaps(drawn), notes, provenance())


def measured(vectors: Vectors, dims: Sequence[int]) -> Redrawn:
    """Every measure of (n, D) unit rows at every width, with redraws; covariances of all rows, pairs of PAIRED."""
    return spread(vectors, dims).redrawn | neighbourhood(vectors[paired(vectors)], dims).redrawn


def paired(vectors: Vectors) -> NDArray[np.int64]:
    """(≤ PAIRED,): rows whose pairs are taken, the same every time, without copies of earlier ones; ascending."""
    rows = np.sort(np.random.default_rng(_SEED).permutation(len(vectors))[:PAIRED])
    kept: NDArray[np.int64] = rows[distinct(vectors[rows])]
    return kept


def widths(dim: int, asked: Sequence[int] = ()) -> tuple[int, ...]:
    """Powers of two from 8 (or 2, of short vectors) and the full width; or those that are asked for, and the full one.

    Raises DimensionError for widths that are not there, and for vectors of less than 4 dims.
    """
    if dim < 4:
        raise DimensionError(f"vectors of {dim} dims have no prefixes to speak of; wanted 4 or more")
    if wrong := [width for width in asked if not 2 <= width <= dim]:
        raise DimensionError(f"asked for the first {wrong[0]} of {dim} dims; ask for 2 to {dim}")
    least = min(_LEAST, dim // 2)
    powers = [1 << power for power in range(1, dim.bit_length()) if least <= 1 << power < dim]
    return tuple(sorted({*(asked or powers), dim}))


def _geometry(name: str, given: Material, asked: Sequence[int], kept: NDArray[np.int64]) -> tuple[Geometry, Redrawn]:
    """kept: the paired rows; of subjects of the same texts those of the first, so that redraws go together."""
    vectors = given.subject.vectors
    dim = vectors.shape[1]
    dims = widths(dim, asked)
    if not np.ptp(vectors, axis=0).any():
        raise VectorsError(f"all {len(vectors):,} rows of {name} are the same and have no geometry; name other vectors")
    if len(kept) < _DIFFERENT:
        raise VectorsError(f"{name} gives {len(kept)} different vectors; wanted at least {_DIFFERENT} to judge by")
    told, near = spread(vectors, dims), neighbourhood(vectors[kept], dims)
    lost = {width: int((~vectors[:, :width].any(axis=1)).sum()) for width in dims}
    redrawn = {
        key: values for key, values in (told.redrawn | near.redrawn).items() if lost[key[1]] <= MANY * len(vectors)
    }
    if given.pairs is not None:
        redrawn |= aligned_pairs(*given.pairs, dims)
    edges = (0, *dims)
    found = Geometry(
        name=name,
        kind=given.subject.kind,
        rows_of=given.subject.rows_of,
        rows=len(vectors),
        paired=len(kept),
        dim=dim,
        trained=given.subject.trained,
        spectrum=tuple(_rounded(share) for share in told.spectrum.tolist()),
        collapse=tuple(told.collapse),
        outliers=outlier_dims(told.full),
        values=_values(redrawn),
        blocks=blocks(*given.judged, edges) if given.judged is not None else (),
        degrading=degrading(*given.judged) if given.judged is not None else None,
        copies=min(PAIRED, len(vectors)) - len(kept),
        ties=tuple(Ties(width, rows) for width, rows in near.ties.items() if rows),
        near_copies=near.knots,
        zeros=tuple(Ties(width, rows) for width, rows in lost.items() if rows),
    )
    return found, redrawn


def _values(redrawn: Redrawn) -> tuple[Value, ...]:
    return tuple(Value(*key, *_interval(values)) for key, values in sorted(redrawn.items()) if _known(values))


def gaps(drawn: Mapping[str, Redrawn]) -> tuple[Gap, ...]:
    """Each arm less each before it, at the measures and widths that all have; drawn: by subject."""
    arms = by_arm(drawn)
    keys = sorted(set.intersection(*(set(one) for one in drawn.values())))
    noise = {key: apart({name: float(one[key][0]) for name, one in drawn.items()}) for key in keys}
    meaned = {
        one: {key: np.mean([drawn[name][key] for name in names], axis=0) for key in keys} for one, names in arms.items()
    }
    return tuple(
        Gap(other, first, *key, *_interval(meaned[other][key] - meaned[first][key]), noise[key])
        for first, other in combinations(arms, 2)
        for key in keys
        if _known(meaned[other][key] - meaned[first][key])
    )


def _known(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bool:
    return bool(np.isfinite(values).all())


def _interval(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float, float]:
    value, far = float(values[0]), reach(values)
    return _rounded(value), _rounded(value - far), _rounded(value + far)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _notes(found: Sequence[Geometry], unnamed: Sequence[str]) -> tuple[str, ...]:
    """What a reader of the figures must know."""
    notes = [
        f"{one.name}: of {one.rows:,} rows effective rank and rankme are too low from {one.rows // 4 + 1:,} dims on"
        + (f", and of {one.rows:,} dims or more some collapse for want of rows" if one.rows <= one.dim else "")
        for one in found
        if one.rows < 4 * one.dim
    ]
    notes += [note for one in found for note in _copies(one)]
    if len({one.rows_of for one in found}) > 1:
        notes.append("the subjects were not analysed on the same texts; differences may be of these")
    seeds = [len(names) for names in by_arm(one.name for one in found).values()]
    trained = [one for one in found if arm(one.name) != one.name]
    if max(seeds) > 1:
        notes.append("noise is the largest difference of two seeds of one arm, of so few that it may well be larger")
    elif trained:
        notes.append("one seed of each arm: how far another seed moves these figures is not known")
    if unnamed:
        notes.append(f"other seeds of these arms lie beside them, {', '.join(unnamed)}: name them too")
    return tuple(notes)


def _copies(one: Geometry) -> Iterator[str]:
    """What neighbours cannot tell, and what was done about it."""
    if one.zeros:
        told = ", ".join(f"{zeros.rows:,} at {zeros.dim} dims" for zeros in one.zeros)
        many = [str(zeros.dim) for zeros in one.zeros if zeros.rows > MANY * one.rows]
        yield (
            f"{one.name}: of {one.rows:,} rows some are zeros, which have no direction, {told}"
            + f"; nothing is told of {', '.join(many)} dims, of so many" * bool(many)
        )
    if one.copies:
        yield (
            f"{one.name}: {one.copies:,} of {one.copies + one.paired:,} rows are copies of others; they were left out "
            "of what pairs and neighbours tell, and count in covariances"
        )
    if one.ties:
        told = ", ".join(f"{ties.rows:,} at {ties.dim} dims" for ties in one.ties)
        many = [str(ties.dim) for ties in one.ties if ties.rows > MANY * one.paired]
        yield (
            f"{one.name}: of {one.paired:,} rows some coincide with another, {told}; intrinsic dims leave these out, "
            "and among equals neighbours are chance"
            + f"; at {', '.join(many)} dims hubness and intrinsic dims are not told, of so many"
            * bool(many)
        )
    if one.near_copies:
        yield (
            f"{one.name}: {one.near_copies:,} of {one.paired:,} rows have near-copies, ten times nearer than the next; "
            "they were left in, and make hubness and intrinsic dims smaller than without them"
        )
