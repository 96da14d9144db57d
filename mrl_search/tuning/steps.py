"""Where an encoder was trained to be cut: the widths at which what a coordinate carries falls by a step.

What a coordinate carries is its share of the variation of cosines. Cosines are sums over coordinates, so over pairs of
independent rows Var(x·y) = Σⱼ Cov(xⱼyⱼ, x·y), and the j-th term is Σₖ Cⱼₖ² of the covariance C. The shares add up to 1.

Matryoshka losses (Kusupati et al. 2022) see prefixes of the trained widths and nothing else, so they cannot tell the
coordinates between two of these from one another, but those before a trained width from those behind it. An encoder
that nobody trained so has no reason to order its coordinates at all; principal axes fall smoothly, without steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mrl_search.vectors import Vectors

_PERMUTED = 2_000  # times
_SURE = 0.001  # p below which a step is believed; 2,000 permutations can just show it
_FALLS = 1.15  # at least so many times as much is carried before a step as behind it
_LEAST = 4  # coordinates on each side
_SEED = 0


@dataclass(frozen=True)
class Step:
    """At `dim`: how many times as much a coordinate before it carries as one behind it, up to the next steps."""

    dim: int
    falls: float


def carried(vectors: Vectors) -> NDArray[np.float64]:
    """(D,): each coordinate's share of the variation of cosines, of (n, D) rows; 1 in all, or 0 of constant rows."""
    covariance = np.cov(vectors, rowvar=False, bias=True, dtype=np.float64).reshape(vectors.shape[1], -1)
    shares: NDArray[np.float64] = np.square(covariance).sum(axis=1)
    return shares / (shares.sum() or 1)


def steps(shares: NDArray[np.float64]) -> tuple[Step, ...]:
    """The steps downwards, by binary segmentation, ascending.

    Tried are the `usual` widths. In a span, the width whose two sides differ most in log share (by standard error) is a
    step if fewer than one of a thousand random orders of the span's coordinates shows as much at any width; then
    both sides are looked through alike. A step must also be one: 1.15 times down, and steeper than the slopes beside it
    would come to without it, which principal axes and the like are not.
    """
    if not (shares > 0).all():
        return ()
    heights = np.log(shares)
    edges = _edges(heights, 0, len(heights), usual(len(heights)), np.random.default_rng(_SEED))
    found = []
    for start, edge, stop in zip((0, *edges), edges, (*edges[1:], len(heights)), strict=False):
        before, behind = heights[start:edge], heights[edge:stop]
        falls = float(np.exp(before.mean() - behind.mean()))
        if falls >= _FALLS and _is_a_step(before, behind):
            found.append(Step(edge, round(falls, 3)))
    return tuple(found)


def usual(dim: int) -> list[int]:
    """The widths that encoders are trained for, below dim: powers of two and multiples of 64.

    Others are not tried: of few coordinates, the best edge may lie some to the side of the true one.
    """
    widths = {1 << power for power in range(dim.bit_length())} | set(range(64, dim, 64))
    return sorted(width for width in widths if _LEAST <= width <= dim - _LEAST)


def _edges(
    heights: NDArray[np.float64], start: int, stop: int, widths: list[int], random: np.random.Generator
) -> tuple[int, ...]:
    inside = [width for width in widths if start + _LEAST <= width <= stop - _LEAST]
    if not inside:
        return ()
    span, cuts = heights[start:stop], np.array(inside) - start
    (found,) = contrasts = _contrasts(span[None], cuts)
    orders = random.permuted(np.tile(span, (_PERMUTED, 1)), axis=1)
    by_chance = np.abs(_contrasts(orders, cuts)).max(axis=1)
    place = int(np.abs(found).argmax())
    if (1 + (by_chance >= np.abs(contrasts).max()).sum()) / (1 + _PERMUTED) >= _SURE:
        return ()
    edge = inside[place]
    return (*_edges(heights, start, edge, widths, random), edge, *_edges(heights, edge, stop, widths, random))


def _contrasts(spans: NDArray[np.float64], cuts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m, cuts): how far the means before and behind each cut of (m, length) differ, by the error they would have."""
    length = spans.shape[1]
    sums = np.cumsum(spans, axis=1)
    before = sums[:, cuts - 1] / cuts
    behind = (sums[:, -1:] - sums[:, cuts - 1]) / (length - cuts)
    return np.asarray((before - behind) * np.sqrt(cuts * (length - cuts) / length))


def _is_a_step(before: NDArray[np.float64], behind: NDArray[np.float64]) -> bool:
    """Whether the halves that touch differ by more than the halves on one side do: of a slope all differ alike."""
    first, second = np.array_split(before, 2)
    third, fourth = np.array_split(behind, 2)
    slope = max(first.mean() - second.mean(), third.mean() - fourth.mean(), 0.0)
    return bool(second.mean() - third.mean() > 2 * slope)
