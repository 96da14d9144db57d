"""One shard: an ordinary index whose rows are known by their positions in the cluster."""

from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from mrl_search.device import CPU, Device
from mrl_search.document import Document
from mrl_search.errors import ClusterError, FilterError
from mrl_search.funnel import Stage
from mrl_search.hits import Hits, Rows, Scores, unscored
from mrl_search.indexes import (
    Layout,
    Statistics,
    StoredIndex,
    VectorIndex,
    best_by_words,
    open_index,
    read_manifest,
    read_positions,
)
from mrl_search.placing import vectors_on
from mrl_search.scale.cluster import demand_there, space_told, state_told
from mrl_search.scale.copies import at_hand
from mrl_search.vectors import Vectors

_T = TypeVar("_T")
VERBS = (
    "shortlist", "rerank", "proven", "passing", "ids", "documents", "take", "facts",
    "word_statistics", "say", "word_scores",
)  # fmt: skip
"""What a shard may be asked, by a name that comes over the wire."""


class Facts(NamedTuple):
    """What a shard is. prefix_bytes: in RAM, or on a card. has_bounds: whether proofs are fast. overlooks: whether a
    search that begins with its prefixes may miss a row by an estimate, on whatever device. space: what its vectors are
    compared by (see `cluster.space_of`). where: what searches."""

    documents: int
    prefix_bytes: int
    segments: int
    deleted_rows: int
    has_bounds: bool
    overlooks: bool
    space: tuple[str, ...] = ()
    where: str = "cpu"


