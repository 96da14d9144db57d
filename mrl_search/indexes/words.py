"""BM25 over the documents of an index: what their words alone find."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import IndexStoreError
from mrl_search.hits import Live, Rows, Scores, best
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.layout import Segment
from mrl_search.indexes.postings import PART, has_words, posted_sum, unpacked, write_words
from mrl_search.indexes.tokens import tokens

_K1, _B = 1.5, 0.75  # as bm25s has them, whose figures for BEIR's sets are the reference (Lù 2024, 2407.03618)
_MOST_WORDS = 1_024  # of a question, the first ones; encoders read fewer
Read = Callable[..., Iterator[tuple[Any, ...]]]
"""A statement and its values to rows; raises IndexStoreError where the catalog cannot be read."""


class _Posted(NamedTuple):
    """Where a word is in one part of a segment, and how often in each of those rows.

    word: its place among the question's words. first, last: rows of the index in which the part's may lie. rows: two
    bytes each, from `first` on. counts: (as many,).
    """

    word: int
    first: int
    last: int
    rows: bytes
    counts: Any


class Said(NamedTuple):
    """What words find of several texts: each one's best rows, best first, and the BM25 scores of any rows of each."""

    rows: Sequence[Rows]
    score: Callable[[Sequence[Rows]], Sequence[Scores]]


class Statistics(NamedTuple):
    """Of all documents, what a text's scores depend on: how many there are, how many words they have in all, and how
    many of them have each of the text's words."""

    documents: int
    words: int
    having: NDArray[Any]

    @staticmethod
    def together(parts: Sequence["Statistics"]) -> "Statistics":
        """Of one text, of the documents of several indexes. All are counts: their sums are those of one index."""
        documents, words, having = zip(*parts, strict=True)
        return Statistics(sum(documents), sum(words), np.sum(having, axis=0))


