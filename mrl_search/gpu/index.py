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

    @property
    def is_exhaustive(self) -> bool:
        """Whether every row's prefix itself is compared."""

    def candidates(self, queries: Tensor, k: int) -> Tensor:
        """(q, m) rows, -1 for none, for (q, dim) unit queries; see PrefixIndex.candidates."""


class DeviceIndex(VectorIndex):
    """A VectorIndex whose two verbs run on a device; what goes in and comes out is numpy's.

    Every shortlist is scored, and in order: a device that has the rows loses no time by it. Without a finder every
    first stage compares all vectors, at whatever width. Sketches are not looked at: a device reads rows as fast.
    told: which engine, over what, and where the vectors are, for people.
    """

    def __init__(
        self, index: VectorIndex, vectors: DeviceRows, finder: Finder | None, where: tuple[Device, str]
    ) -> None:
        super().__init__(index.stored, index.prefixes, bounds=index.bounds)
        self._rows = vectors
        self._finder = finder
        self._device, self._told = where

    @property
    def where(self) -> str:
        """As `cuda:0 (NVIDIA H100 80GB HBM3), torch Flat float16; full vectors resident`."""
        return f"{self._device.told}, {self._told}"

    @property
    def prefix_bytes(self) -> int:
        """Bytes of the device's memory: the prefixes', and the vectors' if they are resident."""
        prefixes = self._finder.nbytes if self._finder is not None else 0
        return prefixes + (self.stored.data.nbytes if self._rows.is_resident else 0)

    @property
    def vector_bytes(self) -> int:
        """Bytes of stored vectors that are read from disk or the host's memory."""
        return 0 if self._rows.is_resident else self.stored.data.nbytes

    @property
    def cells(self) -> int:
        """1: how many cells are looked into was settled when they went to the device."""
        return 1

    def with_probes(self, probes: int) -> "DeviceIndex":
        """Itself; see `cells`."""
        return self

    def shortlist(self, queries: Vectors, stage: Stage, *, in_order: bool = True) -> Hits:
        """See VectorIndex; always in order, and scored. Raises FunnelError as it does."""
        k = min(stage.k, len(self))
        asked = self._asked(queries, stage)
        if self._finder is not None and stage.dim == self._finder.dim:
            rows = self._finder.candidates(units(asked[:, : stage.dim]), k)
            return off_device(*scored(self._rows, asked, rows, stage.dim, k))
        if self._finder is None or stage.dim == self.dim:
            return off_device(*over_all(self._rows, asked, [stage.dim], k)[stage.dim])
        return super().shortlist(queries, stage, in_order=in_order)  # which says where to start

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        """See VectorIndex. Raises FunnelError as it does."""
        if stage.dim > self.dim:
            raise FunnelError(f"the funnel asks for {stage.dim} dims, but this index stores {self.dim}")
        asked = self._asked(queries, stage)
        return off_device(*scored(self._rows, asked, hits.rows, stage.dim, min(stage.k, len(self))))

    def proven(self, queries: Vectors, hits: Hits) -> Hits:
        """See VectorIndex; the CPU proves, and gives the scores, those to begin with too: a device rounds otherwise."""
        return super().proven(queries, super().rerank(queries, hits, Stage(self.dim, hits.rows.shape[1])))

    def overlooks(self, stage: Stage) -> bool:
        """See VectorIndex; of what stands on the device, which may be the prefixes themselves in place of codes."""
        if self._finder is None or (stage.dim == self.dim != self._finder.dim):
            return False
        return not self._finder.is_exhaustive

    def _asked(self, queries: Vectors, stage: Stage) -> Tensor:
        if queries.shape[1] < stage.dim:
            raise FunnelError(f"the stage {stage} is wider than the queries, which have {queries.shape[1]} dims")
        return torch.tensor(queries, device=str(self._device))
