"""Few directions that hold most of every vector, and what of a vector lies beyond them: what upper bounds stand on.

⟨q, x⟩ = ⟨Aq, Ax⟩ + ⟨what A leaves of q, what A leaves of x⟩ ≤ ⟨Aq, Ax⟩ + ‖left of q‖ · ‖left of x‖ (Cauchy-Schwarz),
A's rows being orthonormal. These are axes of their own, whatever rotation an index has: a learned one puts first what
tells neighbours apart, not what is long, and a bound lives on length (docs/guarantees.md).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

Doubles = NDArray[np.float64]

_SAMPLED = 50_000
_SEED = 0
_HELD = 0.955  # of the length, squared: with a third of minilm-768's dims
_MOST = 4096  # axes whose sums fit 32 bits (kernels/blocks.py)
_DEVIATIONS = {16: 2.7, 256: 4.0}  # standard ones, on each side of the mean, that the levels of a code cover


class Levels(NamedTuple):
    """What the codes of a dim stand for: lows + code · steps. lows, steps: (dims,). many: of them."""

    lows: Doubles
    steps: Doubles
    many: int

    def nearest(self, coordinates: Doubles) -> NDArray[np.uint8]:
        """The code of the nearest level of each coordinate, (n, dims)."""
        steps = np.where(self.steps > 0, self.steps, 1)  # a dim that never varies has but one level
        return np.clip(np.rint((coordinates - self.lows) / steps), 0, self.many - 1).astype(np.uint8)


@dataclass(frozen=True)
class Axes:
    """matrix: (m, D) float32, orthonormal rows. means, deviations: (m,) of the rows' coordinates."""

    matrix: Vectors
    means: Doubles
    deviations: Doubles

    @cached_property
    def _wide(self) -> Doubles:
        return self.matrix.astype(np.float64)

    @cached_property
    def skew(self) -> float:
        """How far the axes are from orthonormal: no inner product is off by more, of vectors of length 1."""
        return float(np.linalg.norm(self._wide @ self._wide.T - np.eye(len(self.matrix))))

    def levels(self, many: int) -> Levels:
        """16 or 256 levels for each axis."""
        reach = _DEVIATIONS[many] * self.deviations
        return Levels(self.means - reach, 2 * reach / (many - 1), many)

    def coordinates(self, vectors: NDArray[Any]) -> Doubles:
        """(n, m) of (n, D) vectors, in float64: these are what bounds are proven with."""
        return vectors.astype(np.float64) @ self._wide.T

    def left(self, coordinates: Doubles, squares: Doubles) -> Doubles:
        """(n,): at most how long is what the axes leave of vectors whose squared lengths are given."""
        held = np.einsum("nd,nd->n", coordinates, coordinates)
        return np.asarray(np.sqrt(np.maximum(squares - (1 - self.skew) * held, 0)))


def principal(vectors: StoredVectors) -> Axes:
    """The principal axes, not centred, of at most 50,000 rows: as many as hold .955 of the squared length, or 4,096."""
    rows = np.sort(np.random.default_rng(_SEED).permutation(len(vectors))[:_SAMPLED])
    sample = vectors.take(rows, vectors.dim)
    moment = sample.T @ sample
    values, columns = np.linalg.eigh(moment.astype(np.float64))
    held = np.cumsum(values[::-1]) / max(values.sum(), 1e-30)
    enough = min(int(np.searchsorted(held, _HELD)) + 1, vectors.dim, _MOST)
    matrix = np.ascontiguousarray(columns.T[::-1][:enough], np.float32)
    coordinates = (sample @ matrix.T).astype(np.float64)
    return Axes(matrix, coordinates.mean(axis=0), coordinates.std(axis=0))
