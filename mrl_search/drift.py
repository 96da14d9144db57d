"""Whether the funnel serves documents that came last as well as those it was fitted to."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.funnel import Funnel, Stage
from mrl_search.hits import Rows
from mrl_search.indexes import StoredIndex, VectorIndex
from mrl_search.retriever import search

_ASKED, _LEAST = 200, 1_000  # documents of either kind at most; in the index at least
_SEED = 0
_SURELY, _MATTERS = 2.0, 0.01  # standard errors; of recall


class Drift(NamedTuple):
    """recent, older: recall of the index's own funnel against the exact answers, for documents as queries, each without
    itself: those that came last, and as many of the older half. error: of their difference, one standard error.
    """

    recent: float
    older: float
    error: float
    asked: int
    k: int

    @property
    def is_drifting(self) -> bool:
        """Whether the recent ones surely lose more, and enough to matter."""
        lost = self.older - self.recent
        return lost > _MATTERS and lost > _SURELY * self.error

    def __str__(self) -> str:
        found = (
            f"recall@{self.k} {self.recent:.4f} for the {self.asked:,} documents that came last, {self.older:.4f} for "
            f"as many of the older half (difference ± {_SURELY * self.error:.4f})"
        )
        return f"{found}; fit anew: mrl-search compact --refit" if self.is_drifting else found


def drift(stored: StoredIndex) -> Drift | None:
    """Of an open index; None where it has fewer than 1,000 documents. Compares all vectors, unless it has bounds."""
    index = stored.vectors
    count = len(index)
    if count < _LEAST:
        return None
    asked = min(_ASKED, count // 10)
    rows = index.rows
    others = np.sort(np.random.default_rng(_SEED).permutation(count // 2)[:asked])
    funnel = Funnel.parse(stored.manifest.funnel)
    recent, older = (_kept(index, funnel, some) for some in (rows[-asked:], rows[others]))
    error = float(np.sqrt((recent.var() + older.var()) / asked))
    return Drift(float(recent.mean()), float(older.mean()), error, asked, funnel.k)


def _kept(index: VectorIndex, funnel: Funnel, rows: Rows) -> NDArray[np.float64]:
    """(q,): the share of the exact k best but itself that the funnel gives each document."""
    k = funnel.k
    wider = Funnel(tuple(Stage(stage.dim, stage.k + 1) for stage in funnel.stages))
    queries = index.take(rows)
    hits = search(index, queries, wider)
    if funnel.dim < index.dim:  # the order of another width is no floor for a proof
        best = index.shortlist(queries, Stage(index.dim, k + 1)).rows
    else:
        best = index.proven(queries, hits).rows
    shares = []
    for own, found, true in zip(rows.tolist(), hits.rows.tolist(), best.tolist(), strict=True):
        wanted = [row for row in true if row != own][:k]
        shares.append(len(set(wanted) & {row for row in found if row != own}) / len(wanted))
    return np.array(shares)
