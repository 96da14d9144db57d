"""How many dims the points of a set really have, told by how far their nearest neighbours are.

Of rows brought to length 1 it is the dims of where they lie on the sphere: one fewer than before, if their lengths were
free. A 5-d cube about 0 in 50-d gives 5 as it is, and 4 of length 1.
"""

import numpy as np

from mrl_search.geometry.copies import SAME
from mrl_search.geometry.moments import Reals

_DISCARDED = 0.1


def two_nn(distances: Reals) -> float:
    """The slope, through 0, of −log(1 − F(μ)) on log μ, with μ = r₂ / r₁ of each point (Facco et al. 2017, Methods).

    distances: (n, ≥ 2), to the nearest neighbours, the nearest first. The largest tenth of μ is left out, as there;
    so are points with a copy of themselves. NaN where fewer than three are left, or all ratios are 1.
    """
    some = distances[distances[:, 0] > SAME]
    logs = np.sort(np.log(some[:, 1] / some[:, 0]))
    kept = int(len(logs) * (1 - _DISCARDED))
    if kept < 2 or not logs[:kept].any():
        return float("nan")
    below = -np.log1p(-np.arange(1, kept + 1) / len(logs))
    return float(logs[:kept] @ below / (logs[:kept] @ logs[:kept]))


def levina_bickel(distances: Reals) -> float:
    """Maximum likelihood of k neighbours (Levina & Bickel 2004, eq. 8), points put together as MacKay & Ghahramani 2005
    say: one over the mean of log(T_k / T_j), over points and j < k.

    distances: (n, k), the nearest first; points with a copy of themselves are left out. NaN where none is left.
    """
    some = distances[distances[:, 0] > SAME]
    logs = np.log(some[:, -1:] / some[:, :-1])
    return float(1 / logs.mean()) if logs.size and logs.any() else float("nan")
