"""A rotation of the embedding space: every full-width cosine stays, and the first coordinates say more.

This room checks and applies; `rotations` fits.
"""

from dataclasses import dataclass

import numpy as np

from mrl_search.errors import RotationError
from mrl_search.vectors import Vectors

ORTHOGONAL = 1e-5
"""How far matrix · matrixᵀ may be from the identity."""


@dataclass(frozen=True)
class Rotation:
    """An orthogonal (D, D) float32 matrix whose rows are the new axes.

    kind: how it was fitted.
    Raises RotationError unless the matrix is square, finite and orthogonal to 1e-5.
    """

    matrix: Vectors
    kind: str

    def __post_init__(self) -> None:
        matrix = self.matrix
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.dtype != np.float32:
            raise RotationError(f"a rotation is a square float32 matrix, found {matrix.dtype} of shape {matrix.shape}")
        error = float(np.abs(matrix @ matrix.T - np.eye(len(matrix), dtype=np.float32)).max())
        if not error <= ORTHOGONAL:  # NaN is not, either
            raise RotationError(f"a rotation must be orthogonal to {ORTHOGONAL:g}, this matrix is to {error:.2g}")

    @property
    def dim(self) -> int:
        """The width D it rotates."""
        return len(self.matrix)

    def apply(self, vectors: Vectors) -> Vectors:
        """(n, D) float32 rows in the new axes; lengths and inner products stay, up to rounding.

        Raises RotationError for another width.
        """
        if vectors.shape[1] != self.dim:
            raise RotationError(f"the rotation is of {self.dim} dims, the vectors have {vectors.shape[1]}")
        rotated: Vectors = vectors @ self.matrix.T
        return rotated
