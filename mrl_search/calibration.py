"""How many candidates a recall takes, learnt from held-out queries, with a confidence that can be stated.

"With probability `confidence` over the queries drawn for calibration, the mean recall of further queries like them is
at least `recall`." That is a risk-controlling choice (Bates et al. 2021, "Distribution-free, risk-controlling
prediction sets", 2101.02703), made by fixed-sequence testing (Angelopoulos et al. 2021, "Learn then test", 2110.01052):
from many candidates to fewer, as long as each step's queries reject that it loses more. A tenth of the queries, which
prove nothing then, say how many are many. The test is Waudby-Smith and Ramdas's bet (2010.09686; §3.1.3 of Bates et
al.), which assumes nothing of the losses but that they lie in 0 … 1. Plain conformal risk control (2208.02814) keeps
its promise on average over calibrations; this one keeps it for most of them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import GuaranteeError
from mrl_search.funnel import Funnel
from mrl_search.guarantee import with_candidates
from mrl_search.hits import Hits, Rows
from mrl_search.indexes import Calibration, VectorIndex
from mrl_search.retriever import search
from mrl_search.vectors import Vectors

QUERIES, DOCUMENTS = "queries", "sampled documents"
"""What a calibration's queries were."""

_SAMPLED = 2_000  # documents that stand for queries where there are none
_SEED = 0
_A_STEP = 2**0.25  # of candidates, from one rung of the ladder to the next
_PILOT = 0.1  # of the queries
_EASY = 0.25  # of the loss that is allowed: with so many candidates the pilot's queries lose no more
_MARGIN = 2  # times as many candidates begin the sequence


class Promise(NamedTuple):
    """What is to hold: mean recall of the exact k best, and how sure that is to be."""

    recall: float
    k: int
    confidence: float


def sampled_queries(index: VectorIndex) -> tuple[Vectors, Rows]:
    """At most 2,000 documents' vectors, in the index's axes, and their rows, the same ones every time."""
    rows = index.rows[np.random.default_rng(_SEED).permutation(len(index))[:_SAMPLED]]
    return index.take(rows), rows


def calibrate(
    index: VectorIndex, queries: Vectors, funnel: Funnel, promise: Promise, own: Rows | None = None
) -> Calibration:
    """The fewest candidates for which the queries prove the promise.

    queries: (q, D) in the index's axes, drawn as later ones will be. own: (q,) their own rows, if they are documents,
    which then count neither as answers nor as truth. Raises GuaranteeError where it cannot be proven, and says why.
    """
    order = np.random.default_rng(_SEED).permutation(len(queries))  # a file's order may be anything; the bet's is drawn
    queries, own = queries[order], own[order] if own is not None else None
    pilot = int(np.ceil(_PILOT * len(queries)))
    if len(queries) - pilot < (least := needed(promise)):
        raise GuaranteeError(
            f"a recall of {promise.recall:g} at a confidence of {promise.confidence:g} takes "
            f"{int(least / (1 - _PILOT)) + 2} queries to prove even if none loses anything; found {len(queries)}"
        )
    walked = _for(funnel, promise.k + (own is not None))
    truth = _without(index.proven(queries, search(index, queries, walked)), own)

    def losses(candidates: int, some: slice) -> NDArray[np.float64]:
        wider = with_candidates(walked, max(candidates, walked.k))
        found = search(index, queries[some], wider)
        return lost(_without(found, own[some] if own is not None else None), truth[some])

    first, rest = slice(None, pilot), slice(pilot, None)
    most = beginning(lambda candidates: losses(candidates, first), promise, len(index))
    candidates, found = chosen(lambda candidates: losses(candidates, rest), rungs(promise.k, most), promise)
    return Calibration(
        promise.recall,
        promise.confidence,
        promise.k,
        str(with_candidates(_for(funnel, promise.k), max(candidates, promise.k))),
        len(queries) - pilot,
        found,
        DOCUMENTS if own is not None else QUERIES,
    )


def chosen(losses: Callable[[int], NDArray[np.float64]], ladder: list[int], promise: Promise) -> tuple[int, float]:
    """The last rung, from the most candidates down, whose losses prove the promise, and the recall there.

    Raises GuaranteeError if not even the first does.
    """
    best: tuple[int, float] | None = None
    for candidates in ladder:
        here = losses(candidates)
        found = float(1 - here.mean())
        if not proves(here, 1 - promise.recall, promise.confidence):
            if best is None:
                raise GuaranteeError(
                    f"{len(here)} queries do not prove a recall of {promise.recall:g}: with {candidates} candidates "
                    f"they find {found:.4f}; ask for less, give more queries, or build with a wider prefix (--dims)"
                )
            break
        best = candidates, found
    assert best is not None  # a ladder has rungs
    return best


def beginning(losses: Callable[[int], NDArray[np.float64]], promise: Promise, count: int) -> int:
    """Candidates that are plenty by the pilot's losses, which is no proof; all documents if fewer are not."""
    candidates = min(promise.k, count)
    while candidates < count and losses(candidates).mean() > _EASY * (1 - promise.recall):
        candidates = min(2 * candidates, count)
    return min(_MARGIN * candidates, count)


def rungs(k: int, most: int) -> list[int]:
    """Candidates to try, from the most down to k."""
    steps = int(np.ceil(np.log(max(most / k, 1)) / np.log(_A_STEP)))
    return sorted({most, *(min(round(k * _A_STEP**step), most) for step in range(steps + 1))}, reverse=True)


def needed(promise: Promise) -> int:
    """The fewest queries that prove it if none loses anything."""
    count = int(np.log(1 / (1 - promise.confidence)) / np.log1p(1 - promise.recall))  # if all were staked each time
    while not proves(np.zeros(count), 1 - promise.recall, promise.confidence):
        count += 1
    return count


def proves(losses: NDArray[np.float64], most: float, confidence: float) -> bool:
    """Whether losses in 0 … 1 reject, at that confidence, that their mean is more than `most`.

    A bettor against it who never sees ahead: Π (1 - ν_i · (L_i - most)) exceeds 1 / (1 - confidence) with no more than
    that probability at any time if the mean is more. ν_i is set from the losses before i alone.
    """
    if not len(losses):
        return False
    count = np.arange(1, len(losses) + 1)
    mean = (0.5 + np.cumsum(losses)) / (1 + count)
    spread = (0.25 + np.cumsum((losses - mean) ** 2)) / (1 + count)
    before = np.concatenate([[0.25], spread[:-1]])
    stakes = np.minimum(1, np.sqrt(2 * np.log(1 / (1 - confidence)) / (len(losses) * before)))
    capital = np.cumsum(np.log1p(-stakes * (losses - most)))
    return bool(capital.max(initial=-np.inf) >= np.log(1 / (1 - confidence)))


def lost(found: Rows, truth: Rows) -> NDArray[np.float64]:
    """(q,): the share of each line of truth that is not found."""
    held = [np.isin(row[row >= 0], here).sum() for row, here in zip(truth, found, strict=True)]
    return np.asarray(1 - np.array(held) / np.maximum((truth >= 0).sum(axis=1), 1), np.float64)


def _for(funnel: Funnel, k: int) -> Funnel:
    """The funnel's widths, for k answers."""
    return Funnel.default([stage.dim for stage in funnel.stages], k)


def _without(hits: Hits, own: Rows | None) -> Rows:
    """(q, k) rows without the query's own, which takes the last place where it was not found."""
    if own is None:
        return hits.rows
    kept = hits.rows != own[:, None]
    kept[kept.all(axis=1), -1] = False
    return np.asarray(hits.rows[kept].reshape(len(own), -1), np.int64)
