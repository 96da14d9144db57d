"""A sample of a corpus that is encoded first, to fit a rotation with, and not encoded again."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mrl_search.vectors import Vectors

T = TypeVar("T")
Mask = NDArray[np.bool_]
"""(n,): which rows are in the sample."""

SAMPLED = 50_000
"""Rows a rotation is fitted with; at 768 dims 150 MB, held until all documents are encoded."""

_SEED = 0


def drawn(count: int) -> Mask:
    """At most SAMPLED of `count` rows, the same ones every time."""
    mask = np.zeros(count, dtype=np.bool_)
    mask[np.random.default_rng(_SEED).permutation(count)[:SAMPLED]] = True
    return mask


def reservoir(items: Iterable[T], count: int) -> list[T]:
    """At most `count` of a stream, each as likely as any other (Vitter 1985, algorithm R); the same ones every time."""
    random = np.random.default_rng(_SEED)
    kept: list[T] = []
    for number, item in enumerate(items):
        if len(kept) < count:
            kept.append(item)
        elif (place := int(random.integers(number + 1))) < count:
            kept[place] = item
    return kept


def interleaved(mask: Mask, sample: Vectors, rest: Iterator[Vectors], size: int) -> Iterator[Vectors]:
    """All rows in order, `size` at a time: those in the mask from the sample, the others from `rest`.

    sample: (mask.sum(), D). rest: blocks of any length that come to the other rows, in order.
    """
    waiting = sample[:0]
    used = 0
    for start in range(0, len(mask), size):
        known = mask[start : start + size]
        missing = len(known) - int(known.sum())
        while len(waiting) < missing:
            waiting = np.concatenate([waiting, next(rest)])
        block = np.empty((len(known), sample.shape[1]), np.float32)
        block[known] = sample[used : used + len(known) - missing]
        block[~known] = waiting[:missing]
        used += len(known) - missing
        waiting = waiting[missing:]
        yield block
