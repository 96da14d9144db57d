"""The k largest keys: one number holds both a score and what decides among equals."""

import logging

import numpy as np
from numba import njit
from numba.core.event import Event, Listener, register

_LOG = logging.getLogger(__name__)
_BINS = 1024


class Compiling(Listener):  # type: ignore[misc]  # numba has no types
    """Says once that kernels are compiled, which a first search waits for."""

    is_told = False

    def on_start(self, event: Event) -> None:
        """See numba's Listener."""
        if not self.is_told:
            self.is_told = True
            _LOG.warning("compiling the search kernels, once for this installation; a search waits for each")

    def on_end(self, event: Event) -> None:
        """See numba's Listener."""


register("numba:compile", Compiling())


def compiled(function, **options):
    """Compiled at the first call, and kept on disk where that can be; other Python threads go on meanwhile."""
    try:
        return njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # neither this folder nor the user's cache can be written
        return njit(nogil=True, **options)(function)


def fast(function):
    """As `compiled`, and free to add in any order, fixed when compiled."""
    return compiled(function, fastmath={"reassoc", "contract", "nsz"})


@compiled
def _nothing():
    pass


def load_compiler() -> None:
    """Has numba load what it needs to run any function, which the first call of one would wait for."""
    _nothing()


@compiled
def largest_first(keys, k):
    """Moves the k largest of the keys to the front, in no order (Hoare's FIND). Keys must differ."""
    low, high = 0, len(keys) - 1
    while low < high:
        pivot = keys[(low + high) >> 1]
        left, right = low, high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left += 1
                right -= 1
        if k - 1 <= right:
            high = right
        elif k - 1 >= left:
            low = left
        else:
            return


@compiled
def largest(keys, k):
    """The k largest of the keys, or all if they are fewer, in no order. Keys must differ.

    Counted into bins first, without a branch that depends on a key: of 1,300 keys, new for every query,
    `largest_first` alone took 48 µs to find 100, this takes 2.
    """
    if len(keys) <= k or k < 1:
        return keys[: max(k, 0)]
    low, span = keys[0], np.uint64(0)
    for key in keys:
        low = min(low, key)
    for key in keys:
        span = max(span, key - low)
    shift = np.uint64(0)
    while span >> shift >= _BINS:
        shift += np.uint64(1)
    counts = np.zeros(_BINS, np.int64)
    for key in keys:
        counts[(key - low) >> shift] += 1
    edge, total = _BINS, 0
    while total < k:
        edge -= 1
        total += int(counts[edge])
    chosen, on_edge = np.empty(len(keys), np.uint64), np.empty(counts[edge] + 1, np.uint64)
    count = edges = 0
    for key in keys:
        place = np.int64((key - low) >> shift)
        chosen[count] = key
        count += int(place > edge)
        on_edge[edges] = key
        edges += int(place == edge)
    largest_first(on_edge[:edges], k - count)
    chosen[count:k] = on_edge[: k - count]
    return chosen[:k]


@compiled
def least_of(keys):
    """The smallest key."""
    least = keys[0]
    for key in keys:
        least = min(least, key)
    return least


@compiled
def key_of(high, row):
    """`high` (32 bits) decides; among equals the lower row is larger."""
    return (np.uint64(high) << np.uint64(32)) | (np.uint64(0xFFFFFFFF) - np.uint64(row))


@compiled
def row_of(key):
    """The row in a key."""
    return np.int64(np.uint64(0xFFFFFFFF) - (key & np.uint64(0xFFFFFFFF)))
