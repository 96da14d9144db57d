"""Rotations that know nothing of the documents: what the others must beat."""

import numpy as np

from mrl_search.rotation import Rotation


def by_chance(kind: str, dim: int, seed: int) -> Rotation:
    """`random`: uniform over all orthogonal matrices (Mezzadri, math-ph/0609050); a prefix is a random projection.

    `permuted`: the old coordinates in random order, a prefix is a random choice of them.
    """
    random = np.random.default_rng(seed)
    if kind == "permuted":
        return Rotation(np.eye(dim, dtype=np.float32)[random.permutation(dim)], kind)
    axes, triangle = np.linalg.qr(random.standard_normal((dim, dim)))
    return Rotation((axes * np.sign(np.diag(triangle))).astype(np.float32), kind)
