"""How a bootstrap draws, always alike, so that what is drawn of two subjects of the same texts may be subtracted."""

import numpy as np
from numpy.typing import NDArray

from mrl_search.geometry.moments import Reals

REDRAWN = 50
"""Enough for a standard error (Efron & Tibshirani 1993, §6.4), of which intervals here are 1.96 on each side."""
_NORMAL = 1.96
_SEED = 0


def weights(count: int) -> Reals:
    """(1 + REDRAWN, count): how often each of `count` things stands in a redraw; the first line is all of them once."""
    random = np.random.default_rng(_SEED)
    drawn = random.multinomial(count, np.full(count, 1 / count), REDRAWN)
    return np.concatenate([np.ones((1, count)), drawn]).astype(np.float64)


def means(values: Reals) -> Reals:
    """(1 + REDRAWN,): the mean of (n,) values, and of each redraw of them."""
    found: Reals = weights(len(values)) @ values / len(values)
    return found


def rows_of(drawn: Reals) -> NDArray[np.int64]:
    """The rows of one line of `weights`, each as often as it is drawn."""
    return np.repeat(np.arange(len(drawn)), drawn.astype(np.int64))


def reach(redrawn: Reals) -> float:
    """Half of the 95 % interval of what the first is the value of, and the others redraws of."""
    return _NORMAL * float(redrawn[1:].std(ddof=1))
