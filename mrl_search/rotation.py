"""A rotation of the embedding space: every full-width cosine stays, and the first coordinates say more.

This room checks and applies; `rotations` fits.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import RotationError
from mrl_search.vectors import Vectors

ORTHOGONAL = 1e-5
"""How far matrix · matrixᵀ may be from the identity."""
_ROWS = 128  # of the matrix at a time: those of 768 dims stay in the second cache while they meet all vectors


@dataclass(frozen=True)
class Rotation:
    """An orthogonal (D, D) float32 matrix whose rows are the new axes.

    kind: how it was fitted. reflections: how many Householder reflections it is made of, if `reflected` made it; then
    it is applied by them. (Of 768 dims that reads 0.5 MB instead of 2.4, and reading is what takes time.)
    Raises RotationError unless the matrix is square, finite and orthogonal to 1e-5.
    """

    matrix: Vectors
    kind: str
    reflections: int = 0

    def __post_init__(self) -> None:
        matrix = self.matrix
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.dtype != np.float32:
            raise RotationError(f"a rotation is a square float32 matrix, found {matrix.dtype} of shape {matrix.shape}")
        if self._compact is not None:  # orthogonal as such
            return
        error = float(np.abs(matrix @ matrix.T - np.eye(len(matrix), dtype=np.float32)).max())
        if not error <= ORTHOGONAL:  # NaN is not, either
            raise RotationError(f"a rotation must be orthogonal to {ORTHOGONAL:g}, this matrix is to {error:.2g}")

    @property
    def dim(self) -> int:
        """The width D it rotates."""
        return len(self.matrix)

    @property
    def macs(self) -> int:
        """Multiply-adds that one vector takes."""
        if self._compact is None:
            return self.matrix.size
        directions, middle = self._compact
        return 2 * directions.size + middle.size

    def apply(self, vectors: Vectors) -> Vectors:
        """(n, D) float32 rows in the new axes; lengths and inner products stay, up to rounding.

        Row by row: a product of matrices rounds a row by its place among the others, and copies would not stay copies.
        Raises RotationError for another width.
        """
        if vectors.shape[1] != self.dim:
            raise RotationError(f"the rotation is of {self.dim} dims, the vectors have {vectors.shape[1]}")
        columns = vectors[:, :, np.newaxis]  # of which numpy multiplies one after the other, each as if it were alone
        if self._compact is None:
            rotated = np.empty(columns.shape, np.float32)
            for first in range(0, self.dim, _ROWS):
                np.matmul(self.matrix[first : first + _ROWS], columns, out=rotated[:, first : first + _ROWS])
            return rotated[:, :, 0]
        directions, middle = self._compact
        along = (directions @ columns).swapaxes(1, 2)
        return np.subtract(vectors, ((along @ middle) @ directions)[:, 0], dtype=np.float32)

    @cached_property
    def _compact(self) -> tuple[Vectors, Vectors] | None:
        """Vᵀ (r, D) and T (r, r), I - V·T·Vᵀ being matrixᵀ; None if r is too large, or the matrix is another."""
        count = self.reflections
        if not 0 < 2 * count < self.dim:
            return None
        outwards, middle = _reflections(self.matrix[:count].astype(np.float64))
        error = np.abs(np.eye(self.dim) - outwards @ middle @ outwards.T - self.matrix.T).max()
        if not error <= ORTHOGONAL:
            return None
        return np.ascontiguousarray(outwards.T, np.float32), np.ascontiguousarray(middle, np.float32)


def reflected(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """A (D, D) orthogonal matrix made of r reflections that begins with these (r, D) orthonormal rows, up to signs.

    The other rows are what the reflections make of the old axes, in no particular order.
    """
    outwards, middle = _reflections(axes)
    return np.asarray((np.eye(axes.shape[1]) - outwards @ middle @ outwards.T).T)


def _reflections(axes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """V (D, r) and T (r, r) of the Householder QR of axesᵀ, whose orthogonal factor is I - V·T·Vᵀ.

    The compact form of Schreiber and Van Loan (1989); T by its inverse, as in Puglisi (1992).
    """
    factors, scales = np.linalg.qr(axes.T, mode="raw")
    outwards = np.tril(factors.T, -1) + np.eye(*factors.T.shape)
    lengths = np.divide(1, scales, out=np.full_like(scales, 1e300), where=scales != 0)  # 0: no reflection was needed
    inverse = np.triu(outwards.T @ outwards, 1) + np.diag(lengths)
    return outwards, np.asarray(np.linalg.inv(inverse), np.float64)
