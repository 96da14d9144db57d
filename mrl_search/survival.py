"""Whether vectors survive being cut: what a build warns of, with evidence, and what it refuses unless forced."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mrl_search.device import CPU, Device
from mrl_search.errors import DimensionError
from mrl_search.fidelity import cut, held, nearest
from mrl_search.funnel import Funnel
from mrl_search.rotation import Rotation
from mrl_search.rotations import Fitted, fit
from mrl_search.vectors import Vectors

_LOG = logging.getLogger(__name__)
_TRUE = 10
_LEAST, _QUERIES = 1_000, 300  # rows
_WEAK, _HOPELESS = 0.95, 0.5
"""Of the ten nearest, among the default funnel's candidates: below the first a build warns; below the second most
answers would be lost, and it refuses."""


@dataclass(frozen=True)
class Survival:
    """share: of the ten nearest of held-out rows by all dims, how many the funnel's first stage keeps; error: its own.

    enough: the shortest width that keeps .95, as a power of two, or the full width.
    """

    dim: int
    candidates: int
    share: float
    error: float
    queries: int
    documents: int
    enough: int
    full: int

    def __str__(self) -> str:
        kept = (
            f"the first {self.dim} of {self.full} dims lose too much: of the exact ten nearest, {self.share:.3f} "
            f"(± {2 * self.error:.3f}) are among {self.candidates} candidates, for {self.queries:,} held-out of "
            f"{self.documents:,} documents"
        )
        if self.enough == self.full:
            return f"{kept}; no prefix keeps {_WEAK:g}: leave them whole with --dims {self.full}"
        return f"{kept}; {self.enough} dims keep {_WEAK:g}: --dims {self.enough},{self.full}"


def fit_and_judge(
    kind: str,
    sample: Vectors,
    widths: Sequence[int],
    trained: Sequence[int],
    *,
    force: bool,
    device: Device = CPU,
) -> Fitted:
    """As `rotations.fit` to all rows but a tenth, at most 300, by which the cut to widths[0] is judged.

    widths: of the build; the last is the full one. Fewer than 1,000 rows are fitted to whole, and not judged: 200
    candidates are so many of them that anything survives.
    Warns where less than .95 is kept. Raises DimensionError where less than half is, unless forced; else as `fit`.
    """
    if len(sample) < _LEAST:
        return fit(kind, sample, widths[:-1], trained, device=device)
    count = min(_QUERIES, len(sample) // 10)
    rows = np.linspace(0, len(sample) - count, count, endpoint=False).astype(np.int64)
    queries, places = sample[rows], np.setdiff1d(np.arange(len(sample)), rows)
    documents = sample[places]
    fitted = fit(kind, documents, widths[:-1], trained, device=device)
    found = survival(queries, documents, fitted.rotation, widths)
    if found.share < _HOPELESS and not force:
        raise DimensionError(f"{found}; nothing was built; --force builds it all the same")
    if found.share < _WEAK:
        _LOG.warning("%s", found)
    return fitted


def survival(queries: Vectors, documents: Vectors, rotation: Rotation | None, widths: Sequence[int]) -> Survival:
    """How the default funnel's first stage fares in the rotation's axes.

    Of longer prefixes, principal axes tell what they would keep: learned axes are learned up to the asked width only.
    """
    candidates = min(Funnel.default(widths).stages[0].k, len(documents))
    true = nearest(queries, documents, _TRUE)

    def shares(turned: Rotation | None, dim: int) -> NDArray[np.float64]:
        return np.asarray(held(cut(queries, turned, dim), cut(documents, turned, dim), true, (candidates,))[0])

    asked, full = widths[0], widths[-1]
    kept, enough = shares(rotation, asked), asked
    if kept.mean() < _WEAK:
        other = None if rotation is None else fit("pca", documents, [asked]).rotation
        enough = next(dim for dim in _wider(asked, full) if dim == full or shares(other, dim).mean() >= _WEAK)
    error = float(kept.std() / np.sqrt(len(kept)))
    return Survival(asked, candidates, float(kept.mean()), error, len(queries), len(documents), enough, full)


def _wider(dim: int, full: int) -> Iterator[int]:
    """The powers of two above dim, and at last the full width."""
    while dim < full:
        dim = min(1 << dim.bit_length(), full)
        yield dim