class Shard:
    """The committed state of a shard, opened. Rows are positions: those of one index of the whole cluster.

    Positions of other shards' documents are passed over, so that all shards can be asked the same.
    """

    def __init__(self, folder: Path, device: Device = CPU, share: float = 1.0) -> None:
        """device: what searches it, but for filters and proofs; share: of a card's memory that is its own at most.

        Raises ClusterError where the index is no shard, DeviceError as `vectors_on`; else as `open_index`.
        """
        at_hand(folder)
        demand_there(folder)
        self._stored, self._positions = _opened(folder)
        try:
            self._vectors = vectors_on(device, self._stored, share=share)
        except BaseException:
            self._stored.close()
            raise
        self.state = state_told(self._stored.manifest, self._stored.segments)

    def close(self) -> None:
        """Ends the snapshot."""
        self._stored.close()

    def facts(self) -> Facts:
        """What it is."""
        stored, index = self._stored, self._vectors
        first = Stage(stored.vectors.prefix_dim, 1)
        overlooks = stored.vectors.overlooks(first) or index.overlooks(first)
        has_bounds = stored.has_bounds or not len(index)
        numbers = stored.segment_count, stored.deleted_rows
        space = space_told(stored.manifest)
        return Facts(len(index), index.prefix_bytes, *numbers, has_bounds, overlooks, space, index.where)

    def passing(self, where: str) -> int | str:
        """How many documents a filter passes; or what is wrong with it here, as a field that none of them has."""
        try:
            return len(self._stored.among(where))
        except FilterError as error:
            return str(error)

    def shortlist(self, queries: Vectors, stage: Stage, where: str | None = None) -> Hits:
        """See VectorIndex; always scored, as there is something to merge by."""
        index = self._index(where)
        if index is None or not len(index):
            return _nothing(queries)
        return self._moved(index.shortlist(queries, stage))

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage, where: str | None = None) -> Hits:
        """See VectorIndex: of the hits that are its own."""
        index, rows = self._index(where), self._own(hits.rows)
        if index is None or not len(index) or not rows.shape[1]:
            return _nothing(queries)
        return self._moved(index.rerank(queries, unscored(rows), stage))

    def proven(self, queries: Vectors, hits: Hits, where: str | None = None) -> Hits:
        """See VectorIndex: its best of all rows that reach the k-th score of all hits. The CPU proves, also for a card,
        whose rounding is far within what bounds allow for."""
        index = self._stored.vectors if where is None else self._index(where)
        return _nothing(queries) if index is None or not len(index) else self._moved(index.proven(queries, hits))

    def word_statistics(self, texts: list[str]) -> list[Statistics]:
        """What the scores of texts depend on, of its own documents. Raises IndexStoreError where it has no words."""
        words = self._stored.words
        return [words.statistics(text) for text in texts]

    def say(self, texts: list[str], of: list[Statistics], depth: int, where: str | None = None) -> Hits:
        """What words find of each text, so many at most, scored by the statistics of the whole."""
        found = unscored(np.full((len(texts), max(1, min(depth, len(self._stored.vectors)))), -1, np.int64))
        if self._index(where) is None:
            return found
        among = self._stored.passing(where)
        for query, (text, whole) in enumerate(zip(texts, of, strict=True)):
            scores = self._stored.words.scores(text, whole)
            rows = best_by_words(scores, depth, among)
            found.rows[query, : len(rows)], found.scores[query, : len(rows)] = rows, scores[rows]
        return self._moved(found)

    def word_scores(self, texts: list[str], of: list[Statistics], rows: list[Rows]) -> list[tuple[Rows, Scores]]:
        """For each text, which of its rows are this shard's own, as places among them, and how words score these."""
        found = []
        for text, whole, some in zip(texts, of, rows, strict=True):
            places, own = self._placed(some)
            found.append((places, self._stored.words.scores(text, whole)[own]))
        return found

    def ids(self, rows: list[int]) -> dict[int, str]:
        """The ids at those of the rows that are its own."""
        return self._named(self._stored.ids(self._places(rows)))

    def documents(self, rows: list[int]) -> dict[int, Document]:
        """The documents at those of the rows that are its own."""
        return self._named(self._stored.documents(self._places(rows)))

    def take(self, rows: Rows) -> tuple[Rows, Vectors]:
        """Which of the rows are its own, as places among them, and their stored vectors."""
        places, own = self._placed(rows)
        return places, self._stored.vectors.take(own)

    def _index(self, where: str | None) -> VectorIndex | None:
        """What is searched; None where the filter is about a field that no document here has."""
        if where is None:
            return self._vectors
        try:
            return self._stored.among(where)
        except FilterError:  # the asker has read it, and some shard knows the field
            return None

    def _moved(self, hits: Hits) -> Hits:
        """The hits by position; positions ascend with rows, so the order of equals stays."""
        if not len(self._positions):
            return hits
        return Hits(hits.scores, np.where(hits.rows < 0, hits.rows, self._positions[hits.rows]))

    def _own(self, positions: Rows, *, keep_places: bool = False) -> Rows:
        """Rows of this index at (q, m) positions, -1 for others'; at the left of each line, unless places are kept."""
        if not len(self._positions):
            return np.full((len(positions), positions.shape[1] if keep_places else 0), -1, np.int64)
        found = np.searchsorted(self._positions, positions)
        found[found == len(self._positions)] = 0
        own = self._positions[found] == positions
        rows: Rows = np.where(own, found, -1)
        if keep_places:
            return rows
        most = int(own.sum(axis=1).max(initial=0))
        return np.take_along_axis(rows, np.argsort(~own, axis=1, kind="stable")[:, :most], axis=1)

    def _placed(self, positions: Rows) -> tuple[Rows, Rows]:
        """Which of (m,) positions are its own, as places among them, and their rows here."""
        own = self._own(positions[None], keep_places=True)[0]
        places = np.flatnonzero(own >= 0)
        return places, own[places]

    def _places(self, positions: list[int]) -> list[int]:
        rows = self._own(np.array([positions], np.int64).reshape(1, -1))[0]
        return [int(row) for row in rows]

    def _named(self, found: dict[int, _T]) -> dict[int, _T]:
        return {int(self._positions[row]): one for row, one in found.items()}


def _nothing(queries: Vectors) -> Hits:
    return unscored(np.full((len(queries), 1), -1, np.int64))


def _opened(folder: Path) -> tuple[StoredIndex, Rows]:
    """The index, and its rows' positions: of what is committed now, if a commit took the files of what was."""
    while True:
        stored = open_index(folder)
        try:
            positions = read_positions(Layout(folder), stored.segments)
        except BaseException:
            stored.close()
            raise
        if positions is not None:
            return stored, positions
        stored.close()
        if read_manifest(folder) == (stored.manifest, stored.segments):
            raise ClusterError(
                f"the index in {folder} was added to by itself, and its documents have no place in the cluster; "
                "add to the cluster instead, and build this shard again"
            )
