"""The two verbs on a device, over what is on disk in the CPU's form."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mrl_search.device import Device
from mrl_search.errors import DeviceError, FunnelError
from mrl_search.funnel import Funnel, Stage
from mrl_search.gpu.exhaustive import over_all
from mrl_search.gpu.order import off_device
from mrl_search.gpu.replay import Replays
from mrl_search.gpu.rows import DeviceRows, scored, units
from mrl_search.gpu.scan import Scan, ShallowError
from mrl_search.hits import Hits
from mrl_search.indexes import VectorIndex
from mrl_search.vectors import Vectors

_LOG = logging.getLogger(__name__)

SMALL = 32
"""Queries of a batch whose funnel is replayed: its launches take longer than its work."""


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
        """(q, m) rows, -1 for none, for (q, dim) unit queries; see PrefixIndex.candidates.

        Raises ShallowError where it cannot look deep enough.
        """


class DeviceIndex(VectorIndex):
    """A VectorIndex whose two verbs run on a device; what goes in and comes out is numpy's.

    `funnelled` is both, one after the other, without leaving the device in between. Every shortlist is scored, and in
    order: a device that has the rows loses no time by it. Without a finder every first stage compares all vectors, at
    whatever width. Sketches are not looked at: a device reads rows as fast.
    where: told for people: which engine, over what, and where the vectors are. replays: of small batches' funnels;
    only torch's engine over resident vectors has fixed shapes to replay.
    """

    def __init__(
        self,
        index: VectorIndex,
        vectors: DeviceRows,
        finder: Finder | None,
        where: tuple[Device, str],
        replays: Replays | None = None,
    ) -> None:
        super().__init__(index.stored, index.prefixes, bounds=index.bounds)
        self._rows = vectors
        self._finder = finder
        self._device, self._told = where
        self._was_shallow = False  # of which a warning tells once
        self._replays = replays if vectors.is_resident and isinstance(finder, Scan) and len(finder) else None

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
        if not self._begins_at(stage.dim):
            return super().shortlist(queries, stage, in_order=in_order)  # which says where to start
        with self._telling():
            return off_device(*self._shortlisted(self._there(queries, [stage]), stage))

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        """See VectorIndex. Raises FunnelError as it does."""
        with self._telling():
            asked = self._there(queries, [stage])
            return off_device(*scored(self._rows, asked, hits.rows, stage.dim, min(stage.k, len(self))))

    def funnelled(self, queries: Vectors | Tensor, funnel: Funnel) -> Hits:
        """What `shortlist` and then each `rerank` find, bit for bit; only the last hits leave the device.

        queries: (q, D), numpy's or on a device. Raises FunnelError as the two verbs do.
        """
        first = funnel.stages[0]
        if not self._begins_at(first.dim):
            super().shortlist(np.empty(queries.shape, np.float32), first)  # which says where to start
        with self._telling():
            asked = self._there(queries, funnel.stages)
            if self._replays is not None and 0 < len(asked) <= SMALL and self._is_prefix(first.dim):
                scores, rows, whole = self._replays(str(funnel), lambda given: self._tried(given, funnel), asked)
                if whole.all():
                    return off_device(scores, rows)
            return off_device(*self._reranked(asked, self._shortlisted(asked, first), funnel))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What torch and FAISS raise of a card, memory that ran out above all, in our words."""
        try:
            yield
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise DeviceError(
                f"{self._device.told} failed: {reason}; ask fewer queries at a time, or take --device cpu"
            ) from error

    def _shortlisted(self, asked: Tensor, stage: Stage) -> tuple[Tensor, Tensor]:
        k = min(stage.k, len(self))
        if self._finder is None or not self._is_prefix(stage.dim):
            return over_all(self._rows, asked, [stage.dim], k)[stage.dim]
        try:
            rows = self._finder.candidates(units(asked[:, : stage.dim]), k)
        except ShallowError:
            if not self._was_shallow:
                self._was_shallow = True
                _LOG.warning("on %s: all vectors are compared where FAISS finds too few rows on a card", self._device)
            return over_all(self._rows, asked, [stage.dim], k)[stage.dim]
        return scored(self._rows, asked, rows, stage.dim, k)

    def _reranked(self, asked: Tensor, found: tuple[Tensor, Tensor], funnel: Funnel) -> tuple[Tensor, Tensor]:
        for stage in funnel.stages[1:]:
            found = scored(self._rows, asked, found[1], stage.dim, min(stage.k, len(self)))
        return found

    def _tried(self, asked: Tensor, funnel: Funnel) -> tuple[Tensor, Tensor, Tensor]:
        """Scores and rows as `funnelled`, for those of whose queries the third says so; see Scan.try_once."""
        assert isinstance(self._finder, Scan)
        first = funnel.stages[0]
        k = min(first.k, len(self))
        rows, whole = self._finder.try_once(units(asked[:, : first.dim]), k)
        return *self._reranked(asked, scored(self._rows, asked, rows, first.dim, k), funnel), whole

    def proven(self, queries: Vectors, hits: Hits) -> Hits:
        """See VectorIndex; the CPU proves, and gives the scores, those to begin with too: a device rounds otherwise."""
        return super().proven(queries, super().rerank(queries, hits, Stage(self.dim, hits.rows.shape[1])))

    def overlooks(self, stage: Stage) -> bool:
        """See VectorIndex; of what stands on the device, which may be the prefixes themselves in place of codes."""
        if self._finder is None or (stage.dim == self.dim != self._finder.dim):
            return False
        return not self._finder.is_exhaustive

    def _is_prefix(self, dim: int) -> bool:
        return self._finder is not None and dim == self._finder.dim

    def _begins_at(self, dim: int) -> bool:
        """Whether a funnel may begin so; the CPU's index says what is wrong otherwise, and with queries too short."""
        return self._finder is None or dim in (self._finder.dim, self.dim)

    def _there(self, queries: Vectors | Tensor, stages: Sequence[Stage]) -> Tensor:
        """Queries on the device. Raises FunnelError where a stage is wider than they or the vectors are."""
        for stage in stages:
            if stage.dim > self.dim:
                raise FunnelError(f"the funnel asks for {stage.dim} dims, but this index stores {self.dim}")
            if queries.shape[1] < stage.dim:
                raise FunnelError(f"the stage {stage} is wider than the queries, which have {queries.shape[1]} dims")
        if isinstance(queries, Tensor):
            return queries.to(str(self._device))
        return torch.tensor(queries, device=str(self._device))
