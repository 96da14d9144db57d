"""Upper bounds of every cosine, from an eighth of the vectors' bytes: which rows could be among the best at all.

Two looks at a row, along the axes that hold most of all length: by 4 bits for each of them, 64 rows together, for all
rows one after the other; and by a byte for each, for rows that the first look leaves. With x̂ decoded,
    ⟨q, x⟩ ≤ ⟨Aq, x̂⟩ + ‖Aq‖ · ‖Ax - x̂‖ + ‖left of q‖ · ‖left of x‖,
whose two lengths of x are stored with its codes, rounded up. Queries are rounded to 16 bits a dim, and what that errs
by is added, too. Nothing is assumed of the data: where the axes say little, more rows are left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.hits import Rows, Scores
from mrl_search.indexes.axes import Axes, Doubles, Levels, principal
from mrl_search.indexes.exhaustive import NOISE
from mrl_search.indexes.row_sums import RowSums
from mrl_search.indexes.scoring import over_threads
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

_ROWS, _DIMS, _STRIDE = 64, 8, 32  # of kernels/blocks.py and kernels/simd.py, which take seconds to import
_FACT = 1 / 16_384  # what a step of an error or a tail is; none is longer than 4
_LARGEST = 32_639  # 16-bit weight whose upper byte is no more than 127 when its lower is taken as signed
_WORTH_A_THREAD = 1_024  # blocks of a single query; starting a thread takes as long as some hundred
_FACTS = 2 * np.dtype("<u2").itemsize  # bytes of a row beside its codes: error and tail


class Look(NamedTuple):
    """The dims of a look's codes, of which zeros fill up what axes do not, and what the codes stand for."""

    dims: int
    levels: Levels


@dataclass(frozen=True)
class Bounds:
    """near: (⌈n / 64⌉, width) uint8, and far: (n, width) uint8, as kernels/sift.py reads them; usually mapped.

    sums: of both, which the first question reads wholly: which rows a sift passes over cannot be told before.
    """

    axes: Axes
    near: NDArray[np.uint8]
    far: NDArray[np.uint8]
    sums: tuple[RowSums, ...] = ()

    def reaching(self, queries: Vectors, floors: Scores, most: int) -> tuple[Rows, NDArray[np.bool_]]:
        """(rows, known): every row whose cosine with a (q, ≥ D) query might be its floor or more, in order.

        rows: (q, m), below 0 for none. known: (q,) whether these are all, at most `most`; otherwise they mean nothing.
        """
        for sums in self.sums:
            sums.demand_all()
        asked = self._asked(queries, floors)
        alone = len(queries) == 1  # then threads share its blocks, otherwise the queries
        parts: dict[int, tuple[Rows, NDArray[np.int64]]] = {}

        def work(first: int, last: int) -> None:
            blocks, some = ((first, last), (0, 1)) if alone else ((0, len(self.near)), (first, last))
            parts[first] = self._sifted(asked, blocks, some, most)

        count, worth = (len(self.near), _WORTH_A_THREAD) if alone else (len(queries), 1)
        over_threads(work, count, worth=worth)
        found = [parts[first] for first in sorted(parts)]
        lists = [line[:length] for rows, counts in found for line, length in zip(rows, counts, strict=True)]
        counts = np.concatenate([counts for _, counts in found])
        if alone:
            lists, counts = [np.concatenate(lists)], counts.sum(keepdims=True)
        known = counts <= most
        rows = np.full((len(queries), int(counts[known].max(initial=0))), -1, np.int64)
        for query in np.flatnonzero(known):
            rows[query, : counts[query]] = lists[query]
        return rows, known

    def _sifted(
        self, asked: "Asked", blocks: tuple[int, int], queries: tuple[int, int], most: int
    ) -> tuple[Rows, NDArray[np.int64]]:
        """(rows (q, most), counts (q,)) that some queries find in some blocks."""
        from mrl_search.indexes.kernels import sift

        first, last = queries
        found, counts = np.empty((last - first, most), np.int64), np.zeros(last - first, np.int64)
        near, far = np.asarray(self.near), np.asarray(self.far)
        mine = (part[first:last] for part in asked)
        sift(near, far, far.view(np.uint16), *mine, found, counts, *blocks)
        return found, counts

    def _asked(self, queries: Vectors, floors: Scores) -> "Asked":
        """(q, ≥ D) queries of any length, and the cosine that a row must be able to reach, as the kernel takes them."""
        wide = queries[:, : self.axes.matrix.shape[1]].astype(np.float64)
        lengths = np.linalg.norm(wide, axis=1)
        wide /= np.where(lengths > 0, lengths, 1)[:, None]
        coordinates = self.axes.coordinates(wide)
        by_error = np.linalg.norm(coordinates, axis=1) * _FACT
        by_tail = self.axes.left(coordinates, np.sign(lengths)) * _FACT
        weights, terms = [], []
        for look in self._looks:
            numbers, unit, lead = _weighed(coordinates, look)
            size = np.abs(lead) + look.levels.many * unit * np.abs(numbers).sum(axis=1) + 8  # no partial sum is larger
            slack = 2 * NOISE + self.axes.skew + 8 * np.finfo(np.float32).eps * size
            weights.append(_bytes(numbers))
            terms.append(np.empty((len(queries), 4)))
            terms[-1].T[:] = lead - floors + slack, unit, by_error, by_tail
        eights = weights[0].reshape(len(queries), 2, -1, _DIMS).transpose(0, 2, 1, 3)
        flat = np.ascontiguousarray(eights).reshape(len(queries), 2 * weights[0].shape[2])
        return Asked(flat, terms[0].astype(np.float32), weights[1], terms[1])

    @cached_property
    def _looks(self) -> tuple[Look, Look]:
        return looks(self.axes)


