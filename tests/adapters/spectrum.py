import numpy as np

from mrl_search.vectors import unit


def drawn(count, seed, dim=16):
    """(count, dim) unit rows whose last coordinates are the largest: to be cut, they must be turned first."""
    random = np.random.default_rng(seed)
    return unit(random.standard_normal((count, dim)) * np.linspace(0.1, 2, dim))