class Words:
    """Scores documents by the words they share with a question.

    score = Σ over the question's words of idf · f / (f + k1·(1 - b + b·length / mean length)), f times in the document,
    idf = ln(1 + (N - n + ½) / (n + ½)), n of N documents have it: Lucene's BM25. N, n and the mean are of the documents
    there are, deleted ones no more, so scores are those of an index built of them, bit for bit, whatever its segments.
    """

    def __init__(self, read: Read, segments: Sequence[tuple[int, int]], live: Live | None = None) -> None:
        """segments: number and rows of each; live: (rows of all,), None if no row is dead.

        Raises IndexStoreError where the words of a segment are damaged.
        """
        self._read, self._live = read, live
        firsts = accumulate((rows for _, rows in segments), initial=0)
        self._segments = [(number, first, rows) for (number, rows), first in zip(segments, firsts, strict=False)]
        self._rows = sum(rows for _, rows in segments)
        lengths = np.zeros(self._rows, np.uint16)
        for number, first, rows in self._segments:
            for blob, told in read("SELECT words, sum FROM lengths WHERE segment = ?", number):
                try:
                    if posted_sum(blob) != told:
                        raise ValueError("not what was written")
                    lengths[first : first + rows] = unpacked(blob, rows)
                except (TypeError, ValueError) as error:
                    raise _damaged() from error
        if live is not None:
            lengths[~live] = 0
        self._documents = self._rows if live is None else int(live.sum())
        self._lengths, self._words = lengths, int(lengths.sum(dtype=np.int64))
        self._normed = -1.0, np.empty(0, np.float32)

    def say(self, texts: Sequence[str], depth: int, among: Live | None = None) -> Said:
        """What words find of each text. among: (rows of the index,) which may be found."""
        scored = [self.scores(text) for text in texts]
        return Said(
            [best_by_words(scores, depth, among) for scores in scored],
            lambda rows: [scores[some] for scores, some in zip(scored, rows, strict=True)],
        )

    def statistics(self, text: str) -> Statistics:
        """What a text's scores depend on."""
        asked = _asked(text)
        posted = self._posted(asked)
        rows, words = _rows(posted) if posted else (np.empty(0, np.int64), np.empty(0, np.int64))
        return self._statistics(rows, words, len(asked))

    def scores(self, text: str, of: Statistics | None = None) -> Scores:
        """(rows of the index,) float32: every document's score; 0 where it shares no word with the text.

        of: of all documents, where the index holds some of them.
        """
        asked = _asked(text)
        posted = self._posted(asked)
        if not posted:
            return np.zeros(self._rows, np.float32)
        rows, words = _rows(posted)
        counts = np.concatenate([part.counts for part in posted])
        living = self._live[rows] if self._live is not None else None
        of = of or self._statistics(rows, words, len(asked))
        idf = np.array([*asked.values()]) * np.log(1 + (of.documents - of.having + 0.5) / (of.having + 0.5))
        each = idf[words] * (counts / (counts + self._norms(of)[rows]))
        # added in the order of the question's words, so a row's score does not depend on where it lies
        scores = np.bincount(rows, each if living is None else each * living, self._rows)
        return scores.astype(np.float32)

    def _statistics(self, rows: Rows, words: Rows, asked: int) -> Statistics:
        living = self._live[rows] if self._live is not None else None
        return Statistics(self._documents, self._words, np.bincount(words, living, asked))

    def _norms(self, of: Statistics) -> Scores:
        """(rows of the index,) what a word's times are set against; kept, as long as the mean length stays."""
        mean = max(float(of.words) / max(of.documents, 1), 1e-9)
        if self._normed[0] != mean:
            self._normed = mean, (_K1 * (1 - _B + _B * self._lengths / mean)).astype(np.float32)
        return self._normed[1]

    def postings(self, text: str) -> int:
        """How many a question reads."""
        return sum(len(part.counts) for part in self._posted(_asked(text)))

    def _posted(self, asked: Counter[str]) -> list[_Posted]:
        """Every part of every word that a document has, word by word. Raises IndexStoreError where one is damaged."""
        found = []
        places = {word: place for place, word in enumerate(asked)}
        marks = ",".join("?" * len(asked))
        for number, begin, size in self._segments if asked else []:
            statement = f"SELECT word, part, rows, counts, sum FROM postings WHERE segment = ? AND word IN ({marks})"  # noqa: S608
            for word, part, rows, counts, told in self._read(statement, number, *asked):
                try:
                    if posted_sum(word, part, rows, counts) != told:
                        raise ValueError("not what was written")
                    if not (0 <= part * PART < size and rows and len(rows) % 2 == 0):
                        raise ValueError(f"part {part} of {size} rows")
                    last = begin + min((part + 1) * PART, size)
                    found.append(
                        _Posted(places[word], begin + part * PART, last, rows, unpacked(counts, len(rows) // 2))
                    )
                except (TypeError, ValueError) as error:
                    raise _damaged() from error
        return sorted(found, key=lambda part: part[:2])


def words_of(catalog: Catalog, segments: Sequence[Segment], folder: Path) -> Words:
    """The words of an index's documents. Raises IndexStoreError where a segment's are damaged, or not there."""
    read = catalog.read_rows
    known = {number for (number,) in read("SELECT segment FROM lengths")} if has_words(read) else set()
    if not known >= {segment.number for segment in segments}:
        raise IndexStoreError(
            f"{folder} was written by a mrl-search that kept no words, or none with checksums; "
            f"to make them, run: mrl-search words {folder}"
        )
    dead = [segment.checked(catalog.tombstones(segment.number)) for segment in segments]
    live = None
    if any(dead):
        live = np.concatenate([np.ones(segment.documents, np.bool_) for segment in segments])
        for rows, first in zip(dead, accumulate((one.documents for one in segments), initial=0), strict=False):
            live[np.array(rows, np.int64) + first] = False
    return Words(read, [(segment.number, segment.documents) for segment in segments], live)


def words_in_memory(texts: Iterable[str], count: int, told: Callable[[int], object]) -> tuple[Words, int]:
    """The words of so many texts that no index has, by their numbers from 0, and the bytes they take.

    told: see `postings.write_words`.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    write_words(connection, 1, count, enumerate(texts), told)
    pages, size = (connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
    return Words(lambda statement, *values: connection.execute(statement, values), [(1, count)]), pages * size


def _rows(posted: Sequence[_Posted]) -> tuple[Rows, Rows]:
    """(postings,) the row of each posting, and the word it is of. Raises IndexStoreError for a row that cannot be."""
    sizes = [len(part.counts) for part in posted]
    try:
        rows = np.frombuffer(b"".join(part.rows for part in posted), "<u2").astype(np.int64)
        rows += np.repeat([part.first for part in posted], sizes)
        highest = np.maximum.reduceat(rows, [0, *accumulate(sizes[:-1])])
    except (TypeError, ValueError) as error:
        raise _damaged() from error
    if (highest >= [part.last for part in posted]).any():
        raise _damaged()
    return rows, np.repeat([part.word for part in posted], sizes)


def best_by_words(scores: Scores, k: int, among: Live | None = None) -> Rows:
    """The k best rows that share a word, best first, equals by row. among: (n,) which rows may be found."""
    rows = np.flatnonzero(scores > 0 if among is None else (scores > 0) & among)
    found = scores[rows]
    if len(rows) > k:  # the k-th best and all that equal it
        kept = found >= np.partition(found, -k)[-k]
        rows, found = rows[kept], found[kept]
    return best(found[None], rows[None].astype(np.int64), k).of(0)[1]


def _asked(text: str) -> Counter[str]:
    """How often each of a question's words is in it."""
    counted = Counter(tokens(text))
    return counted if len(counted) <= _MOST_WORDS else Counter(dict(list(counted.items())[:_MOST_WORDS]))


def _damaged() -> IndexStoreError:
    return IndexStoreError("the index's words are damaged; `mrl-search check INDEX --repair` makes them anew")