class Asked(NamedTuple):
    """Queries as `sift` takes them."""

    near_weights: NDArray[np.int8]
    near_terms: NDArray[np.float32]
    far_weights: NDArray[np.int8]
    far_terms: Doubles


def looks(axes: Axes) -> tuple[Look, Look]:
    """The first and the second look."""
    near, far = (-(-len(axes.matrix) // whole) * whole for whole in (_DIMS, _STRIDE))
    return Look(near, axes.levels(16)), Look(far, axes.levels(256))


def _weighed(coordinates: Doubles, look: Look) -> tuple[NDArray[np.int64], Doubles, Doubles]:
    """(weights (q, dims), unit (q,), lead (q,)): ⟨Aq, x̂⟩ ≤ lead + unit · Σ weights · codes, whatever the codes."""
    levels = look.levels
    worth = coordinates * levels.steps
    unit = np.maximum(np.abs(worth).max(axis=1, initial=0), 1e-30) / _LARGEST
    weights = np.zeros((len(coordinates), look.dims), np.int64)
    weights[:, : worth.shape[1]] = np.rint(worth / unit[:, None])
    missing = worth - weights[:, : worth.shape[1]] * unit[:, None]
    middle = (levels.many - 1) / 2
    lead = coordinates @ levels.lows + middle * (missing.sum(axis=1) + np.abs(missing).sum(axis=1))
    return weights, unit, lead


def _bytes(weights: NDArray[np.int64]) -> NDArray[np.int8]:
    """(q, 2, dims): upper and lower bytes, both signed, a weight being 256 · upper + lower."""
    upper = (weights + 128) >> 8
    bytes_ = np.empty((len(weights), 2, weights.shape[1]), np.int8)
    bytes_[:, 0], bytes_[:, 1] = upper, weights - (upper << 8)
    return bytes_


def bounded(vectors: StoredVectors) -> Bounds:
    """Bounds of all rows, in memory."""
    axes = principal(vectors)
    near, far = (np.concatenate(list(blocks(vectors, axes))) for blocks in (near_blocks, far_blocks))
    return Bounds(axes, near, far)


def near_shape(axes: Axes, count: int) -> tuple[int, int]:
    """Of what the first look reads: blocks of 64 rows, and bytes of each."""
    return -(-count // _ROWS), _ROWS * (looks(axes)[0].dims // 2 + _FACTS)


def far_shape(axes: Axes, count: int) -> tuple[int, int]:
    """Of what the second look reads: rows, and bytes of each."""
    return count, looks(axes)[1].dims + _FACTS


def near_blocks(vectors: StoredVectors, axes: Axes) -> Iterator[NDArray[np.uint8]]:
    """What the first look reads, some hundred blocks of 64 rows at a time; where the last has room, zeros."""
    look = looks(axes)[0]
    for codes, facts in _coded(vectors, axes, look):
        room = ((0, -len(codes) % _ROWS), (0, 0))
        codes, facts = np.pad(codes, room), np.pad(facts, room)
        halves = codes.reshape(-1, _ROWS, look.dims // _DIMS, 2, _DIMS // 2)  # block, row, octet, half, dim
        octets = (halves[:, :, :, 0] | halves[:, :, :, 1] << 4).transpose(0, 2, 1, 3)  # block, octet, row, dim
        lines = np.ascontiguousarray(facts.reshape(-1, _ROWS, 2).transpose(0, 2, 1))
        yield np.hstack([octets.reshape(len(lines), -1), lines.view(np.uint8).reshape(len(lines), -1)])


def far_blocks(vectors: StoredVectors, axes: Axes) -> Iterator[NDArray[np.uint8]]:
    """What the second look reads, some thousand rows at a time."""
    for codes, facts in _coded(vectors, axes, looks(axes)[1]):
        yield np.hstack([codes, facts.view(np.uint8)])


def _coded(vectors: StoredVectors, axes: Axes, look: Look) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint16]]]:
    """(codes (m, dims), (error, tail) (m, 2) rounded up) of all rows in order."""
    levels = look.levels
    for _, block in vectors.blocks(vectors.dim):
        coordinates = axes.coordinates(block)
        squares = np.einsum("nd,nd->n", block, block, dtype=np.float64)
        codes = levels.nearest(coordinates)
        error = np.linalg.norm(coordinates - (levels.lows + codes * levels.steps), axis=1)
        lengths = np.stack([error, axes.left(coordinates, squares)], axis=1)
        yield np.pad(codes, ((0, 0), (0, look.dims - codes.shape[1]))), np.ceil(lengths / _FACT).astype("<u2")
