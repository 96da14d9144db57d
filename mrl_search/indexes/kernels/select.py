"""The k largest keys: one number holds both a score and what decides among equals."""

import numpy as np
from numba import njit


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
