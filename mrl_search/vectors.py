"""Unit vectors and their prefixes: the one place that normalises."""

import tokenize
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mrl_search.errors import DimensionError, VectorsError

Vectors: TypeAlias = NDArray[np.float32]
"""(n, D) float32, one vector a row."""


def unit(vectors: NDArray[np.floating[Any]]) -> Vectors:
    """Each row of finite numbers scaled to length 1, as a new float32 array; a row of zeros stays zeros.

    vectors: (n, D) of 32 bits or more, of any length: rows are first scaled so that no square leaves float32.
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    scaled = np.divide(vectors, largest, out=np.zeros(vectors.shape, np.float32), where=largest > 0)
    return prefix(scaled, vectors.shape[1])


def wide(vectors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Floats of at least 32 bits, as `unit` takes them: halves become float32, and doubles keep their range."""
    return np.asarray(vectors, dtype=np.promote_types(vectors.dtype, np.float32))


def prefix(vectors: Vectors, dim: int) -> Vectors:
    """The first `dim` coordinates of each row, scaled back to unit length.

    sentence-transformers' MatryoshkaLoss normalises every prefix after the
    cut, so prefixes are compared by cosine; searching must do the same.

    vectors: (n, D) float32. Returns a new (n, dim) float32 array in C order;
    a row whose prefix is all zero stays zero.
    Raises DimensionError unless 1 <= dim <= D.
    """
    full = vectors.shape[1]
    if not 1 <= dim <= full:
        raise DimensionError(f"asked for the first {dim} of {full} dims")
    cut = np.array(vectors[:, :dim], dtype=np.float32, order="C")
    norms = np.linalg.norm(cut, axis=1, keepdims=True)
    np.divide(cut, norms, out=cut, where=norms > 0)
    return cut


def load_vectors(path: Path) -> Vectors:
    """The (n, D) floats of an .npy file, memory-mapped, in the precision and at the length they have there.

    Raises VectorsError for anything else; nothing pickled is ever read.
    """
    if not path.is_file():
        raise VectorsError(f"there is no file {path}")
    try:
        vectors = npy.open_memmap(path, mode="r")
    except (OSError, ValueError, TypeError, OverflowError, tokenize.TokenError, SyntaxError) as error:
        raise VectorsError(f"{path} is not an .npy file of vectors, as np.save writes them: {error}") from error
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise VectorsError(f"{path} does not hold floats of shape (documents, dims), as np.save writes them")
    if not vectors.size:
        raise VectorsError(f"{path} holds no vectors, its shape is {vectors.shape}")
    return vectors
