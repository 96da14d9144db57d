"""What an adapter costs at full width, by rows it was not fitted to: it may not fall far below the frozen vectors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.adapter import Adapter
from mrl_search.adapters.material import Material
from mrl_search.fidelity import held, nearest
from mrl_search.vectors import Vectors

PAIRS, NEIGHBOURS = "MRR@10 of held-out pairs", "of the ten nearest of held-out documents, the share kept"
_MARGINS = {PAIRS: 0.01, NEIGHBOURS: 0.1}
_DEPTH = 10


class Verdict(NamedTuple):
    """Full width, before and after. measure: PAIRS or NEIGHBOURS, of which the frozen vectors keep 1 by definition."""

    measure: str
    frozen: float
    adapted: float
    margin: float
    asked: int

    @property
    def passes(self) -> bool:
        """Whether no more than the margin is lost."""
        return self.adapted >= self.frozen - self.margin

    def __str__(self) -> str:
        return (
            f"at full width, {self.measure}: {self.adapted:.4f}, frozen {self.frozen:.4f} "
            f"({self.asked:,} asked; may lose {self.margin:g})"
        )


def judged(adapter: Adapter, held_out: Material, margin: float | None = None) -> Verdict:
    """By held-out pairs where there are any, each query among all their positives; else by held-out documents.

    Documents are asked for by each fifth of them, among the others: the adapted ones should find the neighbours that
    the frozen ones find. That says nothing of whether others would be better, so more may be lost: .1, and .01 of MRR.
    margin: another.
    """
    if len(held_out.queries):
        frozen = _reciprocal(held_out.queries, held_out.positives)
        adapted = _reciprocal(adapter.apply(held_out.queries), adapter.apply(held_out.positives))
        told = PAIRS, float(frozen.mean()), float(adapted.mean())
    else:
        before, after = held_out.documents, adapter.apply(held_out.documents)
        asks = np.arange(len(before)) % 5 == 0
        depth = min(_DEPTH, int((~asks).sum()))
        true = nearest(before[asks], before[~asks], depth)
        told = NEIGHBOURS, 1.0, float(held(after[asks], after[~asks], true, (depth,)).mean())
    count = len(held_out.queries) or int((np.arange(len(held_out.documents)) % 5 == 0).sum())
    return Verdict(*told, _MARGINS[told[0]] if margin is None else margin, count)


def _reciprocal(queries: Vectors, positives: Vectors) -> NDArray[np.float64]:
    """(n,): 1 / rank of each query's own positive, 0 beyond the tenth; one that ties counts as before it."""
    cosines = queries @ positives.T
    ranks = (cosines >= cosines.diagonal()[:, None]).sum(1)
    return np.where(ranks <= _DEPTH, 1 / ranks, 0.0)
