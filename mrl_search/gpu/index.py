"""The two verbs on a device, over what is on disk in the CPU's form."""

from typing import Protocol

import torch
from torch import Tensor

from mrl_search.device import Device
from mrl_search.errors import FunnelError
from mrl_search.funnel import Stage
from mrl_search.gpu.exhaustive import over_all
from mrl_search.gpu.order import off_device
from mrl_search.gpu.rows import DeviceRows, scored, units
from mrl_search.hits import Hits
from mrl_search.indexes import VectorIndex
from mrl_search.vectors import Vectors


class Finder(Protocol):
    """Finds the rows worth scoring, on a device."""

    @property
    def dim(self) -> int:
        """The width of the prefixes."""

    @property
    def nbytes(self) -> int:
        """Bytes on the device."""

    def candidates(self, queries: Tensor, k: int) -> Tensor:
        """(q, m) rows, -1 for none, for (q, dim) unit queries; see PrefixIndex.candidates."""


class DeviceIndex:
    """`shortlist` and `rerank` as VectorIndex has them, on a device; what goes in and comes out is numpy's.

    Every shortlist is scored, and in order: a device that has the rows loses no time by it. Without a finder every
    first stage compares all vectors, at whatever width.
    told: which engine, over what, and what is resident, for people.
    """

    def __init__(
        self, index: VectorIndex, vectors: DeviceRows, finder: Finder | None, device: Device, told: str
    ) -> None:
        self._index = index
        self._vectors = vectors
        self._finder = finder
        self.device = device
        self.told = told

    def __len__(self) -> int:
        return len(self._index)

    @property
    def dim(self) -> int:
        """The stored width."""
        return self._index.dim

    @property
    def prefix_dim(self) -> int:
        """The width of the prefixes; the stored width if there are none."""
        return self._finder.dim if self._finder is not None else self.dim

    @property
    def prefix_bytes(self) -> int:
        """Bytes of the device's memory: the prefixes', and the vectors' if they are resident."""
        resident = self._index.vector_bytes if self._vectors.is_resident else 0
        return (self._finder.nbytes if self._finder is not None else 0) + resident

    @property
    def vector_bytes(self) -> int:
        """Bytes of stored vectors that are read from disk or the host's memory."""
        return 0 if self._vectors.is_resident else self._index.vector_bytes

    @property
    def sketch_bytes(self) -> int:
        """0: where vectors are resident nothing is gained by looking at sketches first."""
        return 0

    def shortlist(self, queries: Vectors, stage: Stage, *, in_order: bool = True) -> Hits:
        """See VectorIndex; always in order, and scored. Raises FunnelError as it does."""
        k = min(stage.k, len(self))
        asked = self._asked(queries, stage)
        if self._finder is not None and stage.dim == self._finder.dim:
            rows = self._finder.candidates(units(asked[:, : stage.dim]), k)
            return off_device(*scored(self._vectors, asked, rows, stage.dim, k))
        if self._finder is None or stage.dim == self.dim:
            return off_device(*over_all(self._vectors, asked, [stage.dim], k)[stage.dim])
        return self._index.shortlist(queries, stage)  # which says where to start

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        """See VectorIndex. Raises FunnelError as it does."""
        if stage.dim > self.dim:
            raise FunnelError(f"the funnel asks for {stage.dim} dims, but this index stores {self.dim}")
        asked = self._asked(queries, stage)
        return off_device(*scored(self._vectors, asked, hits.rows, stage.dim, min(stage.k, len(self))))

    def _asked(self, queries: Vectors, stage: Stage) -> Tensor:
        if queries.shape[1] < stage.dim:
            raise FunnelError(f"the stage {stage} is wider than the queries, which have {queries.shape[1]} dims")
        return torch.tensor(queries, device=str(self.device))
