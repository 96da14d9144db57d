"""Arms whose geometry is known."""

import numpy as np

from mrl_search.vectors import unit


def arm_vectors(falling, seed, count=1_200, dim=16):
    """Unit rows whose dims fall from 1 to `falling` in deviation; rows of two arms are alike, but for noise by seed."""
    rows = np.random.default_rng(0).standard_normal((count, dim))
    rows = rows + 0.05 * np.random.default_rng(seed).standard_normal((count, dim))
    return unit((rows * np.geomspace(1, falling, dim)).astype(np.float32))
