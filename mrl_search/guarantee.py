"""What is promised of an answer: that it is exact, proven for this query; or a recall, kept on average over queries."""

import re
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import FunnelError, GuaranteeError
from mrl_search.funnel import Funnel, Stage
from mrl_search.hits import Hits
from mrl_search.indexes import NOISE, Calibration
from mrl_search.vectors import Vectors

EXACT = "exact"


def parsed(text: str | float) -> str | float:
    """`exact`, or a recall between 0 and 1; raises GuaranteeError for anything else."""
    if text == EXACT:
        return EXACT
    if isinstance(text, str) and not re.fullmatch(r"\s*0?\.\d{1,9}\s*", text, re.ASCII):
        raise GuaranteeError(f"cannot read the guarantee {text!r}; wanted exact, or a recall as 0.99")
    recall = float(text)
    if not 0 < recall < 1:
        raise GuaranteeError(f"a recall of {recall:g} cannot be promised; wanted one between 0 and 1, or exact")
    return recall


def promised(calibrations: tuple[Calibration, ...], recall: float, k: int) -> Calibration:
    """The calibration of at least that recall for k answers: the surest, and of these the one with fewest candidates.

    Raises GuaranteeError where there is none.
    """
    fitting = [one for one in calibrations if one.k == k and one.recall >= recall]
    if not fitting:
        known = ", ".join(f"{one.recall:g} for {one.k} answers" for one in calibrations) or "nothing"
        raise GuaranteeError(
            f"a recall of {recall:g} for {k} answers was not calibrated for this index ({known} was); "
            f"run: mrl-search guarantee {recall:g} --k {k} --queries FILE"
        )
    return min(fitting, key=lambda one: (-one.confidence, Funnel.parse(one.funnel).stages[0].k))


def with_candidates(funnel: Funnel, candidates: int) -> Funnel:
    """The funnel with so many rows kept by its first stage; later ones narrow geometrically, as a default funnel's.

    Raises GuaranteeError for a funnel of one stage, which has no candidates.
    """
    if len(funnel.stages) < 2:
        raise GuaranteeError(f"the funnel {funnel} compares everything at one width; there is nothing to calibrate")
    steps = len(funnel.stages) - 1
    kept = [round(candidates * (funnel.k / candidates) ** (step / steps)) for step in range(steps)]
    return Funnel((*(Stage(stage.dim, k) for stage, k in zip(funnel.stages, kept, strict=False)), funnel.stages[-1]))


class Certificates(NamedTuple):
    """Whether each answer is proven to be the exact one, ties included, and by how much that is missed.

    gaps: (q,) how far the best bound of any document not compared in full lies above the k-th score; at most 0 where
    certified, -inf where all were compared.
    """

    certified: NDArray[np.bool_]
    gaps: NDArray[np.float64]

    @classmethod
    def proven(cls, count: int) -> "Certificates":
        """Of answers that were proven."""
        return cls(np.ones(count, np.bool_), np.zeros(count))


class Overlooking(Protocol):
    """What certificates ask of an index; see VectorIndex."""

    @property
    def dim(self) -> int:
        """The stored width."""

    def __len__(self) -> int: ...

    def overlooks(self, stage: Stage) -> bool:
        """Whether a shortlist may leave out one of the best."""


def certificates(index: Overlooking, queries: Vectors, walked: list[tuple[Stage, Hits]]) -> Certificates:
    """What a funnel's own stages prove: no row is read for it.

    queries: (q, ≥ D) as they were searched with; walked: every stage and what it kept. A row that an exact stage of
    width m dropped has a prefix cosine c of at most the last one kept. With a and b the lengths of the query's first
    m and other coordinates and s, √(1 - s²) those of the unit row,
        ⟨q, x⟩ ≤ a·c·s + b·√(1 - s²) ≤ √((a·max(c, 0))² + b²),
    whatever the row is. Of a row that codes, cells or a graph left out nothing is known but that no cosine exceeds 1.
    """
    count, dim = len(queries), index.dim
    if not len(index):  # nothing that could be better
        return Certificates(np.ones(count, np.bool_), np.full(count, -np.inf))
    last, answers = walked[-1]
    kth = answers.scores[:, -1].astype(np.float64)
    if last.dim != dim:  # the order itself is another width's
        return Certificates(np.zeros(count, np.bool_), 1 - kth)
    squares = np.square(queries[:, :dim].astype(np.float64))
    whole = np.maximum(squares.sum(axis=1), 1e-300)
    best = np.full(count, -np.inf)
    before = len(index)
    for place, (stage, hits) in enumerate(walked):
        dropped = (hits.rows >= 0).sum(axis=1) < before
        before = hits.rows.shape[1]
        if place == 0 and index.overlooks(stage):
            best = np.ones(count)
        elif stage.dim < dim:  # what the stored width drops was compared in full, and found worse
            held = squares[:, : stage.dim].sum(axis=1) / whole
            cosine = np.clip(hits.scores[:, -1].astype(np.float64) + NOISE, 0, 1)
            best = np.maximum(best, np.where(dropped, np.sqrt(held * cosine**2 + 1 - held), -np.inf))
    gaps = np.where(np.isneginf(best), best, best + 2 * NOISE - kth)
    return Certificates(gaps <= 0, gaps)


def checked_proof(funnel: Funnel, dim: int) -> None:
    """Raises FunnelError unless a funnel ends at the stored width, with whose scores a proof begins."""
    if funnel.dim != dim:
        raise FunnelError(f"an exact answer compares all {dim} dims; let the funnel {funnel} end at {dim}")
