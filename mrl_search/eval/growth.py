"""How every width fares as the haystack grows: a small collection cannot tell what a funnel needs among millions.

Distractors are not judged, and some may be relevant: quality is a lower bound, and what it loses an upper one. The
candidates that a width needs are free of that: they are counted against the full width's own answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mrl_search.data import Dataset
from mrl_search.device import CPU, Device
from mrl_search.eval import measures as _measures
from mrl_search.eval.encoded import Encoded
from mrl_search.eval.paired import PERCENTILES, bootstrapped
from mrl_search.eval.recipes import DEEPEST, EvalRecipe
from mrl_search.hits import Rows
from mrl_search.placing import growing_on
from mrl_search.run import Run

BEYOND = (10, 100)
"""Times the most documents that were measured."""
_BEST = 10  # of the full width, that they must hold
_HELD = 0.99  # share of those
_LEAST = 1e-6  # stands for a mean of 0, which has no logarithm


@dataclass(frozen=True)
class Estimate:
    """With its 95 % interval over the queries: a percentile bootstrap's, as `paired.intervals`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """One measure's mean at each size, what ten times the documents change, and what to expect of 10 and 100 times.

    By a power law: log(mean) falls with log(N) as it did over the sizes (least squares), from the last of them on.
    per_decade: a share, −0.1 for a tenth less. The intervals are of the queries alone: that the law holds is assumed.
    """

    measure: str
    mean: tuple[float, ...]
    per_decade: Estimate
    expected: tuple[Estimate, ...]


@dataclass(frozen=True)
class Growth:
    """Exact search by one width as documents are added.

    documents: how many there were, ascending, the collection's own first. needed: the fewest candidates by this width
    that hold .99 of the full width's ten best; None for more than 1,000.
    """

    encoder: str
    rotation: str
    dim: int
    documents: tuple[int, ...]
    needed: tuple[int | None, ...]
    curves: tuple[Curve, ...]


def sizes(own: int, count: int) -> list[int]:
    """The collection's own documents, twice as many and so on, and all, which the last step may take to thrice."""
    found = [own]
    while 3 * found[-1] < count:
        found.append(2 * found[-1])
    return [*found, count] if count > own else found


def grown(
    dataset: Dataset,
    encoded: Encoded,
    recipe: EvalRecipe,
    dims: Sequence[int],
    at: Sequence[int],
    *,
    device: Device = CPU,
) -> list[Growth]:
    """How the dims fare at those numbers of documents, the widest of them being the full width; widest first."""
    measures = recipe.measures
    widths, queries = sorted(dims, reverse=True), list(dataset.queries)
    values = {(dim, name): np.zeros((len(at), len(queries))) for dim in widths for name in measures}
    needed: dict[int, list[int | None]] = {dim: [] for dim in widths}
    found_at = growing_on(device)(encoded.documents, encoded.turned, widths, DEEPEST, at)
    for place, (_, found) in enumerate(found_at):
        for dim in widths:
            needed[dim].append(_needed(found[widths[0]].rows[:, :_BEST], found[dim].rows))
            run = Run("growing", encoded.ranking(queries, found[dim], recipe.depth, drops_self=recipe.drops_self))
            for name, by_query in _measures.per_query(run, dataset.qrels, measures).items():
                values[dim, name][place] = [by_query[query] for query in queries]
    return [
        Growth(
            encoder=encoded.name,
            rotation=encoded.kind,
            dim=dim,
            documents=tuple(at),
            needed=tuple(needed[dim]),
            curves=tuple(_curve(name, values[dim, name], at) for name in measures),
        )
        for dim in widths
    ]


def _needed(best: Rows, candidates: Rows) -> int | None:
    """How many candidates a query hold .99 of the (q, 10) best of all queries together; None if those are too few."""
    held = (best[:, :, None] == candidates[:, None, :]).any(axis=1) & (candidates >= 0)
    wanted = int(np.ceil(_HELD * (best >= 0).sum()))
    ranks = np.sort(np.nonzero(held)[1])
    return int(ranks[wanted - 1]) + 1 if 0 < wanted <= len(ranks) else None


def _curve(measure: str, values: NDArray[np.float64], at: Sequence[int]) -> Curve:
    """values: (sizes, queries)."""
    means = values.mean(axis=1)
    found, drawn = _beyond(means[None], at)[0], _beyond(bootstrapped(values), at)
    lows, highs = np.percentile(drawn, PERCENTILES, axis=0)
    told = zip(found.tolist(), lows.tolist(), highs.tolist(), strict=True)
    slope, *expected = (Estimate(*one) for one in told)
    return Curve(measure, tuple(means.tolist()), slope, tuple(expected))


def _beyond(means: NDArray[np.float64], at: Sequence[int]) -> NDArray[np.float64]:
    """(r, 1 + BEYOND): what ten times the documents change, and what is expected of more, of (r, sizes) means."""
    x = np.log10(np.asarray(at, np.float64))
    x -= x.mean()
    slopes = np.log10(np.maximum(means, _LEAST)) @ (x / (x @ x)) if x.any() else np.zeros(len(means))
    ahead = [means[:, -1] * times**slopes for times in BEYOND]
    return np.stack([10**slopes - 1, *ahead], axis=1)
