"""An index on disk, opened: one snapshot of it, whatever is committed meanwhile."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from mrl_search.adapter import Adapter
from mrl_search.document import Document
from mrl_search.errors import VectorsError
from mrl_search.hits import Live
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.fields import demand_fields
from mrl_search.indexes.filters import Condition, compiled
from mrl_search.indexes.index import VectorIndex
from mrl_search.indexes.layout import FileRecord, Segment
from mrl_search.indexes.manifest import Manifest
from mrl_search.indexes.prefix import PrefixIndex
from mrl_search.indexes.schema import SUMMED
from mrl_search.indexes.sums import demand_whole
from mrl_search.indexes.words import Said, Words, words_of
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors

_T = TypeVar("_T")
_REMEMBERED = 16  # filters of an open index, each a byte a row, and four more where our kernel searches codes


Prefixes = dict[tuple[FileRecord, int, int], PrefixIndex]
"""By the file it was read from, rows and width: each segment's prefixes, those of deleted rows too."""


@dataclass(frozen=True)
class StoredIndex:
    """An index on disk, opened: what it says of itself, its vectors, its documents.

    vouched: the segments of which all documents were found to be what was committed; filters read them all.
    """

    folder: Path
    manifest: Manifest
    segments: tuple[Segment, ...]
    vectors: VectorIndex
    catalog: Catalog
    rotation: Rotation | None
    adapter: Adapter | None = None
    prefixes: Prefixes = field(default_factory=dict, compare=False, repr=False)
    vouched: set[Segment] = field(default_factory=set, compare=False, repr=False)
    _filtered: dict[str, VectorIndex] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether it is one segment without deleted rows."""
        return len(self.segments) == 1 and self.segments[0].documents == self.manifest.documents

    @property
    def segment_count(self) -> int:
        """How many segments its documents lie in."""
        return len(self.segments)

    @property
    def deleted_rows(self) -> int:
        """How many of its rows are no documents any more."""
        return sum(segment.documents for segment in self.segments) - self.manifest.documents

    @property
    def has_bounds(self) -> bool:
        """Whether proofs are fast."""
        return self.manifest.bounds is not None

    def turned(self, queries: Vectors) -> Vectors:
        """(q, D) queries of the encoder in the axes of the stored vectors: what `vectors` must be asked with.

        Adapted, if the index is, and then rotated, if it is; lengths are of no account.
        Raises VectorsError for fewer dims than either needs.
        """
        if self.adapter is not None:
            queries = self.adapter.apply(queries)
        if self.rotation is None:
            return queries
        if queries.shape[1] < self.rotation.dim:
            raise VectorsError(
                f"the queries have {queries.shape[1]} dims; this index is rotated and needs {self.rotation.dim}"
            )
        return self.rotation.apply(queries[:, : self.rotation.dim])

    def among(self, where: str) -> VectorIndex:
        """The vectors of documents that a filter passes only; rows keep their numbers. Of the last filters it is known.

        Raises FilterError for what the grammar of `filters` does not have, and for a field that no document has.
        """
        if where not in self._filtered:
            condition = compiled(where)
            demand_fields(self.catalog.read_rows, condition)
            live = [self._passing(segment, condition) for segment in self.segments]
            while len(self._filtered) >= _REMEMBERED:
                del self._filtered[next(iter(self._filtered))]
            self._filtered[where] = self.vectors.among(np.concatenate([np.empty(0, np.bool_), *live]))
        return self._filtered[where]

    def _passing(self, segment: Segment, condition: Condition) -> Live:
        if segment not in self.vouched and self.catalog.format >= SUMMED:
            count = segment.documents - len(self.catalog.tombstones(segment.number))
            demand_whole(self.catalog.read_rows, segment.number, count)
            self.vouched.add(segment)
        live = np.zeros(segment.documents, np.bool_)
        live[segment.checked(self.catalog.matching(segment.number, condition))] = True
        return live

    @cached_property
    def words(self) -> Words:
        """What words find; read when that is first asked. Raises IndexStoreError where an index has none."""
        return words_of(self.catalog, self.segments, self.folder)

    def check_words(self) -> None:
        """Raises IndexStoreError where there are none, or damaged ones."""
        _ = self.words

    def say(self, texts: Sequence[str], depth: int, where: str | None = None) -> Said:
        """What words find of each text, so many documents at most. Raises as `check_words` and `among`."""
        return self.words.say(texts, depth, self.passing(where))

    def passing(self, where: str | None) -> Live | None:
        """(rows of the index,): which of them a filter passes; None without a filter, for all."""
        if where is None:
            return None
        live = np.zeros(sum(segment.documents for segment in self.segments), np.bool_)
        live[self.among(where).rows] = True
        return live

    def documents(self, rows: Sequence[int]) -> dict[int, Document]:
        """The documents at those rows, by row."""
        return self._fetched(rows, self.catalog.fetch)

    def ids(self, rows: Sequence[int]) -> dict[int, str]:
        """The ids at those rows, by row."""
        return self._fetched(rows, self.catalog.ids)

    def _fetched(self, rows: Sequence[int], fetch: Callable[[int, Sequence[int]], dict[int, _T]]) -> dict[int, _T]:
        """What the catalog knows of rows that are numbered over all segments."""
        found, first = dict[int, _T](), 0
        for segment in self.segments:
            last = first + segment.documents
            here = [row - first for row in rows if first <= row < last]
            if here:
                found |= {row + first: one for row, one in fetch(segment.number, here).items()}
            first = last
        return found

    def close(self) -> None:
        """Ends the snapshot."""
        self.catalog.close()
